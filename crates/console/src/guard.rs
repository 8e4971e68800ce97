//! What every request passes on its way in, and every answer on its way out.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use http::header::{self, HeaderName};
use http::{HeaderMap, HeaderValue, Method};

use crate::ask::{App, Arrival};
use crate::callers::{Caller, refusal};
use crate::pages::problem::Problem;
use crate::service::{Service, Site};

/// The host the browser asked, set by the gateway alone.
const HOST: HeaderName = HeaderName::from_static("avouch-host");
/// The browser's address, set by the gateway alone.
const CLIENT: HeaderName = HeaderName::from_static("avouch-client");

/// Where the page that made the request came from, by browsers that say so.
const FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Where a request came in; `None` when the gateway did not say, or named a host that is not ours.
pub fn arrival(headers: &HeaderMap, app: &App) -> Option<Arrival> {
    let host = only(headers, &HOST)?;
    let client = only(headers, &CLIENT)?;
    let (site, target) = app.service.site(host)?;
    let host = host.split(':').next().unwrap_or(host);
    Some(Arrival {
        site,
        target,
        host: host.to_owned(),
        client: client.to_owned(),
        led_by_another_site: only(headers, &FETCH_SITE) == Some("cross-site"),
        moment: app.desk.moment(),
    })
}

/// Turns away an unsafe request that was not made by a page of the same origin.
pub async fn same_origin(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let safe = [Method::GET, Method::HEAD].contains(request.method());
    let Some(arrival) = request.extensions().get::<Arrival>().cloned() else {
        return Problem::Misdirected.page(&app.service, &Caller::Unknown);
    };
    if safe || is_same_origin(request.headers(), &app.service.origin_of(&arrival.host)) {
        return next.run(request).await;
    }
    let (parts, _) = request.into_parts();
    let refusal = refusal(&parts, &arrival, None, "sent by another site");
    let problem = match app.desk.refused(refusal).await {
        Ok(()) => Problem::CrossSite,
        Err(error) => error.into(),
    };
    problem.page(&app.service, &Caller::Unknown)
}

/// Puts the security headers on every answer.
pub fn secure(mut response: Response, service: &Service, site: Option<Site>) -> Response {
    let headers = response.headers_mut();
    for (name, value) in [
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::X_FRAME_OPTIONS, "DENY"),
        // Not `no-referrer`: with it a browser sends `Origin: null` from our own forms.
        (header::REFERRER_POLICY, "same-origin"),
        (
            HeaderName::from_static("cross-origin-opener-policy"),
            "same-origin",
        ),
        (
            HeaderName::from_static("cross-origin-resource-policy"),
            "same-origin",
        ),
        (
            HeaderName::from_static("permissions-policy"),
            "camera=(), geolocation=(), microphone=()",
        ),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers
        .entry(header::CACHE_CONTROL)
        .or_insert(HeaderValue::from_static("no-store"));
    match HeaderValue::from_str(&content_policy(service, site)) {
        Ok(policy) => {
            headers.insert(header::CONTENT_SECURITY_POLICY, policy);
            response
        }
        // A domain that cannot stand in a header was refused with the statement.
        Err(_) => {
            let mut plain = Response::new(Body::empty());
            *plain.status_mut() = http::StatusCode::INTERNAL_SERVER_ERROR;
            plain
        }
    }
}

/// No script, no frame, our own stylesheet and pictures. Chromium applies `form-action` to the
/// redirect after a form too, so it names the hosts that sign-in and sign-out end at.
fn content_policy(service: &Service, site: Option<Site>) -> String {
    let forms = match site {
        Some(Site::SignIn) => format!("'self' {}", service.any_origin()),
        Some(Site::Console | Site::Tenant) => format!("'self' {}", service.sign_in_origin()),
        Some(Site::Statement) | None => "'none'".to_owned(),
    };
    format!(
        "default-src 'none'; style-src 'self'; img-src 'self'; form-action {forms}; \
         frame-ancestors 'none'; base-uri 'none'"
    )
}

/// A browser says where a form was sent from in `Origin`, in `Sec-Fetch-Site`, or in both.
fn is_same_origin(headers: &HeaderMap, own: &str) -> bool {
    let fetched = only(headers, &FETCH_SITE);
    match only(headers, &header::ORIGIN) {
        Some("null") | None => {
            fetched == Some("same-origin") && headers.get_all(header::ORIGIN).iter().count() < 2
        }
        Some(origin) => origin == own,
    }
}

/// A header's value when it was sent exactly once.
fn only<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (Some(value), None) => value.to_str().ok(),
        _ => None,
    }
}
