//! Attempts to prove the gateway's claims false, from outside.

mod entry;
mod hello;
mod minimum;
mod shake;
mod suites;

use std::sync::Arc;

use avouch_evidence::{BoxFuture, Check};
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Span, Timestamp};

use crate::Settings;
use crate::link::SuiteCount;

/// Days, the present one among them, whose connections are judged: no month is longer.
pub(crate) const PERIOD: i64 = 31;

/// What connections have negotiated on a day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Agreed {
    /// The day, in UTC.
    pub day: Date,
    /// A version and a suite, and how often.
    pub suite: SuiteCount,
}

/// What connections have negotiated, over restarts.
pub trait SuiteLog: Send + Sync {
    /// A count for each day, version and suite seen.
    fn counts(&self) -> Vec<Agreed>;
}

/// The first day (UTC) whose connections are judged `now`.
#[must_use]
pub fn first_day(now: Timestamp) -> Date {
    let today = now.to_zoned(TimeZone::UTC).date();
    today.saturating_sub(Span::new().days(PERIOD - 1))
}

/// What is written down of requests that were turned away before they went on.
pub trait RefusalLog: Send + Sync {
    /// How many entries there are.
    fn size(&self) -> BoxFuture<'_, Result<u64, String>>;

    /// Each entry since then that tells of one: the method, host and path that were asked for, and why it was turned away.
    fn since(&self, size: u64) -> BoxFuture<'_, Result<Vec<(String, String)>, String>>;
}

/// Every check of this control. `authority` is the certificate (DER) that clients are to trust.
pub fn checks(
    settings: &Settings,
    authority: &[u8],
    log: Arc<dyn SuiteLog>,
    refusals: &Arc<dyn RefusalLog>,
) -> Vec<Box<dyn Check>> {
    let mut all: Vec<Box<dyn Check>> = vec![
        Box::new(minimum::Versions::new(
            settings.minimum,
            settings.http,
            authority,
        )),
        Box::new(suites::Suites::new(
            settings.minimum,
            settings.ciphers,
            authority,
            log,
        )),
    ];
    all.extend(settings.entries.iter().map(|rule| -> Box<dyn Check> {
        Box::new(entry::Entry::new(rule.clone(), Arc::clone(refusals)))
    }));
    all
}
