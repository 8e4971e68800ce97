//! The pages, asked over HTTP as the gateway would ask.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may stop at the first surprise"
)]

mod entry;
mod fake;
mod headers;
mod pages;
mod permissions;
mod reading;
mod second_factor;
mod sharing;
mod sign_in;
mod status;
mod support;
mod timing;
mod unusual;

use std::sync::Arc;

use axum::body::Body;
use fake::Fake;
use http::{HeaderMap, Request, StatusCode, header};
use http_body_util::BodyExt as _;
use tower::ServiceExt as _;

/// The console's host, without its port.
const CONSOLE: &str = "console.acuity.localhost";
/// The sign-in host.
const SIGN_IN: &str = "signin.acuity.localhost";
/// The statement's host.
const STATEMENT: &str = "acuity.localhost";
/// A tenant's host.
const TENANT: &str = "riverside.acuity.localhost";

/// What came back.
struct Got {
    status: StatusCode,
    headers: HeaderMap,
    body: String,
}

impl Got {
    fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .map_or("", |value| value.to_str().unwrap())
    }
}

/// A request as a browser on that host would send it, through the gateway.
struct Asked {
    host: &'static str,
    method: &'static str,
    path: String,
    form: String,
    cookie: Option<String>,
    origin: Option<String>,
    fetch_site: Option<&'static str>,
}

fn asked(host: &'static str, method: &'static str, path: &str) -> Asked {
    Asked {
        host,
        method,
        path: path.to_owned(),
        form: String::new(),
        cookie: None,
        origin: (method == "POST").then(|| format!("https://{host}:8443")),
        fetch_site: None,
    }
}

impl Asked {
    fn by(mut self, token: &str) -> Self {
        if !token.is_empty() {
            self.cookie = Some(format!("other=1; __Host-avouch={token}"));
        }
        self
    }

    fn cookies(mut self, cookies: &str) -> Self {
        self.cookie = Some(cookies.to_owned());
        self
    }

    fn form(mut self, form: &str) -> Self {
        form.clone_into(&mut self.form);
        self
    }

    async fn of(self, fake: &Arc<Fake>) -> Got {
        let mut request = Request::builder()
            .method(self.method)
            .uri(self.path)
            .header("avouch-host", self.host)
            .header("avouch-client", "192.0.2.7");
        if self.method == "POST" {
            request = request.header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
        }
        if let Some(cookie) = self.cookie {
            request = request.header(header::COOKIE, cookie);
        }
        if let Some(origin) = self.origin {
            request = request.header(header::ORIGIN, origin);
        }
        if let Some(site) = self.fetch_site {
            request = request.header("sec-fetch-site", site);
        }
        send(fake, request.body(Body::from(self.form)).unwrap()).await
    }
}

async fn send(fake: &Arc<Fake>, request: Request<Body>) -> Got {
    let desk: Arc<dyn avouch_console::Desk> = fake.clone();
    let router = avouch_console::router(fake::service(), desk);
    let response = router.oneshot(request).await.unwrap();
    let (parts, body) = response.into_parts();
    let bytes = body.collect().await.unwrap().to_bytes();
    Got {
        status: parts.status,
        headers: parts.headers,
        body: String::from_utf8(bytes.to_vec()).unwrap(),
    }
}
