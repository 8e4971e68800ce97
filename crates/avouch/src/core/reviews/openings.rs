//! Who opened whose record, read from the trail, and what is unusual about it.

use std::collections::{HashMap, HashSet};
use std::ops::Range;

use avouch_audit::review::{Found, Known, Opening, Review, unusual};
use avouch_events::{Action, Event, Outcome, Query, Role};
use avouch_statement::TenantId;
use jiff::{SignedDuration, Timestamp};

use crate::core::reading::{PAGE, whole};
use crate::core::state::Core;
use crate::fail::Fail;

/// What is reviewed: opening a record, changing one, and reading evidence about somebody.
const ACCESS: [Action; 4] = [
    Action::RecordOpened,
    Action::RecordChanged,
    Action::Search,
    Action::Export,
];

/// Whose access is reviewed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Whose {
    /// Real people's.
    People,
    /// That of the people who exist for checks.
    Checks,
}

impl Core {
    /// What the stated rules find in this stretch of a tenant's trail.
    ///
    /// # Errors
    /// If the trail cannot be read, or its index lags behind: a review that leaves something out is none.
    pub async fn unusual(
        &self,
        review: &Review,
        tenant: &TenantId,
        stretch: Range<Timestamp>,
        whose: Whose,
    ) -> Result<Vec<Found>, Fail> {
        let within = review.rules.many.map(|many| many.within.duration());
        let before = stretch.start - within.unwrap_or(SignedDuration::ZERO);
        let mut openings = Vec::new();
        for action in ACCESS {
            let query = Query {
                action: Some(action.to_string()),
                from: Some(before),
                until: Some(stretch.end),
                ..of(tenant)
            };
            openings.extend(self.openings(query, whose).await?);
        }
        openings.sort_by_key(|opening| (opening.at, opening.entry));
        let alone = match review.rules.unit {
            None => HashSet::new(),
            Some(within) => {
                let since = stretch.end - within.duration();
                let stretch = since.min(stretch.start)..stretch.end;
                self.alone(&openings, tenant, &stretch, whose).await?
            }
        };
        let known = Known {
            ties: &|opening| self.ties.of(tenant, &opening.who, &opening.subject),
            alone: &|opening| {
                alone.contains(&(
                    opening.who.clone(),
                    opening.unit.clone(),
                    opening.subject.clone(),
                ))
            },
            zone: review.at.zone(),
        };
        Ok(unusual(&openings, stretch.start, &review.rules, &known))
    }

    /// The readers, with their units and the people, whose record nobody else of the unit opened.
    async fn alone(
        &self,
        openings: &[Opening],
        tenant: &TenantId,
        stretch: &Range<Timestamp>,
        whose: Whose,
    ) -> Result<HashSet<(String, String, String)>, Fail> {
        let mut readers: HashMap<(&str, &str), HashSet<&str>> = HashMap::new();
        for opening in openings.iter().filter(|opening| !opening.unit.is_empty()) {
            let of = (opening.unit.as_str(), opening.subject.as_str());
            readers.entry(of).or_default().insert(&opening.who);
        }
        let mut alone = HashSet::new();
        for ((unit, subject), known) in readers {
            let mut known = known.into_iter();
            let (Some(who), None) = (known.next(), known.next()) else {
                continue;
            };
            let query = Query {
                subject: Some(subject.to_owned()),
                locality: Some(unit.to_owned()),
                from: Some(stretch.start),
                until: Some(stretch.end),
                ..of(tenant)
            };
            let others = self.openings(query, whose).await?;
            if others.iter().all(|other| other.who == who) {
                alone.insert((who.to_owned(), unit.to_owned(), subject.to_owned()));
            }
        }
        Ok(alone)
    }

    /// Every opening that the trail has in answer to a question.
    async fn openings(&self, mut query: Query, whose: Whose) -> Result<Vec<Opening>, Fail> {
        query.without_checks = whose == Whose::People;
        let (mut openings, mut ended) = (Vec::new(), HashSet::new());
        loop {
            let page = whole(self, &query).await?;
            for row in page.rows {
                let checks = row.event.who.role == Role::Synthetic;
                if checks != (whose == Whose::Checks) || !ACCESS.contains(&row.event.action) {
                    continue;
                }
                // Newest first: an outcome comes before its intent, which is the same opening.
                let fresh = ended.insert(row.event.correlation.clone());
                if row.event.outcome != Outcome::Intended || fresh {
                    openings.extend(each(row.index, &row.event));
                }
            }
            query.before = page.next;
            if query.before.is_none() {
                return Ok(openings);
            }
        }
    }
}

fn of(tenant: &TenantId) -> Query {
    Query {
        tenant: Some(Some(tenant.to_string())),
        limit: PAGE,
        ..Query::default()
    }
}

/// An opening for each person that an event is about.
fn each(entry: u64, event: &Event) -> impl Iterator<Item = Opening> + '_ {
    let who = match event.who.id.as_str() {
        "" => &event.who.name,
        _ => &event.who.id,
    };
    event.subjects.iter().map(move |subject| Opening {
        entry,
        at: event.at,
        who: who.clone(),
        name: event.who.name.clone(),
        unit: event.locality.clone(),
        subject: subject.clone(),
    })
}
