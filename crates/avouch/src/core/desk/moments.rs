//! Restoring a tenant as it was at a moment, for the supplier's people.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use avouch_backup::drill::Choice;
use avouch_backup::keeper::{Owner, Plan};
use avouch_console::moments::{MomentAsk, MomentPlan, MomentView, Moments, WindowRow};
use avouch_console::views::Progress;
use avouch_console::{Actor, Answer, DeskError};
use avouch_events::{Action, Outcome};
use jiff::{SignedDuration, Timestamp, tz::TimeZone};
use serde_json::Value;

use super::{Reception, asker, failed};
use crate::core::restores::Order;
use crate::fail::Fail;

/// The restores that were begun here since the core started.
#[derive(Clone, Default)]
pub(super) struct Going(Arc<Mutex<BTreeMap<u64, Restoring>>>);

struct Restoring {
    tenant: String,
    shown: String,
    outcome: Option<Result<String, String>>,
}

impl Going {
    fn with<T>(&self, act: impl FnOnce(&mut BTreeMap<u64, Restoring>) -> T) -> T {
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Reception {
    async fn windows_for(&self, actor: &Actor) -> Result<Vec<WindowRow>, DeskError> {
        let mut rows = Vec::new();
        for owner in self.owners(actor) {
            for window in self.core.backups.windows(&owner).await.map_err(failed)? {
                let zone = TimeZone::get(&window.zone).map_err(failed)?;
                let text = |at: Timestamp| {
                    at.to_zoned(zone.clone())
                        .strftime("%Y-%m-%d %H:%M:%S")
                        .to_string()
                };
                rows.push(WindowRow {
                    tenant: owner.to_string(),
                    source: window.source.to_string(),
                    from: text(window.from),
                    to: text(window.to),
                    zone: window.zone,
                    told_apart: seconds(window.worst),
                    gaps: window
                        .gaps
                        .iter()
                        .map(|gap| format!("{} to {}", text(gap.from), text(gap.to)))
                        .collect::<Vec<_>>()
                        .join(", "),
                });
            }
        }
        Ok(rows)
    }

    async fn planned(&self, asked: &MomentAsk) -> Result<Result<(Order, Plan), String>, DeskError> {
        let owner = Owner::Tenant(asked.tenant.parse().map_err(|_| DeskError::Absent)?);
        let order = Order {
            owner,
            source: Some(asked.source.clone()),
            choice: Choice::default(),
            at: Some(asked.when.clone()),
            because: asked.because.clone(),
        };
        Ok(match self.core.restore_plan(&order).await {
            Ok(plan) => Ok((order, plan)),
            Err(fail) => Err(fail.to_string()),
        })
    }

    async fn begin_moment(
        &self,
        actor: &Actor,
        asked: &MomentAsk,
    ) -> Result<Result<u64, String>, DeskError> {
        let (order, plan) = match self.planned(asked).await? {
            Ok(planned) => planned,
            Err(why) => return Ok(Err(why)),
        };
        let begun = self.going.with(|going| {
            let busy = going
                .values()
                .any(|one| one.tenant == asked.tenant && one.outcome.is_none());
            (!busy).then(|| {
                let number = going.keys().next_back().map_or(1, |last| last + 1);
                let restoring = Restoring {
                    tenant: asked.tenant.clone(),
                    shown: when(&plan),
                    outcome: None,
                };
                going.insert(number, restoring);
                number
            })
        });
        let Some(number) = begun else {
            return Err(DeskError::Busy { what: "a restore" });
        };
        let (core, going) = (self.core.clone(), self.going.clone());
        let by = asker(actor);
        tokio::spawn(async move {
            let done = core.restore_into_place(&order, &plan, &by).await;
            going.with(|going| {
                if let Some(restoring) = going.get_mut(&number) {
                    restoring.outcome = Some(told(done));
                }
            });
        });
        Ok(Ok(number))
    }
}

impl Moments for Reception {
    fn windows<'a>(&'a self, actor: &'a Actor) -> Answer<'a, Vec<WindowRow>> {
        Box::pin(self.windows_for(actor))
    }

    fn plan_moment<'a>(
        &'a self,
        actor: &'a Actor,
        asked: &'a MomentAsk,
    ) -> Answer<'a, Result<MomentPlan, String>> {
        Box::pin(async move {
            let what = format!(
                "plan a restore of {} as it was at {}",
                asked.tenant, asked.when
            );
            let event = asker(actor)
                .event(Action::Administration, what)
                .of(asked.tenant.parse().ok().as_ref())
                .ended(self.core.now(), Outcome::Done, &asked.because);
            self.note(event).await?;
            Ok(self.planned(asked).await?.map(|(_, plan)| MomentPlan {
                shown: when(&plan),
                from: plan.what.destination.clone(),
                place: plan.place.clone(),
                told_apart: plan.moment.as_ref().map_or_else(String::new, |moment| {
                    let apart = i64::try_from(moment.told_apart_ms).unwrap_or(i64::MAX);
                    seconds(SignedDuration::from_millis(apart))
                }),
            }))
        })
    }

    fn restore_moment<'a>(
        &'a self,
        actor: &'a Actor,
        asked: &'a MomentAsk,
    ) -> Answer<'a, Result<u64, String>> {
        Box::pin(self.begin_moment(actor, asked))
    }

    fn restoring<'a>(&'a self, _: &'a Actor, number: u64) -> Answer<'a, Option<MomentView>> {
        Box::pin(async move {
            Ok(self.going.with(|going| {
                going.get(&number).map(|restoring| MomentView {
                    tenant: restoring.tenant.clone(),
                    shown: restoring.shown.clone(),
                    progress: match &restoring.outcome {
                        None => Progress::Running,
                        Some(Ok(_)) => Progress::Passed,
                        Some(Err(_)) => Progress::Failed,
                    },
                    seen: match &restoring.outcome {
                        None => String::new(),
                        Some(Ok(seen) | Err(seen)) => seen.clone(),
                    },
                })
            }))
        })
    }
}

fn when(plan: &Plan) -> String {
    plan.moment
        .as_ref()
        .map_or_else(String::new, |moment| moment.shown.clone())
}

/// What came of a restore, for who asked.
fn told(done: Result<Value, Fail>) -> Result<String, String> {
    match done {
        Ok(done) => {
            let text = |name: &str| done.get(name).and_then(Value::as_str);
            let nearest = match (text("last-change"), text("next-change")) {
                (Some(last), Some(next)) => {
                    format!(
                        " The last change in it was seen at {last}, the first that is not in it at {next}."
                    )
                }
                (Some(last), None) => {
                    format!(" The last change in it was seen at {last}; there was none after.")
                }
                (None, Some(next)) => {
                    format!(" The first change that is not in it was seen at {next}.")
                }
                (None, None) => String::new(),
            };
            let away = done
                .get("away-ms")
                .and_then(Value::as_u64)
                .unwrap_or_default();
            let aside = text("aside").unwrap_or_default();
            Ok(format!(
                "The application was away for {away} ms. The data before stand in {aside}.{nearest}"
            ))
        }
        Err(fail) => Err(fail.to_string()),
    }
}

fn seconds(length: SignedDuration) -> String {
    format!("{:.1} s", length.as_secs_f64())
}
