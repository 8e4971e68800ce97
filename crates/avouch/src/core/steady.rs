//! Whether the wall clock may be believed: nothing is removed or lapses by a clock that jumped.
//!
//! The mark is the last time that was believed, which outlives a restart; the monotonic clock says how much time passed
//! since the start. What is written down under a clock in doubt moves no mark, so a second start under the same wrong
//! clock doubts it as the first did.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};

/// How far the wall clock may drift from the monotonic one, or lie behind the mark.
const BOUND: SignedDuration = SignedDuration::from_mins(5);
/// A start this long after the mark comes after a long stop, or under a clock that was set forward.
const GAP: SignedDuration = SignedDuration::from_hours(7 * 24);
/// A clock that was set, or that comes after such a gap, is believed once it has gone steadily for this long.
const PROBATION: Duration = Duration::from_secs(24 * 3600);

/// What the clock is compared with.
#[derive(Debug)]
pub struct Steady {
    since: Instant,
    seen: Mutex<Seen>,
}

/// What both clocks said at one moment.
#[derive(Debug, Clone, Copy)]
struct Reading {
    time: Timestamp,
    /// Since the start.
    elapsed: Duration,
}

impl Reading {
    /// How much further the wall clock has gone from here to there than the monotonic one.
    fn drift(self, to: Self) -> SignedDuration {
        let passed = to.elapsed.saturating_sub(self.elapsed);
        let passed = SignedDuration::try_from(passed).unwrap_or(SignedDuration::MAX);
        to.time.duration_since(self.time) - passed
    }
}

#[derive(Debug)]
struct Seen {
    start: Reading,
    /// The mark before the start.
    before: Option<Timestamp>,
    /// The mark now.
    mark: Option<Timestamp>,
    /// The first reading after the clock was set while the service ran.
    set: Option<Reading>,
}

impl Steady {
    /// Takes the time of the start, and the last time that was believed before it.
    pub fn new(started: Timestamp, believed: Option<Timestamp>) -> Self {
        Self {
            since: Instant::now(),
            seen: Mutex::new(Seen::new(started, believed)),
        }
    }

    /// Why the clock may not be believed now; `None` if it may, and then the mark is now.
    pub fn doubt(&self, now: Timestamp) -> Option<String> {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.judge(Reading {
            time: now,
            elapsed: self.since.elapsed(),
        })
    }
}

impl Seen {
    fn new(started: Timestamp, believed: Option<Timestamp>) -> Self {
        Self {
            start: Reading {
                time: started,
                elapsed: Duration::ZERO,
            },
            before: believed,
            mark: believed,
            set: None,
        }
    }

    fn judge(&mut self, now: Reading) -> Option<String> {
        let doubt = self.doubt(now);
        if doubt.is_none() {
            self.mark = self.mark.max(Some(now.time));
        }
        doubt
    }

    fn doubt(&mut self, now: Reading) -> Option<String> {
        let drift = self.start.drift(now);
        if drift.abs() > BOUND {
            let steadily = self.set.filter(|set| set.drift(now).abs() <= BOUND);
            let set = *self.set.insert(steadily.unwrap_or(now));
            if now.elapsed.saturating_sub(set.elapsed) < PROBATION {
                return Some(format!(
                    "the clock was set by {} min while the service ran",
                    drift.as_mins()
                ));
            }
        } else {
            self.set = None;
        }
        let behind = self.mark?.duration_since(now.time);
        if behind > BOUND {
            return Some(format!(
                "the clock is {} min behind the last time that was believed",
                behind.as_mins()
            ));
        }
        let gap = self.start.time.duration_since(self.before?);
        if gap > GAP && now.elapsed < PROBATION {
            return Some(format!(
                "the clock is {} days ahead of the last time that was believed: a long stop, or a clock that was set forward",
                gap.as_hours() / 24
            ));
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STARTED: &str = "2026-03-02T12:00:00Z";
    const DAY: u64 = 86_400;

    fn seen(believed: &str) -> Seen {
        Seen::new(STARTED.parse().unwrap(), Some(believed.parse().unwrap()))
    }

    #[track_caller]
    fn check(seen: &mut Seen, now: &str, elapsed: u64, believed: bool) {
        let doubt = seen.judge(Reading {
            time: now.parse().unwrap(),
            elapsed: Duration::from_secs(elapsed),
        });
        assert_eq!(doubt.is_none(), believed, "{doubt:?}");
    }

    #[test]
    fn a_clock_that_goes_as_time_passes_is_believed() {
        let mut seen = seen("2026-03-02T11:59:00Z");
        check(&mut seen, "2026-03-02T13:00:00Z", 3600, true);
    }

    #[test]
    fn a_clock_that_is_set_while_the_service_runs_is_doubted_until_it_is_put_right() {
        for wrong in ["2026-03-02T12:00:00Z", "2027-03-02T12:00:00Z"] {
            let mut seen = seen("2026-03-02T11:59:00Z");
            check(&mut seen, wrong, 3600, false);
            check(&mut seen, "2026-03-02T14:00:00Z", 7200, true);
        }
    }

    #[test]
    fn a_clock_that_is_set_and_goes_on_steadily_for_a_day_is_believed() {
        let mut seen = seen("2026-03-02T11:59:00Z");
        check(&mut seen, "2026-03-02T14:00:00Z", 3600, false);
        check(&mut seen, "2026-03-03T13:59:50Z", 3590 + DAY, false);
        check(&mut seen, "2026-03-03T14:00:10Z", 3610 + DAY, true);
        // It is set again: another day.
        check(&mut seen, "2026-03-03T19:00:00Z", 7200 + DAY, false);
    }

    #[test]
    fn a_clock_behind_the_mark_is_doubted_however_steadily_it_goes() {
        let mut seen = seen("2026-03-04T13:00:00Z");
        check(&mut seen, "2026-03-02T12:00:10Z", 10, false);
        check(&mut seen, "2026-03-03T13:00:00Z", DAY + 3600, false);
        check(&mut seen, "2026-03-04T13:00:00Z", 2 * DAY + 3600, true);
    }

    #[test]
    fn what_was_believed_while_the_service_ran_is_not_gone_back_behind() {
        let mut seen = seen("2026-03-02T11:59:00Z");
        check(&mut seen, "2026-03-12T12:00:00Z", 10 * DAY, true);
        check(&mut seen, "2026-03-05T12:00:00Z", 10 * DAY + 60, false);
        check(&mut seen, "2026-03-07T12:00:00Z", 12 * DAY + 60, false);
    }

    #[test]
    fn a_year_ahead_of_the_mark_is_doubted_until_a_day_has_passed() {
        let mut seen = seen("2025-03-02T12:00:00Z");
        check(&mut seen, "2026-03-02T12:00:10Z", 10, false);
        check(&mut seen, "2026-03-03T12:00:00Z", DAY, true);
    }

    #[test]
    fn without_a_mark_the_clock_is_believed_as_it_goes() {
        let mut seen = Seen::new(STARTED.parse().unwrap(), None);
        check(&mut seen, "2026-03-02T12:00:10Z", 10, true);
    }
}
