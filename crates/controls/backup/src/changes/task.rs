//! What confined processes do with changes: ship them, look at a follower from outside, rebuild, read what is stored.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use jiff::{Timestamp, civil};
use serde::{Deserialize, Serialize};

use super::{
    BASE, ChangesError, FACTS, Facts,
    log::Head,
    postgres,
    rebuild::{Rebuilt, rebuild},
    room, segment,
    ship::ship,
    word::{self, Word},
};
use crate::{
    far::{Dial, Place},
    job::JobError,
    manifest::{DATA, FILE},
    repository::{Finding, Label, Listed, Password, Repository, RepositoryError},
    retention::{SnapshotId, changes::ended},
    settings::Server,
    source,
};

/// At most this many findings are reported: an outcome must fit a message.
const MOST: usize = 50;

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "task", rename_all = "kebab-case")]
pub enum Task {
    /// Store every generation that goes further than what is known to be stored, and read it back. The repository's key.
    Ship {
        /// The folder of a source's generations.
        folder: PathBuf,
        /// The repository.
        repository: Place,
        /// Whose data.
        owner: String,
        /// The name of the source.
        source: String,
        /// Today.
        day: civil::Date,
        /// Now.
        now: Timestamp,
        /// How far each generation has been stored and read back.
        known: Vec<Known>,
    },
    /// Look whether a follower sees what is committed. As the tenant; no key.
    Look {
        /// The database.
        database: PathBuf,
        /// The folder of its generations.
        folder: PathBuf,
        /// Now.
        now: Timestamp,
    },
    /// The same of a server. As the jobs' user; no key.
    LookServer {
        /// The server, and one of its databases.
        server: Server,
        /// The folder of its generations.
        folder: PathBuf,
        /// Now.
        now: Timestamp,
    },
    /// Have a server keep nothing more of its log for a follower. As the jobs' user; no key.
    LetGo {
        /// The server, and one of its databases.
        server: Server,
        /// The folder of its generations.
        folder: PathBuf,
    },
    /// Remove the generations that are stored everywhere, if they go no further. As whoever follows; no key.
    Forget {
        /// The folder of a source's generations.
        folder: PathBuf,
        /// Which, and how far each is stored.
        stored: Vec<(String, u32)>,
    },
    /// Rebuild a database as it was at a moment from a restored generation, and have it checked. No key.
    Rebuild {
        /// The restored generation, in a folder of its name.
        generation: PathBuf,
        /// Where its log ends.
        head: Head,
        /// The moment.
        at: Timestamp,
        /// The folder for the data and their manifest.
        into: PathBuf,
        /// The server that the generation is of, if it is of one.
        #[serde(default)]
        server: Option<Server>,
    },
    /// Read what is stored, and say what is wrong. The repository's key.
    Read {
        /// The repository.
        repository: Place,
        /// Only what was written after this is read; otherwise everything.
        since: Option<Timestamp>,
    },
    /// Delete what is superseded or has had its time. The repository's key.
    Remove {
        /// The repository.
        repository: Place,
        /// The source.
        source: String,
        /// The first generation that is still needed; empty if there is none.
        first: String,
        /// Now.
        now: Timestamp,
        /// Those known to have been read back.
        verified: Vec<SnapshotId>,
    },
}

impl Task {
    /// The repository that it works at.
    #[must_use]
    pub fn place(&self) -> Option<&Place> {
        match self {
            Self::Ship { repository, .. }
            | Self::Read { repository, .. }
            | Self::Remove { repository, .. } => Some(repository),
            Self::Look { .. }
            | Self::LookServer { .. }
            | Self::LetGo { .. }
            | Self::Forget { .. }
            | Self::Rebuild { .. } => None,
        }
    }
}

/// How far a generation has been stored and read back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Known {
    /// Which generation.
    pub generation: String,
    /// The snapshot that holds it.
    pub snapshot: SnapshotId,
    /// Files of its log.
    pub segments: u32,
    /// The end of the last of them.
    pub head: Head,
}

/// A complete generation as it lies in a folder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Local {
    /// Which generation.
    pub generation: String,
    /// Files of its log that are closed.
    pub segments: u32,
    /// Bytes of its image and its log.
    pub bytes: u64,
    /// Bytes of its image.
    pub image: u64,
}

/// A generation that could not be stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unstored {
    /// Which.
    pub generation: String,
    /// Why, with all causes.
    pub why: String,
}

/// A generation as it was stored and read back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shipped {
    /// The snapshot that holds it.
    pub snapshot: SnapshotId,
    /// Which generation.
    pub generation: String,
    /// Files of its log.
    pub segments: u32,
    /// The end of the log.
    pub head: Head,
    /// What is known of its image.
    pub facts: Facts,
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "done", rename_all = "kebab-case")]
pub enum Done {
    /// Generations were stored.
    Shipped {
        /// What was stored now.
        shipped: Vec<Shipped>,
        /// Every complete generation there is here, oldest first.
        local: Vec<Local>,
        /// What could not be stored; it was gone past.
        failed: Vec<Unstored>,
    },
    /// A follower was looked at.
    Looked(Word),
    /// Generations that are stored everywhere are gone from here, or a server keeps nothing more.
    Forgotten,
    /// A database was rebuilt.
    Rebuilt {
        /// From what.
        rebuilt: Rebuilt,
        /// Files beside one another in the folder.
        files: u64,
        /// Rows in all tables.
        rows: u64,
        /// The manifest's digest.
        manifest: String,
    },
    /// What is stored was read.
    Read {
        /// What is wrong; the first fifty.
        findings: Vec<Finding>,
        /// The snapshots there are.
        listed: Vec<SnapshotId>,
        /// Files that were read now.
        files: u64,
    },
    /// Snapshots were deleted.
    Removed {
        /// Those that are left.
        left: Vec<SnapshotId>,
    },
}

/// Does one task.
///
/// # Errors
///
/// By whose fault it is; see [`JobError`].
pub(crate) async fn run(
    task: Task,
    password: Option<&Password>,
    dial: Option<&Dial>,
) -> Result<Done, JobError> {
    let key = || password.ok_or(JobError::NoKey);
    let open = |place: &Place| -> Result<Repository, JobError> {
        let site = place.site(dial).map_err(RepositoryError::from)?;
        Ok(Repository::open(&site, key()?)?)
    };
    match task {
        Task::Ship {
            folder,
            repository,
            owner,
            source,
            day,
            now,
            known,
        } => {
            let local = generations(&folder)?;
            let known_of = |one: &Local| {
                known
                    .iter()
                    .find(|known| known.generation == one.generation)
            };
            let behind: Vec<&Local> = local
                .iter()
                .filter(|one| known_of(one).is_none_or(|known| known.segments < one.segments))
                .collect();
            let (mut shipped, mut failed) = (Vec::new(), Vec::new());
            if !behind.is_empty() {
                let site = repository.site(dial).map_err(RepositoryError::from)?;
                let repository = Repository::open_or_init(&site, key()?)?;
                for one in behind {
                    let name = &one.generation;
                    let label = Label {
                        owner: owner.clone(),
                        source: format!("{source}.{name}"),
                        taken: now,
                        day,
                        grades: Vec::new(),
                        manifest: String::new(),
                    };
                    let stored = ship(&repository, &folder.join(name), name, &label, known_of(one));
                    match stored {
                        Ok(stored) => shipped.push(stored),
                        Err(error) => failed.push(Unstored {
                            generation: name.clone(),
                            why: error.chain(),
                        }),
                    }
                }
            }
            failed.truncate(MOST);
            Ok(Done::Shipped {
                shipped,
                local,
                failed,
            })
        }
        Task::Look {
            database,
            folder,
            now,
        } => word::look(&database, &folder, now).await.map(Done::Looked),
        Task::LookServer {
            server,
            folder,
            now,
        } => postgres::look(&server, &folder, now)
            .await
            .map(Done::Looked),
        Task::LetGo { server, folder } => {
            postgres::let_go(&server, &folder).await?;
            Ok(Done::Forgotten)
        }
        Task::Forget { folder, stored } => {
            for one in generations(&folder)? {
                // A generation that was closed later goes further than what is stored, and stays.
                if stored.contains(&(one.generation.clone(), one.segments)) {
                    let path = folder.join(one.generation);
                    fs::remove_dir_all(&path).map_err(ChangesError::io("remove", &path))?;
                }
            }
            Ok(Done::Forgotten)
        }
        Task::Rebuild {
            generation,
            head,
            at,
            into,
            server,
        } => {
            let data = into.join(DATA);
            fs::create_dir_all(&data).map_err(ChangesError::io("create", &data))?;
            let (rebuilt, dumped) = match server {
                None => (rebuild(&generation, &head, at, &data)?, None),
                Some(server) => {
                    let fence = into.with_file_name("server");
                    let places = (&*data, &*fence);
                    let (rebuilt, file, database) =
                        postgres::recover(&generation, &head, at, &server, places).await?;
                    (rebuilt, Some((file, database)))
                }
            };
            let mut manifest = source::survey(&data, at)
                .await
                .map_err(ChangesError::from)?;
            manifest.databases.extend(dumped);
            // What reading it has left beside it is empty.
            for ending in ["-wal", "-shm"] {
                for name in manifest.databases.keys() {
                    fs::remove_file(data.join(format!("{name}{ending}"))).ok();
                }
            }
            let path = into.join(FILE);
            fs::write(&path, manifest.to_bytes()).map_err(ChangesError::io("write", &path))?;
            Ok(Done::Rebuilt {
                rebuilt,
                files: manifest.files.len() as u64,
                rows: manifest.rows(),
                manifest: manifest.digest(),
            })
        }
        Task::Read { repository, since } => {
            let repository = open(&repository)?;
            let (mut findings, files) = repository.verify_since(since)?;
            findings.truncate(MOST);
            // A snapshot that cannot be read is among the findings already.
            let listed = repository.list().unwrap_or_default();
            Ok(Done::Read {
                findings,
                listed: listed.iter().map(|one| one.listed().id.clone()).collect(),
                files,
            })
        }
        Task::Remove {
            repository,
            source,
            first,
            now,
            verified,
        } => {
            let repository = open(&repository)?;
            let listed: Vec<Listed> = repository
                .list()?
                .iter()
                .map(|one| one.listed().clone())
                .collect();
            let proofs = ended(&listed, &verified, &source, &first, now);
            repository.remove(&proofs)?;
            Ok(Done::Removed {
                left: listed
                    .into_iter()
                    .map(|one| one.id)
                    .filter(|id| !proofs.iter().any(|proof| proof.id() == id))
                    .collect(),
            })
        }
    }
}

/// The complete generations in a folder, oldest first.
fn generations(folder: &Path) -> Result<Vec<Local>, ChangesError> {
    let mut found = Vec::new();
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        // Nothing has been followed yet.
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(found),
        Err(error) => return Err(ChangesError::io("read", folder)(error)),
    };
    for entry in entries {
        let path = entry.map_err(ChangesError::io("read", folder))?.path();
        if path.join(FACTS).is_file() {
            let segments = (1..)
                .take_while(|number| path.join(segment(*number)).is_file())
                .last()
                .unwrap_or(0);
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            found.push(Local {
                generation: name.into_owned(),
                segments,
                bytes: room::bytes(&path)?,
                image: fs::metadata(path.join(BASE)).map_or(0, |image| image.len()),
            });
        }
    }
    found.sort_by(|a, b| a.generation.cmp(&b.generation));
    Ok(found)
}
