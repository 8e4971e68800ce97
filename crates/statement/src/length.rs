//! Lengths of time as people state them: a count and a unit.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A unit of time. Months and years are calendar units; the others are exact.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Unit {
    /// `s`
    Second,
    /// `min`
    Minute,
    /// `h`
    Hour,
    /// `d`: 24 hours where a length is compared; a civil day where a calendar is walked.
    Day,
    /// `weeks`
    Week,
    /// `months`
    Month,
    /// `years`
    Year,
}

/// A length of time as stated, such as `30 min` or `2 months`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Length {
    /// How many; at least 1.
    pub count: u32,
    /// Of what.
    pub unit: Unit,
}

const DAY: i64 = 86_400;

impl Length {
    /// A count of a unit.
    #[must_use]
    pub const fn new(count: u32, unit: Unit) -> Self {
        Self { count, unit }
    }

    /// The fewest and the most seconds it can be: a month is 28 to 31 days, a year 365 or 366.
    #[must_use]
    pub fn bounds(self) -> (i64, i64) {
        let count = i64::from(self.count);
        let (least, most) = match self.unit {
            Unit::Second => (1, 1),
            Unit::Minute => (60, 60),
            Unit::Hour => (3600, 3600),
            Unit::Day => (DAY, DAY),
            Unit::Week => (7 * DAY, 7 * DAY),
            Unit::Month => return months(count),
            Unit::Year => return months(12 * count),
        };
        (count * least, count * most)
    }

    /// Whole seconds, at the most it can be.
    #[must_use]
    pub fn seconds(self) -> i64 {
        self.bounds().1
    }

    /// As a signed duration, at the most it can be.
    #[must_use]
    pub fn duration(self) -> jiff::SignedDuration {
        jiff::SignedDuration::from_secs(self.seconds())
    }

    /// As a calendar span, to be added to a civil or zoned time.
    #[must_use]
    pub fn span(self) -> jiff::Span {
        let count = i64::from(self.count);
        let zero = jiff::Span::new();
        match self.unit {
            Unit::Second => zero.seconds(count),
            Unit::Minute => zero.minutes(count),
            Unit::Hour => zero.hours(count),
            Unit::Day => zero.days(count),
            Unit::Week => zero.weeks(count),
            Unit::Month => zero.months(count),
            Unit::Year => zero.years(count),
        }
    }

    /// Is it certainly at least as long as the other?
    #[must_use]
    pub fn at_least(self, other: Self) -> bool {
        match (self.in_months(), other.in_months()) {
            (Some(mine), Some(theirs)) => mine >= theirs,
            _ => self.bounds().0 >= other.bounds().1,
        }
    }

    fn in_months(self) -> Option<u32> {
        match self.unit {
            Unit::Month => Some(self.count),
            Unit::Year => Some(12 * self.count),
            _ => None,
        }
    }
}

/// The fewest and most seconds in so many calendar months.
///
/// Whole years count 365 days, plus leap days; the odd months are taken as the shortest (28, 59,
/// 89, …) and the longest (31, 62, 92, …) runs of a calendar.
fn months(count: i64) -> (i64, i64) {
    const SHORTEST: [i64; 12] = [0, 28, 59, 89, 120, 150, 181, 212, 242, 273, 303, 334];
    const LONGEST: [i64; 12] = [0, 31, 62, 92, 123, 153, 184, 215, 245, 276, 306, 337];
    let (years, odd) = (count / 12, usize::try_from(count % 12).unwrap_or(0));
    let least = years * 365 + years / 8 + SHORTEST.get(odd).copied().unwrap_or(0);
    let most = years * 365 + (years + 3) / 4 + LONGEST.get(odd).copied().unwrap_or(0);
    (least * DAY, most * DAY)
}

impl FromStr for Length {
    type Err = String;

    /// Reads `14 d`, `2 months`, `30 min`. The error is what is wrong with it, in a few words.
    fn from_str(text: &str) -> Result<Self, String> {
        let text = text.trim();
        let digits = text
            .find(|c: char| !c.is_ascii_digit())
            .unwrap_or(text.len());
        let (count, unit) = text.split_at(digits);
        let unit = match unit.trim() {
            "s" => Unit::Second,
            "min" => Unit::Minute,
            "h" => Unit::Hour,
            "d" => Unit::Day,
            "week" | "weeks" => Unit::Week,
            "month" | "months" => Unit::Month,
            "year" | "years" => Unit::Year,
            "m" => return Err("`m` could be minutes or months".to_owned()),
            "" if !count.is_empty() => return Err("a number without a unit".to_owned()),
            _ => return Err("not a number and a unit".to_owned()),
        };
        match count.parse() {
            Ok(0) => Err("nothing is promised by a length of nought".to_owned()),
            Ok(count) if count <= 100_000 => Ok(Self { count, unit }),
            Ok(_) => Err("longer than 100,000 units".to_owned()),
            Err(_) => Err("not a number and a unit".to_owned()),
        }
    }
}

impl fmt::Display for Length {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (one, many) = match self.unit {
            Unit::Second => ("second", "seconds"),
            Unit::Minute => ("minute", "minutes"),
            Unit::Hour => ("hour", "hours"),
            Unit::Day => ("day", "days"),
            Unit::Week => ("week", "weeks"),
            Unit::Month => ("month", "months"),
            Unit::Year => ("year", "years"),
        };
        write!(
            f,
            "{} {}",
            self.count,
            if self.count == 1 { one } else { many }
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn length(text: &str) -> Length {
        text.parse().unwrap()
    }

    #[test]
    fn a_length_is_a_number_and_a_unit() {
        assert_eq!(length("30 min"), Length::new(30, Unit::Minute));
        assert_eq!(length("14d"), Length::new(14, Unit::Day));
        for (bad, why) in [
            ("5 m", "`m` could be minutes or months"),
            ("5", "a number without a unit"),
            ("four hours", "not a number and a unit"),
            ("0 d", "nothing is promised by a length of nought"),
            ("-1 d", "not a number and a unit"),
            ("", "not a number and a unit"),
        ] {
            assert_eq!(bad.parse::<Length>().unwrap_err(), why, "{bad}");
        }
    }

    #[test]
    fn a_longer_length_is_only_claimed_when_it_is_certain() {
        for (long, short, certain) in [
            ("14 d", "2 weeks", true),
            ("2 months", "59 d", true),
            ("2 months", "60 d", false),
            ("24 months", "2 years", true),
            ("1 years", "365 d", true),
            ("1 years", "366 d", false),
            ("3 months", "93 d", false),
        ] {
            assert_eq!(
                length(long).at_least(length(short)),
                certain,
                "{long} >= {short}"
            );
        }
    }
}
