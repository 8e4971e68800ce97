//! Reviews of access to records: each day at the stated time, for each tenant, over what happened since the last.

mod found;
mod openings;

use std::sync::Arc;
use std::time::Duration;

use avouch_audit::review::{Found, Review};
use avouch_events::{Action, Actor, Event, Outcome};
use avouch_keyring::KeyId;
use avouch_statement::TenantId;
use avouch_store::{micros, timestamp};
use jiff::{SignedDuration, Timestamp};

pub use found::{Kept, Looked};
pub use openings::Whose;

use super::state::Core;
use crate::fail::Fail;

/// How often it is looked whether one is due.
const EVERY: Duration = Duration::from_secs(60);
/// A review is made so long after its time, when what happened last before it is surely in the trail.
const SETTLED: SignedDuration = SignedDuration::from_secs(30);
/// The first review of a tenant looks back so far.
const FIRST: SignedDuration = SignedDuration::from_hours(24);

/// What the ledger calls a review.
pub(super) const OBJECT: &str = "review of access to records";
/// The parameter that says how many findings one made.
pub(super) const FINDINGS: &str = "findings";

/// This part of the schema, and its name. `entry` is a review's entry in the ledger; `answered` that of whoever looked.
pub const SCHEMA: (&str, &str) = (
    "review",
    "create table review (
    tenant text not null,
    until integer not null,
    since integer not null,
    made integer not null,
    entry integer not null,
    primary key (tenant, until)
) strict;
create table review_finding (
    number integer primary key autoincrement,
    tenant text not null,
    until integer not null,
    made integer not null,
    sealed blob not null,
    answered integer
) strict;
create index review_finding_of on review_finding (tenant, until);",
);

/// Makes what is due, once now and then again and again.
pub async fn keep_running(core: &Arc<Core>) {
    let Some(review) = core.statement.audit.review.clone() else {
        return;
    };
    core.make_due_reviews(&review).await;
    let core = core.clone();
    tokio::spawn(async move {
        loop {
            tokio::select! {
                () = tokio::time::sleep(pause(&review, core.now())) => core.make_due_reviews(&review).await,
                () = core.shutdown.cancelled() => return,
            }
        }
    });
}

/// How long until it is looked again whether one is due: when what happened before the stated time has settled, too.
fn pause(review: &Review, now: Timestamp) -> Duration {
    let settled = now - SETTLED;
    let next = review
        .at
        .due_after(settled)
        .map(|(_, slot)| slot.duration_since(settled));
    let next = next.and_then(|next| Duration::try_from(next).ok());
    next.map_or(EVERY, |next| next.min(EVERY))
}

impl Core {
    /// Makes every review that is due. What fails is tried again later.
    async fn make_due_reviews(&self, review: &Review) {
        let now = self.now();
        let Some((_, due)) = review.at.due_before(now - SETTLED) else {
            return;
        };
        if self.steady.doubt(now).is_some() {
            return;
        }
        for tenant in self.tenants.ids() {
            if let Err(fail) = self.make_review(review, &tenant, due).await {
                tracing::warn!(%tenant, %fail, "a review of access that is due was not made");
            }
        }
    }

    /// Reviews what happened up to `until`, unless that was done.
    async fn make_review(
        &self,
        review: &Review,
        tenant: &TenantId,
        until: Timestamp,
    ) -> Result<(), Fail> {
        let unkept = |error: sqlx::Error| Fail::new("the review cannot be kept").from(error);
        let last: Option<i64> =
            sqlx::query_scalar("select max(until) from review where tenant = $1")
                .bind(tenant.as_str())
                .fetch_one(self.store.readers())
                .await
                .map_err(unkept)?;
        let last = last.map(timestamp).transpose();
        let last = last.map_err(|error| Fail::new("the last review cannot be read").from(error))?;
        let since = last.unwrap_or(until - FIRST);
        if since >= until {
            return Ok(());
        }
        let found = self
            .unusual(review, tenant, since..until, Whose::People)
            .await?;
        let event = Event::new(
            self.now(),
            Actor::platform(),
            Action::System,
            OBJECT,
            Outcome::Done,
        )
        .of(Some(tenant))
        .because("made at the stated time")
        .with("from", since.to_string())
        .with("until", until.to_string())
        .with(FINDINGS, found.len().to_string());
        let recorded = self
            .record(event)
            .await
            .map_err(|error| Fail::new("the review cannot be recorded").from(error))?;
        let made = micros(self.now());
        let mut work = self.store.write().await.map_err(unkept)?;
        sqlx::query(
            "insert into review (tenant, until, since, made, entry) values ($1, $2, $3, $4, $5)",
        )
        .bind(tenant.as_str())
        .bind(micros(until))
        .bind(micros(since))
        .bind(made)
        .bind(i64::try_from(recorded.index).unwrap_or(i64::MAX))
        .execute(&mut *work)
        .await
        .map_err(unkept)?;
        for found in &found {
            sqlx::query(
                "insert into review_finding (tenant, until, made, sealed) values ($1, $2, $3, $4)",
            )
            .bind(tenant.as_str())
            .bind(micros(until))
            .bind(made)
            .bind(self.sealed(tenant, until, found)?)
            .execute(&mut *work)
            .await
            .map_err(unkept)?;
        }
        work.commit().await.map_err(unkept)
    }

    fn sealed(&self, tenant: &TenantId, until: Timestamp, found: &Found) -> Result<Vec<u8>, Fail> {
        let unsealed = || Fail::new("a finding of the review cannot be sealed");
        let text = serde_json::to_vec(found).map_err(|error| unsealed().from(error))?;
        self.keyring
            .seal(&KeyId::Tenant(tenant.clone()), &bound_to(until), &text)
            .map_err(|error| unsealed().from(error))
    }

    /// Takes away the reviews of an erased tenant, and what was said of its people's records.
    ///
    /// # Errors
    /// If the store does not take it.
    pub async fn erase_reviews(&self, tenant: &TenantId) -> Result<(), sqlx::Error> {
        self.ties.erase(&self.store, tenant).await?;
        let mut work = self.store.write().await?;
        for table in [
            "delete from review where tenant = $1",
            "delete from review_finding where tenant = $1",
        ] {
            sqlx::query(table)
                .bind(tenant.as_str())
                .execute(&mut *work)
                .await?;
        }
        work.commit().await
    }
}

/// What a finding is sealed for, so that it stands for no other review's.
fn bound_to(until: Timestamp) -> Vec<u8> {
    format!("review\n{}", micros(until)).into_bytes()
}
