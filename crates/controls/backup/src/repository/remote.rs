//! What is done with the files of a repository as files, wherever they are.

use std::{
    fs,
    path::{Path, PathBuf},
};

use sha2::{Digest as _, Sha256};

use super::{Finding, Repository, RepositoryError, Through, files, shelves::on_shelf};
use crate::far::{FarError, FileKind, Site, Store};

impl Site {
    /// The folder, or how the place is called in messages.
    pub(crate) fn path(&self) -> &Path {
        let (Self::Folder(path) | Self::Far { shown: path, .. }) = self;
        path
    }
}

impl Repository {
    /// The store, if it is on another machine.
    pub(crate) fn store_there(&self) -> Option<&dyn Store> {
        match &self.site {
            Site::Folder(_) => None,
            Site::Far { store, .. } => Some(&**store),
        }
    }
}

/// Where a file lies within a repository that is in a folder.
///
/// Source: restic repository format, "Repository Layout".
pub(crate) fn within(kind: FileKind, name: &str) -> PathBuf {
    let folder = Path::new(kind.folder());
    match kind {
        FileKind::Config => folder.to_owned(),
        FileKind::Pack => folder.join(name.get(..2).unwrap_or(name)).join(name),
        _ => folder.join(name),
    }
}

/// The names of all files of a kind.
pub(super) fn names(site: &Site, kind: FileKind) -> Result<Vec<String>, RepositoryError> {
    match site {
        Site::Folder(path) => Ok(files(&path.join(kind.folder()))?
            .iter()
            .filter_map(|path| Some(path.file_name()?.to_string_lossy().into_owned()))
            .collect()),
        Site::Far { store, .. } => Ok(store
            .list(kind)?
            .into_iter()
            .map(|(name, _)| name)
            .collect()),
    }
}

/// Copies one file into its place within the folder `to`.
pub(super) fn copy(
    site: &Site,
    kind: FileKind,
    name: &str,
    to: &Path,
) -> Result<(), RepositoryError> {
    let to = to.join(within(kind, name));
    if let Some(parent) = to.parent() {
        fs::create_dir_all(parent).map_err(RepositoryError::io("create", parent))?;
    }
    match site {
        Site::Folder(path) => {
            let from = path.join(within(kind, name));
            fs::copy(&from, &to)
                .map(drop)
                .map_err(RepositoryError::io("copy", &from))
        }
        Site::Far { store, .. } => {
            fs::write(&to, store.read(kind, name)?).map_err(RepositoryError::io("write", &to))
        }
    }
}

/// Finds files whose bytes are not those that their name promises, among all that are no packs and the packs on these
/// shelves: each is fetched whole.
pub(super) fn hash(
    store: &dyn Store,
    through: &mut Through,
    read: impl Fn(&str) -> bool,
) -> Result<(), FarError> {
    for kind in FileKind::NAMED {
        for (name, size) in store.list(kind)? {
            if kind == FileKind::Pack && on_shelf(&name).is_some_and(|shelf| !read(shelf)) {
                continue;
            }
            through.files += 1;
            let wrong = match store.read(kind, &name) {
                Ok(bytes) if bytes.len() as u64 != size => "has not the length listed",
                Ok(bytes) if hex::encode(Sha256::digest(&bytes)) != name => "has been altered",
                Ok(_) => continue,
                Err(FarError::Absent { .. }) => "is listed and not there",
                Err(error) => return Err(error),
            };
            let found = Finding(format!("{kind}/{name} {wrong}"));
            through.findings.push(found);
        }
    }
    Ok(())
}

/// A file of a repository: its kind and its name.
pub(crate) type Named = (FileKind, String);

/// Every file with its size.
pub(crate) fn sizes(store: &dyn Store) -> Result<Vec<(Named, u64)>, FarError> {
    let mut all = Vec::new();
    for kind in FileKind::ALL {
        let listed = store.list(kind)?;
        all.extend(listed.into_iter().map(|(name, size)| ((kind, name), size)));
    }
    Ok(all)
}
