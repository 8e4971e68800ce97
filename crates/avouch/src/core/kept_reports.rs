//! Reports that are made when their period is over, and kept for those whom the statement names.

use std::sync::Arc;
use std::time::Duration;

use avouch_events::report::{self, Checks, Definition, Period, Recipient, Report, Wanted};
use avouch_events::{Action, Actor, Event, Outcome};
use avouch_statement::TenantId;
use avouch_store::{micros, timestamp};
use jiff::{SignedDuration, Timestamp};
use sha2::{Digest as _, Sha256};

use super::state::Core;
use crate::fail::{Fail, chain};

/// How often it is looked whether one is due.
const EVERY: Duration = Duration::from_secs(60);
/// A report is made so long after its period, when what happened last in it is surely in the index.
const SETTLED: SignedDuration = SignedDuration::from_secs(30);
/// The index may be so many entries behind, all of them newer than a period that is over.
const BEHIND: u64 = 1_000;

/// This part of the schema, and its name.
pub const SCHEMA: (&str, &str) = (
    "report",
    "create table report_kept (
    report text not null,
    period text not null,
    tenant text not null,
    made integer not null,
    document text not null,
    primary key (report, period, tenant)
) strict;",
);

/// A report that was kept.
pub struct Kept {
    /// The period.
    pub period: String,
    /// Of whose events; `None` for everybody's.
    pub tenant: Option<TenantId>,
    pub made: Timestamp,
    pub report: Report,
}

/// Makes what is due, once now and then again and again.
pub async fn keep_running(core: &Arc<Core>) {
    core.keep_due_reports().await;
    let core = core.clone();
    tokio::spawn(async move {
        loop {
            tokio::select! {
                () = tokio::time::sleep(EVERY) => core.keep_due_reports().await,
                () = core.shutdown.cancelled() => return,
            }
        }
    });
}

impl Core {
    /// Makes and keeps every report that is due and not kept yet. What fails is tried again later.
    async fn keep_due_reports(&self) {
        let now = self.now();
        let settled = now - SETTLED;
        if self.steady.doubt(now).is_some() {
            return;
        }
        for definition in &self.statement.reports {
            let period = Period::of(definition.every, settled).before();
            for tenant in self.kept_for(definition) {
                if let Err(fail) = self.keep_report(definition, period, tenant.as_ref()).await {
                    tracing::warn!(report = %definition.name, %period, %fail, "a report that is due was not kept");
                }
            }
        }
    }

    /// Of whose events a report is kept.
    pub fn kept_for(&self, definition: &Definition) -> Vec<Option<TenantId>> {
        let mut readers = Vec::new();
        for recipient in &definition.to {
            match recipient {
                Recipient::Supplier => readers.push(None),
                Recipient::Administrators => {
                    readers.extend(self.tenants.ids().into_iter().map(Some));
                }
            }
        }
        readers
    }

    async fn keep_report(
        &self,
        definition: &Definition,
        period: Period,
        tenant: Option<&TenantId>,
    ) -> Result<(), Fail> {
        if self
            .report_kept(definition, &period.to_string(), tenant)
            .await?
            .is_some()
        {
            return Ok(());
        }
        let report = self.report_again(definition, period, tenant).await?;
        let unkept = |error: sqlx::Error| Fail::new("the report cannot be kept").from(error);
        let document = serde_json::to_string(&report)
            .map_err(|error| Fail::new("the report cannot be written").from(error))?;
        let to: Vec<&str> = definition.to.iter().map(|to| to.words()).collect();
        let what = format!("report {} of {period}", definition.name);
        let event = Event::new(
            self.now(),
            Actor::platform(),
            Action::System,
            what,
            Outcome::Done,
        )
        .of(tenant)
        .because("made when its period was over, and kept")
        .with("to", to.join(", "))
        .with("sha256", hex::encode(Sha256::digest(report::csv(&report))));
        self.record(event)
            .await
            .map_err(|error| Fail::new("the report cannot be recorded").from(error))?;
        let mut work = self.store.write().await.map_err(unkept)?;
        sqlx::query("insert into report_kept (report, period, tenant, made, document) values ($1, $2, $3, $4, $5)")
            .bind(definition.name.as_str())
            .bind(period.to_string())
            .bind(tenant.map(TenantId::as_str).unwrap_or_default())
            .bind(micros(self.now()))
            .bind(document)
            .execute(&mut *work)
            .await
            .map_err(unkept)?;
        work.commit().await.map_err(unkept)
    }

    /// A report of a period that is over, counted now.
    ///
    /// # Errors
    /// If the index cannot be read, or is so far behind that something may be left out.
    pub async fn report_again(
        &self,
        definition: &Definition,
        period: Period,
        tenant: Option<&TenantId>,
    ) -> Result<Report, Fail> {
        let uncounted = || Fail::new("the report cannot be counted");
        let indexed = self.index.next().await;
        let indexed = indexed.map_err(|error| uncounted().from(error))?;
        if self.reader.size().saturating_sub(indexed) > BEHIND {
            return Err(uncounted().help("the index of the trail is being made anew"));
        }
        let wanted = Wanted {
            definition,
            period,
            tenant,
            checks: Checks::LeftOut,
        };
        report::indexed(&self.index, &wanted, None, self.now())
            .await
            .map_err(|error| uncounted().from(error))
    }

    /// The report of a period as it was kept.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub async fn report_kept(
        &self,
        definition: &Definition,
        period: &str,
        tenant: Option<&TenantId>,
    ) -> Result<Option<Kept>, Fail> {
        let kept = self.reports_kept(definition, tenant).await?;
        Ok(kept.into_iter().find(|kept| kept.period == period))
    }

    /// Every kept report of this kind, of this tenant's events or of everybody's, newest first.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub async fn reports_kept(
        &self,
        definition: &Definition,
        tenant: Option<&TenantId>,
    ) -> Result<Vec<Kept>, Fail> {
        let unread = || Fail::new("the kept reports cannot be read");
        let rows: Vec<(String, i64, String)> = sqlx::query_as(
            "select period, made, document from report_kept where report = $1 and tenant = $2 order by made desc",
        )
        .bind(definition.name.as_str())
        .bind(tenant.map(TenantId::as_str).unwrap_or_default())
        .fetch_all(self.store.readers())
        .await
        .map_err(|error| unread().from(error))?;
        rows.into_iter()
            .map(|(period, made, document)| {
                Ok(Kept {
                    period,
                    tenant: tenant.cloned(),
                    made: timestamp(made).map_err(|error| unread().from(error))?,
                    report: serde_json::from_str(&document)
                        .map_err(|error| Fail::new(chain(&error)))?,
                })
            })
            .collect()
    }

    /// Takes away the reports that were kept of a tenant's events.
    ///
    /// # Errors
    /// If the store does not.
    pub async fn erase_reports(&self, tenant: &TenantId) -> Result<(), Fail> {
        let left = |error: sqlx::Error| Fail::new("the kept reports are not erased").from(error);
        let mut work = self.store.write().await.map_err(left)?;
        sqlx::query("delete from report_kept where tenant = $1")
            .bind(tenant.as_str())
            .execute(&mut *work)
            .await
            .map_err(left)?;
        work.commit().await.map_err(left)
    }
}
