//! Restoring for somebody who needs the data: planned first, then done up to the point where the data change places.
//!
//! What changes places with what, and when the application runs, is the caller's; nothing here writes to a tenant's data.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use avouch_statement::Slug;
use serde::Serialize;
use tokio::sync::OwnedMutexGuard;

use super::{
    Access, Backups, KeeperError, Moment, Outcome, Owner, SourceSettings, Spec, Who, job,
    sources::within,
};
use crate::{
    drill::{Choice, StepName, complaint},
    job::Compared,
    manifest::Engine,
    records::Taken,
    settings::Kind,
};

/// What a restore would bring back, and from where.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Plan {
    /// The source.
    pub source: Slug,
    /// The snapshot, and the destination it is read from.
    pub what: Taken,
    /// What it would take the place of.
    pub place: String,
    /// Whether it can be put there.
    pub into_place: bool,
    /// How long reading it back and comparing it took in the last drill of this source, if there was one.
    pub measured: Option<Duration>,
    /// The moment, if it is a moment that is restored and not a snapshot.
    pub moment: Option<Moment>,
}

/// Restored data that were compared with their manifest, in a scratch folder. The owner's backups wait until it is given
/// back with [`Backups::done_with`].
#[must_use]
pub struct Restored {
    /// The restored files, by their names within the source.
    pub data: PathBuf,
    /// What the comparison found.
    pub compared: Compared,
    /// What it was restored from in place of what was planned, in words, if that is so.
    pub instead: Option<String>,
    scratch: PathBuf,
    _held: OwnedMutexGuard<()>,
}

impl Restored {
    /// Where something that is to be destroyed with the copy can be put.
    #[must_use]
    pub fn place_to_leave(&self) -> PathBuf {
        self.scratch.join("left")
    }
}

impl Backups {
    /// What a restore of one source would do; without a name, of the only one there is.
    ///
    /// # Errors
    ///
    /// If there is no such source or snapshot, or the records cannot be read.
    pub async fn plan_restore(
        &self,
        owner: &Owner,
        source: Option<&str>,
        choice: &Choice,
    ) -> Result<Plan, KeeperError> {
        let sources: Vec<&SourceSettings> = self
            .sources(owner)
            .filter(|one| source.is_none_or(|name| one.name.as_str() == name))
            .collect();
        let source = match sources.as_slice() {
            [only] => *only,
            [] => return Err(KeeperError::NoSource(owner.clone())),
            several => {
                let names: Vec<String> = several.iter().map(|one| one.name.to_string()).collect();
                return Err(KeeperError::WhichSource(names.join(", ")));
            }
        };
        let (what, _) = self.choose(owner, source, choice).await?;
        let drills = self.drills_of(owner, source).await?;
        let measured = drills.iter().find_map(|(drill, _)| {
            let step = |name| drill.steps.iter().find(|step| step.name == name);
            Some(step(StepName::Restore)?.took + step(StepName::Compare)?.took)
        });
        Ok(Plan {
            source: source.name.clone(),
            what,
            place: self.resolve(owner, source).place(),
            into_place: source.kind.is_in_a_folder(),
            measured,
            moment: None,
        })
    }

    /// Reads the planned snapshot back, verifies it, writes it into a scratch folder, and compares it with what was backed
    /// up.
    ///
    /// # Errors
    ///
    /// If any of that does not come out well; nothing is left behind then.
    pub async fn restore(&self, owner: &Owner, plan: &Plan) -> Result<Restored, KeeperError> {
        let held = self.lock(owner).lock_owned().await;
        let scratch = self.jobs.scratch(&format!("restore-{owner}")).await?;
        let into = scratch.join("restored");
        let compared = async {
            if let Some(moment) = &plan.moment {
                return self.restore_moment(owner, plan, moment, &scratch).await;
            }
            self.restored(owner, &plan.what, &into, &scratch).await?;
            let compared = self.compare(&[], &plan.what, &scratch).await?;
            match complaint(&compared) {
                Some(why) => Err(KeeperError::Differs(why)),
                None => Ok((compared, None)),
            }
        };
        match compared.await {
            Ok((compared, instead)) => Ok(Restored {
                data: into.join(crate::manifest::DATA),
                compared,
                instead,
                scratch,
                _held: held,
            }),
            Err(error) => {
                self.clear(scratch).await;
                Err(error)
            }
        }
    }

    /// Puts restored data together with what lies beside their source in the owner's folder, which nobody may write to
    /// meanwhile; the folder that holds all of it, and how many files were beside.
    ///
    /// # Errors
    ///
    /// If anything cannot be read or written.
    pub async fn complete(
        &self,
        owner: &Owner,
        plan: &Plan,
        restored: &Restored,
    ) -> Result<(PathBuf, u64), KeeperError> {
        let source = self
            .sources(owner)
            .find(|one| one.name == plan.source)
            .ok_or_else(|| KeeperError::NoSource(owner.clone()))?;
        let whole = restored.scratch.join("whole");
        let who = Who::Owner(owner.clone());
        let spec = Spec::Beside {
            data: self.jobs.data(owner),
            source: self.resolve(owner, source),
            into: whole.clone(),
        };
        let access = Access {
            read: vec![],
            write: vec![restored.scratch.clone(), self.jobs.data(owner)],
        };
        let input = job::Input {
            spec,
            password: None,
        };
        let Outcome::Gathered { beside } = self.jobs.run(who.clone(), access, input).await? else {
            return Err(KeeperError::Confused);
        };
        let from = restored.scratch.join("restored");
        self.gather(who, from, &whole, source, &restored.scratch)
            .await?;
        Ok((whole, beside))
    }

    /// Removes the scratch folder of a restore, and lets the owner's backups go on.
    ///
    /// # Errors
    ///
    /// If it cannot be removed.
    pub async fn done_with(&self, restored: Restored) -> Result<(), KeeperError> {
        Ok(self.jobs.discard(restored.scratch).await?)
    }

    /// Moves restored data to where they belong within `whole`.
    pub(super) async fn gather(
        &self,
        who: Who,
        restored: PathBuf,
        whole: &Path,
        source: &SourceSettings,
        scratch: &Path,
    ) -> Result<(), KeeperError> {
        let spec = Spec::Gather {
            restored,
            into: whole.to_owned(),
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
        match self.jobs.run(who, access, input).await? {
            Outcome::Gathered { .. } => Ok(()),
            _ => Err(KeeperError::Confused),
        }
    }

    /// Verifies a snapshot and writes it into the empty folder `into`, beneath `scratch`; files and bytes.
    pub(super) async fn restored(
        &self,
        owner: &Owner,
        what: &Taken,
        into: &Path,
        scratch: &Path,
    ) -> Result<(u64, u64), KeeperError> {
        let destination = what
            .destination
            .parse()
            .map_err(|_| KeeperError::NoSuch(owner.clone()))?;
        let repository = self.repository(owner, &destination)?;
        let spec = Spec::Restore {
            repository: repository.clone(),
            snapshot: what.snapshot.id.clone(),
            into: into.to_owned(),
        };
        // The repository's folder is written to only by its lock.
        let access = Access {
            read: vec![],
            write: [repository.folders(), vec![scratch.to_owned()]].concat(),
        };
        let password = Some(self.jobs.password(owner, &destination)?);
        let input = job::Input { spec, password };
        match self.jobs.run(Who::Jobs, access, input).await? {
            Outcome::Restored { files, bytes, .. } => Ok((files, bytes)),
            _ => Err(KeeperError::Confused),
        }
    }

    /// Compares what was restored with what was backed up, and asks it questions.
    pub(super) async fn compare(
        &self,
        expect: &[String],
        what: &Taken,
        scratch: &Path,
    ) -> Result<Compared, KeeperError> {
        let source = self
            .settings
            .sources
            .iter()
            .find(|source| source.name.as_str() == what.source);
        let engine = match source.map(|source| &source.kind) {
            Some(Kind::Postgres(_)) => Some(Engine::Postgres),
            Some(Kind::Mariadb(_)) => Some(Engine::Mariadb),
            Some(Kind::Sqlite { .. } | Kind::Files { .. } | Kind::Command(_)) | None => None,
        };
        let spec = Spec::Compare {
            restored: scratch.join("restored"),
            manifest: what.manifest.clone(),
            expect: expect.to_vec(),
            engine,
        };
        let access = Access {
            read: vec![],
            write: vec![scratch.to_owned()],
        };
        let input = job::Input {
            spec,
            password: None,
        };
        match self.jobs.run(Who::Jobs, access, input).await? {
            Outcome::Compared(compared) => Ok(compared),
            _ => Err(KeeperError::Confused),
        }
    }
}
