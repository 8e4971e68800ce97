//! The files of a server's write-ahead log: their names, and what is between two places.

use std::{
    fs::File,
    io,
    os::unix::fs::FileExt as _,
    path::{Path, PathBuf},
};

/// So much is read at once.
const PART: u64 = 1 << 20;

/// How a file is named whose end has not come yet.
const PARTIAL: &str = ".partial";

/// The files of one history of a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Segments {
    pub timeline: u32,
    /// Bytes of each.
    pub size: u64,
}

impl Segments {
    /// Where the file begins that this place is in.
    pub fn start(self, place: u64) -> u64 {
        place - place % self.size.max(1)
    }

    /// The name of the file that this place is in.
    ///
    /// Source: PostgreSQL, `XLogFileName` in `access/xlog_internal.h`.
    pub fn name(self, place: u64) -> String {
        let number = place / self.size.max(1);
        let in_each = ((1_u64 << 32) / self.size.max(1)).max(1);
        format!(
            "{:08X}{:08X}{:08X}",
            self.timeline,
            number / in_each,
            number % in_each
        )
    }

    /// The place where the file of this name begins, if it is one of these and whole.
    pub fn place(self, name: &str) -> Option<u64> {
        let part = |from: usize| u64::from_str_radix(name.get(from..from + 8)?, 16).ok();
        if name.len() != 24 || part(0)? != u64::from(self.timeline) {
            return None;
        }
        let in_each = ((1_u64 << 32) / self.size.max(1)).max(1);
        (part(8)? * in_each + part(16)?).checked_mul(self.size)
    }

    /// Gives everything between two places, in parts, from the files in a folder, where it has arrived.
    pub fn read<E>(
        self,
        folder: &Path,
        from: u64,
        to: u64,
        mut take: impl FnMut(u64, &[u8]) -> Result<(), E>,
    ) -> Result<Result<(), E>, io::Error> {
        let (mut at, mut buffer) = (from, Vec::new());
        while at < to {
            let (file, begins) = (self.open(folder, at)?, self.start(at));
            let end = to.min(begins + self.size);
            while at < end {
                let length = PART.min(end - at);
                buffer.resize(usize::try_from(length).unwrap_or_default(), 0);
                file.read_exact_at(&mut buffer, at - begins)?;
                if let Err(error) = take(at, &buffer) {
                    return Ok(Err(error));
                }
                at += length;
            }
        }
        Ok(Ok(()))
    }

    /// Whether what is at this place has arrived, or can still arrive, because the file is here.
    pub fn has(self, folder: &Path, place: u64) -> bool {
        self.open(folder, place).is_ok()
    }

    /// The file that a place is in. It loses its ending when it is whole.
    fn open(self, folder: &Path, place: u64) -> io::Result<File> {
        let whole = folder.join(self.name(place));
        File::open(&whole)
            .or_else(|_| File::open(partial(&whole)))
            .or_else(|_| File::open(&whole))
    }
}

fn partial(whole: &Path) -> PathBuf {
    let mut name = whole.as_os_str().to_owned();
    name.push(PARTIAL);
    PathBuf::from(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SEGMENTS: Segments = Segments {
        timeline: 2,
        size: 16 << 20,
    };

    #[test]
    fn a_file_is_named_as_the_server_names_it() {
        let place = (3_u64 << 32) + (5 << 24) + 17;
        assert_eq!(SEGMENTS.name(place), "000000020000000300000005");
        assert_eq!(
            SEGMENTS.place("000000020000000300000005"),
            Some((3 << 32) + (5 << 24))
        );
        assert_eq!(SEGMENTS.place("000000010000000300000005"), None);
        assert_eq!(SEGMENTS.place("000000020000000300000005.partial"), None);
        assert_eq!(SEGMENTS.place("00000002.history"), None);
    }

    #[test]
    fn what_is_between_two_places_is_read_across_files_whole_or_not() {
        let home = tempfile::tempdir().unwrap();
        let small = Segments {
            timeline: 1,
            size: 1 << 20,
        };
        let (first, second) = (vec![1_u8; 1 << 20], vec![2_u8; 1 << 20]);
        std::fs::write(home.path().join(small.name(0)), &first).unwrap();
        let second_at = partial(&home.path().join(small.name(1 << 20)));
        std::fs::write(second_at, &second).unwrap();
        let mut read = Vec::new();
        let (from, to) = ((1 << 20) - 3, (1 << 20) + 2);
        let done = small.read(home.path(), from, to, |at, bytes| {
            assert_eq!(at, from + read.len() as u64);
            read.extend_from_slice(bytes);
            Ok::<(), ()>(())
        });
        assert_eq!(done.unwrap(), Ok(()));
        assert_eq!(read, [1, 1, 1, 2, 2]);
        assert!(
            small
                .read(home.path(), 2 << 20, 3 << 20, |_, _| Ok::<(), ()>(()))
                .is_err()
        );
    }
}
