//! Which letters are to be written: one of each beginning and one of each end, oldest first. Pure.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};

use crate::book::{About, Incident};

/// What was told longer ago is no news, and no letter is written of it any more.
const NEWS: SignedDuration = SignedDuration::from_hours(24);

/// A letter: of which incident, and whether of its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct LetterId {
    /// The incident.
    pub number: u64,
    /// Whether it tells that it is over.
    pub over: bool,
}

/// A letter that somebody is to get.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wanted<'a> {
    /// Which.
    pub id: LetterId,
    /// When people were told.
    pub told: Timestamp,
    /// Of what.
    pub incident: &'a Incident,
}

/// How it stands with a letter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stands {
    /// The relay has taken it.
    Taken,
    /// It waits.
    Waits,
    /// It waited for a day, and was given up then.
    GivenUp(Timestamp),
}

/// What became of the letters.
#[derive(Debug, Default)]
pub struct Letters {
    since: Timestamp,
    taken: BTreeSet<LetterId>,
    given_up: BTreeMap<LetterId, Timestamp>,
    /// Those that the relay refused, and when each is tried again.
    refused: BTreeMap<LetterId, Timestamp>,
}

impl Letters {
    /// Letters of what was told from `since` on, with what became of them so far.
    #[must_use]
    pub fn new(
        since: Timestamp,
        taken: impl IntoIterator<Item = LetterId>,
        given_up: impl IntoIterator<Item = (LetterId, Timestamp)>,
    ) -> Self {
        Self {
            since,
            taken: taken.into_iter().collect(),
            given_up: given_up.into_iter().collect(),
            refused: BTreeMap::new(),
        }
    }

    /// What is to be handed over now.
    pub fn due<'a>(&self, incidents: &'a [Incident], now: Timestamp) -> Vec<Wanted<'a>> {
        let mut due = self.waiting(incidents);
        let later = |wanted: &Wanted<'_>| self.refused.get(&wanted.id).is_some_and(|at| now < *at);
        due.retain(|wanted| !is_late(wanted, now) && !later(wanted));
        due
    }

    /// What waited for so long that it is given up.
    pub fn late<'a>(&self, incidents: &'a [Incident], now: Timestamp) -> Vec<Wanted<'a>> {
        let mut late = self.waiting(incidents);
        late.retain(|wanted| is_late(wanted, now));
        late
    }

    /// What the relay has not taken, and nobody has given up.
    pub fn waiting<'a>(&self, incidents: &'a [Incident]) -> Vec<Wanted<'a>> {
        let all = incidents.iter().flat_map(|incident| self.of(incident));
        let waits = all.filter(|(_, stands)| *stands == Stands::Waits);
        let mut waiting: Vec<Wanted<'a>> = waits.map(|(wanted, _)| wanted).collect();
        waiting.sort_by_key(|wanted| (wanted.told, wanted.id));
        waiting
    }

    /// The letters of one incident, and how it stands with each.
    pub fn of<'a>(&self, incident: &'a Incident) -> Vec<(Wanted<'a>, Stands)> {
        let told = [(false, Some(incident.told)), (true, incident.ended)];
        let written = !matches!(incident.about, About::Rehearsal(_));
        let wanted = told.into_iter().filter_map(|(over, told)| {
            let told = told.filter(|told| written && *told >= self.since)?;
            let number = incident.number;
            let id = LetterId { number, over };
            let wanted = Wanted { id, told, incident };
            Some((wanted, self.stands(id)))
        });
        wanted.collect()
    }

    fn stands(&self, id: LetterId) -> Stands {
        match self.given_up.get(&id) {
            _ if self.taken.contains(&id) => Stands::Taken,
            Some(at) => Stands::GivenUp(*at),
            None => Stands::Waits,
        }
    }

    /// The relay has taken it.
    pub fn take(&mut self, id: LetterId) {
        self.refused.remove(&id);
        self.taken.insert(id);
    }

    /// The relay refused it; whether that was for the first time.
    pub fn refuse(&mut self, id: LetterId, again: Timestamp) -> bool {
        self.refused.insert(id, again).is_none()
    }

    /// It is given up.
    pub fn give_up(&mut self, id: LetterId, now: Timestamp) {
        self.refused.remove(&id);
        self.given_up.insert(id, now);
    }

    /// When one was given up last.
    #[must_use]
    pub fn last_given_up(&self) -> Option<Timestamp> {
        self.given_up.values().max().copied()
    }

    /// The incident is kept no longer.
    pub fn forget(&mut self, gone: &[u64]) {
        self.taken.retain(|id| !gone.contains(&id.number));
        self.given_up.retain(|id, _| !gone.contains(&id.number));
        self.refused.retain(|id, _| !gone.contains(&id.number));
    }
}

fn is_late(wanted: &Wanted<'_>, now: Timestamp) -> bool {
    now.duration_since(wanted.told) >= NEWS
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: i64 = 86_400;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn incident(number: u64, told: i64, ended: Option<i64>) -> Incident {
        Incident {
            number,
            about: About::Everybody,
            seen: true,
            title: "slow".to_owned(),
            began: at(told),
            told: at(told),
            ended: ended.map(at),
            updates: Vec::new(),
        }
    }

    fn ids(wanted: &[Wanted<'_>]) -> Vec<(u64, bool)> {
        let id = |wanted: &Wanted<'_>| (wanted.id.number, wanted.id.over);
        wanted.iter().map(id).collect()
    }

    #[test]
    fn each_beginning_and_each_end_has_a_letter_though_it_ended_before_the_first_was_taken() {
        let mut letters = Letters::new(at(50), [], []);
        let incidents = [
            incident(3, 200, None),
            incident(2, 100, Some(300)),
            incident(1, 10, Some(60)),
        ];
        let all = [(1, true), (2, false), (3, false), (2, true)];
        assert_eq!(ids(&letters.due(&incidents, at(400))), all);
        letters.take(LetterId {
            number: 2,
            over: false,
        });
        let left = [(1, true), (3, false), (2, true)];
        assert_eq!(ids(&letters.due(&incidents, at(400))), left);
        letters.forget(&[2]);
        assert_eq!(ids(&letters.due(&incidents, at(400))), all);
    }

    #[test]
    fn what_was_refused_is_tried_again_later_and_keeps_nothing_else_waiting() {
        let mut letters = Letters::new(at(0), [], []);
        let incidents = [incident(1, 10, None), incident(2, 20, None)];
        let first = LetterId {
            number: 1,
            over: false,
        };
        assert!(letters.refuse(first, at(600)));
        assert_eq!(ids(&letters.due(&incidents, at(599))), [(2, false)]);
        assert_eq!(ids(&letters.waiting(&incidents)), [(1, false), (2, false)]);
        assert_eq!(
            ids(&letters.due(&incidents, at(600))),
            [(1, false), (2, false)]
        );
        assert!(!letters.refuse(first, at(1_200)), "it is told once");
    }

    #[test]
    fn what_waited_for_a_day_is_given_up_once_and_that_is_known() {
        let mut letters = Letters::new(at(0), [], []);
        let incidents = [incident(1, 10, None)];
        let (before, after) = (at(9 + DAY), at(10 + DAY));
        assert_eq!(ids(&letters.due(&incidents, before)), [(1, false)]);
        assert_eq!(ids(&letters.late(&incidents, before)), []);
        assert_eq!(ids(&letters.due(&incidents, after)), []);
        let late = letters.late(&incidents, after);
        assert_eq!(ids(&late), [(1, false)]);
        letters.give_up(late[0].id, after);
        assert_eq!(ids(&letters.late(&incidents, after)), []);
        assert_eq!(letters.of(&incidents[0])[0].1, Stands::GivenUp(after));
        assert_eq!(letters.last_given_up(), Some(after));
    }

    #[test]
    fn nobody_is_written_to_of_what_a_check_made_up() {
        let rehearsal = Incident {
            about: About::Rehearsal("riverside".parse().unwrap()),
            ..incident(1, 10, None)
        };
        assert_eq!(Letters::default().of(&rehearsal), []);
    }
}
