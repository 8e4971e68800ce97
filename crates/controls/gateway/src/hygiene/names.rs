//! Header names from outside: which are dropped, and which spoil the whole request.
//!
//! Applications that turn names into variables (WSGI, Rack, PHP) cannot tell `X-A`, `X_A` and `X.A` apart, so names are
//! folded before they are judged, and a name with an underscore never passes.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use http::header::{self, HeaderMap, HeaderName};

use crate::assertion;

/// Why a request's header names spoil it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NameFault {
    /// `Connection` names a header that carries identity, to have it deleted on the way.
    #[error("Connection names a header that is not the client's to remove")]
    ConnectionListsIdentity,
    /// A header that the gateway is about to set came more than once.
    #[error("a header that only the gateway sets came more than once")]
    DuplicateIdentity,
}

/// Judges the names of a request from outside.
///
/// # Errors
/// See [`NameFault`].
pub fn judge(headers: &HeaderMap) -> Result<(), NameFault> {
    if connection_tokens(headers).any(|token| is_foreign(&fold(token)) || !may_be_named(token)) {
        return Err(NameFault::ConnectionListsIdentity);
    }
    let ours: Vec<_> = headers
        .iter()
        .map(|(name, _)| fold(name.as_str()))
        .filter(|name| name.starts_with("avouch-"))
        .collect();
    if repeated(ours) {
        return Err(NameFault::DuplicateIdentity);
    }
    Ok(())
}

/// The mark that a check's request carries.
pub fn mark(headers: &HeaderMap) -> Option<[u8; 32]> {
    let mark = headers.get(avouch_evidence::MARK)?;
    BASE64.decode(mark).ok()?.try_into().ok()
}

/// Takes out everything that must not reach the application: hop-by-hop names, those that `Connection` lists, whole
/// families that carry identity or rewrite the request, and every name with an underscore.
pub fn clean(headers: &mut HeaderMap) {
    take_out_hop_by_hop(headers);
    let foreign: Vec<HeaderName> = headers
        .keys()
        .filter(|name| is_foreign(&fold(name.as_str())) || name.as_str().contains('_'))
        .cloned()
        .collect();
    for name in foreign {
        headers.remove(name);
    }
}

/// Takes out the headers that concern one connection only (RFC 9110, 7.6.1), in either direction.
pub fn take_out_hop_by_hop(headers: &mut HeaderMap) {
    if headers.contains_key(header::CONNECTION) {
        let listed: Vec<HeaderName> = connection_tokens(headers)
            .filter_map(|token| token.parse().ok())
            .collect();
        for name in listed {
            headers.remove(name);
        }
    }
    for name in HOP_BY_HOP {
        headers.remove(*name);
    }
}

const HOP_BY_HOP: &[&str] = &[
    "connection",
    "keep-alive",
    "proxy-connection",
    "proxy-authenticate",
    "proxy-authorization",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "http2-settings",
    "expect",
];

/// Whole families, after folding, that carry identity between a proxy and its application.
const FAMILIES: &[&str] = &[
    "avouch-",
    "x-avouch-",
    "x-pomerium-",
    "x-auth-request-",
    "x-forwarded-",
    "x-goog-",
    "cf-access-",
    "x-amzn-oidc-",
    "x-ms-",
    "client-cert",
    "x-client-cert",
    "x-ssl-",
    "ssl-client-",
    "x-remote-",
    "x-original-",
    "x-rewrite-",
    "x-http-method",
    "x-envoy-",
    "x-authenticated-",
    "tailscale-user-",
    "x-auth-",
    "x-authentik-",
    "x-vouch-",
    "x-sso-",
    "x-consumer-",
    "x-credential-",
    "x-token-",
    "x-arr-",
    "impersonate-",
];

/// Single names of the same kind.
const NAMES: &[&str] = &[
    "remote-user",
    "remote-groups",
    "remote-email",
    "remote-name",
    "forwarded",
    "x-real-ip",
    "x-client-ip",
    "x-cluster-client-ip",
    "true-client-ip",
    "cf-connecting-ip",
    "x-method-override",
    "x-user",
    "x-user-id",
    "x-user-name",
    "x-username",
    "x-userinfo",
    "x-id-token",
    "x-access-token",
    "x-host",
    "x-email",
    "x-webauth-user",
    "x-proxy-user",
    "proxy",
];

fn is_foreign(folded: &str) -> bool {
    FAMILIES.iter().any(|family| folded.starts_with(family)) || NAMES.contains(&folded)
}

/// What `Connection` may not have removed although it is no identity: without these the request means something else.
fn may_be_named(token: &str) -> bool {
    const NEVER: &[&str] = &[
        "host",
        "cookie",
        "authorization",
        "origin",
        "content-length",
        "content-type",
        "sec-fetch-site",
    ];
    let folded = fold(token);
    folded != assertion::HEADER && !NEVER.contains(&folded.as_ref())
}

/// Lower-case, with `_`, `.` and space turned to `-`.
fn fold(name: &str) -> Cow<'_, str> {
    let folds = |byte: u8| byte.is_ascii_uppercase() || matches!(byte, b'_' | b'.' | b' ');
    if !name.bytes().any(folds) {
        return Cow::Borrowed(name);
    }
    Cow::Owned(
        name.chars()
            .map(|letter| {
                if matches!(letter, '_' | '.' | ' ') {
                    '-'
                } else {
                    letter.to_ascii_lowercase()
                }
            })
            .collect(),
    )
}

fn connection_tokens(headers: &HeaderMap) -> impl Iterator<Item = &str> {
    // A value that is no text lists nothing that could match a name.
    let values = headers
        .get_all(header::CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok());
    values
        .flat_map(|value| value.split(','))
        .map(str::trim)
        .filter(|token| !token.is_empty())
}

fn repeated(mut names: Vec<Cow<'_, str>>) -> bool {
    let all = names.len();
    names.sort_unstable();
    names.dedup();
    names.len() < all
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(lines: &[(&str, &str)]) -> HeaderMap {
        lines
            .iter()
            .map(|(name, value)| (name.parse::<HeaderName>().unwrap(), value.parse().unwrap()))
            .collect()
    }

    #[test]
    fn every_spelling_of_an_identity_header_is_taken_out() {
        for name in [
            "avouch-assertion",
            "Avouch-Assertion",
            "AVOUCH_ASSERTION",
            "avouch.assertion",
            "avouch-anything",
            "X-Avouch-User",
            "X-Forwarded-User",
            "x_forwarded_user",
            "X.Forwarded-Email",
            "x-forwarded-for",
            "Forwarded",
            "X-Real-IP",
            "Remote-User",
            "remote_user",
            "Remote.User",
            "X-Pomerium-Jwt-Assertion",
            "X-Auth-Request-Email",
            "X-Goog-IAP-JWT-Assertion",
            "Cf-Access-Jwt-Assertion",
            "X-Amzn-Oidc-Data",
            "X-MS-CLIENT-PRINCIPAL",
            "Client-Cert",
            "Client-Cert-Chain",
            "X-Forwarded-Client-Cert",
            "X-SSL-Client-CN",
            "X-Original-URL",
            "X-HTTP-Method-Override",
            "any_underscore",
            "Proxy",
            "X-Auth-User",
            "X-Authentik-Username",
            "X-Vouch-User",
            "X-SSO-User",
            "X-Consumer-Username",
            "X-Credential-Identifier",
            "X-Token-Subject",
            "X-ARR-ClientCert",
            "Impersonate-User",
            "X-UserInfo",
            "X_Username",
            "X-Id-Token",
            "X-Access-Token",
            "X-Host",
        ] {
            let mut headers = head(&[(name, "mallory"), ("accept", "text/html")]);
            clean(&mut headers);
            assert_eq!(headers, head(&[("accept", "text/html")]), "{name}");
        }
    }

    #[test]
    fn headers_of_one_connection_and_those_it_lists_are_taken_out() {
        let mut headers = head(&[
            ("connection", "keep-alive, x-note"),
            ("connection", "x-more"),
            ("keep-alive", "5"),
            ("x-note", "a"),
            ("x-more", "b"),
            ("te", "trailers"),
            ("trailer", "x"),
            ("transfer-encoding", "chunked"),
            ("upgrade", "h2c"),
            ("x-kept", "c"),
        ]);
        assert_eq!(judge(&headers), Ok(()));
        clean(&mut headers);
        assert_eq!(headers, head(&[("x-kept", "c")]));
    }

    #[test]
    fn a_client_cannot_have_an_identity_header_removed_on_the_way() {
        for listed in [
            "avouch-assertion",
            "close, Avouch_Assertion",
            "avouch.host",
            "Cookie",
            "host",
            "X-Forwarded-User",
        ] {
            assert_eq!(
                judge(&head(&[("connection", listed)])),
                Err(NameFault::ConnectionListsIdentity),
                "{listed}"
            );
        }
    }

    #[test]
    fn duplicates_of_a_header_that_the_gateway_sets_spoil_the_request_in_any_spelling() {
        for second in ["avouch-assertion", "Avouch_Assertion", "avouch.assertion"] {
            let headers = head(&[("avouch-assertion", "a"), (second, "b")]);
            assert_eq!(
                judge(&headers),
                Err(NameFault::DuplicateIdentity),
                "{second}"
            );
        }
        assert_eq!(judge(&head(&[("avouch-assertion", "a")])), Ok(()));
    }
}
