//! Folders that change places: how restored data come into use, in one step that either has happened or has not.

use std::os::fd::OwnedFd;
use std::path::{Component, Path, PathBuf};

use nix::fcntl::{OFlag, RenameFlags, openat, renameat2};
use nix::sys::stat::Mode;
use nix::unistd::{fsync, syncfs};
use serde::{Deserialize, Serialize};

use super::{FOLDER, GrantError, Grounds, refusal};

/// A folder's change of place. Nothing that is there is ever replaced.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Change {
    /// A folder of a job's working folder becomes one that stands aside in a tenant's folder.
    Arrive {
        /// `scratch/JOB/NAME`.
        from: PathBuf,
        /// `tenants/TENANT/aside-NAME`, which must be absent.
        to: PathBuf,
    },
    /// A tenant's data and a folder that stands aside change places.
    Exchange {
        /// `tenants/TENANT/aside-NAME`.
        aside: PathBuf,
    },
    /// A folder that stands aside goes away into a job's working folder.
    Leave {
        /// `tenants/TENANT/aside-NAME`.
        from: PathBuf,
        /// `scratch/JOB/NAME`, which must be absent.
        to: PathBuf,
    },
}

impl Grounds {
    /// Does it; on return it is on disk.
    ///
    /// # Errors
    /// When it is not one of these changes, or the kernel refuses: nothing has moved then.
    pub fn change(&self, change: &Change) -> Result<(), GrantError> {
        match change {
            Change::Arrive { from, to } => {
                self.within_a_job(from)?;
                self.stands_aside(to)?;
                self.rename(from, to, RenameFlags::RENAME_NOREPLACE)
            }
            Change::Exchange { aside } => {
                let tenant = self.stands_aside(aside)?;
                let data = self.tenants.join(tenant).join("data");
                self.rename(aside, &data, RenameFlags::RENAME_EXCHANGE)
            }
            Change::Leave { from, to } => {
                self.stands_aside(from)?;
                self.within_a_job(to)?;
                self.rename(from, to, RenameFlags::RENAME_NOREPLACE)
            }
        }
    }

    /// The tenant in whose folder it stands aside.
    fn stands_aside<'p>(&self, path: &'p Path) -> Result<&'p str, GrantError> {
        match two_names(&self.tenants, path) {
            Some((tenant, name)) if name.starts_with("aside-") => Ok(tenant),
            _ => Err(GrantError::Outside(path.to_owned())),
        }
    }

    fn within_a_job(&self, path: &Path) -> Result<(), GrantError> {
        two_names(&self.scratch, path)
            .map(|_| ())
            .ok_or_else(|| GrantError::Outside(path.to_owned()))
    }

    fn rename(&self, from: &Path, to: &Path, how: RenameFlags) -> Result<(), GrantError> {
        let (old, name) = self.parent(from)?;
        let (new, other) = self.parent(to)?;
        // What was opened for reaching only cannot be flushed.
        let flushable = |folder: &OwnedFd, path| {
            openat(folder, ".", OFlag::O_RDONLY | FOLDER, Mode::empty())
                .map_err(|errno| refusal(path)("open the folder of", errno))
        };
        let (old, new) = (flushable(&old, from)?, flushable(&new, to)?);
        // First what has just been written within: after a power loss the folder must not have come without it.
        syncfs(&old).map_err(|errno| refusal(from)("flush", errno))?;
        renameat2(&old, name, &new, other, how).map_err(|errno| refusal(from)("move", errno))?;
        for (path, folder) in [(from, &old), (to, &new)] {
            fsync(folder).map_err(|errno| refusal(path)("flush the folder of", errno))?;
        }
        Ok(())
    }
}

/// The names of something that lies in a folder in `root`.
fn two_names<'p>(root: &Path, path: &'p Path) -> Option<(&'p str, &'p str)> {
    let mut parts = path.strip_prefix(root).ok()?.components();
    match (parts.next(), parts.next(), parts.next()) {
        (Some(Component::Normal(folder)), Some(Component::Normal(name)), None) => {
            Some((folder.to_str()?, name.to_str()?))
        }
        _ => None,
    }
}
