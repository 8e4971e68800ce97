//! Reading the trail: searches, somebody's report, exports.

use std::fs;

use crate::harness::{Browser, Service, shared};

/// The subject of a record that a member has just opened.
fn opened(service: &Service) -> String {
    let mut browser = Browser::new(service);
    browser.sign_in("riverside", &service.user("riverside", "member"));
    let page = browser.get("riverside", "/wards/1/assessments/7070707");
    assert!(page.status.is_client_error(), "{}", page.status);
    "7070707".to_owned()
}

#[test]
fn a_subject_report_says_who_opened_a_record_in_what_role_and_is_itself_in_the_trail() {
    let service = shared();
    let subject = opened(service);
    let member = service.user("riverside", "member");
    let because = [
        "--because",
        "she asked who looked",
        "--behalf",
        "the patient",
    ];
    let ask = |more: &[&str]| {
        let words = [&["audit", "subject", &subject], &because[..], more].concat();
        service.avouch(&words).with(0)
    };
    let report = service.ask(&[&["audit", "subject", &subject], &because[..]].concat());
    let access = report["rows"]
        .as_array()
        .unwrap()
        .iter()
        .find(|row| row["role"] == "member");
    let access = access.unwrap_or_else(|| panic!("{report}"));
    assert_eq!(access["action"], "record-opened");
    assert_eq!(access["tenant"], "riverside");
    assert_eq!(access["source"], "127.0.0.1");
    // The statement does not name staff.
    for text in [
        report.to_string(),
        ask(&[]).out,
        ask(&["--format", "csv"]).out,
        ask(&["--format", "fhir"]).out,
    ] {
        assert!(
            text.contains(&subject) && !text.contains(&member.email),
            "{text}"
        );
    }
    let read = service.audited(&["--subject", &subject, "--action", "search"], |row| {
        row["outcome"] == "done"
    });
    assert_eq!(read["parameters"]["because"], "she asked who looked");
    assert_eq!(read["behalf"], "the patient");
}

#[test]
fn a_subject_report_needs_a_reason_and_a_sound_number() {
    let service = shared();
    assert_eq!(service.avouch(&["audit", "subject", "77"]).code, 2);
    for (words, says) in [
        (["77", "--because", " "], "`--because` is empty"),
        (
            ["9434765918", "--because", "x"],
            "its check digit does not fit",
        ),
    ] {
        let done = service.avouch(&[&["audit", "subject"], &words[..]].concat());
        assert!(done.code != 0 && done.err.contains(says), "{done:?}");
    }
}

#[test]
fn a_search_is_paged_fits_a_page_and_refuses_a_word_that_no_event_has() {
    let service = shared();
    opened(service);
    let first = service.ask(&["audit", "search", "--limit", "3", "--words", "wards"]);
    let last = first["rows"][2]["index"].as_u64().unwrap();
    assert_eq!(first["next"], last);
    let next = service.ask(&[
        "audit",
        "search",
        "--limit",
        "3",
        "--words",
        "wards",
        "--before",
        &last.to_string(),
    ]);
    assert!(next["rows"][0]["index"].as_u64() < Some(last));
    let text = service.avouch(&["audit", "search"]).with(0).out;
    assert!(
        text.lines().all(|line| line.chars().count() <= 100),
        "{text}"
    );
    let sheet = service
        .avouch(&["audit", "search", "--csv", "--limit", "5"])
        .with(0)
        .out;
    assert_eq!(sheet.lines().count(), 6, "{sheet}");
    let wrong = service.avouch(&["audit", "search", "--outcome", "allowed"]);
    assert!(
        wrong.err.contains("intended, done, refused, failed"),
        "{wrong:?}"
    );
}

#[test]
fn an_export_holds_every_event_once_in_each_format() {
    let service = shared();
    opened(service);
    let folder = tempfile::tempdir().unwrap();
    for (format, lines_for_each, heads) in
        [("json", 1, 0), ("csv", 1, 1), ("ecs", 2, 0), ("fhir", 1, 0)]
    {
        let file = folder.path().join(format);
        let words = [
            "audit",
            "export",
            "--format",
            format,
            "--because",
            "for the archive",
            "--tenant",
            "riverside",
            "-o",
            file.to_str().unwrap(),
        ];
        let events = service.ask(&words)["events"].as_u64().unwrap() as usize;
        assert!(events > 0);
        let text = fs::read_to_string(&file).unwrap();
        if format != "csv" {
            assert_eq!(
                text.lines().count(),
                events * lines_for_each + heads,
                "{format}"
            );
        }
        assert!(!text.contains("hillside"), "{format}");
    }
    let left = service.audited(&["--action", "export"], |row| row["outcome"] == "done");
    assert_eq!(left["parameters"]["because"], "for the archive");
    assert_eq!(left["tenant"], "riverside");
}
