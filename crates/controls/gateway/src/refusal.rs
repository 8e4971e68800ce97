//! Every way a request can fail, and the one place that turns each into a status and a page.
//!
//! A page says what the reader can do. It names no tenant, no path and nothing of the machine.

use std::fmt::Write as _;

use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderName, HeaderValue};
use http::{Response, StatusCode};

use crate::hygiene::entry::EntryFault;
use crate::hygiene::response;
use crate::phase::Phase;

/// What the pages wear: of the published components of nhsuk-frontend, the rules for what is on them.
const STYLE: &str = include_str!(concat!(env!("OUT_DIR"), "/page.css"));

/// Why a request gets no answer from where it wanted one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The handshake failed: a version, a suite or a name that is not spoken here.
    #[error("the TLS handshake failed")]
    Handshake,
    /// The handshake took too long.
    #[error("the TLS handshake took too long")]
    SlowHandshake,
    /// It was asked for in the clear, and sent to the same place over TLS.
    #[error("nothing is served in the clear")]
    InTheClear,
    /// The head cannot be understood.
    #[error("the head cannot be understood")]
    Malformed,
    /// The head's framing can be understood in two ways.
    #[error("the head states the body's length in two ways")]
    AmbiguousLength,
    /// There is not exactly one plain host, or the path can be read in two ways.
    #[error("the host or the path can be read in two ways")]
    AmbiguousTarget,
    /// A header's name or its presence in `Connection` is an attempt on identity.
    #[error("a header meddles with identity")]
    Meddling,
    /// There are several session cookies.
    #[error("there are several session cookies")]
    AmbiguousSession,
    /// The head is too large.
    #[error("the head is too large")]
    LargeHead,
    /// The cookies alone fill more than half of a head.
    #[error("the cookies are too large")]
    LargeCookies,
    /// The head came too slowly.
    #[error("the head came too slowly")]
    SlowHead,
    /// The client gives up most of its requests as soon as they have begun.
    #[error("the client gives up its requests as soon as they have begun")]
    GivenUp,
    /// The client asks for more at once than is allowed.
    #[error("the client asks for more at once than is allowed")]
    TooManyAtOnce,
    /// The host is not the one the connection was made for, or not one of ours.
    #[error("the host is not the one this connection was made for")]
    Misdirected,
    /// The method is never spoken here.
    #[error("the method is not spoken here")]
    Method,
    /// The body is too large.
    #[error("the body is too large")]
    LargeBody,
    /// The body came too slowly.
    #[error("the body came too slowly")]
    SlowBody,
    /// The body broke off, or its framing cannot be understood.
    #[error("the body broke off, or its framing cannot be understood")]
    BadBody,
    /// A page of another origin caused the request.
    #[error("a page of another origin caused the request")]
    OtherOrigin,
    /// The path names a record by more characters than one may have.
    #[error("the path names a record by too many characters")]
    LongSubject,
    /// An entry holds something other than numbers.
    #[error("entry `{entry}` holds something other than numbers")]
    NotNumbers {
        /// The entry's name in the statement.
        entry: String,
        /// What was wrong.
        fault: EntryFault,
    },
    /// The core refused.
    #[error("the core refused: {reason}")]
    Denied {
        /// With this status.
        status: u16,
        /// And this code.
        reason: String,
    },
    /// The core cannot answer, or cannot be reached.
    #[error("the core cannot answer")]
    NoCore,
    /// What happened could not be recorded, so its result is not shown.
    #[error("the outcome could not be recorded")]
    NotRecorded,
    /// No instance of the application can be reached.
    #[error("no instance can be reached")]
    Unreachable,
    /// The instance went away in the middle.
    #[error("the instance went away in the middle")]
    Broken,
    /// The instance did not begin its answer in time.
    #[error("the instance did not answer in time")]
    Slow,
}

/// What the reader of a page is told.
struct Told {
    status: StatusCode,
    reason: &'static str,
    phase: Phase,
    title: &'static str,
    text: &'static str,
}

impl Refusal {
    /// The status answered.
    pub fn status(&self) -> StatusCode {
        self.told().status
    }

    /// The code of the reason, for events.
    pub fn reason(&self) -> &str {
        match self {
            Self::Denied { reason, .. } => reason,
            other => other.told().reason,
        }
    }

    /// In which phase it fell.
    pub fn phase(&self) -> Phase {
        self.told().phase
    }

    /// The one place where a failure becomes a status and words.
    fn told(&self) -> Told {
        use StatusCode as S;
        const UNCLEAR: &str =
            "Your browser sent something that could not be understood. Go back and try again.";
        const BROKEN: &str = "What you sent did not arrive whole. Check whether it was saved before you send it again.";
        const AGAIN: &str = "Nothing of yours was lost. Wait a few seconds and try again.";
        let told = |status, reason, phase, title, text| Told {
            status,
            reason,
            phase,
            title,
            text,
        };
        match self {
            Self::Handshake => told(
                S::BAD_REQUEST,
                "handshake",
                Phase::Tls,
                "Connection not secure",
                UNCLEAR,
            ),
            Self::SlowHandshake => told(
                S::REQUEST_TIMEOUT,
                "slow-handshake",
                Phase::Tls,
                "Too slow",
                "The secure connection took too long to set up. Check your connection and try again.",
            ),
            Self::InTheClear => told(
                S::PERMANENT_REDIRECT,
                "in-the-clear",
                Phase::Tls,
                "Connection not secure",
                UNCLEAR,
            ),
            Self::Malformed => told(
                S::BAD_REQUEST,
                "malformed",
                Phase::Head,
                "Request not understood",
                UNCLEAR,
            ),
            Self::AmbiguousLength => told(
                S::BAD_REQUEST,
                "ambiguous-length",
                Phase::Head,
                "Request not understood",
                UNCLEAR,
            ),
            Self::AmbiguousTarget => told(
                S::BAD_REQUEST,
                "ambiguous-target",
                Phase::Head,
                "Request not understood",
                UNCLEAR,
            ),
            Self::Meddling => told(
                S::BAD_REQUEST,
                "meddling",
                Phase::Head,
                "Request not understood",
                UNCLEAR,
            ),
            Self::AmbiguousSession => told(
                S::BAD_REQUEST,
                "ambiguous-session",
                Phase::Head,
                "Request not understood",
                "Your browser sent two sign-ins at once. Close it, open it again and sign in.",
            ),
            Self::LargeHead => told(
                S::REQUEST_HEADER_FIELDS_TOO_LARGE,
                "large-head",
                Phase::Head,
                "Request too large",
                "The address, or what your browser sent with it, is longer than this service takes. Check the address and try again.",
            ),
            Self::LargeCookies => told(
                S::REQUEST_HEADER_FIELDS_TOO_LARGE,
                "large-cookies",
                Phase::Head,
                "Request too large",
                "Your browser sent more cookies than fit into a request, so it was told to forget them. Open the page again and sign in.",
            ),
            Self::SlowHead => told(
                S::REQUEST_TIMEOUT,
                "slow-head",
                Phase::Head,
                "Too slow",
                "What your browser asked for took too long to arrive. Check your connection and try again.",
            ),
            Self::GivenUp => told(
                S::TOO_MANY_REQUESTS,
                "given-up",
                Phase::Head,
                "Too much at once",
                AGAIN,
            ),
            Self::TooManyAtOnce => told(
                S::TOO_MANY_REQUESTS,
                "too-many-at-once",
                Phase::Head,
                "Too much at once",
                AGAIN,
            ),
            Self::Misdirected => told(
                S::MISDIRECTED_REQUEST,
                "misdirected",
                Phase::Head,
                "Wrong address",
                "This address is not served here. Check it and try again.",
            ),
            Self::Method => told(
                S::METHOD_NOT_ALLOWED,
                "method",
                Phase::Head,
                "Request not understood",
                "Your browser asked in a way that this service does not answer. Go back and try again.",
            ),
            Self::LargeBody => told(
                S::PAYLOAD_TOO_LARGE,
                "large-body",
                Phase::Head,
                "Too much at once",
                "What you sent is larger than this service takes. Send less.",
            ),
            Self::SlowBody => told(
                S::REQUEST_TIMEOUT,
                "bad-body",
                Phase::Head,
                "Broken off",
                BROKEN,
            ),
            Self::BadBody => told(
                S::BAD_REQUEST,
                "bad-body",
                Phase::Head,
                "Broken off",
                BROKEN,
            ),
            Self::OtherOrigin => told(
                S::FORBIDDEN,
                "other-origin",
                Phase::Head,
                "Not from this page",
                "The request did not come from a page of this service. Go back to the service and try again there.",
            ),
            Self::LongSubject => told(
                S::URI_TOO_LONG,
                "long-subject",
                Phase::Head,
                "Address too long",
                "The address names a record by more characters than any record has here. Check it and try again.",
            ),
            Self::NotNumbers { .. } => told(
                S::UNPROCESSABLE_ENTITY,
                "not-numbers",
                Phase::Head,
                "Only numbers can be entered",
                "",
            ),
            Self::Denied { status, .. } => told(
                S::from_u16(*status).unwrap_or(S::FORBIDDEN),
                "denied",
                Phase::Admit,
                "Not allowed",
                "You may not do this here. If you think you should, ask your administrator.",
            ),
            Self::NoCore => told(
                S::SERVICE_UNAVAILABLE,
                "no-core",
                Phase::Admit,
                "Back in a moment",
                AGAIN,
            ),
            Self::NotRecorded => told(
                S::SERVICE_UNAVAILABLE,
                "not-recorded",
                Phase::Hold,
                "Not shown",
                "What you asked for could not be recorded, so it is not shown. If you were saving something, check whether it was saved.",
            ),
            Self::Unreachable => told(
                S::BAD_GATEWAY,
                "unreachable",
                Phase::Hop,
                "Back in a moment",
                AGAIN,
            ),
            Self::Broken => told(
                S::BAD_GATEWAY,
                "broken",
                Phase::Hop,
                "Back in a moment",
                "The application stopped in the middle. If you were saving something, check whether it was saved, then try again.",
            ),
            Self::Slow => told(
                S::GATEWAY_TIMEOUT,
                "slow",
                Phase::Hop,
                "Taking too long",
                "The application did not answer in time. If you were saving something, check whether it was saved, then try again.",
            ),
        }
    }

    /// The page, with where else to look, if anywhere. It stands alone, loads nothing and is not kept by any cache.
    pub fn page(&self, see: Option<&str>) -> Response<Bytes> {
        let told = self.told();
        let fault = match self {
            Self::NotNumbers { fault, .. } => fault.to_string(),
            _ => String::new(),
        };
        let see = see.map_or_else(String::new, |path| {
            format!("<p><a href=\"{path}\">How the service is</a></p>")
        });
        let mut body = String::with_capacity(4096);
        // Writing to a String cannot fail.
        let _ = write!(
            body,
            "<!doctype html><html lang=\"en-GB\"><head><meta charset=\"utf-8\">\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"><title>{title}</title>\
             <style>{STYLE}</style></head><body>\
             <div class=\"nhsuk-header\"><div class=\"nhsuk-header__container nhsuk-width-container\"></div></div>\
             <div class=\"nhsuk-width-container\"><main class=\"nhsuk-main-wrapper\">\
             <h1 class=\"nhsuk-heading-l\">{title}</h1><p class=\"nhsuk-u-text-break-word\">{text}{fault}</p>{see}\
             <p class=\"nhsuk-body-s\">Code: {code}</p></main></div></body></html>",
            title = told.title,
            text = told.text,
            fault = escape(&fault),
            code = escape(self.reason()),
        );
        let mut page = Response::new(Bytes::from(body));
        *page.status_mut() = told.status;
        let headers = page.headers_mut();
        headers.insert(
            CONTENT_TYPE,
            HeaderValue::from_static("text/html; charset=utf-8"),
        );
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        let policy = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'";
        headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(policy));
        if *self == Self::LargeCookies {
            // Any host of the service's domain may have set them, for all hosts. Without this, every answer would be this one.
            let name = HeaderName::from_static("clear-site-data");
            headers.insert(name, HeaderValue::from_static("\"cookies\""));
        }
        response::protect(headers);
        page
    }
}

/// Text as it stands in a page.
pub(crate) fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_names_the_field_and_shows_no_markup_of_the_sender() {
        let fault = EntryFault::NotANumber {
            field: "<script>".into(),
            digits: 3,
        };
        let page = Refusal::NotNumbers {
            entry: "assessment".into(),
            fault,
        }
        .page(None);
        let text = std::str::from_utf8(page.body()).unwrap();
        assert_eq!(page.status(), 422);
        assert!(
            text.contains("&lt;script&gt;")
                && text.contains("at most 3 digits")
                && !text.contains("<script>")
        );
    }

    #[test]
    fn a_page_wears_the_design_system_and_asks_for_nothing_elsewhere() {
        let page = Refusal::Unreachable.page(None);
        let text = std::str::from_utf8(page.body()).unwrap();
        for rule in [".nhsuk-heading-l{", ".nhsuk-header{", "@media (min-width"] {
            assert!(text.contains(rule), "{rule}");
        }
        for elsewhere in ["url(", "@import", "http:", "https:", "src=", "href="] {
            assert!(!text.contains(elsewhere), "{elsewhere}");
        }
        assert!(text.len() < 4096, "{} bytes", text.len());
    }

    #[test]
    fn a_status_that_is_none_becomes_a_refusal() {
        let denied = Refusal::Denied {
            status: 7,
            reason: "x".into(),
        };
        assert_eq!(denied.status(), StatusCode::FORBIDDEN);
    }
}
