//! What every handler shares, and the proof of identity that handlers ask for.

use std::sync::Arc;

use askama::Template;
use axum::extract::FromRequestParts;
use axum::response::{Html, IntoResponse, Response};
use http::StatusCode;
use http::request::Parts;
use jiff::Timestamp;

use crate::assertion::{self, Expected, Person};
use crate::keys::Keys;
use crate::pages::{Frame, Notice, notice_for};
use crate::store::{Store, StoreError};

/// Tells the time. The wall clock in the program, a fixed moment in tests.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// The running application.
#[derive(Clone)]
pub struct App {
    /// Its database.
    pub store: Store,
    /// The gateway's public keys.
    pub keys: Arc<Keys>,
    /// Whose assertions count.
    pub expected: Arc<Expected>,
    /// The time.
    pub clock: Clock,
    /// Whether pages include the gateway's script.
    pub timing: bool,
}

impl App {
    /// What goes around a page for this person.
    pub fn frame(&self, person: Person) -> Frame {
        Frame {
            tenant: self.expected.tenant.clone(),
            person: person.name,
            timing: self.timing,
        }
    }
}

/// A handler that takes a [`Person`] is for known people only; everybody else gets 401 before it runs.
impl FromRequestParts<App> for Person {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Response> {
        let now = (app.clock)();
        assertion::verify(&parts.headers, &app.expected, now, |id| {
            app.keys.find(id, now)
        })
        .map_err(|refusal| {
            crate::report(&format!("a request was refused: {refusal}"));
            notice(None, StatusCode::UNAUTHORIZED)
        })
    }
}

/// A page that a handler returns instead of its own.
pub struct Refusal(pub Response);

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        self.0
    }
}

/// The cause stays in the journal of whoever runs this program; the client sees a plain page.
impl From<StoreError> for Refusal {
    fn from(error: StoreError) -> Self {
        crate::report(&crate::told(&error));
        Self(notice(None, StatusCode::INTERNAL_SERVER_ERROR))
    }
}

/// Writes a page with this status.
pub fn page(status: StatusCode, template: &impl Template) -> Response {
    match template.render() {
        Ok(text) => (status, Html(text)).into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

/// Writes the plain page that goes with a status.
pub fn notice(frame: Option<Frame>, status: StatusCode) -> Response {
    let (heading, sentence) = notice_for(status);
    page(
        status,
        &Notice {
            frame,
            heading,
            sentence,
        },
    )
}
