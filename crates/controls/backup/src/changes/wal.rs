//! Reading a write-ahead log, frame by frame.
//!
//! Every frame is checked: it carries the log's salts, and a checksum over everything in the log before it. Source:
//! "Database File Format", section 4, sqlite.org/fileformat2.html.

use std::{fs::File, io, os::unix::fs::FileExt};

use super::index::Mark;

const HEADER: usize = 32;
const FRAME_HEADER: usize = 24;

/// The first four bytes, but for the last bit, which gives the order of bytes for the checksums.
const MAGIC: u32 = 0x377f_0682;

/// About how much of a log is read at once.
const STRETCH: usize = 1 << 20;

/// Which byte of a word comes first, for the checksums.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Order {
    Big,
    Little,
}

impl Order {
    /// This machine's.
    pub const HERE: Self = if cfg!(target_endian = "big") {
        Self::Big
    } else {
        Self::Little
    };
}

/// A running checksum.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Sums {
    pub a: u32,
    pub b: u32,
}

/// Adds `bytes`, a multiple of eight, to a checksum.
pub(super) fn sums(order: Order, start: Sums, bytes: &[u8]) -> Sums {
    let word = |bytes: &[u8; 4]| match order {
        Order::Big => u32::from_be_bytes(*bytes),
        Order::Little => u32::from_le_bytes(*bytes),
    };
    let (words, _) = bytes.as_chunks::<4>();
    let (pairs, _) = words.as_chunks::<2>();
    pairs.iter().fold(start, |Sums { a, b }, [first, second]| {
        let a = a.wrapping_add(word(first)).wrapping_add(b);
        let b = b.wrapping_add(word(second)).wrapping_add(a);
        Sums { a, b }
    })
}

/// Why a log cannot be read on.
#[derive(Debug)]
pub(super) enum Unread {
    Io(io::Error),
    /// It is not what it should be.
    Unfit(&'static str),
}

impl From<io::Error> for Unread {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// A place in a log, up to which it has been read.
#[derive(Debug, Clone)]
pub(super) struct Reader {
    page_size: usize,
    salts: [u8; 8],
    order: Order,
    frames: u32,
    sums: Sums,
}

impl Reader {
    /// The beginning of the log that this is a place in.
    pub fn new(page_size: u32, mark: &Mark) -> Self {
        Self {
            page_size: usize::try_from(page_size).unwrap_or_default(),
            salts: mark.salts,
            order: Order::HERE,
            frames: 0,
            sums: Sums::default(),
        }
    }

    /// How many frames of the log have been read.
    pub fn frames(&self) -> u32 {
        self.frames
    }

    /// Whether this is a place in the log that is being read, and not in one that has begun anew in the same file.
    pub fn is_of(&self, mark: &Mark) -> bool {
        self.salts == mark.salts
    }

    /// Reads everything up to what is published, and gives each page in the order of writing.
    pub fn read(
        &mut self,
        log: &File,
        published: &Mark,
        mut page: impl FnMut(u32, &[u8]) -> io::Result<()>,
    ) -> Result<(), Unread> {
        if published.frames < self.frames {
            return Err(Unread::Unfit("it has become shorter"));
        }
        if self.frames == 0 && published.frames > 0 {
            self.begin(log)?;
        }
        let each = FRAME_HEADER + self.page_size;
        let at_once = u32::try_from((STRETCH / each).max(1)).unwrap_or(1);
        let mut stretch = Vec::new();
        while self.frames < published.frames {
            let count = at_once.min(published.frames - self.frames);
            stretch.resize(each * usize::try_from(count).unwrap_or(1), 0);
            let at = HEADER as u64 + u64::from(self.frames) * each as u64;
            log.read_exact_at(&mut stretch, at)?;
            for frame in stretch.chunks_exact(each) {
                let (head, content) = frame.split_at(FRAME_HEADER);
                self.check(head, content)?;
                page(word(head, 0), content)?;
                self.frames += 1;
            }
        }
        if self.sums != published.sums && published.frames > 0 {
            return Err(Unread::Unfit("its checksum is not the published one"));
        }
        Ok(())
    }

    fn begin(&mut self, log: &File) -> Result<(), Unread> {
        let mut header = [0; HEADER];
        log.read_exact_at(&mut header, 0)?;
        self.order = match word(&header, 0) {
            MAGIC => Order::Little,
            other if other == MAGIC | 1 => Order::Big,
            _ => return Err(Unread::Unfit("it does not begin as a log does")),
        };
        let (body, sum) = header.split_at(HEADER - 8);
        self.sums = sums(self.order, Sums::default(), body);
        if self.sums
            != (Sums {
                a: word(sum, 0),
                b: word(sum, 4),
            })
        {
            return Err(Unread::Unfit("its header does not have its checksum"));
        }
        if header.get(16..24) != Some(self.salts.as_slice()) {
            return Err(Unread::Unfit(
                "its header has other salts than are published",
            ));
        }
        if usize::try_from(word(&header, 8)) != Ok(self.page_size) {
            return Err(Unread::Unfit(
                "its pages have another size than the database's",
            ));
        }
        Ok(())
    }

    fn check(&mut self, head: &[u8], content: &[u8]) -> Result<(), Unread> {
        if head.get(8..16) != Some(self.salts.as_slice()) {
            return Err(Unread::Unfit("a published frame has other salts"));
        }
        let start = head.get(..8).unwrap_or_default();
        self.sums = sums(self.order, sums(self.order, self.sums, start), content);
        if self.sums
            != (Sums {
                a: word(head, 16),
                b: word(head, 20),
            })
        {
            return Err(Unread::Unfit(
                "a published frame does not have its checksum",
            ));
        }
        Ok(())
    }
}

fn word(bytes: &[u8], at: usize) -> u32 {
    bytes
        .get(at..at + 4)
        .and_then(|word| word.try_into().ok())
        .map_or(0, u32::from_be_bytes)
}
