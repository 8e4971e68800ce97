//! When something is due each day: a civil time of day in a named zone.
//!
//! A *slot* is the moment a run is due on one civil day. Everything that counts days (retention, lateness, the checks)
//! counts slots, so that a run that starts some seconds late does not shift the series it belongs to.

use jiff::{Timestamp, civil, tz::TimeZone};

/// A time of day in a zone, as in `04:00 Europe/London`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct At {
    time: civil::Time,
    zone: TimeZone,
}

/// Why a text is not a time of day in a zone.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum AtError {
    /// Not two words.
    #[error("write a time of day and a zone, as in \"04:00 Europe/London\"")]
    Shape,
    /// The first word is not `HH:MM`.
    #[error("`{0}` is not a time of day; write it as in \"04:00\"")]
    Time(String),
    /// The second word is not a zone that the IANA database knows.
    #[error("`{0}` is not a time zone; write it as in \"Europe/London\" or \"UTC\"")]
    Zone(String),
}

impl At {
    /// A time of day in a zone.
    #[must_use]
    pub fn new(time: civil::Time, zone: TimeZone) -> Self {
        Self { time, zone }
    }

    /// Reads `HH:MM Zone/Name`.
    ///
    /// # Errors
    ///
    /// The part that cannot be read.
    pub fn parse(text: &str) -> Result<Self, AtError> {
        let mut words = text.split_whitespace();
        let (Some(time), Some(zone), None) = (words.next(), words.next(), words.next()) else {
            return Err(AtError::Shape);
        };
        if time.len() != 5 {
            return Err(AtError::Time(time.to_owned()));
        }
        let parsed =
            civil::Time::strptime("%H:%M", time).map_err(|_| AtError::Time(time.to_owned()))?;
        let zone = TimeZone::get(zone).map_err(|_| AtError::Zone(zone.to_owned()))?;
        Ok(Self::new(parsed, zone))
    }

    /// The zone that days are counted in.
    #[must_use]
    pub fn zone(&self) -> &TimeZone {
        &self.zone
    }

    /// The slot of a civil day.
    ///
    /// A time that the clocks skip on that day is taken as much later as they skip; of a time that comes twice, the
    /// first is taken. `None` only beyond the years that a timestamp can hold.
    #[must_use]
    pub fn on(&self, day: civil::Date) -> Option<Timestamp> {
        self.zone
            .to_ambiguous_timestamp(day.to_datetime(self.time))
            .compatible()
            .ok()
    }

    /// The civil day of the last slot at or before `now`, and that slot.
    #[must_use]
    pub fn due_before(&self, now: Timestamp) -> Option<(civil::Date, Timestamp)> {
        let today = now.to_zoned(self.zone.clone()).date();
        [Some(today), today.yesterday().ok()]
            .into_iter()
            .flatten()
            .filter_map(|day| Some((day, self.on(day)?)))
            .find(|(_, slot)| *slot <= now)
    }

    /// The next slot after `now`.
    #[must_use]
    pub fn due_after(&self, now: Timestamp) -> Option<(civil::Date, Timestamp)> {
        let today = now.to_zoned(self.zone.clone()).date();
        [Some(today), today.tomorrow().ok()]
            .into_iter()
            .flatten()
            .filter_map(|day| Some((day, self.on(day)?)))
            .find(|(_, slot)| *slot > now)
    }

    /// What to do now, when the last day that was served is `last`.
    ///
    /// A slot that was missed is due at once, and only the newest of several: an older one can no longer be taken.
    #[must_use]
    pub fn next_due(&self, last: Option<civil::Date>, now: Timestamp) -> Option<Due> {
        let (day, slot) = self.due_before(now)?;
        if last.is_none_or(|last| last < day) {
            return Some(Due {
                day,
                slot,
                now: true,
            });
        }
        let (day, slot) = self.due_after(now)?;
        Some(Due {
            day,
            slot,
            now: false,
        })
    }
}

impl std::fmt::Display for At {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "{:02}:{:02} {}",
            self.time.hour(),
            self.time.minute(),
            self.zone.iana_name().unwrap_or("UTC")
        )
    }
}

impl serde::Serialize for At {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl<'de> serde::Deserialize<'de> for At {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        Self::parse(&text).map_err(serde::de::Error::custom)
    }
}

/// A run that is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Due {
    /// The civil day it serves.
    pub day: civil::Date,
    /// When it is, or was, due.
    pub slot: Timestamp,
    /// Whether that is now (or past); otherwise wait until `slot`.
    pub now: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn london(text: &str) -> At {
        At::parse(&format!("{text} Europe/London")).unwrap()
    }

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn day(text: &str) -> civil::Date {
        text.parse().unwrap()
    }

    #[test]
    fn a_civil_time_keeps_its_hour_when_the_clocks_change() {
        let four = london("04:00");
        assert_eq!(four.on(day("2026-03-28")), Some(at("2026-03-28T04:00:00Z")));
        assert_eq!(four.on(day("2026-03-29")), Some(at("2026-03-29T03:00:00Z")));
        assert_eq!(four.on(day("2026-10-25")), Some(at("2026-10-25T04:00:00Z")));
    }

    #[test]
    fn a_time_that_is_skipped_runs_as_much_later_and_once() {
        let skipped = london("01:30");
        assert_eq!(
            skipped.on(day("2026-03-29")),
            Some(at("2026-03-29T01:30:00Z"))
        );
        let due = skipped
            .next_due(Some(day("2026-03-29")), at("2026-03-29T01:45:00Z"))
            .unwrap();
        assert_eq!((due.day, due.now), (day("2026-03-30"), false));
    }

    #[test]
    fn a_time_that_comes_twice_runs_the_first_time_only() {
        let twice = london("01:30");
        assert_eq!(
            twice.on(day("2026-10-25")),
            Some(at("2026-10-25T00:30:00Z"))
        );
        let due = twice
            .next_due(Some(day("2026-10-25")), at("2026-10-25T01:30:00Z"))
            .unwrap();
        assert_eq!((due.day, due.now), (day("2026-10-26"), false));
    }

    #[test]
    fn a_missed_run_is_due_at_once_for_the_newest_day_only() {
        let due = london("04:00")
            .next_due(Some(day("2026-01-01")), at("2026-01-05T12:00:00Z"))
            .unwrap();
        assert_eq!((due.day, due.now), (day("2026-01-05"), true));
    }

    #[test]
    fn before_todays_slot_yesterday_is_the_day_in_force() {
        let four = london("04:00");
        assert_eq!(
            four.due_before(at("2026-01-05T03:59:59Z")).unwrap().0,
            day("2026-01-04")
        );
        assert_eq!(
            four.due_before(at("2026-01-05T04:00:00Z")).unwrap().0,
            day("2026-01-05")
        );
    }

    #[test]
    fn what_cannot_be_read_is_named() {
        assert_eq!(At::parse("04:00"), Err(AtError::Shape));
        assert_eq!(
            At::parse("4am Europe/London"),
            Err(AtError::Time("4am".to_owned()))
        );
        assert_eq!(
            At::parse("25:00 UTC"),
            Err(AtError::Time("25:00".to_owned()))
        );
        assert_eq!(
            At::parse("04:00 Europe/Londn"),
            Err(AtError::Zone("Europe/Londn".to_owned()))
        );
    }

    #[test]
    fn its_text_reads_back_as_itself() {
        let four = london("04:00");
        assert_eq!(At::parse(&four.to_string()), Ok(four));
    }
}
