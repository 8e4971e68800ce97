//! The signed word to the application about who is asking: a JWT (EdDSA over Ed25519), a minute long.
//!
//! Source: RFC 7519 (JWT), RFC 8037 (Ed25519 in JOSE), RFC 7517 (the key set).

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use http::HeaderValue;
use jiff::Timestamp;
use serde::Serialize;

use crate::link::{Person, SessionTag};
use crate::secret::SecretBytes;

/// The header that carries it.
pub const HEADER: &str = "avouch-assertion";
/// How long an assertion is good for, in seconds.
const LIFE: i64 = 60;
/// How long one is used again, in seconds; at least 30 s of its life are left when it arrives.
const REUSE: i64 = 30;
/// How many are remembered before the old ones are thrown out.
const REMEMBERED: usize = 4096;

/// The seed is no Ed25519 seed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the assertion key is no Ed25519 seed of 32 bytes")]
pub struct BadSeed;

/// Signs assertions, and remembers the last one of each session for half a minute.
pub struct Signer {
    key: Ed25519KeyPair,
    head: String,
    issuer: String,
    recent: Mutex<HashMap<SessionTag, Minted>>,
}

struct Minted {
    tenant: String,
    person: Person,
    at: i64,
    value: HeaderValue,
}

impl std::fmt::Debug for Signer {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Signer")
            .field("issuer", &self.issuer)
            .finish_non_exhaustive()
    }
}

#[derive(Serialize)]
struct Claims<'a> {
    iss: &'a str,
    aud: &'a str,
    sub: &'a str,
    email: &'a str,
    name: &'a str,
    role: &'a str,
    tenant: &'a str,
    synthetic: bool,
    iat: i64,
    exp: i64,
}

impl Signer {
    /// A signer for the service at this domain.
    ///
    /// # Errors
    /// The seed is not 32 bytes.
    pub fn new(seed: &SecretBytes, kid: &str, domain: &str) -> Result<Self, BadSeed> {
        let key = Ed25519KeyPair::from_seed_unchecked(seed.expose()).map_err(|_| BadSeed)?;
        let head = serde_json::json!({ "alg": "EdDSA", "typ": "JWT", "kid": kid }).to_string();
        Ok(Self {
            key,
            head: BASE64.encode(head),
            issuer: format!("https://{domain}"),
            recent: Mutex::default(),
        })
    }

    /// The public key, 32 bytes.
    pub fn public_key(&self) -> &[u8] {
        self.key.public_key().as_ref()
    }

    /// The header's value for this person in this tenant; `None` only if the facts hold what no header can.
    pub fn assert(
        &self,
        session: SessionTag,
        tenant: &str,
        person: &Person,
        now: Timestamp,
    ) -> Option<HeaderValue> {
        let now = now.as_second();
        let mut recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(minted) = recent.get(&session)
            && (minted.at..minted.at + REUSE).contains(&now)
            && minted.tenant == tenant
            && minted.person == *person
        {
            return Some(minted.value.clone());
        }
        let value = self.sign(tenant, person, now)?;
        if recent.len() >= REMEMBERED {
            recent.retain(|_, minted| (minted.at..minted.at + REUSE).contains(&now));
        }
        if recent.len() < REMEMBERED {
            let minted = Minted {
                tenant: tenant.to_owned(),
                person: person.clone(),
                at: now,
                value: value.clone(),
            };
            recent.insert(session, minted);
        }
        Some(value)
    }

    fn sign(&self, tenant: &str, person: &Person, now: i64) -> Option<HeaderValue> {
        let claims = Claims {
            iss: &self.issuer,
            aud: tenant,
            sub: &person.id,
            email: &person.email,
            name: &person.name,
            role: person.role.name(),
            tenant,
            synthetic: person.synthetic,
            iat: now,
            exp: now + LIFE,
        };
        let mut token = self.head.clone();
        token.push('.');
        BASE64.encode_string(serde_json::to_vec(&claims).ok()?, &mut token);
        let signature = self.key.sign(token.as_bytes());
        token.push('.');
        BASE64.encode_string(signature, &mut token);
        let mut value = HeaderValue::try_from(token).ok()?;
        value.set_sensitive(true);
        Some(value)
    }
}

/// The key set that applications check assertions against, JSON. Name the last key too for a minute after a change.
pub fn jwks<'a>(keys: impl IntoIterator<Item = (&'a str, &'a [u8])>) -> String {
    let keys: Vec<_> = keys
        .into_iter()
        .map(|(kid, public)| {
            serde_json::json!({
                "kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "use": "sig", "kid": kid, "x": BASE64.encode(public),
            })
        })
        .collect();
    serde_json::json!({ "keys": keys }).to_string()
}

/// The public key that belongs to a seed.
///
/// # Errors
/// The seed is not 32 bytes.
pub fn public_key(seed: &SecretBytes) -> Result<Vec<u8>, BadSeed> {
    let key = Ed25519KeyPair::from_seed_unchecked(seed.expose()).map_err(|_| BadSeed)?;
    Ok(key.public_key().as_ref().to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::link::Role;

    const NOON: i64 = 1_767_268_800;

    fn signer() -> Signer {
        Signer::new(&SecretBytes::new(vec![9; 32]), "k1", "acuity.test").unwrap()
    }

    fn ann() -> Person {
        Person {
            id: "p1".into(),
            email: "ann@trust.test".into(),
            name: "Ann \"A\" Other".into(),
            role: Role::Member,
            synthetic: false,
        }
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn an_assertion_verifies_against_the_published_key_and_says_who_where_and_until_when() {
        let signer = signer();
        let value = signer
            .assert([1; 16], "riverside", &ann(), at(NOON))
            .unwrap();
        let text = value.to_str().unwrap();
        let (signed, signature) = text.rsplit_once('.').unwrap();
        let set: serde_json::Value =
            serde_json::from_str(&jwks([("k1", signer.public_key())])).unwrap();
        let public = BASE64
            .decode(set["keys"][0]["x"].as_str().unwrap())
            .unwrap();
        aws_lc_rs::signature::UnparsedPublicKey::new(&aws_lc_rs::signature::ED25519, public)
            .verify(signed.as_bytes(), &BASE64.decode(signature).unwrap())
            .unwrap();
        let (head, claims) = signed.split_once('.').unwrap();
        let read = |part: &str| {
            serde_json::from_slice::<serde_json::Value>(&BASE64.decode(part).unwrap()).unwrap()
        };
        assert_eq!(
            read(head),
            serde_json::json!({"alg": "EdDSA", "typ": "JWT", "kid": "k1"})
        );
        assert_eq!(
            read(claims),
            serde_json::json!({
                "iss": "https://acuity.test", "aud": "riverside", "sub": "p1", "email": "ann@trust.test",
                "name": "Ann \"A\" Other", "role": "member", "tenant": "riverside", "synthetic": false,
                "iat": NOON, "exp": NOON + 60,
            })
        );
    }

    #[test]
    fn an_assertion_is_used_again_only_for_the_same_person_and_tenant_and_only_for_half_a_minute() {
        let signer = signer();
        let first = signer
            .assert([1; 16], "riverside", &ann(), at(NOON))
            .unwrap();
        assert_eq!(
            first,
            signer
                .assert([1; 16], "riverside", &ann(), at(NOON + 29))
                .unwrap()
        );
        assert_ne!(
            first,
            signer
                .assert([1; 16], "riverside", &ann(), at(NOON + 30))
                .unwrap()
        );
        let promoted = Person {
            role: Role::Administrator,
            ..ann()
        };
        assert_ne!(
            first,
            signer
                .assert([1; 16], "riverside", &promoted, at(NOON))
                .unwrap()
        );
        assert_ne!(
            first,
            signer
                .assert([1; 16], "lakeside", &ann(), at(NOON))
                .unwrap()
        );
    }

    #[test]
    fn a_clock_set_back_does_not_make_an_assertion_from_the_future_last() {
        let signer = signer();
        let first = signer
            .assert([1; 16], "riverside", &ann(), at(NOON))
            .unwrap();
        assert_ne!(
            first,
            signer
                .assert([1; 16], "riverside", &ann(), at(NOON - 3600))
                .unwrap()
        );
    }

    #[test]
    fn a_seed_of_the_wrong_length_is_refused() {
        assert_eq!(
            Signer::new(&SecretBytes::new(vec![1; 31]), "k", "d").err(),
            Some(BadSeed)
        );
    }
}
