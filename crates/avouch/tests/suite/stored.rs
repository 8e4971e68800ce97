//! What is stored is read again in time, and there is room for more: two promises that the demo does not make.

use serde_json::Value;

use crate::harness::{Options, eventually};
use crate::sabotage::Bench;

const READ: &str = "backup.read-all-within";
const ROOM: &str = "backup.room-for";

/// A service that promises both, and has backups of more than a day.
fn bench() -> Bench {
    let bench = Bench::new(Options {
        edits: vec![(
            "encryption = \"aes-256\"".to_owned(),
            "encryption = \"aes-256\"\nread-all-within = \"30 d\"\nroom-for = \"30 d\"".to_owned(),
        )],
        ..Options::default()
    });
    eventually("a backup of everything", 60, || {
        let found = bench.store("select count(distinct owner || destination) from backup_snapshot");
        (found.trim() == "6").then_some(())
    });
    // As if there had been one two days before, removed since.
    bench.store(
        "insert into backup_snapshot select owner, source, destination, 'before-' || id, run, \
         taken - 2 * 86400 * 1000000, day, grades, manifest, total_rows, total_bytes, added_bytes, changed_rows, \
         changed_files, verified, taken from backup_snapshot",
    );
    bench
}

/// What the checks say of a claim now.
#[track_caller]
fn judged(bench: &Bench, claim: &str) -> (String, String) {
    let report: Value = bench.service.avouch(&["--json", "check", claim]).json();
    let found = &report["claims"][0];
    assert_eq!(found["id"], claim, "{report}");
    let status = found["status"].as_str().unwrap().to_owned();
    (status, found["checks"].to_string())
}

#[track_caller]
fn expect(bench: &Bench, claim: &str, status: &str, says: &str) {
    let (found, checks) = judged(bench, claim);
    assert_eq!(found, status, "{checks}");
    assert!(checks.contains(says), "{checks}");
}

#[test]
fn a_part_that_is_not_read_in_time_and_a_place_that_fills_up_are_broken_promises_until_mended() {
    let bench = bench();
    expect(&bench, READ, "held", "256 parts within a day");
    expect(&bench, ROOM, "held", "bytes a day");

    // Long ago, and what is read now is not noted.
    bench.store(
        "create trigger sabotage before insert on backup_reading begin select raise(ignore); end; \
         update backup_reading set read = 1577836800000000 where owner = 'riverside' and shelf = 7",
    );
    expect(&bench, READ, "broken", "1 of 256 parts");
    expect(&bench, ROOM, "held", "bytes a day");
    bench.store("drop trigger sabotage");
    expect(&bench, READ, "held", "256 parts within a day");

    // Every backup adds more than any disk has room for.
    bench.store("update backup_snapshot set added_bytes = added_bytes + (1 << 50) where destination = 'offsite'");
    expect(&bench, ROOM, "broken", "make room there, or keep less");
    expect(&bench, READ, "held", "256 parts within a day");
    bench.store("update backup_snapshot set added_bytes = added_bytes - (1 << 50) where destination = 'offsite'");
    expect(&bench, ROOM, "held", "bytes a day");

    let listed = bench.service.ask(&["backup", "list"]);
    let places = listed["destinations"].as_array().unwrap();
    assert_eq!(places.len(), 2, "{listed}");
    for place in places {
        assert!(place["free"].as_u64().unwrap() > 0, "{listed}");
        assert!(place["full-in-days"].as_u64().unwrap() > 30, "{listed}");
    }
}
