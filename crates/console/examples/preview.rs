//! Serves every page from the tests' fixed desk, to look at: `cargo run -p avouch-console --example preview`,
//! then <http://acuity.localhost:4717>, `signin.` and `console.` before it. Everybody is the supplier.

#![expect(
    clippy::expect_used,
    reason = "the fixed desk is shared with the tests, which may stop at the first surprise"
)]

#[path = "../tests/suite/fake/mod.rs"]
mod fake;

use std::sync::Arc;

use axum::extract::Request;
use axum::middleware::{Next, from_fn};
use axum::response::Response;
use http::{HeaderValue, header};

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let pages = avouch_console::router(fake::service(), Arc::new(fake::Fake::default()))
        .layer(from_fn(as_the_gateway));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:4717").await?;
    axum::serve(listener, pages).await
}

/// Stands in for the gateway and for a browser that is signed in.
async fn as_the_gateway(mut request: Request, next: Next) -> Response {
    let headers = request.headers_mut();
    let host = headers
        .get(header::HOST)
        .and_then(|host| host.to_str().ok()?.split(':').next()?.parse().ok())
        .unwrap_or(HeaderValue::from_static(""));
    headers.insert("avouch-host", host);
    headers.insert("avouch-client", HeaderValue::from_static("127.0.0.1"));
    headers.insert("sec-fetch-site", HeaderValue::from_static("same-origin"));
    headers.remove(header::ORIGIN);
    let signed_in = HeaderValue::from_static("__Host-avouch=supplier-token");
    headers.insert(header::COOKIE, signed_in);
    next.run(request).await
}
