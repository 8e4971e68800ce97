//! Keeps the promises about backups: runs what is due, removes what has ended, rehearses restores.
//!
//! Nothing here reads a tenant's data or opens a repository: that is done by confined processes, through [`Jobs`].

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
    time::Duration,
};

use avouch_evidence::Clock;
use avouch_statement::Slug;
use jiff::{SignedDuration, Timestamp, civil};
use serde::{Deserialize, Serialize};
use tokio::sync::watch;

use crate::{
    drill::{Book, Rehearsal, StepName},
    far::Place,
    job::{self, Outcome, Spec},
    records::{Records, Taken},
    retention,
    schedule::is_late,
    settings::{At, Kind, LOCAL, Settings, SourceSettings},
};

mod changes;
mod drills;
mod erasure;
mod error;
mod estimate;
mod examinations;
mod jobs;
mod moments;
mod removals;
mod restores;
mod room;
mod sources;
mod trials;

pub use error::KeeperError;
pub use jobs::{Access, Jobs, Owner, Who};
pub use moments::{Moment, Window};
pub use restores::{Plan, Restored};
pub use room::Room;
pub use sources::within;

/// How long after a failed run the same one is tried again.
const AGAIN: SignedDuration = SignedDuration::from_mins(5);

/// At least this often the keeper looks whether something is due, so that a clock that was set is noticed.
const LOOK: Duration = Duration::from_secs(30);

/// What is going on now.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Progress {
    /// Runs under way: whose, which source, since when.
    pub runs: Vec<(String, String, Timestamp)>,
    /// The drills under way: one of each owner at most.
    pub drills: Vec<DrillProgress>,
}

/// A drill under way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DrillProgress {
    /// Its name.
    pub id: String,
    /// Whose data.
    pub owner: String,
    /// When it began.
    pub started: Timestamp,
    /// What it is at.
    pub step: StepName,
}

/// Why a run is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Why {
    /// Its slot has come.
    Due,
    /// Somebody asked for it.
    Asked,
}

/// Keeps backups.
pub struct Backups {
    settings: Settings,
    jobs: Arc<dyn Jobs>,
    rehearsal: Arc<dyn Rehearsal>,
    book: Arc<dyn Book>,
    records: Records,
    clock: Clock,
    /// Whether the wall clock may be believed: nothing is pruned while it may not.
    steady: Arc<dyn Fn() -> bool + Send + Sync>,
    progress: watch::Sender<Progress>,
    busy: Mutex<HashMap<Owner, Arc<tokio::sync::Mutex<()>>>>,
    going: changes::Going,
}

impl Backups {
    /// A keeper for these settings.
    #[must_use]
    pub fn new(
        settings: Settings,
        jobs: Arc<dyn Jobs>,
        rehearsal: Arc<dyn Rehearsal>,
        book: Arc<dyn Book>,
        records: Records,
        clock: Clock,
        steady: Arc<dyn Fn() -> bool + Send + Sync>,
    ) -> Self {
        let (progress, _) = watch::channel(Progress::default());
        Self {
            settings,
            jobs,
            rehearsal,
            book,
            records,
            clock,
            steady,
            progress,
            busy: Mutex::default(),
            going: changes::Going::default(),
        }
    }

    /// What it keeps.
    #[must_use]
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// What it remembers.
    #[must_use]
    pub fn records(&self) -> &Records {
        &self.records
    }

    /// What is going on, as it goes on.
    #[must_use]
    pub fn progress(&self) -> watch::Receiver<Progress> {
        self.progress.subscribe()
    }

    /// Everybody whose data are backed up.
    #[must_use]
    pub fn owners(&self) -> Vec<Owner> {
        let mut owners: Vec<Owner> = self.jobs.tenants().into_iter().map(Owner::Tenant).collect();
        owners.push(Owner::Platform);
        owners.retain(|owner| self.sources(owner).next().is_some());
        owners
    }

    /// The sources of an owner.
    pub fn sources<'a>(
        &'a self,
        owner: &Owner,
    ) -> impl Iterator<Item = &'a SourceSettings> + use<'a> {
        let platform = *owner == Owner::Platform;
        self.settings
            .sources
            .iter()
            .filter(move |source| source.is_platform() == platform)
    }

    /// Does what is due, again and again, until it is dropped.
    pub async fn keep(&self) {
        loop {
            for owner in self.owners() {
                if let Err(error) = self.tick(&owner).await {
                    tracing::error!(%owner, error = %chain(&error), "a backup that is due was not done");
                }
            }
            tokio::time::sleep(self.until_due()).await;
        }
    }

    /// Does what is due for one owner now: runs that are due or were missed, removals, drills.
    ///
    /// # Errors
    ///
    /// The first that could not be done; the others were tried all the same.
    pub async fn tick(&self, owner: &Owner) -> Result<(), KeeperError> {
        let mut first = None;
        for source in self.sources(owner) {
            let result = match self.due(owner, source).await {
                Ok(Some(day)) => self.take(owner, source, day, Why::Due).await,
                Ok(None) => self.prune(owner, source).await,
                Err(error) => Err(error),
            };
            first = first.or(result.err());
        }
        first = first.or(self.drill_what_is_due(owner).await.err());
        first.map_or(Ok(()), Err)
    }

    /// Takes a backup of everything of an owner now, beside the schedule or for a slot that has none yet.
    ///
    /// # Errors
    ///
    /// If any source has no sound copy at any of its destinations.
    pub async fn run(&self, owner: &Owner) -> Result<(), KeeperError> {
        let mut any = false;
        for source in self.sources(owner) {
            any = true;
            let Some((day, _)) = source.at.due_before((self.clock)()) else {
                continue;
            };
            self.take(owner, source, day, Why::Asked).await?;
        }
        if any {
            Ok(())
        } else {
            Err(KeeperError::NoSource(owner.clone()))
        }
    }

    /// The place of an owner's repository at a destination.
    ///
    /// # Errors
    ///
    /// If what lets this service in there cannot be read.
    pub fn repository(&self, owner: &Owner, destination: &Slug) -> Result<Place, KeeperError> {
        if let Some(stated) = self.settings.destination(destination)
            && let At::Far { address, .. } = &stated.at
        {
            return Ok(Place::Far {
                destination: stated.name.clone(),
                address: address.clone(),
                repository: owner.to_string(),
                credential: self.jobs.credential(stated)?,
            });
        }
        self.folder(owner, destination)
            .map(Place::Folder)
            .ok_or(KeeperError::Confused)
    }

    /// The folder of an owner's repository at a destination, if that is on this machine.
    fn folder(&self, owner: &Owner, destination: &Slug) -> Option<PathBuf> {
        let folder = match self.settings.destination(destination) {
            None => Path::new(LOCAL),
            Some(stated) => stated.folder()?,
        };
        Some(self.jobs.backups().join(folder).join(owner.to_string()))
    }

    /// The day whose run is due now, if one is.
    async fn due(
        &self,
        owner: &Owner,
        source: &SourceSettings,
    ) -> Result<Option<civil::Date>, KeeperError> {
        let now = (self.clock)();
        let taken = self.records.snapshots(&owner.to_string()).await?;
        // A day is served when every destination has it.
        let served = |place: &Slug| {
            let of_it = taken
                .iter()
                .filter(|t| t.source == source.name.as_str() && t.destination == place.as_str());
            of_it
                .filter(|t| t.snapshot.taken <= now)
                .map(|t| t.snapshot.day)
                .max()
        };
        let last = source.to.iter().map(served).min().flatten();
        let Some(due) = source.at.next_due(last, now).filter(|due| due.now) else {
            return Ok(None);
        };
        let newest = self
            .records
            .newest_run(&owner.to_string(), source.name.as_str())
            .await?;
        let recent = newest.is_some_and(|run| {
            run.day == due.day
                && run.failure.is_some()
                && now.duration_since(run.started).abs() < AGAIN
        });
        Ok((!recent).then_some(due.day))
    }

    /// Reads a source once, stores it at every destination, reads it back, and removes what has ended.
    async fn take(
        &self,
        owner: &Owner,
        source: &SourceSettings,
        day: civil::Date,
        why: Why,
    ) -> Result<(), KeeperError> {
        let lock = self.lock(owner);
        let _held = lock.lock().await;
        let started = (self.clock)();
        let late = source.at.on(day).is_some_and(|slot| is_late(slot, started));
        let (name, of) = (owner.to_string(), source.name.to_string());
        let run = self.records.begin(&name, &of, day, started, late).await?;
        self.progress
            .send_modify(|progress| progress.runs.push((name.clone(), of.clone(), started)));
        let result = self
            .read_and_store(owner, source, day, started, run, why)
            .await;
        self.progress
            .send_modify(|progress| progress.runs.retain(|(o, s, _)| (o, s) != (&name, &of)));
        let failure = result.as_ref().err().map(|error| chain(error));
        let fault = result.as_ref().err().and_then(KeeperError::fault);
        self.records
            .end(run, (self.clock)(), failure.as_deref(), fault.as_ref())
            .await?;
        result?;
        drop(_held);
        self.prune(owner, source).await
    }

    async fn read_and_store(
        &self,
        owner: &Owner,
        source: &SourceSettings,
        day: civil::Date,
        taken: Timestamp,
        run: i64,
        why: Why,
    ) -> Result<(), KeeperError> {
        let scratch = self
            .jobs
            .scratch(&format!("backup-{owner}-{}-{run}", source.name))
            .await?;
        let result = self
            .stages(owner, source, day, taken, run, why, &scratch)
            .await;
        self.clear(scratch).await;
        result
    }

    #[expect(clippy::too_many_arguments, reason = "one run is just these facts")]
    async fn stages(
        &self,
        owner: &Owner,
        source: &SourceSettings,
        day: civil::Date,
        taken: Timestamp,
        run: i64,
        why: Why,
        scratch: &std::path::Path,
    ) -> Result<(), KeeperError> {
        // What is not in its owner's data folder is read by the jobs' user: an owner's application has no part in it.
        let (who, mut write) = match (&source.kind, owner) {
            (Kind::Sqlite { .. } | Kind::Files { .. }, _)
            | (Kind::Command(_), Owner::Tenant(_)) => {
                (Who::Owner(owner.clone()), vec![self.jobs.data(owner)])
            }
            (Kind::Command(_) | Kind::Postgres(_) | Kind::Mariadb(_), _) => (Who::Jobs, vec![]),
        };
        write.push(scratch.to_owned());
        let access = Access {
            read: vec![],
            write,
        };
        let spec = Spec::Snapshot {
            source: self.resolve(owner, source),
            into: scratch.join("copy"),
            taken,
        };
        self.jobs
            .run(
                who,
                access,
                job::Input {
                    spec,
                    password: None,
                },
            )
            .await?;

        let known = self.records.snapshots(&owner.to_string()).await?;
        let mut failed = Vec::new();
        for destination in &source.to {
            // When one destination fails and the run is repeated, the others keep what they have.
            if why == Why::Due && of(&known, source, destination).any(|t| t.snapshot.day == day) {
                continue;
            }
            let stored = self
                .store(owner, source, day, taken, run, destination, scratch, &known)
                .await;
            if let Err(error) = stored {
                failed.push((destination.to_string(), chain(&error)));
            }
        }
        let Some((_, why)) = failed.first() else {
            return Ok(());
        };
        let places: Vec<&str> = failed.iter().map(|(place, _)| place.as_str()).collect();
        Err(KeeperError::Incomplete {
            places: places.join(", "),
            why: why.clone(),
        })
    }

    #[expect(
        clippy::too_many_arguments,
        reason = "one run at one destination is just these facts"
    )]
    async fn store(
        &self,
        owner: &Owner,
        source: &SourceSettings,
        day: civil::Date,
        taken: Timestamp,
        run: i64,
        destination: &Slug,
        scratch: &std::path::Path,
        known: &[Taken],
    ) -> Result<(), KeeperError> {
        let repository = self.repository(owner, destination)?;
        let there: Vec<_> = of(known, source, destination)
            .map(|t| t.snapshot.clone())
            .collect();
        let spec = Spec::Store {
            staged: scratch.join("copy"),
            repository: repository.clone(),
            owner: owner.to_string(),
            source: source.name.to_string(),
            day,
            grades: retention::grades(day, &source.keep, &there, taken),
        };
        let access = Access {
            read: vec![],
            write: [vec![scratch.to_owned()], repository.folders()].concat(),
        };
        let password = Some(self.jobs.password(owner, destination)?);
        match self
            .jobs
            .run(Who::Jobs, access, job::Input { spec, password })
            .await?
        {
            Outcome::Stored {
                snapshot,
                rows,
                changes,
            } => {
                let now = (self.clock)();
                self.records
                    .add(run, destination.as_str(), &snapshot, rows, changes, now)
                    .await?;
                Ok(())
            }
            _ => Err(KeeperError::Confused),
        }
    }

    /// Removes a scratch folder; one that is left is removed with the next of its name.
    async fn clear(&self, scratch: PathBuf) {
        if let Err(error) = self.jobs.discard(scratch).await {
            tracing::warn!(error = %chain(&error), "a scratch folder was left behind");
        }
    }

    /// One run at a time for each owner, and so for each repository.
    fn lock(&self, owner: &Owner) -> Arc<tokio::sync::Mutex<()>> {
        let mut busy = self
            .busy
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        Arc::clone(busy.entry(owner.clone()).or_default())
    }

    /// How long nothing can become due.
    fn until_due(&self) -> Duration {
        let now = (self.clock)();
        let next = self
            .settings
            .sources
            .iter()
            .filter_map(|source| Some(source.at.due_after(now)?.1))
            .min();
        let wait = next.and_then(|slot| Duration::try_from(slot.duration_since(now)).ok());
        wait.map_or(LOOK, |wait| wait.min(LOOK))
    }
}

fn of<'t>(
    known: &'t [Taken],
    source: &SourceSettings,
    destination: &Slug,
) -> impl Iterator<Item = &'t Taken> {
    let (source, destination) = (source.name.to_string(), destination.to_string());
    known
        .iter()
        .filter(move |t| t.source == source && t.destination == destination)
}

/// An error with its causes, on one line.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}
