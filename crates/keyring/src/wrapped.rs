//! The text of a key file: one key, encrypted under another, bound to its name.
//!
//! `avouch-key 1 <base64 of nonce, ciphertext and tag>`, AES-256-GCM, the name as associated data. Base64 rather than
//! bytes, so that a look into the folder shows what the files are.

use crate::{KeyringError, Secret};
use aws_lc_rs::{
    aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey},
    rand,
};
use base64::{Engine as _, engine::general_purpose::STANDARD};

const MARK: &str = "avouch-key 1 ";

/// Encrypts `key` under `under`, bound to `name`.
pub(crate) fn wrap(
    under: &Secret<[u8; 32]>,
    name: &str,
    key: &[u8],
) -> Result<String, KeyringError> {
    let mut nonce = [0; NONCE_LEN];
    rand::fill(&mut nonce).map_err(|_| KeyringError::Crypto {
        act: "make a nonce",
    })?;
    let mut text = key.to_vec();
    cipher(under)?
        .seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), aad(name), &mut text)
        .map_err(|_| KeyringError::Crypto { act: "wrap a key" })?;
    let mut whole = nonce.to_vec();
    whole.append(&mut text);
    Ok(format!("{MARK}{}\n", STANDARD.encode(whole)))
}

/// The key in `text`, or `None` if it is not exactly what was wrapped under this name.
pub(crate) fn unwrap(under: &Secret<[u8; 32]>, name: &str, text: &str) -> Option<Secret<Vec<u8>>> {
    let mut whole = STANDARD.decode(text.strip_prefix(MARK)?.trim_end()).ok()?;
    let (nonce, rest) = whole.split_at_mut_checked(NONCE_LEN)?;
    let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
    let key = cipher(under)
        .ok()?
        .open_in_place(nonce, aad(name), rest)
        .ok()?;
    let key = Secret::new(key.to_vec());
    zeroize::Zeroize::zeroize(&mut whole);
    Some(key)
}

/// A cipher under a 32-byte key.
pub(crate) fn cipher(key: &Secret<[u8; 32]>) -> Result<LessSafeKey, KeyringError> {
    UnboundKey::new(&AES_256_GCM, key.expose())
        .map(LessSafeKey::new)
        .map_err(|_| KeyringError::Crypto { act: "load a key" })
}

fn aad(name: &str) -> Aad<String> {
    Aad::from(format!("avouch/key/1/{name}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrapped_key_opens_only_under_its_own_name_and_key() {
        let root = Secret::new([1; 32]);
        let text = wrap(&root, "ledger", &[7; 32]).unwrap();
        assert_eq!(
            unwrap(&root, "ledger", &text).unwrap().expose(),
            &vec![7; 32]
        );
        assert!(unwrap(&root, "assertion", &text).is_none());
        assert!(unwrap(&Secret::new([2; 32]), "ledger", &text).is_none());
        for altered in [
            String::new(),
            text.replace("key 1", "key 2"),
            text.replacen("1 ", "1 A", 1),
        ] {
            assert!(unwrap(&root, "ledger", &altered).is_none(), "{altered}");
        }
    }
}
