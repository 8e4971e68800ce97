//! Who reads what when something is wrong: of one application, of the core, or of whatever the supplier's people say.

use std::path::Path;

use avouch_evidence::Ask;
use http::StatusCode;
use nix::sys::signal::Signal;

use crate::harness::{
    Browser, Options, Service, eventually, kill, named, profile_folder, shared, signal, within,
};
use crate::sabotage::replace;

const PAGE: &str = "/.avouch/status";
const SILENT: &str = "The application does not answer";

/// Somebody of this tenant, signed in at its application.
fn member(service: &Service, tenant: &str) -> Browser {
    let mut browser = Browser::new(service);
    browser.sign_in(tenant, &service.user(tenant, "member"));
    browser
}

/// The page as somebody reads it, split into what is wrong now and what was.
#[track_caller]
fn page(browser: &mut Browser, label: &str) -> (String, String) {
    let answer = browser.get(label, PAGE);
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
    let text = answer.text();
    let (now, before) = text.split_once("What was wrong before").unwrap();
    (now.to_owned(), before.to_owned())
}

/// Waits until what is wrong now holds, and gives it.
#[track_caller]
fn told(browser: &mut Browser, label: &str, holds: impl Fn(&str) -> bool) -> String {
    let mut last = String::new();
    let told = within(60, || {
        let answer = browser.send(label, Ask::get(PAGE));
        last = answer.map_or_else(|why| why, |answer| answer.text());
        let (now, _) = last.split_once("What was wrong before")?;
        holds(now).then(|| now.to_owned())
    });
    told.unwrap_or_else(|| panic!("{label} is not told in time: {last}"))
}

#[test]
fn a_dead_application_is_told_to_its_own_people_and_still_is_while_the_core_is_away() {
    let mut service = Service::start(Options::default());
    let data = service.data();
    let (mut theirs, mut others) = (member(&service, "riverside"), member(&service, "hillside"));
    let mut stranger = Browser::new(&service);
    let up = page(&mut theirs, "riverside").0;
    assert!(up.contains("organisation’s application answers"), "{up}");

    let program = data.join("bin/acuity");
    replace(&program, Path::new("/bin/false"));
    kill(named(&data, "riverside").unwrap());
    let now = told(&mut theirs, "riverside", |now| now.contains(SILENT));
    let number = now.split("Number ").nth(1).unwrap();
    let number = format!("Number {}.", number.split('.').next().unwrap());
    let elsewhere = page(&mut others, "hillside").0;
    assert!(elsewhere.contains("application answers"), "{elsewhere}");
    assert!(!elsewhere.contains(&number), "{elsewhere}");
    let public = page(&mut stranger, "").0;
    assert!(public.contains("One organisation is affected"), "{public}");
    assert!(!public.contains("iverside") && !public.contains(SILENT));
    let asks = page(&mut stranger, "riverside").0;
    assert!(asks.contains("sign in") && !asks.contains(&number));

    let core = named(&data, "core").unwrap();
    signal(core, Signal::SIGSTOP);
    let away = told(&mut theirs, "riverside", |now| {
        now.contains("has not answered since")
    });
    assert!(away.contains(SILENT) && away.contains(&number), "{away}");
    let away = page(&mut others, "hillside").0;
    assert!(away.contains("has not answered since") && !away.contains(&number));
    kill(core);
    // A core that starts gives the front a new configuration, which closes connections that have not asked yet.
    eventually("the others to be served again", 40, || {
        let answer = others.send("hillside", Ask::get("/")).ok()?;
        (answer.status == StatusCode::OK).then_some(())
    });
    let still = told(&mut theirs, "riverside", |now| {
        !now.contains("has not answered since")
    });
    assert!(still.contains(&number), "{still}");

    replace(&program, &profile_folder().join("acuity"));
    told(&mut theirs, "riverside", |now| !now.contains(SILENT));
    service.stop();
    service.up().unwrap();
    let before = page(&mut theirs, "riverside").1;
    assert!(before.contains(SILENT) && before.contains(&number));
    let words = ["--tenant", "riverside", "--words", "incident ended"];
    service.audited(&words, |row| row["outcome"] == "done");
}

#[test]
fn what_the_suppliers_people_say_is_read_by_whom_it_concerns_and_its_words_are_not_in_the_trail() {
    let service = shared();
    let (mut theirs, mut others) = (member(service, "hillside"), member(service, "riverside"));
    let mut console = Browser::new(service);
    console.sign_in("console", &service.user("", "supplier"));
    let title = "Pictures of trends are late";
    let form = [("tenant", "hillside"), ("title", title), ("text", "")];
    let said = console.post("console", "/status", &form);
    assert_eq!(said.status, StatusCode::SEE_OTHER, "{}", said.text());
    let now = told(&mut theirs, "hillside", |now| now.contains(title));
    let number = now.split(title).nth(1).unwrap().split("Number ").nth(1);
    let number = number.unwrap().split('.').next().unwrap().to_owned();
    assert!(!page(&mut others, "riverside").0.contains(title));

    let path = format!("/status/{number}");
    let found = "The cause is found";
    console.post("console", &path, &[("text", found), ("then", "lasts")]);
    told(&mut theirs, "hillside", |now| now.contains(found));
    console.post("console", &path, &[("text", ""), ("then", "over")]);
    told(&mut theirs, "hillside", |now| !now.contains(title));
    assert!(page(&mut theirs, "hillside").1.contains(found));

    for what in ["began", "updated", "ended"] {
        let object = format!("incident {number} {what}");
        let words = ["--tenant", "hillside", "--words", &*object];
        let event = service.audited(&words, |row| row["outcome"] == "done");
        let event = event.to_string();
        assert!(!event.contains(title) && !event.contains(found), "{event}");
    }
}

#[test]
fn what_was_told_is_compared_with_the_trail_however_many_ask_for_an_incident() {
    let service = Service::start(Options::default());
    let mut console = Browser::new(&service);
    console.sign_in("console", &service.user("", "supplier"));
    let form = [("tenant", ""), ("title", "All is slow"), ("text", "")];
    let said = console.post("console", "/status", &form);
    assert_eq!(said.status, StatusCode::SEE_OTHER, "{}", said.text());
    let mut theirs = member(&service, "hillside");
    // More than one search of the trail gives, and all of them newer.
    for number in 0..1_001 {
        theirs.get("hillside", &format!("/incident/{number}"));
    }
    let words = ["--tenant", "hillside", "--words", "incident 1000"];
    service.audited(&words, |row| row["action"] == "request");
    let report = service.avouch(&["--json", "check", "status.keep"]).json();
    let observed = report.to_string();
    assert_eq!(report["claims"][0]["status"], "held", "{report}");
    assert!(
        observed.contains(" 1 beginnings and ends in the trail")
            || observed.contains("\"1 beginnings and ends in the trail"),
        "{observed}"
    );
}
