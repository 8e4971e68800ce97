//! What a handler is given: the desk, where the request came in, and its fields, each once.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Form;
use axum::extract::{FromRequest, RawPathParams, Request};
use axum::response::Response;
use axum::{RequestExt as _, RequestPartsExt as _};
use http::HeaderMap;

use crate::callers::Caller;
use crate::cookie;
use crate::desk::{Desk, Moment, Refusal};
use crate::html::{Frame, Nav};
use crate::pages::problem::Problem;
use crate::service::{Service, Site, Target};

/// What every request shares.
pub struct App {
    /// The service's name and hosts.
    pub service: Service,
    /// The rest of the product.
    pub desk: Arc<dyn Desk>,
}

/// Where a request came in, as the gateway said; put there before any route is chosen.
#[derive(Clone)]
pub struct Arrival {
    /// The site that answers.
    pub site: Site,
    /// What a sign-in for this host is aimed at; `None` where nobody signs in.
    pub target: Option<Target>,
    /// The host, without a port.
    pub host: String,
    /// The browser's address.
    pub client: String,
    /// Whether the browser says that a page of another site led here.
    pub led_by_another_site: bool,
    /// The request, as the audit trail knows it.
    pub moment: Moment,
}

/// A request, read.
pub struct Ask {
    /// What every request shares.
    pub app: Arc<App>,
    /// Where it came in.
    pub arrival: Arrival,
    method: String,
    path: String,
    params: BTreeMap<String, String>,
    fields: BTreeMap<String, String>,
    headers: HeaderMap,
}

impl Ask {
    /// The rest of the product.
    pub fn desk(&self) -> &dyn Desk {
        self.app.desk.as_ref()
    }

    /// A field of the form or query, without the spaces around it; empty when it was not sent.
    pub fn field(&self, name: &str) -> &str {
        self.raw_field(name).trim()
    }

    /// A field exactly as sent.
    pub fn raw_field(&self, name: &str) -> &str {
        self.fields.get(name).map_or("", String::as_str)
    }

    /// A part of the path, such as an id; empty when the route has none of that name.
    pub fn param(&self, name: &str) -> &str {
        self.params.get(name).map_or("", String::as_str)
    }

    /// The path that was asked for, without its query.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// What the browser sent before its form, cookies among it.
    pub fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    /// The frame of a page for this caller.
    pub fn frame(&self, title: &str, caller: &Caller<'_>) -> Frame {
        Frame::new(&self.app.service, self.arrival.site, title, caller)
    }

    /// The frame of a console page, with its entry in the menu marked.
    pub fn console_frame(&self, title: &str, caller: &Caller<'_>, nav: Nav) -> Frame {
        self.frame(title, caller).at(nav)
    }

    /// Records that a request is turned away, and why; the answer is what the caller is told instead.
    pub async fn refuse(
        &self,
        caller: &Caller<'_>,
        reason: &'static str,
        told: Problem,
    ) -> Problem {
        let refusal = Refusal {
            actor: caller.actor().cloned(),
            session: cookie::session_digest(&self.headers),
            client: self.arrival.client.clone(),
            host: self.arrival.host.clone(),
            method: self.method.clone(),
            path: self.path.clone(),
            reason,
            moment: self.arrival.moment.clone(),
        };
        match self.desk().refused(refusal).await {
            Ok(()) => told,
            Err(error) => error.into(),
        }
    }

    /// Turns away somebody who asks for another tenant's; they are told that there is no such thing.
    pub async fn outside_scope(&self, caller: &Caller<'_>) -> Problem {
        self.refuse(caller, "belongs to another tenant", Problem::Absent)
            .await
    }
}

impl FromRequest<Arc<App>> for Ask {
    type Rejection = Response;

    async fn from_request(request: Request, app: &Arc<App>) -> Result<Self, Response> {
        let answer = |problem: Problem| problem.page(&app.service, &Caller::Unknown);
        let (mut parts, body) = request.into_parts();
        let arrival = parts
            .extensions
            .get::<Arrival>()
            .cloned()
            .ok_or_else(|| answer(Problem::Misdirected))?;
        let params = parts
            .extract::<RawPathParams>()
            .await
            .map_err(|_| answer(Problem::Absent))?
            .iter()
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect();
        let (method, path) = (parts.method.to_string(), parts.uri.path().to_owned());
        let headers = parts.headers.clone();
        let Form(pairs) = Request::from_parts(parts, body)
            .extract::<Form<Vec<(String, String)>>, _>()
            .await
            .map_err(|_| answer(Problem::Unreadable))?;
        let sent = pairs.len();
        let fields: BTreeMap<String, String> = pairs.into_iter().collect();
        if fields.len() != sent {
            return Err(answer(Problem::Unreadable));
        }
        Ok(Self {
            app: Arc::clone(app),
            arrival,
            method,
            path,
            params,
            fields,
            headers,
        })
    }
}
