//! The root key: how the master opens it, and how the master is changed.

use crate::{
    Asker, Keyring, KeyringError, Master, Secret, Source, asker::Given, files, passphrase::Stretch,
    wrapped,
};
use std::path::Path;

/// Its name, and that of its file without `.key`.
pub(crate) const ROOT: &str = "root";

const MARK: &str = "avouch-root 1 ";
/// Begins the last line where the master is made from a passphrase.
const STRETCHED: &str = "passphrase ";

impl Keyring {
    /// Opens the folder with the master key from `source`, making both if there is neither yet.
    ///
    /// A change of master that was cut short is finished here.
    ///
    /// # Errors
    /// If the master is missing although keys exist, is another one, or a file cannot be read or written.
    pub fn unlock(folder: &Path, source: &Source) -> Result<Self, KeyringError> {
        match source {
            Source::File { path } => Self::unlock_with_file(folder, path),
            Source::Holder(asker) => {
                let master = match files::list(folder)?.is_empty() {
                    true => asker.ask_new()?.master,
                    false => ask_again(asker, folder)?.master,
                };
                Self::open(folder, &master)
            }
        }
    }

    fn unlock_with_file(folder: &Path, path: &Path) -> Result<Self, KeyringError> {
        let Some(master) = Master::from_file(path)? else {
            if !files::list(folder)?.is_empty() {
                return Err(KeyringError::MasterMissing {
                    path: path.to_owned(),
                    keys: folder.to_owned(),
                });
            }
            let master = Master::generate()?;
            master.save(path)?;
            return Self::open(folder, &master);
        };
        let next = files::beside(path, "next");
        match (Self::open(folder, &master), Master::from_file(&next)) {
            (Err(KeyringError::WrongMaster { .. }), Ok(Some(master))) => {
                let opened = Self::open(folder, &master)?;
                files::rename(&next, path)?;
                Ok(opened)
            }
            (opened, _) => opened,
        }
    }

    /// Wraps the root key under another master, in one rename: before it the old master opens the folder, after it only
    /// the new one.
    ///
    /// # Errors
    /// If the file cannot be written; the old master then still holds.
    pub fn rewrap(&self, master: &Master) -> Result<(), KeyringError> {
        files::write(
            &self.folder().join("root.key"),
            wrap(master, self.root())?.as_bytes(),
        )
    }

    /// Makes a new master key and puts it into the file at `path`. A crash at any point leaves one of the two that
    /// [`Keyring::unlock`] opens.
    ///
    /// # Errors
    /// If a file cannot be written.
    pub fn change_master(&self, path: &Path) -> Result<(), KeyringError> {
        let next = files::beside(path, "next");
        let master = Master::generate()?;
        master.save(&next)?;
        self.rewrap(&master)?;
        files::rename(&next, path)
    }
}

/// Asks for the master that opens the folder, which has keys.
pub(crate) fn ask_again(asker: &Asker, folder: &Path) -> Result<Given, KeyringError> {
    let path = folder.join("root.key");
    let text = files::read(&path)?.ok_or_else(|| KeyringError::Missing { path: path.clone() })?;
    let stretch = text
        .lines()
        .nth(2)
        .and_then(|line| line.strip_prefix(STRETCHED))
        .map(str::parse::<Stretch>)
        .transpose()
        .map_err(|()| KeyringError::Tampered { path })?;
    asker.ask_again(stretch)
}

/// The root key's file: which master opens it, and the key, wrapped.
pub(crate) fn wrap(master: &Master, root: &Secret<[u8; 32]>) -> Result<String, KeyringError> {
    let key = wrapped::wrap(&master.wrapping()?, ROOT, root.expose())?;
    let mut text = format!("{MARK}{}\n{key}", master.fingerprint()?);
    if let Some(stretch) = master.stretch() {
        text.push_str(&format!("{STRETCHED}{stretch}\n"));
    }
    Ok(text)
}

/// Which master opens a root key's file.
pub(crate) fn fingerprint(text: &str) -> Option<&str> {
    text.lines().next()?.strip_prefix(MARK)
}

/// The root key in its file, if this is the master that opens it.
pub(crate) fn unwrap(
    folder: &Path,
    path: &Path,
    master: &Master,
    text: &str,
) -> Result<Secret<[u8; 32]>, KeyringError> {
    let tampered = || KeyringError::Tampered {
        path: path.to_owned(),
    };
    let (head, key) = text.split_once('\n').ok_or_else(tampered)?;
    let fingerprint = head.strip_prefix(MARK).ok_or_else(tampered)?;
    if fingerprint != master.fingerprint()? {
        return Err(KeyringError::WrongMaster {
            folder: folder.to_owned(),
        });
    }
    let key = key.lines().next().unwrap_or_default();
    let key = wrapped::unwrap(&master.wrapping()?, ROOT, key).ok_or_else(tampered)?;
    <[u8; 32]>::try_from(key.expose().as_slice())
        .map(Secret::new)
        .map_err(|_| tampered())
}
