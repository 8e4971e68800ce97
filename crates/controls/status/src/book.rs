//! What is wrong, and what was: opened, updated, ended, forgotten. Pure.

use std::collections::BTreeMap;

use avouch_statement::TenantId;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// Something that is wrong, or was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Incident {
    /// Its number.
    pub number: u64,
    /// For whom.
    pub about: About,
    /// Whether the platform saw it by itself, and will see its end.
    pub seen: bool,
    /// What is wrong, in a few words.
    pub title: String,
    /// Since when.
    pub began: Timestamp,
    /// When it was first told.
    pub told: Timestamp,
    /// Until when.
    pub ended: Option<Timestamp>,
    /// What was said of it since, oldest first.
    pub updates: Vec<Update>,
}

/// For whom something is wrong.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum About {
    /// For everybody.
    Everybody,
    /// For one tenant.
    Tenant(TenantId),
    /// For nobody: a check's rehearsal, as if it were this tenant's. It is not kept.
    Rehearsal(TenantId),
}

/// Something that was said of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Update {
    /// When.
    pub at: Timestamp,
    /// What.
    pub text: String,
}

impl About {
    /// The tenant whom it concerns.
    #[must_use]
    pub fn tenant(&self) -> Option<&TenantId> {
        match self {
            Self::Everybody => None,
            Self::Tenant(tenant) | Self::Rehearsal(tenant) => Some(tenant),
        }
    }
}

/// All incidents that are kept, by number.
#[derive(Debug, Default)]
pub struct Book {
    incidents: BTreeMap<u64, Incident>,
    last: u64,
}

impl Book {
    /// A book of what was kept; numbers go on after `last`.
    #[must_use]
    pub fn new(kept: Vec<Incident>, last: u64) -> Self {
        let incidents: BTreeMap<u64, Incident> = kept
            .into_iter()
            .map(|incident| (incident.number, incident))
            .collect();
        let last = incidents.keys().next_back().copied().unwrap_or(0).max(last);
        Self { incidents, last }
    }

    /// The last number that was given.
    #[must_use]
    pub fn last(&self) -> u64 {
        self.last
    }

    /// A number that no incident had.
    pub fn number(&mut self) -> u64 {
        self.last += 1;
        self.last
    }

    /// Puts one in, or its newer form in its place.
    pub fn put(&mut self, incident: Incident) {
        self.incidents.insert(incident.number, incident);
    }

    /// One of them.
    #[must_use]
    pub fn get(&self, number: u64) -> Option<&Incident> {
        self.incidents.get(&number)
    }

    /// Adds what is said of one that has not ended, and ends it if `ends`; its newer form.
    pub fn say(&mut self, number: u64, text: &str, now: Timestamp, then: Then) -> Option<Incident> {
        let incident = self.incidents.get_mut(&number)?;
        if incident.ended.is_some() {
            return None;
        }
        if !text.is_empty() {
            incident.updates.push(Update {
                at: now,
                text: text.to_owned(),
            });
        }
        if then == Then::Over {
            incident.ended = Some(now.max(incident.began));
        }
        Some(incident.clone())
    }

    /// The newest first: those that last before those that are over.
    pub fn all(&self) -> impl Iterator<Item = &Incident> {
        let newest = || self.incidents.values().rev();
        let lasting = newest().filter(|incident| incident.ended.is_none());
        lasting.chain(newest().filter(|incident| incident.ended.is_some()))
    }

    /// Takes out what this holds of; their numbers.
    pub fn forget(&mut self, holds: impl Fn(&Incident) -> bool) -> Vec<u64> {
        let gone = self.incidents.values().filter(|incident| holds(incident));
        let gone: Vec<u64> = gone.map(|incident| incident.number).collect();
        self.incidents.retain(|number, _| !gone.contains(number));
        gone
    }
}

/// Whether an incident goes on after what was said of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Then {
    /// It lasts.
    Lasts,
    /// It is over.
    Over,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + seconds).unwrap()
    }

    fn incident(number: u64) -> Incident {
        Incident {
            number,
            about: About::Everybody,
            seen: true,
            title: "slow".to_owned(),
            began: at(0),
            told: at(3),
            ended: None,
            updates: Vec::new(),
        }
    }

    #[test]
    fn one_is_updated_until_it_ends_and_never_after() {
        let mut book = Book::new(vec![incident(4)], 0);
        assert_eq!(book.number(), 5);
        let said = book.say(4, "found it", at(10), Then::Lasts).unwrap();
        assert_eq!((said.updates.len(), said.ended), (1, None));
        let over = book.say(4, "", at(20), Then::Over).unwrap();
        assert_eq!((over.updates.len(), over.ended), (1, Some(at(20))));
        assert_eq!(book.say(4, "again", at(30), Then::Lasts), None);
        assert_eq!(book.say(9, "unknown", at(30), Then::Lasts), None);
    }

    #[test]
    fn what_lasts_stands_before_what_is_over_and_a_number_is_never_given_twice() {
        let mut book = Book::new(vec![incident(1), incident(2), incident(3)], 8);
        book.say(3, "", at(5), Then::Over).unwrap();
        let order: Vec<u64> = book.all().map(|incident| incident.number).collect();
        assert_eq!(order, [2, 1, 3]);
        assert_eq!(book.forget(|incident| incident.ended.is_some()), [3]);
        assert_eq!(book.number(), 9);
    }
}
