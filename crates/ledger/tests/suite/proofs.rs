//! Proofs made by the ledger, checked by the verifier.

use avouch_ledger::{ProofError, verify};

use crate::{draft, make, open, wait};

#[test]
fn every_entry_is_proved_in_every_published_size() {
    let dir = tempfile::tempdir().unwrap();
    let ledger = open(dir.path());
    let mut earlier = Vec::new();
    for size in [1, 2, 3, 7, 8, 13] {
        let from = ledger.reader().size() as u32;
        wait(ledger.append_all((from..size).map(draft).collect())).unwrap();
        earlier.push(wait(ledger.publish()).unwrap());
    }
    let reader = ledger.reader();
    for published in &earlier {
        for index in 0..published.size {
            let leaf = verify::leaf_hash(&reader.read(index).unwrap().leaf.encode());
            let proof = reader.inclusion_proof(index, published.size).unwrap();
            verify::inclusion(&published.root, published.size, index, &leaf, &proof).unwrap();
        }
        for later in earlier.iter().filter(|later| later.size >= published.size) {
            let proof = reader
                .consistency_proof(published.size, later.size)
                .unwrap();
            verify::consistency(
                published.size,
                &published.root,
                later.size,
                &later.root,
                &proof,
            )
            .unwrap();
        }
    }
}

#[test]
fn proofs_reach_across_tile_levels_and_into_sizes_whose_partial_tiles_are_gone() {
    let dir = tempfile::tempdir().unwrap();
    let small = make(dir.path(), 200, 100);
    let large = make_more(dir.path(), 600);
    let reader = open(dir.path()).reader();
    assert!(!dir.path().join("tile/0/000.p").exists());
    for (published, indexes) in [(&small, [0, 99, 199]), (&large, [0, 255, 599])] {
        for index in indexes {
            let leaf = verify::leaf_hash(&reader.read(index).unwrap().leaf.encode());
            let proof = reader.inclusion_proof(index, published.size).unwrap();
            verify::inclusion(&published.root, published.size, index, &leaf, &proof).unwrap();
        }
    }
    let proof = reader.consistency_proof(small.size, large.size).unwrap();
    verify::consistency(small.size, &small.root, large.size, &large.root, &proof).unwrap();
}

fn make_more(dir: &std::path::Path, size: u32) -> avouch_ledger::Published {
    let ledger = open(dir);
    let from = ledger.reader().size() as u32;
    wait(ledger.append_all((from..size).map(draft).collect())).unwrap();
    wait(ledger.publish()).unwrap()
}

#[test]
fn what_no_checkpoint_covers_is_not_proved() {
    let dir = tempfile::tempdir().unwrap();
    let ledger = open(dir.path());
    wait(ledger.append(draft(0))).unwrap();
    let reader = ledger.reader();
    assert!(matches!(
        reader.inclusion_proof(0, 1),
        Err(ProofError::OutOfRange {
            asked: 1,
            published: 0
        })
    ));
    wait(ledger.publish()).unwrap();
    assert_eq!(
        reader.inclusion_proof(0, 1).unwrap(),
        Vec::<[u8; 32]>::new()
    );
    assert!(matches!(
        reader.inclusion_proof(1, 1),
        Err(ProofError::OutOfRange { .. })
    ));
    assert!(matches!(
        reader.consistency_proof(2, 1),
        Err(ProofError::OutOfRange { .. })
    ));
}
