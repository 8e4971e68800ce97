//! Restores for somebody who needs the data: planned, done, and recorded where the tenant sees it.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use avouch_backup::drill::Choice;
use avouch_backup::keeper::{Owner, Plan, Restored};
use avouch_backup::records::Aside;
use avouch_events::{Action, Event};
use avouch_runtime::grant::Change;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::asker::Asker;
use super::state::Core;
use super::tenants::Tenant;
use crate::fail::{Fail, chain};

/// What is asked for.
pub struct Order {
    pub owner: Owner,
    pub source: Option<String>,
    pub choice: Choice,
    /// As it was at this moment, in place of a snapshot.
    pub at: Option<String>,
    /// Why, in the operator's words.
    pub because: String,
}

/// What a restore into place came to.
struct Placed {
    /// How many files beside the source stayed as they were.
    beside: u64,
    /// How long the application was away.
    away: Duration,
    /// Where the data are that were in place before.
    aside: PathBuf,
    /// Of a moment: the changes nearest to it, the one that is in it and the one that is not.
    nearest: (Option<Timestamp>, Option<Timestamp>),
    /// What it was restored from in place of what was planned.
    instead: Option<String>,
}

impl Core {
    /// What would be done, and how long it would take; nothing is done.
    ///
    /// # Errors
    /// If there is nothing of that kind to restore.
    pub async fn restore_plan(&self, order: &Order) -> Result<Plan, Fail> {
        let (owner, source) = (&order.owner, order.source.as_deref());
        let plan = match &order.at {
            Some(at) => {
                let from = order.choice.from.as_ref();
                self.backups.plan_moment(owner, source, from, at).await
            }
            None => {
                self.backups
                    .plan_restore(owner, source, &order.choice)
                    .await
            }
        };
        plan.map_err(|error| Fail::new("there is no such restore").from(error))
    }

    /// Restores into place: the application stops, the data change places, the application starts and is asked how it is.
    /// If it does not answer, the data before are put back.
    ///
    /// # Errors
    /// If it cannot be recorded, or anything did not work: the data are then as they were.
    pub async fn restore_into_place(
        &self,
        order: &Order,
        plan: &Plan,
        by: &Asker,
    ) -> Result<Value, Fail> {
        let Owner::Tenant(tenant) = &order.owner else {
            return Err(Fail::new(
                "the platform's own state cannot be put in place under a running service",
            )
            .help("restore it to a folder with `--to DIR`"));
        };
        can_be_put_in_place(plan)?;
        let tenant = self
            .tenants
            .get(tenant)
            .ok_or_else(|| Fail::new(format!("there is no tenant `{tenant}`")))?;
        let begin = self.restore_begins(order, plan, "into place", by).await?;
        let placed = async {
            let restored = self.restored(order, plan).await?;
            let placed = self.change_places(&tenant, order, plan, &restored).await;
            let left = self.backups.done_with(restored).await;
            if let Err(error) = left {
                tracing::warn!(
                    error = chain(&error),
                    "a restore's scratch folder was left behind"
                );
            }
            placed
        }
        .await;
        let outcome = match &placed {
            Ok(placed) => Ok(format!(
                "{} is in place; the data before stand in {}{}",
                named(plan),
                placed.aside.display(),
                in_place_of(placed.instead.as_deref())
            )),
            Err(fail) => Err(fail.to_string()),
        };
        self.outcome(begin, &outcome).await;
        let placed = placed?;
        Ok(json!({
            "executed": true, "aside": placed.aside, "kept-beside": placed.beside,
            "last-change": placed.nearest.0, "next-change": placed.nearest.1,
            "restored-from": placed.instead,
            "away-ms": u64::try_from(placed.away.as_millis()).unwrap_or(u64::MAX),
        }))
    }

    /// Restores into a scratch folder for somebody to take a copy of, who says when that is done; it is destroyed then.
    ///
    /// # Errors
    /// If it cannot be recorded, or anything did not work.
    pub async fn restore_to_look_at(
        &self,
        order: &Order,
        plan: &Plan,
        by: &Asker,
        take: impl AsyncFnOnce(PathBuf) -> Result<(), Fail> + Send,
    ) -> Result<Value, Fail> {
        let begin = self
            .restore_begins(order, plan, "into a folder", by)
            .await?;
        let taken = async {
            let restored = self.restored(order, plan).await?;
            let taken = take(restored.data.clone()).await;
            let (files, rows) = (restored.compared.files, restored.compared.rows);
            let (last, next) = (restored.compared.last, restored.compared.next);
            let instead = restored.instead.clone();
            self.backups
                .done_with(restored)
                .await
                .map_err(|error| Fail::new("the restored copy was not destroyed").from(error))?;
            taken.map(|()| json!({
                "executed": true, "files": files, "rows-compared": rows, "last-change": last, "next-change": next,
                "restored-from": instead,
            }))
        }
        .await;
        let outcome = match &taken {
            Ok(taken) => Ok(format!(
                "{} was copied to a folder of the operator's{}",
                named(plan),
                in_place_of(taken.get("restored-from").and_then(Value::as_str))
            )),
            Err(fail) => Err(fail.to_string()),
        };
        self.outcome(begin, &outcome).await;
        taken
    }

    /// The intent, on disk and in the tenant's trail, before anything is done.
    async fn restore_begins(
        &self,
        order: &Order,
        plan: &Plan,
        how: &str,
        by: &Asker,
    ) -> Result<Event, Fail> {
        let begin = self
            .owned(&order.owner, by, Action::Restore, "restore")
            .with("because", order.because.clone())
            .with("source", plan.source.to_string())
            .with("snapshot", plan.what.snapshot.id.to_string())
            .with("taken", plan.what.snapshot.taken.to_string())
            .with("from", plan.what.destination.clone())
            .with("how", how.to_owned())
            .because(order.because.clone());
        self.record(begin.clone()).await.map_err(|error| {
            Fail::new("the restore cannot be recorded, so it is not done").from(error)
        })?;
        Ok(begin)
    }

    async fn restored(&self, order: &Order, plan: &Plan) -> Result<Restored, Fail> {
        self.backups
            .restore(&order.owner, plan)
            .await
            .map_err(|error| {
                Fail::new("the snapshot was not restored; nothing was changed").from(error)
            })
    }

    async fn change_places(
        &self,
        tenant: &Tenant,
        order: &Order,
        plan: &Plan,
        restored: &Restored,
    ) -> Result<Placed, Fail> {
        let name = tenant.id.as_str();
        let stamp = self.now().strftime("%Y%m%dT%H%M%S.%fZ");
        let aside = self.layout.tenant(name).join(format!("aside-{stamp}"));
        let stopped = Instant::now();
        // Nobody else starts it meanwhile.
        let _held = self.capacity.hold(&tenant.id).await;
        self.supervisor
            .stop(name)
            .await
            .map_err(|error| Fail::new(format!("`{name}` was not stopped")).from(error))?;
        let exchange = Change::Exchange {
            aside: aside.clone(),
        };
        let standing = Aside {
            owner: name.to_owned(),
            path: aside.display().to_string(),
            since: self.now(),
        };
        let placing = async {
            let noted = self.backups.records().put_aside(&standing).await;
            noted.map_err(|error| {
                Fail::new("what is put aside cannot be noted, so nothing is").from(error)
            })?;
            let (whole, beside) = self
                .backups
                .complete(&order.owner, plan, restored)
                .await
                .map_err(|error| Fail::new("the data were not put together").from(error))?;
            let arrive = Change::Arrive {
                from: whole,
                to: aside.clone(),
            };
            for change in [arrive, exchange.clone()] {
                self.supervisor
                    .change(change)
                    .await
                    .map_err(|error| Fail::new("the data did not change places").from(error))?;
            }
            Ok::<_, Fail>(beside)
        };
        let beside = match placing.await {
            Ok(beside) => beside,
            Err(fail) => {
                self.clear_away(&aside, restored).await;
                return Err(self.as_before(tenant, fail).await);
            }
        };
        if let Err(fail) = self.start_tenant(tenant).await {
            let back = async {
                self.supervisor.stop(name).await?;
                self.supervisor.change(exchange).await
            };
            if let Err(error) = back.await {
                return Err(Fail::new(format!(
                    "{fail}; and the data before, which stand in `{}`, were not put back: {}",
                    aside.display(),
                    chain(&error)
                )));
            }
            self.clear_away(&aside, restored).await;
            return Err(self.as_before(tenant, fail).await);
        }
        Ok(Placed {
            beside,
            away: stopped.elapsed(),
            aside,
            nearest: (restored.compared.last, restored.compared.next),
            instead: restored.instead.clone(),
        })
    }

    /// A copy that did not come into use goes where it came from, and is destroyed there with the rest.
    async fn clear_away(&self, aside: &Path, restored: &Restored) {
        let leave = Change::Leave {
            from: aside.to_owned(),
            to: restored.place_to_leave(),
        };
        if let Err(error) = self.supervisor.change(leave).await {
            tracing::warn!(
                error = chain(&error),
                "no copy stands aside, or it was left there"
            );
        }
    }

    /// The application runs again on the data before; the failure with that said.
    async fn as_before(&self, tenant: &Tenant, fail: Fail) -> Fail {
        match self.start_tenant(tenant).await {
            Ok(()) => Fail::new(format!("{fail}; `{}` is as it was before", tenant.id)),
            Err(also) => Fail::new(format!(
                "{fail}; the data of `{}` are as they were before, and: {also}",
                tenant.id
            )),
        }
    }

    async fn start_tenant(&self, tenant: &Tenant) -> Result<(), Fail> {
        self.tenant_begin(tenant).await?;
        self.tenant_wait(tenant).await
    }
}

/// Whether a source has a place in a folder where the service can put it.
///
/// # Errors
/// With what to do instead, if it has none.
pub fn can_be_put_in_place(plan: &Plan) -> Result<(), Fail> {
    if plan.into_place {
        return Ok(());
    }
    Err(Fail::new(format!(
        "`{}` does not lie in a folder of the tenant's, so it is not put in place",
        plan.source
    ))
    .help("restore it to a folder with `--to DIR`, and from there into its server"))
}

/// What is restored, in words.
fn named(plan: &Plan) -> String {
    match &plan.moment {
        Some(moment) => format!("the database as it was at {}", moment.shown),
        None => format!("snapshot {}", plan.what.snapshot.id),
    }
}

/// What it was restored from, where that is not what was planned.
fn in_place_of(instead: Option<&str>) -> String {
    instead.map_or_else(String::new, |it| format!("; it was restored from {it}"))
}

/// A plan as it is shown: what, from where, to where, how long, and what is overwritten.
pub fn shown(order: &Order, plan: &Plan, to: Option<&str>) -> Value {
    let what = &plan.what;
    let in_place = to.is_none();
    json!({
        "executed": false,
        "tenant": order.owner.to_string(),
        "source": plan.source,
        "snapshot": what.snapshot.id.to_string(),
        "taken": what.snapshot.taken,
        "from": what.destination,
        "rows": plan.moment.is_none().then_some(what.rows),
        "bytes": plan.moment.is_none().then_some(what.bytes),
        "moment": plan.moment,
        "to": to.map_or_else(|| plan.place.clone(), str::to_owned),
        "overwrites": in_place.then(|| plan.place.clone()),
        "stops-the-application": in_place,
        "took-in-the-last-drill-ms": plan.measured.map(|took| u64::try_from(took.as_millis()).unwrap_or(u64::MAX)),
    })
}
