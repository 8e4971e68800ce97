//! One generation, as it is written: an image, and a log in files that are closed one after another.
//!
//! What is closed lies in the generation's folder and is never written to again. What is not lies apart, so that the folder
//! can be stored as it is at any time.

use std::{
    fs::{self, File, OpenOptions, Permissions},
    io,
    os::unix::fs::{DirBuilderExt, FileExt, PermissionsExt},
    path::{Path, PathBuf},
    sync::Arc,
    thread::JoinHandle,
    time::Duration,
};

use jiff::{SignedDuration, Timestamp};
use sha2::{Digest, Sha256};

use super::{
    BASE, ChangesError, FACTS, Facts,
    beat::Closes,
    index::Mark,
    log::{Head, Seen, Writer},
    name,
    reckoning::Reckoning,
    resume::Left,
    segment, unfinished,
};

/// A file of the log is closed when it is longer than this, whatever its age: it is read back whole.
const LONGEST: u64 = 8 << 20;

/// A generation whose log is longer than its image is followed by another, but not for less than this.
const SHORTEST: u64 = 64 << 20;

/// So many bytes of a server's own log are a record.
const PART: usize = 64 << 10;

/// A generation that is being written.
pub(super) struct Generation {
    pub name: String,
    pub began: Timestamp,
    /// Everything committed before this moment is in it, or is being written into it.
    pub up_to: Timestamp,
    /// Bytes of its log.
    pub length: u64,
    /// When the present file of the log was begun.
    pub opened: Timestamp,
    /// Whether anything has changed in it.
    pub changed: bool,
    folder: PathBuf,
    open: PathBuf,
    writer: Writer,
    /// The hash over all of its log up to the end of the file that was closed last.
    closed: [u8; 32],
    number: u32,
    /// By which clock its times are noted.
    by: Option<Reckoning>,
}

/// An image that is being copied.
pub(super) struct Image {
    copying: JoinHandle<io::Result<(String, u64)>>,
    at: PathBuf,
}

impl Generation {
    /// Begins one beneath `folder`, whose name is after all that are there and after `last`.
    pub fn begin(
        folder: &Path,
        began: Timestamp,
        last: Option<&str>,
        by: Option<Reckoning>,
    ) -> Result<Self, ChangesError> {
        let name = name(folder, began, last)?;
        let open = unfinished(folder);
        let above = folder;
        let folder = folder.join(&name);
        // Others may read what is in here: who gets this far is settled by the folder above.
        fs::DirBuilder::new()
            .mode(0o755)
            .create(&folder)
            .map_err(ChangesError::io("create", &folder))?;
        fs::set_permissions(&folder, Permissions::from_mode(0o755))
            .map_err(ChangesError::io("create", &folder))?;
        sync_folder(above)?;
        let mut hash = [0; 32];
        hex::decode_to_slice(Head::start(&name).hash, &mut hash)
            .map_err(|error| ChangesError::io("begin", &folder)(io::Error::other(error)))?;
        let writer = writer(&open, &name, 1, hash, by.as_ref())?;
        Ok(Self {
            closed: hash,
            name,
            began,
            up_to: began,
            length: 0,
            opened: began,
            changed: false,
            folder,
            open,
            writer,
            number: 1,
            by,
        })
    }

    /// Goes on with one that was left, in a new file of its log.
    pub fn resume(
        folder: &Path,
        left: &Left,
        now: Timestamp,
        by: Option<Reckoning>,
    ) -> Result<Self, ChangesError> {
        let open = unfinished(folder);
        let number = left.segments + 1;
        let writer = writer(&open, &left.name, number, left.hash, by.as_ref())?;
        Ok(Self {
            closed: left.hash,
            name: left.name.clone(),
            began: left.facts.complete,
            up_to: left.up_to,
            length: left.log,
            opened: now,
            changed: false,
            folder: left.folder.clone(),
            open,
            writer,
            number,
            by,
        })
    }

    pub fn page(&mut self, number: u32, content: &[u8]) -> io::Result<()> {
        self.writer.page(number, content)?;
        if self.writer.length() > LONGEST {
            self.turn().map_err(io::Error::other)?;
        }
        Ok(())
    }

    /// Notes a look, and gives it to the system with all before.
    pub fn seen(&mut self, seen: Seen) -> Result<(), ChangesError> {
        self.changed |= seen.pages > 0;
        self.up_to = self.up_to.max(seen.from);
        self.writer
            .seen(seen)
            .and_then(|()| self.writer.flush())
            .map_err(ChangesError::io("write the log of", &self.folder))
    }

    /// Bytes of a server's own log, by the place of the first. What is nought is not written: the server fills up with that.
    pub fn wal(&mut self, mut at: u64, bytes: &[u8]) -> Result<(), ChangesError> {
        for part in bytes.chunks(PART) {
            if part.iter().any(|byte| *byte != 0) {
                self.writer
                    .wal(at, part)
                    .map_err(ChangesError::io("write the log of", &self.folder))?;
                if self.writer.length() > LONGEST {
                    self.turn()?;
                }
            }
            at += part.len() as u64;
        }
        Ok(())
    }

    /// Notes how far a server's own log was copied for all that is in this one.
    pub fn reached(&mut self, place: u64) -> Result<(), ChangesError> {
        self.writer
            .reached(place)
            .and_then(|()| self.writer.flush())
            .map_err(ChangesError::io("write the log of", &self.folder))
    }

    /// Notes how far the database's own log was read for all that is in this one.
    pub fn mark(&mut self, mark: Mark) -> Result<(), ChangesError> {
        self.writer
            .mark(mark)
            .and_then(|()| self.writer.flush())
            .map_err(ChangesError::io("write the log of", &self.folder))
    }

    /// The hash over all of its log.
    pub fn hash(&self) -> String {
        hex::encode(self.writer.hash())
    }

    /// The hash over all of its log up to the end of the file that was closed last, as it is stored.
    pub fn closed_hash(&self) -> String {
        hex::encode(self.closed)
    }

    /// Brings everything to the disk.
    pub fn sync(&mut self) -> Result<(), ChangesError> {
        self.writer
            .sync()
            .map_err(ChangesError::io("write the log of", &self.folder))
    }

    /// Closes the present file of the log and begins the next.
    fn close(&mut self, now: Timestamp) -> Result<(), ChangesError> {
        self.turn()?;
        self.opened = now;
        self.changed = false;
        Ok(())
    }

    /// Closes the present file of the log, if it has changes in it that have waited long enough at this look.
    pub fn close_if_due(
        &mut self,
        looked: Timestamp,
        after: Duration,
        closes: &mut Closes,
    ) -> Result<(), ChangesError> {
        if !self.changed {
            self.opened = looked;
        } else if looked.duration_since(self.opened) >= length_of(after) {
            self.seen(Seen::quiet(looked))?;
            self.close(looked)?;
            closes.closed(self.closed_hash());
        }
        Ok(())
    }

    /// Whether another is to be begun, since this one, of an image so long, is old or its log is long.
    pub fn is_over(&self, image: u64, looked: Timestamp, lasts: Duration) -> bool {
        let age = looked.duration_since(self.began);
        self.length > SHORTEST.max(image) || age >= length_of(lasts)
    }

    /// Closes the last file of the log.
    pub fn end(mut self) -> Result<(), ChangesError> {
        self.sync()?;
        settle(&self.open, &self.name, self.number, &self.folder)
    }

    /// Begins to copy the image.
    pub fn copy(&self, database: &Arc<File>) -> Image {
        let from = Arc::clone(database);
        self.image(move |to| copy(&from, to))
    }

    /// Has the image made by somebody else, who gives its hash and its length.
    pub fn image(
        &self,
        make: impl FnOnce(&Path) -> io::Result<(String, u64)> + Send + 'static,
    ) -> Image {
        let at = self.open.join(format!("{}.image", self.name));
        let to = at.clone();
        Image {
            copying: std::thread::spawn(move || make(&to)),
            at,
        }
    }

    /// From now on this one counts, whose image is copied, and the one before ends. `last` is a look that saw nothing more,
    /// after which it is complete.
    pub fn change_over(
        mut self,
        image: Image,
        mut facts: Facts,
        last: Seen,
        current: &mut Option<(Self, u64)>,
        closes: &mut Closes,
    ) -> Result<(), ChangesError> {
        self.seen(last)?;
        self.close(facts.complete)?;
        if let Some((before, _)) = current {
            before.seen(last)?;
        }
        facts.follows = current.as_ref().map(|(before, _)| before.hash());
        let length = self.complete(image, facts)?;
        let closed = self.closed_hash();
        if let Some((before, _)) = current.replace((self, length)) {
            closes.closed(before.hash());
            before.end()?;
        }
        closes.closed(closed);
        Ok(())
    }

    /// Puts the image into the folder, and beside it what is known of it; that it is there says that the generation counts.
    fn complete(&self, image: Image, mut facts: Facts) -> Result<u64, ChangesError> {
        let copied = image
            .copying
            .join()
            .unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        let (digest, length) = copied.map_err(ChangesError::io("copy", &image.at))?;
        facts.image = digest;
        let to = self.folder.join(BASE);
        fs::rename(&image.at, &to).map_err(ChangesError::io("create", &to))?;
        let at = self.open.join(format!("{}.facts", self.name));
        let bytes = serde_json::to_vec(&facts)
            .map_err(|error| ChangesError::io("write", &at)(error.into()))?;
        let mut file = create(&at)?;
        io::Write::write_all(&mut file, &bytes)
            .and_then(|()| file.sync_all())
            .map_err(ChangesError::io("write", &at))?;
        let to = self.folder.join(FACTS);
        fs::rename(&at, &to).map_err(ChangesError::io("create", &to))?;
        sync_folder(&self.folder)?;
        Ok(length)
    }

    fn turn(&mut self) -> Result<(), ChangesError> {
        self.sync()?;
        settle(&self.open, &self.name, self.number, &self.folder)?;
        self.length += self.writer.length();
        self.number += 1;
        self.closed = self.writer.hash();
        let by = self.by.as_ref();
        self.writer = writer(&self.open, &self.name, self.number, self.closed, by)?;
        Ok(())
    }
}

impl Image {
    pub fn is_finished(&self) -> bool {
        self.copying.is_finished()
    }
}

/// The present file of a log.
pub(super) fn part_path(open: &Path, name: &str, number: u32) -> PathBuf {
    open.join(format!("{name}.{}", segment(number)))
}

/// Puts a file of the log, which is on the disk, where the closed ones are.
pub(super) fn settle(
    open: &Path,
    name: &str,
    number: u32,
    folder: &Path,
) -> Result<(), ChangesError> {
    let to = folder.join(segment(number));
    fs::rename(part_path(open, name, number), &to).map_err(ChangesError::io("close", &to))?;
    sync_folder(folder)
}

/// Begins a file of a log. Each says first by which clock its times are.
fn writer(
    open: &Path,
    name: &str,
    number: u32,
    hash: [u8; 32],
    by: Option<&Reckoning>,
) -> Result<Writer, ChangesError> {
    let path = part_path(open, name, number);
    let mut writer = Writer::new(create(&path)?, hash);
    if let Some(by) = by {
        writer.clock(by).map_err(ChangesError::io("write", &path))?;
    }
    Ok(writer)
}

pub(super) fn create(path: &Path) -> Result<File, ChangesError> {
    let made = OpenOptions::new().write(true).create_new(true).open(path);
    let file = made.map_err(ChangesError::io("create", path))?;
    file.set_permissions(Permissions::from_mode(0o644))
        .map_err(ChangesError::io("create", path))?;
    Ok(file)
}

fn sync_folder(folder: &Path) -> Result<(), ChangesError> {
    File::open(folder)
        .and_then(|folder| folder.sync_all())
        .map_err(ChangesError::io("write", folder))
}

/// Copies the database's file as it is, while others write to it. Pages that change meanwhile, and that may be copied half,
/// are all in the log. The file stays open: closing it would let go of SQLite's own locks on it.
fn copy(from: &File, to: &Path) -> io::Result<(String, u64)> {
    let file = create(to).map_err(io::Error::other)?;
    let (mut hash, mut at, mut buffer) = (Sha256::new(), 0, vec![0; 1 << 20]);
    loop {
        let count = from.read_at(&mut buffer, at)?;
        let Some(read) = buffer.get(..count).filter(|read| !read.is_empty()) else {
            break;
        };
        hash.update(read);
        file.write_all_at(read, at)?;
        at += read.len() as u64;
    }
    file.sync_all()?;
    Ok((hex::encode(hash.finalize()), at))
}

fn length_of(time: Duration) -> SignedDuration {
    SignedDuration::try_from(time).unwrap_or(SignedDuration::MAX)
}
