//! What somebody is told when there is no page for them, and what they can do next.

use std::error::Error;

use askama::Template;
use axum::response::{Html, IntoResponse as _, Response};
use http::StatusCode;
use jiff::Timestamp;

use crate::callers::Caller;
use crate::desk::DeskError;
use crate::html::{Frame, Message};
use crate::service::{Service, Site};
use crate::shown;

/// Why there is no page. The log has causes; the page never does.
#[derive(Debug)]
pub enum Problem {
    /// There is no such page, or it is somebody else's.
    Absent,
    /// Not for this role.
    Forbidden,
    /// The trail of an organisation that does not share it.
    NotShared,
    /// The trail, before this, by an account that the supplier made a way into.
    NotYet(Timestamp),
    /// What an organisation's own administrators do.
    Theirs,
    /// An act that was not asked for by our own page.
    CrossSite,
    /// A form or query that cannot be read, or says something twice.
    Unreadable,
    /// A page that cannot be used that way.
    WrongMethod,
    /// A host that is not ours.
    Misdirected,
    /// A one-time code that is spent, late, for another host or for another browser.
    DeadCode,
    /// It is being done already.
    Busy {
        /// What is, with its article.
        what: &'static str,
    },
    /// Something of ours could not be done just now.
    Unavailable {
        /// What, for the log.
        source: Box<dyn Error + Send + Sync>,
    },
    /// Something of ours failed.
    Failed {
        /// What, for the log.
        source: Box<dyn Error + Send + Sync>,
    },
}

impl From<DeskError> for Problem {
    fn from(error: DeskError) -> Self {
        match error {
            DeskError::Absent => Self::Absent,
            DeskError::NotShared => Self::NotShared,
            DeskError::NotYet(until) => Self::NotYet(until),
            DeskError::Theirs => Self::Theirs,
            DeskError::Busy { what } => Self::Busy { what },
            DeskError::EmailTaken
            | DeskError::EmailElsewhere
            | DeskError::EmailsRefused
            | DeskError::ReasonWanted
            | DeskError::Unfit(_) => Self::Unreadable,
            DeskError::Unavailable { source } => Self::Unavailable { source },
            DeskError::Failed { source } => Self::Failed { source },
        }
    }
}

impl Problem {
    /// The page that says so.
    pub fn page(self, service: &Service, caller: &Caller<'_>) -> Response {
        if let Self::Failed { source } | Self::Unavailable { source } = &self {
            tracing::error!(error = source.as_ref(), "a page could not be made");
        }
        let status = self.status();
        let (title, text, next) = self.words();
        let message = Message {
            frame: Frame::new(service, Site::Tenant, title, caller),
            text,
            next,
        };
        match message.render() {
            Ok(html) => (status, Html(html)).into_response(),
            Err(error) => {
                tracing::error!(%error, "the error page could not be made");
                (StatusCode::INTERNAL_SERVER_ERROR, "Something went wrong.").into_response()
            }
        }
    }

    fn status(&self) -> StatusCode {
        match self {
            Self::Absent => StatusCode::NOT_FOUND,
            Self::Forbidden
            | Self::NotShared
            | Self::NotYet(_)
            | Self::Theirs
            | Self::CrossSite
            | Self::DeadCode => StatusCode::FORBIDDEN,
            Self::Unreadable => StatusCode::BAD_REQUEST,
            Self::WrongMethod => StatusCode::METHOD_NOT_ALLOWED,
            Self::Misdirected => StatusCode::MISDIRECTED_REQUEST,
            Self::Busy { .. } => StatusCode::CONFLICT,
            Self::Unavailable { .. } => StatusCode::SERVICE_UNAVAILABLE,
            Self::Failed { .. } => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// The title, what happened, and what to do next.
    fn words(&self) -> (&'static str, String, &'static str) {
        match self {
            Self::Absent => (
                "Page not found",
                "There is no page at this address, or it is not yours to see.".to_owned(),
                "Check the address, or go back to the start.",
            ),
            Self::Forbidden => (
                "You cannot use this page",
                "Your role does not include it. The attempt is in the audit trail.".to_owned(),
                "If you need it, ask an administrator of your organisation.",
            ),
            Self::NotShared => (
                "Not shared with you",
                "This organisation decides who reads its trail, and does not share it with you now. That you asked is in it."
                    .to_owned(),
                "Ask one of its administrators to share it.",
            ),
            Self::NotYet(until) => (
                "Not yet",
                format!(
                    "The supplier made this account’s password, or took its second factor away. It opens no trail until {}, so \
                     that your organisation can object. That you asked is in the trail.",
                    shown::minute(*until)
                ),
                "Try again after that.",
            ),
            Self::Theirs => (
                "Theirs to do",
                "This organisation decides who reads its trail, which its administrators do. While one of them can sign in, \
                 nobody of the supplier’s makes another, or a password for one, or takes a second factor away."
                    .to_owned(),
                "Ask an administrator of the organisation to do it.",
            ),
            Self::CrossSite => (
                "Nothing was changed",
                "The request did not come from a page of this service.".to_owned(),
                "Go back to the start and try again from there.",
            ),
            Self::DeadCode => (
                "Sign in again",
                "You were not signed in: this link has been used, has run out, or was made for another browser."
                    .to_owned(),
                "Go back to the start to sign in again.",
            ),
            Self::Unreadable => (
                "The request could not be read",
                "A part of it was missing, repeated or too large.".to_owned(),
                "Go back, reload the page and try again.",
            ),
            Self::WrongMethod => (
                "This address does not work that way",
                "The page exists, but not for this kind of request.".to_owned(),
                "Go back to the start and follow the links from there.",
            ),
            Self::Misdirected => (
                "No service at this address",
                "This host is not one of the service's.".to_owned(),
                "Check the address.",
            ),
            Self::Busy { what } => (
                "Already running",
                format!("Nothing was started, because {what} is already running."),
                "Wait until it has finished, then try again.",
            ),
            // The gateway says the same of a request to an application.
            Self::Unavailable { .. } => (
                "Back in a moment",
                "What you asked for was not done, and nothing of yours was lost.".to_owned(),
                "Wait a few seconds and try again.",
            ),
            Self::Failed { .. } => (
                "Something went wrong",
                "The page could not be made. This is our fault, and it is in our log.".to_owned(),
                "Try again in a minute.",
            ),
        }
    }
}
