//! Who is asking: verifies the one header that this program believes.
//!
//! A request carries `Avouch-Assertion`, a JSON Web Token signed with Ed25519 (RFC 7519, RFC 8037). The algorithm is
//! fixed here and never chosen by the token. No other header says anything about identity.

use aws_lc_rs::signature::{ED25519, UnparsedPublicKey};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::{HeaderMap, HeaderName};
use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;

use crate::keys::PublicKey;

/// The header that carries the assertion.
pub const HEADER: HeaderName = HeaderName::from_static("avouch-assertion");

/// How far the signer's clock and ours may differ.
const LEEWAY: SignedDuration = SignedDuration::from_secs(30);

/// Longer than any assertion that a gateway makes.
const MOST_BYTES: usize = 4096;

/// Whose assertions count.
#[derive(Clone, Debug)]
pub struct Expected {
    /// The tenant that this instance serves: both audience and tenant of the assertion.
    pub tenant: String,
    /// The issuer, where it was told; otherwise the key alone decides.
    pub issuer: Option<String>,
}

/// A person whose assertion was verified. Only [`verify`] makes one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Person {
    /// The name to show.
    pub name: String,
}

/// Why nobody is believed to be asking.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// No header, or several, or one too long.
    #[error("there is not exactly one assertion")]
    NotOne,
    /// Not a token of the one kind that we read.
    #[error("the assertion is not an EdDSA token that this program reads")]
    Malformed,
    /// Signed with a key that we do not know.
    #[error("the assertion names an unknown key")]
    UnknownKey,
    /// The signature does not fit.
    #[error("the assertion's signature does not fit")]
    Forged,
    /// Meant for another tenant, audience or issuer.
    #[error("the assertion was made for somebody else")]
    Misdirected,
    /// Outside its time.
    #[error("the assertion is outside its time")]
    Expired,
}

/// Verifies a request's assertion at `now`. `key_for` finds a public key by its id.
///
/// # Errors
///
/// A [`Refusal`] that says which rule did not hold. None of them is told to the client.
pub fn verify(
    headers: &HeaderMap,
    expected: &Expected,
    now: Timestamp,
    key_for: impl FnOnce(&str) -> Option<PublicKey>,
) -> Result<Person, Refusal> {
    let token = only(headers).ok_or(Refusal::NotOne)?;
    let (signed, signature) = token.rsplit_once('.').ok_or(Refusal::Malformed)?;
    let (header, claims) = signed.split_once('.').ok_or(Refusal::Malformed)?;
    let header: Header = part(header)?;
    if header.alg != "EdDSA" || header.typ != "JWT" || header.crit.is_some() {
        return Err(Refusal::Malformed);
    }
    let key = key_for(&header.kid).ok_or(Refusal::UnknownKey)?;
    let signature = URL_SAFE_NO_PAD
        .decode(signature)
        .map_err(|_| Refusal::Malformed)?;
    UnparsedPublicKey::new(&ED25519, key)
        .verify(signed.as_bytes(), &signature)
        .map_err(|_| Refusal::Forged)?;
    judge(part(claims)?, expected, now)
}

fn judge(claims: Claims, expected: &Expected, now: Timestamp) -> Result<Person, Refusal> {
    let issuer_is_right = expected
        .issuer
        .as_ref()
        .is_none_or(|issuer| *issuer == claims.iss);
    if claims.aud != expected.tenant || claims.tenant != expected.tenant || !issuer_is_right {
        return Err(Refusal::Misdirected);
    }
    let in_time = claims.exp.saturating_add(LEEWAY.as_secs()) > now.as_second()
        && claims.iat.saturating_sub(LEEWAY.as_secs()) <= now.as_second();
    if !in_time {
        return Err(Refusal::Expired);
    }
    if claims.sub.is_empty() {
        return Err(Refusal::Malformed);
    }
    Ok(Person { name: claims.name })
}

fn only(headers: &HeaderMap) -> Option<&str> {
    let mut found = headers.get_all(HEADER).iter();
    let value = found.next().filter(|value| value.len() <= MOST_BYTES)?;
    if found.next().is_some() {
        None
    } else {
        value.to_str().ok()
    }
}

fn part<T: for<'de> Deserialize<'de>>(encoded: &str) -> Result<T, Refusal> {
    let bytes = URL_SAFE_NO_PAD
        .decode(encoded)
        .map_err(|_| Refusal::Malformed)?;
    serde_json::from_slice(&bytes).map_err(|_| Refusal::Malformed)
}

#[derive(Deserialize)]
struct Header {
    alg: String,
    typ: String,
    kid: String,
    crit: Option<serde_json::Value>,
}

#[derive(Deserialize)]
struct Claims {
    iss: String,
    aud: String,
    sub: String,
    name: String,
    tenant: String,
    iat: i64,
    exp: i64,
}

#[cfg(test)]
mod tests;
