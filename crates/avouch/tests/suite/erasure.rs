//! A tenant that leaves: nothing of it can be read afterwards, others lose nothing, and the ledger still verifies.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::harness::{Browser, Options, Service, within};

/// Stands in what only this tenant's people, data and requests hold.
const MARKED: &str = "zebraquartz";

/// Files under a folder in which the mark stands, in whichever letter case.
fn marked(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let Ok(entries) = fs::read_dir(folder) else {
        return found;
    };
    for path in entries.map(|entry| entry.unwrap().path()) {
        let kind = fs::symlink_metadata(&path).unwrap().file_type();
        if kind.is_dir() {
            found.extend(marked(&path));
        } else if kind.is_file()
            && let Ok(bytes) = fs::read(&path)
            && bytes
                .windows(MARKED.len())
                .any(|window| window.eq_ignore_ascii_case(MARKED.as_bytes()))
        {
            found.push(path);
        }
    }
    found
}

/// What is said of claims that are not held.
fn not_held(report: &Value) -> String {
    report["claims"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|claim| claim["status"] != "held")
        .map(|claim| format!("{}: {}\n", claim["id"], claim["checks"]))
        .collect()
}

#[test]
fn of_a_tenant_that_is_removed_no_marked_word_is_left_and_the_others_lose_nothing() {
    let mut service = Service::start(Options::default());
    // What keeps tenants apart can be tried where there are two.
    service.ask(&["tenant", "add", "lakeside", "--name", "Lakeside Trust"]);
    let email = format!("{MARKED}@riverside.example");
    let added = service.ask(&[
        "user",
        "add",
        &email,
        "--name",
        "Zebraquartz Bloggs",
        "--tenant",
        "riverside",
    ]);
    let mut person = service.user("riverside", "member");
    person.email.clone_from(&email);
    person.password = added["password"].as_str().unwrap().to_owned();
    let mut browser = Browser::new(&service);
    browser.sign_in("riverside", &person);
    browser.get("riverside", &format!("/wards/{MARKED}"));
    let beside = service.data().join("tenants/riverside/data/notes");
    fs::write(&beside, MARKED).unwrap();
    service.audited(&["--tenant", "riverside"], |row| {
        row["object"].as_str().unwrap().contains(MARKED)
    });
    service.avouch(&["backup", "run", "riverside"]).with(0);
    let member = service.user("hillside", "member");
    let latest = service.audited(&["--tenant", "hillside"], |_| true);
    let neighbours = |service: &Service| {
        let until = latest["at"].as_str().unwrap();
        service.ask(&["audit", "search", "--tenant", "hillside", "--until", until])["total"].clone()
    };
    let before = neighbours(&service);
    assert!(
        marked(&service.data()).len() > 2,
        "{:?}",
        marked(&service.data())
    );

    let plan = service.ask(&["tenant", "remove", "riverside"]);
    assert_eq!(plan["executed"], false, "{plan}");
    assert!(plan["snapshots"].as_u64().unwrap() > 0, "{plan}");
    assert!(plan["events"].as_u64().unwrap() > 0, "{plan}");
    service
        .avouch(&["tenant", "remove", "riverside", "--execute"])
        .with(2);
    assert!(
        browser.can_enter("riverside", &person),
        "a plan does nothing"
    );

    let why = "the contract ended";
    let done = service.ask(&[
        "tenant",
        "remove",
        "riverside",
        "--because",
        why,
        "--execute",
    ]);
    assert_eq!(done["executed"], true, "{done}");
    assert!(done["payloads"].as_u64().unwrap() > 0, "{done}");
    let record = done["record"].as_str().unwrap();
    assert!(record.starts_with("erasure of riverside\n"), "{record}");
    assert!(record.contains("\n\n\u{2014} "), "{record}");

    for _ in 0..2 {
        assert_eq!(marked(&service.data()), Vec::<PathBuf>::new());
        for gone in ["tenants/riverside", "backups/local/riverside"] {
            assert!(!service.data().join(gone).exists(), "{gone}");
        }
        service.avouch(&["audit", "verify"]).with(0);
        let listed = service.ask(&["tenant", "list"]).to_string();
        assert!(!listed.contains("riverside"), "{listed}");
        service
            .avouch(&["tenant", "add", "riverside", "--name", "Another"])
            .with(2);
        let told = service.audited(&["--words", "erased"], |row| {
            row["parameters"]["tenant"] == "riverside" && row["reason"] == why
        });
        assert_eq!(told["index"], done["entry"]);
        assert_eq!(neighbours(&service), before);
        assert!(Browser::new(&service).can_enter("hillside", &member));
        let mut last = String::new();
        let held = within(90, || {
            let report = service.avouch(&["--json", "check"]).json();
            last = not_held(&report);
            last.is_empty().then_some(())
        });
        assert!(held.is_some(), "{last}");
        assert_eq!(service.stop().code(), Some(0));
        service.up().unwrap();
    }
}
