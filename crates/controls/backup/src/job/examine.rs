//! Trying to prove a repository unsound, or readable without its key.

use std::{fs, path::Path};

use serde::{Deserialize, Serialize};

use super::{JobError, first, list};
use crate::far::Site;
use crate::repository::{
    BOUND, Finding, Flips, Listed, Password, Repository, RepositoryError, Shelves, files, listing,
    readable, remote, state,
};

/// What the examination of one repository found.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Examination {
    /// Every snapshot in it, oldest first.
    pub snapshots: Vec<Listed>,
    /// What is wrong with what is stored, every byte of it read; the first fifty.
    pub findings: Vec<Finding>,
    /// How many files are stored.
    pub objects: u64,
    /// How many of them were hashed, every byte; `None` for all.
    pub hashed: Option<u64>,
    /// The shelves that were read, as they were then, where not everything is read each time.
    #[serde(skip_serializing_if = "Shelves::is_empty")]
    pub shelves: Shelves,
    /// How many of them were searched for readable text: all that are no packs, and packs chosen at random.
    pub searched: u64,
    /// The size of those that were searched.
    pub searched_bytes: u64,
    /// The size of all.
    pub bytes: u64,
    /// What was searched for: texts known to be in the newest snapshot.
    pub markers: u64,
    /// The stored file in which one of them could be read, if any.
    pub readable: Option<String>,
    /// Whether another key was refused.
    pub other_key_refused: bool,
    /// Copies of packs that had one bit flipped, and how many of them were refused.
    pub flips: Flips,
}

/// Examines a repository; the copies that are damaged for it are made in `scratch`, which must be empty. Packs on shelves
/// that are `settled` and still as they were are not read.
pub(super) fn examine(
    site: &Site,
    scratch: &Path,
    settled: Option<&Shelves>,
    password: &Password,
) -> Result<Examination, JobError> {
    let mut seen = Examination::default();
    let path = site.path();
    let repository = match Repository::open(site, password) {
        Ok(repository) => repository,
        Err(busy @ (RepositoryError::Busy(_) | RepositoryError::Far(_))) => return Err(busy.into()),
        // That it cannot be opened with its own key is damage found, and the rest cannot be tried.
        Err(error) => {
            seen.findings.push(Finding(error.to_string()));
            return Ok(seen);
        }
    };
    match settled {
        None => seen.findings = first(repository.verify_all()?),
        Some(settled) => {
            let through = repository.verify_but(settled)?;
            seen.findings = first(through.findings);
            (seen.hashed, seen.shelves) = (Some(through.files), through.shelves);
        }
    }
    let far = repository.store_there();
    seen.objects = match far {
        Some(store) => remote::sizes(store).map_err(RepositoryError::from)?.len(),
        None => files(path)?.len(),
    } as u64;
    // A snapshot that cannot be read is among the findings already; it must not hide the rest.
    seen.snapshots = list(&repository, None).unwrap_or_default();
    let markers = markers(&repository, &seen.snapshots);
    seen.markers = markers.len() as u64;
    // Of a repository whose index cannot be read, which is a finding already, everything is searched.
    let whole = || files(path);
    let (root, sample) = match far {
        Some(store) => {
            let fetched = scratch.join("searched");
            let sample = repository.fetched_sample(store, BOUND, &fetched);
            (fetched, sample)
        }
        None => (path.to_owned(), repository.sample(BOUND)),
    };
    match sample {
        Ok(sample) => {
            (seen.searched_bytes, seen.bytes) = (sample.bytes, sample.of);
            look(&mut seen, &root, &sample.paths, &markers)?;
        }
        Err(_) if far.is_none() && !seen.findings.is_empty() => {
            look(&mut seen, path, &whole()?, &markers)?;
        }
        Err(error) => return Err(error.into()),
    }
    // Damage in the repository itself was noticed already, and would be taken for a flip that was.
    if seen.findings.is_empty() {
        seen.flips = repository.flip_in_copies(scratch, BOUND)?;
    }
    drop(repository);

    let other = Password::new("00".repeat(32));
    seen.other_key_refused = matches!(
        Repository::open(site, &other),
        Err(RepositoryError::WrongKey(_))
    );
    Ok(seen)
}

/// Searches these files for these texts.
fn look(
    seen: &mut Examination,
    root: &Path,
    paths: &[std::path::PathBuf],
    markers: &[String],
) -> Result<(), RepositoryError> {
    let markers: Vec<Vec<u8>> = markers
        .iter()
        .map(|text| text.clone().into_bytes())
        .collect();
    seen.searched = paths.len() as u64;
    seen.readable = readable(paths, &markers)?.map(|found| name_in(root, found));
    Ok(())
}

/// The state of a repository's files by name, size, time and place on disk, and their size together; `absent` if there
/// is no such folder. Reads no content.
///
/// # Errors
///
/// If the folder cannot be read.
pub fn fingerprint(site: impl Into<Site>) -> Result<(String, u64), RepositoryError> {
    let repository = match site.into() {
        Site::Folder(path) => path,
        // Of another machine by names and sizes alone: times there are not ours.
        Site::Far { store, .. } => return Ok(listing(&*store)?.unwrap_or_else(absent)),
    };
    if !repository.is_dir() {
        return Ok(absent());
    }
    let mut bytes = 0;
    for path in files(&repository)? {
        let about = fs::symlink_metadata(&path).map_err(RepositoryError::io("read", &path))?;
        bytes += about.len();
    }
    Ok((state(&repository)?, bytes))
}

fn absent() -> (String, u64) {
    ("absent".to_owned(), 0)
}

/// Texts that are certainly in the newest snapshot, or in what describes it.
fn markers(repository: &Repository, snapshots: &[Listed]) -> Vec<String> {
    let Some(newest) = snapshots.last() else {
        return Vec::new();
    };
    let mut markers = vec![
        format!("owner={}", newest.label.owner),
        "\"sha256\":\"".to_owned(),
    ];
    let manifest = repository
        .find(&newest.id)
        .and_then(|snapshot| repository.manifest(&snapshot));
    if let Ok(manifest) = manifest {
        markers.extend(
            manifest
                .databases
                .values()
                .filter_map(|database| database.schema.first().cloned()),
        );
        if !manifest.databases.is_empty() {
            markers.push("SQLite format 3\0".to_owned());
        }
    }
    markers
}

fn name_in(root: &Path, path: &Path) -> String {
    path.strip_prefix(root)
        .unwrap_or(path)
        .to_string_lossy()
        .into_owned()
}
