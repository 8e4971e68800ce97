//! One repository at a keeper, as its writer sees it: files come, and none goes or changes.

use std::{
    fs::{self, File},
    io::{self, Write as _},
    path::{Path, PathBuf},
    time::SystemTime,
};

use avouch_statement::Slug;
use jiff::Timestamp;
use sha2::{Digest as _, Sha256};

use super::{Busy, Name, Service, Vault, VaultError, files, is_there, pack::is_name};
use crate::{
    far::FileKind,
    repository::{Password, remote},
};

/// What a writer may not do, in words for the writer.
#[derive(Debug, thiserror::Error)]
pub enum Denied {
    /// It is no name of a file of a repository.
    #[error("no file of a repository is called so")]
    Name,
    /// There is no repository yet.
    #[error("make the repository first: its key, and then its `config`")]
    NotYet,
    /// It is there already.
    #[error("what is here is neither overwritten nor changed")]
    Exists,
    /// Its bytes are not those that its name promises.
    #[error("the bytes that came are not those that the name promises; send it again")]
    Altered,
    /// The service has used up its room.
    #[error(
        "the {room} bytes that this service may take up are used up; its keeper can give it more"
    )]
    Room {
        /// How many it has.
        room: u64,
    },
    /// The disk is full.
    #[error("the keeper's disk is full")]
    Disk,
    /// Whoever writes removes nothing.
    #[error("nothing is removed here but by the keeper, when its time has come")]
    Kept,
    /// Another password was left here before.
    #[error("another password is kept for this repository")]
    OtherPassword,
    /// There is no such file.
    #[error("there is no such file")]
    Absent,
    /// The keeper's own.
    #[error(transparent)]
    Own(#[from] VaultError),
}

/// What a file is to its writer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    /// A file of the repository.
    Of(FileKind),
    /// A stock client's lock, which alone it may take away again.
    Lock,
}

impl Part {
    fn within(self, name: &str) -> PathBuf {
        match self {
            Self::Of(kind) => remote::within(kind, name),
            Self::Lock => Path::new("locks").join(name),
        }
    }

    fn folder(self) -> &'static str {
        match self {
            Self::Of(kind) => kind.folder(),
            Self::Lock => "locks",
        }
    }
}

/// One repository.
pub struct Shelf {
    pub(super) folder: PathBuf,
    pub(super) name: Name,
    pub(super) busy: Busy,
}

impl Shelf {
    pub(super) fn new(folder: PathBuf, name: Name, busy: Busy) -> Self {
        Self { folder, name, busy }
    }

    /// The repository's name.
    #[must_use]
    pub fn name(&self) -> &Slug {
        &self.name.1
    }

    /// What came.
    #[must_use]
    pub fn received(&self) -> PathBuf {
        self.folder.join("received")
    }

    /// What was read back: a repository of its own, which stock `restic` opens with the password.
    #[must_use]
    pub fn kept(&self) -> PathBuf {
        self.folder.join("kept")
    }

    /// The password, once somebody has left it here.
    ///
    /// # Errors
    ///
    /// If it cannot be read.
    pub fn password(&self) -> Result<Option<Password>, VaultError> {
        let path = self.folder.join("password");
        match fs::read_to_string(&path) {
            Ok(text) => Ok(Some(Password::new(text))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(VaultError::io("read", &path)(error)),
        }
    }

    /// Makes the place. Keys that an interrupted start left, before there was a `config`, are cleared away.
    pub(super) fn create(&self) -> Result<(), Denied> {
        let received = self.received();
        if !is_there(&received.join("config")) {
            let keys = received.join("keys");
            if keys.is_dir() {
                fs::remove_dir_all(&keys).map_err(VaultError::io("remove", &keys))?;
            }
        }
        for kind in FileKind::NAMED {
            files::make(&received.join(kind.folder()))?;
        }
        files::make(&received.join("locks"))?;
        Ok(files::make(&self.folder.join("coming"))?)
    }

    /// Leaves the password here. It opens everything and is given once.
    pub(super) fn entrust(&self, password: &str) -> Result<(), Denied> {
        match self.password()? {
            Some(kept) if kept.reveal() == password => Ok(()),
            Some(_) => Err(Denied::OtherPassword),
            None if !is_there(&self.received().join("config")) => Err(Denied::NotYet),
            None => Ok(files::replace(
                &self.folder.join("password"),
                password.as_bytes(),
            )?),
        }
    }

    /// Every file of a kind, with its size.
    pub(super) fn list(&self, part: Part) -> Result<Vec<(String, u64)>, Denied> {
        let listed = files::below(&self.received().join(part.folder()))?;
        Ok(listed
            .into_iter()
            .filter_map(|(path, about)| {
                let name = path.file_name()?.to_string_lossy().into_owned();
                is_name(&name).then_some((name, about.len()))
            })
            .collect())
    }

    /// A file, to be read.
    pub(super) fn open(&self, part: Part, name: &str) -> Result<File, Denied> {
        let path = self.place(part, name)?;
        match File::open(&path) {
            Ok(file) => Ok(file),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Err(Denied::Absent),
            Err(error) => Err(VaultError::io("read", &path)(error).into()),
        }
    }

    /// Keeps a file for good. It is durable when this returns.
    pub(super) fn receive(
        &self,
        vault: &Vault,
        service: &Service,
        part: Part,
        name: &str,
        bytes: &[u8],
        now: Timestamp,
    ) -> Result<(), Denied> {
        let to = self.place(part, name)?;
        // A key that is added later opens everything to whoever added it, and makes every opening slower.
        let beginning = matches!(part, Part::Of(FileKind::Config | FileKind::Key));
        let begun = is_there(&self.received().join("config"));
        if !begun && !beginning {
            return Err(Denied::NotYet);
        }
        if is_there(&to) || (begun && beginning) {
            return Err(Denied::Exists);
        }
        if part != Part::Of(FileKind::Config) && hex::encode(Sha256::digest(bytes)) != name {
            return Err(Denied::Altered);
        }
        let length = bytes.len() as u64;
        if vault.used(service)?.saturating_add(length) > service.room {
            return Err(Denied::Room { room: service.room });
        }
        let coming = self.folder.join("coming").join(match name {
            "" => "config",
            name => name,
        });
        let keep = || {
            if let Some(folder) = to.parent() {
                fs::create_dir_all(folder)?;
            }
            let mut file = File::create(&coming)?;
            file.write_all(bytes)?;
            file.set_modified(SystemTime::from(now))?;
            file.sync_all()?;
            // A link, unlike a renaming, does not take the place of what another thread has put there meanwhile.
            let linked = fs::hard_link(&coming, &to);
            fs::remove_file(&coming)?;
            linked?;
            files::sync_folder(&to)
        };
        match keep() {
            Ok(()) => {
                vault.grew(service, Some(length));
                Ok(())
            }
            Err(error) => {
                // What is half written is no use; where not even that can be removed, the next attempt overwrites it.
                fs::remove_file(&coming).ok();
                Err(match error.kind() {
                    io::ErrorKind::AlreadyExists => Denied::Exists,
                    io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Denied::Disk,
                    _ => VaultError::io("keep", &to)(error).into(),
                })
            }
        }
    }

    /// Takes a lock away; nothing else goes.
    pub(super) fn remove(&self, part: Part, name: &str) -> Result<(), Denied> {
        match part {
            Part::Lock => Ok(files::remove(&self.place(part, name)?)?),
            Part::Of(_) => Err(Denied::Kept),
        }
    }

    fn place(&self, part: Part, name: &str) -> Result<PathBuf, Denied> {
        if part != Part::Of(FileKind::Config) && !is_name(name) {
            return Err(Denied::Name);
        }
        Ok(self.received().join(part.within(name)))
    }
}
