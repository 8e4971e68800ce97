//! The whole walk: who opened this record, an answer that anybody can check, and what happens when it is rewritten.

use std::fs;
use std::path::{Path, PathBuf};

use http::StatusCode;
use serde_json::Value;

use crate::harness::{Browser, Done, Options, Place, Service, avouch, run, shared};
use crate::witness::{Witness, second};

/// Whose record it is: an NHS number of those that are for tests.
const RECORD: &str = "9990000018";

/// A service whose ledger a customer's machine witnesses.
struct Witnessed {
    service: Service,
    witness: Witness,
    /// The customer's own place: the witness's state, what was taken away, whom they trust.
    place: Place,
    policy: PathBuf,
}

fn witnessed() -> Witnessed {
    let mut service = Service::start(Options::default());
    let log = fs::read_to_string(service.data().join("run/log.vkey")).unwrap();
    service.stop();
    let place = Place::new();
    let witness = Witness::start(&place, log.trim());
    witness.named_by(&service);
    service.up().unwrap();
    let policy = place.join("policy");
    let trust = format!(
        "log {}\nwitness trust {}\nquorum trust\n",
        log.trim(),
        witness.key
    );
    fs::write(&policy, trust).unwrap();
    Witnessed {
        service,
        witness,
        place,
        policy,
    }
}

impl Witnessed {
    /// A member looks for a record, and an administrator of the same organisation asks in the console who did.
    fn taken(&self) -> PathBuf {
        let service = &self.service;
        let mut member = Browser::new(service);
        member.sign_in("riverside", &service.user("riverside", "member"));
        let looked = member.get("riverside", &format!("/wards/1/assessments/{RECORD}"));
        assert!(looked.status.is_client_error(), "{}", looked.status);

        let mut console = Browser::new(service);
        console.sign_in("console", &service.user("riverside", "administrator"));
        let spaced = "999 000 0018";
        let because = ("because", "she asked who looked");
        let page = console.post("console", "/subject", &[("subject", spaced), because]);
        assert_eq!(page.status, StatusCode::OK, "{}", page.text());
        for text in ["1 access, as of", "127.0.0.1", "shown by their role"] {
            assert!(page.text().contains(text), "{text}: {}", page.text());
        }
        let document = console.post(
            "console",
            "/subject",
            &[("subject", spaced), because, ("as", "pdf")],
        );
        let pdf = self.place.join("record.pdf");
        fs::write(&pdf, &document.body).unwrap();
        let read = run("pdftotext", ["-layout", pdf.to_str().unwrap(), "-"]);
        assert!(
            read.contains(&format!("Who opened the record {RECORD}")),
            "{read}"
        );
        assert!(read.contains("record-opened"), "{read}");

        let file = console.post(
            "console",
            "/trail/proofs",
            &[("subject", RECORD), ("outcome", ""), because],
        );
        assert_eq!(file.status, StatusCode::OK, "{}", file.text());
        let taken = self.place.join("taken.avouch-trail");
        fs::write(&taken, &file.body).unwrap();
        taken
    }

    fn verify(&self, file: &Path) -> Done {
        let (file, policy) = (file.to_str().unwrap(), self.policy.to_str().unwrap());
        avouch(["--json", "verify", file, "--policy", policy])
    }

    /// The entries of the ledger on disk, as the product and the second verifier find them.
    fn ledger(&self) -> (Done, (bool, String)) {
        let log = fs::read_to_string(&self.policy).unwrap();
        let key = log.lines().next().unwrap().strip_prefix("log ").unwrap();
        let own = self.service.avouch(&[
            "audit",
            "verify",
            "--key",
            key,
            "--witness",
            &self.witness.key,
        ]);
        let folder = self.service.data().join("core/ledger");
        (own, second(&[Path::new("--ledger"), &self.policy, &folder]))
    }
}

#[test]
fn who_opened_a_record_is_found_proved_to_two_verifiers_under_a_witness_and_cannot_be_rewritten() {
    let mut all = witnessed();
    let taken = all.taken();

    let shown = all.verify(&taken).with(0).json();
    assert_eq!(shown["witnesses"][0], "witness.example.test/w", "{shown}");
    let events = shown["events"].as_array().unwrap();
    let opened = events
        .iter()
        .find(|event| event["action"] == "record-opened")
        .unwrap_or_else(|| panic!("{shown}"));
    let member = all.service.user("riverside", "member");
    assert_eq!(opened["who"], member.email.as_str());
    let read = |event: &&Value| event["action"] == "search" || event["action"] == "export";
    assert!(
        events.iter().any(|event| read(&event)),
        "who asked is in it: {shown}"
    );
    let (content, said) = second(&[&all.policy, &taken]);
    assert!(content && said.ends_with("witnessed by trust\n"), "{said}");
    let (own, (content, said)) = all.ledger();
    own.with(0);
    assert!(content && said.contains("witnessed by trust"), "{said}");

    // What the customer has: one byte of the event.
    let entry = opened["index"].as_u64().unwrap();
    let named = format!("entry {entry}");
    let sound = fs::read_to_string(&taken).unwrap();
    let altered = sound.replacen("record-opened", "record-changed", 1);
    fs::write(&taken, altered).unwrap();
    let refused = all.verify(&taken).with(1).json();
    let why = refused["refused"]["why"].as_str().unwrap();
    assert!(why.contains(&named), "{refused}");
    let (content, said) = second(&[&all.policy, &taken]);
    assert!(!content && said.contains(&named), "{said}");
    fs::write(&taken, sound).unwrap();

    // What the supplier has: one byte of the same entry, on the disk.
    all.service.stop();
    flip(&all.service.data().join("core/ledger/journal"), entry);
    let (own, (content, said)) = all.ledger();
    assert_eq!(own.code, 1, "{own:?}");
    assert!(own.err.contains(&named), "{own:?}");
    assert!(!content && said.contains(&named), "{said}");
    let refused = all.service.up().unwrap_err();
    assert!(refused.contains(&named), "{refused}");
    // The answer that was taken away still stands.
    all.verify(&taken).with(0);
}

/// Changes one byte of an entry's leaf in the journal. The layout is that of the ledger's `README.md`.
fn flip(journal: &Path, entry: u64) {
    let mut segments: Vec<PathBuf> = fs::read_dir(journal)
        .unwrap()
        .map(|found| found.unwrap().path())
        .collect();
    segments.sort();
    let mut index = 0;
    for path in segments {
        let mut bytes = fs::read(&path).unwrap();
        let mut place = 24;
        while place + 80 <= bytes.len() {
            let length = u32::from_be_bytes(bytes[place..place + 4].try_into().unwrap());
            if length == 0 {
                break;
            }
            if index == entry {
                bytes[place + 12 + 40] ^= 1;
                fs::write(&path, bytes).unwrap();
                return;
            }
            index += 1;
            place += 12 + length as usize;
        }
    }
    panic!("entry {entry} is not in the journal");
}

#[test]
fn a_search_on_the_machine_itself_is_taken_away_with_proofs_and_shows_what_it_left_out() {
    let service = shared();
    let mut member = Browser::new(service);
    member.sign_in("riverside", &service.user("riverside", "member"));
    for _ in 0..2 {
        member.get("riverside", "/wards/1/assessments/9990000026");
        member.get("riverside", "/");
    }
    let file = service.place().join("searched.avouch-trail");
    let words = [
        "audit",
        "search",
        "--subject",
        "9990000026",
        "--tenant",
        "riverside",
    ];
    let path = file.to_str().unwrap();
    let wrote = service.ask(&[&words[..], &["--proofs", path]].concat());
    assert_eq!(wrote["events"], 2, "{wrote}");

    let shown = avouch(["--json", "verify", path]).with(1).json();
    assert_eq!(shown["signer_known"], false, "{shown}");
    assert_eq!(shown["asked"]["subject"], "9990000026", "{shown}");
    // The pages between the two were not asked for.
    assert_eq!(shown["gaps"].as_array().unwrap().len(), 1, "{shown}");
    let key = fs::read_to_string(service.data().join("run/log.vkey")).unwrap();
    let policy = service.place().join("trail-policy");
    fs::write(&policy, format!("log {}\n", key.trim())).unwrap();
    let said = avouch(["verify", path, "--policy", policy.to_str().unwrap()]).with(0);
    for words in [
        "2 events are in that log",
        "Gaps: the same trail has events between",
    ] {
        assert!(said.out.contains(words), "{said:?}");
    }
    let (content, said) = second(&[&policy, &file]);
    assert!(content, "{said}");
    let nothing = service.avouch(&["audit", "search", "--subject", "nobody", "--proofs", path]);
    assert!(nothing.err.contains("no event fits"), "{nothing:?}");
}
