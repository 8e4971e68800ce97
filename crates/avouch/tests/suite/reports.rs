//! Reports: kept when their period is over, the same when they are counted again, and how much of the time somebody answered.

use http::StatusCode;
use serde_json::Value;

use crate::harness::{Browser, Options, Service, eventually, run, within};

/// The demo's statement with one report kept for those who read it, and another of minutes answered.
fn reporting(target: &str) -> Options {
    let edit = |from: &str, to: &str| (from.to_owned(), to.to_owned());
    let there = format!(
        "[[report]]\nname = \"there\"\ntitle = \"Minutes answered\"\nmeasure = \"available\"\ntarget = \"{target}\"\nevery = \"month\"\nfor = \"each-organisation\"\n\n# ---- Keeping it running"
    );
    Options {
        edits: vec![
            edit(
                "title = \"Use by organisation\"",
                "title = \"Use by organisation\"\nto = [\"administrators\", \"supplier\"]",
            ),
            edit("# ---- Keeping it running", &there),
        ],
        ..Options::default()
    }
}

/// How these claims stand, and what was seen of the first.
fn judged(service: &Service, claim: &str) -> (String, String) {
    let report = service.avouch(&["--json", "check", claim]).json();
    let claim = &report["claims"][0];
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    (
        text(&claim["status"]),
        text(&claim["checks"][0]["observed"]),
    )
}

/// Runs SQL on the core's store, from outside.
fn store(service: &Service, sql: &str) -> String {
    let path = service.data().join("core/store.db");
    let path = path.to_str().unwrap();
    run("sqlite3", ["-cmd", ".timeout 10000", path, sql])
}

/// Waits until these claims, and no others, do not stand.
#[track_caller]
fn alone(service: &Service, claims: &[&str]) {
    let mut last = Vec::new();
    let found = within(150, || {
        let report = service.avouch(&["--json", "check"]).json();
        let fallen = report["claims"].as_array().unwrap().iter();
        let fallen = fallen.filter(|claim| claim["status"] != "held");
        last = fallen.map(|claim| claim["id"].to_string()).collect();
        let said: Vec<String> = claims.iter().map(|claim| format!("{claim:?}")).collect();
        (last == said).then_some(())
    });
    assert!(found.is_some(), "not {claims:?} alone: {last:?}");
}

#[test]
fn a_report_is_kept_for_its_readers_when_its_period_is_over_and_one_that_was_changed_is_told() {
    let mut service = Service::start(reporting("99.5%"));
    let (status, seen) = judged(&service, "report.use.to");
    assert_eq!(status, "held", "{seen}");
    assert!(seen.starts_with("3 reports of "), "{seen}");
    let made = service.audited(&["--tenant", "riverside", "--words", "report use"], |row| {
        row["action"] == "system"
    });
    assert_eq!(made["reason"], "made when its period was over, and kept");

    let mut console = Browser::new(&service);
    console.sign_in("console", &service.user("riverside", "administrator"));
    let list = console.get("console", "/reports").text();
    assert!(
        list.contains("Made for you when a period was over"),
        "{list}"
    );
    assert!(!list.contains("hillside"), "{list}");
    let link = list.split("/reports/use?period=").nth(1).unwrap();
    let path = format!("/reports/use?period={}", link.split('"').next().unwrap());
    let page = console.get("console", &path);
    assert_eq!(page.status, StatusCode::OK);
    let same = "Counted again now, it says the same.";
    assert!(page.text().contains(same), "{}", page.text());

    store(
        &service,
        "update report_kept set document = replace(document, '\"Requests\"', '\"Requests made\"') where tenant = 'riverside'",
    );
    let (status, seen) = judged(&service, "report.use.to");
    assert_eq!(status, "broken", "{seen}");
    assert!(
        seen.contains("kept for riverside is not what is counted again"),
        "{seen}"
    );
    let page = console.get("console", &path).text();
    assert!(page.contains("Counted again now, it differs"), "{page}");

    store(
        &service,
        "delete from report_kept where tenant = 'riverside'",
    );
    service.stop();
    service.up().unwrap();
    let (status, seen) = judged(&service, "report.use.to");
    assert_eq!(status, "held", "made anew, with the same figures: {seen}");
}

#[test]
fn minutes_in_which_nothing_ran_count_against_the_share_that_is_promised() {
    let mut service = Service::start(reporting("99.5%"));
    let (status, seen) = judged(&service, "report.there.target");
    assert_eq!(status, "held", "{seen}");
    assert!(seen.starts_with("0 of "), "{seen}");
    service.crash();
    service.up().unwrap();
    let (status, seen) = judged(&service, "report.there.target");
    assert_eq!(status, "broken", "{seen}");
    assert!(!seen.starts_with("0 of "), "{seen}");
    alone(&service, &["report.there.target"]);

    let text = std::fs::read_to_string(service.statement()).unwrap();
    let promised = text.replace(
        "\"available\"\ntarget = \"99.5%\"",
        "\"available\"\ntarget = \"0.01%\"",
    );
    assert_ne!(promised, text);
    std::fs::write(service.statement(), promised).unwrap();
    service.stop();
    service.up().unwrap();
    // What the checks ask in the next minute is answered, and that is as much as is promised.
    eventually("the share that is promised now", 150, || {
        service.avouch(&["check", "audit.before-effect"]).with(0);
        let (status, seen) = judged(&service, "report.there.target");
        assert!(!seen.starts_with("0 of "), "{seen}");
        (status == "held").then_some(())
    });
    alone(&service, &[]);
}
