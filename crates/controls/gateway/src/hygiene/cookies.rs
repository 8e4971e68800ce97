//! Cookies: our own is read and taken out before the application sees the request; the application's own are kept by the
//! browser under a prefix that binds them to its host, and only those come back to it.

use http::header::{COOKIE, HeaderMap, HeaderValue, SET_COOKIE};

/// The session cookie. The prefix binds it to one host (RFC 6265bis, 4.1.3.2).
pub const SESSION: &str = "__Host-avouch";

/// What stands before the name of an application's cookie in the browser.
const APPLICATION: &str = "__Host-app-";

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

/// Leaves the application the cookies that it set on this very host, by the names that it gave them, and no other.
///
/// Whoever has a script on a neighbouring host can give browsers cookies for the whole domain, so a name without the
/// prefix says nothing about who set it.
pub fn to_application(headers: &mut HeaderMap) {
    let mut kept = Vec::new();
    for (name, value) in headers
        .get_all(COOKIE)
        .iter()
        .flat_map(|line| pairs(line.as_bytes()))
    {
        let Some(name) = name.strip_prefix(APPLICATION.as_bytes()) else {
            continue;
        };
        if name.is_empty() || is_ours(name) {
            continue;
        }
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

/// Binds an application's cookies to its own host, under names that no other host can set: those with our names, or with
/// none, are dropped; of the others `Domain` goes, and `Path` is the whole host, as the prefix demands.
pub fn to_browser(headers: &mut HeaderMap) {
    if !headers.contains_key(SET_COOKIE) {
        return;
    }
    let bound: Vec<HeaderValue> = headers
        .get_all(SET_COOKIE)
        .iter()
        .filter_map(bound)
        .collect();
    headers.remove(SET_COOKIE);
    for value in bound {
        headers.append(SET_COOKIE, value);
    }
}

fn bound(value: &HeaderValue) -> Option<HeaderValue> {
    let mut parts = value.as_bytes().split(|byte| *byte == b';');
    let first = parts.next()?.trim_ascii();
    let (name, value) = split_pair(first);
    if name.is_empty() || is_ours(name) {
        return None;
    }
    let mut kept = APPLICATION.as_bytes().to_vec();
    kept.extend_from_slice(name);
    kept.push(b'=');
    kept.extend_from_slice(value);
    kept.extend_from_slice(b"; Path=/; Secure");
    for part in parts.map(<[u8]>::trim_ascii) {
        let attribute = part.split(|byte| *byte == b'=').next().unwrap_or_default();
        let ours = [&b"domain"[..], b"path", b"secure", b""]
            .iter()
            .any(|ours| attribute.trim_ascii().eq_ignore_ascii_case(ours));
        if !ours {
            kept.extend_from_slice(b"; ");
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
    fn the_application_sees_its_own_cookies_and_neither_ours_nor_a_neighbours() {
        let mut headers = with(
            COOKIE,
            &[
                "theme=tossed; __Host-app-theme=dark; __Host-avouch=t",
                "__HOST-app-theme=tossed; __host-app-theme=tossed; __Host-app-=tossed; __Host-app-lang=en=gb",
                "__Host-app-__host-avouch=t; __Secure-app-theme=tossed; \u{2003}__Host-app-theme=tossed; tossed",
            ],
        );
        to_application(&mut headers);
        assert_eq!(headers, with(COOKIE, &["theme=dark; lang=en=gb"]));
        let mut headers = with(COOKIE, &["__Host-avouch=t; theme=tossed"]);
        to_application(&mut headers);
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
                "theme=dark; Domain=acuity.test; Path=/admin;",
                "lang=en=gb; domain = .test;HttpOnly;SameSite=Strict ;Max-Age=9; SECURE",
                " a = b ; path",
            ],
        );
        to_browser(&mut headers);
        assert_eq!(
            headers,
            with(
                SET_COOKIE,
                &[
                    "__Host-app-theme=dark; Path=/; Secure",
                    "__Host-app-lang=en=gb; Path=/; Secure; HttpOnly; SameSite=Strict; Max-Age=9",
                    "__Host-app-a=b; Path=/; Secure",
                ]
            )
        );
    }
}
