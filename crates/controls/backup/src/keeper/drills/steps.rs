//! The steps of one drill, each timed.

use std::{
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use jiff::Timestamp;

use super::super::{Backups, DrillProgress, Owner, Who, chain};
use super::rehearsed;
use crate::{
    drill::{Drill, Step, StepName, complaint},
    records::Taken,
    settings::SourceSettings,
};

impl Backups {
    /// Goes through the steps until one fails.
    pub(super) async fn steps(
        &self,
        owner: &Owner,
        source: &SourceSettings,
        what: &Taken,
        scratch: &Path,
        drill: &mut Drill,
    ) {
        let stated = self.settings.drill.as_ref();
        let questions = source
            .kind
            .questions(stated.map_or(&[], |drill| &drill.expect));
        let restored = scratch.join("restored");
        let restoring = async {
            let bytes = self.restored(owner, what, &restored, scratch).await;
            bytes
                .map(|(files, bytes)| {
                    format!("{bytes} bytes in {files} files from {}", what.destination)
                })
                .map_err(|error| chain(&error))
        };
        if !self.step(drill, StepName::Restore, restoring).await {
            return;
        }
        let mut compared = None;
        let comparing = async {
            let found = self
                .compare(questions, what, scratch)
                .await
                .map_err(|error| chain(&error))?;
            let said = complaint(&found).map_or_else(
                || {
                    Ok(format!(
                        "the same as when it was taken: rows {}, files {}",
                        found.rows, found.files
                    ))
                },
                Err,
            );
            compared = Some(found);
            said
        };
        let same = self.step(drill, StepName::Compare, comparing).await;
        drill.compared = compared;
        if same {
            self.start(owner, source, what, scratch, drill).await;
        }
    }

    /// Starts the application on what was restored, where it is the application's.
    pub(super) async fn start(
        &self,
        owner: &Owner,
        source: &SourceSettings,
        what: &Taken,
        scratch: &Path,
        drill: &mut Drill,
    ) {
        // Avouch does not start itself on its own restored state.
        let Owner::Tenant(tenant) = owner else { return };
        if !rehearsed(owner, source) {
            return;
        }
        let rehearsing = async {
            let whole = self.gathered(owner, what, scratch).await?;
            self.rehearsal.rehearse(tenant, &whole).await
        };
        self.step(drill, StepName::Rehearse, rehearsing).await;
    }

    /// Destroys the restored copy, and looks that it is gone.
    pub(super) async fn destroy(&self, drill: &mut Drill, scratch: PathBuf) {
        let destroying = async {
            let removed = self.jobs.discard(scratch).await;
            removed
                .map(|()| "the restored copy is gone".to_owned())
                .map_err(|error| error.chain())
        };
        self.step(drill, StepName::Destroy, destroying).await;
    }

    /// The owner's data as the application has them: what was restored, and beside it the newest of each other source.
    async fn gathered(
        &self,
        owner: &Owner,
        what: &Taken,
        scratch: &Path,
    ) -> Result<PathBuf, String> {
        let whole = scratch.join("whole");
        let kept = self
            .records
            .snapshots(&owner.to_string())
            .await
            .map_err(|error| chain(&error))?;
        for source in self.sources(owner).filter(|one| one.kind.is_in_a_folder()) {
            let mut restored = scratch.join("restored");
            if source.name.as_str() != what.source {
                let mut of_it = kept.iter().filter(|t| t.source == source.name.as_str());
                let other = of_it
                    .clone()
                    .find(|t| t.destination == what.destination)
                    .or_else(|| of_it.next())
                    .ok_or_else(|| {
                        format!("there is no snapshot of `{}` to put beside it", source.name)
                    })?;
                restored = scratch.join(format!("beside-{}", source.name));
                self.restored(owner, other, &restored, scratch)
                    .await
                    .map_err(|error| chain(&error))?;
            }
            self.gather(Who::Jobs, restored, &whole, source, scratch)
                .await
                .map_err(|error| chain(&error))?;
        }
        Ok(whole)
    }

    /// Times one step and notes it; whether it succeeded.
    pub(super) async fn step(
        &self,
        drill: &mut Drill,
        name: StepName,
        work: impl Future<Output = Result<String, String>>,
    ) -> bool {
        let started: Timestamp = (self.clock)();
        let (id, owner) = (drill.id.clone(), drill.owner.clone());
        let begun = drill.started;
        self.progress.send_modify(|progress| {
            progress.drills.retain(|other| other.owner != drill.owner);
            progress.drills.push(DrillProgress {
                id,
                owner,
                started: begun,
                step: name,
            })
        });
        let before = Instant::now();
        let outcome = work.await;
        let took: Duration = before.elapsed();
        let well = outcome.is_ok();
        drill.steps.push(Step {
            name,
            started,
            took,
            outcome,
        });
        well
    }
}
