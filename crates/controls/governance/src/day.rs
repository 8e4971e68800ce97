//! Which day it is where certificates lapse and people resign.

use jiff::civil::Date;
use jiff::{Timestamp, tz::TimeZone};

/// The civil day in Europe/London; the UTC day if this build has no time-zone data.
#[must_use]
pub fn today(now: Timestamp) -> Date {
    let london = TimeZone::get("Europe/London").unwrap_or(TimeZone::UTC);
    now.to_zoned(london).date()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_summer_day_begins_an_hour_before_utc_says_so() {
        for (now, day) in [
            ("2026-07-01T22:59:59Z", "2026-07-01"),
            ("2026-07-01T23:00:00Z", "2026-07-02"),
            ("2026-12-01T23:59:59Z", "2026-12-01"),
            ("2026-12-02T00:00:00Z", "2026-12-02"),
        ] {
            assert_eq!(today(now.parse().unwrap()).to_string(), day, "{now}");
        }
    }
}
