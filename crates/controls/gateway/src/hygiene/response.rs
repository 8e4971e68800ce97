//! What an application's answer may carry to the browser, and what is added to it.

use http::header::{
    CONTENT_SECURITY_POLICY, HeaderMap, HeaderName, HeaderValue, REFERRER_POLICY,
    STRICT_TRANSPORT_SECURITY, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};

use super::{cookies, names};

/// How many subjects one answer may name; more is cut, and the cut is named.
const SUBJECTS: usize = 256;
/// The most characters of a subject. A longer one in an answer is cut; a request whose path names one is refused.
pub const SUBJECT_LENGTH: usize = 128;

static SUBJECT: HeaderName = HeaderName::from_static("avouch-subject");

/// Cleans an application's answer in place and returns the record subjects that it named.
///
/// Headers by which one origin could act on its neighbours, or on the connection itself, are taken out.
pub fn clean(headers: &mut HeaderMap) -> Vec<String> {
    let subjects = subjects(headers);
    names::take_out_hop_by_hop(headers);
    cookies::to_browser(headers);
    let taken_out: Vec<HeaderName> = headers
        .keys()
        .filter(|name| {
            name.as_str().starts_with("avouch-")
                || matches!(
                    name.as_str(),
                    "clear-site-data"
                        | "alt-svc"
                        | "server"
                        | "x-powered-by"
                        | "strict-transport-security"
                        | "nel"
                        | "service-worker-allowed"
                )
        })
        .cloned()
        .collect();
    for name in taken_out {
        headers.remove(name);
    }
    subjects
}

/// Adds the headers that every answer carries, where the answer does not say otherwise itself.
pub fn protect(headers: &mut HeaderMap) {
    let framed = headers.contains_key(X_FRAME_OPTIONS)
        || headers
            .get_all(CONTENT_SECURITY_POLICY)
            .iter()
            .any(|policy| {
                let policy = policy.as_bytes();
                policy.split(|byte| *byte == b';').any(|rule| {
                    rule.trim_ascii()
                        .get(..15)
                        .is_some_and(|name| name.eq_ignore_ascii_case(b"frame-ancestors"))
                })
            });
    if !framed {
        // Beside another policy this one only narrows it: a browser keeps to both.
        headers.append(
            CONTENT_SECURITY_POLICY,
            HeaderValue::from_static("frame-ancestors 'self'"),
        );
    }
    for (name, value) in [
        (STRICT_TRANSPORT_SECURITY, "max-age=31536000"),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (REFERRER_POLICY, "same-origin"),
    ] {
        headers
            .entry(name)
            .or_insert(HeaderValue::from_static(value));
    }
}

fn subjects(headers: &HeaderMap) -> Vec<String> {
    let lines = headers.get_all(&SUBJECT).iter();
    let mut named = lines
        .flat_map(|line| line.as_bytes().split(|byte| *byte == b','))
        .map(<[u8]>::trim_ascii)
        .filter(|name| !name.is_empty());
    let mut subjects: Vec<String> = named
        .by_ref()
        .take(SUBJECTS)
        .map(|name| {
            String::from_utf8_lossy(name)
                .chars()
                .take(SUBJECT_LENGTH)
                .collect()
        })
        .collect();
    let left = named.count();
    if left > 0 {
        subjects.push(format!("and {left} more"));
    }
    subjects
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(lines: &[(&'static str, &str)]) -> HeaderMap {
        lines
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), value.parse().unwrap()))
            .collect()
    }

    #[test]
    fn subjects_are_read_and_never_leave() {
        let mut headers = head(&[
            ("avouch-subject", "a1, b2,,"),
            ("avouch-subject", "c3"),
            ("avouch-other", "x"),
        ]);
        assert_eq!(clean(&mut headers), ["a1", "b2", "c3"]);
        assert!(headers.is_empty());
    }

    #[test]
    fn more_subjects_than_an_event_holds_are_counted() {
        let many = vec!["s"; SUBJECTS + 3].join(",");
        let mut headers = head(&[("avouch-subject", &many)]);
        let subjects = clean(&mut headers);
        assert_eq!(
            (subjects.len(), subjects.last().map(String::as_str)),
            (SUBJECTS + 1, Some("and 3 more"))
        );
    }

    #[test]
    fn an_application_cannot_clear_move_or_break_its_neighbours() {
        let mut headers = head(&[
            ("clear-site-data", "\"cookies\""),
            ("alt-svc", "h2=\":444\""),
            ("connection", "x-a"),
            ("x-a", "1"),
            ("keep-alive", "1"),
            ("server", "x"),
            ("strict-transport-security", "max-age=0; includeSubDomains"),
            ("nel", "{}"),
            ("service-worker-allowed", "/"),
            ("x-kept", "1"),
        ]);
        assert!(clean(&mut headers).is_empty());
        assert_eq!(headers, head(&[("x-kept", "1")]));
    }

    #[test]
    fn protection_is_added_only_where_the_answer_says_nothing() {
        let mut headers = head(&[
            ("referrer-policy", "no-referrer"),
            (
                "content-security-policy",
                "default-src 'self'; Frame-Ancestors 'none'",
            ),
        ]);
        protect(&mut headers);
        assert_eq!(
            headers,
            head(&[
                ("referrer-policy", "no-referrer"),
                (
                    "content-security-policy",
                    "default-src 'self'; Frame-Ancestors 'none'"
                ),
                ("strict-transport-security", "max-age=31536000"),
                ("x-content-type-options", "nosniff"),
            ])
        );
        let mut headers = head(&[("content-security-policy", "default-src 'self'")]);
        protect(&mut headers);
        assert_eq!(headers.get_all("content-security-policy").iter().count(), 2);
    }
}
