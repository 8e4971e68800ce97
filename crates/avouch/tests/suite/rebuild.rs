//! Everything that is derived from the ledger is damaged while the service runs, and derived anew.

use std::fs;

use crate::harness::{Browser, Entry, Options, Service, run};
use crate::sabotage::{files, flip_at};

#[test]
fn what_is_derived_is_the_same_again_after_it_was_altered_and_an_altered_journal_derives_nothing() {
    let service = Service::start(Options::default());
    let member = service.user("riverside", "member");
    let mut browser = Browser::new(&service);
    browser.sign_in("riverside", &member);
    let entry = Entry {
        ward: 1,
        day: jiff::civil::date(2026, 1, 5),
        period: 1,
        midwives: 5,
    };
    browser.enter("riverside", &entry).expect("kept");
    let newest = service.audited(&["--tenant", "riverside"], |row| {
        row["action"] == "record-changed" && row["outcome"] == "done"
    });
    let until = newest["at"].as_str().unwrap();
    let derived = || {
        let found = service.ask(&[
            "audit",
            "search",
            "--tenant",
            "riverside",
            "--until",
            until,
            "--limit",
            "1000",
        ]);
        let report = service.ask(&["report", "show", "use", "--tenant", "riverside"]);
        (found["rows"].clone(), report["lines"].clone())
    };
    let sound = derived();

    let sql = |file: &str, sql: &str| {
        let path = service.data().join(file);
        run(
            "sqlite3",
            ["-cmd", ".timeout 10000", path.to_str().unwrap(), sql],
        )
    };
    sql(
        "core/events.db",
        "update tally set events = events * 3; delete from event where number % 2 = 1;",
    );
    let rounds = sql("core/store.db", "select count(*) from round");
    sql("core/store.db", "delete from round where number > 1");
    let tile = service.data().join("core/ledger/tile/0/000");
    flip_at(&tile, 40);
    assert_ne!(derived(), sound);

    let rebuilt = service.ask(&["audit", "rebuild"]);
    assert_eq!(
        rebuilt["tiles"],
        serde_json::json!(["tile/0/000"]),
        "{rebuilt}"
    );
    assert_eq!(derived(), sound);
    let again = sql("core/store.db", "select count(*) from round");
    let count = |text: &str| text.trim().parse::<u64>().unwrap();
    assert!(count(&again) >= count(&rounds), "{again} after {rounds}");
    service.avouch(&["audit", "verify"]).with(0);

    let segment = files(&service.data().join("core/ledger/journal")).remove(0);
    flip_at(&segment, 24 + 12 + 40);
    flip_at(&tile, 40);
    let before = fs::read(&tile).unwrap();
    service.avouch(&["audit", "rebuild"]).with(2);
    assert_eq!(fs::read(&tile).unwrap(), before);
}
