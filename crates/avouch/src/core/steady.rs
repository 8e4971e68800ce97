//! Whether the wall clock may be believed: nothing is pruned by a clock that jumped.
//!
//! The ledger's newest entry is the persisted high-water mark; the monotonic clock says how much time passed since the
//! core started.

use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};

/// How far the wall clock may drift from the monotonic one, or lie behind the newest entry.
const BOUND: SignedDuration = SignedDuration::from_mins(5);
/// A gap in the ledger longer than this is either a long stop or a clock that was set forward.
const GAP: SignedDuration = SignedDuration::from_hours(7 * 24);
/// After such a gap the clock is believed once it has gone steadily for this long.
const PROBATION: Duration = Duration::from_secs(24 * 3600);

/// What the clock is compared with.
#[derive(Debug)]
pub struct Steady {
    started: Timestamp,
    since: Instant,
    newest: Option<Timestamp>,
}

impl Steady {
    /// Takes the start and the time of the newest entry in the ledger.
    pub fn new(started: Timestamp, newest: Option<Timestamp>) -> Self {
        Self {
            started,
            since: Instant::now(),
            newest,
        }
    }

    /// Why the clock may not be believed now; `None` if it may.
    pub fn doubt(&self, now: Timestamp) -> Option<String> {
        judge(self.started, self.newest, now, self.since.elapsed())
    }
}

fn judge(
    started: Timestamp,
    newest: Option<Timestamp>,
    now: Timestamp,
    elapsed: Duration,
) -> Option<String> {
    let passed = SignedDuration::try_from(elapsed).unwrap_or(SignedDuration::MAX);
    let drift = now.duration_since(started) - passed;
    if drift.abs() > BOUND {
        return Some(format!(
            "the clock was set by {} min while the service ran",
            drift.as_mins()
        ));
    }
    let newest = newest?;
    let behind = newest.duration_since(now);
    if behind > BOUND {
        return Some(format!(
            "the clock is {} min behind the newest entry of the ledger",
            behind.as_mins()
        ));
    }
    let gap = started.duration_since(newest);
    if gap > GAP && elapsed < PROBATION {
        return Some(format!(
            "the clock is {} days ahead of the newest entry of the ledger: a long stop, or a clock that was set forward",
            gap.as_hours() / 24
        ));
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(newest: &str, now: &str, elapsed: u64, believed: bool) {
        let started = "2026-03-02T12:00:00Z".parse().unwrap();
        let doubt = judge(
            started,
            Some(newest.parse().unwrap()),
            now.parse().unwrap(),
            Duration::from_secs(elapsed),
        );
        assert_eq!(doubt.is_none(), believed, "{doubt:?}");
    }

    #[test]
    fn a_clock_that_goes_as_time_passes_is_believed() {
        check("2026-03-02T11:59:00Z", "2026-03-02T13:00:00Z", 3600, true);
    }

    #[test]
    fn a_clock_that_is_set_while_the_service_runs_is_doubted() {
        check("2026-03-02T11:59:00Z", "2026-03-02T12:00:00Z", 3600, false);
        check("2026-03-02T11:59:00Z", "2027-03-02T12:00:00Z", 3600, false);
    }

    #[test]
    fn a_clock_behind_the_ledger_is_doubted() {
        check("2026-03-02T13:00:00Z", "2026-03-02T12:00:10Z", 10, false);
    }

    #[test]
    fn a_year_ahead_of_the_ledger_is_doubted_until_a_day_has_passed() {
        check("2025-03-02T12:00:00Z", "2026-03-02T12:00:10Z", 10, false);
        check("2025-03-02T12:00:00Z", "2026-03-03T12:00:00Z", 86_400, true);
    }
}
