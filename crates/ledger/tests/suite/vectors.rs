//! The verifier against vectors that another implementation made.

use avouch_ledger::verify::{self, Hash, NoteFault, Vkey};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use std::collections::BTreeMap;

#[derive(Deserialize)]
struct Vectors {
    vkey: String,
    leaf_hashes_hex: BTreeMap<u64, String>,
    roots_b64: BTreeMap<u64, String>,
    inclusion: Vec<Inclusion>,
    consistency: Vec<Consistency>,
    checkpoints: BTreeMap<u64, String>,
    cosigned: String,
    refused: Vec<Refused>,
    published_example: Example,
}

#[derive(Deserialize)]
struct Inclusion {
    index: u64,
    size: u64,
    proof_b64: Vec<String>,
}

#[derive(Deserialize)]
struct Consistency {
    old: u64,
    new: u64,
    proof_b64: Vec<String>,
}

#[derive(Deserialize)]
struct Refused {
    why: String,
    note: String,
}

#[derive(Deserialize)]
struct Example {
    vkey: String,
    note: String,
}

impl Vectors {
    fn read() -> Self {
        serde_json::from_str(include_str!("../data/tlog.json")).unwrap()
    }

    fn key(&self) -> Vkey {
        self.vkey.parse().unwrap()
    }

    fn root(&self, size: u64) -> Hash {
        hash(&self.roots_b64[&size])
    }
}

fn hash(base64: &str) -> Hash {
    STANDARD.decode(base64).unwrap().try_into().unwrap()
}

fn hashes(base64: &[String]) -> Vec<Hash> {
    base64.iter().map(|text| hash(text)).collect()
}

fn entry(index: u64) -> Hash {
    verify::leaf_hash(format!("avouch-test-entry-{index}").as_bytes())
}

#[test]
fn leaf_hashes_are_those_of_the_vectors() {
    for (index, expected) in Vectors::read().leaf_hashes_hex {
        assert_eq!(hex::encode(entry(index)), expected);
    }
}

#[test]
fn published_inclusion_proofs_hold_and_altered_ones_do_not() {
    let vectors = Vectors::read();
    for case in &vectors.inclusion {
        let (root, leaf, proof) = (
            vectors.root(case.size),
            entry(case.index),
            hashes(&case.proof_b64),
        );
        let check = |root: &Hash, index, leaf: &Hash, proof: &[Hash]| {
            verify::inclusion(root, case.size, index, leaf, proof)
        };
        assert_eq!(check(&root, case.index, &leaf, &proof), Ok(()));
        assert!(check(&root, case.index, &entry(case.index + 1), &proof).is_err());
        assert!(check(&root, case.index ^ 1, &leaf, &proof).is_err());
        assert!(
            check(
                &root,
                case.index,
                &leaf,
                &[proof.clone(), vec![leaf]].concat()
            )
            .is_err()
        );
        for place in 0..proof.len() {
            let mut altered = proof.clone();
            altered[place][0] ^= 1;
            assert!(check(&root, case.index, &leaf, &altered).is_err());
            altered.remove(place);
            assert!(check(&root, case.index, &leaf, &altered).is_err());
        }
    }
}

#[test]
fn published_consistency_proofs_hold_and_altered_ones_do_not() {
    let vectors = Vectors::read();
    for case in &vectors.consistency {
        let (old, new) = (vectors.root(case.old), vectors.root(case.new));
        let proof = hashes(&case.proof_b64);
        assert_eq!(
            verify::consistency(case.old, &old, case.new, &new, &proof),
            Ok(())
        );
        let longer = [proof.clone(), vec![old]].concat();
        assert!(verify::consistency(case.old, &old, case.new, &new, &longer).is_err());
        if case.old > 0 {
            let mut other = old;
            other[31] ^= 1;
            assert!(verify::consistency(case.old, &other, case.new, &new, &proof).is_err());
        }
        for place in 0..proof.len() {
            let mut altered = proof.clone();
            altered[place][7] ^= 1;
            assert!(verify::consistency(case.old, &old, case.new, &new, &altered).is_err());
            altered.remove(place);
            assert!(verify::consistency(case.old, &old, case.new, &new, &altered).is_err());
        }
    }
}

#[test]
fn signed_checkpoints_are_read_and_cosignatures_by_others_are_passed_over() {
    let vectors = Vectors::read();
    let key = vectors.key();
    for (size, signed) in &vectors.checkpoints {
        let checkpoint = verify::checkpoint(signed, &key).unwrap();
        assert_eq!(
            (checkpoint.size, checkpoint.root),
            (*size, vectors.root(*size))
        );
        assert_eq!(checkpoint.origin, key.name());
    }
    assert_eq!(
        verify::checkpoint(&vectors.cosigned, &key).unwrap().size,
        300
    );
}

#[test]
fn notes_that_the_standard_forbids_are_refused() {
    let vectors = Vectors::read();
    assert_eq!(vectors.refused.len(), 6);
    for case in &vectors.refused {
        assert!(
            verify::checkpoint(&case.note, &vectors.key()).is_err(),
            "{}",
            case.why
        );
    }
}

#[test]
fn the_standards_own_example_is_a_note_and_no_checkpoint() {
    let example = Vectors::read().published_example;
    let key = example.vkey.parse().unwrap();
    assert_eq!(
        verify::note(&example.note, &key),
        Ok("This is an example message.\n")
    );
    assert_eq!(
        verify::checkpoint(&example.note, &key),
        Err(NoteFault::NotACheckpoint)
    );
    let other = Vectors::read().key();
    assert_eq!(
        verify::note(&example.note, &other),
        Err(NoteFault::NotSigned)
    );
}
