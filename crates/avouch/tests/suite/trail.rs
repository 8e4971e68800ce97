//! What the trail says of each event, in a real service: where somebody belongs, which version ran, what a claim did.

use avouch_events::{Action, Event};
use serde_json::Value;

use crate::harness::{Browser, Options, Service, run, shared};

/// A row of a search as the event that it is.
pub fn event(row: &Value) -> Event {
    let mut fields = row.clone();
    fields["who"] = serde_json::json!({ "id": row["id"], "name": row["who"], "role": row["role"] });
    fields["version"] = 2.into();
    serde_json::from_value(fields).unwrap()
}

#[test]
fn every_event_of_a_service_in_use_says_what_the_catalogue_promises() {
    let service = shared();
    let mut browser = Browser::new(service);
    browser.get("riverside", "/wards/1/assessments/12");
    browser.sign_in("riverside", &service.user("riverside", "member"));
    browser.get("riverside", "/wards/1/assessments/12");
    browser.get("hillside", "/");
    let mut seen = std::collections::BTreeSet::new();
    for action in Action::ALL {
        let found = service.ask(&[
            "audit",
            "search",
            "--limit",
            "1000",
            "--action",
            &action.to_string(),
        ]);
        for row in found["rows"].as_array().unwrap() {
            let event = event(row);
            assert_eq!(Action::missing(&event), [], "{row}");
            assert!(
                !event.release.is_empty() && !event.application.is_empty(),
                "{row}"
            );
            seen.insert(event.action.to_string());
        }
    }
    for action in [
        "sign-in",
        "request",
        "record-opened",
        "administration",
        "drill",
        "backup",
        "release",
        "system",
    ] {
        assert!(seen.contains(action), "no {action} among {seen:?}");
    }
}

#[test]
fn a_persons_events_say_where_they_belonged_when_it_happened() {
    let service = Service::start(Options {
        edits: vec![(
            "health = \"/health\"".to_owned(),
            "health = \"/health\"\nversion = \"2.4.1\"".to_owned(),
        )],
        ..Options::default()
    });
    let member = service.user("riverside", "member");
    service
        .avouch(&["user", "locality", "nobody@example.test", "Ward 3"])
        .with(2);
    let said = service
        .avouch(&["user", "locality", &member.email, "Delivery suite"])
        .with(0)
        .out;
    assert!(said.contains("belongs to Delivery suite"), "{said}");
    let mut browser = Browser::new(&service);
    browser.sign_in("riverside", &member);
    browser.get("riverside", "/wards/1/assessments/3131");
    let opened = service.audited(
        &["--locality", "Delivery suite", "--subject", "3131"],
        |_| true,
    );
    assert_eq!(opened["who"], member.email);
    let version = opened["application"].as_str().unwrap();
    assert!(version.starts_with("2.4.1 "), "{version}");
    service
        .avouch(&["user", "locality", &member.email, ""])
        .with(0);
    browser.get("riverside", "/wards/1/assessments/3132");
    let opened = service.audited(&["--subject", "3132"], |_| true);
    assert_eq!(opened["locality"], "");
    let managed = service.audited(&["--words", "user locality"], |row| {
        row["outcome"] == "done"
    });
    assert!(managed["micros"].is_u64(), "{managed}");
}

#[test]
fn another_program_in_the_applications_place_is_a_release_in_every_trail_once() {
    let mut service = Service::start(Options::default());
    let releases = |service: &Service| {
        let found = service.ask(&["audit", "search", "--action", "release"]);
        found["rows"].as_array().unwrap().clone()
    };
    let first = releases(&service);
    assert_eq!(first.len(), 3, "two tenants and the platform");
    service.stop();
    service.up().unwrap();
    assert_eq!(
        releases(&service).len(),
        3,
        "the same program again is no release"
    );
    service.stop();
    let statement = std::fs::read_to_string(service.statement()).unwrap();
    let declared = statement.replace(
        "health = \"/health\"",
        "health = \"/health\"\nversion = \"2.5\"",
    );
    std::fs::write(service.statement(), declared).unwrap();
    service.up().unwrap();
    let second = releases(&service);
    assert_eq!(second.len(), 6);
    let newest = &second[0]["parameters"];
    assert_eq!(newest["version"], "2.5");
    assert_eq!(newest["sha256"], newest["sha256-before"]);
    let program = service.data().join("bin/acuity");
    let digest = run("sha256sum", [program.to_str().unwrap()]);
    assert!(
        digest.starts_with(newest["sha256"].as_str().unwrap()),
        "{digest}"
    );
}

#[test]
fn a_claim_that_breaks_and_is_mended_leaves_one_finding_each_way() {
    let service = Service::start(Options::default());
    let claim = "inherited.data-centre";
    service.avouch(&["check", claim]).with(0);
    let file = service
        .data()
        .join("core/statement/certs/example-iso27001.txt");
    let sound = std::fs::read(&file).unwrap();
    std::fs::write(&file, "another certificate").unwrap();
    service.avouch(&["check", claim]).with(1);
    service.avouch(&["check", claim]).with(1);
    std::fs::write(&file, sound).unwrap();
    service.avouch(&["check", claim]).with(0);
    let found = service.ask(&[
        "audit",
        "search",
        "--action",
        "finding",
        "--words",
        "data-centre",
    ]);
    let told: Vec<(&Value, &Value, &Value)> = found["rows"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| {
            (
                &row["object"],
                &row["parameters"]["before"],
                &row["parameters"]["now"],
            )
        })
        .collect();
    let (claim, held, broken) = (claim.into(), "held".into(), "broken".into());
    assert_eq!(told, [(&claim, &broken, &held), (&claim, &held, &broken)]);
}

#[test]
fn a_statement_that_demands_a_reason_has_no_search_without_one_and_writes_it_down() {
    let service = Service::start(Options {
        edits: vec![(
            "keep = \"8 years\"".to_owned(),
            "keep = \"8 years\"\nreading = { because = \"required\" }".to_owned(),
        )],
        ..Options::default()
    });
    let refused = service.avouch(&["audit", "search", "--words", "start"]);
    assert_ne!(refused.code, 0);
    assert!(
        refused.err.contains("read only by those who say why") && refused.err.contains("--because"),
        "{refused:?}"
    );
    let why = "who was in last night";
    let found = service.ask(&["audit", "search", "--action", "search", "--because", why]);
    let rows = found["rows"].as_array().unwrap();
    let own = rows.iter().find(|row| row["parameters"]["because"] == why);
    assert_eq!(own.unwrap()["outcome"], "intended");
    assert!(
        rows.iter()
            .any(|row| row["outcome"] == "refused" && row["parameters"]["words"] == "start")
    );
    let mut browser = Browser::new(&service);
    browser.sign_in("console", &service.user("riverside", "administrator"));
    let page = browser.get("console", "/trail?what=start");
    assert_eq!(page.status, 400, "{}", page.text());
    assert!(page.text().contains("Say why you look"));
    let page = browser.get("console", "/trail?what=start&why=the+night+shift");
    assert_eq!(page.status, 200, "{}", page.text());
    service.audited(&["--because", why, "--action", "search"], |row| {
        row["parameters"]["because"] == "the night shift"
    });
    assert_eq!(service.avouch(&["check", "audit.management"]).code, 0);
}
