//! Which moments can be restored from what is stored.

use jiff::{SignedDuration, Timestamp};

use crate::records::Shipment;

/// Where a moment is found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Found<'s> {
    /// In this.
    In(&'s Shipment),
    /// Before everything that is stored.
    Before(Timestamp),
    /// Between two: the database was written to and not followed.
    Between(Timestamp, Timestamp),
    /// After everything that is stored so far.
    After(Timestamp),
}

/// Finds a moment among the newest shipments of each generation at one destination, oldest first. `quiet` says until when
/// nothing has changed since the newest of them.
#[must_use]
pub fn find<'s>(shipments: &'s [Shipment], at: Timestamp, quiet: Option<Timestamp>) -> Found<'s> {
    let later = shipments.iter().position(|one| one.facts.complete > at);
    let found = match later {
        Some(0) => None,
        Some(later) => shipments.get(later - 1),
        None => shipments.last(),
    };
    let next = later.and_then(|later| shipments.get(later));
    match (found, next) {
        (Some(found), Some(next)) => match gap(found, next) {
            Some((from, to)) if at > from => Found::Between(from, to),
            _ => Found::In(found),
        },
        (Some(found), None) => match found.up_to().max(quiet.unwrap_or(found.up_to())) {
            to if at > to => Found::After(to),
            _ => Found::In(found),
        },
        (None, next) => Found::Before(next.map_or(at, |next| next.facts.complete)),
    }
}

/// The time between two generations in which the database was written to and not followed, if there was one.
#[must_use]
pub fn gap(before: &Shipment, after: &Shipment) -> Option<(Timestamp, Timestamp)> {
    let (from, to) = (before.up_to(), after.facts.complete);
    (from < to && after.facts.written > from).then_some((from, to))
}

/// The longest time in which moments are not told apart: between two looks, or between two generations.
#[must_use]
pub fn worst(shipments: &[Shipment]) -> SignedDuration {
    let looks = shipments
        .iter()
        .map(|one| SignedDuration::from_millis(one.head.slowest_ms.into()));
    let gaps = shipments
        .windows(2)
        .filter_map(|pair| match pair {
            [before, after] => gap(before, after),
            _ => None,
        })
        .map(|(from, to)| to.duration_since(from));
    looks.chain(gaps).max().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::records::testing::shipment;

    /// Two generations; the second was begun after a pause, in which the database was written to or not.
    fn two(written: &str) -> Vec<Shipment> {
        vec![
            shipment(
                "2026-11-21T10:00:00Z",
                "2026-11-21T11:00:00Z",
                "2026-11-21T09:00:00Z",
            ),
            shipment("2026-11-21T12:00:00Z", "2026-11-21T13:00:00Z", written),
        ]
    }

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn a_moment_is_in_the_generation_that_was_followed_then() {
        let stored = two("2026-11-21T11:30:00Z");
        assert_eq!(
            find(&stored, at("2026-11-21T10:30:00Z"), None),
            Found::In(&stored[0])
        );
        assert_eq!(
            find(&stored, at("2026-11-21T12:00:00Z"), None),
            Found::In(&stored[1])
        );
        assert_eq!(
            find(&stored, at("2026-11-21T09:59:59Z"), None),
            Found::Before(at("2026-11-21T10:00:00Z"))
        );
    }

    #[test]
    fn a_pause_in_which_something_was_written_is_a_gap() {
        let stored = two("2026-11-21T11:30:00Z");
        let gap = Found::Between(at("2026-11-21T11:00:00Z"), at("2026-11-21T12:00:00Z"));
        assert_eq!(find(&stored, at("2026-11-21T11:10:00Z"), None), gap);
        assert_eq!(worst(&stored), SignedDuration::from_hours(1));
    }

    #[test]
    fn a_pause_in_which_nothing_was_written_is_none() {
        let stored = two("2026-11-21T10:59:59Z");
        assert_eq!(
            find(&stored, at("2026-11-21T11:10:00Z"), None),
            Found::In(&stored[0])
        );
        assert_eq!(worst(&stored), SignedDuration::from_millis(100));
    }

    #[test]
    fn after_the_newest_it_counts_that_nothing_has_changed_since() {
        let stored = two("2026-11-21T10:59:59Z");
        let late = at("2026-11-21T13:10:00Z");
        assert_eq!(
            find(&stored, late, None),
            Found::After(at("2026-11-21T13:00:00Z"))
        );
        assert_eq!(
            find(&stored, late, Some(at("2026-11-21T13:20:00Z"))),
            Found::In(&stored[1])
        );
    }
}
