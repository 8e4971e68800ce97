//! Which moments can be had from what is stored: restoring and the check of the promise both ask here.
//!
//! A time in which the database was written to and not looked at is a *gap* if it is longer than is tolerated: no moment
//! in it can be had. In a shorter one the database comes back as it was last seen.

use jiff::{SignedDuration, Timestamp};

use crate::{changes::Stall, records::Shipment};

/// Where a moment is found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Found<'s> {
    /// In this; changes within so much time are not told apart there.
    In(&'s Shipment, SignedDuration),
    /// Before everything that is stored.
    Before(Timestamp),
    /// In a gap.
    Between(Timestamp, Timestamp),
    /// After everything that is stored so far.
    After(Timestamp),
}

/// The moments that can be had at one destination.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reach<'s> {
    /// The first.
    pub from: Timestamp,
    /// The last.
    pub to: Timestamp,
    /// The times between in which no moment can be had, oldest first.
    pub gaps: Vec<Stall>,
    /// The shorter ones.
    tolerated: Vec<Stall>,
    /// Each shipment that counts, and from when on it does.
    spans: Vec<(Timestamp, &'s Shipment)>,
}

/// What can be had from the newest shipments of each generation, in the order of the generations. `quiet` says until when
/// nothing has changed since the newest of them; `tolerated` is how long a time is no gap yet. None if nothing is stored.
///
/// After the clock was set back, moments came twice: then the later counts.
#[must_use]
pub fn reach(
    stored: &[Shipment],
    quiet: Option<Timestamp>,
    tolerated: SignedDuration,
) -> Option<Reach<'_>> {
    let newest = stored.last()?;
    let to = newest.up_to().max(quiet.unwrap_or(newest.up_to()));
    let (mut spans, mut stalls) = (vec![], vec![]);
    let mut after: Option<&Shipment> = None;
    for one in stored.iter().rev() {
        let limit = after.map(|after| after.facts.complete);
        let from = one.facts.complete;
        if limit.is_some_and(|limit| limit <= from) {
            continue;
        }
        let within = |at: Timestamp| at.clamp(from, limit.unwrap_or(Timestamp::MAX).max(from));
        stalls.extend(one.head.stalls.iter().map(|stall| Stall {
            from: within(stall.from),
            to: within(stall.to),
        }));
        if let Some(after) = after
            && after.facts.follows.as_ref() != Some(&one.head.hash)
        {
            let from = within(one.up_to());
            stalls.push(Stall {
                from,
                to: after.facts.complete,
            });
        }
        spans.push((from, one));
        after = Some(one);
    }
    spans.reverse();
    stalls.sort_by_key(|stall| stall.from);
    stalls.retain(|stall| stall.from < stall.to);
    let (gaps, tolerated) = stalls
        .into_iter()
        .partition(|stall| stall.length() > tolerated);
    Some(Reach {
        from: spans.first()?.0,
        to,
        gaps,
        tolerated,
        spans,
    })
}

impl<'s> Reach<'s> {
    /// Finds a moment.
    #[must_use]
    pub fn find(&self, at: Timestamp) -> Found<'s> {
        let inside = |stall: &&Stall| stall.from < at && at < stall.to;
        let span = self.spans.iter().rev().find(|(from, _)| *from <= at);
        match (span, self.gaps.iter().find(inside)) {
            (None, _) => Found::Before(self.from),
            (_, Some(gap)) => Found::Between(gap.from, gap.to),
            _ if at > self.to => Found::After(self.to),
            (Some((_, shipment)), None) => {
                let stall = self.tolerated.iter().find(inside).map(|one| one.length());
                Found::In(shipment, looks(shipment).max(stall.unwrap_or_default()))
            }
        }
    }

    /// The longest time in which moments are not told apart, beside gaps.
    #[must_use]
    pub fn apart(&self) -> SignedDuration {
        let stalls = self.tolerated.iter().map(|stall| stall.length());
        let looks = self.spans.iter().map(|(_, one)| looks(one));
        looks.chain(stalls).max().unwrap_or_default()
    }

    /// The gaps after a moment, cut off there.
    pub fn gaps_since(&self, since: Timestamp) -> impl Iterator<Item = Stall> + '_ {
        let after = self.gaps.iter().filter(move |gap| gap.to > since);
        after.map(move |gap| Stall {
            from: gap.from.max(since),
            to: gap.to,
        })
    }
}

fn looks(shipment: &Shipment) -> SignedDuration {
    SignedDuration::from_millis(shipment.head.slowest_ms.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::records::testing::shipment;

    const TOLERATED: SignedDuration = SignedDuration::from_mins(5);

    fn at(text: &str) -> Timestamp {
        format!("2026-11-21T{text}Z").parse().unwrap()
    }

    /// Two generations; the second was begun after a pause.
    fn two() -> Vec<Shipment> {
        vec![
            shipment("2026-11-21T10:00:00Z", "2026-11-21T11:00:00Z"),
            shipment("2026-11-21T12:00:00Z", "2026-11-21T13:00:00Z"),
        ]
    }

    #[track_caller]
    fn found<'s>(stored: &'s [Shipment], when: &str, quiet: Option<&str>) -> Found<'s> {
        reach(stored, quiet.map(at), TOLERATED)
            .unwrap()
            .find(at(when))
    }

    fn inside(shipment: &Shipment) -> Found<'_> {
        Found::In(shipment, SignedDuration::from_millis(100))
    }

    #[test]
    fn a_moment_is_in_the_generation_that_was_followed_then() {
        let stored = two();
        assert_eq!(found(&stored, "10:30:00", None), inside(&stored[0]));
        assert_eq!(found(&stored, "11:00:00", None), inside(&stored[0]));
        assert_eq!(found(&stored, "12:00:00", None), inside(&stored[1]));
        assert_eq!(
            found(&stored, "09:59:59", None),
            Found::Before(at("10:00:00"))
        );
    }

    #[test]
    fn a_pause_between_two_generations_is_a_gap() {
        let stored = two();
        let gap = Found::Between(at("11:00:00"), at("12:00:00"));
        assert_eq!(found(&stored, "11:00:01", None), gap);
        assert_eq!(found(&stored, "11:59:59", None), gap);
    }

    #[test]
    fn a_pause_that_is_tolerated_is_told_and_shows_what_was_seen_last() {
        let mut stored = two();
        stored[0].head.up_to = Some(at("11:58:00"));
        let two_minutes = SignedDuration::from_mins(2);
        assert_eq!(
            found(&stored, "11:59:00", None),
            Found::In(&stored[0], two_minutes)
        );
        let reached = reach(&stored, None, TOLERATED).unwrap();
        assert_eq!(reached.apart(), two_minutes);
    }

    #[test]
    fn a_generation_that_took_over_from_the_end_of_another_leaves_no_gap() {
        let mut stored = two();
        stored[1].facts.follows = Some(stored[0].head.hash.clone());
        assert_eq!(found(&stored, "11:30:00", None), inside(&stored[0]));
        // Of the one before, the last files were not stored.
        stored[0].head.hash = "earlier".to_owned();
        let gap = Found::Between(at("11:00:00"), at("12:00:00"));
        assert_eq!(found(&stored, "11:30:00", None), gap);
    }

    #[test]
    fn changes_that_were_seen_long_after_the_look_before_are_a_gap() {
        let mut stored = two();
        let stall = Stall {
            from: at("12:10:00"),
            to: at("12:20:00"),
        };
        stored[1].head.stalls.push(stall);
        assert_eq!(
            found(&stored, "12:15:00", None),
            Found::Between(stall.from, stall.to)
        );
        assert_eq!(found(&stored, "12:20:00", None), inside(&stored[1]));
    }

    #[test]
    fn after_the_newest_it_counts_that_nothing_has_changed_since() {
        let stored = two();
        assert_eq!(
            found(&stored, "13:10:00", None),
            Found::After(at("13:00:00"))
        );
        assert_eq!(
            found(&stored, "13:10:00", Some("13:20:00")),
            inside(&stored[1])
        );
    }

    #[test]
    fn of_a_time_that_came_twice_the_later_counts() {
        let mut stored = two();
        // The clock was an hour ahead, and was put right at half past ten.
        stored.push(shipment("2026-11-21T10:30:00Z", "2026-11-21T11:30:00Z"));
        assert_eq!(found(&stored, "10:15:00", None), inside(&stored[0]));
        assert_eq!(found(&stored, "10:45:00", None), inside(&stored[2]));
        assert_eq!(
            found(&stored, "12:30:00", None),
            Found::After(at("11:30:00"))
        );
    }
}
