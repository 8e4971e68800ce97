//! Which moments can be had from what is stored: restoring and the check of the promise both ask here.
//!
//! A time in which the database was written to and not looked at is a *gap* if it is longer than is tolerated: no moment
//! in it can be had. In a shorter one the database comes back as it was last seen.
//!
//! Times that were noted by a clock which was then set are of no known moment. In each run of the machine the clock counts as
//! it was set last, and what was noted by another, before or between, is left out: what it leaves open is a gap as well.

use jiff::{SignedDuration, Timestamp};

use super::reckoning::Reckoning;
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
    /// What they are had from, in the order of the generations.
    spans: Vec<Span<'s>>,
}

/// A time that a shipment shows, noted by one clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Span<'s> {
    shipment: &'s Shipment,
    /// By what its times were noted, if that is known.
    by: Option<&'s Reckoning>,
    /// Its place among all, with those that are left out.
    place: usize,
    from: Timestamp,
    /// Nothing is missing up to here.
    to: Timestamp,
    /// Up to here it is the last that is known.
    end: Timestamp,
}

/// What can be had from the newest shipments of each generation, in the order of the generations. `quiet` says until when
/// nothing has changed since the newest of them; `tolerated` is how long a time is no gap yet; `present` is what times are
/// noted by now. None if nothing is stored, or all of it was noted by a clock that was set since.
///
/// After the clock was set back, moments came twice: then the later counts.
#[must_use]
pub fn reach<'s>(
    stored: &'s [Shipment],
    quiet: Option<Timestamp>,
    tolerated: SignedDuration,
    present: Option<&Reckoning>,
) -> Option<Reach<'s>> {
    let mut spans = all(stored, quiet);
    leave_out(&mut spans, present);
    let pauses = join(&mut spans);
    let to = spans.last()?.to;
    let mut stalls = Vec::new();
    for (place, span) in spans.iter().enumerate() {
        let later: Vec<_> = spans.iter().skip(place + 1).map(sure).collect();
        for stall in &span.shipment.head.stalls {
            let within = |at: Timestamp| at.clamp(span.from, span.to);
            let inside = Stall {
                from: within(stall.from),
                to: within(stall.to),
            };
            stalls.extend(less(inside, &later));
        }
    }
    let known: Vec<_> = spans.iter().map(sure).collect();
    stalls.extend(pauses.into_iter().flat_map(|pause| less(pause, &known)));
    stalls.retain_mut(|stall| {
        stall.to = stall.to.min(to);
        stall.from < stall.to
    });
    stalls.sort_by_key(|stall| stall.from);
    let (gaps, tolerated) = stalls
        .into_iter()
        .partition(|stall| stall.length() > tolerated);
    Some(Reach {
        from: spans.iter().map(|span| span.from).min()?,
        to,
        gaps,
        tolerated,
        spans,
    })
}

/// Every time that is shown.
fn all(stored: &[Shipment], quiet: Option<Timestamp>) -> Vec<Span<'_>> {
    let mut spans = Vec::new();
    for (count, shipment) in (1..).zip(stored) {
        let quiet = quiet.filter(|_| count == stored.len());
        let end = shipment.up_to().max(quiet.unwrap_or(Timestamp::MIN));
        let clocks = &shipment.head.clocks;
        // What was noted before clocks were.
        let unsaid = clocks.first().is_none_or(|first| first.from.is_some());
        let mut begins: Vec<(Option<Timestamp>, Option<&Reckoning>)> = Vec::new();
        begins.extend(unsaid.then_some((None, None)));
        begins.extend(clocks.iter().map(|noted| (noted.from, Some(&noted.by))));
        for (at, (begins_at, by)) in begins.iter().enumerate() {
            let complete = shipment.facts.complete;
            let from = begins_at.map_or(complete, |from| from.max(complete));
            let next = begins.get(at + 1).and_then(|(next, _)| *next);
            let to = next.unwrap_or(end).max(from);
            spans.push(Span {
                shipment,
                by: *by,
                place: spans.len(),
                from,
                to,
                end: to,
            });
        }
    }
    spans
}

/// Leaves out what was noted by a clock that was set since in the same run of the machine.
fn leave_out(spans: &mut Vec<Span<'_>>, present: Option<&Reckoning>) {
    let mut right: Vec<Reckoning> = present.into_iter().cloned().collect();
    spans.reverse();
    spans.retain(|span| {
        let Some(by) = span.by else {
            return true;
        };
        match right.iter_mut().find(|right| right.boot == by.boot) {
            Some(right) if right.was_set(by) => false,
            // Many small steps are none.
            Some(right) => {
                right.clone_from(by);
                true
            }
            None => {
                right.push(by.clone());
                true
            }
        }
    });
    spans.reverse();
}

/// Lets each reach to the next; the times between them of which it is not shown that nothing was missed.
fn join(spans: &mut [Span<'_>]) -> Vec<Stall> {
    let nexts: Vec<_> = spans.iter().skip(1).copied().collect();
    let mut pauses = Vec::new();
    for (one, next) in spans.iter_mut().zip(nexts) {
        if next.from < one.to {
            continue;
        }
        one.end = next.from;
        let follows = next.shipment.generation == one.shipment.generation
            || next.shipment.facts.follows.as_ref() == Some(&one.shipment.head.hash);
        if follows && next.place == one.place + 1 {
            one.to = next.from;
        } else {
            pauses.push(Stall {
                from: one.to,
                to: next.from,
            });
        }
    }
    pauses
}

fn sure(span: &Span<'_>) -> (Timestamp, Timestamp) {
    (span.from, span.to)
}

/// What of a time is in none of those that are known.
fn less(stall: Stall, known: &[(Timestamp, Timestamp)]) -> Vec<Stall> {
    let mut left = vec![stall];
    for (from, to) in known {
        let cut = |one: Stall| {
            let before = Stall {
                to: one.to.min(*from),
                ..one
            };
            let after = Stall {
                from: one.from.max(*to),
                ..one
            };
            match one.from < *to && *from < one.to {
                true => vec![before, after],
                false => vec![one],
            }
        };
        left = left.into_iter().flat_map(cut).collect();
        left.retain(|one| one.from < one.to);
    }
    left
}

impl<'s> Reach<'s> {
    /// Finds a moment.
    #[must_use]
    pub fn find(&self, at: Timestamp) -> Found<'s> {
        let inside = |stall: &&Stall| stall.from < at && at < stall.to;
        if at > self.to {
            return Found::After(self.to);
        }
        if let Some(gap) = self.gaps.iter().find(inside) {
            return Found::Between(gap.from, gap.to);
        }
        let later_first = || self.spans.iter().rev().filter(|span| span.from <= at);
        let span = later_first()
            .find(|span| at <= span.to)
            .or_else(|| later_first().find(|span| at < span.end));
        match span {
            None => Found::Before(self.from),
            Some(Span { shipment, .. }) => {
                let stall = self.tolerated.iter().find(inside).map(|one| one.length());
                Found::In(shipment, looks(shipment).max(stall.unwrap_or_default()))
            }
        }
    }

    /// The longest time in which moments are not told apart, beside gaps.
    #[must_use]
    pub fn apart(&self) -> SignedDuration {
        let stalls = self.tolerated.iter().map(|stall| stall.length());
        let looks = self.spans.iter().map(|span| looks(span.shipment));
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

    /// The first shipment that this moment, or any after it, is found in.
    pub(crate) fn first_used(&self, since: Timestamp) -> Option<&'s Shipment> {
        let used = |span: &&Span<'_>| span.to >= since || span.end > since;
        Some(self.spans.iter().find(used)?.shipment)
    }
}

/// Changes within so much time are not told apart. A server's transactions say themselves when they ended.
fn looks(shipment: &Shipment) -> SignedDuration {
    match shipment.facts.cluster {
        Some(_) => SignedDuration::ZERO,
        None => SignedDuration::from_millis(shipment.head.slowest_ms.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{changes::Noted, records::testing::shipment};

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
        reach(stored, quiet.map(at), TOLERATED, None)
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
        let reached = reach(&stored, None, TOLERATED, None).unwrap();
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

    /// What was noted in a run of the machine that began at this time by the clock.
    fn noted(complete: &str, up_to: &str, boot: &str, began: &str) -> Shipment {
        let day = |text: &str| format!("2026-11-21T{text}Z");
        let mut one = shipment(&day(complete), &day(up_to));
        one.head.clocks = vec![noted_by(None, boot, began)];
        one
    }

    fn noted_by(from: Option<&str>, boot: &str, began: &str) -> Noted {
        Noted {
            from: from.map(at),
            by: by(boot, began),
        }
    }

    fn by(boot: &str, began: &str) -> Reckoning {
        Reckoning {
            boot: boot.to_owned(),
            began: at(began),
        }
    }

    #[track_caller]
    fn each<'s>(stored: &'s [Shipment], present: Option<&Reckoning>, found: &[(&str, Found<'s>)]) {
        let reach = reach(stored, None, TOLERATED, present).unwrap();
        for (when, expected) in found {
            assert_eq!(reach.find(at(when)), *expected, "{when}");
        }
    }

    #[test]
    fn no_moment_is_had_from_what_was_noted_by_a_clock_that_was_an_hour_ahead_and_put_right() {
        let stored = [
            noted("09:00:00", "10:00:00", "a", "08:00:00"),
            noted("11:00:00", "11:30:00", "a", "09:00:00"),
            noted("10:31:00", "12:31:00", "a", "08:00:01"),
        ];
        let gap = Found::Between(at("10:00:00"), at("10:31:00"));
        let expected = [
            ("09:30:00", inside(&stored[0])),
            ("10:00:00", inside(&stored[0])),
            ("10:00:01", gap),
            ("10:15:00", gap),
            ("10:30:59", gap),
            ("10:31:00", inside(&stored[2])),
            ("11:15:00", inside(&stored[2])),
        ];
        each(&stored, None, &expected);
        each(&stored, Some(&by("a", "08:00:00")), &expected);
        // Not put right yet, as far as is known: what was noted before is not of the clock's present time.
        let unknown = Found::Before(at("11:00:00"));
        each(
            &stored[..2],
            None,
            &[("09:30:00", unknown), ("11:15:00", inside(&stored[1]))],
        );
        // Put right a moment ago.
        let present = by("a", "08:00:00");
        let after = Found::After(at("10:00:00"));
        each(
            &stored[..2],
            Some(&present),
            &[
                ("09:30:00", inside(&stored[0])),
                ("10:15:00", after),
                ("11:15:00", after),
            ],
        );
        // It is said as a gap.
        let reached = reach(&stored, None, TOLERATED, None).unwrap();
        assert_eq!(reached.gaps.len(), 1, "{reached:?}");
    }

    #[test]
    fn a_clock_set_hours_back_and_put_right_takes_no_moment_from_before_away() {
        let stored = [
            noted("12:00:00", "14:00:00", "a", "08:00:00"),
            noted("04:00:00", "04:10:00", "a", "00:00:00"),
            noted("14:11:00", "15:00:00", "a", "08:00:00"),
        ];
        let gap = Found::Between(at("14:00:00"), at("14:11:00"));
        each(
            &stored,
            None,
            &[
                ("04:05:00", Found::Before(at("12:00:00"))),
                ("13:00:00", inside(&stored[0])),
                ("14:05:00", gap),
                ("14:30:00", inside(&stored[2])),
            ],
        );
        // In another run of the machine nothing tells that it was wrong; of what came once nothing is lost.
        let mut other = stored.clone();
        other[1].head.clocks[0].by.boot = "b".to_owned();
        other[2].head.clocks[0].by.boot = "c".to_owned();
        each(
            &other,
            None,
            &[
                ("04:05:00", inside(&other[1])),
                ("08:00:00", Found::Between(at("04:10:00"), at("12:00:00"))),
                ("13:00:00", inside(&other[0])),
                ("14:05:00", gap),
            ],
        );
    }

    #[test]
    fn what_was_noted_after_a_start_until_the_clock_was_put_right_is_left_out_of_its_generation() {
        let mut first = noted("09:00:00", "11:20:00", "a", "08:00:00");
        // Gone on with in the next run of the machine, by a clock that was an hour ahead.
        first
            .head
            .clocks
            .push(noted_by(Some("09:50:00"), "b", "10:59:00"));
        let stored = [first, noted("10:20:00", "12:00:00", "b", "09:59:00")];
        let gap = Found::Between(at("09:50:00"), at("10:20:00"));
        each(
            &stored,
            None,
            &[
                ("09:40:00", inside(&stored[0])),
                ("10:10:00", gap),
                ("11:10:00", inside(&stored[1])),
            ],
        );
        // Never put right, it is gone on with as if the machine had slept.
        each(&stored[..1], None, &[("10:10:00", inside(&stored[0]))]);
    }

    #[test]
    fn a_clock_that_was_set_by_a_little_again_and_again_is_the_same() {
        let stored = [
            noted("09:00:00", "10:00:00", "a", "08:00:00"),
            noted("10:00:10", "11:00:00", "a", "08:00:02"),
            noted("11:00:10", "12:00:00", "a", "08:00:04"),
        ];
        each(
            &stored,
            Some(&by("a", "08:00:06")),
            &[
                ("09:30:00", inside(&stored[0])),
                ("11:30:00", inside(&stored[2])),
            ],
        );
        let set = by("a", "08:00:07");
        assert_eq!(reach(&stored, None, TOLERATED, Some(&set)), None);
    }
}
