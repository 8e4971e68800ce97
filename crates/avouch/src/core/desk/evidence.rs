//! Backups, drills, checks, rounds and packs, for administrators.

use avouch_backup::drill::{Drill, StepName, Verdict as DrillVerdict};
use avouch_backup::keeper::{Owner, Progress as Running, Room};
use avouch_console::views::{
    Attention, BackupRow, Counts, DrillRow, DrillStep, DrillView, FindingRow, Overview, PackRow,
    Progress, RoomRow, RoundRow, RoundView,
};
use avouch_console::{Actor, DeskError, Scope};
use avouch_events::Action;
use avouch_evidence::Verdict;
use avouch_statement::{ClaimId, TenantId};

use super::{Reception, asker, failed, shown, stopped};
use crate::core::asker::over;
use crate::core::rounds::Kept;

/// Rounds in the list.
const ROUNDS: i64 = 100;

impl Reception {
    /// The owners of backups that the actor may see.
    pub(super) fn owners(&self, actor: &Actor) -> Vec<Owner> {
        let tenant = |owner: &Owner| match owner {
            Owner::Tenant(tenant) => Some(tenant.to_string()),
            Owner::Platform => None,
        };
        self.core
            .backups
            .owners()
            .into_iter()
            .filter(|owner| actor.scope().covers(tenant(owner).as_deref()))
            .collect()
    }

    pub(super) async fn overview_for(&self, actor: &Actor) -> Result<Overview, DeskError> {
        let standings = self.core.standings();
        let mut counts = Counts::default();
        let mut attention = Vec::new();
        for standing in &standings {
            match standing.verdict {
                Verdict::Held => counts.held += 1,
                Verdict::Broken => counts.broken += 1,
                Verdict::Unproven => counts.unproven += 1,
            }
            if standing.verdict == Verdict::Broken {
                let sentence = self
                    .core
                    .statement
                    .claims
                    .iter()
                    .find(|claim| claim.id == standing.claim)
                    .map_or("", |claim| &claim.text);
                attention.push(Attention {
                    text: format!("Broken: {sentence}"),
                    path: "/checks".to_owned(),
                });
            }
        }
        if actor.scope().covers(None) {
            let exports = self.core.exports.attention().into_iter();
            attention.extend(exports.map(|text| Attention {
                text,
                path: "/trail".to_owned(),
            }));
        }
        let mut last_backup = None;
        for row in self.backups_for(actor).await? {
            last_backup = last_backup.max(Some(row.taken));
        }
        let drills = self.drills_for(actor).await?;
        Ok(Overview {
            counts,
            last_round: self
                .core
                .rounds
                .latest()
                .iter()
                .map(|(finding, _)| finding.at)
                .max(),
            last_backup,
            last_drill: drills.iter().map(|view| view.drill.started).max(),
            attention,
        })
    }

    pub(super) async fn backups_for(&self, actor: &Actor) -> Result<Vec<BackupRow>, DeskError> {
        let mut rows = Vec::new();
        for owner in self.owners(actor) {
            for taken in self
                .core
                .backups
                .records()
                .snapshots(&owner.to_string())
                .await
                .map_err(failed)?
            {
                if taken.removed.is_some() {
                    continue;
                }
                let grades: Vec<String> = taken
                    .snapshot
                    .grades
                    .iter()
                    .map(|grade| grade.word().to_owned())
                    .collect();
                rows.push(BackupRow {
                    tenant: match &owner {
                        Owner::Tenant(tenant) => Some(tenant.to_string()),
                        Owner::Platform => None,
                    },
                    source: taken.source,
                    destination: taken.destination,
                    snapshot: taken.snapshot.id.to_string().chars().take(8).collect(),
                    taken: taken.snapshot.taken,
                    bytes: taken.bytes,
                    changed: taken
                        .changes
                        .map_or_else(String::new, |changes| changes.to_string()),
                    kept_as: if grades.is_empty() {
                        "on demand".to_owned()
                    } else {
                        grades.join(", ")
                    },
                });
            }
        }
        rows.sort_by_key(|row| std::cmp::Reverse(row.taken));
        Ok(rows)
    }

    pub(super) async fn room_left(&self) -> Result<Vec<RoomRow>, DeskError> {
        let rooms = self.core.backups.room().await.map_err(failed)?;
        let row = |room: Room| RoomRow {
            destination: room.destination.to_string(),
            stored: room.stored,
            free: room.free,
            per_day: room.growth.bytes_per_day,
            full_in_days: room.growth.full_in_days,
        };
        Ok(rooms.into_iter().map(row).collect())
    }

    pub(super) async fn start_backup(&self, actor: &Actor) -> Result<(), DeskError> {
        if !self.core.backups.progress().borrow().runs.is_empty() {
            return Err(DeskError::Busy { what: "a backup" });
        }
        let (core, by) = (self.core.clone(), asker(actor));
        let owners = self.owners(actor);
        tokio::spawn(async move {
            for owner in owners {
                if let Err(fail) = core.back_up(&owner, &by).await {
                    tracing::error!(%fail, "a backup failed");
                }
            }
        });
        Ok(())
    }

    pub(super) async fn drills_for(&self, actor: &Actor) -> Result<Vec<DrillView>, DeskError> {
        let promised = self
            .core
            .statement
            .backup
            .drill
            .as_ref()
            .map(|drill| drill.back_within.to_string())
            .unwrap_or_default();
        let mut views = Vec::new();
        let running = self.core.backups.progress().borrow().drills.clone();
        for owner in self.owners(actor) {
            for (drill, verdict) in self
                .core
                .backups
                .records()
                .drills(&owner.to_string())
                .await
                .map_err(failed)?
            {
                views.push(view(&drill, Some(&verdict), &promised));
            }
            for running in running
                .iter()
                .filter(|running| running.owner == owner.to_string())
            {
                let drill = DrillRow {
                    id: running.id.clone(),
                    tenant: Some(running.owner.clone()).filter(|owner| owner != "platform"),
                    started: running.started,
                    progress: Progress::Running,
                    took: String::new(),
                    promised: promised.clone(),
                };
                views.push(DrillView {
                    drill,
                    snapshot: String::new(),
                    moment: None,
                    steps: under_way(running.step),
                });
            }
        }
        views.sort_by_key(|view| std::cmp::Reverse(view.drill.started));
        Ok(views)
    }

    pub(super) async fn begin_drill(
        &self,
        actor: &Actor,
        tenant: &str,
    ) -> Result<String, DeskError> {
        let tenant: TenantId = tenant.parse().map_err(|_| DeskError::Absent)?;
        let mut progress = self.core.backups.progress();
        let name = tenant.to_string();
        let of_it = |progress: &Running| {
            let mut drills = progress.drills.iter();
            drills
                .find(|drill| drill.owner == name)
                .map(|drill| drill.id.clone())
        };
        if of_it(&progress.borrow()).is_some() {
            return Err(DeskError::Busy { what: "a drill" });
        }
        let (core, by) = (self.core.clone(), asker(actor));
        let (tell, told) = tokio::sync::oneshot::channel();
        tokio::spawn(async move {
            let done = core.drill(&Owner::Tenant(tenant), &by).await;
            let _ = tell.send(done.map(|(drill, _)| drill.id));
        });
        // Whichever comes first: it is seen to run, or it is over already.
        tokio::select! {
            seen = progress.wait_for(|progress| of_it(progress).is_some()) => {
                seen.ok().and_then(|progress| of_it(&progress)).ok_or(DeskError::Absent)
            }
            done = told => match done {
                Ok(Ok(id)) => Ok(id),
                Ok(Err(fail)) => Err(stopped(fail)),
                Err(error) => Err(failed(error)),
            },
        }
    }

    pub(super) async fn findings_for(&self, actor: &Actor) -> Result<Vec<FindingRow>, DeskError> {
        let rows = self
            .core
            .rounds
            .latest()
            .iter()
            .map(|(finding, _)| shown::finding(finding))
            .collect();
        Ok(actor.scope().sieve(rows))
    }

    pub(super) async fn start_checks(&self, actor: &Actor) -> Result<(), DeskError> {
        let event = asker(actor).event(Action::Checks, "run checks");
        self.note(event.clone()).await?;
        let core = self.core.clone();
        tokio::spawn(async move {
            let round = core.round(&[]).await;
            if let Err(fail) = &round {
                tracing::error!(%fail, "a round of checks was not kept");
            }
            // Logged where it fails: the round itself is in the ledger, and so is that it was asked for.
            let _ = core.record(over(event, &round, core.now())).await;
        });
        Ok(())
    }

    pub(super) async fn rounds_for(&self, _: &Actor) -> Result<Vec<RoundRow>, DeskError> {
        let kept = self.core.rounds_kept(ROUNDS).await.map_err(stopped)?;
        kept.iter().map(row).collect()
    }

    pub(super) async fn round_for(
        &self,
        actor: &Actor,
        number: u64,
    ) -> Result<Option<RoundView>, DeskError> {
        let kept = self.core.rounds_kept(i64::MAX).await.map_err(stopped)?;
        let Some(kept) = kept.iter().find(|round| round.number == number) else {
            return Ok(None);
        };
        let round = kept.sealed.round().map_err(failed)?;
        let findings = actor
            .scope()
            .sieve(round.findings.iter().map(shown::finding).collect());
        Ok(Some(RoundView {
            round: row(kept)?,
            findings,
        }))
    }

    pub(super) async fn packs_for(&self, actor: &Actor) -> Result<Vec<PackRow>, DeskError> {
        let rows = self
            .core
            .tenants
            .all()
            .into_iter()
            .map(|tenant| PackRow {
                tenant: tenant.id.to_string(),
                name: tenant.name,
            })
            .collect();
        let scope: Scope = actor.scope();
        Ok(scope.sieve(rows))
    }
}

fn row(kept: &Kept) -> Result<RoundRow, DeskError> {
    let round = kept.sealed.round().map_err(failed)?;
    let mut worst: std::collections::BTreeMap<ClaimId, Verdict> = std::collections::BTreeMap::new();
    for summary in &round.header.findings {
        let verdict = worst
            .entry(summary.claim.clone())
            .or_insert(summary.verdict);
        *verdict = (*verdict).max(summary.verdict);
    }
    let mut counts = Counts::default();
    for verdict in worst.values() {
        match verdict {
            Verdict::Held => counts.held += 1,
            Verdict::Broken => counts.broken += 1,
            Verdict::Unproven => counts.unproven += 1,
        }
    }
    Ok(RoundRow {
        number: kept.number,
        at: round.header.at,
        counts,
        index: kept.index,
    })
}

fn view(drill: &Drill, verdict: Option<&DrillVerdict>, promised: &str) -> DrillView {
    let progress = if verdict == Some(&DrillVerdict::Passed) {
        Progress::Passed
    } else {
        Progress::Failed
    };
    DrillView {
        drill: DrillRow {
            id: drill.id.clone(),
            tenant: Some(drill.owner.clone()).filter(|owner| owner != "platform"),
            started: drill.started,
            progress,
            took: shown::took(drill.took()),
            promised: promised.to_owned(),
        },
        snapshot: drill
            .snapshot
            .as_ref()
            .map(|id| id.to_string().chars().take(8).collect())
            .unwrap_or_default(),
        moment: drill.moment,
        steps: drill
            .steps
            .iter()
            .map(|step| DrillStep {
                name: words(step.name).to_owned(),
                progress: if step.outcome.is_ok() {
                    Progress::Passed
                } else {
                    Progress::Failed
                },
                seen: match &step.outcome {
                    Ok(seen) | Err(seen) => seen.clone(),
                },
                took: shown::took(step.took),
            })
            .collect(),
    }
}

fn under_way(now: StepName) -> Vec<DrillStep> {
    let order = [
        StepName::Restore,
        StepName::Compare,
        StepName::Rehearse,
        StepName::Destroy,
    ];
    let at = order.iter().position(|step| *step == now).unwrap_or(0);
    order
        .iter()
        .enumerate()
        .map(|(place, step)| DrillStep {
            name: words(*step).to_owned(),
            progress: match place.cmp(&at) {
                std::cmp::Ordering::Less => Progress::Passed,
                std::cmp::Ordering::Equal => Progress::Running,
                std::cmp::Ordering::Greater => Progress::Waiting,
            },
            seen: String::new(),
            took: String::new(),
        })
        .collect()
}

fn words(step: StepName) -> &'static str {
    match step {
        StepName::Restore => "Restore the snapshot into an empty, fenced folder",
        StepName::Compare => "Compare it with what was backed up",
        StepName::Rehearse => "Start the application on it and ask it a question",
        StepName::Destroy => "Destroy the restored copy",
    }
}
