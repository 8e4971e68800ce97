//! The log of a generation: pages as they changed, and when that was seen.
//!
//! It is cut into files, and each record carries a hash over it and everything before it in the generation: a record or a
//! file that is missing, altered or out of its place does not fit.

use std::{
    fs::File,
    io::{self, BufWriter, Read, Write},
};

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{ChangesError, index::Mark, reckoning::Reckoning};

const HASH: usize = 32;
const PAGES: u8 = b'P';
const SEEN: u8 = b'S';
const MARK: u8 = b'M';
const CLOCK: u8 = b'C';
const WAL: u8 = b'W';
const REACHED: u8 = b'R';

/// No record is longer: pages are written so many at a time.
const LONGEST: usize = 4 << 20;

/// Everything in a record that says when.
const SEEN_LENGTH: usize = 8 + 8 + 4 + 4;

/// A look that saw a change, so long after the one before, is remembered with its time.
const STALL: SignedDuration = SignedDuration::from_secs(10);

/// So many of these are remembered of a generation: the longest.
const STALLS: usize = 100;

/// A time in which the database was written to and not looked at: strictly between its ends nothing is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stall {
    /// The last look before.
    pub from: Timestamp,
    /// The look that saw what had changed.
    pub to: Timestamp,
}

impl Stall {
    /// How long it is.
    #[must_use]
    pub fn length(self) -> SignedDuration {
        self.to.duration_since(self.from)
    }
}

/// How far a log goes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Head {
    /// The hash over everything so far, in hexadecimal.
    pub hash: String,
    /// Everything committed before this moment is in it.
    pub up_to: Option<Timestamp>,
    /// When the last change in it was seen.
    pub changed: Option<Timestamp>,
    /// The longest time from a look to the next that saw a change, in milliseconds: changes within it are not told apart.
    /// Beside those in `stalls`.
    pub slowest_ms: u32,
    /// The longest of those times that lasted longer than a few seconds.
    #[serde(default)]
    pub stalls: Vec<Stall>,
    /// By which clocks its times were noted, in order; none if that was not noted.
    #[serde(default)]
    pub clocks: Vec<Noted>,
}

/// From when on times were noted by a clock.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Noted {
    /// The last time that was noted by the one before; none at the beginning.
    pub from: Option<Timestamp>,
    /// The clock.
    pub by: Reckoning,
}

impl Head {
    /// Where the log of a generation begins.
    #[must_use]
    pub fn start(generation: &str) -> Self {
        Self {
            hash: hex::encode(Sha256::digest(generation)),
            up_to: None,
            changed: None,
            slowest_ms: 0,
            stalls: Vec::new(),
            clocks: Vec::new(),
        }
    }

    fn clocked(&mut self, by: &Reckoning) {
        if self.clocks.last().is_none_or(|last| last.by != *by) {
            self.clocks.push(Noted {
                from: self.up_to,
                by: by.clone(),
            });
        }
    }

    fn take(&mut self, seen: &Seen) {
        self.up_to = self.up_to.max(Some(seen.from));
        if seen.pages == 0 {
            return;
        }
        self.changed = self.changed.max(Some(seen.at));
        let apart = SignedDuration::from_millis(seen.apart_ms.into());
        let from = seen.from.checked_sub(apart).unwrap_or(seen.from);
        let stall = Stall { from, to: seen.at };
        if stall.length() < STALL {
            return self.not_told_apart(stall);
        }
        self.stalls.push(stall);
        if self.stalls.len() > STALLS
            && let Some(shortest) = (0..self.stalls.len())
                .min_by_key(|at| self.stalls.get(*at).map(|stall| stall.length()))
        {
            let shortest = self.stalls.remove(shortest);
            self.not_told_apart(shortest);
        }
    }

    fn not_told_apart(&mut self, stall: Stall) {
        let ms = u32::try_from(stall.length().as_millis()).unwrap_or(u32::MAX);
        self.slowest_ms = self.slowest_ms.max(ms);
    }
}

/// One record.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Record {
    /// Pages, by their numbers; a transaction's are in one or more of these.
    Pages(Vec<(u32, Vec<u8>)>),
    /// A look at the database.
    Seen(Seen),
    /// Where in the database's own log all of that ends.
    Mark(Mark),
    /// By which clock the times after it are noted.
    Clock(Reckoning),
    /// Bytes of a server's own log, by the place of the first.
    Wal(u64, Vec<u8>),
    /// The server's own log has been copied whole up to this place, which is the end of one of its records.
    Reached(u64),
}

/// A look at the database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Seen {
    /// When it began: everything committed before is in the log.
    pub from: Timestamp,
    /// When it had seen what it saw: all of that was committed before.
    pub at: Timestamp,
    /// Pages of the database then, or one if it is a server's; nought if nothing had changed.
    pub pages: u32,
    /// How long before `from` the look before was, in milliseconds; nought if nothing had changed.
    pub apart_ms: u32,
}

impl Seen {
    /// Up to this moment nothing had changed since the record before.
    pub fn quiet(up_to: Timestamp) -> Self {
        Self {
            from: up_to,
            at: up_to,
            pages: 0,
            apart_ms: 0,
        }
    }
}

/// Writes one file of a log.
pub(super) struct Writer {
    file: BufWriter<File>,
    hash: [u8; HASH],
    waiting: Vec<u8>,
    length: u64,
}

impl Writer {
    /// Goes on after `hash`, in a new file.
    pub fn new(file: File, hash: [u8; HASH]) -> Self {
        Self {
            file: BufWriter::new(file),
            hash,
            waiting: Vec::new(),
            length: 0,
        }
    }

    pub fn page(&mut self, number: u32, content: &[u8]) -> io::Result<()> {
        if self.waiting.len() + 4 + content.len() > LONGEST {
            self.write_pages()?;
        }
        self.waiting.extend(number.to_be_bytes());
        self.waiting.extend(content);
        Ok(())
    }

    pub fn seen(&mut self, seen: Seen) -> io::Result<()> {
        self.write_pages()?;
        let mut body = Vec::with_capacity(SEEN_LENGTH);
        body.extend(seen.from.as_microsecond().to_be_bytes());
        body.extend(seen.at.as_microsecond().to_be_bytes());
        body.extend(seen.pages.to_be_bytes());
        body.extend(seen.apart_ms.to_be_bytes());
        self.write(SEEN, &body)
    }

    pub fn mark(&mut self, mark: Mark) -> io::Result<()> {
        self.write_pages()?;
        self.write(MARK, &mark.to_bytes())
    }

    pub fn wal(&mut self, at: u64, bytes: &[u8]) -> io::Result<()> {
        let body = [at.to_be_bytes().as_slice(), bytes].concat();
        self.write(WAL, &body)
    }

    pub fn reached(&mut self, place: u64) -> io::Result<()> {
        self.write(REACHED, &place.to_be_bytes())
    }

    /// Notes by which clock the times are that follow, and gives that to the system.
    pub fn clock(&mut self, by: &Reckoning) -> io::Result<()> {
        self.write(CLOCK, &by.to_bytes())?;
        self.flush()
    }

    pub fn length(&self) -> u64 {
        self.length
    }

    /// The hash that the next file goes on after.
    pub fn hash(&self) -> [u8; HASH] {
        self.hash
    }

    /// Gives everything to the system: who kills this process takes nothing of it away.
    pub fn flush(&mut self) -> io::Result<()> {
        self.write_pages()?;
        self.file.flush()
    }

    /// Brings everything to the disk.
    pub fn sync(&mut self) -> io::Result<()> {
        self.write_pages()?;
        self.file.flush()?;
        self.file.get_ref().sync_data()
    }

    fn write_pages(&mut self) -> io::Result<()> {
        if self.waiting.is_empty() {
            return Ok(());
        }
        let body = std::mem::take(&mut self.waiting);
        self.write(PAGES, &body)
    }

    fn write(&mut self, kind: u8, body: &[u8]) -> io::Result<()> {
        let length = u32::try_from(body.len()).map_err(io::Error::other)?;
        self.hash = next(self.hash, kind, body);
        self.file.write_all(&[kind])?;
        self.file.write_all(&length.to_be_bytes())?;
        self.file.write_all(body)?;
        self.file.write_all(&self.hash)?;
        self.length += 5 + u64::from(length) + HASH as u64;
        Ok(())
    }
}

/// Why a log is not read on.
#[derive(Debug)]
pub(crate) enum Bad {
    /// It cannot be read, or whoever takes its records cannot go on.
    Failed(ChangesError),
    /// It is not as it was written from this byte on; the whole records before are.
    Altered(u64),
}

/// Reads one file of a log, which goes on after `head`, and gives each of its records; `head` is then that of its end.
///
/// # Errors
///
/// At the first record that is not as it was written, or is cut off.
pub(crate) fn read(
    mut from: impl Read,
    page_size: u32,
    head: &mut Head,
    mut take: impl FnMut(Record) -> Result<(), ChangesError>,
) -> Result<(), Bad> {
    let mut hash = [0; HASH];
    if hex::decode_to_slice(&head.hash, &mut hash).is_err() {
        return Err(Bad::Altered(0));
    }
    let mut at = 0;
    while let Some((kind, body, found)) = record(&mut from).map_err(|()| Bad::Altered(at))? {
        hash = next(hash, kind, &body);
        let record = match kind {
            _ if hash != found => None,
            PAGES => pages(&body, page_size).map(Record::Pages),
            SEEN => seen(&body).map(Record::Seen),
            MARK => Mark::from_bytes(&body).map(Record::Mark),
            CLOCK => Reckoning::from_bytes(&body).map(Record::Clock),
            WAL => body
                .split_first_chunk::<8>()
                .map(|(at, bytes)| Record::Wal(u64::from_be_bytes(*at), bytes.to_vec())),
            REACHED => <[u8; 8]>::try_from(body.as_slice())
                .ok()
                .map(|place| Record::Reached(u64::from_be_bytes(place))),
            _ => None,
        };
        let record = record.ok_or(Bad::Altered(at))?;
        match &record {
            Record::Seen(seen) => head.take(seen),
            Record::Clock(by) => head.clocked(by),
            Record::Pages(_) | Record::Mark(_) | Record::Wal(..) | Record::Reached(_) => {}
        }
        take(record).map_err(Bad::Failed)?;
        head.hash = hex::encode(hash);
        at += (5 + body.len() + HASH) as u64;
    }
    Ok(())
}

fn next(hash: [u8; HASH], kind: u8, body: &[u8]) -> [u8; HASH] {
    let mut next = Sha256::new();
    next.update(hash);
    next.update([kind]);
    next.update((body.len() as u64).to_be_bytes());
    next.update(body);
    next.finalize().into()
}

/// The next record, whatever it says; `None` at the end.
#[expect(
    clippy::type_complexity,
    reason = "kind, body and hash, for one caller"
)]
fn record(from: &mut impl Read) -> Result<Option<(u8, Vec<u8>, [u8; HASH])>, ()> {
    let mut kind = [0];
    match from.read(&mut kind) {
        Ok(0) => return Ok(None),
        Ok(_) => {}
        Err(_) => return Err(()),
    }
    let mut length = [0; 4];
    from.read_exact(&mut length).map_err(|_| ())?;
    let length = usize::try_from(u32::from_be_bytes(length)).map_err(|_| ())?;
    // One page more than the longest: a page may be larger than what is left of it.
    if length > LONGEST + (1 << 16) + 4 {
        return Err(());
    }
    let mut body = vec![0; length];
    from.read_exact(&mut body).map_err(|_| ())?;
    let mut hash = [0; HASH];
    from.read_exact(&mut hash).map_err(|_| ())?;
    let [kind] = kind;
    Ok(Some((kind, body, hash)))
}

fn pages(body: &[u8], page_size: u32) -> Option<Vec<(u32, Vec<u8>)>> {
    let each = 4 + usize::try_from(page_size).ok()?;
    if !body.len().is_multiple_of(each) {
        return None;
    }
    body.chunks_exact(each)
        .map(|page| {
            let (number, content) = page.split_first_chunk::<4>()?;
            Some((u32::from_be_bytes(*number), content.to_vec()))
        })
        .collect()
}

fn seen(body: &[u8]) -> Option<Seen> {
    let body: &[u8; SEEN_LENGTH] = body.try_into().ok()?;
    let (from, rest) = body.split_first_chunk::<8>()?;
    let (at, rest) = rest.split_first_chunk::<8>()?;
    let (pages, rest) = rest.split_first_chunk::<4>()?;
    let (apart, _) = rest.split_first_chunk::<4>()?;
    let time = |micros: &[u8; 8]| Timestamp::from_microsecond(i64::from_be_bytes(*micros)).ok();
    Some(Seen {
        from: time(from)?,
        at: time(at)?,
        pages: u32::from_be_bytes(*pages),
        apart_ms: u32::from_be_bytes(*apart),
    })
}
