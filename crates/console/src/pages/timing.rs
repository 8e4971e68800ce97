//! The script with which an application's pages say how long something took in the browser, and what it sends.
//!
//! Source: W3C Navigation Timing 2, Resource Timing 2 and Beacon.

use std::time::Duration;

use axum::response::IntoResponse as _;
use http::{StatusCode, header};

use super::{Answer, Problem};
use crate::ask::Ask;
use crate::callers::SignedIn;
use crate::desk::views::{Timed, Timing};

const SCRIPT: &str = include_str!("../../templates/timing.js");
/// Where the script has the names of the requests.
const NAMES: &str = "[/* requests */]";
/// An hour: a changed statement is followed within it.
const FOR_AN_HOUR: &str = "private, max-age=3600";
/// Nobody waits longer; what says so was asleep.
const LONGEST: Duration = Duration::from_secs(600);

/// The script, with the requests that it looks for; there is none if the statement asks for none.
pub async fn script(_: SignedIn, ask: Ask) -> Answer {
    let names = ask.desk().timed();
    if names.is_empty() {
        return Err(Problem::Absent);
    }
    let names = serde_json::to_string(&names).map_err(|source| Problem::Failed {
        source: Box::new(source),
    })?;
    let headers = [
        (header::CONTENT_TYPE, "text/javascript; charset=utf-8"),
        (header::CACHE_CONTROL, FOR_AN_HOUR),
    ];
    Ok((headers, SCRIPT.replacen(NAMES, &names, 1)).into_response())
}

/// Keeps one time. Nobody reads the answer but its status.
pub async fn keep(who: SignedIn, ask: Ask) -> Answer {
    let took = ask.field("ms").parse().map(Duration::from_millis);
    let took = took
        .ok()
        .filter(|took| *took <= LONGEST)
        .ok_or(Problem::Unreadable)?;
    let timing = Timing {
        on: ask.field("on").to_owned(),
        took,
    };
    let status = match ask.desk().timing(who.actor(), timing).await? {
        Timed::Kept => StatusCode::NO_CONTENT,
        Timed::Unasked => return Err(Problem::Absent),
        Timed::TooMany => StatusCode::TOO_MANY_REQUESTS,
    };
    Ok(status.into_response())
}
