//! What reviews found, and who looked at it. That somebody did is what the ledger says, and nothing else.

use std::collections::HashMap;

use avouch_audit::checks::KeptReviews;
use avouch_audit::review::Found;
use avouch_events::{Action, Event};
use avouch_keyring::KeyId;
use avouch_statement::TenantId;
use avouch_store::timestamp;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{FINDINGS, OBJECT, bound_to};
use crate::core::state::Core;
use crate::fail::Fail;

/// What the ledger calls it when somebody looks at a finding.
const LOOKED: &str = "unusual access looked at";
const NUMBER: &str = "finding";
const ANSWER: &str = "answer";
const BECAUSE: &str = "because";

/// What somebody made of a finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Looked {
    /// There was a good reason.
    Explained,
    /// It is taken further.
    FollowUp,
}

/// A finding of a review.
pub struct Kept {
    pub number: u64,
    pub made: Timestamp,
    pub found: Found,
    pub answer: Option<Answer>,
}

/// Who looked at a finding, and what they made of it.
pub struct Answer {
    pub at: Timestamp,
    /// Their address.
    pub who: String,
    pub looked: Looked,
    /// Why.
    pub because: String,
}

/// A row of the store: number, the review's time, when it was made, the finding, the entry of whoever looked.
type Row = (i64, i64, i64, Vec<u8>, Option<i64>);

impl Core {
    /// What was found of a tenant's people, newest first.
    ///
    /// # Errors
    /// If the store cannot be read. What cannot be opened is left out; the check sees that it is.
    pub async fn unusual_found(&self, tenant: &TenantId) -> Result<Vec<Kept>, Fail> {
        let rows = self.finding_rows(tenant).await?;
        Ok(rows
            .into_iter()
            .filter_map(|row| self.finding(tenant, row))
            .collect())
    }

    /// The same for a program, without whose records they were.
    ///
    /// # Errors
    /// If there is no such tenant, or as [`Core::unusual_found`].
    pub async fn unusual_rows(&self, tenant: &str) -> Result<Value, Fail> {
        let id = tenant.parse().ok();
        let known = id.and_then(|id| self.tenants.get(&id)).ok_or_else(|| {
            Fail::new(format!("there is no tenant `{tenant}`"))
                .help("`avouch tenant list` shows them")
        })?;
        let within = self.statement.audit.review.as_ref();
        let within = within.map(|review| review.looked_at_within.duration());
        let found = self.unusual_found(&known.id).await?;
        let rows = found.iter().map(|kept| {
            let answer = kept.answer.as_ref();
            json!({
                "number": kept.number, "what": kept.found.rule.words(), "rule": kept.found.rule, "who": kept.found.name,
                "records": kept.found.subjects.len(), "entries": kept.found.entries, "first": kept.found.first,
                "last": kept.found.last, "due": within.map(|within| kept.made + within),
                "looked-at-by": answer.map(|answer| &answer.who), "answer": answer.map(|answer| answer.looked),
                "because": answer.map(|answer| &answer.because),
            })
        });
        Ok(rows.collect())
    }

    /// The event that says what somebody made of a finding.
    pub fn looked_event(event: Event, number: u64, looked: Looked, because: &str) -> Event {
        Event {
            object: LOOKED.to_owned(),
            action: Action::Administration,
            ..event
        }
        .with(NUMBER, number.to_string())
        .with(ANSWER, looked.word())
        .with(BECAUSE, because)
    }

    /// Keeps that this entry says what somebody made of a finding, unless an earlier one does; whether it is kept.
    ///
    /// # Errors
    /// If the store does not take it.
    pub async fn keep_answer(&self, number: u64, entry: u64) -> Result<bool, Fail> {
        let unkept = |error: sqlx::Error| Fail::new("the answer cannot be kept").from(error);
        let mut work = self.store.write().await.map_err(unkept)?;
        let kept = sqlx::query(
            "update review_finding set answered = $2 where number = $1 and answered is null",
        )
        .bind(number_of(number))
        .bind(number_of(entry))
        .execute(&mut *work)
        .await
        .map_err(unkept)?;
        work.commit().await.map_err(unkept)?;
        Ok(kept.rows_affected() == 1)
    }

    /// What is kept of a tenant's reviews, for their check.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub async fn reviews_kept(&self, tenant: &TenantId) -> Result<KeptReviews, Fail> {
        let unread = || Fail::new("the reviews cannot be read");
        let since: Option<i64> = sqlx::query_scalar("select created from tenant where id = $1")
            .bind(tenant.as_str())
            .fetch_optional(self.store.readers())
            .await
            .map_err(|error| unread().from(error))?;
        let reviews: Vec<(i64, i64, i64)> = sqlx::query_as(
            "select until, since, entry from review where tenant = $1 order by until",
        )
        .bind(tenant.as_str())
        .fetch_all(self.store.readers())
        .await
        .map_err(|error| unread().from(error))?;
        let mut kept: HashMap<i64, u64> = HashMap::new();
        let mut waiting = Vec::new();
        for row in self.finding_rows(tenant).await? {
            let (until, made) = (row.1, row.2);
            let Some(finding) = self.finding(tenant, row) else {
                continue;
            };
            *kept.entry(until).or_default() += 1;
            if finding.answer.is_none() {
                waiting.push(timestamp(made).map_err(|error| unread().from(error))?);
            }
        }
        waiting.sort();
        let at = |micros: i64| timestamp(micros).map_err(|error| unread().from(error));
        let (mut gap, mut unlike, mut before) = (None, None, None);
        for (until, since, entry) in reviews {
            if gap.is_none() && before.is_some_and(|before| before != since) {
                gap = Some(at(until)?);
            }
            let found = kept.remove(&until).unwrap_or(0);
            if unlike.is_none() && self.told(tenant, at(until)?, entry) != Some(found) {
                unlike = Some(at(until)?);
            }
            before = Some(until);
        }
        // What is left belongs to no review.
        let stray = kept.into_keys().min();
        Ok(KeptReviews {
            since: since.map(at).transpose()?,
            until: before.map(at).transpose()?,
            gap,
            unlike: unlike.or(stray.map(at).transpose()?),
            waiting,
            doubt: self.steady.doubt(self.now()),
        })
    }

    /// How many findings the ledger says that the review up to then made.
    fn told(&self, tenant: &TenantId, until: Timestamp, entry: i64) -> Option<u64> {
        let event = self.event_at(entry)?;
        let said = |name: &str| event.parameters.get(name);
        let of_it = event.action == Action::System
            && event.object == OBJECT
            && event.tenant.as_ref() == Some(tenant)
            && said("until") == Some(&until.to_string());
        said(FINDINGS).filter(|_| of_it)?.parse().ok()
    }

    fn event_at(&self, entry: i64) -> Option<Event> {
        let stored = self.reader.read(u64::try_from(entry).ok()?).ok()?;
        self.opener.event(&stored).ok()
    }

    async fn finding_rows(&self, tenant: &TenantId) -> Result<Vec<Row>, Fail> {
        sqlx::query_as(
            "select number, until, made, sealed, answered from review_finding where tenant = $1 order by number desc",
        )
        .bind(tenant.as_str())
        .fetch_all(self.store.readers())
        .await
        .map_err(|error| Fail::new("what the reviews found cannot be read").from(error))
    }

    fn finding(&self, tenant: &TenantId, row: Row) -> Option<Kept> {
        let (number, until, made, sealed, answered) = row;
        let number = u64::try_from(number).ok()?;
        let owner = KeyId::Tenant(tenant.clone());
        let aad = bound_to(timestamp(until).ok()?);
        let text = self.keyring.open_sealed(&owner, &aad, &sealed).ok()?;
        Some(Kept {
            number,
            made: timestamp(made).ok()?,
            found: serde_json::from_slice(&text).ok()?,
            answer: answered.and_then(|entry| self.answer(tenant, number, entry)),
        })
    }

    /// What an entry says that somebody made of a finding, if it does.
    fn answer(&self, tenant: &TenantId, number: u64, entry: i64) -> Option<Answer> {
        let mut event = self.event_at(entry)?;
        let of_it = event.action == Action::Administration
            && event.object == LOOKED
            && event.tenant.as_ref() == Some(tenant)
            && event.parameters.get(NUMBER) == Some(&number.to_string());
        let looked = event.parameters.get(ANSWER).filter(|_| of_it)?;
        let looked = Looked::ALL.into_iter().find(|it| it.word() == looked)?;
        Some(Answer {
            at: event.at,
            who: event.who.name,
            looked,
            because: event.parameters.remove(BECAUSE).unwrap_or_default(),
        })
    }
}

impl Looked {
    const ALL: [Self; 2] = [Self::Explained, Self::FollowUp];

    const fn word(self) -> &'static str {
        match self {
            Self::Explained => "explained",
            Self::FollowUp => "follow-up",
        }
    }
}

fn number_of(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
