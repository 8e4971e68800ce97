//! Calendar periods, in the time of the place where the service is used.

use std::fmt;
use std::str::FromStr;

use jiff::civil::{Date, date};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan as _};

/// Where the calendar is.
const ZONE: &str = "Europe/London";

/// How long a period is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Every {
    /// From midnight to midnight.
    Day,
    /// From Monday to Sunday.
    Week,
    /// A calendar month.
    Month,
    /// Three calendar months, from January, April, July or October.
    Quarter,
    /// A calendar year.
    Year,
}

/// One period.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Period {
    every: Every,
    first: Date,
}

/// Why a text is not the name of a period.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a {} such as `{example}`", every.word())]
pub struct BadPeriod {
    text: String,
    every: Every,
    example: String,
}

impl Every {
    /// Its word in the statement.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Day => "day",
            Self::Week => "week",
            Self::Month => "month",
            Self::Quarter => "quarter",
            Self::Year => "year",
        }
    }

    /// The first day of the period in which a day lies.
    fn first(self, day: Date) -> Date {
        match self {
            Self::Day => day,
            Self::Week => day
                .checked_sub(i32::from(day.weekday().to_monday_zero_offset()).days())
                .unwrap_or(day),
            Self::Month => day.first_of_month(),
            Self::Quarter => date(day.year(), (day.month() - 1) / 3 * 3 + 1, 1),
            Self::Year => day.first_of_year(),
        }
    }

    fn next(self, first: Date) -> Date {
        let span = match self {
            Self::Day => 1.day(),
            Self::Week => 1.week(),
            Self::Month => 1.month(),
            Self::Quarter => 3.months(),
            Self::Year => 1.year(),
        };
        first.checked_add(span).unwrap_or(first)
    }
}

impl Period {
    /// The period in which an instant lies.
    #[must_use]
    pub fn of(every: Every, at: Timestamp) -> Self {
        Self {
            every,
            first: every.first(day(at)),
        }
    }

    /// The one before.
    #[must_use]
    pub fn before(self) -> Self {
        let last = self.first.yesterday().unwrap_or(self.first);
        Self {
            every: self.every,
            first: self.every.first(last),
        }
    }

    /// The one after.
    #[must_use]
    pub fn after(self) -> Self {
        Self {
            every: self.every,
            first: self.every.next(self.first),
        }
    }

    /// The period of this length with this name.
    ///
    /// # Errors
    /// If it is not one, with what would be.
    pub fn named(every: Every, text: &str) -> Result<Self, BadPeriod> {
        let bad = || BadPeriod {
            text: text.to_owned(),
            every,
            example: Self {
                every,
                first: every.first(date(2026, 11, 22)),
            }
            .to_string(),
        };
        let first = match every {
            Every::Day => Date::from_str(text).ok(),
            Every::Week => text.split_once("-W").and_then(|(year, week)| {
                jiff::civil::ISOWeekDate::new(
                    year.parse().ok()?,
                    week.parse().ok()?,
                    jiff::civil::Weekday::Monday,
                )
                .ok()
                .map(Date::from)
            }),
            Every::Month => Date::from_str(&format!("{text}-01")).ok(),
            Every::Quarter => text.split_once("-Q").and_then(|(year, quarter)| {
                let quarter: i8 = quarter.parse().ok().filter(|n| (1..=4).contains(n))?;
                Date::new(year.parse().ok()?, quarter * 3 - 2, 1).ok()
            }),
            Every::Year => Date::from_str(&format!("{text}-01-01")).ok(),
        };
        let period = Self {
            every,
            first: first.ok_or_else(bad)?,
        };
        // Only the one spelling that is written.
        if period.to_string() == text {
            Ok(period)
        } else {
            Err(bad())
        }
    }

    /// Its first instant, and the first after it.
    #[must_use]
    pub fn bounds(self) -> (Timestamp, Timestamp) {
        (midnight(self.first), midnight(self.every.next(self.first)))
    }
}

impl fmt::Display for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let first = self.first;
        match self.every {
            Every::Day => write!(f, "{first}"),
            Every::Week => {
                let week = first.iso_week_date();
                write!(f, "{:04}-W{:02}", week.year(), week.week())
            }
            Every::Month => write!(f, "{:04}-{:02}", first.year(), first.month()),
            Every::Quarter => write!(f, "{:04}-Q{}", first.year(), (first.month() + 2) / 3),
            Every::Year => write!(f, "{:04}", first.year()),
        }
    }
}

/// The calendar day of an instant.
pub(super) fn day(at: Timestamp) -> Date {
    at.to_zoned(zone()).date()
}

/// The hour of the day of an instant, 0 to 23.
pub(super) fn hour(at: Timestamp) -> i8 {
    at.to_zoned(zone()).hour()
}

fn midnight(day: Date) -> Timestamp {
    day.to_zoned(zone())
        .map_or(Timestamp::MAX, |zoned| zoned.timestamp())
}

fn zone() -> TimeZone {
    // The zone database is bundled, so the fallback is for a build without it.
    TimeZone::get(ZONE).unwrap_or(TimeZone::UTC)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn an_instant_lies_in_the_period_of_the_local_calendar() {
        // Half an hour before midnight UTC in summer is the next day in London.
        let instant = at("2026-06-30T23:30:00Z");
        for (every, name) in [
            (Every::Day, "2026-07-01"),
            (Every::Week, "2026-W27"),
            (Every::Month, "2026-07"),
            (Every::Quarter, "2026-Q3"),
            (Every::Year, "2026"),
        ] {
            let period = Period::of(every, instant);
            assert_eq!(period.to_string(), name);
            assert_eq!(Period::named(every, name).unwrap(), period);
            let (from, until) = period.bounds();
            assert!(from <= instant && instant < until);
            assert_eq!(period.before().bounds().1, from);
            assert_eq!(period.before().after(), period);
        }
    }

    #[test]
    fn the_days_on_which_the_clocks_change_are_23_and_25_hours_long() {
        for (name, hours) in [("2026-03-29", 23), ("2026-10-25", 25)] {
            let (from, until) = Period::named(Every::Day, name).unwrap().bounds();
            assert_eq!((until - from).get_seconds(), hours * 3600);
        }
    }

    #[test]
    fn the_week_that_begins_a_year_belongs_to_the_year_of_its_thursday() {
        assert_eq!(
            Period::of(Every::Week, at("2027-01-02T12:00:00Z")).to_string(),
            "2026-W53"
        );
        assert_eq!(
            Period::named(Every::Week, "2026-W53").unwrap().bounds().0,
            at("2026-12-28T00:00:00Z")
        );
    }

    #[test]
    fn another_spelling_is_no_period_and_the_right_one_is_shown() {
        for (every, text) in [
            (Every::Day, "2026-02-30"),
            (Every::Week, "2026-W54"),
            (Every::Month, "2026-13"),
            (Every::Month, "2026-1"),
            (Every::Quarter, "2026-Q5"),
            (Every::Year, "26"),
        ] {
            let error = Period::named(every, text).unwrap_err().to_string();
            assert!(
                error.contains(text) && error.contains("such as `2026"),
                "{error}"
            );
        }
    }
}
