//! Assessment periods: six a day, four hours each, by the clock on the ward's wall.
//!
//! A period is told to people as a date and a time in the United Kingdom, and stored as the whole minute (UTC) at which
//! it starts. The clocks change between 01:00 and 02:00, where no period starts, so each period has one start.

use std::fmt;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::{TimeZone, TimeZoneDatabase};

/// How many periods a day has.
pub const PER_DAY: u8 = 6;

const HOURS: u8 = 4;

/// One assessment period. Ordered by time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Period {
    date: Date,
    number: u8,
}

impl Period {
    /// The period `number` (0 is midnight to 04:00) of a date; `None` for a number that a day does not have.
    pub fn new(date: Date, number: u8) -> Option<Self> {
        (number < PER_DAY).then_some(Self { date, number })
    }

    /// The period that `now` falls in.
    pub fn at(now: Timestamp) -> Self {
        let local = now.to_zoned(london());
        let hour = u8::try_from(local.hour()).unwrap_or(0);
        Self {
            date: local.date(),
            number: hour / HOURS,
        }
    }

    /// The period that was stored as starting at this whole minute (UTC).
    ///
    /// `None` where the minute is outside the years that a calendar can show.
    pub fn starting(minute: i64) -> Option<Self> {
        let seconds = minute.checked_mul(60)?;
        Timestamp::from_second(seconds).ok().map(Self::at)
    }

    /// When it starts: whole minutes since 1970, UTC. `None` where no calendar can show it.
    pub fn starts(self) -> Option<i64> {
        let hour = i8::try_from(self.number * HOURS).ok()?;
        let start = self.date.at(hour, 0, 0, 0).to_zoned(london()).ok()?;
        Some(start.timestamp().as_second() / 60)
    }

    /// The period before this one.
    pub fn before(self) -> Option<Self> {
        match self.number.checked_sub(1) {
            Some(number) => Some(Self { number, ..self }),
            None => self.date.yesterday().ok().map(|date| Self {
                date,
                number: PER_DAY - 1,
            }),
        }
    }

    /// The date it lies on.
    pub fn date(self) -> Date {
        self.date
    }

    /// Its number in the day, from 0.
    pub fn number(self) -> u8 {
        self.number
    }

    /// Its hours, such as `04:00 to 08:00`.
    pub fn hours(self) -> String {
        hours(self.number)
    }

    /// Its date and start for a small space, such as `21 Nov 04:00`.
    pub fn short(self) -> String {
        format!(
            "{} {:02}:00",
            self.date.strftime("%-d %b"),
            self.number * HOURS
        )
    }
}

/// Such as `21 November 2026, 04:00 to 08:00`.
impl fmt::Display for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, {}", self.date.strftime("%-d %B %Y"), self.hours())
    }
}

/// The hours of the period with this number, such as `20:00 to 24:00`.
pub fn hours(number: u8) -> String {
    format!("{:02}:00 to {:02}:00", number * HOURS, (number + 1) * HOURS)
}

/// A stored minute (UTC) as people read it, such as `21 November 2026 at 09:05`.
pub fn clock_time(minute: i64) -> Option<String> {
    let at = Timestamp::from_second(minute.checked_mul(60)?).ok()?;
    Some(
        at.to_zoned(london())
            .strftime("%-d %B %Y at %H:%M")
            .to_string(),
    )
}

/// The time zone of the wards, from the table inside the program: a confined process may not read the system's.
fn london() -> TimeZone {
    TimeZoneDatabase::bundled()
        .get("Europe/London")
        .unwrap_or(TimeZone::UTC)
}

/// The periods that end with `last`, oldest first, at most `count` of them.
pub fn ending_with(last: Period, count: usize) -> Vec<Period> {
    let mut run: Vec<Period> = std::iter::successors(Some(last), |period| period.before())
        .take(count)
        .collect();
    run.reverse();
    run
}

/// Minutes (UTC) since 1970, rounded down.
pub fn minute_of(now: Timestamp) -> i64 {
    now.as_second().div_euclid(60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(date: &str, number: u8, starts: &str) {
        let period = Period::new(date.parse().unwrap(), number).unwrap();
        let minute = period.starts().unwrap();
        assert_eq!(
            Timestamp::from_second(minute * 60).unwrap().to_string(),
            starts
        );
        assert_eq!(
            Period::starting(minute),
            Some(period),
            "and is found again by its start"
        );
    }

    #[test]
    fn a_period_starts_by_the_clock_in_the_united_kingdom() {
        check("2026-01-31", 0, "2026-01-31T00:00:00Z");
        check("2026-07-31", 0, "2026-07-30T23:00:00Z");
        check("2026-07-31", 5, "2026-07-31T19:00:00Z");
    }

    #[test]
    fn a_day_on_which_the_clocks_change_still_has_six_periods() {
        check("2026-03-29", 0, "2026-03-29T00:00:00Z");
        check("2026-03-29", 1, "2026-03-29T03:00:00Z");
        check("2026-10-25", 0, "2026-10-24T23:00:00Z");
        check("2026-10-25", 1, "2026-10-25T04:00:00Z");
    }

    #[test]
    fn a_day_has_no_seventh_period() {
        assert_eq!(Period::new("2026-01-31".parse().unwrap(), PER_DAY), None);
    }

    #[test]
    fn the_period_before_midnight_is_the_last_of_the_day_before() {
        let first = Period::new("2026-03-01".parse().unwrap(), 0).unwrap();
        assert_eq!(
            first.before().unwrap().to_string(),
            "28 February 2026, 20:00 to 24:00"
        );
    }
}
