//! The stylesheet and the icon, embedded, the same on every host.

use std::sync::OnceLock;

use axum::response::IntoResponse as _;
use http::header;
use sha2::{Digest as _, Sha256};

use super::Answer;
use crate::ask::Ask;
use crate::callers::Visitor;

/// Made by `make web` from the published components of nhsuk-frontend.
const STYLESHEET: &str = include_str!(concat!(env!("OUT_DIR"), "/avouch.css"));
const ICON: &str = include_str!("../../templates/icon.svg");
/// A year: the address changes with the content.
const FOR_GOOD: &str = "public, max-age=31536000, immutable";
/// A day, in seconds.
const FOR_A_DAY: &str = "public, max-age=86400";

/// Answers with the stylesheet.
pub async fn stylesheet(_: Visitor, _: Ask) -> Answer {
    let headers = [
        (header::CONTENT_TYPE, "text/css; charset=utf-8"),
        (header::CACHE_CONTROL, FOR_GOOD),
    ];
    Ok((headers, STYLESHEET).into_response())
}

/// Answers with the icon.
pub async fn icon(_: Visitor, _: Ask) -> Answer {
    let headers = [
        (header::CONTENT_TYPE, "image/svg+xml"),
        (header::CACHE_CONTROL, FOR_A_DAY),
    ];
    Ok((headers, ICON).into_response())
}

/// Where pages find the stylesheet; the digest makes a new one be fetched at once.
pub fn stylesheet_address() -> String {
    static ADDRESS: OnceLock<String> = OnceLock::new();
    ADDRESS
        .get_or_init(|| {
            let digest = hex::encode(Sha256::digest(STYLESHEET));
            let short = digest.get(..12).unwrap_or_default();
            format!("/.avouch/avouch.css?v={short}")
        })
        .clone()
}
