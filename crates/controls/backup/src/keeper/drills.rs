//! Running drills, when they are due and when somebody asks.

use std::{
    path::Path,
    time::{Duration, Instant},
};

use jiff::Timestamp;

use super::{Access, Backups, DrillProgress, KeeperError, Owner, Who};
use crate::{
    drill::{Drill, Step, StepName, Verdict, complaint},
    job::{self, Outcome, Spec},
    records::Taken,
    settings::{DrillSettings, Kind},
};

impl Backups {
    /// Whether the owner's next drill is due: its first once there is something to restore, and another at the end of
    /// two thirds of the stated period, so that one that fails can be mended and repeated in time.
    pub(super) async fn drill_is_due(&self, owner: &Owner) -> Result<bool, KeeperError> {
        let Some(settings) = &self.settings.drill else {
            return Ok(false);
        };
        let now = (self.clock)();
        let name = owner.to_string();
        if self.records.snapshots(&name).await?.is_empty() {
            return Ok(false);
        }
        let drills = self.records.drills(&name).await?;
        let Some((newest, verdict)) = drills.first() else {
            return Ok(true);
        };
        let period = settings.every.duration();
        let wait = match verdict {
            Verdict::Passed => period / 3 * 2,
            // Not at once: a drill is work, and what made it fail is seldom gone by itself.
            Verdict::Slow | Verdict::Failed(_) => {
                (period / 30).min(jiff::SignedDuration::from_hours(24))
            }
        };
        Ok(now.duration_since(newest.started) >= wait)
    }

    /// Restores the newest snapshot of an owner into an empty fenced place, compares it, and starts the application on
    /// it. What came of it is recorded, whatever it is.
    ///
    /// # Errors
    ///
    /// If there is nothing to restore, or the records cannot be written. A drill that fails is not an error: its
    /// verdict says so.
    pub async fn drill(&self, owner: &Owner) -> Result<(Drill, Verdict), KeeperError> {
        let settings = self.settings.drill.as_ref().ok_or(KeeperError::NoDrill)?;
        let lock = self.lock(owner);
        let _held = lock.lock().await;
        let name = owner.to_string();
        let newest = self.records.snapshots(&name).await?.into_iter().next();
        let newest = newest.ok_or_else(|| KeeperError::Nothing(owner.clone()))?;
        let started = (self.clock)();
        let mut drill = Drill {
            id: format!("d{}", started.as_millisecond()),
            owner: name,
            source: newest.source.clone(),
            destination: newest.destination.clone(),
            started,
            snapshot: Some(newest.snapshot.id.clone()),
            taken: Some(newest.snapshot.taken),
            steps: Vec::new(),
            compared: None,
        };
        let scratch = self
            .jobs
            .scratch(&format!("drill-{owner}-{}", drill.id))
            .await?;
        self.steps(owner, settings, &newest, &scratch, &mut drill)
            .await;
        self.jobs.discard(scratch).await;
        self.progress.send_modify(|progress| progress.drill = None);
        let verdict = drill.verdict(settings.back_within, matches!(owner, Owner::Tenant(_)));
        self.records.add_drill(&drill, &verdict).await?;
        Ok((drill, verdict))
    }

    /// Goes through the steps until one fails.
    async fn steps(
        &self,
        owner: &Owner,
        settings: &DrillSettings,
        newest: &Taken,
        scratch: &Path,
        drill: &mut Drill,
    ) {
        let restored = scratch.join("restored");
        if !self
            .step(
                drill,
                StepName::Restore,
                self.restore(owner, newest, scratch),
            )
            .await
        {
            return;
        }
        let mut compared = None;
        let comparing = async {
            let found = self.compare(settings, newest, scratch).await?;
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
        // Avouch does not start itself on its own restored state.
        let Owner::Tenant(tenant) = owner else { return };
        if !same {
            return;
        }
        let data = restored.join(crate::manifest::DATA);
        self.step(
            drill,
            StepName::Rehearse,
            self.rehearsal.rehearse(tenant, &data),
        )
        .await;
    }

    /// Times one step and notes it; whether it succeeded.
    async fn step(
        &self,
        drill: &mut Drill,
        name: StepName,
        work: impl Future<Output = Result<String, String>>,
    ) -> bool {
        let started: Timestamp = (self.clock)();
        let (id, owner) = (drill.id.clone(), drill.owner.clone());
        let begun = drill.started;
        self.progress.send_modify(|progress| {
            progress.drill = Some(DrillProgress {
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

    async fn restore(
        &self,
        owner: &Owner,
        newest: &Taken,
        scratch: &Path,
    ) -> Result<String, String> {
        let destination = newest
            .destination
            .parse()
            .map_err(|error: avouch_statement::BadSlug| error.to_string())?;
        let repository = self.repository(owner, &destination);
        let spec = Spec::Restore {
            repository: repository.clone(),
            snapshot: newest.snapshot.id.clone(),
            into: scratch.join("restored"),
        };
        // The repository's folder is written to only by its lock.
        let access = Access {
            read: vec![],
            write: vec![repository, scratch.to_owned()],
        };
        let password = Some(
            self.jobs
                .password(owner, &destination)
                .map_err(|error| error.chain())?,
        );
        match self
            .jobs
            .run(Who::Jobs, access, job::Input { spec, password })
            .await
        {
            Ok(Outcome::Restored { files, bytes, .. }) => {
                Ok(format!("{bytes} bytes in {files} files from {destination}"))
            }
            Ok(_) => Err(KeeperError::Confused.to_string()),
            Err(error) => Err(error.chain()),
        }
    }

    async fn compare(
        &self,
        settings: &DrillSettings,
        newest: &Taken,
        scratch: &Path,
    ) -> Result<job::Compared, String> {
        let kind = self
            .settings
            .sources
            .iter()
            .find(|s| s.name.as_str() == newest.source)
            .map(|s| s.kind);
        let expect = if kind == Some(Kind::Sqlite) {
            settings.expect.clone()
        } else {
            vec![]
        };
        let spec = Spec::Compare {
            restored: scratch.join("restored"),
            manifest: newest.manifest.clone(),
            expect,
        };
        let access = Access {
            read: vec![],
            write: vec![scratch.to_owned()],
        };
        match self
            .jobs
            .run(
                Who::Jobs,
                access,
                job::Input {
                    spec,
                    password: None,
                },
            )
            .await
        {
            Ok(Outcome::Compared(compared)) => Ok(compared),
            Ok(_) => Err(KeeperError::Confused.to_string()),
            Err(error) => Err(error.chain()),
        }
    }
}
