//! The cookies of our own hosts: read, and written with every protection a browser has.
//!
//! | cookie | at | what it is |
//! | --- | --- | --- |
//! | `__Host-avouch` | a target | the session's token |
//! | `__Host-avouch-state` | a target | the mark of a browser that was sent to sign in, until it comes back |
//! | `__Host-avouch-pass` | the sign-in host | what signing in earned, until a target takes it |
//! | `__Host-avouch-half` | the sign-in host | what the right password earned, until the second factor is shown |
//!
//! The prefix makes browsers refuse them with a domain, or without TLS. The gateway takes out all of them before an
//! application sees a request, and drops those that an application would set.

use http::header::COOKIE;
use http::{HeaderMap, HeaderValue};

use crate::secret::{Secret, SessionDigest};

/// The session cookie's name.
const SESSION: &str = "__Host-avouch";
/// The name of the mark.
const STATE: &str = "__Host-avouch-state";
/// The name of the pass.
const PASS: &str = "__Host-avouch-pass";
/// The name of what the right password earns where it is not enough.
const HALF: &str = "__Host-avouch-half";

/// How long a browser stays marked, in seconds: far longer than a few redirects take.
const STATE_LIFE: u32 = 600;
/// How long a pass is good for, in seconds.
const PASS_LIFE: u32 = 60;
/// How long the second factor may take, in seconds.
const HALF_LIFE: u32 = 600;

/// The digest of the session token in a request; `None` when there is none, or more than one.
pub fn session_digest(headers: &HeaderMap) -> Option<SessionDigest> {
    Some(Secret::new(only(headers, SESSION)?.to_owned()).digest())
}

/// The header that starts a session; `None` when the token cannot stand in a header.
pub fn starting(token: &Secret) -> Option<HeaderValue> {
    setting(SESSION, token, None)
}

/// The header that ends a session in the browser.
pub fn ending() -> HeaderValue {
    HeaderValue::from_static("__Host-avouch=; Secure; HttpOnly; SameSite=Lax; Path=/; Max-Age=0")
}

/// The state that the browser was marked with; `None` unless it is there once and looks like one of ours.
pub fn state(headers: &HeaderMap) -> Option<Secret> {
    let value = only(headers, STATE)?;
    let ours = value.len() == 32 && value.bytes().all(|byte| byte.is_ascii_hexdigit());
    ours.then(|| Secret::new(value.to_owned()))
}

/// The header that marks a browser; `None` when the state cannot stand in a header.
pub fn marking(state: &Secret) -> Option<HeaderValue> {
    setting(STATE, state, Some(STATE_LIFE))
}

/// The header that takes the mark away.
pub fn unmarking() -> HeaderValue {
    HeaderValue::from_static(
        "__Host-avouch-state=; Secure; HttpOnly; SameSite=Lax; Path=/; Max-Age=0",
    )
}

/// The pass in a request; `None` when there is none, or more than one.
pub fn pass(headers: &HeaderMap) -> Option<Secret> {
    only(headers, PASS).map(|value| Secret::new(value.to_owned()))
}

/// The header that gives a pass; `None` when it cannot stand in a header.
pub fn passing(pass: &Secret) -> Option<HeaderValue> {
    setting(PASS, pass, Some(PASS_LIFE))
}

/// The header that takes the pass away.
pub fn passed() -> HeaderValue {
    HeaderValue::from_static(
        "__Host-avouch-pass=; Secure; HttpOnly; SameSite=Lax; Path=/; Max-Age=0",
    )
}

/// What a right password earned that was not enough; `None` when there is none, or more than one.
pub fn half(headers: &HeaderMap) -> Option<Secret> {
    only(headers, HALF).map(|value| Secret::new(value.to_owned()))
}

/// The header that gives it; `None` when it cannot stand in a header.
pub fn halfway(half: &Secret) -> Option<HeaderValue> {
    setting(HALF, half, Some(HALF_LIFE))
}

/// The header that takes it away.
pub fn no_longer_halfway() -> HeaderValue {
    HeaderValue::from_static(
        "__Host-avouch-half=; Secure; HttpOnly; SameSite=Lax; Path=/; Max-Age=0",
    )
}

fn setting(name: &str, value: &Secret, seconds: Option<u32>) -> Option<HeaderValue> {
    let life = seconds.map_or_else(String::new, |seconds| format!("; Max-Age={seconds}"));
    let mut header = HeaderValue::from_str(&format!(
        "{name}={}; Secure; HttpOnly; SameSite=Lax; Path=/{life}",
        value.reveal()
    ))
    .ok()?;
    header.set_sensitive(true);
    Some(header)
}

/// A cookie's value, when it was sent exactly once and is not empty.
fn only<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let mut values = headers
        .get_all(COOKIE)
        .iter()
        .filter_map(|line| line.to_str().ok())
        .flat_map(|line| line.split(';'))
        .filter_map(|pair| pair.trim().strip_prefix(name)?.strip_prefix('='));
    match (values.next(), values.next()) {
        (Some(value), None) if !value.is_empty() => Some(value),
        _ => None,
    }
}
