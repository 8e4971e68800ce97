//! Hours that an application ran, and hours in which it was needed. Pure: from what the trail has, in its order.

use std::ops::Range;

use jiff::{SignedDuration, Timestamp};

use super::Idle;

/// A stretch of time.
pub type Span = Range<Timestamp>;

/// A process that was started this much later than one that is known to run is another.
const SAME: SignedDuration = SignedDuration::from_secs(1);

/// For whom an application is needed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Whose {
    /// Somebody who uses it.
    People,
    /// The service itself: it starts it, or asks it something for a check.
    Own,
}

/// One thing that the trail has of an application.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Noted {
    /// When it was noted.
    pub at: Timestamp,
    /// What.
    pub what: What,
}

/// What the trail has of an application.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum What {
    /// Its process was started then.
    Started {
        /// Before it was noted, if it ran while nobody could note it.
        since: Timestamp,
    },
    /// Its process ended.
    Ended {
        /// It was told to, and did so only by force.
        forced: bool,
    },
    /// Nothing was noted from then until now.
    Unseen {
        /// When something was noted last.
        from: Timestamp,
    },
    /// It began to be used.
    Began {
        /// By whom.
        whose: Whose,
        /// With a request; otherwise by something that had been open before.
        request: bool,
    },
    /// It is not used any more.
    Over {
        /// By whom.
        whose: Whose,
        /// When it was used last.
        last: Timestamp,
    },
}

/// When somebody needed an application.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Need {
    /// From its first use until the stated time after the last.
    pub span: Span,
    /// Whether it began with a request.
    pub request: bool,
}

/// When an application ran, and when it was needed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Spans {
    /// It ran.
    pub ran: Vec<Span>,
    /// Somebody needed it.
    pub people: Vec<Need>,
    /// The service needed it.
    pub own: Vec<Span>,
    /// When it was last told to end, it did so only by force.
    pub forced: bool,
}

/// How long applications ran, and for whom.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Hours {
    /// In all.
    pub ran: SignedDuration,
    /// While people needed them.
    pub people: SignedDuration,
    /// While the service did, and nobody else.
    pub own: SignedDuration,
}

impl Hours {
    /// For nobody.
    #[must_use]
    pub fn idle(&self) -> SignedDuration {
        self.ran - self.people - self.own
    }

    /// What was for nobody, in hundredths of all.
    #[must_use]
    pub fn idle_share(&self) -> f64 {
        if self.ran.is_zero() {
            return 0.0;
        }
        100.0 * self.idle().as_secs_f64() / self.ran.as_secs_f64()
    }

    /// Those of two applications.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self {
            ran: self.ran + other.ran,
            people: self.people + other.people,
            own: self.own + other.own,
        }
    }
}

impl Spans {
    /// How long it ran in this time, and for whom.
    #[must_use]
    pub fn hours(&self, within: &Span) -> Hours {
        let ran = shared(&merged(&self.ran), std::slice::from_ref(within));
        let people: Vec<Span> = self.people.iter().map(|need| need.span.clone()).collect();
        let needed = [people.as_slice(), self.own.as_slice()].concat();
        let long = |spans: &[Span]| -> SignedDuration {
            spans
                .iter()
                .map(|span| span.end.duration_since(span.start))
                .fold(SignedDuration::ZERO, |sum, part| sum + part)
        };
        let for_people = long(&shared(&ran, &merged(&people)));
        Hours {
            ran: long(&ran),
            people: for_people,
            own: long(&shared(&ran, &merged(&needed))) - for_people,
        }
    }
}

/// What is open when something is noted.
#[derive(Default)]
struct Open {
    /// It runs, since then; and since when that is only believed.
    runs: Option<(Timestamp, Option<Timestamp>)>,
    people: Option<(Timestamp, bool)>,
    own: Option<(Timestamp, bool)>,
}

impl Open {
    fn of(&mut self, whose: Whose) -> &mut Option<(Timestamp, bool)> {
        match whose {
            Whose::People => &mut self.people,
            Whose::Own => &mut self.own,
        }
    }
}

/// Makes of what was noted, oldest first, when it ran and was needed until now.
#[must_use]
pub fn reckon(noted: &[Noted], idle: &Idle, now: Timestamp) -> Spans {
    let (mut spans, mut open) = (Spans::default(), Open::default());
    let after = |whose: Whose, last: Timestamp| last.saturating_add(idle.tail(whose));
    for Noted { at, what } in noted {
        match *what {
            What::Started { since } => match open.runs {
                None => open.runs = Some((since, None)),
                Some((began, None)) if since.duration_since(began) <= SAME => {}
                Some((began, Some(seen))) if since <= seen => open.runs = Some((began, None)),
                Some((began, seen)) => {
                    spans.ran.push(began..seen.unwrap_or(since));
                    open.runs = Some((since, None));
                }
            },
            What::Ended { forced } => {
                if let Some((began, seen)) = open.runs.take() {
                    spans.ran.push(began..seen.unwrap_or(*at));
                }
                spans.forced = forced;
            }
            What::Unseen { from } => {
                if let Some((_, seen)) = &mut open.runs {
                    seen.get_or_insert(from);
                }
                for whose in [Whose::People, Whose::Own] {
                    close(&mut spans, &mut open, whose, from);
                }
            }
            What::Began { whose, request } => {
                open.of(whose).get_or_insert((*at, request));
            }
            What::Over { whose, last } => {
                let until = after(whose, last).ok().unwrap_or(Timestamp::MAX).min(now);
                close(&mut spans, &mut open, whose, until);
            }
        }
    }
    if let Some((began, seen)) = open.runs {
        spans.ran.push(began..seen.unwrap_or(now));
    }
    for whose in [Whose::People, Whose::Own] {
        close(&mut spans, &mut open, whose, now);
    }
    spans
}

fn close(spans: &mut Spans, open: &mut Open, whose: Whose, until: Timestamp) {
    let Some((began, request)) = open.of(whose).take() else {
        return;
    };
    let span = began..until.max(began);
    match whose {
        Whose::People => spans.people.push(Need { span, request }),
        Whose::Own => spans.own.push(span),
    }
}

/// The same time without overlaps, in order.
fn merged(spans: &[Span]) -> Vec<Span> {
    let mut spans = spans.to_vec();
    spans.sort_by_key(|span| span.start);
    let mut merged: Vec<Span> = Vec::new();
    for span in spans {
        match merged.last_mut() {
            Some(last) if span.start <= last.end => last.end = last.end.max(span.end),
            _ => merged.push(span),
        }
    }
    merged
}

/// What lies in both.
fn shared(one: &[Span], two: &[Span]) -> Vec<Span> {
    let pairs = one
        .iter()
        .flat_map(|one| two.iter().map(move |two| (one, two)));
    pairs
        .map(|(one, two)| one.start.max(two.start)..one.end.min(two.end))
        .filter(|span| span.start < span.end)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use avouch_statement::{Length, Unit};

    const IDLE: Idle = Idle {
        after: Length::new(10, Unit::Minute),
        share: 20,
    };

    /// So many minutes after noon.
    fn minute(minutes: i64) -> Timestamp {
        let noon: Timestamp = "2026-01-05T12:00:00Z".parse().unwrap();
        noon + SignedDuration::from_mins(minutes)
    }

    fn noted(at: i64, what: What) -> Noted {
        Noted {
            at: minute(at),
            what,
        }
    }

    fn started(at: i64) -> Noted {
        let since = minute(at);
        noted(at, What::Started { since })
    }

    fn ended(at: i64) -> Noted {
        noted(at, What::Ended { forced: false })
    }

    fn began(at: i64) -> Noted {
        let (whose, request) = (Whose::People, true);
        noted(at, What::Began { whose, request })
    }

    fn over(at: i64, last: i64) -> Noted {
        let (whose, last) = (Whose::People, minute(last));
        noted(at, What::Over { whose, last })
    }

    /// Minutes run, for people, and idle, from noon until one o'clock.
    #[track_caller]
    fn check(noted: &[Noted], ran: i64, people: i64, idle: i64) {
        let hours = reckon(noted, &IDLE, minute(60)).hours(&(minute(0)..minute(60)));
        let minutes = [hours.ran, hours.people, hours.idle()].map(|part| part.as_mins());
        assert_eq!(minutes, [ran, people, idle], "{hours:?}");
    }

    #[test]
    fn what_somebody_needs_ends_a_while_after_the_last_use_and_what_runs_beyond_is_idle() {
        check(&[], 0, 0, 0);
        check(&[started(0), ended(5)], 5, 0, 5);
        check(&[started(0), began(0), over(20, 10), ended(20)], 20, 20, 0);
        check(&[started(0), began(0), over(20, 10), ended(30)], 30, 20, 10);
        check(&[started(0), began(5)], 60, 55, 5);
        // Needed, and did not run: it is not idle.
        check(&[began(0), over(20, 10)], 0, 0, 0);
    }

    #[test]
    fn the_services_own_work_is_counted_only_where_nobody_else_needs_it() {
        let own = |at: i64, what: fn(Timestamp) -> What| noted(at, what(minute(at)));
        let all = [
            started(0),
            began(0),
            own(5, |_| What::Began {
                whose: Whose::Own,
                request: true,
            }),
            over(30, 10),
            own(30, |last| What::Over {
                whose: Whose::Own,
                last,
            }),
        ];
        let hours = reckon(&all, &IDLE, minute(60)).hours(&(minute(0)..minute(60)));
        assert_eq!(hours.people.as_mins(), 20);
        assert_eq!(hours.own, SignedDuration::new(10 * 60 + 20, 0));
        assert!((hours.idle_share() - 49.44).abs() < 0.01, "{hours:?}");
    }

    #[test]
    fn a_stop_of_the_service_ends_what_ran_where_it_was_seen_last() {
        let unseen = |at, from| {
            let from = minute(from);
            noted(at, What::Unseen { from })
        };
        // The service was away, and the application with it.
        check(
            &[started(0), began(0), unseen(40, 10), started(40), ended(50)],
            20,
            10,
            10,
        );
        // The core alone was away: the application went on.
        let same = noted(40, What::Started { since: minute(0) });
        check(&[started(0), unseen(40, 39), same, ended(50)], 50, 0, 50);
        // Nobody saw whether it goes on.
        check(&[started(0), unseen(40, 10)], 10, 0, 10);
    }

    #[test]
    fn a_start_that_follows_no_end_is_another_process_and_the_same_start_told_twice_is_one() {
        let since = minute(0);
        let again = noted(1, What::Started { since });
        check(&[started(0), again, ended(10)], 10, 0, 10);
        check(&[started(0), started(20), ended(30)], 30, 0, 30);
    }

    #[test]
    fn how_it_ended_last_is_what_counts() {
        let forced = noted(5, What::Ended { forced: true });
        let spans = |noted: &[Noted]| reckon(noted, &IDLE, minute(60));
        assert!(spans(&[started(0), forced]).forced);
        assert!(!spans(&[started(0), forced, started(6), ended(9)]).forced);
    }
}
