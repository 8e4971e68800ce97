//! Times that browsers say: off unless a report asks, kept as events of whoever is signed in, and shown in the report.

use avouch_events::Action;

use crate::harness::{Browser, Options, Service, shared};

const ON: &str = "POST /wards/{ward}/assessments";

#[test]
fn without_a_report_that_asks_for_them_there_is_no_script_and_no_time_is_kept() {
    let service = shared();
    let mut browser = Browser::new(service);
    browser.sign_in("riverside", &service.user("riverside", "member"));
    let script = browser.get("riverside", "/.avouch/timing.js");
    assert_eq!(script.status.as_u16(), 404);
    let said = browser.post("riverside", "/.avouch/timing", &[("on", ON), ("ms", "120")]);
    assert_eq!(said.status.as_u16(), 404);
    let page = browser.get("riverside", "/").text();
    assert!(!page.contains("<script"), "{page}");
}

#[test]
fn a_time_that_a_browser_says_is_an_event_and_a_figure_beside_the_gateways() {
    let service = Service::start(Options {
        edits: vec![(
            "within = \"2 s\"".to_owned(),
            "within = \"2 s\"\nin-browser = true".to_owned(),
        )],
        ..Options::default()
    });
    let member = service.user("riverside", "member");
    let mut browser = Browser::new(&service);
    let said = [("on", ON), ("ms", "1234")];
    let refused = browser.post("riverside", "/.avouch/timing", &said);
    assert_eq!(refused.status.as_u16(), 303, "nobody without a session");
    browser.sign_in("riverside", &member);
    let script = browser.get("riverside", "/.avouch/timing.js").text();
    assert!(script.contains(&format!("[\"{ON}\"]")), "{script}");
    for (on, ms, status) in [
        (ON, "1234", 204),
        ("POST /wards/1/assessments", "1", 404),
        (ON, "a while", 400),
    ] {
        let answer = browser.post("riverside", "/.avouch/timing", &[("on", on), ("ms", ms)]);
        assert_eq!(answer.status.as_u16(), status, "{on} {ms}");
    }
    let kept = service.audited(&["--action", "timing"], |_| true);
    assert_eq!(kept["object"], ON);
    assert_eq!(kept["micros"], 1_234_000);
    assert_eq!(kept["tenant"], "riverside");
    assert_eq!(kept["who"], member.email);
    let event = super::trail::event(&kept);
    assert_eq!(Action::missing(&event), [], "{event:#?}");

    let report = service.ask(&["report", "show", "saving", "--tenant", "riverside"]);
    let columns = report["columns"].as_array().unwrap();
    let place = columns
        .iter()
        .position(|column| column["heading"] == "In browsers: 95% within");
    let line = &report["lines"][0]["values"];
    assert_eq!(line[place.unwrap()], 1_234, "{report}");
    service.avouch(&["check", "report.saving.every"]).with(0);
}
