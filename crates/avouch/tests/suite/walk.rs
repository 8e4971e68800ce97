//! What administrators do in the console, and what each event of it says: in which session, in which request, how long.

use std::collections::{BTreeMap, BTreeSet};

use avouch_events::{Action, Event, Outcome};
use http::StatusCode;
use serde_json::Value;

use crate::harness::{Browser, Options, Service, User, within};

/// Everything that the trail has of somebody, oldest first, once it has their newest act.
fn events_of(service: &Service, user: &User, newest: &str) -> Vec<Event> {
    let words = ["--who", &user.email, "--action"];
    let all = || -> Vec<Event> {
        let rows = |action: Action| {
            let action = action.to_string();
            let asked = [
                &["audit", "search", "--limit", "1000"],
                &words[..],
                &[&*action],
            ]
            .concat();
            service.ask(&asked)["rows"].as_array().unwrap().clone()
        };
        let mut rows: Vec<Value> = Action::ALL.into_iter().flat_map(rows).collect();
        rows.sort_by_key(|row| row["index"].as_u64());
        rows.iter().map(super::trail::event).collect()
    };
    let last = |events: &Vec<Event>| {
        events
            .iter()
            .any(|event| event.object.starts_with(newest) && event.outcome == Outcome::Done)
    };
    within(30, || Some(all()).filter(&last))
        .unwrap_or_else(|| panic!("no `{newest}` in {:#?}", all()))
}

/// Whether it happens before there is a session: at the sign-in host.
fn is_before_the_session(event: &Event) -> bool {
    event.action == Action::SignIn && event.object.starts_with("sign in")
}

#[track_caller]
fn each_says_in_what_session_and_request_and_how_long(events: &[Event]) {
    for event in events {
        assert_eq!(Action::missing(event), [], "{event:#?}");
        assert!(!event.source.is_empty(), "no source: {event:#?}");
        assert!(!event.correlation.is_empty(), "no request: {event:#?}");
        let timed = event.micros.is_some();
        assert_eq!(timed, event.outcome != Outcome::Intended, "{event:#?}");
        let known = !event.session.is_empty();
        assert_eq!(known, !is_before_the_session(event), "{event:#?}");
    }
    let ended: BTreeSet<&str> = events
        .iter()
        .filter(|event| event.outcome != Outcome::Intended)
        .map(|event| event.correlation.as_str())
        .collect();
    for event in events {
        assert!(
            ended.contains(event.correlation.as_str()),
            "{event:#?} was intended, and nothing is said to have come of it"
        );
    }
    // One session at each host, and one request for each thing done.
    let mut sessions: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for event in events.iter().filter(|event| !event.session.is_empty()) {
        let requests = sessions.entry(&event.session).or_default();
        requests.insert(&event.correlation);
    }
    assert!(sessions.len() <= 2, "{sessions:?}");
}

#[track_caller]
fn seen(events: &[Event], expected: &[(&str, Outcome)]) {
    for (object, outcome) in expected {
        let found = events
            .iter()
            .any(|event| event.object.starts_with(object) && event.outcome == *outcome);
        assert!(found, "no `{object}` {outcome} in {events:#?}");
    }
}

#[test]
fn every_event_of_an_administrators_walk_says_its_session_its_request_and_how_long_it_took() {
    let service = Service::start(Options::default());
    let administrator = service.user("riverside", "administrator");
    let member = service.user("riverside", "member");
    let mut browser = Browser::new(&service);
    let refused = browser.submit("hillside", &administrator, &administrator.password);
    assert_eq!(refused.status, StatusCode::UNAUTHORIZED);
    browser.sign_in("console", &administrator);
    browser.sign_in("riverside", &administrator);
    browser.get("riverside", "/wards/1/assessments/4711");
    browser.get("hillside", "/");

    let new = [
        ("name", "Nia New"),
        ("email", "nia@riverside.example"),
        ("role", "member"),
        ("locality", "Delivery suite"),
    ];
    let added = browser.post("console", "/people", &new);
    assert_eq!(added.status, StatusCode::OK, "{}", added.text());
    let taken = browser.post("console", "/people", &new);
    assert_eq!(taken.status, StatusCode::CONFLICT);
    let people = browser.get("console", "/people").text();
    let nia = person_in(&people, "Nia New");
    let page = browser.get("console", &nia).text();
    assert!(page.contains("Delivery suite"), "{page}");
    let form = browser.get("console", &format!("{nia}/locality")).text();
    assert!(form.contains("value=\"Delivery suite\""), "{form}");
    let place = |browser: &mut Browser, name: &str| {
        browser.post("console", &format!("{nia}/locality"), &[("locality", name)])
    };
    let long = place(&mut browser, &"x".repeat(81));
    assert_eq!(long.status, StatusCode::BAD_REQUEST);
    assert!(long.text().contains("at most 80 letters"));
    let placed = place(&mut browser, "Ward 4");
    assert_eq!(placed.status, StatusCode::SEE_OTHER, "{}", placed.text());
    assert!(browser.get("console", &nia).text().contains("Ward 4"));
    browser.post("console", &format!("{nia}/reset"), &[]);
    browser.post("console", &format!("{nia}/disable"), &[]);

    browser.get("console", "/trail?what=wards");
    let because = ("because", "she asked who looked");
    browser.post("console", "/trail/proofs", &[("what", "wards"), because]);
    for form in ["", "csv"] {
        let fields = [("subject", "4711"), because, ("as", form)];
        let told = browser.post("console", "/subject", &fields);
        assert_eq!(told.status, StatusCode::OK, "{}", told.text());
    }
    let reports = browser.get("console", "/reports").text();
    let report = between(&reports, "href=\"/reports/", "\"");
    browser.get("console", &format!("/reports/{report}"));
    let pack = browser.get("console", "/pack/riverside");
    assert_eq!(pack.status, StatusCode::OK);
    browser.post("console", "/support", &[("words", "The form is slow")]);

    for (path, status) in [("/tenants", 403), ("/pack/hillside", 404)] {
        assert_eq!(browser.get("console", path).status.as_u16(), status);
    }
    let own = person_in(&people, "Ade Administrator");
    for path in ["/checks/run", &format!("{own}/disable")] {
        assert_eq!(browser.post("console", path, &[]).status.as_u16(), 403);
    }
    browser.post("console", "/account/second-factor", &[]);
    let code = [("code", "000000")];
    browser.post("console", "/account/second-factor/confirm", &code);
    browser.post("console", "/account/second-factor/codes", &[]);
    let left = browser.post("console", "/.avouch/leave", &[]);
    assert_eq!(left.status, StatusCode::SEE_OTHER);

    let events = events_of(&service, &administrator, "sign out everywhere");
    each_says_in_what_session_and_request_and_how_long(&events);
    seen(
        &events,
        &[
            ("sign in", Outcome::Refused),
            ("sign in to console", Outcome::Done),
            ("enter console.", Outcome::Done),
            ("enter riverside.", Outcome::Done),
            ("person add", Outcome::Intended),
            ("person add", Outcome::Done),
            ("person add", Outcome::Refused),
            ("person locality", Outcome::Done),
            ("person reset password", Outcome::Done),
            ("person disable", Outcome::Done),
            ("audit trail", Outcome::Done),
            ("audit trail with proofs", Outcome::Done),
            ("audit subject", Outcome::Done),
            ("report ", Outcome::Done),
            ("pack riverside", Outcome::Done),
            ("fault report", Outcome::Done),
            ("GET console.", Outcome::Refused),
            ("POST console.", Outcome::Refused),
            ("set up a second factor", Outcome::Refused),
            ("change the own second factor", Outcome::Refused),
            ("sign out everywhere", Outcome::Done),
        ],
    );
    let placed: Vec<&str> = events
        .iter()
        .filter(|event| event.object == "person locality")
        .filter_map(|event| event.parameters.get("locality").map(String::as_str))
        .collect();
    assert_eq!(placed, ["Ward 4", "Ward 4"], "intended, and done");

    // A door that is not theirs: who it was, and in which session.
    let mut other = Browser::new(&service);
    other.sign_in("riverside", &member);
    let cookie = other.cookie("riverside").unwrap();
    let ask = avouch_evidence::Ask::get("/").with("cookie", cookie);
    other.send("hillside", ask).unwrap();
    let denied = service.audited(&["--tenant", "hillside", "--action", "request"], |row| {
        row["outcome"] == "refused" && row["role"] == "member"
    });
    let denied = super::trail::event(&denied);
    assert_eq!(Action::missing(&denied), [], "{denied:#?}");
    assert_eq!(denied.who.name, "somebody of another organisation");
}

#[test]
fn what_the_supplier_starts_in_the_console_has_an_end_in_the_trail() {
    let service = Service::start(Options::default());
    let supplier = service.user("", "supplier");
    let mut browser = Browser::new(&service);
    browser.sign_in("console", &supplier);
    for (path, fields) in [
        ("/backups/run", &[][..]),
        ("/drills", &[("tenant", "riverside")]),
        ("/checks/run", &[]),
    ] {
        let started = browser.post("console", path, fields);
        assert_eq!(started.status, StatusCode::SEE_OTHER, "{}", started.text());
    }
    let done = |object: &str| {
        let words = ["--who", &supplier.email, "--words", object];
        let all = [&["audit", "search"], &words[..]].concat();
        let over = || {
            let found = service.ask(&all);
            let rows = found["rows"].as_array().unwrap().clone();
            let over = |row: &Value| row["outcome"] != "intended" && row["object"] == object;
            rows.into_iter().find(over)
        };
        // A round of checks takes as long as its slowest check.
        super::trail::event(&within(300, over).unwrap())
    };
    let ended = ["backup riverside", "drill riverside", "run checks"].map(done);
    each_says_in_what_session_and_request_and_how_long(&ended);
}

/// Where the page of somebody is, by their name in the list.
pub fn person_in(list: &str, name: &str) -> String {
    // Their own name stands at the top of the page, too.
    let upto = list.rsplit_once(&format!(">{name}<")).unwrap().0;
    let id = upto.rsplit("href=\"/people/").next().unwrap();
    format!("/people/{}", id.split('"').next().unwrap())
}

fn between<'a>(text: &'a str, before: &str, after: &str) -> &'a str {
    let rest = text.split(before).nth(1).unwrap();
    rest.split(after).next().unwrap()
}
