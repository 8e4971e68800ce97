//! Trying the encryption on a sample, so that what a try costs does not grow with the repository.

use std::{
    collections::BTreeSet,
    fs::{self, OpenOptions},
    io,
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
};

use rustic_core::{
    Credentials,
    repofile::{IndexFile, IndexPack},
};
use serde::{Deserialize, Serialize};

use super::{Repository, RepositoryError, attach, engine, files, remote};
use crate::far::{FileKind, Site, Store};

/// So much of the packs is searched each time, and so much copied to be damaged: some seconds of reading.
pub const BOUND: u64 = 64 << 20;

/// What is searched of a repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sample {
    /// The files.
    pub paths: Vec<PathBuf>,
    /// Their size together.
    pub bytes: u64,
    /// The size of the whole repository.
    pub of: u64,
}

/// What came of flipping single bits in copies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Flips {
    /// Copies that were sound before, and had one bit flipped.
    pub tried: u64,
    /// How many of these were refused after it.
    pub refused: u64,
}

impl Repository {
    /// All files that are not packs of the index, and packs chosen at random: up to `bound`, one at least.
    ///
    /// # Errors
    ///
    /// If the repository cannot be read.
    pub fn sample(&self, bound: u64) -> Result<Sample, RepositoryError> {
        let packs: BTreeSet<PathBuf> = self.packs()?.iter().map(|pack| self.pack(pack)).collect();
        let sized = |path: PathBuf| {
            let about = fs::symlink_metadata(&path).map_err(RepositoryError::io("read", &path))?;
            Ok((path, about.len()))
        };
        let all = files(&self.path)?
            .into_iter()
            .map(sized)
            .collect::<Result<Vec<_>, RepositoryError>>()?;
        let of = all.iter().map(|(_, bytes)| bytes).sum();
        let (mut stored, others): (Vec<_>, Vec<_>) =
            all.into_iter().partition(|(path, _)| packs.contains(path));
        shuffle(&mut stored)?;
        let chosen = up_to(bound, stored.into_iter());
        let (paths, sizes): (Vec<_>, Vec<_>) = others.into_iter().chain(chosen).unzip();
        Ok(Sample {
            paths,
            bytes: sizes.iter().sum(),
            of,
        })
    }

    /// The same of a repository on another machine: what is chosen is fetched into `scratch` first.
    ///
    /// # Errors
    ///
    /// If the repository cannot be read or `scratch` not written.
    pub(crate) fn fetched_sample(
        &self,
        store: &dyn Store,
        bound: u64,
        scratch: &Path,
    ) -> Result<Sample, RepositoryError> {
        let listed = remote::sizes(store)?;
        let of = listed.iter().map(|(_, bytes)| bytes).sum();
        let (mut packs, others): (Vec<_>, Vec<_>) = listed
            .into_iter()
            .partition(|((kind, _), _)| *kind == FileKind::Pack);
        shuffle(&mut packs)?;
        let mut sample = Sample {
            paths: Vec::new(),
            bytes: 0,
            of,
        };
        for ((kind, name), bytes) in others.into_iter().chain(up_to(bound, packs.into_iter())) {
            remote::copy(&self.site, kind, &name, scratch)?;
            sample.paths.push(scratch.join(remote::within(kind, &name)));
            sample.bytes += bytes;
        }
        Ok(sample)
    }

    /// Copies packs chosen at random into the empty folder `scratch`, up to `bound` and one at least, reads a chunk of
    /// each, flips one bit of that chunk and reads it again: what is read then has gone unnoticed.
    ///
    /// # Errors
    ///
    /// If the repository cannot be read or `scratch` not written.
    pub fn flip_in_copies(&self, scratch: &Path, bound: u64) -> Result<Flips, RepositoryError> {
        let mut packs = self.packs()?;
        packs.retain(|pack| !pack.blobs.is_empty());
        shuffle(&mut packs)?;
        let sized = packs.into_iter().map(|pack| {
            let bytes = u64::from(pack.pack_size());
            (pack, bytes)
        });
        let copy = scratch.join("flipped");
        let mut from = vec![(FileKind::Config, String::new())];
        for kind in [FileKind::Key, FileKind::Index] {
            let named = remote::names(&self.site, kind)?.into_iter();
            from.extend(named.map(|name| (kind, name)));
        }
        let mut chosen = Vec::new();
        for (pack, _) in up_to(bound, sized) {
            let blob = pack.blobs.get(below(pack.blobs.len())?).copied();
            from.push((FileKind::Pack, pack.id.to_hex().as_str().to_owned()));
            chosen.extend(blob.map(|blob| (pack, blob)));
        }
        for (kind, name) in from {
            remote::copy(&self.site, kind, &name, &copy)?;
        }
        let copied = Site::Folder(copy.clone());
        // Opened anew for each reading, because what was read once is kept in memory.
        let reader = || {
            attach(&copied)?
                .open(&Credentials::Masterkey(self.inner.key()))
                .and_then(rustic_core::Repository::to_indexed)
                .map_err(engine("read a copy of", &self.path))
        };
        let before = reader()?;
        // Of a chunk that is stored twice the index may name the pack that was not copied: that one is no trial.
        chosen.retain(|(_, blob)| before.get_blob_cached(&blob.id, blob.tpe).is_ok());
        for (pack, blob) in &chosen {
            let within = below(blob.location.length as usize)? as u64;
            let path = copy.join(pack_name(pack));
            flip(&path, u64::from(blob.location.offset) + within)
                .map_err(RepositoryError::io("alter", &path))?;
        }
        let after = reader()?;
        let refused = chosen
            .iter()
            .filter(|(_, blob)| after.get_blob_cached(&blob.id, blob.tpe).is_err());
        Ok(Flips {
            refused: refused.count() as u64,
            tried: chosen.len() as u64,
        })
    }

    /// The packs that the index names.
    fn packs(&self) -> Result<Vec<IndexPack>, RepositoryError> {
        let fault = engine("read the index of", &self.path);
        let mut packs = Vec::new();
        for file in self.inner.stream_files::<IndexFile>().map_err(&fault)? {
            packs.extend(file.map_err(&fault)?.1.packs);
        }
        Ok(packs)
    }

    fn pack(&self, pack: &IndexPack) -> PathBuf {
        self.path.join(pack_name(pack))
    }
}

/// Where a pack lies in a repository.
///
/// Source: restic repository format, "Repository Layout".
fn pack_name(pack: &IndexPack) -> PathBuf {
    let id = pack.id.to_hex();
    let id = id.as_str();
    Path::new("data").join(id.get(..2).unwrap_or(id)).join(id)
}

/// The first of these, as many as fit, and the first whatever its size.
fn up_to<T>(bound: u64, sized: impl Iterator<Item = (T, u64)>) -> impl Iterator<Item = (T, u64)> {
    let mut sum = 0;
    sized.enumerate().filter_map(move |(place, (item, bytes))| {
        let fits = place == 0 || sum + bytes <= bound;
        if fits {
            sum += bytes;
        }
        fits.then_some((item, bytes))
    })
}

/// Turns over one bit of the byte at `at`.
fn flip(path: &Path, at: u64) -> io::Result<()> {
    let file = OpenOptions::new().read(true).write(true).open(path)?;
    let mut byte = [0];
    file.read_exact_at(&mut byte, at)?;
    file.write_all_at(&[byte.map(|byte| byte ^ 1)[0]], at)
}

fn below(count: usize) -> Result<usize, RepositoryError> {
    crate::draw::below(count).map_err(RepositoryError::Draw)
}

fn shuffle<T>(items: &mut [T]) -> Result<(), RepositoryError> {
    crate::draw::shuffle(items).map_err(RepositoryError::Draw)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(bound: u64, sizes: &[u64], taken: &[u64]) {
        let sized = sizes.iter().map(|bytes| (*bytes, *bytes));
        let chosen: Vec<u64> = up_to(bound, sized).map(|(bytes, _)| bytes).collect();
        assert_eq!(chosen, taken);
    }

    #[test]
    fn a_sample_is_bounded_and_never_empty() {
        check(10, &[4, 4, 4], &[4, 4]);
        check(10, &[11, 1], &[11]);
        check(10, &[4, 7, 6], &[4, 6]);
        check(10, &[], &[]);
    }
}
