//! Which requests a page of another origin may cause: to come here by a link, and nothing else.
//!
//! Tenants are different origins but one site, so `SameSite` cookies do not keep them apart; these two rules do.
//! Source: Fetch Metadata Request Headers (W3C); OWASP Cross-Site Request Forgery Prevention, "Fetch Metadata".

use http::header::{HeaderMap, ORIGIN};
use http::{HeaderValue, Method};

/// Whether the method may change something (RFC 9110, 9.2.1).
pub fn is_unsafe(method: &Method) -> bool {
    !matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS)
}

/// Whether a request that changes something, or opens a tunnel, comes from a page of this very origin.
pub fn is_own(headers: &HeaderMap, own: &str) -> bool {
    let fetched = word(headers, "sec-fetch-site");
    let mut origins = headers.get_all(ORIGIN).iter();
    match (origins.next(), origins.next()) {
        (Some(origin), None) if origin == own => fetched.is_none_or(|site| site == "same-origin"),
        // A page may hide its origin (`null`) by its referrer policy; the browser's own word is as good.
        (Some(origin), None) if origin == "null" => fetched == Some("same-origin"),
        (None, None) => fetched == Some("same-origin"),
        _ => false,
    }
}

/// Whether a safe request was caused by a page of another origin in another way than by following a link.
pub fn is_foreign_load(headers: &HeaderMap) -> bool {
    matches!(
        word(headers, "sec-fetch-site"),
        Some("same-site" | "cross-site")
    ) && (word(headers, "sec-fetch-mode") != Some("navigate")
        || matches!(
            word(headers, "sec-fetch-dest"),
            Some("object" | "embed" | "iframe" | "frame")
        ))
}

fn word<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers
        .get(name)
        .map(HeaderValue::to_str)
        .and_then(Result::ok)
}

#[cfg(test)]
mod tests {
    use super::*;

    const OWN: &str = "https://riverside.acuity.test";

    fn head(lines: &[(&'static str, &str)]) -> HeaderMap {
        lines
            .iter()
            .map(|(name, value)| (http::HeaderName::from_static(name), value.parse().unwrap()))
            .collect()
    }

    #[test]
    fn only_a_page_of_the_same_origin_may_change_something() {
        for (lines, own) in [
            (&[("origin", OWN)][..], true),
            (&[("origin", OWN), ("sec-fetch-site", "same-origin")], true),
            (&[("sec-fetch-site", "same-origin")], true),
            (
                &[("origin", "null"), ("sec-fetch-site", "same-origin")],
                true,
            ),
            (&[], false),
            (&[("origin", "null")], false),
            (&[("origin", "https://lakeside.acuity.test")], false),
            (
                &[
                    ("origin", "https://lakeside.acuity.test"),
                    ("sec-fetch-site", "same-origin"),
                ],
                false,
            ),
            (&[("origin", "http://riverside.acuity.test")], false),
            (&[("origin", OWN), ("sec-fetch-site", "same-site")], false),
            (&[("origin", OWN), ("origin", OWN)], false),
            (&[("sec-fetch-site", "same-site")], false),
            (&[("sec-fetch-site", "none")], false),
        ] {
            assert_eq!(is_own(&head(lines), OWN), own, "{lines:?}");
        }
    }

    #[test]
    fn another_origin_may_only_lead_here_by_a_link() {
        for (lines, foreign) in [
            (&[][..], false),
            (
                &[
                    ("sec-fetch-site", "same-origin"),
                    ("sec-fetch-mode", "cors"),
                ],
                false,
            ),
            (
                &[("sec-fetch-site", "none"), ("sec-fetch-mode", "navigate")],
                false,
            ),
            (
                &[
                    ("sec-fetch-site", "cross-site"),
                    ("sec-fetch-mode", "navigate"),
                    ("sec-fetch-dest", "document"),
                ],
                false,
            ),
            (
                &[
                    ("sec-fetch-site", "same-site"),
                    ("sec-fetch-mode", "no-cors"),
                    ("sec-fetch-dest", "script"),
                ],
                true,
            ),
            (
                &[
                    ("sec-fetch-site", "same-site"),
                    ("sec-fetch-mode", "navigate"),
                    ("sec-fetch-dest", "iframe"),
                ],
                true,
            ),
            (&[("sec-fetch-site", "cross-site")], true),
        ] {
            assert_eq!(is_foreign_load(&head(lines)), foreign, "{lines:?}");
        }
    }
}
