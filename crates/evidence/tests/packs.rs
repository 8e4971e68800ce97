//! A pack proves which statement its promise was made from.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test may stop at the first surprise"
)]

use avouch_evidence::verify::pack;
use avouch_evidence::{Entry, Finding, InForce, Opened, Pack, PackRound, Promise, Round, Seen};
use avouch_ledger::verify::leaf_hash;
use avouch_ledger::{Kind, Leaf, LogKey};
use avouch_statement::{Assurance, Audience, Claim, ClaimId, Figure, Length, Place, Unit, Verdict};
use aws_lc_rs::signature::Ed25519KeyPair;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use jiff::Timestamp;
use sha2::{Digest as _, Sha256};

const SEED: [u8; 32] = [7; 32];
const LOG: &str = "acuity.example/ledger";

fn sha256(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

fn vkey() -> String {
    LogKey::from_seed(LOG, &SEED).unwrap().vkey()
}

/// A signed note over this text, by the log's key.
fn note(text: &str) -> String {
    let key = Ed25519KeyPair::from_seed_unchecked(&SEED).unwrap();
    let id = hex::decode(vkey().split('+').nth(1).unwrap()).unwrap();
    let signature = [id.as_slice(), key.sign(text.as_bytes()).as_ref()].concat();
    format!("{text}\n\u{2014} {LOG} {}\n", STANDARD.encode(signature))
}

fn promise(sentence: &str) -> (String, InForce) {
    let claim = Claim {
        id: ClaimId::new("audit.keep"),
        text: sentence.to_owned(),
        assurance: Assurance::Enforced,
        audience: Audience::Tenant,
        figure: Figure::Length(Length::new(8, Unit::Year)),
        limits: "Tried each round.".to_owned(),
        fresh_for: Length::new(1, Unit::Day),
        place: Place { line: 3, column: 1 },
    };
    let promise = Promise {
        format: "avouch-promise/v1".to_owned(),
        statement: sha256(b"the whole statement"),
        service: "Acuity".to_owned(),
        supplier: "Example Digital Ltd".to_owned(),
        claims: vec![claim],
    };
    promise.text().unwrap()
}

/// A pack that carries `carried`, of a log whose only round was made under `tried`.
fn packed(carried: &str, tried: &InForce) -> String {
    let seen = Seen::new(&ClaimId::new("audit.keep"), Verdict::Held, "since today");
    packed_with(carried, tried, seen, Some)
}

/// The same of a round that saw this; `show` says whether the customer reads it.
fn packed_with(
    carried: &str,
    tried: &InForce,
    seen: Seen,
    show: fn(Opened) -> Option<Opened>,
) -> String {
    let at: Timestamp = "2026-11-21T12:00:00Z".parse().unwrap();
    let findings = vec![Finding::new("keep", seen, at)];
    let round = Round::make(1, at, tried, None, findings, || [9; 32]).unwrap();
    let payload = round.sealed().unwrap().header;
    let salt = [5; 32];
    let leaf = Leaf {
        kind: Kind::Round,
        node: 1,
        stream: [0; 16],
        previous: None,
        time: at,
        commitment: Sha256::digest(
            [b"avouch-commit/v1\n".as_slice(), &salt, payload.as_bytes()].concat(),
        )
        .into(),
    };
    let leaf = leaf.encode();
    let root = STANDARD.encode(leaf_hash(&leaf));
    let pack = Pack {
        format: "avouch-pack/v2".to_owned(),
        tenant: "riverside".parse().unwrap(),
        made: at,
        promise: carried.to_owned(),
        key: vkey(),
        checkpoint: note(&format!("{LOG}\n1\n{root}\n")),
        rounds: vec![PackRound {
            entry: Entry {
                index: 0,
                leaf: hex::encode(leaf),
                salt: hex::encode(salt),
                payload,
                proof: Vec::new(),
            },
            findings: round.opened.into_iter().map(show).collect(),
        }],
        stream: hex::encode([1; 16]),
        events: Vec::new(),
    };
    let (body, text) = pack.body().unwrap();
    format!("{body}\n{}", note(&text))
}

#[test]
fn a_pack_proves_which_statement_its_promise_was_made_from() {
    let (text, in_force) = promise("Audit entries are kept for 8 years.");
    let report = pack(&packed(&text, &in_force), Some(&vkey())).unwrap();
    assert_eq!(report.statement, sha256(b"the whole statement"));
    assert_eq!(report.service, "Acuity");
    assert_eq!(report.claims[0].verdict, "held");
    let named = |sentence: &String| sentence.contains(&report.statement);
    assert!(report.confirmed.iter().any(named), "{report:?}");
}

#[test]
fn a_promise_that_the_newest_round_did_not_try_is_refused_although_the_supplier_signed_it() {
    let (text, tried) = promise("Audit entries are kept for 8 years.");
    let (other, _) = promise("Audit entries are kept for 80 years.");
    let (elsewhere, none) = (
        InForce {
            statement: sha256(b"another statement"),
            ..tried.clone()
        },
        InForce {
            promise: String::new(),
            ..tried.clone()
        },
    );
    for (carried, tried) in [(&other, &tried), (&text, &elsewhere), (&text, &none)] {
        let refused = pack(&packed(carried, tried), Some(&vkey())).unwrap_err();
        assert_eq!(refused.part, "promise", "{refused}");
    }
}

#[test]
fn a_pack_of_the_format_before_is_refused_by_its_format() {
    let (text, in_force) = promise("Audit entries are kept for 8 years.");
    let old = packed(&text, &in_force).replacen("avouch-pack/v2", "avouch-pack/v1", 1);
    let refused = pack(&old, Some(&vkey())).unwrap_err();
    assert!(refused.why.contains("`avouch-pack/v1`"), "{refused}");
}

#[test]
fn a_withheld_finding_that_is_not_held_is_named_as_a_gap_and_its_verdict_counts() {
    let (text, in_force) = promise("Audit entries are kept for 8 years.");
    let seen = |verdict| Seen::new(&ClaimId::new("audit.keep"), verdict, "a path of ours");
    for (verdict, word) in [(Verdict::Broken, "broken"), (Verdict::Unproven, "unproven")] {
        let file = packed_with(&text, &in_force, seen(verdict), |_| None);
        assert!(!file.contains("a path of ours"));
        let report = pack(&file, Some(&vkey())).unwrap();
        assert_eq!(report.claims[0].verdict, word);
        let gap = format!(
            "Gap: in round 1 the claim `audit.keep` was found {word}, and what was seen is withheld from you."
        );
        let told = |sentence: &String| sentence.starts_with(&gap);
        assert!(report.not_confirmed.iter().any(told), "{report:?}");
    }
    let held = packed_with(&text, &in_force, seen(Verdict::Held), |_| None);
    let report = pack(&held, Some(&vkey())).unwrap();
    let gap = |sentence: &String| sentence.starts_with("Gap:");
    assert!(!report.not_confirmed.iter().any(gap), "{report:?}");
}

/// Each byte is altered in two ways, one of which leaves a letter a letter.
#[test]
fn a_pack_with_any_byte_altered_is_refused() {
    let (text, in_force) = promise("Audit entries are kept for 8 years.");
    let good = packed(&text, &in_force);
    pack(&good, Some(&vkey())).unwrap();
    for at in 0..good.len() {
        for bit in [1, 0x20] {
            let mut bytes = good.clone().into_bytes();
            bytes[at] ^= bit;
            // What is no text is refused before it comes here.
            let Ok(altered) = String::from_utf8(bytes) else {
                continue;
            };
            let verified = pack(&altered, Some(&vkey()));
            assert!(verified.is_err(), "byte {at}, bit {bit}: {altered}");
        }
    }
}
