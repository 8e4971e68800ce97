//! Following a database: looking several times a second, and writing down what was committed.

use std::{
    convert::Infallible,
    fs::{self, File, Permissions},
    os::unix::fs::{FileExt, MetadataExt, PermissionsExt},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::{
    Beat, ChangesError, Facts,
    generation::{Generation, Image},
    hold::Hold,
    index::{self, Published},
    leftovers,
    log::Seen,
    wal::{Reader, Unread},
};

/// How often the database is looked at. A look that sees nothing new reads a hundred bytes of shared memory.
const LOOK: Duration = Duration::from_millis(100);

/// How often the rest is seen to: whether the file is still the same one, a word that all is well.
const TEND: SignedDuration = SignedDuration::from_secs(1);

/// SQLite's own measure of when a log is long.
const LONG: u32 = 1000;

/// How long after the log was let go it may be let go again: writers wait meanwhile.
const AGAIN: SignedDuration = SignedDuration::from_secs(5);

/// How often a pause of the writers is waited for, at the beginning.
const ATTEMPTS: usize = 20;

/// A generation whose log is longer than its image is followed by another, but not for less than this.
const SHORTEST: u64 = 64 << 20;

/// What is followed, and how.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Follow {
    /// The database.
    pub database: PathBuf,
    /// The folder for the generations.
    pub folder: PathBuf,
    /// How long a file of the log with changes in it stays open.
    pub close_after: Duration,
    /// How long a generation lasts.
    pub generation: Duration,
}

/// Follows a database, until that does not go on; and then says why: it cannot be followed, or it cannot be shown that
/// nothing was missed. Whoever follows it next begins a new generation.
pub async fn follow(what: &Follow, clock: &(dyn Fn() -> Timestamp + Send + Sync)) -> ChangesError {
    match following(what, clock).await {
        Ok(never) => match never {},
        Err(error) => error,
    }
}

async fn following(
    what: &Follow,
    clock: &(dyn Fn() -> Timestamp + Send + Sync),
) -> Result<Infallible, ChangesError> {
    let mut follower = Follower::begin(what, clock).await?;
    loop {
        follower.look().await?;
        follower.tend().await?;
        tokio::time::sleep(LOOK).await;
    }
}

/// The database's files. They stay open: closing one would let go of SQLite's own locks on it.
struct Files {
    database: Arc<File>,
    log: File,
    index: File,
}

pub(super) struct Follower<'a> {
    what: &'a Follow,
    clock: &'a (dyn Fn() -> Timestamp + Send + Sync),
    hold: Hold,
    files: Files,
    page_size: u32,
    mode: u32,
    reader: Reader,
    published: Published,
    /// The generation that counts.
    current: Option<(Generation, u64)>,
    /// The one whose image is being copied.
    rising: Option<(Generation, Image)>,
    looked: Timestamp,
    slowest: SignedDuration,
    changed: Option<Timestamp>,
    tended: Timestamp,
    /// When the log was last let go, and how long it was.
    given_back: (Timestamp, [u8; 8], u32),
    /// Held, so that nobody else writes here.
    _lock: File,
}

impl<'a> Follower<'a> {
    pub async fn begin(
        what: &'a Follow,
        clock: &'a (dyn Fn() -> Timestamp + Send + Sync),
    ) -> Result<Self, ChangesError> {
        // Who gets this far is settled by the folder above.
        fs::create_dir_all(&what.folder)
            .and_then(|()| fs::set_permissions(&what.folder, Permissions::from_mode(0o755)))
            .map_err(ChangesError::io("create", &what.folder))?;
        let at = what.folder.join("lock");
        let lock = File::create(&at).map_err(ChangesError::io("create", &at))?;
        lock.try_lock()
            .map_err(|error| ChangesError::io("lock", &at)(error.into()))?;
        leftovers::clear(&what.folder)?;
        let hold = Hold::open(&what.database).await?;
        let files = Files {
            database: Arc::new(open(&what.database)?),
            log: open(&beside(&what.database, "-wal"))?,
            index: open(&beside(&what.database, "-shm"))?,
        };
        let mut header = [0; 18];
        let unreadable = ChangesError::io("read", &what.database);
        files
            .database
            .read_exact_at(&mut header, 0)
            .map_err(unreadable)?;
        let page_size = match header {
            [.., 0, 1] => 1 << 16,
            [.., high, low] => u32::from(high) << 8 | u32::from(low),
        };
        let mode = files
            .database
            .metadata()
            .map_err(ChangesError::io("read", &what.database))?
            .mode();
        let published = published(&files, what)?
            .ok_or_else(|| torn(what, "its index is being written all the time"))?;
        let now = micros(clock());
        let mut follower = Self {
            what,
            clock,
            hold,
            files,
            page_size,
            mode,
            reader: Reader::new(page_size, &published),
            published,
            current: None,
            rising: None,
            looked: now,
            slowest: SignedDuration::ZERO,
            changed: None,
            tended: now,
            given_back: (now, [0; 8], 0),
            _lock: lock,
        };
        for _ in 0..ATTEMPTS {
            if follower.raise().await? {
                follower.changed = None;
                return Ok(follower);
            }
        }
        Err(torn(what, "somebody writes to it all the time"))
    }

    /// Begins a generation; false if somebody writes all the time.
    async fn raise(&mut self) -> Result<bool, ChangesError> {
        if !self.hold.stop_writing().await? {
            return Ok(false);
        }
        let now = self.now();
        self.hold.renew().await?;
        self.catch_up(now)?;
        self.hold.release().await?;
        // The whole of the present log is its first change, since none of that need be in the image.
        let mut generation = Generation::begin(&self.what.folder, now)?;
        let mut reader = Reader::new(self.page_size, &self.published);
        let read = reader.read(&self.files.log, &self.published, |number, content| {
            generation.page(number, content)
        });
        read.map_err(|error| self.unread(error))?;
        self.hold.let_write().await?;
        generation.seen(Seen {
            from: now,
            at: now,
            pages: if self.published.frames > 0 {
                self.published.pages
            } else {
                0
            },
            slowest_ms: 0,
        })?;
        let image = generation.copy(&self.files.database);
        self.rising = Some((generation, image));
        Ok(true)
    }

    fn now(&self) -> Timestamp {
        micros((self.clock)())
    }

    /// Looks once, and writes down what is new.
    pub async fn look(&mut self) -> Result<(), ChangesError> {
        let from = self.now();
        if from < self.looked {
            // A clock that is put right by a little is waited for.
            if self.looked.duration_since(from) < TEND {
                return Ok(());
            }
            return Err(ChangesError::Clock {
                before: self.looked,
                now: from,
            });
        }
        let Some(published) = published(&self.files, self.what)? else {
            return Ok(());
        };
        self.slowest = self.slowest.max(from.duration_since(self.looked));
        self.looked = from;
        if published == self.published {
            return Ok(());
        }
        self.hold.renew().await?;
        self.catch_up(from)?;
        self.hold.release().await
    }

    /// Reads what is published and was not read, between the beginning of a transaction and the end of the one before.
    fn catch_up(&mut self, from: Timestamp) -> Result<(), ChangesError> {
        let Some(published) = published(&self.files, self.what)? else {
            return Err(torn(self.what, "its index is being written all the time"));
        };
        let at = self.now();
        if !self.reader.is_of(&published) {
            // It was let begin anew, and so was read to its end: see `hold`.
            self.reader = Reader::new(self.page_size, &published);
        }
        let before = self.reader.frames();
        let (current, rising) = (&mut self.current, &mut self.rising);
        let read = self
            .reader
            .read(&self.files.log, &published, |number, content| {
                if let Some((generation, _)) = current {
                    generation.page(number, content)?;
                }
                if let Some((generation, _)) = rising {
                    generation.page(number, content)?;
                }
                Ok(())
            });
        read.map_err(|error| self.unread(error))?;
        self.published = published;
        if self.reader.frames() > before {
            self.changed = Some(from);
            self.note(from, at, published.pages)?;
        }
        Ok(())
    }

    fn note(&mut self, from: Timestamp, at: Timestamp, pages: u32) -> Result<(), ChangesError> {
        let slowest_ms = u32::try_from(self.slowest.as_millis()).unwrap_or(u32::MAX);
        let seen = Seen {
            from,
            at,
            pages,
            slowest_ms,
        };
        for generation in self.generations() {
            generation.seen(seen)?;
        }
        self.slowest = SignedDuration::ZERO;
        Ok(())
    }

    fn generations(&mut self) -> impl Iterator<Item = &mut Generation> {
        let current = self.current.iter_mut().map(|(generation, _)| generation);
        current.chain(self.rising.iter_mut().map(|(generation, _)| generation))
    }

    /// Sees to the rest, about once a second.
    pub async fn tend(&mut self) -> Result<(), ChangesError> {
        let now = self.looked;
        if self
            .rising
            .as_ref()
            .is_some_and(|(_, image)| image.is_finished())
        {
            self.change_over().await?;
        }
        if now.duration_since(self.tended) < TEND {
            return Ok(());
        }
        self.tended = now;
        self.must_be_the_same()?;
        let (given, salts, frames) = self.given_back;
        let grown = (salts, frames) != (self.published.salts, self.published.frames);
        if self.reader.frames() > LONG && grown && now.duration_since(given) >= AGAIN {
            self.let_go().await?;
            self.given_back = (now, self.published.salts, self.published.frames);
        }
        if let Some((generation, image)) = &mut self.current {
            let close_after =
                SignedDuration::try_from(self.what.close_after).unwrap_or(SignedDuration::MAX);
            let age = SignedDuration::try_from(self.what.generation).unwrap_or(SignedDuration::MAX);
            if generation.changed && now.duration_since(generation.opened) >= close_after {
                let slowest_ms = u32::try_from(self.slowest.as_millis()).unwrap_or(u32::MAX);
                generation.seen(Seen {
                    from: now,
                    at: now,
                    pages: 0,
                    slowest_ms,
                })?;
                generation.close(now)?;
            } else if !generation.changed {
                generation.opened = now;
            }
            let full = generation.length > SHORTEST.max(*image);
            if self.rising.is_none() && (full || now.duration_since(generation.began) >= age) {
                self.raise().await?;
            }
        }
        let beat = Beat {
            generation: self
                .current
                .as_ref()
                .map(|(generation, _)| generation.name.clone()),
            log: self
                .current
                .as_ref()
                .map(|(generation, _)| generation.hash()),
            up_to: now,
            changed: self.changed,
            transactions: self.published.changes,
        };
        beat.write(&self.what.folder)
    }

    /// The image is copied: from now on its generation counts, and the one before ends.
    async fn change_over(&mut self) -> Result<(), ChangesError> {
        // What was committed while the image was copied is in the log before the generation counts.
        self.look().await?;
        let now = self.now();
        let Some((mut generation, image)) = self.rising.take() else {
            return Ok(());
        };
        let last = Seen {
            from: self.looked,
            at: now,
            pages: 0,
            slowest_ms: 0,
        };
        generation.seen(last)?;
        generation.close(now)?;
        let written = [&self.what.database, &beside(&self.what.database, "-wal")]
            .into_iter()
            .filter_map(|path| Timestamp::try_from(fs::metadata(path).ok()?.modified().ok()?).ok())
            .max();
        let facts = Facts {
            database: self
                .what
                .database
                .file_name()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned(),
            page_size: self.page_size,
            mode: self.mode,
            complete: now,
            written: written.unwrap_or(now),
            image: String::new(),
        };
        let length = generation.complete(image, facts)?;
        if let Some((mut before, _)) = self.current.replace((generation, length)) {
            before.seen(last)?;
            before.end()?;
        }
        Ok(())
    }

    /// Lets the log begin anew, since it is long: everything is read, on the disk, and written back while nobody writes.
    pub async fn let_go(&mut self) -> Result<(), ChangesError> {
        for generation in self.generations() {
            generation.sync()?;
        }
        self.hold.write_back().await?;
        if !self.hold.stop_writing().await? {
            return Ok(());
        }
        let stopped = self.now();
        self.hold.renew().await?;
        self.catch_up(stopped)?;
        self.hold.release().await?;
        for generation in self.generations() {
            generation.sync()?;
        }
        self.hold.write_back().await?;
        // Begun after everything was written back, this transaction leaves the next writer free to begin the log anew.
        self.hold.renew().await?;
        self.hold.release().await?;
        self.hold.let_write().await
    }

    fn must_be_the_same(&self) -> Result<(), ChangesError> {
        let files = &self.files;
        for (held, path) in [
            (&*files.database, self.what.database.clone()),
            (&files.log, beside(&self.what.database, "-wal")),
            (&files.index, beside(&self.what.database, "-shm")),
        ] {
            let held = held.metadata().map_err(ChangesError::io("read", &path))?;
            match fs::metadata(&path) {
                Ok(found) if (found.dev(), found.ino()) == (held.dev(), held.ino()) => {}
                _ => return Err(ChangesError::Replaced(path)),
            }
        }
        Ok(())
    }

    fn unread(&self, error: Unread) -> ChangesError {
        match error {
            Unread::Io(error) => ChangesError::io("read the log of", &self.what.database)(error),
            Unread::Unfit(why) => torn(self.what, why),
        }
    }
}

fn published(files: &Files, what: &Follow) -> Result<Option<Published>, ChangesError> {
    let index = beside(&what.database, "-shm");
    index::published(&files.index).map_err(ChangesError::io("read", &index))
}

/// To the microsecond, as a log keeps it: what is compared with that must not be finer.
fn micros(at: Timestamp) -> Timestamp {
    Timestamp::from_microsecond(at.as_microsecond()).unwrap_or(at)
}

fn torn(what: &Follow, why: &'static str) -> ChangesError {
    ChangesError::Torn {
        path: what.database.clone(),
        why,
    }
}

fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    PathBuf::from(name)
}

fn open(path: &Path) -> Result<File, ChangesError> {
    File::open(path).map_err(ChangesError::io("read", path))
}
