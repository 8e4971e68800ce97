//! The keys: a copy of the folder of keys, opened with the master key.

use std::fs;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use avouch_backup::repository::Password;
use avouch_keyring::{Asker, Keyring, KeyringError, Master, Origin, Purpose, Source};
use avouch_statement::{Slug, TenantId};
use tempfile::TempDir;

use crate::cli::Everything;
use crate::fail::Fail;

/// A folder that goes away with this.
pub struct Scratch(TempDir);

impl Scratch {
    /// Makes one.
    ///
    /// # Errors
    /// If it cannot be made.
    pub fn new() -> Result<Self, Fail> {
        let made = tempfile::Builder::new().prefix("avouch-").tempdir();
        made.map(Self)
            .map_err(|error| Fail::new("there is no room to look at the backups in").from(error))
    }

    pub fn path(&self) -> &Path {
        self.0.path()
    }
}

/// Copies the folder of keys to `to`, and opens the copy.
///
/// # Errors
/// If there are no keys in it, or the master key is another one.
pub fn open(asked: &Everything, to: &Path) -> Result<Keyring, Fail> {
    let Some(from) = &asked.keys else {
        return Err(
            Fail::new("without the keys nothing at a destination can be read")
                .help("name your copy of the folder of keys with `--keys DIR`"),
        );
    };
    if !from.join("root.key").is_file() {
        return Err(Fail::new(format!(
            "`{}` is no folder of keys: there is no `root.key` in it",
            from.display()
        ))
        .help("name the copy of `core/keys` that you keep apart from the data"));
    }
    copy(from, to).map_err(|error| {
        Fail::new(format!("the keys in `{}` cannot be copied", from.display())).from(error)
    })?;
    let opened = match &asked.master {
        Some(path) => {
            let master = Master::from_file(path)
                .map_err(|error| Fail::new("the master key cannot be read").from(error))?
                .ok_or_else(|| Fail::new(format!("there is no file `{}`", path.display())))?;
            Keyring::open(to, &master)
        }
        None => {
            let given = asked.passphrase_fd.map(crate::up::given).transpose()?;
            with_passphrase(to, given.map(fs::File::from))
        }
    };
    opened.map_err(|error| {
        Fail::new("the keys were not opened").from(error).help(
            "name the file with the master key with `--master FILE`; from sheets of paper, `avouch key recover` makes one",
        )
    })
}

/// Takes the passphrase that is given, or asks for it on the terminal, where the keys are under one.
fn with_passphrase(folder: &Path, given: Option<fs::File>) -> Result<Keyring, KeyringError> {
    let gone = |source| KeyringError::HolderGone { source };
    let (ours, theirs) = UnixStream::pair().map_err(gone)?;
    std::thread::spawn(move || avouch_keyring::hold(&Origin::Passphrase, theirs, given));
    let asker = Asker::new(&Origin::Passphrase, ours);
    Keyring::unlock(folder, &Source::Holder(Arc::new(asker)))
}

/// The password of an owner's repository at a destination, if there is one.
///
/// # Errors
/// If it cannot be read, or the tenant's keys were destroyed.
pub fn password(
    keyring: &Keyring,
    tenant: Option<&TenantId>,
    destination: &Slug,
) -> Result<Option<Password>, KeyringError> {
    let destination = destination.clone();
    let purpose = match tenant.cloned() {
        Some(tenant) => Purpose::Repository {
            tenant,
            destination,
        },
        None => Purpose::PlatformRepository { destination },
    };
    let key = keyring.present(&purpose)?;
    Ok(key.map(|key| Password::new(hex::encode(key.expose()))))
}

fn copy(from: &Path, to: &Path) -> std::io::Result<()> {
    fs::DirBuilder::new().mode(0o700).create(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let (path, target): (PathBuf, PathBuf) = (entry.path(), to.join(entry.file_name()));
        if entry.file_type()?.is_dir() {
            copy(&path, &target)?;
        } else {
            let mut file = fs::OpenOptions::new()
                .write(true)
                .create_new(true)
                .mode(0o600)
                .open(&target)?;
            std::io::copy(&mut fs::File::open(&path)?, &mut file)?;
        }
    }
    Ok(())
}
