//! The trail sent on by a running service: to a strict receiver of `_bulk`, and to rsyslog for one tenant alone.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown};

use serde_json::Value;

use crate::harness::{Browser, Options, Place, Service, eventually, within};
use receivers::{Receiver, bulk, rsyslog};

#[path = "../../../events/tests/suite/receivers.rs"]
#[allow(dead_code, reason = "the library's own tests use the rest of it")]
mod receivers;

const CLAIM: &str = "audit.export.siem.within";
const SECRET: &str = "ApiKey bWFya2VkLXNlY3JldC1vZi10aGUtc2llbQ==";

/// A service that sends its trail to these.
fn start(siem: &Receiver, trust: &Receiver) -> Service {
    let place = Place::new();
    fs::create_dir_all(place.join("certs")).unwrap();
    for (receiver, name) in [(siem, "siem.pem"), (trust, "trust.pem")] {
        fs::copy(receiver.authority(), place.join("certs").join(name)).unwrap();
    }
    let keep = "keep = \"8 years\"\n";
    let exports = format!(
        "{keep}\n[[audit.export]]\nname = \"siem\"\nto = \"https://localhost:{}\"\nformat = \"ecs\"\nwithin = \"10 s\"\n\
         authority = \"certs/siem.pem\"\nsecret = \"siem.key\"\n\n\
         [[audit.export]]\nname = \"trust\"\nto = \"tls://localhost:{}\"\nformat = \"syslog\"\nwithin = \"10 min\"\n\
         authority = \"certs/trust.pem\"\ntenants = [\"riverside\"]\n",
        siem.port(),
        trust.port()
    );
    let service = Service::start_at(
        place,
        Options {
            edits: vec![(keep.to_owned(), exports)],
            ..Options::default()
        },
    );
    let keys = service.data().join("keys");
    let (owner, secret) = (fs::metadata(&keys).unwrap(), keys.join("siem.key"));
    fs::write(&secret, format!("{SECRET}\n")).unwrap();
    fs::set_permissions(&secret, fs::Permissions::from_mode(0o600)).unwrap();
    chown(&secret, Some(owner.uid()), Some(owner.gid())).unwrap();
    service
}

/// How the claim stands, and what was seen.
fn judged(service: &Service) -> (String, String) {
    let report = service.avouch(&["--json", "check", CLAIM]).json();
    let claim = &report["claims"][0];
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    (
        text(&claim["status"]),
        text(&claim["checks"][0]["observed"]),
    )
}

/// Waits until the claim stands like this.
#[track_caller]
fn stands(service: &Service, status: &str, says: &str) {
    let mut last = (String::new(), String::new());
    let found = within(120, || {
        last = judged(service);
        (last.0 == status && last.1.contains(says)).then_some(())
    });
    assert!(found.is_some(), "not {status} with `{says}`: {last:?}");
}

/// Every claim that does not stand.
fn fallen(service: &Service) -> Vec<String> {
    let report = service.avouch(&["--json", "check"]).json();
    let claims = report["claims"].as_array().unwrap().iter();
    claims
        .filter(|claim| claim["status"] != "held")
        .map(|claim| claim["id"].as_str().unwrap().to_owned())
        .collect()
}

fn entries(siem: &Receiver) -> BTreeSet<u64> {
    let documents = siem.documents();
    let entries: BTreeSet<u64> = documents
        .iter()
        .map(|(id, _)| id.rsplit('/').next().unwrap().parse().unwrap())
        .collect();
    assert_eq!(entries.len(), documents.len(), "nothing is stored twice");
    entries
}

#[test]
fn a_stopped_receiver_breaks_its_claim_alone_and_gets_all_that_it_missed_once_it_is_back() {
    let (mut siem, mut trust) = (bulk(), rsyslog("ossl"));
    siem.start_bulk(Some(SECRET));
    trust.start_rsyslog();
    let mut service = start(&siem, &trust);
    stands(&service, "held", "was found there");

    siem.stop();
    let mut browser = Browser::new(&service);
    browser.sign_in("riverside", &service.user("riverside", "member"));
    stands(&service, "broken", "the receiver cannot be reached");
    let mut last = Vec::new();
    let alone = within(60, || {
        last = fallen(&service);
        (last == [CLAIM]).then_some(())
    });
    assert!(alone.is_some(), "{last:?}");
    let doctor = service.avouch(&["doctor"]);
    assert_eq!(doctor.code, 1);
    let said = doctor.out.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(
        said.contains(
            "mend `siem` receives nothing of the audit trail: the receiver cannot be reached"
        ),
        "{said}"
    );
    assert!(
        said.contains("ok `trust` receives the audit trail"),
        "{said}"
    );

    // Killed, so that nothing could be put in order for the way back.
    service.end_at_once();
    service.up().unwrap();
    siem.start_bulk(Some(SECRET));
    stands(&service, "held", "was found there");
    service.audited(&["--words", "export siem"], |row| {
        row["reason"] == "the receiver takes events again"
    });

    let file = service.place().join("all.json");
    let path = file.to_str().unwrap();
    service.ask(&[
        "audit",
        "export",
        "--format",
        "json",
        "--because",
        "to compare",
        "-o",
        path,
    ]);
    let recorded: BTreeSet<u64> = fs::read_to_string(&file)
        .unwrap()
        .lines()
        .map(|line| {
            serde_json::from_str::<Value>(line).unwrap()["ledger"]["index"]
                .as_u64()
                .unwrap()
        })
        .collect();
    eventually("everything to arrive", 60, || {
        entries(&siem).is_superset(&recorded).then_some(())
    });
    let lines = trust.received(1);
    assert!(
        lines
            .iter()
            .all(|line| line.contains(" tenant=\"riverside\" ")),
        "another's event was sent"
    );
    assert!(
        lines
            .iter()
            .any(|line| line.contains(" action=\"sign-in\" "))
    );
}
