//! Whether a follower can go on with the generation that the one before it left.
//!
//! It can if it is shown that nothing was missed: the database's own log still goes on from where it was read to, so that
//! everything written since is in it; or the database is, byte for byte, what the generation holds. Otherwise there is a
//! gap, and another generation begins with an image.

use std::{
    collections::HashMap,
    fs::{self, File},
    io::BufReader,
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
};

use jiff::Timestamp;

use super::{
    BASE, ChangesError, Facts,
    follow::Files,
    index::{Mark, Published},
    leftovers::{facts, last_hash},
    log::{Head, Record, read},
    rebuild::each,
    reckoning::Reckoning,
    segment,
    wal::Reader,
};

/// A log with more frames than this is not compared: its pages would be held in memory.
const FRAMES: u32 = 16_000;

/// What was left of the newest generation.
pub(super) struct Left {
    pub name: String,
    pub folder: PathBuf,
    pub facts: Facts,
    /// Files of its log, all closed.
    pub segments: u32,
    /// Bytes of its log.
    pub log: u64,
    /// The hash at the end of its log.
    pub hash: [u8; 32],
    /// Everything committed before this moment is in it.
    pub up_to: Timestamp,
    /// By which clock that was noted last, if it says.
    pub by: Option<Reckoning>,
    /// How far the database's own log had been read for that.
    mark: Option<Mark>,
    /// How far a server's own log had been copied for that.
    pub reached: Option<u64>,
}

/// The newest generation, if it can be read as far as is needed here.
pub(super) fn left(folder: &Path) -> Result<Option<Left>, ChangesError> {
    let mut newest: Option<(String, PathBuf)> = None;
    for entry in fs::read_dir(folder).map_err(ChangesError::io("read", folder))? {
        let entry = entry.map_err(ChangesError::io("read", folder))?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if entry.path().join(segment(1)).is_file()
            && newest.as_ref().is_none_or(|(before, _)| *before < name)
        {
            newest = Some((name, entry.path()));
        }
    }
    // What cannot be read is not gone on with, and the next generation is begun instead.
    Ok(newest.and_then(|(name, folder)| end(name, folder)))
}

/// What there is to know of a generation's end: of its log, only the last files are read for that.
fn end(name: String, folder: PathBuf) -> Option<Left> {
    let facts = facts(&folder).ok()??;
    let segments = (1..)
        .take_while(|number| folder.join(segment(*number)).is_file())
        .last()?;
    let (mut hash, mut up_to, mut mark, mut reached, mut by) = (None, None, None, None, None);
    let mut log = 0;
    for number in (1..=segments).rev() {
        let path = folder.join(segment(number));
        log += fs::metadata(&path).ok()?.len();
        if (mark.is_some() || reached.is_some()) && up_to.is_some() {
            continue;
        }
        let mut head = Head::start(&name);
        if number > 1 {
            head.hash = last_hash(&folder.join(segment(number - 1))).ok()?;
        }
        let (mut here, mut copied) = (None, None);
        let file = BufReader::new(File::open(&path).ok()?);
        read(file, facts.page_size, &mut head, |record| {
            match record {
                Record::Mark(mark) => here = Some(mark),
                Record::Reached(place) => copied = Some(place),
                _ => {}
            }
            Ok(())
        })
        .ok()?;
        hash = hash.or(Some(head.hash));
        by = by.or_else(|| head.clocks.pop().map(|last| last.by));
        up_to = up_to.or(head.up_to);
        mark = mark.or(here);
        reached = reached.or(copied);
    }
    let mut bytes = [0; 32];
    hex::decode_to_slice(hash?, &mut bytes).ok()?;
    Some(Left {
        name,
        facts,
        segments,
        log,
        hash: bytes,
        up_to: up_to?,
        by,
        mark,
        reached,
        folder,
    })
}

impl Left {
    /// Whether times noted now can go on from it, after everything that is known to be stored.
    pub fn is_before(&self, now: Timestamp, by: Option<&Reckoning>, last: Option<&str>) -> bool {
        let set = matches!((&self.by, by), (Some(left), Some(by)) if left.was_set(by));
        self.up_to <= now && !set && last.is_none_or(|last| *self.name >= *last)
    }

    /// The place up to which the database's own log was read, if what is published now goes on from there. While nobody
    /// writes.
    pub fn goes_on(&self, files: &Files, published: &Published) -> Option<Reader> {
        let mark = self.mark?;
        if mark.frames == 0 || mark.salts != published.salts || mark.frames > published.frames {
            return None;
        }
        // Every frame carries a checksum over all before, so the sum there tells this log from any other.
        let mut reader = Reader::new(self.facts.page_size, &mark);
        let read = reader.read(&files.log, &mark, |_, _| Ok(()));
        read.is_ok().then_some(reader)
    }

    /// Whether the database is what this generation holds at its end. What was published must still be the same afterwards:
    /// then nobody wrote while it was compared.
    pub fn is(&self, files: &Files, published: &Published) -> Result<bool, ChangesError> {
        if published.frames > FRAMES {
            return Ok(false);
        }
        let page_size = u64::from(self.facts.page_size);
        let mut waiting = HashMap::new();
        let mark = published.mark();
        let mut reader = Reader::new(self.facts.page_size, &mark);
        let read = reader.read(&files.log, &mark, |number, content| {
            waiting.insert(number, content.to_vec());
            Ok(())
        });
        if read.is_err() {
            return Ok(false);
        }
        let now = Now {
            database: &files.database,
            waiting,
            buffer: vec![0; usize::try_from(page_size).unwrap_or_default()],
        };
        let unreadable = |error| ChangesError::io("read", &self.folder)(error);
        let pages = match published.frames {
            0 => files.database.metadata().map_err(unreadable)?.len() / page_size,
            _ => u64::from(published.pages),
        };
        self.compare(now, pages)
    }

    fn compare(&self, mut now: Now<'_>, pages: u64) -> Result<bool, ChangesError> {
        // The last content of each page that the log has, by its place among all.
        let (mut last, mut count, mut size, mut half) = (HashMap::new(), 0_u64, None, false);
        let head = each(&self.folder, &self.facts, |record| {
            match record {
                Record::Pages(changed) => {
                    half = true;
                    for (number, _) in changed {
                        count += 1;
                        last.insert(number, count);
                    }
                }
                Record::Seen(seen) => {
                    half = false;
                    if seen.pages > 0 {
                        size = Some(u64::from(seen.pages));
                    }
                }
                Record::Mark(_) | Record::Clock(_) | Record::Wal(..) | Record::Reached(_) => {}
            }
            Ok(())
        })?;
        let unreadable = |error| ChangesError::io("read", &self.folder)(error);
        let image = File::open(self.folder.join(BASE)).map_err(unreadable)?;
        let page_size = u64::from(self.facts.page_size);
        let length = image.metadata().map_err(unreadable)?.len() / page_size;
        // Pages of a look that was cut off are not yet what the generation shows.
        if half || head.hash != hex::encode(self.hash) || size.unwrap_or(length) != pages {
            return Ok(false);
        }
        let (mut same, mut at) = (true, 0_u64);
        each(&self.folder, &self.facts, |record| {
            if let Record::Pages(changed) = record {
                for (number, content) in changed {
                    at += 1;
                    let counts = last.get(&number) == Some(&at) && u64::from(number) <= pages;
                    same = same && (!counts || now.is(number, &content));
                }
            }
            Ok(())
        })?;
        let mut content = now.buffer.clone();
        for number in 1..=u32::try_from(pages).unwrap_or(u32::MAX) {
            if !same {
                break;
            }
            if !last.contains_key(&number) {
                let place = u64::from(number - 1) * page_size;
                same = image.read_exact_at(&mut content, place).is_ok() && now.is(number, &content);
            }
        }
        Ok(same)
    }
}

/// The database as it is: what waits in its log, and its file.
struct Now<'f> {
    database: &'f File,
    waiting: HashMap<u32, Vec<u8>>,
    buffer: Vec<u8>,
}

impl Now<'_> {
    fn is(&mut self, number: u32, content: &[u8]) -> bool {
        if let Some(waiting) = self.waiting.get(&number) {
            return waiting == content;
        }
        let place = u64::from(number.saturating_sub(1)) * self.buffer.len() as u64;
        self.database.read_exact_at(&mut self.buffer, place).is_ok() && self.buffer == content
    }
}
