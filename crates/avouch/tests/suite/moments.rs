//! A tenant as it was at a moment: followed by a running service, whose follower and service are killed meanwhile.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use jiff::{SignedDuration, Timestamp};
use nix::sys::signal::Signal;

use crate::harness::{Browser, Options, Service, User, eventually, kill, run, signal, within};
use crate::sabotage::files;

const CLAIMS: [&str; 2] = [
    "backup.source.tenant-data.changes.within",
    "backup.source.tenant-data.changes.lose-at-most",
];

/// A service that follows its tenants' databases.
fn start() -> Service {
    let to = "to = [\"local\", \"offsite\"]\n\n# Avouch's own state";
    let followed = "to = [\"local\", \"offsite\"]\nchanges = { within = \"14 d\", lose-at-most = \"20 s\" }\n\n# Avouch's own state";
    Service::start(Options {
        edits: vec![(to.to_owned(), followed.to_owned())],
        ..Options::default()
    })
}

fn database(service: &Service) -> PathBuf {
    service.data().join("tenants/riverside/data/acuity.db")
}

#[track_caller]
fn sql(database: &Path, sql: &str) -> String {
    let words = ["-cmd", ".timeout 10000", database.to_str().unwrap(), sql];
    run("sqlite3", words).trim().to_owned()
}

/// The process that follows riverside: it holds the lock in the folder of the changes.
fn follower(service: &Service) -> Option<i32> {
    let lock = service
        .data()
        .join("tenants/riverside/changes/tenant-data/lock");
    let wanted = fs::metadata(lock).ok()?.ino();
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

/// The last word of the follower.
fn beat(service: &Service) -> Option<serde_json::Value> {
    let beat = service
        .data()
        .join("tenants/riverside/changes/tenant-data/beat.json");
    serde_json::from_slice(&fs::read(beat).ok()?).ok()
}

/// The generation that counts, by its follower's last word.
fn generation(service: &Service) -> Option<String> {
    Some(beat(service)?["generation"].as_str()?.to_owned())
}

/// Whether the log of a generation says by which run of the machine's clock its times were noted.
fn says_which_clock(service: &Service, generation: &str) -> bool {
    let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap();
    let boot = boot.trim().as_bytes();
    let folder = service
        .data()
        .join("tenants/riverside/changes/tenant-data")
        .join(generation);
    files(&folder).iter().any(|path| {
        let bytes = fs::read(path).unwrap_or_default();
        bytes.windows(boot.len()).any(|part| part == boot)
    })
}

/// Waits for a follower that has seen everything up to now.
#[track_caller]
fn followed_again(service: &Service) {
    let now = Timestamp::now();
    eventually("a follower", 120, || {
        let beat = beat(service)?;
        let up_to: Timestamp = beat["up-to"].as_str()?.parse().ok()?;
        (up_to > now && beat["generation"].is_string()).then_some(())
    });
}

/// Waits for another generation than this.
#[track_caller]
fn next_generation(service: &Service, before: &str) -> String {
    eventually("another image", 120, || {
        generation(service).filter(|now| now != before)
    })
}

/// Writes a numbered row, and gives a moment that lies well after it and well before the next.
fn row(service: &Service, n: u32) -> Timestamp {
    sql(
        &database(service),
        &format!("insert into line values ({n})"),
    );
    // A whole second, as people type it.
    let moment = Timestamp::from_second(Timestamp::now().as_second() + 2).unwrap();
    // A follower's last word is at most a second old when it is killed.
    eventually("the clock to go on", 10, || {
        (Timestamp::now() > moment + SignedDuration::from_millis(1500)).then_some(())
    });
    moment
}

/// The rows in a copy of the database as it was at a moment.
fn rows_at(service: &Service, moment: Timestamp) -> String {
    let at = moment.to_string();
    let to = service
        .place()
        .join(&format!("look-{}", moment.as_microsecond()));
    let words = [
        "restore",
        "riverside",
        "--at",
        &at,
        "--because",
        "to look",
        "--execute",
        "--to",
        to.to_str().unwrap(),
    ];
    let mut last = String::new();
    let taken = within(120, || {
        let done = service.avouch(&words);
        last = format!("{done:?}");
        (done.code == 0).then_some(())
    });
    assert!(taken.is_some(), "{last}");
    let copy = to.join("acuity.db");
    assert_eq!(sql(&copy, "pragma integrity_check"), "ok");
    sql(&copy, "select group_concat(n, ' ') from line")
}

/// Somebody of the supplier's restores riverside in the console, step by step, until it is done.
fn in_the_console(service: &Service, at: &str, why: &str) {
    let added = service.ask(&["user", "add", "sue@supplier.example", "--name", "Sue"]);
    let sue = User {
        password: added["password"].as_str().unwrap().to_owned(),
        email: "sue@supplier.example".to_owned(),
        tenant: String::new(),
        role: "supplier".to_owned(),
    };
    let mut browser = Browser::new(service);
    browser.sign_in("console", &sue);
    assert!(
        browser
            .get("console", "/backups")
            .text()
            .contains("href=\"/restore\"")
    );
    let form = browser.get("console", "/restore").text();
    assert!(
        form.contains("value=\"riverside tenant-data\"") && form.contains("UTC"),
        "{form}"
    );
    let (date, time) = at.split_once(' ').unwrap();
    let fields = [
        ("which", "riverside tenant-data"),
        ("date", date),
        ("time", time),
        ("because", why),
    ];
    let plan = browser.post("console", "/restore/plan", &fields).text();
    assert!(
        plan.contains(at) && plan.contains("Restore it now"),
        "{plan}"
    );
    let begun = browser.post("console", "/restore", &fields);
    let page = begun
        .header("location")
        .unwrap_or_else(|| panic!("{}", begun.text()))
        .to_owned();
    let mut last = String::new();
    let done = within(120, || {
        last = browser.get("console", &page).text();
        last.contains("The database is in place").then_some(())
    });
    assert!(done.is_some(), "{last}");
}

/// How the claims about changes stand, and what was seen.
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
    let found = within(120, || {
        last = judged(service, claim);
        (last.0 == status && last.1.contains(says)).then_some(())
    });
    assert!(
        found.is_some(),
        "{claim} not {status} with `{says}`: {last:?}"
    );
}

/// Every claim that is not held.
fn fallen(service: &Service) -> Vec<String> {
    let report = service.avouch(&["--json", "check"]).json();
    let claims = report["claims"].as_array().unwrap().iter();
    claims
        .filter(|claim| claim["status"] != "held")
        .map(|claim| claim["id"].as_str().unwrap().to_owned())
        .collect()
}

#[track_caller]
fn all_held_but(service: &Service, turned: &[&str]) {
    let mut last = Vec::new();
    let alone = within(180, || {
        last = fallen(service);
        (last == turned).then_some(())
    });
    assert!(alone.is_some(), "{last:?}");
}

#[test]
fn a_chosen_second_comes_back_whoever_is_killed_meanwhile_and_whoever_cuts_the_log() {
    let mut service = start();
    let before = next_generation(&service, "");
    sql(
        &database(&service),
        "create table line (n integer primary key)",
    );
    let first = row(&service, 1);
    let second = row(&service, 2);
    let cut = sql(
        &database(&service),
        "pragma busy_timeout = 0; pragma wal_checkpoint(truncate)",
    );
    let third = row(&service, 3);

    kill(follower(&service).unwrap());
    followed_again(&service);
    assert_eq!(generation(&service), Some(before), "it is gone on with");
    let fourth = row(&service, 4);
    service.end_at_once();
    service.up().unwrap();
    followed_again(&service);
    let before = generation(&service).unwrap();
    let fifth = row(&service, 5);
    row(&service, 6);

    for (moment, rows) in [
        (first, "1"),
        (second, "1 2"),
        (third, "1 2 3"),
        (fourth, "1 2 3 4"),
        (fifth, "1 2 3 4 5"),
    ] {
        assert_eq!(rows_at(&service, moment), rows, "the log was cut: {cut}");
    }

    let drilled = service.ask(&["drill", "run", "riverside", "--any-moment"]);
    assert_eq!(drilled["held"], true, "{drilled}");
    let drilled_at: Timestamp = drilled["moment"].as_str().unwrap().parse().unwrap();
    assert!(drilled_at <= Timestamp::now(), "{drilled}");

    let early = service
        .avouch(&["restore", "riverside", "--at", "2020-01-01 00:00:00"])
        .with(2);
    assert!(
        early
            .err
            .contains("the first moment that local can show is"),
        "{early:?}"
    );
    let wrong = service
        .avouch(&["restore", "riverside", "--at", "yesterday"])
        .with(2);
    assert!(
        wrong.err.contains("as in \"2026-11-21 14:32:07\""),
        "{wrong:?}"
    );

    let zone = jiff::tz::TimeZone::UTC;
    let at = third
        .to_zoned(zone)
        .strftime("%Y-%m-%d %H:%M:%S")
        .to_string();
    let plan = service.ask(&["restore", "riverside", "--at", &at]);
    assert_eq!(plan["executed"], false, "{plan}");
    let why = "row 4 was a mistake";
    in_the_console(&service, &at, why);
    assert_eq!(
        sql(&database(&service), "select group_concat(n, ' ') from line"),
        "1 2 3"
    );
    // What is put in place is followed as well.
    next_generation(&service, &before);
    let after = row(&service, 100);
    assert_eq!(rows_at(&service, after), "1 2 3 100");
    let seen = service.audited(&["--action", "restore", "--tenant", "riverside"], |row| {
        row["outcome"] == "done" && row["parameters"]["because"] == why
    });
    assert!(
        seen["reason"]
            .as_str()
            .unwrap()
            .contains("the database as it was at"),
        "{seen}"
    );
}

#[test]
fn a_follower_that_is_stopped_and_changes_that_are_altered_or_gone_break_their_claim_alone() {
    let service = start();
    for claim in CLAIMS {
        stands(&service, claim, "held", "");
    }
    // The first drill of a moment comes by itself, and would read what is altered here.
    eventually("a drill of a moment", 120, || {
        let listed = service.ask(&["drill", "list"]);
        let mut drills = listed.as_array()?.iter();
        let of_riverside = |drill: &serde_json::Value| drill["owner"] == "riverside";
        drills
            .any(|drill| of_riverside(drill) && drill["moment"].is_string())
            .then_some(())
    });
    sql(
        &database(&service),
        "create table line (n integer primary key)",
    );

    let packs = files(&service.data().join("backups/local/riverside.changes/data"));
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
    // What is shipped meanwhile may need just that file, and then does not count as stored either.
    let fallen = fallen(&service);
    assert!(
        fallen.iter().all(|id| CLAIMS.contains(&id.as_str())),
        "{fallen:?}"
    );
    fs::write(&largest, &sound).unwrap();
    stands(&service, CLAIMS[0], "held", "");

    let aside = service.place().join("pack");
    fs::rename(&largest, &aside).unwrap();
    stands(&service, CLAIMS[0], "broken", "");
    fs::rename(&aside, &largest).unwrap();
    all_held_but(&service, &[]);

    // Nothing is stored, and no moment can be had, of a time in which nobody looks.
    let pid = follower(&service).unwrap();
    signal(pid, Signal::SIGSTOP);
    sql(&database(&service), "insert into line values (1)");
    let unseen = Timestamp::now() + SignedDuration::from_secs(2);
    for claim in CLAIMS {
        stands(&service, claim, "broken", "the follower does not answer");
    }
    all_held_but(&service, &CLAIMS);
    signal(pid, Signal::SIGCONT);
    stands(&service, CLAIMS[1], "held", "the follower is awake");
    // What was written meanwhile is stored, and when it was written is not known: that stays so.
    stands(&service, CLAIMS[0], "broken", "no moment between");
    all_held_but(&service, &CLAIMS[..1]);
    let at = unseen.to_string();
    let refused = service
        .avouch(&["restore", "riverside", "--at", &at])
        .with(2);
    assert!(
        refused
            .err
            .contains("the database was written to and not looked at"),
        "{refused:?}"
    );
}

#[test]
fn a_service_that_is_stopped_and_started_again_goes_on_with_what_it_had() {
    let mut service = start();
    let before = next_generation(&service, "");
    sql(
        &database(&service),
        "create table line (n integer primary key)",
    );
    row(&service, 1);
    assert!(says_which_clock(&service, &before));
    service.stop();
    let asleep = Timestamp::now();
    service.up().unwrap();
    followed_again(&service);
    assert_eq!(generation(&service), Some(before), "it is gone on with");
    // Nobody writes, and all that there is counts as stored.
    assert_eq!(rows_at(&service, asleep), "1");
    stands(&service, CLAIMS[1], "held", "the follower is awake");
}
