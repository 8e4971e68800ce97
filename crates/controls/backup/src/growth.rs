//! How fast what is stored at a destination grows, and when it is full at that rate.

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

/// Growth is averaged over this long, so that one large night does not decide.
pub const LOOKED_AT: SignedDuration = SignedDuration::from_hours(30 * 24);

/// Before this much has been seen, nothing is said about a rate.
const LEAST: SignedDuration = SignedDuration::from_hours(24);

/// What one backup added to a destination, beyond the first of its source: that one is no growth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Added {
    /// When it was taken.
    pub taken: Timestamp,
    /// Bytes by which its repository grew.
    pub bytes: u64,
}

/// How a destination grows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Growth {
    /// Bytes a day, as backups were added; what retention removed is not taken off. `None` while too little was seen.
    pub bytes_per_day: Option<u64>,
    /// Whole days until it is full at that rate; `None` if it does not grow, or the rate or the space is not known.
    pub full_in_days: Option<u64>,
}

/// The growth seen since `since`, or in the last thirty days if that is shorter, and what it means for `free` bytes.
#[must_use]
pub fn growth(
    added: &[Added],
    since: Option<Timestamp>,
    free: Option<u64>,
    now: Timestamp,
) -> Growth {
    let seen = since.map(|since| now.duration_since(since).min(LOOKED_AT));
    let Some(seen) = seen.filter(|seen| *seen >= LEAST) else {
        return Growth {
            bytes_per_day: None,
            full_in_days: None,
        };
    };
    let sum: u128 = added
        .iter()
        .filter(|one| one.taken <= now && now.duration_since(one.taken) <= seen)
        .map(|one| u128::from(one.bytes))
        .sum();
    let seconds = u128::try_from(seen.as_secs()).unwrap_or(u128::MAX);
    let per_day = u64::try_from(sum * 86_400 / seconds).unwrap_or(u64::MAX);
    Growth {
        bytes_per_day: Some(per_day),
        full_in_days: free.and_then(|free| free.checked_div(per_day)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[track_caller]
    fn check(
        added: &[(&str, u64)],
        since: Option<&str>,
        free: Option<u64>,
        expected: (Option<u64>, Option<u64>),
    ) {
        let added: Vec<Added> = added
            .iter()
            .map(|(taken, bytes)| Added {
                taken: at(taken),
                bytes: *bytes,
            })
            .collect();
        let found = growth(&added, since.map(at), free, at("2026-02-10T04:00:00Z"));
        assert_eq!((found.bytes_per_day, found.full_in_days), expected);
    }

    #[test]
    fn the_rate_is_an_average_and_the_rest_of_the_space_divided_by_it() {
        let two = [("2026-02-09T04:00:00Z", 300), ("2026-02-10T04:00:00Z", 100)];
        let since = Some("2026-02-06T04:00:00Z");
        check(&two, since, Some(1_050), (Some(100), Some(10)));
        check(&two, since, None, (Some(100), None));
    }

    #[test]
    fn what_is_longer_ago_than_thirty_days_does_not_count() {
        let old = [
            ("2025-12-01T04:00:00Z", 1_000_000),
            ("2026-02-01T04:00:00Z", 3_000),
        ];
        let since = Some("2025-11-01T04:00:00Z");
        check(&old, since, Some(1_000), (Some(100), Some(10)));
    }

    #[test]
    fn nothing_is_said_before_a_day_was_seen_and_nothing_fills_what_does_not_grow() {
        check(&[], None, Some(10), (None, None));
        check(&[], Some("2026-02-09T04:00:01Z"), Some(10), (None, None));
        check(&[], Some("2026-02-09T04:00:00Z"), Some(10), (Some(0), None));
    }
}
