//! Keeps the changes of databases: has them followed, ships what was followed, and removes what has had its time.

use std::{
    collections::{HashMap, HashSet},
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use avouch_statement::Slug;
use jiff::{SignedDuration, Timestamp};

use super::{Access, Backups, KeeperError, Outcome, Owner, SourceSettings, Spec, Who, chain, job};
use crate::{
    changes::{
        Follow, Word,
        postgres::FollowServer,
        reckoning::{Reckoning, boot},
        task::{Done, Task},
    },
    far::Place,
    repository::Finding,
    retention::SnapshotId,
    settings::Changes,
    source::Source,
};

mod letting_go;
mod shipping;

/// How long a follower that ended is left before the next begins.
const AGAIN: Duration = Duration::from_secs(2);

/// One that ends so soon after it began is left for twice as long as the one before.
const AT_ONCE: Duration = Duration::from_secs(10);

/// No follower is left for longer.
const LATEST: Duration = Duration::from_secs(300);

/// How often it is looked whether somebody new is to be followed.
const LOOK: Duration = Duration::from_secs(2);

/// A service that starts, or a tenant that is made, has its followers within this time.
const START: SignedDuration = SignedDuration::from_secs(30);

/// A generation lasts a day, so that restoring a moment never replays more.
const GENERATION: Duration = Duration::from_secs(24 * 3600);

/// After this time everything that is stored is read again.
const STALE: SignedDuration = SignedDuration::from_hours(24);

/// An owner's source.
type Which = (Owner, Slug);

/// What is going on about changes.
#[derive(Default)]
pub(super) struct Going {
    kept: Mutex<HashSet<Which>>,
    /// Since when followers have ended or shipments failed without one that succeeded, and why the last did.
    troubles: Mutex<HashMap<Which, (Timestamp, String)>>,
    busy: Mutex<HashMap<Owner, Arc<tokio::sync::Mutex<()>>>>,
    /// When a repository was read, whole and at all.
    read: Mutex<HashMap<(Owner, Slug), (Timestamp, Timestamp)>>,
}

impl Going {
    /// One job at a time at each owner's repositories of changes, which are others than those of its backups: a shipment
    /// does not wait for a backup.
    pub(super) fn lock(&self, owner: &Owner) -> Arc<tokio::sync::Mutex<()>> {
        Arc::clone(held(&self.busy).entry(owner.clone()).or_default())
    }
}

fn held<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Backups {
    /// Keeps the changes of every source that is to be followed, until it is dropped.
    pub async fn keep_changes(self: &Arc<Self>) {
        let mut tasks = tokio::task::JoinSet::new();
        for (owner, source) in self.followed_once() {
            let keeper = Arc::clone(self);
            tasks.spawn(async move { keeper.let_go(&owner, &source).await });
        }
        loop {
            for (owner, source, changes) in self.followed() {
                let which = (owner.clone(), source.name.clone());
                if held(&self.going.kept).insert(which.clone()) {
                    let (one, other) = (Arc::clone(self), Arc::clone(self));
                    let (ours, theirs) = (which.clone(), which);
                    tasks.spawn(async move { one.keep_following(&ours, changes).await });
                    tasks.spawn(async move { other.keep_shipping(&theirs, changes).await });
                }
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    /// What is wrong with following or shipping a source, if that is so for longer than a start takes.
    pub(crate) fn trouble(&self, owner: &Owner, source: &Slug) -> Option<String> {
        let troubles = held(&self.going.troubles);
        let (since, why) = troubles.get(&(owner.clone(), source.clone()))?;
        ((self.clock)().duration_since(*since) >= START).then(|| why.clone())
    }

    fn troubled(&self, which: &Which, why: String) {
        let now = (self.clock)();
        let mut troubles = held(&self.going.troubles);
        let (_, last) = troubles
            .entry(which.clone())
            .or_insert((now, String::new()));
        *last = why;
    }

    fn followed(&self) -> Vec<(Owner, SourceSettings, Changes)> {
        let all = self.owners().into_iter();
        all.flat_map(|owner| {
            let sources: Vec<_> = self.sources(&owner).cloned().collect();
            sources.into_iter().filter_map(move |source| {
                let changes = source.changes?;
                Some((owner.clone(), source, changes))
            })
        })
        .collect()
    }

    async fn keep_following(&self, which: &Which, changes: Changes) {
        let (owner, name) = which;
        let mut wait = AGAIN;
        while let Some(source) = self.still(which) {
            let begun = Instant::now();
            let ended = self.follow(owner, &source, changes).await;
            wait = rest(wait, begun.elapsed());
            if let Err(error) = ended {
                let why = chain(&error);
                let next = (self.clock)() + wait;
                tracing::warn!(%owner, source = %name, why, %next, "a database is not followed");
                self.troubled(which, format!("{why}; the next try is at {}", shown(next)));
            }
            tokio::time::sleep(wait).await;
        }
        held(&self.going.kept).remove(which);
    }

    async fn keep_shipping(&self, which: &Which, changes: Changes) {
        let (owner, name) = which;
        while let Some(source) = self.still(which) {
            tokio::time::sleep(pace(changes)).await;
            match self.ship(owner, &source, changes).await {
                Ok(0) => {}
                Ok(_) => {
                    held(&self.going.troubles).remove(which);
                }
                Err(error) => {
                    let why = chain(&error);
                    tracing::warn!(%owner, source = %name, why, "changes were not stored; it is tried again");
                    self.troubled(which, why);
                }
            }
        }
    }

    fn still(&self, (owner, name): &Which) -> Option<SourceSettings> {
        if !self.owners().contains(owner) {
            return None;
        }
        self.sources(owner)
            .find(|source| source.name == *name)
            .cloned()
    }

    /// Runs a follower to its end.
    async fn follow(
        &self,
        owner: &Owner,
        source: &SourceSettings,
        changes: Changes,
    ) -> Result<(), KeeperError> {
        let folder = self.changes_folder(owner, source);
        let mut write = vec![folder.clone()];
        let folder = folder.join(source.name.as_str());
        let (close_after, boot) = (pace(changes), boot().map(str::to_owned));
        let last = self
            .records
            .last_generation(&owner.to_string(), source.name.as_str())
            .await?;
        let spec = match self.resolve(owner, source) {
            Source::Sqlite { path } => {
                write.insert(0, self.jobs.data(owner));
                Spec::Follow {
                    follow: Follow {
                        database: path,
                        folder,
                        close_after,
                        generation: GENERATION,
                        last,
                        boot,
                    },
                }
            }
            Source::Postgres { server } => Spec::FollowServer {
                follow: FollowServer {
                    server,
                    folder,
                    close_after,
                    generation: GENERATION,
                    last,
                    boot,
                },
            },
            _ => return Err(KeeperError::Confused),
        };
        let access = Access {
            read: vec![],
            write,
        };
        let input = job::Input {
            spec,
            password: None,
        };
        self.jobs
            .run(follower(owner, source), access, input)
            .await?;
        Ok(())
    }

    /// By which clock times are noted now.
    pub(crate) fn reckoning(&self) -> Option<Reckoning> {
        Reckoning::of(boot()?, &|| (self.clock)())
    }

    /// Has somebody who is not the follower look whether it follows.
    pub(crate) async fn look_at_follower(
        &self,
        owner: &Owner,
        source: &SourceSettings,
    ) -> Result<Word, KeeperError> {
        let above = self.changes_folder(owner, source);
        let (folder, now) = (above.join(source.name.as_str()), (self.clock)());
        let mut read = vec![above];
        let task = match self.resolve(owner, source) {
            Source::Sqlite { path } => {
                read.insert(0, self.jobs.data(owner));
                Task::Look {
                    database: path,
                    folder,
                    now,
                }
            }
            Source::Postgres { server } => Task::LookServer {
                server,
                folder,
                now,
            },
            _ => return Err(KeeperError::Confused),
        };
        let access = Access {
            read,
            write: vec![],
        };
        match self
            .task(follower(owner, source), access, task, None)
            .await?
        {
            Done::Looked(word) => Ok(word),
            _ => Err(KeeperError::Confused),
        }
    }

    /// Reads what is stored of an owner's changes at a place: what is new, and once a day everything. What is wrong, which
    /// snapshots there are, and when everything was read last.
    pub(crate) async fn read_changes(
        &self,
        owner: &Owner,
        place: &Slug,
    ) -> Result<(Vec<Finding>, Vec<SnapshotId>, Timestamp), KeeperError> {
        let lock = self.going.lock(owner);
        let _held = lock.lock().await;
        let key = (owner.clone(), place.clone());
        let now = (self.clock)();
        let before = held(&self.going.read).get(&key).copied();
        let before = before.filter(|(whole, _)| now.duration_since(*whole).abs() < STALE);
        let repository = self.changes_repository(owner, place)?;
        let task = Task::Read {
            repository: Place::Folder(repository.clone()),
            since: before.map(|(_, last)| last),
        };
        let access = Access {
            read: vec![],
            write: vec![repository],
        };
        let Done::Read {
            findings, listed, ..
        } = self
            .task(Who::Jobs, access, task, Some((owner, place)))
            .await?
        else {
            return Err(KeeperError::Confused);
        };
        let whole = before.map_or(now, |(whole, _)| whole);
        // What is wrong is looked at whole again.
        if findings.is_empty() {
            held(&self.going.read).insert(key, (whole, now));
        } else {
            held(&self.going.read).remove(&key);
        }
        Ok((findings, listed, whole))
    }

    pub(super) async fn task(
        &self,
        who: Who,
        access: Access,
        task: Task,
        key: Option<(&Owner, &Slug)>,
    ) -> Result<Done, KeeperError> {
        let password = key
            .map(|(owner, place)| self.jobs.password(owner, place))
            .transpose()?;
        let input = job::Input {
            spec: Spec::Changes { task },
            password,
        };
        match self.jobs.run(who, access, input).await? {
            Outcome::Changes { done } => Ok(done),
            _ => Err(KeeperError::Confused),
        }
    }

    /// The destinations where a source's changes are stored: folders.
    pub(crate) fn places<'s>(&self, source: &'s SourceSettings) -> impl Iterator<Item = &'s Slug> {
        source.to.iter().filter(|place| {
            self.settings
                .destination(place)
                .is_none_or(|stated| stated.folder().is_some())
        })
    }

    /// The repository of an owner's changes, beside that of its backups. No owner's name has a dot in it.
    pub(super) fn changes_repository(
        &self,
        owner: &Owner,
        place: &Slug,
    ) -> Result<PathBuf, KeeperError> {
        let folder = self.folder(owner, place).ok_or(KeeperError::Confused)?;
        Ok(folder.with_file_name(format!("{owner}.changes")))
    }

    /// The folder of an owner's generations: beside its data, or, of a server, beside the repositories, where none of those
    /// whose data they are has a part in it.
    fn changes_folder(&self, owner: &Owner, source: &SourceSettings) -> PathBuf {
        match source.kind.is_in_a_folder() {
            true => self.jobs.data(owner).with_file_name("changes"),
            false => {
                let followed = self.jobs.backups().join(".followed");
                followed.join(format!("{owner}.{}", source.name))
            }
        }
    }
}

/// As whom a source is followed: a server is reached by the jobs' user alone.
fn follower(owner: &Owner, source: &SourceSettings) -> Who {
    match source.kind.is_in_a_folder() {
        true => Who::Owner(owner.clone()),
        false => Who::Jobs,
    }
}

/// How long the next follower waits, after one that was given so much time and lasted for so long.
fn rest(before: Duration, lasted: Duration) -> Duration {
    match lasted < AT_ONCE {
        true => (before * 2).min(LATEST),
        false => AGAIN,
    }
}

fn shown(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// How often files of a log are closed and shipped: several times within what may be lost, and not more than is needed.
fn pace(changes: Changes) -> Duration {
    let fifth = Duration::try_from(changes.lose_at_most.duration()).unwrap_or_default() / 5;
    fifth.clamp(Duration::from_secs(1), Duration::from_secs(60))
}
