//! The verifier is worth something only while it has no code in common with the writer.

use std::fs;
use std::path::Path;

#[test]
fn the_verifier_uses_nothing_of_the_writers() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/verify");
    let mut files = 0;
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let source = fs::read_to_string(&path).unwrap();
        for foreign in [
            "crate::",
            "super::super",
            "tlog_tiles",
            "signed_note",
            "sha2",
            "ed25519_dalek",
        ] {
            let used = source
                .lines()
                .any(|line| !line.trim_start().starts_with("//") && line.contains(foreign));
            assert!(!used, "{} uses {foreign}", path.display());
        }
        files += 1;
    }
    assert!(files >= 7, "the verifier's folder was not found");
}
