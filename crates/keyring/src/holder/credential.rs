//! The master key as a credential of the service manager.
//!
//! Source: systemd.exec(5), `LoadCredential=`, `LoadCredentialEncrypted=` and `$CREDENTIALS_DIRECTORY`.

use super::{Fault, Key, Place, digits};
use crate::Secret;
use nix::sys::statfs::{FsType, TMPFS_MAGIC, fstatfs};
use std::{
    fs::File,
    io::{self, Read as _},
    path::Path,
};

const VARIABLE: &str = "CREDENTIALS_DIRECTORY";
/// `RAMFS_MAGIC` in linux/magic.h: where the service manager keeps credentials if it can.
const RAMFS: FsType = FsType(0x8584_58f6);
/// More than a key is long.
const LONGEST: u64 = 1024;

pub(super) fn read(name: &str) -> Result<Key, Fault> {
    match std::env::var_os(VARIABLE) {
        Some(folder) => read_in(Path::new(&folder), name),
        None => Err(Fault(format!(
            "`{VARIABLE}` is not set: start Avouch from a unit that has `LoadCredentialEncrypted={name}`"
        ))),
    }
}

pub(super) fn read_in(folder: &Path, name: &str) -> Result<Key, Fault> {
    let unread = |error: io::Error| {
        Fault(format!(
            "the credential `{name}` cannot be read: {}",
            error.kind()
        ))
    };
    let file = File::open(folder.join(name)).map_err(unread)?;
    let system = fstatfs(&file).map_err(|errno| unread(errno.into()))?;
    let kind = system.filesystem_type();
    let place = if kind == TMPFS_MAGIC || kind == RAMFS {
        Place::Memory
    } else {
        Place::Disk
    };
    let mut text = String::with_capacity(1024);
    file.take(LONGEST)
        .read_to_string(&mut text)
        .map_err(unread)?;
    let hex = digits(&Secret::new(text), &format!("the credential `{name}`"))?;
    Ok(Key { hex, place })
}
