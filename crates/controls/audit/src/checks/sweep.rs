//! Goes through a ledger of any length a stretch at a time, so that a round costs the same in every year.

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::Mark;

/// Entries that one stretch has at most: some tens of megabytes to read.
const STRETCH: u64 = 65_536;

/// How far the rounds have gone through the ledger. Kept in a small file, so that a restart does not begin it again.
#[derive(Debug)]
pub struct Sweep {
    file: PathBuf,
    progress: Mutex<Progress>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Progress {
    /// The checkpoint that the last round held everything to.
    earlier: Option<Mark>,
    /// Where the next stretch begins.
    next: u64,
    /// When this time through began, and how many entries it has still to see.
    lap: Option<(Timestamp, u64)>,
    /// Every entry was read at this time or later.
    whole_since: Option<Timestamp>,
}

impl Sweep {
    /// Goes on from where this file says; from the beginning, where it says nothing that can be read.
    #[must_use]
    pub fn open(file: &Path) -> Self {
        let kept = std::fs::read(file).ok();
        let progress = kept.and_then(|kept| serde_json::from_slice(&kept).ok());
        Self {
            file: file.to_owned(),
            progress: Mutex::new(progress.unwrap_or_default()),
        }
    }

    pub(super) fn progress(&self) -> Progress {
        self.progress
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    pub(super) fn set(&self, progress: Progress) {
        if let Err(error) = self.keep(&progress) {
            tracing::warn!(%error, file = %self.file.display(), "how far the ledger was gone through is not kept");
        }
        *self.progress.lock().unwrap_or_else(PoisonError::into_inner) = progress;
    }

    fn keep(&self, progress: &Progress) -> std::io::Result<()> {
        let next = self.file.with_extension("new");
        std::fs::write(&next, serde_json::to_vec(progress)?)?;
        std::fs::rename(&next, &self.file)
    }
}

impl Progress {
    /// The checkpoint that the ledger must go on from.
    pub(super) const fn earlier(&self) -> Option<&Mark> {
        self.earlier.as_ref()
    }

    /// When the last time through the whole ledger began.
    pub(super) const fn whole_since(&self) -> Option<Timestamp> {
        self.whole_since
    }

    /// What to read of a ledger of this size: the first entry, what is new, and the next stretch of the rest.
    pub(super) fn plan(&self, size: u64) -> Vec<Range<u64>> {
        let stretch = self.stretch(size);
        let seen = self.earlier.as_ref().map_or(0, |mark| mark.size);
        let new = seen.max(size.saturating_sub(STRETCH))..size;
        let mut wanted = [0..size.min(1), stretch, new];
        wanted.sort_unstable_by_key(|part| part.start);
        let mut parts: Vec<Range<u64>> = Vec::new();
        for part in wanted.into_iter().filter(|part| !part.is_empty()) {
            match parts.last_mut() {
                Some(last) if part.start <= last.end => last.end = last.end.max(part.end),
                _ => parts.push(part),
            }
        }
        parts
    }

    /// How it stands once what was planned at this size fitted.
    pub(super) fn went(&self, size: u64, mark: Mark, now: Timestamp) -> Self {
        let stretch = self.stretch(size);
        let (began, left) = self.lap.unwrap_or((now, size));
        let left = left.saturating_sub(stretch.end - stretch.start);
        Self {
            earlier: Some(mark),
            next: if stretch.end >= size { 0 } else { stretch.end },
            lap: (left > 0).then_some((began, left)),
            whole_since: if left > 0 {
                self.whole_since
            } else {
                Some(began)
            },
        }
    }

    fn stretch(&self, size: u64) -> Range<u64> {
        let start = if self.next < size { self.next } else { 0 };
        start..start.saturating_add(STRETCH).min(size)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::trail::testing::at;

    fn mark(size: u64) -> Mark {
        Mark {
            size,
            root: [0; 32],
        }
    }

    #[test]
    fn a_ledger_of_one_stretch_is_read_whole_every_time() {
        let mut progress = Progress::default();
        for (round, size) in [(0, 10), (1, 700), (2, STRETCH)] {
            assert_eq!(progress.plan(size), vec![0..size]);
            progress = progress.went(size, mark(size), at(round));
            assert_eq!(progress.whole_since(), Some(at(round)));
        }
        assert!(Progress::default().plan(0).is_empty());
    }

    #[test]
    fn a_restart_goes_on_where_it_was_and_a_file_that_cannot_be_read_begins_anew() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("sweep");
        let size = 5 * STRETCH;
        let went = Progress::default().went(size, mark(size), at(3));
        Sweep::open(&file).set(went.clone());
        assert_eq!(Sweep::open(&file).progress(), went);
        assert_eq!(went.plan(size).last(), Some(&(STRETCH..2 * STRETCH)));
        for other in ["", "{", "{\"next\":\"1\"}"] {
            std::fs::write(&file, other).unwrap();
            assert_eq!(Sweep::open(&file).progress(), Progress::default());
        }
    }

    #[test]
    fn what_is_read_for_two_reasons_is_read_once() {
        let size = STRETCH + STRETCH / 2;
        let first = Progress::default();
        assert_eq!(first.plan(size), vec![0..size]);
        let second = first.went(size, mark(10), at(0));
        assert_eq!(second.plan(size), vec![0..1, STRETCH / 2..size]);
    }

    #[test]
    fn a_round_reads_no_more_of_a_long_ledger_than_of_a_short_one() {
        let mut progress = Progress::default();
        let mut size = 50 * STRETCH;
        for round in 0..100 {
            let read: u64 = progress
                .plan(size)
                .iter()
                .map(|part| part.end - part.start)
                .sum();
            assert!(read <= 2 * STRETCH + 1, "{read}");
            progress = progress.went(size, mark(size), at(round));
            size += 1_000;
        }
    }

    #[test]
    fn every_entry_is_read_in_turn_and_new_ones_at_once() {
        let size = 5 * STRETCH + 17;
        let mut progress = Progress::default();
        let mut seen = vec![false; usize::try_from(size).unwrap()];
        for round in 0..6 {
            assert_eq!(progress.whole_since(), None, "round {round}");
            for part in progress.plan(size) {
                for index in part {
                    seen[usize::try_from(index).unwrap()] = true;
                }
            }
            progress = progress.went(size, mark(size), at(round));
        }
        assert!(seen.into_iter().all(|seen| seen));
        assert_eq!(progress.whole_since(), Some(at(0)));
        assert_eq!(progress.plan(size + 40), vec![0..STRETCH, size..size + 40]);
    }
}
