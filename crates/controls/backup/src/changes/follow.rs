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
    ChangesError,
    beat::Closes,
    generation::{Generation, Image},
    hold::Hold,
    index::{self, Published},
    leftovers,
    log::Seen,
    reckoning::{Clock, Reckoning},
    resume::left,
    wal::{Reader, Unread},
};

mod resume;
mod tend;

/// How often the database is looked at. A look that sees nothing new reads a hundred bytes of shared memory.
const LOOK: Duration = Duration::from_millis(100);

/// How often the rest is seen to: whether the file is still the same one, a word that all is well.
const TEND: SignedDuration = SignedDuration::from_secs(1);

/// How often a pause of the writers is waited for, at the beginning.
const ATTEMPTS: usize = 20;

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
    /// The last generation that is known to be stored: the names of others come after it.
    pub last: Option<String>,
    /// Which run of the machine this is, if that is known.
    #[serde(default)]
    pub boot: Option<String>,
}

/// Follows a database, until that does not go on; and then says why: it cannot be followed, or it cannot be shown that
/// nothing was missed. Whoever follows it next goes on with what is left, if nothing was missed meanwhile, or begins a new
/// generation.
pub async fn follow(what: &Follow, clock: &dyn Clock) -> ChangesError {
    match following(what, clock).await {
        Ok(never) => match never {},
        Err(error) => error,
    }
}

async fn following(what: &Follow, clock: &dyn Clock) -> Result<Infallible, ChangesError> {
    let mut follower = Follower::begin(what, clock).await?;
    loop {
        follower.look().await?;
        follower.tend().await?;
        tokio::time::sleep(LOOK).await;
    }
}

/// The database's files. They stay open: closing one would let go of SQLite's own locks on it.
pub(super) struct Files {
    pub database: Arc<File>,
    pub log: File,
    index: File,
}

pub(super) struct Follower<'a> {
    what: &'a Follow,
    clock: &'a dyn Clock,
    /// By which clock the times are noted.
    by: Option<Reckoning>,
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
    /// When the last look began.
    looked: Timestamp,
    closes: Closes,
    tended: Timestamp,
    /// When it was last looked whether there is room, and why no generation can be begun.
    room: (Timestamp, Option<String>),
    /// When the log was last let go, and how long it was.
    given_back: (Timestamp, [u8; 8], u32),
    /// Held, so that nobody else writes here.
    _lock: File,
}

impl<'a> Follower<'a> {
    pub async fn begin(what: &'a Follow, clock: &'a dyn Clock) -> Result<Self, ChangesError> {
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
        let now = micros(clock.now());
        let mut follower = Self {
            what,
            clock,
            by: what
                .boot
                .as_deref()
                .and_then(|boot| Reckoning::of(boot, clock)),
            hold,
            files,
            page_size,
            mode,
            reader: Reader::new(page_size, &published.mark()),
            published,
            current: None,
            rising: None,
            looked: now,
            closes: Closes::default(),
            tended: now,
            room: (now, None),
            given_back: (now, [0; 8], 0),
            _lock: lock,
        };
        follower.must_have_room(0)?;
        if let Some(left) = left(&what.folder)?
            && follower.fits(&left, now)
            && follower.resume(&left).await?
        {
            return Ok(follower);
        }
        follower.must_have_room(follower.length()?)?;
        for _ in 0..ATTEMPTS {
            if follower.raise().await? {
                return Ok(follower);
            }
        }
        Err(torn(what, "somebody writes to it all the time"))
    }

    /// Whether it went on with what another left, at the beginning.
    #[cfg(test)]
    pub fn has_resumed(&self) -> bool {
        self.current.is_some()
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
        let mut generation = Generation::begin(
            &self.what.folder,
            now,
            self.what.last.as_deref(),
            self.by.clone(),
        )?;
        let mark = self.published.mark();
        let mut reader = Reader::new(self.page_size, &mark);
        let read = reader.read(&self.files.log, &mark, |number, content| {
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
            apart_ms: 0,
        })?;
        generation.mark(mark)?;
        let image = generation.copy(&self.files.database);
        self.rising = Some((generation, image));
        Ok(true)
    }

    /// Now; or the last look, if the clock was put right by a little since.
    fn now(&self) -> Timestamp {
        micros(self.clock.now()).max(self.looked)
    }

    /// Looks once, and writes down what is new.
    pub async fn look(&mut self) -> Result<(), ChangesError> {
        let from = micros(self.clock.now());
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
        self.must_be_the_same_clock(from)?;
        let Some(published) = published(&self.files, self.what)? else {
            return Ok(());
        };
        if published == self.published {
            self.looked = from;
            return Ok(());
        }
        self.hold.renew().await?;
        self.catch_up(from)?;
        self.hold.release().await
    }

    /// Refuses to note times by a clock that was set: whoever follows next begins anew, and says by which clock.
    fn must_be_the_same_clock(&self, now: Timestamp) -> Result<(), ChangesError> {
        let Some(by) = &self.by else {
            return Ok(());
        };
        match Reckoning::of(&by.boot, self.clock) {
            Some(found) if found.was_set(by) => Err(ChangesError::Clock {
                before: now - found.began.duration_since(by.began),
                now,
            }),
            _ => Ok(()),
        }
    }

    /// Reads what is published and was not read, between the beginning of a transaction and the end of the one before.
    fn catch_up(&mut self, from: Timestamp) -> Result<(), ChangesError> {
        let Some(published) = published(&self.files, self.what)? else {
            return Err(torn(self.what, "its index is being written all the time"));
        };
        let (at, before, mark) = (self.now().max(from), self.looked, published.mark());
        let anew = !self.reader.is_of(&mark);
        if anew {
            // It was let begin anew, and so was read to its end: see `hold`.
            self.reader = Reader::new(self.page_size, &mark);
        }
        let changed = mark.frames > self.reader.frames();
        if changed {
            self.closes.changed(before);
            // Before the pages, so that a file that ends among them tells until when nothing had changed.
            for generation in self.generations().filter(|one| one.up_to < before) {
                generation.seen(Seen::quiet(before))?;
            }
        }
        let (current, rising) = (&mut self.current, &mut self.rising);
        let read = self.reader.read(&self.files.log, &mark, |number, content| {
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
        self.looked = from;
        let apart = from.duration_since(before).as_millis();
        let seen = changed.then(|| Seen {
            from,
            at,
            pages: published.pages,
            apart_ms: u32::try_from(apart).unwrap_or(u32::MAX),
        });
        for generation in self.generations() {
            if let Some(seen) = seen {
                generation.seen(seen)?;
            }
            if changed || anew {
                generation.mark(mark)?;
            }
        }
        Ok(())
    }

    fn generations(&mut self) -> impl Iterator<Item = &mut Generation> {
        let current = self.current.iter_mut().map(|(generation, _)| generation);
        current.chain(self.rising.iter_mut().map(|(generation, _)| generation))
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

#[cfg(test)]
mod clocks;
#[cfg(test)]
mod tests;
