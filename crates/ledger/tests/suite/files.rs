//! Proofs in files, checked by the verifier here and by one written in another language by other means.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use avouch_ledger::verify::{self, FileFault, Policy};
use avouch_ledger::witness::{Witness, WitnessSigner};
use avouch_ledger::{Ledger, Reader};
use jiff::Timestamp;

use crate::{draft, key, open, wait};

/// A log with a witness, and the policy of somebody who knows both.
struct Place {
    dir: tempfile::TempDir,
    ledger: Ledger,
    policy: String,
}

impl Place {
    fn new(entries: u32) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let ledger = open(&dir.path().join("ledger"));
        wait(ledger.append_all((0..entries).map(draft).collect())).unwrap();
        wait(ledger.publish()).unwrap();
        let signer = WitnessSigner::from_seed("witness.example.test/w", &[8; 32]).unwrap();
        let policy = format!(
            "# who is trusted\nlog {}\nwitness w {}\nquorum w\n",
            key().vkey(),
            signer.public()
        );
        let place = Self {
            dir,
            ledger,
            policy,
        };
        place.cosign(signer);
        place
    }

    /// Has the newest checkpoint signed by a witness that knows nothing yet.
    fn cosign(&self, signer: WitnessSigner) {
        let reader = self.reader();
        let text = reader.checkpoint().text;
        let state = self.dir.path().join(format!("state-{}", reader.size()));
        let logs = vec![key().vkey().parse().unwrap()];
        let witness = Witness::open(&state, signer, logs).unwrap();
        let answer = witness.add_checkpoint(format!("old 0\n\n{text}").as_bytes(), 1_767_268_800);
        assert_eq!(answer.status, 200, "{}", answer.body);
        fs::write(
            self.dir.path().join("ledger/checkpoint.cosigned"),
            text + &answer.body,
        )
        .unwrap();
    }

    fn reader(&self) -> Reader {
        self.ledger.reader()
    }

    /// Opens the ledger anew, so that it finds what the witness signed.
    fn reopened(self) -> Self {
        let Self {
            dir,
            ledger,
            policy,
        } = self;
        drop(ledger);
        let ledger = open(&dir.path().join("ledger"));
        Self {
            dir,
            ledger,
            policy,
        }
    }

    fn policy(&self) -> Policy {
        self.policy.parse().unwrap()
    }

    fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.dir.path().join(name);
        fs::write(&path, text).unwrap();
        path
    }

    /// What the second verifier says of a file.
    fn second(&self, proof: &str, kept: Option<&str>) -> Result<String, String> {
        let mut arguments = vec![self.file("policy", &self.policy), self.file("proof", proof)];
        arguments.extend(kept.map(|kept| self.file("kept", kept)));
        second(&arguments)
    }
}

/// Runs the second verifier: `Ok` is what it found to hold, `Err` what it refused.
fn second(arguments: &[PathBuf]) -> Result<String, String> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/independent/verify.py");
    let Output {
        status,
        stdout,
        stderr,
    } = Command::new("python3")
        .arg(script)
        .args(arguments)
        .output()
        .expect("python3 with the package `cryptography` is needed: .ci/install test");
    let (out, err) = (
        String::from_utf8(stdout).unwrap(),
        String::from_utf8(stderr).unwrap(),
    );
    match status.code() {
        Some(0) => Ok(out),
        Some(1) => Err(out),
        _ => panic!("the second verifier could not run: {err}"),
    }
}

#[test]
fn both_verifiers_agree_on_what_an_inclusion_proof_shows() {
    let place = Place::new(300).reopened();
    for index in [0, 1, 255, 256, 299] {
        let file = place.reader().inclusion_file(index).unwrap();
        let included = verify::included(&file, &place.policy()).unwrap();
        assert_eq!((included.index, included.checkpoint.size), (index, 300));
        assert_eq!(included.cosigned.len(), 1);
        let leaf = place.reader().read(index).unwrap().leaf;
        assert_eq!(included.leaf.commitment, leaf.commitment);
        assert_eq!(
            Timestamp::from_microsecond(included.leaf.time).unwrap(),
            leaf.time
        );
        let said = place.second(&file, None).unwrap();
        let expected = format!(
            "entry {index} of 300 in ledger.example.test/node-1, kind {}, commitment {}, witnessed by w\n",
            included.leaf.kind,
            hex::encode(included.leaf.commitment)
        );
        assert_eq!(said, expected);
    }
}

#[test]
fn both_verifiers_refuse_an_inclusion_proof_with_any_altered_character() {
    let place = Place::new(40).reopened();
    let sound = place.reader().inclusion_file(7).unwrap();
    let mut files = Vec::new();
    for (place_of, character) in sound.char_indices() {
        let other = match character {
            'A' => 'B',
            '0' => '1',
            _ if character.is_ascii() => 'A',
            _ => '-',
        };
        let altered = sound[..place_of].to_owned()
            + &other.to_string()
            + &sound[place_of + character.len_utf8()..];
        if let Ok(read) = verify::included(&altered, &place.policy()) {
            panic!("altered at {place_of}: {read:?}\n{altered}");
        }
        files.push(place.file(&format!("altered-{place_of}"), &altered));
    }
    let mut arguments = vec![
        PathBuf::from("--none-holds"),
        place.file("policy", &place.policy),
    ];
    arguments.extend(files);
    second(&arguments).unwrap_or_else(|held| panic!("the second verifier accepts {held}"));
}

#[test]
fn both_verifiers_agree_that_a_log_goes_on_from_a_checkpoint_that_was_kept() {
    let place = Place::new(40).reopened();
    let kept = place.reader().checkpoint().text;
    wait(place.ledger.append_all((40..300).map(draft).collect())).unwrap();
    wait(place.ledger.publish()).unwrap();
    place.cosign(WitnessSigner::from_seed("witness.example.test/w", &[8; 32]).unwrap());
    let place = place.reopened();
    let file = place.reader().consistency_file(40).unwrap();
    let continued = verify::continued(&file, &kept, &place.policy()).unwrap();
    assert_eq!((continued.older.size, continued.newer.size), (40, 300));
    assert_eq!(
        place.second(&file, Some(&kept)).unwrap(),
        "300 entries in ledger.example.test/node-1 go on from 40, witnessed by w\n"
    );

    // From another history of 40 entries they do not, and from another size neither.
    let rewritten = open(&place.dir.path().join("rewritten"));
    let other = (0..40).map(|number| draft(if number == 9 { 99 } else { number }));
    wait(rewritten.append_all(other.collect())).unwrap();
    let other = wait(rewritten.publish()).unwrap().text;
    assert!(matches!(
        verify::continued(&file, &other, &place.policy()),
        Err(FileFault::Proof(_))
    ));
    place.second(&file, Some(&other)).unwrap_err();
    wait(rewritten.append(draft(40))).unwrap();
    let longer = wait(rewritten.publish()).unwrap().text;
    assert!(matches!(
        verify::continued(&file, &longer, &place.policy()),
        Err(FileFault::OtherSize {
            proof: 40,
            kept: 41
        })
    ));
    place.second(&file, Some(&longer)).unwrap_err();
}

#[test]
fn without_the_signatures_that_a_policy_asks_for_neither_verifier_is_content() {
    let place = Place::new(5);
    let file = place.reader().inclusion_file(2).unwrap();
    assert_eq!(
        verify::included(&file, &place.policy()),
        Err(FileFault::Quorum(0))
    );
    place.second(&file, None).unwrap_err();
}
