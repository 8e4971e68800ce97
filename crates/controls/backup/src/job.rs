//! What one confined process does: a specification and perhaps a key in, an outcome out.
//!
//! A backup has two stages, so that no process can both read a tenant's data and open its repositories: the first runs
//! as the tenant and sees its data folder and an empty scratch folder; the second runs as the jobs user and sees that
//! scratch folder and one repository.

use std::path::{Path, PathBuf};

use jiff::{Timestamp, civil};
use serde::{Deserialize, Serialize};

use crate::{
    changes::{
        Follow,
        postgres::FollowServer,
        task::{self, Done, Task},
    },
    far::{Dial, Place, PublicKey, Site},
    manifest::{self, Changes, Engine},
    repository::{Finding, Label, Listed, Password, Repository, RepositoryError, Shelves},
    retention::{self, Grade, Rule, Snapshot, SnapshotId},
    schedule::At,
    source::{self, Source, SourceFault},
};

mod attempt;
mod compare;
mod error;
mod examine;
mod room;

pub use attempt::Attempted;
pub use compare::Compared;
pub use error::JobError;
pub use examine::{Examination, fingerprint};

/// At most this many findings or differences are reported: an outcome must fit a message.
const MOST: usize = 50;

/// What a job is to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "job", rename_all = "kebab-case")]
pub enum Spec {
    /// Copy a source, consistent at one instant, into an empty folder. As the tenant; no key.
    Snapshot {
        /// What to read.
        source: Source,
        /// The empty scratch folder.
        into: PathBuf,
        /// Now.
        taken: Timestamp,
    },
    /// Store what was staged, and read it back. As the jobs user; the repository's key.
    Store {
        /// The scratch folder.
        staged: PathBuf,
        /// The repository.
        repository: Place,
        /// Whose data it is.
        owner: String,
        /// The name of the source.
        source: String,
        /// The day of the slot that is served.
        day: civil::Date,
        /// The grades it is given.
        grades: Vec<Grade>,
    },
    /// List a repository. The repository's key.
    List {
        /// The repository.
        repository: Place,
    },
    /// Delete what retention has ended for. The repository's key.
    Prune {
        /// The repository.
        repository: Place,
        /// The name of the source.
        source: String,
        /// How long each grade is kept.
        rule: Rule,
        /// The schedule that days are counted by.
        at: At,
        /// Now.
        now: Timestamp,
        /// Snapshots known to have been read back.
        verified: Vec<SnapshotId>,
        /// Delete just this one, if it may go; otherwise say until when it is kept.
        only: Option<SnapshotId>,
    },
    /// Verify one snapshot and write it into an empty folder. The repository's key.
    Restore {
        /// The repository.
        repository: Place,
        /// Which, or its beginning.
        snapshot: SnapshotId,
        /// The empty folder.
        into: PathBuf,
    },
    /// Compare restored data with its manifest and ask it the stated questions. No key.
    Compare {
        /// The folder that was restored into.
        restored: PathBuf,
        /// The digest that the snapshot is labelled with.
        manifest: String,
        /// Questions of one `select` each, asked of every database.
        expect: Vec<String>,
        /// The server that a dump among the data is of; a fresh one is started for it.
        #[serde(default)]
        engine: Option<Engine>,
    },
    /// Put restored data where they belong within a folder that gathers an owner's data. No key.
    Gather {
        /// The folder that was restored into; its data go away from it.
        restored: PathBuf,
        /// The gathering folder.
        into: PathBuf,
        /// Where within it; empty for its top.
        within: PathBuf,
    },
    /// Copy what lies beside a source in its owner's data folder. As the tenant; no key.
    Beside {
        /// The data folder.
        data: PathBuf,
        /// The source that is left out.
        source: Source,
        /// The gathering folder.
        into: PathBuf,
    },
    /// Read a repository through, and try its encryption on a copy. The repository's key.
    Examine {
        /// The repository.
        repository: Place,
        /// An empty scratch folder.
        scratch: PathBuf,
        /// Packs on these shelves are not read while they are as they were; without it, everything is read.
        #[serde(default)]
        settled: Option<Shelves>,
    },
    /// Say whether anything about a repository's files changed. No key.
    Fingerprint {
        /// The repository.
        repository: Place,
    },
    /// Try to take from a keeper what it keeps, and have it sign what it has. No key.
    Attempt {
        /// The repository.
        repository: Place,
        /// The key that the keeper signs with.
        key: PublicKey,
    },
    /// Follow a database until that does not go on; see [`crate::changes::follow`], which is its entry. As the tenant; no
    /// key.
    Follow {
        /// Which, and how.
        follow: Follow,
    },
    /// The same with a server; see [`crate::changes::postgres::follow`], which is its entry. As the jobs' user; no key.
    FollowServer {
        /// Which, and how.
        follow: FollowServer,
    },
    /// Something else about changes.
    Changes {
        /// What.
        task: Task,
    },
}

impl Spec {
    /// The repository that it works at.
    #[must_use]
    pub fn place(&self) -> Option<&Place> {
        match self {
            Self::Store { repository, .. }
            | Self::List { repository }
            | Self::Prune { repository, .. }
            | Self::Restore { repository, .. }
            | Self::Examine { repository, .. }
            | Self::Fingerprint { repository }
            | Self::Attempt { repository, .. } => Some(repository),
            Self::Changes { task } => task.place(),
            Self::Snapshot { .. }
            | Self::Follow { .. }
            | Self::FollowServer { .. }
            | Self::Compare { .. }
            | Self::Gather { .. }
            | Self::Beside { .. } => None,
        }
    }
}

/// What a job process reads from its standard input, as one JSON object.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Input {
    /// What to do.
    pub spec: Spec,
    /// The key of the repository, for jobs that open one.
    pub password: Option<Password>,
}

/// What a job process writes to its standard output, as one JSON object.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Answer {
    /// It was done.
    Done(Outcome),
    /// It was not.
    Failed {
        /// Why, for the operator: with causes, without secrets.
        message: String,
        /// Whether it may be tried again as it is.
        retry: bool,
        /// What is wrong with the source, if that is why.
        #[serde(default)]
        fault: Option<SourceFault>,
    },
}

/// What came of a job.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "kebab-case")]
pub enum Outcome {
    /// A source was read.
    Staged {
        /// Files.
        files: u64,
        /// Bytes in them.
        bytes: u64,
        /// Rows in all tables.
        rows: u64,
        /// The manifest's digest.
        manifest: String,
    },
    /// A snapshot was stored, and every byte of it read back.
    Stored {
        /// It.
        snapshot: Listed,
        /// Rows in it.
        rows: u64,
        /// What differs from the snapshot before; `None` for the first.
        changes: Option<Changes>,
    },
    /// What there is.
    Listed {
        /// Oldest first.
        snapshots: Vec<Listed>,
    },
    /// What retention has ended for is gone.
    Pruned {
        /// What was deleted.
        removed: Vec<SnapshotId>,
        /// What is left, oldest first.
        left: Vec<Listed>,
    },
    /// A snapshot was verified and written out.
    Restored {
        /// Which.
        snapshot: Listed,
        /// Files.
        files: u64,
        /// Bytes in them.
        bytes: u64,
    },
    /// Restored data was compared; sound if nothing is listed and every question was answered by yes.
    Compared(Compared),
    /// Data were put where they belong.
    Gathered {
        /// How many files, beside those that were restored.
        beside: u64,
    },
    /// A repository was read through.
    Examined(Examination),
    /// The state of a repository's files.
    Fingerprint {
        /// Of names, sizes and times.
        digest: String,
        /// Their size together.
        bytes: u64,
        /// Bytes that can still be written beside them, if that is known.
        free: Option<u64>,
    },
    /// What a keeper let itself be made to do, and what it says.
    Attempted(Attempted),
    /// What came of a task about changes.
    Changes {
        /// That.
        done: Done,
    },
}

/// Does one job. Repositories are read and written on this thread: it is the only work of its process.
///
/// # Errors
///
/// By whose fault it is; see [`JobError`].
pub async fn run(
    spec: Spec,
    password: Option<&Password>,
    dial: Option<&Dial>,
) -> Result<Outcome, JobError> {
    let there = |place: &Place| place.site(dial).map_err(RepositoryError::from);
    let key = || password.ok_or(JobError::NoKey);
    match spec {
        Spec::Snapshot {
            source,
            into,
            taken,
        } => {
            let manifest = source::stage(&source, &into, taken).await?;
            Ok(Outcome::Staged {
                files: manifest.files.len() as u64,
                bytes: manifest.bytes(),
                rows: manifest.rows(),
                manifest: manifest.digest(),
            })
        }
        Spec::Store {
            staged,
            repository,
            owner,
            source,
            day,
            grades,
        } => {
            let manifest = source::read(&staged.join(manifest::FILE))?;
            let label = Label {
                owner,
                source,
                taken: manifest.taken,
                day,
                grades,
                manifest: manifest.digest(),
            };
            store(
                &staged,
                &opened(&there(&repository)?, key()?)?,
                &label,
                &manifest,
            )
        }
        Spec::List { repository } => Ok(Outcome::Listed {
            snapshots: list(&Repository::open(&there(&repository)?, key()?)?, None)?,
        }),
        Spec::Prune {
            repository,
            source,
            rule,
            at,
            now,
            verified,
            only,
        } => {
            let repository = Repository::open(&there(&repository)?, key()?)?;
            let facts: Vec<Snapshot> = list(&repository, Some(&source))?
                .iter()
                .map(|s| facts(s, verified.contains(&s.id)))
                .collect();
            let decisions = retention::plan(&facts, &rule, &at, now);
            let proofs = match only {
                Some(id) => vec![retention::request(&id, &decisions)?],
                None => retention::removable(&decisions).cloned().collect(),
            };
            repository.remove(&proofs)?;
            let removed = proofs.iter().map(|proof| proof.id().clone()).collect();
            Ok(Outcome::Pruned {
                removed,
                left: list(&repository, None)?,
            })
        }
        Spec::Restore {
            repository,
            snapshot,
            into,
        } => {
            let repository = Repository::open(&there(&repository)?, key()?)?;
            let verified = repository.verify(repository.find(&snapshot)?)?;
            let restored = repository.restore(&verified, &into)?;
            let snapshot = verified.listed().clone();
            Ok(Outcome::Restored {
                snapshot,
                files: restored.files,
                bytes: restored.bytes,
            })
        }
        Spec::Compare {
            restored,
            manifest,
            expect,
            ..
        } => compare::compare(&restored, &manifest, &expect).await,
        Spec::Gather {
            restored,
            into,
            within,
        } => {
            source::gather(&restored.join(manifest::DATA), &into.join(within))?;
            Ok(Outcome::Gathered { beside: 0 })
        }
        Spec::Beside { data, source, into } => {
            let beside = source::beside(&data, &source, &into)?;
            Ok(Outcome::Gathered { beside })
        }
        Spec::Examine {
            repository,
            scratch,
            settled,
        } => examine::examine(&there(&repository)?, &scratch, settled.as_ref(), key()?)
            .map(Outcome::Examined),
        Spec::Fingerprint { repository } => {
            let site = there(&repository)?;
            let (digest, bytes) = fingerprint(&site)?;
            Ok(Outcome::Fingerprint {
                digest,
                bytes,
                free: room::free(&repository, &site),
            })
        }
        Spec::Attempt { repository, key } => {
            attempt::attempt(&there(&repository)?, &key).map(Outcome::Attempted)
        }
        Spec::Follow { .. } | Spec::FollowServer { .. } => Err(JobError::NoClock),
        Spec::Changes { task } => {
            let done = task::run(task, password, dial).await?;
            Ok(Outcome::Changes { done })
        }
    }
}

/// The repository to store in, which is made if there is none. A keeper is given its password, to verify and prune with.
fn opened(site: &Site, password: &Password) -> Result<Repository, RepositoryError> {
    let repository = Repository::open_or_init(site, password)?;
    if let Some(store) = repository.store_there() {
        store.entrust(password)?;
    }
    Ok(repository)
}

/// What retention needs to know of a listed snapshot.
#[must_use]
pub fn facts(listed: &Listed, verified: bool) -> Snapshot {
    Snapshot {
        id: listed.id.clone(),
        taken: listed.label.taken,
        day: listed.label.day,
        grades: listed.label.grades.clone(),
        verified,
    }
}

fn store(
    staged: &Path,
    repository: &Repository,
    label: &Label,
    manifest: &manifest::Manifest,
) -> Result<Outcome, JobError> {
    let before =
        repository.list()?.into_iter().rev().find(|s| {
            s.listed().label.source == label.source && s.listed().label.taken < label.taken
        });
    let earlier = before
        .map(|before| repository.manifest(&before))
        .transpose()?;
    let verified = repository.verify(repository.store(staged, label)?)?;
    let snapshot = verified.listed().clone();
    if repository.manifest(&repository.find(&snapshot.id)?)? != *manifest {
        return Err(JobError::Differs(snapshot.id));
    }
    repository.must_hold(&verified, manifest)?;
    let changes = earlier.map(|earlier| manifest.changes_since(&earlier));
    Ok(Outcome::Stored {
        snapshot,
        rows: manifest.rows(),
        changes,
    })
}

fn list(repository: &Repository, source: Option<&str>) -> Result<Vec<Listed>, JobError> {
    let all = repository.list()?.into_iter().map(|s| s.listed().clone());
    Ok(all
        .filter(|s| source.is_none_or(|source| s.label.source == source))
        .collect())
}

/// The first findings, as many as fit a message.
fn first(mut findings: Vec<Finding>) -> Vec<Finding> {
    findings.truncate(MOST);
    findings
}
