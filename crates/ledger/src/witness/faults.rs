//! The witness against failing files: every operation fails and crashes once, before and after it was done.

use std::path::Path;
use std::sync::Arc;

use jiff::Timestamp;

use super::{Answer, Witness, WitnessSigner};
use crate::testing::{Fault, Left, Memory};
use crate::{Draft, Kind, Ledger, LogKey, Options, Published, Reader};

fn key() -> LogKey {
    LogKey::from_seed("ledger.example.test/node-1", &[5; 32]).unwrap()
}

/// A log that grows by an entry at a time; gives each of its checkpoints. Another `salt` is another history.
fn history(salt: u8) -> (Reader, Vec<Published>) {
    let options = Options {
        publish_every: None,
        ..Options::default()
    };
    let ledger =
        Ledger::open_in(Arc::new(Memory::default()), Path::new(""), key(), &options).unwrap();
    let wait = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    let grow = |number: u8| {
        let draft = Draft {
            kind: Kind::Event,
            stream: [1; 16],
            time: Timestamp::UNIX_EPOCH,
            commitment: [number ^ salt; 32],
            sealed: Vec::new(),
        };
        wait.block_on(ledger.append(draft)).unwrap();
        wait.block_on(ledger.publish()).unwrap()
    };
    let published = (0..4).map(grow).collect();
    (ledger.reader(), published)
}

fn open(files: &Memory) -> Option<Witness> {
    let signer = WitnessSigner::from_seed("witness.example.test/w", &[8; 32]).unwrap();
    let logs = vec![key().vkey().parse().unwrap()];
    Witness::open_in(Arc::new(files.clone()), Path::new(""), signer, logs).ok()
}

fn add(witness: &Witness, log: &Reader, old: u64, new: &Published) -> Answer {
    let proof = log.consistency_proof(old, new.size).unwrap_or_default();
    let body = crate::proof::continuing(old, &proof, &new.text);
    witness.add_checkpoint(body.as_bytes(), 1_767_225_600)
}

/// What the witness says that it signed last.
fn size(witness: &Witness, log: &Reader, any: &Published) -> u64 {
    let asked = add(witness, log, any.size, any);
    match asked.status {
        409 => asked.body.trim_end().parse().unwrap(),
        200 => any.size,
        other => panic!("{other}: {}", asked.body),
    }
}

#[test]
fn whatever_operation_fails_or_crashes_a_witness_never_goes_back_and_never_signs_another_history() {
    let (log, checkpoints) = history(0);
    let (forged, forgeries) = history(0x40);
    let run = |files: &Memory| {
        let (mut signed, mut at) = (0, 0);
        if let Some(witness) = open(files) {
            for new in &checkpoints {
                let answer = add(&witness, &log, at, new);
                if answer.status == 200 {
                    (signed, at) = (new.size, new.size);
                } else {
                    assert_eq!(answer.status, 500, "{}", answer.body);
                }
            }
        }
        signed
    };
    let whole = Memory::default();
    assert_eq!(run(&whole), 4);
    for operation in 0..whole.operations() {
        for fault in [
            Fault::ErrorBefore,
            Fault::ErrorAfter,
            Fault::CrashBefore,
            Fault::CrashAfter,
        ] {
            let files = Memory::default();
            files.fail_at(operation, fault);
            let signed = run(&files);
            assert!(files.fault_came());
            for left in [Left::Nothing, Left::Half, Left::LaterHalf, Left::Everything] {
                let what = format!("operation {operation}, {fault:?}, left {left:?}");
                // Only a crash loses what was not flushed.
                if matches!(fault, Fault::ErrorBefore | Fault::ErrorAfter)
                    && left != Left::Everything
                {
                    continue;
                }
                let witness = open(&files.after_crash(left)).expect(&what);
                let now = witness
                    .latest(&super::state::origin_hash(key().name()))
                    .map_or(0, |note| note.lines().nth(1).unwrap().parse().unwrap());
                assert!(now >= signed, "{what}: signed {signed}, now {now}");
                if now > 0 {
                    for forgery in forgeries.iter().filter(|forgery| forgery.size >= now) {
                        let answer = add(&witness, &forged, now, forgery);
                        assert_eq!(answer.status, 422, "{what}: {}", answer.body);
                    }
                }
                let last = checkpoints.last().unwrap();
                assert_eq!(add(&witness, &log, now, last).status, 200, "{what}");
                assert_eq!(size(&witness, &log, &checkpoints[0]), 4, "{what}");
            }
        }
    }
}

#[test]
fn a_state_that_was_altered_is_refused_at_the_start() {
    let (log, checkpoints) = history(0);
    let files = Memory::default();
    let witness = open(&files).unwrap();
    assert_eq!(add(&witness, &log, 0, &checkpoints[1]).status, 200);
    drop(witness);
    assert!(open(&files).is_some());
    let origin = super::state::origin_hash(key().name());
    files.alter(Path::new(&format!("{origin}.checkpoint")), |bytes| {
        let note = std::str::from_utf8(bytes).unwrap();
        // The log's own line alone: somebody else's checkpoint put in the place of what was signed.
        let cut = note.find("\u{2014} witness").unwrap();
        bytes.truncate(cut);
    });
    assert!(open(&files).is_none());
}
