//! A database of a PostgreSQL server as it was at a moment: followed by a running service, while follower, service and server
//! end and come back.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};

use jiff::{SignedDuration, Timestamp};
use nix::sys::signal::Signal;

use super::postgres::{Postgres, SUM};
use super::server::BACKUP;
use super::with_source;
use crate::harness::{Done, Service, eventually, kill, signal, within};
use crate::sabotage::files;

const DATABASE: &str = "bookings_riverside";
const CLAIMS: [&str; 2] = [
    "backup.source.bookings.changes.within",
    "backup.source.bookings.changes.lose-at-most",
];

/// A server that lets itself be followed, with an empty table.
fn server() -> Postgres {
    let server = Postgres::start();
    server.sql("postgres", "alter role backup replication");
    server.sql(
        "postgres",
        "alter system set max_slot_wal_keep_size = '256MB'",
    );
    server.sql("postgres", "select pg_reload_conf()");
    server.sql(DATABASE, "create table line (n int primary key)");
    server
}

fn service(server: &Postgres) -> Service {
    let source = format!(
        "name = \"bookings\"\nkind = \"postgres\"\ndatabase = \"{DATABASE}\"\nsocket = \"{}\"\nuser = \"backup\"\n\
         credentials = \"{}\"\nexpect = [\"select count(*) = 500 from account\"]\n\
         changes = {{ within = \"14 d\", lose-at-most = \"20 s\" }}",
        server.home.join("socket").display(),
        server.home.join("backup.pgpass").display(),
    );
    let (options, jobs) = with_source(&source);
    server
        .home
        .secret("backup.pgpass", &format!("*:*:*:backup:{BACKUP}\n"), jobs);
    Service::start(options)
}

fn followed(service: &Service) -> PathBuf {
    service
        .data()
        .join("backups/.followed/platform.bookings/bookings")
}

/// The last word of the follower.
fn beat(service: &Service) -> Option<serde_json::Value> {
    serde_json::from_slice(&fs::read(followed(service).join("beat.json")).ok()?).ok()
}

/// The generation that counts, by its follower's last word.
fn generation(service: &Service) -> Option<String> {
    Some(beat(service)?["generation"].as_str()?.to_owned())
}

/// Waits for a follower that has seen everything up to now.
#[track_caller]
fn followed_again(service: &Service) {
    let now = Timestamp::now();
    eventually("a follower", 180, || {
        let beat = beat(service)?;
        let up_to: Timestamp = beat["up-to"].as_str()?.parse().ok()?;
        (up_to > now && beat["generation"].is_string()).then_some(())
    });
}

/// Waits for another generation than this.
#[track_caller]
fn next_generation(service: &Service, before: &str) -> String {
    let found = within(180, || generation(service).filter(|now| now != before));
    found.unwrap_or_else(|| {
        let log = fs::read_to_string(service.log()).unwrap_or_default();
        panic!("no other image: {log}")
    })
}

/// The process that follows the server: it holds the lock in the folder of the changes.
fn follower(service: &Service) -> Option<i32> {
    let wanted = fs::metadata(followed(service).join("lock")).ok()?.ino();
    fs::read_dir("/proc")
        .unwrap()
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<i32>().ok())
        .filter(|pid| *pid != std::process::id().cast_signed())
        .find(|pid| {
            let Ok(open) = fs::read_dir(format!("/proc/{pid}/fd")) else {
                return false;
            };
            open.flatten()
                .any(|fd| fs::metadata(fd.path()).is_ok_and(|found| found.ino() == wanted))
        })
}

/// Writes a numbered row, and gives the whole second after it; the next comes after that.
fn row(server: &Postgres, n: u32) -> Timestamp {
    server.sql(DATABASE, &format!("insert into line values ({n})"));
    let moment = Timestamp::from_second(Timestamp::now().as_second() + 1).unwrap();
    eventually("the clock to go on", 10, || {
        (Timestamp::now() > moment).then_some(())
    });
    moment
}

/// The rows in a copy of the database as it was at a moment.
fn rows_at(service: &Service, server: &Postgres, moment: Timestamp) -> String {
    let rows = "select string_agg(n::text, ' ' order by n) from line";
    asked_at(service, server, moment, rows)
}

/// What a copy of the database as it was at a moment answers, by the server's own client.
fn asked_at(service: &Service, server: &Postgres, moment: Timestamp, question: &str) -> String {
    let at = moment.to_string();
    let to = service
        .place()
        .join(&format!("look-{}", moment.as_microsecond()));
    let words = [
        "restore",
        "platform",
        "--source",
        "bookings",
        "--at",
        &at,
        "--because",
        "to look",
        "--execute",
        "--to",
        to.to_str().unwrap(),
    ];
    let mut last = String::new();
    let taken = within(180, || {
        let done = service.avouch(&[&["--json"], &words[..]].concat());
        last = format!("{done:?}");
        (done.code == 0).then(|| done.json())
    });
    let taken = taken.unwrap_or_else(|| panic!("{last}"));
    // The nearest transactions are told.
    let change = |name: &str| Some(taken[name].as_str()?.parse::<Timestamp>().unwrap());
    assert!(
        change("last-change").is_none_or(|last| last <= moment),
        "{taken}"
    );
    assert!(
        change("next-change").is_none_or(|next| next > moment),
        "{taken}"
    );
    assert!(
        change("last-change").is_some() || change("next-change").is_some(),
        "{taken}"
    );
    server.sql("postgres", "create database looked_at");
    let done = server
        .client("pg_restore", "looked_at")
        .arg("--exit-on-error")
        .arg(to.join(format!("{DATABASE}.dump")))
        .output()
        .unwrap();
    Done::from(done).with(0);
    let answer = server.sql("looked_at", question);
    server.sql("postgres", "drop database looked_at");
    answer
}

/// How a claim stands, and what was seen.
fn judged(service: &Service, claim: &str) -> (String, String) {
    let report = service.avouch(&["--json", "check", claim]).json();
    let claim = &report["claims"][0];
    let seen = claim["checks"]
        .as_array()
        .unwrap()
        .iter()
        .map(|check| check["observed"].to_string())
        .collect();
    (claim["status"].as_str().unwrap().to_owned(), seen)
}

#[track_caller]
fn stands(service: &Service, claim: &str, status: &str, says: &str) {
    let mut last = (String::new(), String::new());
    let found = within(180, || {
        last = judged(service, claim);
        (last.0 == status && last.1.contains(says)).then_some(())
    });
    assert!(
        found.is_some(),
        "{claim} not {status} with `{says}`: {last:?}"
    );
}

#[test]
fn a_chosen_second_of_a_server_comes_back_whoever_ends_meanwhile() {
    let mut server = server();
    let mut service = service(&server);
    let before = next_generation(&service, "");
    let first = row(&server, 1);
    let second = row(&server, 2);

    kill(follower(&service).unwrap());
    let third = row(&server, 3);
    followed_again(&service);
    assert_eq!(
        generation(&service),
        Some(before.clone()),
        "it is gone on with"
    );

    server.running.end(Signal::SIGINT);
    server.again();
    let fourth = row(&server, 4);
    server.running.end(Signal::SIGQUIT);
    server.again();
    let fifth = row(&server, 5);
    followed_again(&service);
    service.end_at_once();
    let sixth = row(&server, 6);
    service.up().unwrap();
    followed_again(&service);
    assert_eq!(generation(&service), Some(before), "it is gone on with");
    row(&server, 7);
    followed_again(&service);

    for (moment, rows) in [
        (first, "1"),
        (second, "1 2"),
        (third, "1 2 3"),
        (fourth, "1 2 3 4"),
        (fifth, "1 2 3 4 5"),
        (sixth, "1 2 3 4 5 6"),
    ] {
        assert_eq!(rows_at(&service, &server, moment), rows);
    }
    for claim in CLAIMS {
        stands(&service, claim, "held", "the follower is awake");
    }
    // Nothing comes after the last row, and all that there is counts.
    let after = Timestamp::now() - SignedDuration::from_secs(1);
    assert_eq!(rows_at(&service, &server, after), "1 2 3 4 5 6 7");

    let drilled = service.ask(&["drill", "run", "platform", "--any-moment"]);
    assert_eq!(drilled["held"], true, "{drilled}");
    let place = service
        .avouch(&[
            "restore",
            "platform",
            "--source",
            "bookings",
            "--at",
            &first.to_string(),
        ])
        .with(2);
    assert!(place.err.contains("--to DIR"), "{place:?}");
    // A password is nowhere but in the file that it was given in.
    assert!(!fs::read_to_string(service.log()).unwrap().contains(BACKUP));
}

#[test]
fn what_is_stored_of_a_server_is_read_again_and_what_is_not_followed_is_told() {
    let server = server();
    let service = service(&server);
    for claim in CLAIMS {
        stands(&service, claim, "held", "the follower is awake");
    }
    // It goes into no other claim.
    eventually("everything to be held", 180, || {
        let report = service.avouch(&["--json", "check"]).json();
        let claims = report["claims"].as_array().unwrap();
        claims
            .iter()
            .all(|claim| claim["status"] == "held")
            .then_some(())
    });
    // The first drill of a moment comes by itself, and would read what is altered here.
    eventually("a drill of a moment", 180, || {
        let listed = service.ask(&["drill", "list"]);
        let mut drills = listed.as_array()?.iter();
        let of_it = |drill: &serde_json::Value| drill["source"] == "bookings";
        drills
            .any(|drill| of_it(drill) && drill["moment"].is_string())
            .then_some(())
    });

    let packs = files(&service.data().join("backups/local/platform.changes/data"));
    let largest = packs
        .into_iter()
        .max_by_key(|path| fs::metadata(path).unwrap().len())
        .unwrap();
    let sound = fs::read(&largest).unwrap();
    let mut altered = sound.clone();
    let middle = altered.len() / 2;
    altered[middle] ^= 1;
    fs::write(&largest, altered).unwrap();
    stands(&service, CLAIMS[0], "broken", "has been altered");
    fs::write(&largest, &sound).unwrap();
    stands(&service, CLAIMS[0], "held", "");
    let aside = service.place().join("pack");
    fs::rename(&largest, &aside).unwrap();
    stands(&service, CLAIMS[0], "broken", "");
    fs::rename(&aside, &largest).unwrap();
    stands(&service, CLAIMS[0], "held", "");

    // Nothing is stored while the follower is stopped; what the server keeps meanwhile is all there afterwards.
    let pid = follower(&service).unwrap();
    signal(pid, Signal::SIGSTOP);
    let unseen = row(&server, 1);
    row(&server, 2);
    for claim in CLAIMS {
        stands(&service, claim, "broken", "the follower does not answer");
    }
    signal(pid, Signal::SIGCONT);
    for claim in CLAIMS {
        stands(&service, claim, "held", "the follower is awake");
    }
    assert_eq!(rows_at(&service, &server, unseen), "1");

    // What the server refuses is said with what is to be done.
    server.sql("postgres", "alter role backup noreplication");
    kill(follower(&service).unwrap());
    stands(
        &service,
        CLAIMS[1],
        "broken",
        "run `alter role backup replication`",
    );
    server.sql("postgres", "alter role backup replication");
    server.sql("postgres", "alter system reset max_slot_wal_keep_size");
    server.sql("postgres", "select pg_reload_conf()");
    stands(&service, CLAIMS[1], "broken", "set max_slot_wal_keep_size");
}

#[test]
fn a_server_under_load_comes_back_with_just_what_had_ended_by_the_moment() {
    let server = server();
    let service = service(&server);
    next_generation(&service, "");
    let stop = AtomicBool::new(false);
    let moment = std::thread::scope(|scope| {
        scope.spawn(|| server.load(DATABASE, &stop));
        eventually("some load", 60, || {
            (server.sql(DATABASE, "select count(*) > 500 from \"Moved\"") == "t").then_some(())
        });
        let moment = Timestamp::now();
        eventually("more of it", 60, || {
            let more = format!("select count(*) > 500 from \"Moved\" where at > '{moment}'");
            (server.sql(DATABASE, &more) == "t").then_some(())
        });
        stop.store(true, Ordering::Relaxed);
        moment
    });
    let question = "select sum(amount), (select count(*) from \"Moved\") from account";
    let answer = asked_at(&service, &server, moment, question);
    let (sum, ended) = answer.split_once('|').unwrap();
    assert_eq!(sum, SUM.to_string());
    // Each begins when the one before has ended: at most the one that was under way is not there.
    let began = format!("select count(*) from \"Moved\" where at <= '{moment}'");
    let began: i64 = server.sql(DATABASE, &began).parse().unwrap();
    let ended: i64 = ended.parse().unwrap();
    assert!(began - ended <= 1 && ended <= began, "{ended} of {began}");
}

#[test]
fn a_server_that_was_restored_itself_begins_another_history_and_is_followed_in_that() {
    let mut server = server();
    let service = service(&server);
    let before = next_generation(&service, "");
    let first = row(&server, 1);
    followed_again(&service);
    server.running.end(Signal::SIGINT);
    let data = server.home.join("data");
    let signal = data.join("recovery.signal");
    fs::write(&signal, "").unwrap();
    server.home.give(&signal);
    let settings = data.join("postgresql.auto.conf");
    let text = fs::read_to_string(&settings).unwrap() + "restore_command = 'exit 1'\n";
    fs::write(&settings, text).unwrap();
    server.again();
    let history = "select substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8)";
    eventually("another history", 60, || {
        (server.sql("postgres", "select pg_is_in_recovery()") == "f").then_some(())
    });
    assert_eq!(server.sql("postgres", history), "00000002");

    let after = next_generation(&service, &before);
    let second = row(&server, 2);
    followed_again(&service);
    assert_eq!(generation(&service), Some(after.clone()));
    assert_eq!(rows_at(&service, &server, second), "1 2");
    assert_eq!(rows_at(&service, &server, first), "1");
    for claim in CLAIMS {
        stands(&service, claim, "held", "the follower is awake");
    }
    // What is stored everywhere need not lie here, but for the one that is written to.
    eventually("the first generation to be gone from here", 120, || {
        let lie = fs::read_dir(followed(&service)).unwrap().flatten();
        let lie: Vec<_> = lie
            .filter(|one| one.path().join("base.json").is_file())
            .map(|one| one.file_name().to_string_lossy().into_owned())
            .collect();
        (lie == [after.as_str()]).then_some(())
    });
}

#[test]
fn a_server_keeps_no_more_than_it_is_allowed_for_a_follower_that_is_away_and_nothing_for_one_that_has_ended()
 {
    let server = server();
    let mut service = service(&server);
    let before = next_generation(&service, "");
    let first = row(&server, 1);
    followed_again(&service);
    service.stop();
    server.sql(
        "postgres",
        "alter system set max_slot_wal_keep_size = '32MB'",
    );
    server.sql("postgres", "alter system set max_wal_size = '64MB'");
    server.sql("postgres", "select pg_reload_conf()");
    server.sql(
        DATABASE,
        "create table much (text text); alter table much alter text set storage external",
    );
    for _ in 0..12 {
        server.sql(
            DATABASE,
            "insert into much select repeat(md5(i::text), 300) from generate_series(1, 2000) i; checkpoint",
        );
    }
    let kept = "select (sum(size) / 1048576)::bigint from pg_ls_waldir()";
    let kept: i64 = server.sql("postgres", kept).parse().unwrap();
    assert!(kept < 200, "{kept} MiB");
    let slots = "select count(*) from pg_replication_slots";
    let lost = "select wal_status from pg_replication_slots";
    assert_eq!(server.sql("postgres", lost), "lost");

    service.up().unwrap();
    let after = next_generation(&service, &before);
    assert!(after > before);
    let second = row(&server, 2);
    followed_again(&service);
    assert_eq!(rows_at(&service, &server, second), "1 2");
    assert_eq!(rows_at(&service, &server, first), "1");

    // The statement no longer wants it.
    service.stop();
    let text = fs::read_to_string(service.statement()).unwrap();
    let text = text.replace(
        "changes = { within = \"14 d\", lose-at-most = \"20 s\" }",
        "",
    );
    fs::write(service.statement(), text).unwrap();
    assert_eq!(server.sql("postgres", slots), "1");
    service.up().unwrap();
    eventually("the server to keep nothing", 60, || {
        (server.sql("postgres", slots) == "0").then_some(())
    });
    eventually("what had come over to be gone", 60, || {
        let folder = followed(&service);
        (!folder.parent()?.exists()).then_some(())
    });
}
