//! Reads journal segments one record at a time, from the layout in the crate's `README.md`.

use std::fs::File;
use std::io::{BufReader, ErrorKind, Read};
use std::path::{Path, PathBuf};

use crc::{CRC_32_ISCSI, Crc, Table};

use super::directory::Why;
use super::leaf;

static CHECK: Crc<u32, Table<16>> = Crc::<u32, Table<16>>::new(&CRC_32_ISCSI);

const HEADER: u64 = 24;
const PREFIX: u64 = 12;
/// A leaf and a payload of at most 1 MiB.
const BODY: std::ops::RangeInclusive<u32> = 68..=68 + (1 << 20);
/// Read this much at once.
const BUFFER: usize = 1 << 20;

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

impl Segment {
    /// Opens a segment and checks its header; `Ok(None)` when it ends inside that.
    pub(super) fn open(path: &Path, first: u64) -> Result<Option<Self>, Why> {
        let mut file = BufReader::with_capacity(BUFFER, File::open(path).map_err(Why::Read)?);
        let mut header = [0; HEADER as usize];
        match file.read_exact(&mut header) {
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => return Ok(None),
            read => read.map_err(Why::Read)?,
        }
        let wanted = [b"avouch-journal/1".as_slice(), &first.to_be_bytes()].concat();
        if header.as_slice() != wanted {
            return Err(Why::Header);
        }
        Ok(Some(Self {
            file,
            offset: HEADER,
            next: HEADER,
            group: HEADER,
            body: Vec::new(),
        }))
    }

    /// The next record's leaf bytes; `None` at the end of the file. [`Why::CutOff`] when the file ends inside it.
    pub(super) fn next(&mut self) -> Result<Option<&[u8]>, Why> {
        self.offset = self.next;
        let mut prefix = [[0; 4]; 3];
        let got = read_up_to(&mut self.file, prefix.as_flattened_mut())?;
        if got == 0 {
            return Ok(None);
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
        let mut digest = CHECK.digest();
        [length.as_slice(), &back, &self.body]
            .into_iter()
            .for_each(|part| digest.update(part));
        if digest.finalize() != u32::from_be_bytes(check) {
            return Err(Why::Check);
        }
        let back = u64::from(u32::from_be_bytes(back));
        if back == 0 {
            self.group = self.offset;
        } else if self.offset - self.group != back {
            return Err(Why::Group);
        }
        self.next = self.offset + PREFIX + u64::from(bytes);
        Ok(self.body.get(..leaf::BYTES))
    }
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
