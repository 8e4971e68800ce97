//! What the log shows to anybody: a reader of the tile format works from these addresses alone.

use avouch_ledger::verify;

use crate::{draft, key, make, open, wait};

#[test]
fn a_reader_rebuilds_the_signed_root_from_what_is_shown() {
    let dir = tempfile::tempdir().unwrap();
    make(dir.path(), 600, 100);
    let reader = open(dir.path()).reader();
    let show = |path: &str| reader.resource(path).unwrap();

    let checkpoint = show("checkpoint").unwrap();
    assert_eq!(checkpoint.content_type, "text/plain; charset=utf-8");
    let text = String::from_utf8(checkpoint.bytes).unwrap();
    let checkpoint = verify::checkpoint(&text, &key().vkey().parse().unwrap()).unwrap();
    assert_eq!(checkpoint.size, 600);

    let mut leaves = Vec::new();
    for path in [
        "tile/entries/000",
        "tile/entries/001",
        "tile/entries/002.p/88",
    ] {
        let bundle = show(path).unwrap();
        assert_eq!(bundle.content_type, "application/octet-stream");
        assert!(bundle.cache_control.contains("immutable"));
        for entry in bundle.bytes.chunks(70) {
            assert_eq!(entry[..2], [0, 68]);
            leaves.push(verify::leaf_hash(&entry[2..]));
        }
    }
    let mut hashes: Vec<u8> = Vec::new();
    for path in ["tile/0/000", "tile/0/001", "tile/0/002.p/88"] {
        hashes.extend(show(path).unwrap().bytes);
    }
    assert_eq!(leaves.concat(), hashes);
    for (index, leaf) in leaves.iter().enumerate().step_by(97) {
        let proof = reader.inclusion_proof(index as u64, 600).unwrap();
        verify::inclusion(&checkpoint.root, 600, index as u64, leaf, &proof).unwrap();
    }
    assert_eq!(show("tile/1/000.p/2").unwrap().bytes.len(), 64);
}

#[test]
fn a_partial_tile_that_was_superseded_is_still_shown_and_nothing_beyond_the_checkpoint_is() {
    let dir = tempfile::tempdir().unwrap();
    make(dir.path(), 300, 300);
    let reader = open(dir.path()).reader();
    let full = reader.resource("tile/0/000").unwrap().unwrap().bytes;
    let partial = reader.resource("tile/0/000.p/200").unwrap().unwrap().bytes;
    assert_eq!(partial, full[..200 * 32]);
    for absent in [
        "tile/0/001",
        "tile/0/001.p/45",
        "tile/entries/001.p/45",
        "tile/1/000.p/2",
        "tile/0/002.p/1",
        "reserve",
        "lock",
        "journal/00000000000000000000.seg",
        "tile/0/../../checkpoint",
        "",
    ] {
        assert_eq!(reader.resource(absent).unwrap(), None, "{absent}");
    }
}

#[test]
fn no_payload_is_in_anything_that_is_shown() {
    let dir = tempfile::tempdir().unwrap();
    let ledger = open(dir.path());
    let marked = |number| avouch_ledger::Draft {
        sealed: b"sealed-payload-of-a-person".to_vec(),
        ..draft(number)
    };
    wait(ledger.append_all((0..300).map(marked).collect())).unwrap();
    wait(ledger.publish()).unwrap();
    let reader = ledger.reader();
    for path in [
        "checkpoint",
        "tile/0/000",
        "tile/0/001.p/44",
        "tile/1/000.p/1",
        "tile/entries/000",
        "tile/entries/001.p/44",
    ] {
        let bytes = reader.resource(path).unwrap().unwrap().bytes;
        assert!(
            !bytes.windows(6).any(|window| window == b"sealed"),
            "{path}"
        );
    }
}
