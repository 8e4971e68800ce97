//! Restores by the operator: planned, into place, to a folder, undone when they fail, cut off at any moment.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use crate::harness::{Options, Random, Service, avouch_binary, eventually, run, within};

/// How often a restore is cut off.
const CUTS: usize = 5;

fn database(service: &Service) -> PathBuf {
    service.data().join("tenants/riverside/data/acuity.db")
}

#[track_caller]
fn sql(database: &Path, sql: &str) -> String {
    let words = ["-cmd", ".timeout 10000", database.to_str().unwrap(), sql];
    run("sqlite3", words).trim().to_owned()
}

/// Assessments in a database that passes its own checks.
#[track_caller]
fn assessments(database: &Path) -> u32 {
    assert_eq!(sql(database, "pragma integrity_check"), "ok");
    sql(database, "select count(*) from assessment")
        .parse()
        .unwrap()
}

fn scratch(service: &Service) -> Vec<String> {
    fs::read_dir(service.data().join("scratch"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
        .filter(|name| name.starts_with("restore-"))
        .collect()
}

#[test]
fn what_is_lost_comes_back_into_place_and_what_was_there_is_kept_aside() {
    let service = Service::start(Options::default());
    let live = database(&service);
    let all = assessments(&live);
    service.avouch(&["backup", "run", "riverside"]).with(0);
    fs::write(live.with_file_name("notes"), "beside the database").unwrap();
    let owner = fs::metadata(&live).unwrap();
    sql(&live, "delete from assessment where ward = 1");
    let fewer = assessments(&live);
    assert!(fewer < all);

    let plan = service.ask(&["restore", "riverside"]);
    assert_eq!(plan["executed"], false, "{plan}");
    assert_eq!(plan["overwrites"], live.to_str().unwrap(), "{plan}");
    assert!(plan["took-in-the-last-drill-ms"].is_u64(), "{plan}");
    assert_eq!(assessments(&live), fewer, "a plan does nothing");
    service
        .avouch(&["restore", "riverside", "--execute"])
        .with(2);

    let why = "ward 1 was deleted by mistake";
    let done = service.ask(&["restore", "riverside", "--because", why, "--execute"]);
    assert_eq!(done["executed"], true, "{done}");
    assert_eq!(done["kept-beside"], 1, "{done}");
    assert_eq!(assessments(&live), all);
    assert_eq!(
        fs::read_to_string(live.with_file_name("notes")).unwrap(),
        "beside the database"
    );
    let restored = fs::metadata(&live).unwrap();
    assert_eq!(
        (restored.uid(), restored.gid(), restored.mode()),
        (owner.uid(), owner.gid(), owner.mode())
    );
    let aside = PathBuf::from(done["aside"].as_str().unwrap());
    assert_eq!(assessments(&aside.join("acuity.db")), fewer);
    assert_eq!(scratch(&service), Vec::<String>::new());

    let seen = service.audited(&["--action", "restore", "--tenant", "riverside"], |row| {
        row["outcome"] == "done"
    });
    assert_eq!(seen["parameters"]["because"], why, "{seen}");
    assert_eq!(seen["who"], "local-root", "{seen}");
    service.audited(&["--action", "administration"], |row| {
        row["object"] == "restore" && row["parameters"]["because"] == why
    });
}

#[test]
fn what_was_put_aside_is_shown_until_its_time_is_over_and_then_destroyed_and_said() {
    let mut service = Service::start(Options::default());
    service.avouch(&["backup", "run", "riverside"]).with(0);
    let restore = ["restore", "riverside", "--because", "a drill", "--execute"];
    let aside = service.ask(&restore)["aside"].as_str().unwrap().to_owned();
    let shown = |service: &Service| service.ask(&["backup", "list"])["asides"].clone();
    assert_eq!(shown(&service)[0]["path"], aside.as_str());
    assert_eq!(shown(&service)[0]["owner"], "riverside");

    // Two weeks later; it is looked for when the service starts.
    service.stop();
    let fortnight = "update backup_aside set since = since - 15 * 86400 * 1000000";
    sql(&service.data().join("core/store.db"), fortnight);
    service.up().unwrap();
    eventually("the data aside to be gone", 60, || {
        (!Path::new(&aside).exists()).then_some(())
    });
    let seen = service.audited(&["--action", "restore", "--tenant", "riverside"], |row| {
        row["outcome"] == "done" && row["reason"].as_str().unwrap().contains("is destroyed")
    });
    assert_eq!(seen["parameters"]["path"], aside.as_str(), "{seen}");
    assert_eq!(shown(&service), serde_json::json!([]));
}

#[test]
fn a_copy_to_look_at_leaves_everything_as_it_is_and_nothing_behind() {
    let service = Service::start(Options::default());
    let live = database(&service);
    let to = service.place().join("look");
    let words = |to: &Path| {
        let to = to.to_str().unwrap().to_owned();
        [
            "restore",
            "riverside",
            "--because",
            "a question",
            "--execute",
            "--to",
        ]
        .map(str::to_owned)
        .into_iter()
        .chain([to])
        .collect::<Vec<_>>()
    };
    let asked = |words: Vec<String>| {
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        service.avouch(&words)
    };
    asked(words(&to)).with(0);
    let copied = assessments(&to.join("acuity.db"));
    assert!(copied > 0);
    assert_eq!(scratch(&service), Vec::<String>::new());
    let again = asked(words(&to)).with(2);
    assert!(again.err.contains("is not empty"), "{again:?}");

    let one = service.place().join("one");
    let file = |name: &str| vec!["--file".to_owned(), name.to_owned()];
    asked([words(&one), file("acuity.db")].concat()).with(0);
    assert_eq!(assessments(&one.join("acuity.db")), copied);
    let none = service.place().join("none");
    asked([words(&none), file("../../core/store.db")].concat()).with(2);
    assert_eq!(fs::read_dir(&none).unwrap().count(), 0);
    // The command ended at its refusal; the service then destroys the copy that nobody took.
    eventually("the copy to be gone", 30, || {
        scratch(&service).is_empty().then_some(())
    });
    assert!(assessments(&live) >= copied);
}

#[test]
fn data_that_the_application_does_not_start_on_are_put_away_again() {
    let service = Service::start(Options::default());
    let live = database(&service);
    sql(&live, "pragma user_version = 99");
    service.avouch(&["backup", "run", "riverside"]).with(0);
    sql(
        &live,
        "pragma user_version = 1; delete from assessment where ward = 1",
    );
    let before = assessments(&live);

    let words = ["restore", "riverside", "--because", "a trial", "--execute"];
    let failed = service.avouch(&words).with(2);
    assert!(failed.err.contains("is as it was before"), "{failed:?}");
    assert_eq!(assessments(&live), before);
    assert_eq!(scratch(&service), Vec::<String>::new());
    let left: Vec<_> = fs::read_dir(service.data().join("tenants/riverside"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .filter(|name| name.to_string_lossy().starts_with("aside-"))
        .collect();
    assert!(left.is_empty(), "{left:?}");
    service.avouch(&["check", "tenancy.isolation"]).with(0);
}

#[test]
fn a_restore_that_is_cut_off_leaves_the_old_data_or_the_new() {
    let mut service = Service::start(Options::default());
    let live = database(&service);
    let all = assessments(&live);
    service.avouch(&["backup", "run", "riverside"]).with(0);
    let words = ["restore", "riverside", "--because", "a trial", "--execute"];
    let began = Instant::now();
    service.avouch(&words).with(0);
    let takes = began.elapsed();

    let mut random = Random::new(41);
    for cut in 0..CUTS {
        sql(&live, "delete from assessment where ward = 1");
        let fewer = assessments(&live);
        assert!(fewer < all);
        let mut restoring = Command::new(avouch_binary())
            .arg("-c")
            .arg(service.statement())
            .arg("--data")
            .arg(service.data())
            .args(words)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        // Somewhere in each part of the time that a whole one took.
        let wait = takes.mul_f64((cut * 100 + random.below(100)) as f64 / (CUTS * 100) as f64);
        let deadline = Instant::now() + wait;
        let _ = within(120, || {
            let over = restoring.try_wait().unwrap().is_some();
            (over || Instant::now() >= deadline).then_some(())
        });
        service.crash();
        restoring.wait().unwrap();
        service
            .up()
            .unwrap_or_else(|log| panic!("it does not start again:\n{log}"));
        let found = assessments(&live);
        assert!(
            found == fewer || found == all,
            "{found} is neither {fewer} nor {all}, cut off after {wait:?}"
        );
        println!("cut off after {wait:?}: {found} of {all}");
        if found == fewer {
            service.avouch(&words).with(0);
        }
        assert_eq!(assessments(&live), all);
    }
}
