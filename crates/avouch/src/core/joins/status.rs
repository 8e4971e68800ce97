//! What was wrong, by the trail and by the store; and the supplier's team, for the check of reported faults.

use std::sync::Arc;

use avouch_events::{Action, Outcome, Query, Row};
use avouch_evidence::BoxFuture;
use avouch_statement::TenantId;
use avouch_status::checks::{Entry, Helpdesk, History, Kept, Reported};
use avouch_status::records;
use jiff::Timestamp;

use crate::core::faults::Whose;
use crate::core::state::Core;
use crate::fail::chain;

/// The most entries that one search gives.
const PAGE: u16 = 1_000;
/// What the platform sees by itself, and what the supplier's people say: nobody else writes events of these.
const TOLD_BY: [Action; 2] = [Action::System, Action::Administration];

/// What was wrong on this core.
pub struct Incidents(pub Arc<Core>);

impl History for Incidents {
    fn entries(&self, since: Timestamp) -> BoxFuture<'_, Result<Vec<Entry>, String>> {
        Box::pin(async move {
            let there = |row: &Row| {
                let tenant = row.event.tenant.as_ref();
                tenant.is_none_or(|tenant| self.0.tenants.get(tenant).is_some())
            };
            let mut entries = Vec::new();
            for action in TOLD_BY {
                let mut query = Query {
                    action: Some(action.to_string()),
                    words: Some("incident".to_owned()),
                    from: Some(since),
                    limit: PAGE,
                    ..Query::default()
                };
                loop {
                    let page = self.0.index.search(&query).await;
                    let page = page.map_err(|error| chain(&error))?;
                    let there = page.rows.into_iter().filter(there);
                    entries.extend(there.filter_map(entry));
                    query.before = page.next;
                    if query.before.is_none() {
                        break;
                    }
                }
            }
            Ok(entries)
        })
    }

    fn kept(&self) -> BoxFuture<'_, Result<Vec<Kept>, String>> {
        Box::pin(async move {
            let kept = records::all(&self.0.store).await;
            let kept = kept.map_err(|error| chain(&error))?;
            Ok(kept
                .into_iter()
                .map(|incident| Kept {
                    number: incident.number,
                    began: incident.began,
                    ended: incident.ended,
                })
                .collect())
        })
    }
}

/// The beginning or the end of an incident; nothing else that has its word in it.
fn entry(row: Row) -> Option<Entry> {
    let event = row.event;
    if event.outcome == Outcome::Intended {
        return None;
    }
    let (number, what) = event.object.strip_prefix("incident ")?.split_once(' ')?;
    let time = |name: &str| event.parameters.get(name)?.parse::<Timestamp>().ok();
    let ended = match what {
        "began" => None,
        "ended" => Some(time("ended")?),
        _ => return None,
    };
    Some(Entry {
        index: row.index,
        at: event.at,
        number: number.parse().ok()?,
        began: time("began")?,
        ended,
        seen: event
            .parameters
            .get("seen")
            .is_some_and(|seen| seen == "true"),
    })
}

/// The faults that people report on this core.
pub struct Faults(pub Arc<Core>);

impl Helpdesk for Faults {
    fn reported<'a>(
        &'a self,
        tenant: &'a TenantId,
    ) -> BoxFuture<'a, Result<Vec<Reported>, String>> {
        Box::pin(async move {
            let faults = self.0.faults(Whose::Tenant(tenant), 0).await;
            let faults = faults.map_err(|fail| fail.to_string())?.faults;
            Ok(faults
                .into_iter()
                .map(|fault| Reported {
                    number: fault.number,
                    at: fault.at,
                    tenant: fault.tenant.map(|tenant| tenant.to_string()),
                    words: fault.words,
                })
                .collect())
        })
    }

    fn answer<'a>(&'a self, number: u64, text: &'a str) -> BoxFuture<'a, Result<(), String>> {
        Box::pin(async move {
            let fault = self.0.fault(number).await;
            let fault = fault.map_err(|fail| fail.to_string())?;
            let tenant = fault.ok_or("the fault is gone")?.tenant;
            let whose = (number, tenant.as_ref());
            let kept = self.0.answer_fault(whose, text, true, self.0.now()).await;
            kept.map_err(|fail| fail.to_string())
        })
    }

    fn forget(&self, number: u64) -> BoxFuture<'_, Result<(), String>> {
        Box::pin(async move {
            let gone = self.0.forget_faults(&[number.cast_signed()]).await;
            gone.map_err(|fail| fail.to_string())
        })
    }
}
