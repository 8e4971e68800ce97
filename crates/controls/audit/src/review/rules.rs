//! The rules of a review, each with its figure.

use avouch_statement::Length;
use jiff::civil::Time;

/// What a review finds; a rule that is not stated finds nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rules {
    /// A record that is the reader's own.
    pub own: bool,
    /// A record of the reader's family.
    pub family: bool,
    /// A record of somebody else who has an account in the same organisation.
    pub colleague: bool,
    /// The records of many people in a short time.
    pub many: Option<Many>,
    /// A record at an unusual time of day.
    pub hours: Option<Hours>,
    /// A record that nobody else of the reader's unit opened in this time before the review.
    pub unit: Option<Length>,
}

/// How many are many.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Many {
    /// More people than these.
    pub people: usize,
    /// Within this time.
    pub within: Length,
}

/// The usual hours, in the zone of the review's time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hours {
    /// Their beginning.
    pub from: Time,
    /// Their end, which lies after midnight if it is before the beginning.
    pub until: Time,
}

impl Rules {
    /// What is found, for whoever reads the statement.
    #[must_use]
    pub fn words(&self) -> Vec<String> {
        let flag = |stated: bool, words: &str| stated.then(|| words.to_owned());
        [
            flag(self.own, "a record that is the reader's own"),
            flag(self.family, "a record of the reader's family"),
            flag(self.colleague, "a colleague's record"),
            self.many.map(|many| {
                format!(
                    "the records of more than {} people by one reader within {}",
                    many.people, many.within
                )
            }),
            self.hours
                .map(|hours| format!("a record opened outside {hours}")),
            self.unit.map(|within| {
                format!(
                    "a record that nobody else of the reader's unit opened in the {within} before"
                )
            }),
        ]
        .into_iter()
        .flatten()
        .collect()
    }
}

impl Hours {
    /// Whether a time of day lies within them.
    #[must_use]
    pub fn hold(&self, time: Time) -> bool {
        if self.from < self.until {
            self.from <= time && time < self.until
        } else {
            self.from <= time || time < self.until
        }
    }
}

impl std::fmt::Display for Hours {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let time = |time: Time| format!("{:02}:{:02}", time.hour(), time.minute());
        write!(f, "{} to {}", time(self.from), time(self.until))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::time;

    #[test]
    fn usual_hours_may_run_over_midnight() {
        let day = Hours {
            from: time(7, 0, 0, 0),
            until: time(20, 0, 0, 0),
        };
        let night = Hours {
            from: day.until,
            until: day.from,
        };
        for (hour, minute, by_day) in [(7, 0, true), (19, 59, true), (20, 0, false), (6, 59, false)]
        {
            let at = time(hour, minute, 0, 0);
            assert_eq!((day.hold(at), night.hold(at)), (by_day, !by_day), "{at}");
        }
        assert_eq!(day.to_string(), "07:00 to 20:00");
    }
}
