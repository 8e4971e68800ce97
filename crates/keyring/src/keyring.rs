//! The folder of wrapped keys, unlocked.

use crate::{KeyId, KeyringError, Master, Purpose, Secret, files, root, sealed, wrapped};
use avouch_statement::TenantId;
use aws_lc_rs::{aead::LessSafeKey, rand};
use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard},
};

const TOMBSTONE: &str = "destroyed";

/// Unlocked keys. Cheap to ask: each key is read from disk once, and held in memory until the process ends.
#[derive(Debug)]
pub struct Keyring {
    folder: PathBuf,
    root: Secret<[u8; 32]>,
    state: RwLock<State>,
}

#[derive(Debug, Default)]
struct State {
    single: HashMap<String, Secret<Vec<u8>>>,
    sealing: HashMap<KeyId, Sealing>,
}

#[derive(Debug, Default)]
struct Sealing {
    newest: u32,
    ciphers: HashMap<u32, Arc<LessSafeKey>>,
}

impl Keyring {
    /// Opens the folder with this master key. A folder that does not exist, or is empty, is begun.
    ///
    /// # Errors
    /// If the master is another one, or the root key is missing or altered.
    pub fn open(folder: &Path, master: &Master) -> Result<Self, KeyringError> {
        let path = folder.join("root.key");
        let root = match files::read(&path)? {
            Some(text) => root::unwrap(folder, &path, master, &text)?,
            None if files::list(folder)?.is_empty() => {
                let root = Secret::new(random()?);
                files::write(&path, root::wrap(master, &root)?.as_bytes())?;
                root
            }
            None => return Err(KeyringError::Missing { path }),
        };
        let keyring = Self {
            folder: folder.to_owned(),
            root,
            state: RwLock::default(),
        };
        keyring.finish_shredding()?;
        Ok(keyring)
    }

    /// The 32-byte key with this purpose, made on first use.
    ///
    /// # Errors
    /// If its file was altered or cannot be written, or its tenant's keys were destroyed.
    pub fn named(&self, purpose: &Purpose) -> Result<Secret<[u8; 32]>, KeyringError> {
        let key = self.named_or(purpose, || {
            Ok::<_, KeyringError>(Secret::new(random()?.to_vec()))
        })?;
        let key = <[u8; 32]>::try_from(key.expose().as_slice());
        key.map(Secret::new).map_err(|_| KeyringError::Tampered {
            path: self.path(&purpose.name()),
        })
    }

    /// The key with this purpose in whatever form `make` gives it, which is called on first use only.
    ///
    /// # Errors
    /// As [`Keyring::named`], or `make`'s own.
    pub fn named_or<E: From<KeyringError>>(
        &self,
        purpose: &Purpose,
        make: impl FnOnce() -> Result<Secret<Vec<u8>>, E>,
    ) -> Result<Secret<Vec<u8>>, E> {
        let name = purpose.name();
        if let Some(key) = self.read().single.get(&name) {
            return Ok(key.clone());
        }
        let mut state = self.write();
        if let Some(tenant) = purpose.tenant() {
            self.refuse_if_shredded(&KeyId::Tenant(tenant.clone()))?;
        }
        let key = match self.load(&name)? {
            Some(key) => key,
            None => {
                let key = make()?;
                self.store(&name, key.expose())?;
                key
            }
        };
        state.single.insert(name, key.clone());
        Ok(key)
    }

    /// Seals `plaintext` under the owner's newest key, bound to `aad`, which must be given again to open it.
    ///
    /// # Errors
    /// If the owner's keys were destroyed, or a first key cannot be written.
    pub fn seal(
        &self,
        owner: &KeyId,
        aad: &[u8],
        plaintext: &[u8],
    ) -> Result<Vec<u8>, KeyringError> {
        let (epoch, cipher) = self.newest(owner)?;
        sealed::seal(&cipher, epoch, &owner.folder(), aad, plaintext)
    }

    /// Opens what [`Keyring::seal`] made, under whichever epoch sealed it.
    ///
    /// # Errors
    /// If it was altered, belongs to another owner or `aad`, or its key is missing or destroyed.
    pub fn open_sealed(
        &self,
        owner: &KeyId,
        aad: &[u8],
        bytes: &[u8],
    ) -> Result<Vec<u8>, KeyringError> {
        let (epoch, rest) = sealed::parse(bytes)?;
        let cipher = self.cipher(owner, epoch)?;
        sealed::open(&cipher, epoch, &owner.folder(), aad, rest)
    }

    /// Begins a new epoch for the owner; what was sealed under earlier ones still opens.
    ///
    /// # Errors
    /// As [`Keyring::seal`].
    pub fn rotate(&self, owner: &KeyId) -> Result<(), KeyringError> {
        let mut state = self.write();
        self.refuse_if_shredded(owner)?;
        let newest = self.newest_on_disk(owner)?;
        self.begin_epoch(&mut state, owner, newest + 1)
    }

    /// Destroys all of a tenant's keys, for good. What was sealed under them and its repositories stay unreadable.
    ///
    /// The tombstone comes first, so that a crash half way leaves a tenant that is finished off at the next start.
    ///
    /// # Errors
    /// If a file cannot be overwritten or removed; calling again resumes.
    pub fn shred(&self, tenant: &TenantId) -> Result<(), KeyringError> {
        let owner = KeyId::Tenant(tenant.clone());
        let mut state = self.write();
        let folder = self.folder.join(owner.folder());
        files::write(
            &folder.join(TOMBSTONE),
            b"This tenant's keys were destroyed on purpose.\n",
        )?;
        state.sealing.remove(&owner);
        let prefix = format!("{}/", owner.folder());
        state.single.retain(|name, _| !name.starts_with(&prefix));
        destroy_keys(&folder)
    }

    /// The key that wraps all others.
    pub(crate) fn root(&self) -> &Secret<[u8; 32]> {
        &self.root
    }

    /// Where the keys are.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Whether this master opens what is on disk now.
    pub(crate) fn is_opened_by(&self, master: &Master) -> bool {
        let path = self.folder.join("root.key");
        let text = files::read(&path).ok().flatten();
        text.is_some_and(|text| root::unwrap(&self.folder, &path, master, &text).is_ok())
    }

    /// The file of every key that has been used since the start.
    pub(crate) fn files_in_use(&self) -> Vec<PathBuf> {
        let state = self.read();
        let sealing = state
            .sealing
            .iter()
            .flat_map(|(owner, of)| of.ciphers.keys().map(|epoch| owner.epoch(*epoch)));
        state
            .single
            .keys()
            .cloned()
            .chain(sealing)
            .map(|name| self.path(&name))
            .collect()
    }

    /// The key in one of the folder's files, if it is exactly what was wrapped there.
    pub(crate) fn unwrap_file(&self, path: &Path) -> Option<Secret<Vec<u8>>> {
        let name = path
            .strip_prefix(&self.folder)
            .ok()?
            .to_str()?
            .strip_suffix(".key")?;
        if name == root::ROOT {
            return Some(Secret::new(self.root.expose().to_vec()));
        }
        self.load(name).ok().flatten()
    }

    fn newest(&self, owner: &KeyId) -> Result<(u32, Arc<LessSafeKey>), KeyringError> {
        if let Some(found) = newest_in(&self.read(), owner) {
            return Ok(found);
        }
        let mut state = self.write();
        self.refuse_if_shredded(owner)?;
        match self.newest_on_disk(owner)? {
            0 => self.begin_epoch(&mut state, owner, 1)?,
            epoch => self.load_epoch(&mut state, owner, epoch)?,
        }
        newest_in(&state, owner).ok_or(KeyringError::Missing {
            path: self.path(&owner.folder()),
        })
    }

    fn cipher(&self, owner: &KeyId, epoch: u32) -> Result<Arc<LessSafeKey>, KeyringError> {
        let find = |state: &State| {
            state
                .sealing
                .get(owner)
                .and_then(|of| of.ciphers.get(&epoch))
                .cloned()
        };
        if let Some(cipher) = find(&self.read()) {
            return Ok(cipher);
        }
        let mut state = self.write();
        self.refuse_if_shredded(owner)?;
        self.load_epoch(&mut state, owner, epoch)?;
        find(&state).ok_or_else(|| KeyringError::Missing {
            path: self.path(&owner.epoch(epoch)),
        })
    }

    fn begin_epoch(
        &self,
        state: &mut State,
        owner: &KeyId,
        epoch: u32,
    ) -> Result<(), KeyringError> {
        self.store(&owner.epoch(epoch), Secret::new(random()?).expose())?;
        self.load_epoch(state, owner, epoch)
    }

    fn load_epoch(&self, state: &mut State, owner: &KeyId, epoch: u32) -> Result<(), KeyringError> {
        let name = owner.epoch(epoch);
        let path = self.path(&name);
        let key = self
            .load(&name)?
            .ok_or(KeyringError::Missing { path: path.clone() })?;
        let key = <[u8; 32]>::try_from(key.expose().as_slice())
            .map_err(|_| KeyringError::Tampered { path })?;
        let cipher = Arc::new(wrapped::cipher(&Secret::new(key))?);
        let newest = self.newest_on_disk(owner)?;
        let sealing = state.sealing.entry(owner.clone()).or_default();
        sealing.newest = newest;
        sealing.ciphers.insert(epoch, cipher);
        Ok(())
    }

    /// The highest epoch that has a file; 0 if there is none.
    fn newest_on_disk(&self, owner: &KeyId) -> Result<u32, KeyringError> {
        let files = files::list(&self.folder.join(owner.folder()))?;
        let epochs = files.iter().filter(|path| is_key(path));
        Ok(epochs
            .filter_map(|path| path.file_stem()?.to_str()?.parse().ok())
            .max()
            .unwrap_or(0))
    }

    pub(crate) fn load(&self, name: &str) -> Result<Option<Secret<Vec<u8>>>, KeyringError> {
        let path = self.path(name);
        let Some(text) = files::read(&path)? else {
            return Ok(None);
        };
        wrapped::unwrap(&self.root, name, &text)
            .map(Some)
            .ok_or(KeyringError::Tampered { path })
    }

    fn store(&self, name: &str, key: &[u8]) -> Result<(), KeyringError> {
        files::write(
            &self.path(name),
            wrapped::wrap(&self.root, name, key)?.as_bytes(),
        )
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.join(format!("{name}.key"))
    }

    pub(crate) fn refuse_if_shredded(&self, owner: &KeyId) -> Result<(), KeyringError> {
        let folder = owner.folder();
        match self.folder.join(&folder).join(TOMBSTONE).exists() {
            true => Err(KeyringError::Shredded { owner: folder }),
            false => Ok(()),
        }
    }

    fn finish_shredding(&self) -> Result<(), KeyringError> {
        let tenants = files::list(&self.folder.join("tenant"))?;
        tenants
            .iter()
            .filter(|folder| folder.join(TOMBSTONE).exists())
            .try_for_each(|folder| destroy_keys(folder))
    }

    fn read(&self) -> RwLockReadGuard<'_, State> {
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, State> {
        self.state.write().unwrap_or_else(PoisonError::into_inner)
    }
}

fn newest_in(state: &State, owner: &KeyId) -> Option<(u32, Arc<LessSafeKey>)> {
    let sealing = state.sealing.get(owner)?;
    Some((
        sealing.newest,
        sealing.ciphers.get(&sealing.newest)?.clone(),
    ))
}

fn destroy_keys(folder: &Path) -> Result<(), KeyringError> {
    files::list(folder)?
        .iter()
        .filter(|path| is_key(path))
        .try_for_each(|path| files::destroy(path))
}

fn is_key(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "key")
}

fn random() -> Result<[u8; 32], KeyringError> {
    let mut key = [0; 32];
    rand::fill(&mut key).map_err(|_| KeyringError::Crypto { act: "make a key" })?;
    Ok(key)
}

#[cfg(test)]
mod tests;
