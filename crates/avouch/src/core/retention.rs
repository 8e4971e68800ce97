//! The end of events: what is past `[audit] keep` is taken out of the ledger and of all that was derived from it.

use std::sync::Arc;
use std::time::Duration;

use avouch_events::Outcome;
use avouch_ledger::Doomed;
use avouch_statement::Length;
use avouch_store::micros;
use jiff::{Timestamp, tz::TimeZone};

use super::state::Core;
use crate::fail::Fail;

/// So often it is looked whether a day has come to its end.
const EVERY: Duration = Duration::from_secs(3600);

/// Looks again and again.
pub fn keep_running(core: &Arc<Core>) {
    let core = core.clone();
    tokio::spawn(async move {
        loop {
            for forgotten in [
                core.forget_what_is_past().await,
                core.forget_old_faults().await,
            ] {
                if let Err(fail) = forgotten {
                    tracing::error!(%fail, "what is past its retention was not taken away");
                }
            }
            tokio::select! {
                () = tokio::time::sleep(EVERY) => {}
                () = core.shutdown.cancelled() => return,
            }
        }
    });
}

impl Core {
    /// Takes away what is past its retention, if the clock can be believed and there is any; both ends are events.
    async fn forget_what_is_past(&self) -> Result<(), Fail> {
        let now = self.now();
        let Some(before) = past(self.statement.audit.keep, now) else {
            return Ok(());
        };
        if self.steady.doubt(now).is_some() {
            return Ok(());
        }
        let unread = |error| Fail::new("the ledger cannot be read").from(error);
        let held = self.ledger.may_hold(Doomed::Before(before));
        if !held.map_err(unread)? {
            return Ok(());
        }
        let unrecorded = |error| Fail::new("it cannot be recorded, so it is not done").from(error);
        let what = format!("what happened before {before} is past its retention");
        self.say("retention", Outcome::Intended, what.clone())
            .await
            .map_err(unrecorded)?;
        let forgotten = self.forget_before(before).await;
        let (outcome, said) = match &forgotten {
            Ok(payloads) => (
                Outcome::Done,
                format!("{what}: {payloads} payloads taken away"),
            ),
            Err(fail) => (Outcome::Failed, format!("{what}: {fail}")),
        };
        self.say("retention", outcome, said)
            .await
            .map_err(|error| Fail::new("its outcome cannot be recorded").from(error))?;
        forgotten.map(|_| ())
    }

    /// What people reported, and what they were answered, stays for as long as what was wrong does; where no status page is
    /// promised, for as long as the trail that says that they did.
    async fn forget_old_faults(&self) -> Result<(), Fail> {
        let now = self.now();
        let status = self.statement.status.as_ref().map(|status| status.keep);
        let keep = status.unwrap_or(self.statement.audit.keep);
        match past(keep, now) {
            Some(before) if self.steady.doubt(now).is_none() => {
                self.forget_faults_before(before).await
            }
            _ => Ok(()),
        }
    }

    async fn forget_before(&self, before: Timestamp) -> Result<u64, Fail> {
        let unkept =
            |error: sqlx::Error| Fail::new("old rounds and reviews stay in the store").from(error);
        let mut work = self.store.write().await.map_err(unkept)?;
        for derived in [
            "delete from round where at < $1",
            "delete from review_finding where made < $1",
            "delete from review where made < $1",
        ] {
            sqlx::query(derived)
                .bind(micros(before))
                .execute(&mut *work)
                .await
                .map_err(unkept)?;
        }
        work.commit().await.map_err(unkept)?;
        avouch_events::forget(&self.ledger, &self.index, before)
            .await
            .map_err(|error| Fail::new("events stay that are past their retention").from(error))
    }
}

/// Before when everything is past its retention: whole days in UTC, so that a segment is written anew once a day at most.
fn past(keep: Length, now: Timestamp) -> Option<Timestamp> {
    let before = now.to_zoned(TimeZone::UTC).checked_sub(keep.span()).ok()?;
    Some(before.start_of_day().ok()?.timestamp())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_is_past_once_all_of_it_is() {
        let keep = "8 years".parse().unwrap();
        for (now, before) in [
            ("2026-03-01T00:00:00Z", "2018-03-01T00:00:00Z"),
            ("2026-03-01T23:59:59Z", "2018-03-01T00:00:00Z"),
            ("2024-02-29T12:00:00Z", "2016-02-29T00:00:00Z"),
            ("2025-02-28T12:00:00Z", "2017-02-28T00:00:00Z"),
        ] {
            assert_eq!(
                past(keep, now.parse().unwrap()),
                Some(before.parse().unwrap()),
                "{now}"
            );
        }
    }
}
