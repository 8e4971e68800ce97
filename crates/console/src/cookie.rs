//! The console's own cookie: read as a digest, written with every protection a browser has.

use http::header::COOKIE;
use http::{HeaderMap, HeaderValue};

use crate::secret::{Secret, SessionDigest};

/// The cookie's name. `__Host-` makes browsers refuse it with a domain, or without TLS.
pub const NAME: &str = "__Host-avouch";

/// The digest of the session token in a request; `None` when there is none, or more than one.
pub fn session_digest(headers: &HeaderMap) -> Option<SessionDigest> {
    let mut tokens = headers
        .get_all(COOKIE)
        .iter()
        .filter_map(|line| line.to_str().ok())
        .flat_map(|line| line.split(';'))
        .filter_map(|pair| pair.trim().strip_prefix(NAME)?.strip_prefix('='));
    match (tokens.next(), tokens.next()) {
        (Some(token), None) if !token.is_empty() => Some(Secret::new(token.to_owned()).digest()),
        _ => None,
    }
}

/// The header that starts a session; `None` when the token cannot stand in a header.
pub fn starting(token: &Secret) -> Option<HeaderValue> {
    let mut value = HeaderValue::from_str(&format!(
        "{NAME}={}; Secure; HttpOnly; SameSite=Lax; Path=/",
        token.reveal()
    ))
    .ok()?;
    value.set_sensitive(true);
    Some(value)
}

/// The header that ends a session in the browser.
pub fn ending() -> HeaderValue {
    HeaderValue::from_static("__Host-avouch=; Secure; HttpOnly; SameSite=Lax; Path=/; Max-Age=0")
}
