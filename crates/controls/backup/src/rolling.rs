//! Reading all that is stored again, a little each day, so that the whole is covered within a stated time.
//!
//! The packs of a repository lie on 256 shelves, by the first byte of their names, which are digests: one shelf holds about
//! as much as another. Each has its own moment in a cycle that is somewhat shorter than the stated time, so that a reading
//! that comes late is still in time.

use jiff::{SignedDuration, Timestamp};

/// The shelf of each pack whose name begins with this byte.
pub type Shelf = u8;

/// Whether a shelf that was last read at `read` is to be read again `now`, so that it is never longer than `within`
/// between two readings, if somebody looks at least every tenth of that time.
#[must_use]
pub fn is_due(shelf: Shelf, read: Timestamp, within: SignedDuration, now: Timestamp) -> bool {
    let cycle = within.as_secs() / 5 * 4;
    let moment = cycle / 256 * i64::from(shelf);
    let round = |at: Timestamp| (at.as_second() - moment).div_euclid(cycle.max(1));
    // What is said to have been read later than now was noted by a clock that was wrong.
    read > now || round(read) < round(now)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MONTH: SignedDuration = SignedDuration::from_hours(30 * 24);

    /// Looks every six hours for half a year; the longest that any shelf went unread, and the most read in one day.
    fn simulate() -> (SignedDuration, usize) {
        let begin: Timestamp = "2026-01-05T04:00:00Z".parse().unwrap();
        let mut read = [begin; 256];
        let (mut longest, mut busiest, mut day) = (SignedDuration::ZERO, 0, Vec::new());
        for look in 1..=4 * 180 {
            let now = begin + SignedDuration::from_hours(6 * look);
            let mut count = 0;
            for (shelf, last) in (0..=Shelf::MAX).zip(read.iter_mut()) {
                longest = longest.max(now.duration_since(*last));
                if is_due(shelf, *last, MONTH, now) {
                    *last = now;
                    count += 1;
                }
            }
            day.push(count);
            busiest = busiest.max(day.iter().rev().take(4).sum());
        }
        (longest, busiest)
    }

    #[test]
    fn everything_is_read_within_the_stated_time_and_about_as_much_each_day() {
        let (longest, busiest) = simulate();
        assert!(longest <= MONTH, "{longest:?}");
        // 256 shelves in 24 days are 10.7 a day.
        assert!(busiest <= 13, "{busiest}");
    }

    #[test]
    fn a_shelf_is_read_once_in_each_round() {
        let now: Timestamp = "2026-01-05T04:00:00Z".parse().unwrap();
        for shelf in [0, 77, 255] {
            assert!(!is_due(shelf, now, MONTH, now));
            assert!(is_due(shelf, now - MONTH, MONTH, now));
        }
    }

    #[test]
    fn what_a_wrong_clock_noted_is_read_again() {
        let now: Timestamp = "2026-01-05T04:00:00Z".parse().unwrap();
        assert!(is_due(3, now + SignedDuration::from_secs(1), MONTH, now));
    }
}
