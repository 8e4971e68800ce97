//! A clock that was set wrong: nothing is removed by it, and the trail says that it is doubted.

use std::collections::BTreeSet;
use std::fs;

use serde_json::Value;

use crate::harness::{Browser, Options, Service, eventually, example, kill, named};
use crate::sabotage::replace;

/// Has the core die and come back under another clock.
fn set_clock(service: &Service, shift: &str) {
    let program = service.data().join("bin/avouch");
    fs::write(program.with_extension("shift"), shift).unwrap();
    fs::copy(&program, program.with_extension("true")).unwrap();
    replace(&program, &example("late"));
    restart_core(service);
}

fn restart_core(service: &Service) {
    let data = service.data();
    let before = named(&data, "core").expect("a core");
    kill(before);
    eventually("another core", 60, || {
        named(&data, "core").filter(|pid| *pid != before)
    });
    eventually("the core to answer", 90, || {
        (service.avouch(&["tenant", "list"]).code == 0).then_some(())
    });
}

fn snapshots(service: &Service) -> BTreeSet<String> {
    let listed = service.ask(&["backup", "list"]);
    listed["rows"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| row["snapshot"].as_str().unwrap().to_owned())
        .collect()
}

fn doubted(row: &Value) -> bool {
    row["action"] == "system" && row["reason"].as_str().unwrap().contains("the clock is")
}

#[test]
fn a_clock_an_hour_behind_is_doubted_and_people_go_on_working() {
    let service = Service::start(Options::default());
    let before = snapshots(&service);
    set_clock(&service, "-1h");
    service.audited(&[], doubted);
    assert!(
        snapshots(&service).is_superset(&before),
        "snapshots were removed by a clock that nobody believes"
    );
    let member = service.user("riverside", "member");
    // The front finds the new core by itself.
    eventually("a member to be let in", 60, || {
        Browser::new(&service)
            .can_enter("riverside", &member)
            .then_some(())
    });
    service.avouch(&["audit", "verify"]).with(0);
}

#[test]
fn a_clock_a_year_ahead_removes_no_backup() {
    let service = Service::start(Options::default());
    let before = snapshots(&service);
    set_clock(&service, "+365d");
    service.audited(&[], doubted);
    // Runs that are due are taken, and would prune after themselves.
    service.avouch(&["backup", "run", "platform"]);
    assert!(
        snapshots(&service).is_superset(&before),
        "snapshots were removed by a clock that nobody believes"
    );
    service.avouch(&["audit", "verify"]).with(0);
}
