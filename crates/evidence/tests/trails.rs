//! Events that were taken away with their proofs: what a verifier confirms, where it sees gaps, and what it refuses.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test may stop at the first surprise"
)]

use avouch_evidence::verify::{Refusal, TrailReport, is_trail, trail};
use avouch_evidence::{Entry, Trail};
use avouch_ledger::verify::Policy;
use avouch_ledger::{Draft, Kind, Ledger, LogKey, Options, commit};
use aws_lc_rs::signature::Ed25519KeyPair;
use base64::{Engine as _, engine::general_purpose::STANDARD};

const SEED: [u8; 32] = [7; 32];
const LOG: &str = "acuity.example/ledger";
const SALT: [u8; 32] = [5; 32];

fn vkey() -> String {
    LogKey::from_seed(LOG, &SEED).unwrap().vkey()
}

fn policy(text: &str) -> Policy {
    text.parse().unwrap()
}

/// A signed note over this text, by the log's key.
fn note(text: &str) -> String {
    let key = Ed25519KeyPair::from_seed_unchecked(&SEED).unwrap();
    let id = hex::decode(vkey().split('+').nth(1).unwrap()).unwrap();
    let signature = [id.as_slice(), key.sign(text.as_bytes()).as_ref()].concat();
    format!("{text}\n\u{2014} {LOG} {}\n", STANDARD.encode(signature))
}

/// What the event at this place says: every third is the other customer's.
fn payload(index: u64) -> (String, [u8; 16]) {
    let (tenant, stream) = match index % 3 {
        2 => ("hillside", [2; 16]),
        _ => ("riverside", [1; 16]),
    };
    let event = serde_json::json!({
        "version": 2, "at": "2026-10-05T12:00:00Z", "who": { "id": "p1", "name": "ann@riverside.test", "role": "member" },
        "tenant": tenant, "action": "record-opened", "object": format!("GET /records/{index}"), "outcome": "done",
        "subjects": [index.to_string()],
    });
    (event.to_string(), stream)
}

/// A file with these entries of a ledger of twelve, said to be of riverside.
fn taken(entries: &[u64]) -> String {
    let folder = tempfile::tempdir().unwrap();
    let key = LogKey::from_seed(LOG, &SEED).unwrap();
    let ledger = Ledger::open(folder.path(), key, &Options::default()).unwrap();
    let drafts = (0..12).map(|index| {
        let (payload, stream) = payload(index);
        Draft {
            kind: Kind::Event,
            stream,
            time: "2026-10-05T12:00:00Z".parse().unwrap(),
            commitment: commit(&SALT, payload.as_bytes()),
            sealed: vec![0; 4],
        }
    });
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    let published = runtime.block_on(async {
        ledger.append_all(drafts.collect()).await.unwrap();
        ledger.publish().await.unwrap()
    });
    let reader = ledger.reader();
    let events = entries.iter().map(|&index| {
        let proof = reader.inclusion_proof(index, published.size).unwrap();
        Entry {
            index,
            leaf: hex::encode(reader.read(index).unwrap().leaf.encode()),
            salt: hex::encode(SALT),
            payload: payload(index).0,
            proof: proof.iter().map(|hash| STANDARD.encode(hash)).collect(),
        }
    });
    let trail = Trail {
        format: Trail::FORMAT,
        service: "acuity.example".to_owned(),
        tenant: Some("riverside".parse().unwrap()),
        made: "2026-11-22T12:00:00Z".parse().unwrap(),
        asked: [("who".to_owned(), "ann".to_owned())].into(),
        key: vkey(),
        checkpoint: published.text,
        entries: entries.to_vec(),
        events: events.collect(),
    };
    let (lines, text) = trail.body().unwrap();
    format!("{lines}{}", note(&text))
}

fn verified(text: &str) -> Result<TrailReport, Refusal> {
    assert!(is_trail(text));
    trail(text, Some(&policy(&format!("log {}\n", vkey()))))
}

#[test]
fn a_whole_stretch_of_a_trail_is_confirmed_event_by_event_with_nothing_left_out() {
    let report = verified(&taken(&[3, 4, 6, 7])).unwrap();
    assert!(report.gaps.is_empty());
    let read: Vec<u64> = report.events.iter().map(|event| event.index).collect();
    assert_eq!(read, [3, 4, 6, 7]);
    assert_eq!(report.events[1].object, "GET /records/4");
    let said = report.confirmed.join(" ");
    for words in [
        "a key that you pinned",
        "4 events are in that log of 12 entries, word for word",
        "From entry 3 to entry 7 nothing of the same trail is left out.",
    ] {
        assert!(said.contains(words), "{said}");
    }
}

#[test]
fn an_event_that_is_left_out_shows_as_a_gap_although_the_supplier_signed_the_file() {
    let report = verified(&taken(&[3, 6, 10])).unwrap();
    assert_eq!(report.gaps, [(3, 6), (6, 10)]);
    let said = report.not_confirmed.join(" ");
    assert!(
        said.contains("has events between entries 3 and 6; 6 and 10 that are not in this file"),
        "{said}"
    );
    assert!(said.contains("(who `ann`)"), "{said}");
}

#[test]
fn an_altered_byte_of_any_event_is_refused_with_the_entry_that_does_not_fit() {
    let sound = taken(&[3, 4, 6]);
    let lines: Vec<&str> = sound.split_inclusive('\n').collect();
    for (place, index) in [(1, 3), (2, 4), (3, 6)] {
        for at in 0..lines[place].len() - 1 {
            let mut line = lines[place].as_bytes().to_vec();
            line[at] ^= 1;
            let Ok(line) = String::from_utf8(line) else {
                continue;
            };
            let altered = [&lines[..place], &[line.as_str()], &lines[place + 1..]]
                .concat()
                .concat();
            let refused = verified(&altered).unwrap_err();
            assert!(
                refused.why.contains(&format!("entry {index}")),
                "byte {at} of entry {index}: {refused}"
            );
        }
    }
}

#[test]
fn an_altered_question_or_signature_is_refused() {
    let sound = taken(&[3, 4]);
    for (from, to) in [
        ("\"ann\"", "\"bob\""),
        ("sha256 ", "sha512 "),
        ("\"service\":\"acuity", "\"service\":\"acuitx"),
    ] {
        let altered = sound.replacen(from, to, 1);
        assert_ne!(altered, sound);
        verified(&altered).unwrap_err();
    }
    let other = LogKey::from_seed(LOG, &[8; 32]).unwrap().vkey();
    let refused = trail(&sound, Some(&policy(&format!("log {other}\n")))).unwrap_err();
    assert_eq!(refused.part, "checkpoint");
}

#[test]
fn another_customers_event_does_not_belong_in_the_file() {
    let refused = verified(&taken(&[3, 5])).unwrap_err();
    assert!(
        refused
            .why
            .contains("entry 5: it is about another customer"),
        "{refused}"
    );
}

#[test]
fn without_a_policy_the_signer_is_unknown() {
    let report = trail(&taken(&[3, 4]), None).unwrap();
    assert!(!report.signer_known);
    assert!(report.not_confirmed[0].starts_with("Signer unknown"));
}
