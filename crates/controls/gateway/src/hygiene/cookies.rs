//! Cookies: our own is read and taken out before the application sees the request; the application's own stay its own.

use http::header::{COOKIE, HeaderMap, HeaderValue, SET_COOKIE};

/// The session cookie. The prefix binds it to one host (RFC 6265bis, 4.1.3.2).
pub const SESSION: &str = "__Host-avouch";

/// More than one session cookie came, or a cookie header is no text: nobody can say which is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the session cookie is ambiguous")]
pub struct Ambiguous;

/// The session cookie's value, if there is exactly one.
///
/// # Errors
/// There are several.
pub fn session(headers: &HeaderMap) -> Result<Option<&[u8]>, Ambiguous> {
    let mut found = None;
    for (name, value) in headers
        .get_all(COOKIE)
        .iter()
        .flat_map(|line| pairs(line.as_bytes()))
    {
        if name == SESSION.as_bytes() && found.replace(value).is_some() {
            return Err(Ambiguous);
        }
    }
    Ok(found)
}

/// Takes our cookies out, in any letter case; the rest pass in one header.
pub fn hide_ours(headers: &mut HeaderMap) {
    let lines = headers.get_all(COOKIE);
    if !lines
        .iter()
        .flat_map(|line| pairs(line.as_bytes()))
        .any(|(name, _)| is_ours(name))
    {
        return;
    }
    let mut kept = Vec::new();
    for (name, value) in lines
        .iter()
        .flat_map(|line| pairs(line.as_bytes()))
        .filter(|(name, _)| !is_ours(name))
    {
        if !kept.is_empty() {
            kept.extend_from_slice(b"; ");
        }
        kept.extend_from_slice(name);
        kept.push(b'=');
        kept.extend_from_slice(value);
    }
    headers.remove(COOKIE);
    if let (false, Ok(value)) = (kept.is_empty(), HeaderValue::from_bytes(&kept)) {
        headers.insert(COOKIE, value);
    }
}

/// Keeps an application's cookies to its own host: those with our names, or with none, are dropped, and `Domain` is
/// taken out of the others.
pub fn confine(headers: &mut HeaderMap) {
    if !headers.contains_key(SET_COOKIE) {
        return;
    }
    let confined: Vec<HeaderValue> = headers
        .get_all(SET_COOKIE)
        .iter()
        .filter_map(confined)
        .collect();
    headers.remove(SET_COOKIE);
    for value in confined {
        headers.append(SET_COOKIE, value);
    }
}

fn confined(value: &HeaderValue) -> Option<HeaderValue> {
    let mut parts = value.as_bytes().split(|byte| *byte == b';');
    let first = parts.next()?;
    let (name, _) = split_pair(first.trim_ascii());
    if name.is_empty() || is_ours(name) || !first.contains(&b'=') {
        return None;
    }
    let mut kept = first.to_vec();
    for part in parts {
        let (attribute, _) = split_pair(part.trim_ascii());
        if !attribute.eq_ignore_ascii_case(b"domain") {
            kept.push(b';');
            kept.extend_from_slice(part);
        }
    }
    HeaderValue::from_bytes(&kept).ok()
}

/// Browsers compare the prefixes without regard to case, so we do as well.
fn is_ours(name: &[u8]) -> bool {
    [&b"__host-avouch"[..], b"__secure-avouch"]
        .iter()
        .any(|prefix| {
            name.get(..prefix.len())
                .is_some_and(|start| start.eq_ignore_ascii_case(prefix))
        })
}

fn pairs(line: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    line.split(|byte| *byte == b';')
        .map(<[u8]>::trim_ascii)
        .filter(|pair| !pair.is_empty())
        .map(split_pair)
}

fn split_pair(pair: &[u8]) -> (&[u8], &[u8]) {
    match pair.iter().position(|byte| *byte == b'=') {
        Some(at) => {
            let (name, value) = pair.split_at(at);
            (
                name.trim_ascii_end(),
                value.get(1..).unwrap_or_default().trim_ascii_start(),
            )
        }
        None => (b"", pair),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(name: http::HeaderName, lines: &[&str]) -> HeaderMap {
        lines
            .iter()
            .map(|line| (name.clone(), line.parse().unwrap()))
            .collect()
    }

    #[test]
    fn the_session_cookie_is_read_wherever_it_stands() {
        for lines in [
            &["__Host-avouch=t"][..],
            &["a=b; __Host-avouch=t; c=d"],
            &["a=b", "__Host-avouch=t"],
        ] {
            assert_eq!(
                session(&with(COOKIE, lines)),
                Ok(Some(&b"t"[..])),
                "{lines:?}"
            );
        }
        assert_eq!(
            session(&with(COOKIE, &["__host-avouch=t; x__Host-avouch=t"])),
            Ok(None)
        );
    }

    #[test]
    fn two_session_cookies_are_ambiguous() {
        assert_eq!(
            session(&with(COOKIE, &["__Host-avouch=t; __Host-avouch=u"])),
            Err(Ambiguous)
        );
        assert_eq!(
            session(&with(COOKIE, &["__Host-avouch=t", "__Host-avouch=t"])),
            Err(Ambiguous)
        );
    }

    #[test]
    fn the_application_sees_its_own_cookies_and_not_ours() {
        let mut headers = with(
            COOKIE,
            &["theme=dark; __Host-avouch=t", "__HOST-AVOUCH-x=1; lang=en"],
        );
        hide_ours(&mut headers);
        assert_eq!(headers, with(COOKIE, &["theme=dark; lang=en"]));
        let mut headers = with(COOKIE, &["__Host-avouch=t"]);
        hide_ours(&mut headers);
        assert!(headers.is_empty());
    }

    #[test]
    fn an_application_cannot_set_our_cookies_or_reach_another_host_with_its_own() {
        let mut headers = with(
            SET_COOKIE,
            &[
                "__Host-avouch=forged; Secure; Path=/",
                "__HOST-AVOUCH=forged; Secure; Path=/",
                "__Secure-avouch-x=1; Secure",
                "=__Host-avouch=forged",
                "__Host-avouch",
                "theme=dark; Domain=acuity.test; Path=/",
                "lang=en; domain = .test;HttpOnly",
                "a=b; Path=/",
            ],
        );
        confine(&mut headers);
        assert_eq!(
            headers,
            with(
                SET_COOKIE,
                &["theme=dark; Path=/", "lang=en;HttpOnly", "a=b; Path=/"]
            )
        );
    }
}
