//! Where each file lies, relative to the ledger's folder. Pure.
//!
//! Source: C2SP tlog-tiles v0.1.0.

use std::path::PathBuf;

/// Hashes in a full tile, entries in a full bundle.
pub(crate) const TILE_WIDTH: u16 = 256;

pub(crate) const CHECKPOINT: &str = "checkpoint";
pub(crate) const CHECKPOINT_NEXT: &str = "checkpoint.next";
pub(crate) const COSIGNED: &str = "checkpoint.cosigned";
pub(crate) const COSIGNED_NEXT: &str = "checkpoint.cosigned.next";
pub(crate) const CLOSED: &str = "closed";
pub(crate) const JOURNAL: &str = "journal";
pub(crate) const LOCK: &str = "lock";
pub(crate) const RESERVE: &str = "reserve";
pub(crate) const SEGMENT_NEXT: &str = "segment.next";

/// Which column of tiles.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Row {
    /// Entry bundles.
    Entries,
    /// Hashes of this level.
    Level(u8),
}

/// A tile's file: the full one for a width of 256, else the partial one.
pub(crate) fn tile(row: Row, index: u64, width: u16) -> PathBuf {
    let mut path = full_tile(row, index);
    if width < TILE_WIDTH {
        path.push_str(&format!(".p/{width}"));
    }
    path.into()
}

/// The folder of a tile's partial files.
pub(crate) fn partials(row: Row, index: u64) -> PathBuf {
    (full_tile(row, index) + ".p").into()
}

/// A journal segment, named by the index of its first entry.
pub(crate) fn segment(first: u64) -> PathBuf {
    format!("{JOURNAL}/{first:020}.seg").into()
}

/// What is remembered of a closed segment.
pub(crate) fn closed(first: u64) -> PathBuf {
    format!("{CLOSED}/{first:020}").into()
}

/// The index in a segment's file name; `None` if it is not one.
pub(crate) fn segment_first(name: &str) -> Option<u64> {
    let digits = name.strip_suffix(".seg")?;
    let plain = digits.len() == 20 && digits.bytes().all(|digit| digit.is_ascii_digit());
    plain.then(|| digits.parse().ok()).flatten()
}

fn full_tile(row: Row, index: u64) -> String {
    let mut number = format!("{:03}", index % 1000);
    let mut rest = index / 1000;
    while rest > 0 {
        number = format!("x{:03}/{number}", rest % 1000);
        rest /= 1000;
    }
    match row {
        Row::Entries => format!("tile/entries/{number}"),
        Row::Level(level) => format!("tile/{level}/{number}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tile_paths_are_those_of_the_standard() {
        for (row, index, width, path) in [
            (Row::Level(0), 0, 256, "tile/0/000"),
            (Row::Level(0), 999, 256, "tile/0/999"),
            (Row::Level(0), 1000, 256, "tile/0/x001/000"),
            (Row::Level(0), 1_234_067, 256, "tile/0/x001/x234/067"),
            (Row::Level(0), 273, 112, "tile/0/273.p/112"),
            (Row::Level(2), 0, 1, "tile/2/000.p/1"),
            (Row::Level(0), 1_000_000, 7, "tile/0/x001/x000/000.p/7"),
            (Row::Entries, 1_234_067, 1, "tile/entries/x001/x234/067.p/1"),
        ] {
            assert_eq!(tile(row, index, width), PathBuf::from(path));
        }
        assert_eq!(partials(Row::Level(0), 273), PathBuf::from("tile/0/273.p"));
    }

    #[test]
    fn only_twenty_digits_name_a_segment() {
        assert_eq!(
            segment(41),
            PathBuf::from("journal/00000000000000000041.seg")
        );
        assert_eq!(segment_first("00000000000000000041.seg"), Some(41));
        for other in [
            "41.seg",
            "0000000000000000004x.seg",
            "+0000000000000000041.seg",
            "lost+found",
        ] {
            assert_eq!(segment_first(other), None);
        }
    }
}
