//! The main line, end to end, as a newcomer walks it.

use std::fs;
use std::process::Command;

use http::StatusCode;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::Value;

use crate::harness::{
    Browser, Done, Entry, Options, Service, avouch, avouch_binary, run, shared, within,
};

/// The day before yesterday: a period that has begun, and that the demo's figures leave free.
fn entry(midwives: u32) -> Entry {
    let day = Timestamp::now()
        .to_zoned(TimeZone::UTC)
        .date()
        .checked_sub(jiff::Span::new().days(2))
        .unwrap();
    Entry {
        ward: 2,
        day,
        period: 4,
        midwives,
    }
}

#[test]
fn a_member_signs_in_enters_an_assessment_sees_it_and_it_is_audited() {
    let service = shared();
    let member = service.user("riverside", "member");
    let mut browser = Browser::new(service);
    let page = browser.sign_in("riverside", &member);
    assert_eq!(page.status, StatusCode::OK, "{}", page.text());

    let at = browser.enter("riverside", &entry(7)).unwrap();
    let id = at.rsplit('/').next().unwrap();
    let record = browser.get("riverside", &at);
    assert_eq!(record.status, StatusCode::OK);
    assert!(
        record.text().contains("Midwives on duty"),
        "{}",
        record.text()
    );

    let row = |object: &str| {
        service.audited(
            &[
                "--subject",
                id,
                "--tenant",
                "riverside",
                "--outcome",
                "done",
            ],
            |row| row["object"] == object,
        )
    };
    let (made, opened) = (row("POST /wards/2/assessments"), row(&format!("GET {at}")));
    assert_eq!(opened["action"], "record-opened", "{opened}");
    for row in [&made, &opened] {
        assert_eq!(row["who"], member.email.as_str(), "{row}");
        assert_eq!(row["source"], "127.0.0.1", "{row}");
    }
    let intent = service.audited(&["--outcome", "intended", "--tenant", "riverside"], |row| {
        row["correlation"] == made["correlation"]
    });
    assert!(
        intent["index"].as_u64() < made["index"].as_u64(),
        "the outcome stands before the intent"
    );
}

#[test]
fn a_correction_is_kept_under_the_same_record() {
    let service = shared();
    let mut browser = Browser::new(service);
    browser.sign_in("hillside", &service.user("hillside", "member"));
    let first = entry(3);
    let at = browser.enter("hillside", &first).unwrap();
    let corrected = Entry {
        midwives: 9,
        ..first
    };
    let fields: Vec<(&str, &str)> = Vec::new();
    assert_eq!(
        browser.post("hillside", &at, &fields).status,
        StatusCode::UNPROCESSABLE_ENTITY
    );
    let body = corrected.body();
    let fields: Vec<(&str, &str)> = body
        .split('&')
        .filter_map(|pair| pair.split_once('='))
        .collect();
    let answer = browser.post("hillside", &at, &fields);
    assert_eq!(
        answer.header("location"),
        Some(at.as_str()),
        "{}",
        answer.text()
    );
    assert!(browser.get("hillside", &at).text().contains("value=\"9\""));
}

#[test]
fn the_audit_trail_verifies_with_nothing_but_its_public_key() {
    let service = shared();
    let key = fs::read_to_string(service.data().join("run/log.vkey")).unwrap();
    service
        .avouch(&["--json", "audit", "verify", "--key", key.trim()])
        .with(0);
    let (name, rest) = key.trim().split_once('+').unwrap();
    let foreign = format!("{name}+00000000+{}", rest.split_once('+').unwrap().1);
    service
        .avouch(&["audit", "verify", "--key", &foreign])
        .with(2);
}

#[test]
fn a_drill_restores_compares_and_starts_the_application_in_the_promised_time() {
    let service = shared();
    let drill = service.ask(&["drill", "run", "riverside"]);
    assert_eq!(drill["held"], true, "{drill}");
    let steps: Vec<&str> = drill["steps"]
        .as_array()
        .unwrap()
        .iter()
        .map(|step| step["step"].as_str().unwrap_or_else(|| panic!("{drill}")))
        .collect();
    assert_eq!(
        steps,
        ["restore", "compare", "rehearse", "destroy"],
        "{drill}"
    );
    let listed = service.ask(&["drill", "list"]);
    assert!(
        listed
            .as_array()
            .unwrap()
            .iter()
            .any(|row| row["id"] == drill["id"]),
        "{listed}"
    );
}

#[test]
fn every_claim_is_held_and_every_requirement_of_the_demo_is_met() {
    let service = shared();
    // The platform's first drill may still be under way when the service says that it serves.
    let mut last = None;
    let _ = within(60, || {
        let report = last.insert(service.avouch(&["--json", "check"]));
        (report.code == 0).then_some(())
    });
    let report = last.unwrap();
    let claims: Vec<String> = report.json()["claims"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|claim| claim["status"] != "held")
        .map(|claim| format!("{} {}: {}", claim["status"], claim["id"], claim["why"]))
        .collect();
    assert!(claims.is_empty(), "{claims:#?}");
    assert_eq!(report.code, 0);

    let coverage = service.ask(&["coverage", "--set", "demo"]);
    let unmet: Vec<&Value> = coverage["requirements"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|one| one["status"] != "met")
        .collect();
    assert!(unmet.is_empty(), "{unmet:#?}");
}

/// The two places where numbers are entered.
const ENTRY: &str = "[[gateway.entry]]
name = \"assessment\"
method = \"POST\"
path = \"/wards/{ward}/assessments\"
accept = \"numbers\"
digits = 4
";
const CORRECTION: &str = "[[gateway.entry]]
name = \"correction\"
method = \"POST\"
path = \"/wards/{ward}/assessments/{id}\"
accept = \"numbers\"
digits = 4
";

#[test]
fn a_lowered_figure_never_leaves_its_requirement_met() {
    let lowered = [
        ("length = 12", "length = 8", "hub4-password-12"),
        (
            "minimum = \"1.2\", ciphers = \"256-bit\"",
            "minimum = \"1.2\", ciphers = \"128-bit\"",
            "hub4-cipher-256",
        ),
        (
            "daily = \"14 d\"",
            "daily = \"13 d\"",
            "hub4-backup-daily-2w",
        ),
        (
            "weekly = \"2 months\"",
            "weekly = \"8 weeks\"",
            "hub4-backup-weekly-2m",
        ),
        (
            "monthly = \"2 years\"",
            "monthly = \"23 months\"",
            "hub4-backup-monthly-2y",
        ),
        (
            "back-within = \"15 min\"",
            "back-within = \"16 min\"",
            "maiya-dr-quarterly",
        ),
        (CORRECTION, "", "brp-numeric-only"),
        (
            "before-effect = true",
            "before-effect = false",
            "brp-gap-no-user-audit",
        ),
        (
            "keep = \"8 years\"",
            "keep = \"7 years\"",
            "brp-gap-no-user-audit",
        ),
        (
            "restart-within = \"10 s\"",
            "restart-within = \"11 s\"",
            "brp-gap-manual-restart",
        ),
        (
            "every = \"quarter\"",
            "every = \"4 months\"",
            "maiya-dr-quarterly",
        ),
        (ENTRY, "", "brp-numeric-only"),
        ("weekly = \"2 months\", ", "", "hub4-backup-weekly-2m"),
        (", monthly = \"2 years\"", "", "hub4-backup-monthly-2y"),
        (
            "kind = \"sqlite\"\npath = \"$DATA/acuity.db\"",
            "kind = \"files\"\npath = \"$DATA\"",
            "brp-backup-atomic",
        ),
        (
            "scheme = \"ISO/IEC 27001\"",
            "scheme = \"Cyber Essentials\"",
            "hub4-provider-iso27001",
        ),
        (
            "name = \"ig-lead\"",
            "name = \"clinical-safety\"",
            "ig13-114-lead",
        ),
        (
            "management = \"every-action\"",
            "",
            "ig13-206-control-plane",
        ),
    ];
    let place = crate::harness::Place::new();
    for (from, to, requirement) in lowered {
        let path = place.statement(&[(from.to_owned(), to.to_owned())]);
        let path = path.to_str().unwrap();
        let absent = place.join("nowhere");
        let done = avouch([
            "--json",
            "-c",
            path,
            "--data",
            absent.to_str().unwrap(),
            "coverage",
            "--set",
            "demo",
        ]);
        assert_eq!(done.code, 1, "{to}: {done:?}");
        let found = self::requirement(&done.json(), requirement);
        assert_eq!(found["status"], "gap", "{to}: {found}");
    }
}

/// What is served is held, and it is still not what the requirement asks.
#[test]
fn a_lowered_figure_is_a_gap_on_a_running_service_and_a_promise_not_kept_is_broken() {
    let lowered = ("restart-within = \"10 s\"", "restart-within = \"11 s\"");
    let service = Service::start(Options {
        edits: vec![(lowered.0.to_owned(), lowered.1.to_owned())],
        ..Options::default()
    });
    let checked = service
        .avouch(&["--json", "check", "runtime.restart-within"])
        .with(0)
        .json();
    assert_eq!(checked["claims"][0]["status"], "held", "{checked}");
    let done = service.avouch(&["--json", "coverage", "--set", "demo"]);
    assert_eq!(done.code, 1, "{done:?}");
    let found = requirement(&done.json(), "brp-gap-manual-restart");
    assert_eq!(found["status"], "gap", "{found}");
    assert!(found["why"].as_str().unwrap().contains("11 s"), "{found}");

    // A promise that is large enough and not kept is no gap.
    let certificate = service
        .data()
        .join("core/statement/certs/example-iso27001.txt");
    fs::write(&certificate, "another").unwrap();
    service.avouch(&["check", "inherited.data-centre"]).with(1);
    let done = service.avouch(&["--json", "coverage", "--set", "demo"]);
    let found = requirement(&done.json(), "hub4-provider-iso27001");
    assert_eq!(found["status"], "broken", "{found}");
}

/// The answer to one requirement.
#[track_caller]
fn requirement(coverage: &Value, id: &str) -> Value {
    let all = coverage["requirements"].as_array().unwrap();
    let found = all.iter().find(|one| one["id"] == id);
    found
        .unwrap_or_else(|| panic!("no {id} in {coverage}"))
        .clone()
}

#[test]
fn the_statement_is_printed_as_json_as_markdown_and_as_a_page() {
    let service = shared();
    let report = service
        .avouch(&["statement", "--format", "json"])
        .with(0)
        .json();
    let claims = report["claims"].as_array().unwrap();
    assert!(claims.len() > 25, "{} claims", claims.len());
    let (text, page) = (
        service.avouch(&["statement"]).with(0).out,
        service
            .avouch(&["statement", "--format", "html"])
            .with(0)
            .out,
    );
    for claim in claims {
        let sentence = claim["text"].as_str().unwrap();
        assert!(text.contains(sentence), "not in the document: {sentence}");
        assert!(
            !claim["limits"].as_str().unwrap().is_empty(),
            "nothing is said of what is not tried: {claim}"
        );
    }
    assert!(page.starts_with("<!doctype html>"), "{page}");
}

#[test]
fn the_statement_as_a_pdf_says_the_same_in_text_that_can_be_selected() {
    let service = shared();
    let path = service.place().join("statement.pdf");
    let words = format!(
        "{} -c {} --data {} statement --format pdf > {}",
        avouch_binary().display(),
        service.statement().display(),
        service.data().display(),
        path.display()
    );
    run("sh", ["-c", &words]);
    let text = run("pdftotext", ["-layout", path.to_str().unwrap(), "-"]);
    let spoken = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let read = spoken(&run("pdftotext", ["-raw", path.to_str().unwrap(), "-"]));
    let report = service
        .avouch(&["statement", "--format", "json"])
        .with(0)
        .json();
    assert!(read.contains(report["statement"].as_str().unwrap()));
    for claim in report["claims"].as_array().unwrap() {
        let sentence = spoken(claim["text"].as_str().unwrap());
        // A page may end within it; its beginning stays together.
        let beginning: String = sentence.chars().take(60).collect();
        assert!(read.contains(&beginning), "{beginning}: {text}");
    }
    assert!(text.contains("page 2 of "), "{text}");
}

/// Runs a command of ours where there is no network, not even to this machine.
fn without_network(words: &[&str]) -> Done {
    let mut command = Command::new("unshare");
    command.arg("-rn").arg(avouch_binary()).args(words);
    command.output().unwrap().into()
}

#[test]
fn a_pack_verifies_offline_with_a_pinned_key_and_is_of_an_unknown_signer_without_one() {
    let service = shared();
    let file = service.place().join("riverside.pack");
    let file = file.to_str().unwrap();
    let summary = service.ask(&["pack", "riverside", "-o", file]);
    let policy = service.place().join("policy");
    fs::write(
        &policy,
        format!(
            "# from the contract\nlog {}\n",
            summary["key"].as_str().unwrap()
        ),
    )
    .unwrap();

    let known = without_network(&[
        "--json",
        "verify",
        file,
        "--policy",
        policy.to_str().unwrap(),
    ]);
    let known = known.with(0).json();
    assert_eq!(known["signer_known"], true, "{known}");
    let confirmed: Vec<&str> = known["confirmed"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(Value::as_str)
        .collect();
    assert!(
        confirmed
            .iter()
            .any(|one| one.contains("the key that you pinned")),
        "{confirmed:?}"
    );
    assert!(
        confirmed
            .iter()
            .any(|one| one.contains("none between them is missing")),
        "{confirmed:?}"
    );

    let unknown = without_network(&["--json", "verify", file]).with(1).json();
    assert_eq!(unknown["signer_known"], false, "{unknown}");
}

#[test]
fn stopping_leaves_no_process_and_starting_again_shows_the_same_people() {
    let mut service = Service::start(Options::default());
    let before = service.user("riverside", "member");
    let status = service.stop();
    assert!(status.success(), "{status}: {}", service.tail());
    service.up().unwrap();
    let after = service.user("riverside", "member");
    assert_eq!(before.password, after.password);
    assert_eq!(
        Browser::new(&service).sign_in("riverside", &after).status,
        StatusCode::OK
    );
}
