//! Packs that were changed: each is refused, and the refusal says what does not fit.

use std::fs;
use std::path::{Path, PathBuf};

use avouch_keyring::{Keyring, Purpose, Source};
use avouch_ledger::LogKey;
use serde_json::Value;

use crate::harness::{Done, Random, avouch, shared};

/// A pack of the shared service, and the policy with its key.
struct Pack {
    text: String,
    policy: PathBuf,
    file: PathBuf,
}

fn pack(name: &str) -> Pack {
    pack_of("riverside", name)
}

fn pack_of(tenant: &str, name: &str) -> Pack {
    let service = shared();
    // Three rounds at least, so that one can be taken out from between.
    for _ in 0..3 {
        service.avouch(&["--json", "check", "attested.*"]);
    }
    let file = service.place().join(name);
    let summary = service.ask(&["pack", tenant, "-o", file.to_str().unwrap()]);
    let policy = service.place().join(&format!("{name}.policy"));
    fs::write(
        &policy,
        format!("log {}\n", summary["key"].as_str().unwrap()),
    )
    .unwrap();
    Pack {
        text: fs::read_to_string(&file).unwrap(),
        policy,
        file,
    }
}

impl Pack {
    #[track_caller]
    fn verify(&self, bytes: &[u8], policy: Option<&Path>) -> Done {
        fs::write(&self.file, bytes).unwrap();
        let mut words = vec![
            "--json".into(),
            "verify".into(),
            self.file.clone().into_os_string(),
        ];
        if let Some(policy) = policy {
            words.extend(["--policy".into(), policy.as_os_str().to_owned()]);
        }
        avouch(words)
    }

    /// Verifies with the pinned key; the part that did not fit, and why.
    #[track_caller]
    fn refusal(&self, bytes: &[u8]) -> (String, String) {
        let done = self.verify(bytes, Some(&self.policy)).with(1);
        let refused = &done.json()["refused"];
        let text = |name: &str| {
            refused[name]
                .as_str()
                .unwrap_or_else(|| panic!("{done:?}"))
                .to_owned()
        };
        (text("part"), text("why"))
    }

    /// Verifies with the pinned key; what the report says is not confirmed.
    #[track_caller]
    fn accepted(&self, bytes: &[u8]) -> Vec<String> {
        let report = self.verify(bytes, Some(&self.policy)).with(0).json();
        serde_json::from_value(report["not_confirmed"].clone()).unwrap()
    }

    fn body(&self) -> avouch_evidence::Pack {
        serde_json::from_str(self.text.split_once('\n').unwrap().0).unwrap()
    }

    /// The pack with its body changed, and signed by whoever holds the service's keys.
    fn signed_anew(&self, change: impl FnOnce(&mut avouch_evidence::Pack)) -> Vec<u8> {
        let mut pack = self.body();
        change(&mut pack);
        let data = shared().data();
        let master = Source::File {
            path: data.join("keys/master.key"),
        };
        let keys = Keyring::unlock(&data.join("core/keys"), &master).unwrap();
        let seed = keys.named(&Purpose::LedgerSigning).unwrap();
        let key = LogKey::from_seed("acuity.localhost/ledger", seed.expose()).unwrap();
        let (line, text) = pack.body().unwrap();
        format!("{line}\n{}", key.sign_text(&text).unwrap()).into_bytes()
    }

    /// The pack with its body changed and its signature left as it was.
    fn changed(&self, change: impl FnOnce(&mut Value)) -> Vec<u8> {
        let (body, note) = self.text.split_once('\n').unwrap();
        let mut body: Value = serde_json::from_str(body).unwrap();
        change(&mut body);
        format!("{body}\n{note}").into_bytes()
    }
}

#[test]
fn a_pack_with_any_one_byte_altered_is_refused() {
    let pack = pack("bytes.pack");
    pack.accepted(pack.text.as_bytes());
    let mut random = Random::new(20_261_122);
    let tries = 60;
    for number in 0..tries {
        // Spread over the whole length, with the signature at the end among them.
        let stretch = pack.text.len() / tries;
        let at = if number == 0 {
            pack.text.len() - 3
        } else {
            number * stretch + random.below(stretch)
        };
        let mut bytes = pack.text.clone().into_bytes();
        bytes[at] = if bytes[at] == b'0' { b'1' } else { b'0' };
        if bytes == pack.text.as_bytes() {
            continue;
        }
        let done = pack.verify(&bytes, Some(&pack.policy));
        assert_eq!(done.code, 1, "byte {at} of {}: {done:?}", pack.text.len());
        assert!(done.err.contains("refused: "), "byte {at}: {done:?}");
    }
}

#[test]
fn a_pack_that_was_cut_off_is_refused_at_every_length() {
    let pack = pack("cut.pack");
    for part in 0..16 {
        let cut = &pack.text.as_bytes()[..pack.text.len() * part / 16];
        assert_eq!(
            pack.verify(cut, Some(&pack.policy)).code,
            1,
            "cut to {part}/16"
        );
    }
}

#[test]
fn a_pack_without_one_of_its_rounds_is_refused() {
    let pack = pack("rounds.pack");
    let rounds = |body: &mut Value| body["rounds"].as_array_mut().unwrap().remove(1);
    let (part, why) = pack.refusal(&pack.changed(|body| drop(rounds(body))));
    assert_eq!(part, "signature", "{why}");
    assert!(why.contains("altered"), "{why}");
}

/// A supplier who holds the log's key could sign a pack that leaves out a round of which the customer had better not hear.
#[test]
fn a_pack_signed_anew_without_one_of_its_rounds_is_refused_and_says_between_which() {
    let pack = pack("signed-anew.pack");
    pack.accepted(&pack.signed_anew(|_| ()));
    let mut around = (0, 0);
    let without = pack.signed_anew(|body| {
        around = (number(&body.rounds[0]), number(&body.rounds[2]));
        body.rounds.remove(1);
    });
    let (part, why) = pack.refusal(&without);
    assert_eq!(part, "rounds", "{why}");
    let (before, after) = around;
    assert!(
        why.starts_with(&format!("round {after} does not follow round {before}: "))
            && why.contains("missing"),
        "{why}"
    );
    let reordered = pack.signed_anew(|body| body.rounds.swap(0, 1));
    assert_eq!(pack.refusal(&reordered).0, "rounds");
    let without = pack.signed_anew(|body| drop(body.events.remove(1)));
    let (part, why) = pack.refusal(&without);
    assert_eq!(part, "events", "{why}");
    assert!(why.contains("an event between them is missing"), "{why}");
}

/// A supplier who signs anew can leave out the newest, and no pack can show it: so the verifier says so, and up to where.
#[test]
fn what_may_follow_the_newest_round_and_event_of_a_pack_is_said_to_be_unconfirmed() {
    let pack = pack("newest.pack");
    let (rounds, events) = (pack.body().rounds, pack.body().events);
    for left_out in [0, 1] {
        let shorter = pack.signed_anew(|body| {
            body.rounds.truncate(rounds.len() - left_out);
            body.events.truncate(events.len() - left_out);
        });
        let unconfirmed = pack.accepted(&shorter);
        let round = number(&rounds[rounds.len() - 1 - left_out]);
        let event = events[events.len() - 1 - left_out].index;
        for said in [
            format!("Rounds of checks after round {round} ("),
            format!("Events of yours after entry {event} ("),
        ] {
            assert!(
                unconfirmed.iter().any(|one| one.starts_with(&said)),
                "not said: {said}: {unconfirmed:#?}"
            );
        }
    }
    let empty = pack.signed_anew(|body| {
        body.rounds.clear();
        body.events.clear();
    });
    let unconfirmed = pack.accepted(&empty).join(" ");
    assert!(
        unconfirmed.contains("no claim is shown to hold")
            && unconfirmed.contains("Whether there are events of yours"),
        "{unconfirmed}"
    );
}

#[test]
fn a_pack_with_a_foreign_entry_is_refused() {
    let pack = pack("foreign.pack");
    let foreign = |body: &mut Value| {
        let events = body["events"].as_array_mut().unwrap();
        let copy = events[0].clone();
        events.push(copy);
    };
    assert_eq!(pack.refusal(&pack.changed(foreign)).0, "signature");
}

/// What proves to be in the ledger, and is signed by the supplier, but is another customer's.
#[test]
fn another_customers_event_or_finding_is_refused_though_the_supplier_signed_it() {
    shared().avouch(&["--json", "check", "tenancy.isolation"]);
    let (ours, theirs) = (pack("ours.pack").body(), pack_of("hillside", "theirs.pack"));
    theirs.accepted(&theirs.signed_anew(|_| ()));
    let finding = theirs.signed_anew(|body| body.tenant = ours.tenant.clone());
    let (part, why) = theirs.refusal(&finding);
    assert_eq!(part, "findings", "{why}");
    assert!(why.contains("about another customer's data"), "{why}");

    let event = theirs.signed_anew(|body| {
        body.tenant = ours.tenant.clone();
        body.stream = ours.stream.clone();
        for round in &mut body.rounds {
            for opened in &mut round.findings {
                opened.take_if(|opened| opened.finding.contains("\"tenant\":\"hillside\""));
            }
        }
    });
    let (part, why) = theirs.refusal(&event);
    assert_eq!(part, "events", "{why}");
    assert!(why.contains("belongs to another stream"), "{why}");
}

/// The number of a round.
fn number(round: &avouch_evidence::PackRound) -> u64 {
    let header: Value = serde_json::from_str(&round.entry.payload).unwrap();
    header["number"].as_u64().unwrap()
}

#[test]
fn a_pack_of_another_supplier_is_refused_under_this_ones_key() {
    let pack = pack("other.pack");
    let other = "example.org/ledger+aabbccdd+AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
    let policy = pack.file.with_extension("other-policy");
    fs::write(&policy, format!("log {other}\n")).unwrap();
    let done = pack.verify(pack.text.as_bytes(), Some(&policy)).with(1);
    assert_eq!(done.json()["refused"]["part"], "signature", "{done:?}");
}

#[test]
fn a_policy_without_a_key_is_not_taken_for_one() {
    let pack = pack("empty.pack");
    let policy = pack.file.with_extension("empty-policy");
    fs::write(&policy, "# nothing here\n").unwrap();
    let done = pack.verify(pack.text.as_bytes(), Some(&policy)).with(2);
    assert!(
        done.err.contains("names no log") && done.err.contains("help: "),
        "{}",
        done.err
    );
}
