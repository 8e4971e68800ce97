//! Judges `backup.read-all-within`: no part of a repository went unread for longer than is stated.

use std::collections::BTreeMap;

use avouch_statement::{Length, Verdict};
use jiff::Timestamp;

use super::Judged;
use crate::rolling::Shelf;

/// The shelf that was read longest ago decides; one that was never read breaks it, once any was.
pub(super) fn judge(
    stated: Length,
    place: &str,
    read: &BTreeMap<Shelf, Timestamp>,
    now: Timestamp,
) -> Judged {
    let Some(oldest) = read.values().min() else {
        return (
            Verdict::Unproven,
            format!("{place}: nothing has been read through yet"),
        );
    };
    let late = (0..=Shelf::MAX)
        .filter(|shelf| {
            read.get(shelf)
                .is_none_or(|at| now.duration_since(*at) > stated.duration())
        })
        .count();
    if late > 0 {
        return (
            Verdict::Broken,
            format!(
                "{place}: {late} of 256 parts of what is stored were not read within {stated}, one of them last at \
                 {oldest}; `avouch backup verify` reads what is due"
            ),
        );
    }
    let today = read
        .values()
        .filter(|at| now.duration_since(**at).as_hours() < 24)
        .count();
    (
        Verdict::Held,
        format!(
            "{place}: all of what is stored was read and hashed since {oldest}, {today} of its 256 parts within a day"
        ),
    )
}

#[cfg(test)]
mod tests {
    use avouch_statement::Unit;

    use super::*;

    const NOW: &str = "2026-02-10T04:00:00Z";

    /// Everything read at `NOW` but for shelf 7.
    #[track_caller]
    fn check(seventh: Option<&str>, verdict: Verdict, says: &str) {
        let now = NOW.parse().unwrap();
        let mut read: BTreeMap<_, _> = (0..=Shelf::MAX).map(|shelf| (shelf, now)).collect();
        read.remove(&7);
        read.extend(seventh.map(|at| (7, at.parse().unwrap())));
        let (judged, observed) = judge(Length::new(30, Unit::Day), "local", &read, now);
        assert_eq!(judged, verdict, "{observed}");
        assert!(observed.contains(says), "{observed}");
    }

    #[test]
    fn the_part_that_was_read_longest_ago_decides() {
        check(
            Some("2026-01-11T04:00:00Z"),
            Verdict::Held,
            "255 of its 256",
        );
        check(
            Some("2026-01-11T03:59:59Z"),
            Verdict::Broken,
            "1 of 256 parts",
        );
        check(None, Verdict::Broken, "1 of 256 parts");
    }

    #[test]
    fn before_anything_was_read_nothing_is_proved() {
        let stated = Length::new(30, Unit::Day);
        let (judged, _) = judge(stated, "local", &BTreeMap::new(), NOW.parse().unwrap());
        assert_eq!(judged, Verdict::Unproven);
    }
}
