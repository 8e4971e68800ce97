//! The steps of one drill, each timed.

use std::{
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use jiff::Timestamp;

use super::super::{
    Access, Backups, DrillProgress, KeeperError, Owner, Who, chain, sources::within,
};
use crate::{
    drill::{Drill, Step, StepName, complaint},
    job::{self, Outcome, Spec},
    records::Taken,
    settings::{DrillSettings, Kind},
};

impl Backups {
    /// Goes through the steps until one fails.
    pub(super) async fn steps(
        &self,
        owner: &Owner,
        settings: &DrillSettings,
        what: &Taken,
        scratch: &Path,
        drill: &mut Drill,
    ) {
        let restored = scratch.join("restored");
        let restoring = self.restore(owner, what, &restored, scratch);
        if !self.step(drill, StepName::Restore, restoring).await {
            return;
        }
        let mut compared = None;
        let comparing = async {
            let found = self.compare(settings, what, scratch).await?;
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
        for source in self.sources(owner) {
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
                self.restore(owner, other, &restored, scratch).await?;
            }
            let spec = Spec::Gather {
                restored,
                into: whole.clone(),
                within: within(source),
            };
            let access = Access {
                read: vec![],
                write: vec![scratch.to_owned()],
            };
            let input = job::Input {
                spec,
                password: None,
            };
            match self.jobs.run(Who::Jobs, access, input).await {
                Ok(Outcome::Gathered) => {}
                Ok(_) => return Err(KeeperError::Confused.to_string()),
                Err(error) => return Err(error.chain()),
            }
        }
        Ok(whole)
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
        what: &Taken,
        into: &Path,
        scratch: &Path,
    ) -> Result<String, String> {
        let destination = what
            .destination
            .parse()
            .map_err(|error: avouch_statement::BadSlug| error.to_string())?;
        let repository = self.repository(owner, &destination);
        let spec = Spec::Restore {
            repository: repository.clone(),
            snapshot: what.snapshot.id.clone(),
            into: into.to_owned(),
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
        what: &Taken,
        scratch: &Path,
    ) -> Result<job::Compared, String> {
        let kind = self
            .settings
            .sources
            .iter()
            .find(|s| s.name.as_str() == what.source)
            .map(|s| s.kind);
        let expect = if kind == Some(Kind::Sqlite) {
            settings.expect.clone()
        } else {
            vec![]
        };
        let spec = Spec::Compare {
            restored: scratch.join("restored"),
            manifest: what.manifest.clone(),
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
