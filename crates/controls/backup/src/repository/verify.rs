//! Reading back: what has been stored is believed only after its hashes were checked.

use std::{
    fs, io,
    panic::{self, AssertUnwindSafe},
    path::Path,
};

use rustic_core::{CheckOptions, CheckResults};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{
    Listed, Repository, RepositoryError, Shelves, engine, files, remote,
    shelves::{on_shelf, shelves},
};
use crate::far::Site;

/// A check that is given up so often has another cause than a busy machine.
const ATTEMPTS: usize = 8;

/// A snapshot of which nothing has been read back in this process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unverified(pub(super) Listed);

/// A snapshot of which every byte has just been read, decrypted and hashed. Only this can be restored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified(pub(super) Listed);

impl Unverified {
    /// What the repository says of it.
    #[must_use]
    pub fn listed(&self) -> &Listed {
        &self.0
    }
}

impl Verified {
    /// What the repository says of it.
    #[must_use]
    pub fn listed(&self) -> &Listed {
        &self.0
    }
}

/// One thing that is wrong with a repository.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Finding(pub String);

impl std::fmt::Display for Finding {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// What was read of a repository, and what is wrong with it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Through {
    /// What is wrong: nothing, if it is sound.
    pub findings: Vec<Finding>,
    /// Files that were hashed.
    pub files: u64,
    /// The shelves that were read, as they were before.
    pub shelves: Shelves,
}

impl Repository {
    /// Reads back all the data of one snapshot.
    ///
    /// # Errors
    ///
    /// If anything in it is missing or damaged, or the repository cannot be read.
    pub fn verify(&self, snapshot: Unverified) -> Result<Verified, RepositoryError> {
        let fault = |act| engine(act, &self.path);
        let id = snapshot.0.id.0.parse().map_err(fault("read a name in"))?;
        let file = self
            .inner
            .get_file::<rustic_core::repofile::SnapshotFile>(&id)
            .map_err(|_| RepositoryError::NoSnapshot(snapshot.0.id.clone()))?;
        let results = patiently(|| self.inner.check_with_trees(reading(), vec![file.tree]))
            .ok_or_else(|| RepositoryError::Unsettled(self.path.clone()))?
            .map_err(fault("read back"))?;
        match findings(&results).into_iter().next() {
            Some(first) => Err(RepositoryError::Damaged {
                id: snapshot.0.id,
                first,
            }),
            None => Ok(Verified(snapshot.0)),
        }
    }

    /// Reads everything in the repository, and lists what is wrong with it: nothing, if it is sound.
    ///
    /// A file's name is the SHA-256 of its bytes, which is checked for every file, in use or not; then every snapshot's
    /// data is decrypted, decompressed and hashed again.
    ///
    /// # Errors
    ///
    /// If the folder cannot be read at all.
    pub fn verify_all(&self) -> Result<Vec<Finding>, RepositoryError> {
        let mut through = Through::default();
        self.hash(&mut through, |_| true)?;
        // At another machine every byte is fetched once, and not again for each chunk.
        let how = match &self.site {
            Site::Folder(_) => reading(),
            Site::Far { .. } => CheckOptions::default(),
        };
        self.check(&mut through, how)?;
        Ok(through.findings)
    }

    /// Reads everything but packs on shelves that are `settled` and still as they were when they were read: of these only
    /// names and sizes are compared with the index. From another machine, what is read is fetched, and the rest is not. That all that a snapshot needs is there is checked for all.
    ///
    /// # Errors
    ///
    /// If the folder cannot be read at all.
    pub fn verify_but(&self, settled: &Shelves) -> Result<Through, RepositoryError> {
        let mut due = shelves(&self.site)?;
        due.retain(|shelf, state| settled.get(shelf) != Some(state));
        let mut through = Through::default();
        self.hash(&mut through, |shelf| due.contains_key(shelf))?;
        self.check(&mut through, CheckOptions::default())?;
        through.shelves = due;
        Ok(through)
    }

    /// Asks the library.
    fn check(&self, through: &mut Through, how: CheckOptions) -> Result<(), RepositoryError> {
        let checked = patiently(|| self.inner.check(how))
            .ok_or_else(|| RepositoryError::Unsettled(self.path.clone()))?;
        match checked {
            Ok(results) => through.findings.extend(findings(&results)),
            // A damaged index or snapshot ends the library's own check; that is damage found, not a check that failed.
            Err(error) => through
                .findings
                .push(Finding(super::Engine::from(error).to_string())),
        }
        Ok(())
    }

    /// Hashes every file that is no pack, and the packs on these shelves: its name is the SHA-256 of its bytes.
    fn hash(
        &self,
        through: &mut Through,
        read: impl Fn(&str) -> bool,
    ) -> Result<(), RepositoryError> {
        let folder = match &self.site {
            Site::Folder(path) => path,
            Site::Far { store, .. } => return Ok(remote::hash(&**store, through, read)?),
        };
        for kind in ["keys", "snapshots", "index", "data"] {
            for path in files(&folder.join(kind))? {
                let name = path.file_name().unwrap_or_default().to_string_lossy();
                // The unfinished file of an interrupted run: never listed, and overwritten by the next.
                if name.ends_with("-tmp-") {
                    continue;
                }
                // A pack that lies where it does not belong is on no shelf, and read each time.
                if kind == "data" && shelf(&path).is_some_and(|shelf| !read(shelf)) {
                    continue;
                }
                let mut hash = Sha256::new();
                let hashed =
                    fs::File::open(&path).and_then(|mut file| io::copy(&mut file, &mut hash));
                through.files += 1;
                match hashed {
                    Ok(_) if hex::encode(hash.finalize()) == *name => {}
                    Ok(_) => {
                        let altered = format!("{kind}/{name} has been altered");
                        through.findings.push(Finding(altered));
                    }
                    Err(err) => {
                        let unread = format!("{kind}/{name} cannot be read: {err}");
                        through.findings.push(Finding(unread));
                    }
                }
            }
        }
        Ok(())
    }
}

/// Tries again when the library gives up on its own threads: it waits 100 ms for them to let go of the index, which is too
/// short on a busy machine, and then panics. `None` when it gave up every time.
pub(super) fn patiently<T>(check: impl Fn() -> T) -> Option<T> {
    (0..ATTEMPTS).find_map(|_| panic::catch_unwind(AssertUnwindSafe(&check)).ok())
}

fn reading() -> CheckOptions {
    CheckOptions::default().read_data(true)
}

pub(super) fn findings(results: &CheckResults) -> Vec<Finding> {
    // Warnings are about packs that an interrupted run left and nothing refers to; the next pruning takes them away.
    if results.is_ok().is_ok() {
        return Vec::new();
    }
    results
        .0
        .iter()
        .map(|(_, error)| Finding(error.to_string()))
        .collect()
}

/// The shelf that a pack lies on, by its folder and its name together.
fn shelf(path: &Path) -> Option<&str> {
    let folder = path.parent()?.file_name()?.to_str()?;
    let shelf = on_shelf(path.file_name()?.to_str()?)?;
    (shelf == folder).then_some(folder)
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    #[test]
    fn a_check_that_the_library_gives_up_on_is_tried_again() {
        let tried = Cell::new(0);
        let checked = patiently(|| {
            tried.set(tried.get() + 1);
            assert!(tried.get() > 3, "still in use");
            tried.get()
        });
        assert_eq!(checked, Some(4));
    }

    #[test]
    fn a_check_that_is_always_given_up_on_is_no_check() {
        assert_eq!(patiently(|| -> u8 { panic!("still in use") }), None);
    }
}
