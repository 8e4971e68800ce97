//! Everything onto a bare machine: from a destination and the keys alone, cut off at any moment, and never over anything.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use http::StatusCode;
use serde_json::Value;

use crate::harness::{
    Browser, Entry, Keeper, Options, Place, Service, User, avouch_binary, eventually, root, run,
};
use crate::load::{Kept, Load, Person};
use crate::sabotage::flip;

/// A service whose backups lie outside its data folder, and what its operator keeps elsewhere.
struct Lost {
    service: Service,
    statement: String,
    member: User,
    /// Where the record is that was entered.
    record: String,
}

/// A statement whose only other destination is a folder beside the data folder.
fn elsewhere(place: &Place) -> Options {
    let url = format!("url = \"file://{}\"", place.join("elsewhere").display());
    Options {
        edits: vec![("url = \"file:offsite\"".to_owned(), url)],
        ..Options::default()
    }
}

fn kept(service: &Service, name: &str) -> PathBuf {
    service.place().join("kept").join(name)
}

/// Keeps a copy of the keys, as they are now.
fn keep_keys(service: &Service) {
    let folder = service.place().join("kept");
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir(&folder).unwrap();
    let keys = service.data().join("core/keys");
    run("cp", ["-a", text(&keys), text(&folder.join("keys"))]);
    let master = service.data().join("keys/master.key");
    run(
        "cp",
        ["-a", text(&master), text(&folder.join("master.key"))],
    );
}

/// Publishes what the ledger has, and keeps its checkpoint.
fn keep_checkpoint(service: &Service, name: &str) {
    let proof = service.place().join("proof");
    service
        .avouch(&["audit", "prove", "0", "-o", text(&proof)])
        .with(0);
    let checkpoint = service.data().join("core/ledger/checkpoint");
    fs::copy(checkpoint, service.place().join(name)).unwrap();
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// Data entered, backed up, and the machine gone: nothing is left but the destination and what was kept elsewhere.
fn lost(service: Service) -> Lost {
    let mut browser = Browser::new(&service);
    browser.sign_in("riverside", &service.user("riverside", "member"));
    let entry = Entry {
        ward: 2,
        // Whatever time it is, that period is over.
        day: jiff::Timestamp::now()
            .to_zoned(jiff::tz::TimeZone::UTC)
            .date()
            .yesterday()
            .unwrap(),
        period: 4,
        midwives: 7,
    };
    let record = browser.enter("riverside", &entry).unwrap();
    keep_checkpoint(&service, "early");
    service.avouch(&["backup", "run"]).with(0);
    gone(service, record)
}

/// The machine gone, as it is.
fn gone(mut service: Service, record: String) -> Lost {
    let member = service.user("riverside", "member");
    keep_keys(&service);
    service.avouch(&["check", "keys.master"]).with(0);
    keep_checkpoint(&service, "late");
    let statement = fs::read_to_string(service.statement()).unwrap();
    service.stop();
    fs::remove_dir_all(service.data()).unwrap();
    fs::remove_file(service.statement()).unwrap();
    Lost {
        service,
        statement,
        member,
        record,
    }
}

impl Lost {
    /// What is typed, from the folder.
    fn words(&self, more: &[&str]) -> Vec<String> {
        let place = self.service.place();
        let words = [
            "restore",
            "--everything",
            "--from",
            text(&place.join("elsewhere")),
            "--keys",
            text(&kept(&self.service, "keys")),
            "--master",
            text(&kept(&self.service, "master.key")),
        ]
        .map(str::to_owned);
        let more = more.iter().map(|word| (*word).to_owned());
        words.into_iter().chain(more).collect()
    }

    #[track_caller]
    fn ask(&self, more: &[&str]) -> Value {
        let words = self.words(more);
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        self.service.ask(&words)
    }

    /// It must be refused, and this is said.
    #[track_caller]
    fn refused(&self, more: &[&str], says: &str) {
        let words = self.words(more);
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let done = self.service.avouch(&words).with(2);
        assert!(done.err.contains(says), "{}", done.err);
    }

    /// Starts it, and sees that all is as it was.
    #[track_caller]
    fn serves(&mut self) {
        self.service
            .up_plain()
            .unwrap_or_else(|log| panic!("it does not start:\n{log}"));
        let mut browser = Browser::new(&self.service);
        let page = browser.sign_in("riverside", &self.member);
        assert_eq!(page.status, StatusCode::OK, "{}", page.text());
        let record = browser.get("riverside", &self.record);
        assert_eq!(record.status, StatusCode::OK, "{}", record.text());
        self.service.avouch(&["audit", "verify"]).with(0);
    }
}

const DO: [&str; 3] = ["--because", "the machine burned", "--execute"];

#[test]
fn everything_comes_back_from_a_folder_and_the_keys_and_what_is_lost_of_the_ledger_is_said() {
    let place = Place::new();
    let options = elsewhere(&place);
    let mut lost = lost(Service::start_at(place, options));
    let data = lost.service.data();
    let late = lost.service.place().join("late");

    let plan = lost.ask(&["--checkpoint", text(&late)]);
    assert_eq!(plan["executed"], false, "{plan}");
    let found: Vec<&str> = plan["plan"]["found"]
        .as_array()
        .unwrap()
        .iter()
        .map(|item| item["owner"].as_str().unwrap())
        .collect();
    assert_eq!(found, ["platform", "hillside", "riverside"], "{plan}");
    assert_eq!(plan["plan"]["missing"], serde_json::json!([]), "{plan}");
    assert_eq!(plan["plan"]["service"], "Acuity", "{plan}");
    let says = plan["plan"]["ledger"]["says"].as_str().unwrap();
    assert!(says.contains("entries more: these are lost"), "{says}");
    assert!(!data.exists(), "a plan does nothing");

    let early = lost.service.place().join("early");
    let done = lost.ask(&[&["--checkpoint", text(&early)][..], &DO[..]].concat());
    assert_eq!(done["executed"], true, "{done}");
    let ledger = done["ledger"].as_str().unwrap();
    assert!(ledger.contains("they go on from the"), "{ledger}");
    assert_eq!(
        fs::read_to_string(lost.service.statement()).unwrap(),
        lost.statement
    );
    assert!(!data.join("restoring").exists());
    for closed in ["core", "keys", "tenants/riverside/data"] {
        let mode = fs::metadata(data.join(closed)).unwrap().mode();
        assert_eq!(mode & 0o777, 0o700, "{closed} before the first start");
    }
    lost.refused(&DO, "there is a data folder at");

    lost.serves();
    let said = lost.service.audited(&["--action", "restore"], |row| {
        row["object"] == "everything" && row["reason"] == "the machine burned"
    });
    assert_eq!(said["parameters"]["lost-destinations"], "local", "{said}");
    assert_eq!(said["who"], "local-root", "{said}");

    // Copies that went with the machine are made anew, and then every promise holds.
    lost.service.avouch(&["backup", "run"]).with(0);
    eventually("every promise to hold", 120, || {
        let report = lost.service.avouch(&["--json", "check"]).json();
        let claims = report["claims"].as_array().unwrap();
        let amiss: Vec<&Value> = claims
            .iter()
            .filter(|claim| claim["status"] != "held")
            .collect();
        if !amiss.is_empty() {
            println!("not held: {amiss:?}");
        }
        amiss.is_empty().then_some(())
    });
}

/// A backup is of one moment each, though people go on working: what was acknowledged before it began is in it, the
/// ledger in it is whole, and the store beside it is of no later and no earlier time than a start puts right.
#[test]
fn what_is_backed_up_while_people_work_comes_back_whole() {
    let place = Place::new();
    let options = elsewhere(&place);
    let service = Service::start_at(place, options);
    // A round of checks, so that there is one to lose.
    service.avouch(&["check", "attested.*"]).with(0);
    let load = Load::start(
        Person::of_each_tenant(&service),
        jiff::civil::date(2001, 1, 1),
    );
    eventually("people to be at work", 60, || {
        (load.acknowledged() > 40).then_some(())
    });
    let before = load.kept();
    let began = load.acknowledged();
    service.avouch(&["backup", "run"]).with(0);
    assert!(
        load.acknowledged() > began,
        "nobody worked during the backup"
    );
    load.stop();
    let key = fs::read_to_string(service.data().join("run/log.vkey")).unwrap();
    let mut lost = gone(service, "/".to_owned());
    lost.ask(&DO);
    let data = lost.service.data();

    // As it was stored, before a start puts anything in order.
    let verify = ["--json", "audit", "verify", "--key", key.trim()];
    let verified = lost.service.avouch(&verify).with(0).json();
    let entries = verified["size"].as_u64().unwrap();
    let read = |database: &str, ask: &str| -> Vec<String> {
        let sound = format!("pragma integrity_check; {ask}");
        let read = run("sqlite3", [text(&data.join(database)), &sound]);
        let mut lines = read.lines().map(str::to_owned);
        assert_eq!(lines.next().as_deref(), Some("ok"), "{database}");
        lines.collect()
    };
    let rounds = read("core/store.db", "select log_index from round");
    assert!(!rounds.is_empty());
    for round in &rounds {
        let index: u64 = round.parse().unwrap();
        assert!(index < entries, "a round of entry {index}, of {entries}");
    }
    for Kept { tenant, id } in &before {
        let there = read(
            &format!("tenants/{tenant}/data/acuity.db"),
            &format!("select id from assessment where id = {id}"),
        );
        assert_eq!(there.len(), 1, "acknowledged before the backup: {id}");
    }

    lost.serves();
    for Kept { id, .. } in &before {
        let told = lost.service.ask(&["audit", "search", "--subject", id]);
        assert_ne!(told["total"], 0, "not in the trail: {id}");
    }
}

#[test]
fn a_restore_of_everything_that_was_cut_off_starts_nothing_and_is_gone_on_with() {
    let place = Place::new();
    let options = elsewhere(&place);
    let mut lost = lost(Service::start_at(place, options));
    let attempt = lost.service.data().join("restoring/attempt.json");
    let mut restoring = Command::new(avouch_binary())
        .args(["-c", text(&lost.service.statement())])
        .args(["--data", text(&lost.service.data())])
        .args(lost.words(&DO))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let done = || {
        let state = fs::read_to_string(&attempt).ok()?;
        state.contains("\"done\":[\"platform\"").then_some(())
    };
    eventually("the platform to be back", 60, done);
    restoring.kill().unwrap();
    restoring.wait().unwrap();

    fs::write(lost.service.statement(), &lost.statement).unwrap();
    let log = lost.service.up_plain().unwrap_err();
    assert!(log.contains("restore that has not ended"), "{log}");
    let plan = lost.ask(&[]);
    assert_eq!(plan["begun"]["done"][0], "platform", "{plan}");
    let words = lost.words(&DO);
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let done = lost.service.avouch(&words).with(0);
    assert!(done.err.contains("done already: platform"), "{}", done.err);
    lost.serves();
}

#[test]
fn what_is_missing_stops_it_until_it_is_left_out_by_name_and_a_damaged_backup_gives_way_to_an_older_one()
 {
    let place = Place::new();
    let mut options = elsewhere(&place);
    // Something else that is the platform's, and backed up after its state.
    let more = "[[backup.source]]\nname = \"rota\"\nkind = \"command\"\ncommand = [\"/usr/bin/date\", \"+%N\"]\n\
                at = \"04:40 Europe/London\"\nkeep = { daily = \"14 d\" }\nto = [\"local\", \"offsite\"]\n\n[backup.drill]";
    options
        .edits
        .push(("[backup.drill]".to_owned(), more.to_owned()));
    let service = Service::start_at(place, options);
    let left_out = service.user("hillside", "member");
    let mut lost = lost(service);

    // A copy of the keys from before a tenant's first backup.
    let key = kept(&lost.service, "keys").join("tenant/hillside/repository-offsite.key");
    let away = lost.service.place().join("away.key");
    fs::rename(&key, &away).unwrap();
    let plan = lost.ask(&[]);
    assert_eq!(plan["plan"]["missing"][0]["owner"], "hillside", "{plan}");
    lost.refused(&DO, "--without hillside");
    fs::rename(&away, &key).unwrap();

    // The newest backup of a tenant is damaged: there is an older one. Of another tenant all are.
    let elsewhere = lost.service.place().join("elsewhere");
    flip(packs(&elsewhere.join("riverside")).last().unwrap());
    flip(packs(&elsewhere.join("platform")).last().unwrap());
    for pack in packs(&elsewhere.join("hillside")) {
        flip(&pack);
    }
    lost.refused(&DO, "leave it out with `--without hillside` and `--anew`");
    let done = lost.ask(&[&DO[..], &["--without", "hillside", "--anew"]].concat());
    let damaged = done["damaged"].as_array().unwrap();
    assert_eq!(damaged.len(), 2, "{done}");
    let found = done["plan"]["found"].as_array().unwrap();
    let sources: Vec<&Value> = found.iter().map(|item| &item["source"]).collect();
    assert_eq!(sources, ["platform", "rota", "tenant-data"], "{done}");
    let of = |place: usize| found[place]["snapshot"].as_str().unwrap();
    for used in [1, 2].map(of) {
        assert!(!damaged.contains(&used.into()), "{done}");
    }
    let rota = lost.service.data().join("restored/rota");
    assert!(rota.is_dir());
    let mode = fs::metadata(lost.service.data().join("restored"))
        .unwrap()
        .mode();
    assert_eq!(mode & 0o777, 0o700);
    lost.service
        .up_plain()
        .unwrap_or_else(|log| panic!("it does not start:\n{log}"));
    Browser::new(&lost.service).sign_in("riverside", &lost.member);
    // Who was left out begins with nothing.
    let page = Browser::new(&lost.service).sign_in("hillside", &left_out);
    assert_eq!(page.status, StatusCode::OK, "{}", page.text());
    let said = lost.service.audited(&["--action", "restore"], |row| {
        row["object"] == "everything"
    });
    let parameters = &said["parameters"];
    assert_eq!(parameters["without"], "hillside", "{said}");
    let snapshots = parameters["snapshots"].as_str().unwrap();
    assert!(snapshots.contains(of(2)), "the one that was used: {said}");
}

#[test]
fn a_tenant_who_was_erased_after_the_backup_stays_erased() {
    let place = Place::new();
    let options = elsewhere(&place);
    let mut service = Service::start_at(place, options);
    service.avouch(&["backup", "run"]).with(0);
    let why = "the contract has ended";
    service
        .avouch(&[
            "tenant",
            "remove",
            "hillside",
            "--because",
            why,
            "--execute",
        ])
        .with(0);
    let member = service.user("riverside", "member");
    keep_keys(&service);
    let statement = fs::read_to_string(service.statement()).unwrap();
    service.stop();
    fs::remove_dir_all(service.data()).unwrap();
    let mut lost = Lost {
        service,
        statement,
        member,
        record: "/".to_owned(),
    };
    let plan = lost.ask(&[]);
    let told = plan["plan"]["told"].to_string();
    assert!(told.contains("`hillside` was erased"), "{plan}");
    lost.ask(&DO);
    assert_eq!(
        fs::read_to_string(lost.service.statement()).unwrap(),
        lost.statement
    );
    lost.serves();
    let tenants = lost.service.ask(&["tenant", "list"]).to_string();
    assert!(
        tenants.contains("riverside") && !tenants.contains("hillside"),
        "{tenants}"
    );
    assert!(!lost.service.data().join("tenants/hillside").exists());
}

/// The packs, in the order in which they came.
fn packs(repository: &Path) -> Vec<PathBuf> {
    let data = repository.join("data");
    let found = run("find", [text(&data), "-type", "f", "-printf", "%T@ %p\\n"]);
    let mut packs: Vec<&str> = found.lines().collect();
    packs.sort_unstable();
    let path = |line: &&str| line.split_once(' ').unwrap().1.into();
    packs.iter().map(path).collect()
}

#[test]
fn everything_comes_back_from_a_keeper_by_its_pin_and_the_credential() {
    if !root("a keeper on a machine of its own") {
        return;
    }
    let mut service = Service::start(Options::default());
    service.stop();
    let keeper = Keeper::start();
    let text_of = fs::read_to_string(service.statement()).unwrap();
    let named = format!(
        "[[backup.destination]]\nname = \"far\"\nurl = \"keeper://{}/acuity\"\nkey = \"{}\"\ncredential = \"far.token\"\n\n[[backup.destination]]",
        keeper.address(),
        keeper.key
    );
    let stated = text_of
        .replacen("[[backup.destination]]", &named, 1)
        .replace("to = [\"local\", \"offsite\"]", "to = [\"local\", \"far\"]");
    fs::write(service.statement(), stated).unwrap();
    let token = keeper.add("acuity", "far", &service.statement());
    fs::write(service.data().join("keys/far.token"), &token).unwrap();
    service
        .up()
        .unwrap_or_else(|log| panic!("it does not start with a keeper:\n{log}"));
    let mut lost = lost(service);
    let credential = kept(&lost.service, "token");
    fs::write(&credential, &token).unwrap();
    let from = format!("keeper://{}/acuity", keeper.address());
    let (keys, master) = (
        kept(&lost.service, "keys"),
        kept(&lost.service, "master.key"),
    );
    let words = [
        "restore",
        "--everything",
        "--from",
        &from,
        "--pin",
        &keeper.key,
        "--credential",
        text(&credential),
        "--keys",
        text(&keys),
        "--master",
        text(&master),
    ];
    let done = lost.service.ask(&[&words[..], &DO[..]].concat());
    assert_eq!(done["executed"], true, "{done}");
    assert_eq!(
        fs::read_to_string(lost.service.data().join("keys/far.token")).unwrap(),
        token
    );
    lost.serves();
}
