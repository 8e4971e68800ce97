//! The gateway's public keys, from a JWKS file that is read again when an assertion names a key we have not seen.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{PoisonError, RwLock};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;

/// An Ed25519 public key.
pub type PublicKey = [u8; 32];

/// The file is read at most this often, whatever strangers send.
const REST: SignedDuration = SignedDuration::from_secs(1);

/// The keys in a JWKS file (RFC 7517), as far as they are known.
#[derive(Debug)]
pub struct Keys {
    file: Option<PathBuf>,
    known: RwLock<Known>,
}

#[derive(Debug, Default)]
struct Known {
    by_id: HashMap<String, PublicKey>,
    read: Option<Timestamp>,
}

impl Keys {
    /// Keys that will be read from `file` when first needed. Without a file no key is ever known.
    pub fn in_file(file: Option<PathBuf>) -> Self {
        Self {
            file,
            known: RwLock::default(),
        }
    }

    /// The key with this id, from memory or else from the file as it is now.
    ///
    /// `None` for an unknown id, and while the file cannot be read: then nobody is believed.
    pub fn find(&self, id: &str, now: Timestamp) -> Option<PublicKey> {
        let known = self
            .known
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .by_id
            .get(id)
            .copied();
        if known.is_some() {
            return known;
        }
        let file = self.file.as_deref()?;
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        let rested = known
            .read
            .is_none_or(|last| now.duration_since(last).abs() >= REST);
        if rested {
            known.read = Some(now);
            if let Some(by_id) = read(file) {
                known.by_id = by_id;
            }
        }
        known.by_id.get(id).copied()
    }
}

/// Every Ed25519 key in the file. `None` when it cannot be read, or when two keys share an id.
fn read(file: &Path) -> Option<HashMap<String, PublicKey>> {
    let set: Set = serde_json::from_slice(&fs::read(file).ok()?).ok()?;
    let mut by_id = HashMap::new();
    for key in set
        .keys
        .into_iter()
        .filter(|key| key.kty == "OKP" && key.crv.as_deref() == Some("Ed25519"))
    {
        let bytes = URL_SAFE_NO_PAD.decode(key.x?).ok()?;
        if by_id
            .insert(key.kid?, PublicKey::try_from(bytes).ok()?)
            .is_some()
        {
            return None;
        }
    }
    Some(by_id)
}

#[derive(Deserialize)]
struct Set {
    keys: Vec<Jwk>,
}

#[derive(Deserialize)]
struct Jwk {
    kty: String,
    crv: Option<String>,
    kid: Option<String>,
    x: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn jwks(ids: &[&str]) -> String {
        let x = URL_SAFE_NO_PAD.encode([7; 32]);
        let keys: Vec<String> = ids
            .iter()
            .map(|id| format!(r#"{{"kty":"OKP","crv":"Ed25519","kid":"{id}","x":"{x}"}}"#))
            .collect();
        format!(r#"{{"keys":[{}]}}"#, keys.join(","))
    }

    #[test]
    fn a_new_key_is_found_by_reading_again_at_most_once_a_second() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("jwks.json");
        fs::write(&file, jwks(&["old"])).unwrap();
        let keys = Keys::in_file(Some(file.clone()));
        assert_eq!(keys.find("old", at(10)), Some([7; 32]));
        fs::write(&file, jwks(&["new"])).unwrap();
        assert_eq!(
            keys.find("new", at(10)),
            None,
            "the file was read this second"
        );
        assert_eq!(keys.find("new", at(11)), Some([7; 32]));
        assert_eq!(
            keys.find("old", at(12)),
            None,
            "a key that left the file is forgotten"
        );
    }

    #[test]
    fn a_missing_or_damaged_file_makes_nobody_known() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("jwks.json");
        let keys = Keys::in_file(Some(file.clone()));
        assert_eq!(keys.find("old", at(10)), None);
        for damaged in [
            "",
            "{}",
            r#"{"keys":[{"kty":"OKP","crv":"Ed25519","kid":"old","x":"AA"}]}"#,
        ] {
            fs::write(&file, damaged).unwrap();
            assert_eq!(
                Keys::in_file(Some(file.clone())).find("old", at(10)),
                None,
                "{damaged}"
            );
        }
        assert_eq!(
            Keys::in_file(None).find("old", at(10)),
            None,
            "no file at all"
        );
    }

    #[test]
    fn two_keys_with_one_id_are_both_refused() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("jwks.json");
        fs::write(&file, jwks(&["same", "same"])).unwrap();
        assert_eq!(Keys::in_file(Some(file)).find("same", at(10)), None);
    }
}
