//! The log as its format has it, for programs: checkpoint, hash tiles, entry bundles.

use axum::response::IntoResponse as _;
use http::header;

use super::{Answer, Problem};
use crate::ask::Ask;
use crate::callers::Visitor;
use crate::desk::views::LogResource;

/// Answers with what is at that path of the log.
pub async fn resource(_: Visitor, ask: Ask) -> Answer {
    let found = ask.desk().log(ask.param("path")).await?;
    let LogResource {
        bytes,
        content_type,
        cache_control,
    } = found.ok_or(Problem::Absent)?;
    let headers = [
        (header::CONTENT_TYPE, content_type),
        (header::CACHE_CONTROL, cache_control),
    ];
    Ok((headers, bytes).into_response())
}
