//! Reads journal segments one record at a time, from the layout in the crate's `README.md`.

use std::fs::File;
use std::io::{BufReader, ErrorKind, Read, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};

use crc::{CRC_32_ISCSI, Crc, Table};

use super::directory::Why;
use super::leaf;

static CHECK: Crc<u32, Table<16>> = Crc::<u32, Table<16>>::new(&CRC_32_ISCSI);

/// Bytes before a segment's first record.
pub(super) const HEADER: u64 = 24;
const PREFIX: u64 = 12;
/// A leaf and a payload of at most 1 MiB.
const BODY: std::ops::RangeInclusive<u32> = 68..=68 + (1 << 20);
/// Read this much at once.
const BUFFER: usize = 1 << 20;
/// Bytes of the longest record.
const LONGEST: usize = PREFIX as usize + *BODY.end() as usize;

/// The segments of a ledger, with the first entry that each is named for, in order.
pub(super) fn segments(dir: &Path) -> Result<Vec<(u64, PathBuf)>, (PathBuf, Why)> {
    let folder = PathBuf::from("journal");
    let read = |error| (folder.clone(), Why::Read(error));
    let entries = match std::fs::read_dir(dir.join(&folder)) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(read)?,
    };
    let mut found = Vec::new();
    for entry in entries {
        let name = entry.map_err(read)?.file_name();
        let path = folder.join(&name);
        let first = name
            .to_str()
            .and_then(|name| name.strip_suffix(".seg"))
            .and_then(|name| name.parse::<u64>().ok());
        match first {
            Some(first) if name == format!("{first:020}.seg").as_str() => found.push((first, path)),
            _ => return Err((path, Why::Foreign)),
        }
    }
    found.sort_unstable();
    Ok(found)
}

/// One segment, read from its start.
pub(super) struct Segment {
    file: BufReader<File>,
    /// Where the record that was read last starts.
    pub(super) offset: u64,
    /// Where the next one does.
    next: u64,
    group: u64,
    body: Vec<u8>,
}

/// What lies behind the last sound record, where no checkpoint covers it.
pub(super) enum Tail {
    /// A write that is going on or was cut off, of so many bytes; none where there are only zeros.
    Unfinished(u64),
    /// A sound record of a later group, which is written only when this one is whole.
    LaterGroup,
}

impl Segment {
    /// Opens a segment and checks its header; [`Why::CutOff`] when it ends inside that.
    pub(super) fn open(path: &Path, first: u64) -> Result<Self, Why> {
        let mut file = BufReader::with_capacity(BUFFER, File::open(path).map_err(Why::Read)?);
        let mut header = [0; HEADER as usize];
        match file.read_exact(&mut header) {
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => return Err(Why::CutOff),
            read => read.map_err(Why::Read)?,
        }
        let wanted = [b"avouch-journal/1".as_slice(), &first.to_be_bytes()].concat();
        if header.as_slice() != wanted {
            return Err(Why::Header);
        }
        Ok(Self {
            file,
            offset: HEADER,
            next: HEADER,
            group: HEADER,
            body: Vec::new(),
        })
    }

    /// Goes to the next record; `false` at the end of the file. [`Why::CutOff`] when the file ends inside it.
    pub(super) fn advance(&mut self) -> Result<bool, Why> {
        self.offset = self.next;
        let mut prefix = [[0; 4]; 3];
        let got = read_up_to(&mut self.file, prefix.as_flattened_mut())?;
        if got == 0 {
            return Ok(false);
        }
        if got < PREFIX as usize {
            return Err(Why::CutOff);
        }
        let [length, back, check] = prefix;
        let bytes = u32::from_be_bytes(length);
        if !BODY.contains(&bytes) {
            return Err(Why::Length(bytes));
        }
        self.body.resize(bytes as usize, 0);
        if read_up_to(&mut self.file, &mut self.body)? < bytes as usize {
            return Err(Why::CutOff);
        }
        if checked([&length, &back, &self.body]) != u32::from_be_bytes(check) {
            return Err(Why::Check);
        }
        let back = u64::from(u32::from_be_bytes(back));
        if back == 0 {
            self.group = self.offset;
        } else if self.offset - self.group != back {
            return Err(Why::Group);
        }
        self.next = self.offset + PREFIX + u64::from(bytes);
        Ok(true)
    }

    /// Reads the record at which [`Segment::advance`] stopped anew from the file.
    pub(super) fn again(&mut self) -> Result<bool, Why> {
        self.file
            .seek(SeekFrom::Start(self.next))
            .map_err(Why::Read)?;
        self.advance()
    }

    /// The leaf's bytes in the record that was read last.
    pub(super) fn leaf(&self) -> &[u8] {
        self.body.get(..leaf::BYTES).unwrap_or_default()
    }

    /// Says what lies behind the last sound record, after [`Segment::advance`] found no sound one there.
    pub(super) fn tail(&mut self) -> Result<Tail, Why> {
        let (mut last, mut held, mut from) = (0, Vec::new(), self.offset);
        loop {
            self.file
                .seek(SeekFrom::Start(from + held.len() as u64))
                .map_err(Why::Read)?;
            let read = (&mut self.file)
                .take((BUFFER + LONGEST - held.len()) as u64)
                .read_to_end(&mut held)
                .map_err(Why::Read)?;
            // The last window is looked at to its end; of the others what may hold only a part of a record is kept.
            let whole = if read == 0 {
                held.len()
            } else {
                held.len().saturating_sub(LONGEST)
            };
            for place in 0..whole {
                let rest = held.get(place..).unwrap_or_default();
                let distance = from + place as u64 - self.offset;
                if rest.first() != Some(&0) {
                    last = distance + 1;
                }
                if began_within(rest, distance) {
                    return Ok(Tail::LaterGroup);
                }
            }
            if read == 0 {
                return Ok(Tail::Unfinished(last));
            }
            held.drain(..whole);
            from += whole as u64;
        }
    }
}

/// Whether a sound record starts here whose group began in the last `distance` bytes.
fn began_within(bytes: &[u8], distance: u64) -> bool {
    let Some((prefix, rest)) = bytes.split_first_chunk::<{ PREFIX as usize }>() else {
        return false;
    };
    let [length, back, check] = *prefix.as_chunks::<4>().0 else {
        return false;
    };
    let bytes = u32::from_be_bytes(length);
    BODY.contains(&bytes)
        && u64::from(u32::from_be_bytes(back)) < distance
        && rest
            .get(..bytes as usize)
            .is_some_and(|body| checked([&length, &back, body]) == u32::from_be_bytes(check))
}

/// The check value of a record's parts.
fn checked(parts: [&[u8]; 3]) -> u32 {
    let mut digest = CHECK.digest();
    parts.into_iter().for_each(|part| digest.update(part));
    digest.finalize()
}

/// Fills a buffer; gives fewer bytes only at the end of the file.
fn read_up_to(file: &mut impl Read, mut buffer: &mut [u8]) -> Result<usize, Why> {
    let mut got = 0;
    while !buffer.is_empty() {
        match file.read(buffer) {
            Ok(0) => break,
            Ok(read) => {
                got += read;
                buffer = buffer.get_mut(read..).unwrap_or_default();
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(Why::Read(error)),
        }
    }
    Ok(got)
}
