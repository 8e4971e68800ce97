//! Whether the wall clock may be believed: nothing is removed or lapses by a clock that jumped.
//!
//! Two things are known beside what the wall clock says. The *mark* is the last time that was believed; it outlives a restart.
//! The machine's own *count* of time, which nobody sets and which goes on while the machine is suspended, says how much time
//! has passed since a start. The rule:
//!
//! 1. At a start a clock is believed if it is at the mark, or up to seven days after it: the service was stopped for so long.
//!    One farther ahead is believed once it has gone with the count for a day. One that is behind the mark is not believed
//!    however long it goes, since either it or the mark is wrong and no passing of time tells which.
//! 2. While the service runs, a clock that goes with the count is believed, and the mark goes with it. One that parts from the
//!    count was set. It is believed again at once if it is put right, and otherwise once it has gone with the count for a day,
//!    if it is not behind the mark.
//! 3. The first correction after a start is not held against the clock, as when the network's time comes half a minute after
//!    the machine's own, which was wrong. If the clock is set within ten minutes of the start, or at any time while it was
//!    never believed since the start, then it is taken as if the service had started at that moment, with the mark that there
//!    was before the start: what was believed in those minutes is taken back. So no more is believed than after a restart. What
//!    comes after the first correction is judged by 2, unless the clock has still not been believed.
//! 4. Somebody who reads another clock can say that this one is right ([`Steady::believe`]). Then the mark is now, wherever it
//!    was, and the clock is believed. This is the way back after a wrong clock was believed and moved the mark ahead.
//!
//! What is written down under a clock in doubt moves no mark, so a second start under the same wrong clock doubts it as the
//! first did.

use std::sync::{Mutex, PoisonError};

use avouch_backup::changes::reckoning::count;
use jiff::{SignedDuration, Timestamp};

/// How far the wall clock may drift from the count, or lie behind the mark.
pub const BOUND: SignedDuration = SignedDuration::from_mins(5);
/// A start this long after the mark comes after a long stop, or under a clock that was set forward.
const GAP: SignedDuration = SignedDuration::from_hours(7 * 24);
/// A clock that was set, or that comes after such a gap, is believed once it has gone steadily for this long.
const PROBATION: SignedDuration = SignedDuration::from_hours(24);
/// A clock that was believed at the start may be corrected within this time.
const FIRST: SignedDuration = SignedDuration::from_mins(10);

/// What the clock is compared with.
#[derive(Debug)]
pub struct Steady {
    seen: Mutex<Seen>,
}

/// What both clocks said at one moment.
#[derive(Debug, Clone, Copy)]
struct Reading {
    time: Timestamp,
    /// Since the machine was started.
    count: SignedDuration,
}

impl Reading {
    fn of(time: Timestamp) -> Self {
        Self {
            time,
            count: count(),
        }
    }

    /// How much further the wall clock has gone from here to there than the count.
    fn drift(self, to: Self) -> SignedDuration {
        to.time.duration_since(self.time) - self.passed(to)
    }

    /// How much time has passed from here to there.
    fn passed(self, to: Self) -> SignedDuration {
        to.count - self.count
    }
}

#[derive(Debug)]
struct Seen {
    /// The start, or what is taken for it.
    start: Reading,
    /// The mark before the start.
    before: Option<Timestamp>,
    /// The mark now.
    mark: Option<Timestamp>,
    /// The first reading after the clock was set while the service ran.
    set: Option<Reading>,
    /// Whether the clock was ever believed since the start.
    believed: bool,
    /// Whether the first correction has been made.
    corrected: bool,
}

impl Steady {
    /// Takes the time of the start, and the last time that was believed before it.
    pub fn new(started: Timestamp, believed: Option<Timestamp>) -> Self {
        Self {
            seen: Mutex::new(Seen::new(Reading::of(started), believed)),
        }
    }

    /// Why the clock may not be believed now; `None` if it may, and then the mark is now.
    pub fn doubt(&self, now: Timestamp) -> Option<String> {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.judge(Reading::of(now))
    }

    /// Between which times it is now: the last that was believed, and the latest that the clock has said. While the clock is
    /// believed, both are now.
    pub fn between(&self, now: Timestamp) -> (Timestamp, Timestamp) {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.between(Reading::of(now))
    }

    /// Believes the clock as it is now, since somebody has compared it with another.
    pub fn believe(&self, now: Timestamp) {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        *seen = Seen::new(Reading::of(now), Some(now));
    }
}

impl Seen {
    fn new(start: Reading, believed: Option<Timestamp>) -> Self {
        Self {
            start,
            before: believed,
            mark: believed,
            set: None,
            believed: false,
            corrected: false,
        }
    }

    fn judge(&mut self, now: Reading) -> Option<String> {
        if self.is_first_correction(now) {
            *self = Self {
                corrected: true,
                ..Self::new(now, self.before)
            };
        }
        let doubt = self.doubt(now);
        if doubt.is_none() {
            self.believed = true;
            self.mark = self.mark.max(Some(now.time));
        }
        doubt
    }

    fn between(&mut self, now: Reading) -> (Timestamp, Timestamp) {
        let doubted = self.judge(now).is_some();
        let mark = self.mark.unwrap_or(now.time);
        let latest = mark.max(now.time);
        (if doubted { mark } else { latest }, latest)
    }

    /// Whether the clock was set, and that is the first correction after the start.
    fn is_first_correction(&self, now: Reading) -> bool {
        let in_time = !self.corrected && self.start.passed(now) <= FIRST;
        self.start.drift(now).abs() > BOUND && (in_time || !self.believed)
    }

    fn doubt(&mut self, now: Reading) -> Option<String> {
        let drift = self.start.drift(now);
        if drift.abs() > BOUND {
            let steadily = self.set.filter(|set| set.drift(now).abs() <= BOUND);
            let set = *self.set.insert(steadily.unwrap_or(now));
            if set.passed(now) < PROBATION {
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
                "the clock is {} min behind the last time that was believed; if it is right, say so with `avouch clock believe`",
                behind.as_mins()
            ));
        }
        let gap = self.start.time.duration_since(self.before?);
        if gap > GAP && self.start.passed(now) < PROBATION {
            return Some(format!(
                "the clock is {} days ahead of the last time that was believed: a long stop, or a clock that was set forward; \
                 if it is right, say so with `avouch clock believe`",
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
    const DAY: i64 = 86_400;

    /// The machine has been on for an hour.
    fn start() -> Reading {
        Reading {
            time: STARTED.parse().unwrap(),
            count: SignedDuration::from_hours(1),
        }
    }

    fn seen(believed: &str) -> Seen {
        Seen::new(start(), Some(believed.parse().unwrap()))
    }

    fn reading(now: &str, elapsed: i64) -> Reading {
        Reading {
            time: now.parse().unwrap(),
            count: start().count + SignedDuration::from_secs(elapsed),
        }
    }

    #[track_caller]
    fn check(seen: &mut Seen, now: &str, elapsed: i64, believed: bool) {
        let doubt = seen.judge(reading(now, elapsed));
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
            check(&mut seen, "2026-03-02T12:00:01Z", 1, true);
            check(&mut seen, wrong, 3600, false);
            check(&mut seen, "2026-03-02T14:00:00Z", 7200, true);
        }
    }

    #[test]
    fn a_clock_in_doubt_ends_no_wait_and_brings_nothing_back_that_has_ended() {
        let time = |text: &str| -> Timestamp { text.parse().unwrap() };
        let mark = "2026-03-02T12:59:00Z";
        for (now, certain, latest) in [
            (
                "2026-03-02T13:00:00Z",
                "2026-03-02T13:00:00Z",
                "2026-03-02T13:00:00Z",
            ),
            ("2026-03-02T12:00:00Z", mark, mark),
            ("2027-03-02T13:00:00Z", mark, "2027-03-02T13:00:00Z"),
        ] {
            let mut seen = seen("2026-03-02T11:59:00Z");
            check(&mut seen, mark, 3540, true);
            let between = seen.between(reading(now, 3600));
            assert_eq!(between, (time(certain), time(latest)), "{now}");
        }
    }

    #[test]
    fn a_clock_that_is_set_and_goes_on_steadily_for_a_day_is_believed() {
        let mut seen = seen("2026-03-02T11:59:00Z");
        check(&mut seen, "2026-03-02T12:00:01Z", 1, true);
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
        let mut seen = Seen::new(start(), None);
        check(&mut seen, "2026-03-02T12:00:10Z", 10, true);
    }

    #[test]
    fn the_first_correction_after_a_start_clears_the_doubt_where_the_mark_fits() {
        // The machine's own clock had stood still, or was of another zone; the network's time came after half a minute.
        for (wrong, was_believed) in [
            ("2020-01-01T00:00:10Z", false),
            ("2030-01-01T00:00:10Z", false),
            ("2026-03-02T13:00:10Z", true),
            ("2026-03-02T09:00:10Z", true),
        ] {
            let time = wrong.parse().unwrap();
            let mark: Timestamp = "2026-03-02T08:00:00Z".parse().unwrap();
            let mut seen = Seen::new(Reading { time, ..start() }, Some(mark));
            check(&mut seen, wrong, 1, was_believed);
            check(&mut seen, "2026-03-02T12:00:30Z", 30, true);
            // Only the first.
            check(&mut seen, "2026-03-02T15:00:00Z", 60, false);
            check(&mut seen, "2026-03-02T12:02:00Z", 120, true);
        }
    }

    #[test]
    fn a_first_correction_to_where_the_mark_does_not_fit_clears_nothing() {
        for wrong in ["2026-02-27T12:00:30Z", "2026-03-10T12:00:30Z"] {
            let mut seen = seen("2026-03-01T12:00:00Z");
            check(&mut seen, "2026-03-02T12:00:01Z", 1, true);
            check(&mut seen, wrong, 30, false);
            check(&mut seen, "2026-03-02T12:00:40Z", 40, true);
        }
    }

    #[test]
    fn what_was_believed_before_the_first_correction_is_taken_back() {
        let mut seen = seen("2026-03-02T11:00:00Z");
        check(&mut seen, "2026-03-02T12:00:01Z", 1, true);
        check(&mut seen, "2026-03-02T11:30:00Z", 60, true);
        assert_eq!(seen.mark, Some("2026-03-02T11:30:00Z".parse().unwrap()));
    }

    #[test]
    fn a_correction_that_comes_late_is_the_first_if_the_clock_was_never_believed() {
        let mut seen = seen("2026-03-04T12:00:00Z");
        check(&mut seen, "2026-03-02T12:00:01Z", 1, false);
        check(&mut seen, "2026-03-04T17:00:00Z", 3 * 3600, true);
        check(&mut seen, "2026-03-04T12:30:00Z", 3 * 3600 + 60, false);
        check(&mut seen, "2026-03-04T17:02:00Z", 3 * 3600 + 120, true);
    }

    #[test]
    fn after_a_wrong_clock_was_believed_a_person_puts_it_right() {
        let mut seen = seen("2025-03-02T12:00:00Z");
        check(&mut seen, "2026-03-03T12:00:00Z", DAY, true);
        // It was a year ahead.
        let right = "2025-03-03T12:30:00Z";
        check(&mut seen, right, DAY + 1800, false);
        let mut seen = Seen::new(reading(right, DAY + 1800), Some(right.parse().unwrap()));
        check(&mut seen, "2025-03-03T12:30:01Z", DAY + 1801, true);
        assert_eq!(seen.mark, Some("2025-03-03T12:30:01Z".parse().unwrap()));
    }
}
