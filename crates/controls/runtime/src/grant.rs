//! Folders and files that the supervisor makes for the core.
//!
//! The core and every tenant may be hostile here. So each step from the root of a declared
//! folder down is opened by descriptor and never through a symbolic link; a file is made new
//! beside its place and moved there; and nothing with several names changes its owner.

use std::ffi::OsStr;
use std::io::Write as _;
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::path::{Component, Path, PathBuf};

use nix::dir::Dir;
use nix::errno::Errno;
use nix::fcntl::{AtFlags, OFlag, open, openat, renameat};
use nix::sys::stat::{FileStat, Mode, SFlag, fchmod, fstat, fstatat, mkdirat};
use nix::unistd::{Gid, Uid, UnlinkatFlags, fchown, fchownat, fsync, unlinkat};
use serde::{Deserialize, Serialize};

use crate::ids::Ids;
use crate::layout::Layout;
use crate::protocol::Bytes;

mod change;

pub use change::Change;

/// Something to make, or to give to somebody.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Grant {
    /// Where.
    pub path: PathBuf,
    /// Its owner: a declared id, or 0 to keep it root's.
    pub uid: u32,
    /// Its group, likewise.
    pub gid: u32,
    /// Its mode. Of the special bits only set-group-id, on a folder.
    pub mode: u32,
    /// Whether a folder's content changes its owner too; its modes stay.
    pub recursive: bool,
    /// What it is.
    pub kind: Kind,
}

/// What a grant makes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// A folder, made if absent.
    Dir,
    /// A file with this content, replaced in one step.
    File {
        /// The content.
        contents: Bytes,
    },
}

/// Why a grant or removal was refused.
#[derive(Debug, thiserror::Error)]
pub enum GrantError {
    /// Outside the folders declared at start.
    #[error("`{0}` is outside the folders declared at start")]
    Outside(PathBuf),
    /// An owner that nobody may have.
    #[error("user or group {0} is not one of this service's")]
    Stranger(u32),
    /// A mode with special bits.
    #[error("mode {0:o} has bits that are not allowed")]
    Mode(u32),
    /// A file with several names changes no owner.
    #[error("`{0}` has several names (hard links)")]
    Linked(PathBuf),
    /// The kernel refused.
    #[error("cannot {act} `{path}`")]
    Refused {
        /// What was tried.
        act: &'static str,
        /// On what.
        path: PathBuf,
        /// The kernel's answer; `ELOOP` or `ENOTDIR` stand for a symbolic link on the way.
        source: std::io::Error,
    },
}

/// The folders beneath which grants may act, and the ids they may give to.
#[derive(Clone, Debug)]
pub struct Grounds {
    roots: Vec<PathBuf>,
    tenants: PathBuf,
    scratch: PathBuf,
    backups: PathBuf,
    ids: Ids,
}

const UNFOLLOWED: OFlag = OFlag::O_NOFOLLOW.union(OFlag::O_CLOEXEC);
const FOLDER: OFlag = UNFOLLOWED.union(OFlag::O_DIRECTORY);

impl Grounds {
    /// The data folder's tenants, scratch and backups, and the further `destinations`.
    #[must_use]
    pub fn new(layout: &Layout, destinations: &[PathBuf], ids: Ids) -> Self {
        let mut roots = vec![layout.tenants(), layout.scratch(), layout.backups()];
        roots.extend_from_slice(destinations);
        Self {
            roots,
            tenants: layout.tenants(),
            scratch: layout.scratch(),
            backups: layout.backups(),
            ids,
        }
    }

    /// Makes what is asked. Done twice, it is the same as done once.
    ///
    /// # Errors
    /// When it is not allowed or the kernel refuses. Folders on the way are never made.
    pub fn grant(&self, grant: &Grant) -> Result<(), GrantError> {
        self.check(grant)?;
        let refused = refusal(&grant.path);
        let (parent, name) = self.parent(&grant.path)?;
        match &grant.kind {
            Kind::Dir => {
                match mkdirat(&parent, name, Mode::S_IRWXU) {
                    Ok(()) | Err(Errno::EEXIST) => {}
                    Err(errno) => return Err(refused("make", errno)),
                }
                let folder = openat(&parent, name, OFlag::O_RDONLY | FOLDER, Mode::empty())
                    .map_err(|errno| refused("open", errno))?;
                if grant.recursive {
                    hand_over(&folder, grant, &grant.path)?;
                }
                settle(&folder, grant)
            }
            Kind::File { contents } => place(&parent, name, grant, &contents.0),
        }
    }

    /// Removes a working folder, a tenant's folder or an owner's repository, and all within: what lies directly beneath the
    /// scratch folder, the tenants' or a destination.
    ///
    /// # Errors
    /// When it is anything else, or cannot be removed. One that is absent is no error.
    pub fn remove(&self, path: &Path) -> Result<(), GrantError> {
        let depth = |root: &PathBuf| Some(path.strip_prefix(root).ok()?.components().count());
        let mut grounds = self.roots.iter().map(|root| (root, depth(root)));
        // The destination that every data folder has lies in a folder of its own beneath the backups.
        let fits = grounds.any(|(root, depth)| match depth {
            Some(1) => *root != self.backups,
            Some(2) => *root == self.backups,
            _ => false,
        });
        if !fits {
            return Err(GrantError::Outside(path.to_owned()));
        }
        let (parent, name) = match self.parent(path) {
            Err(GrantError::Refused { source, .. })
                if source.kind() == std::io::ErrorKind::NotFound =>
            {
                return Ok(());
            }
            parent => parent?,
        };
        // The way there follows no link, and the standard library none within.
        let here = Path::new("/proc/self/fd")
            .join(parent.as_raw_fd().to_string())
            .join(name);
        match std::fs::remove_dir_all(here) {
            Err(source) if source.kind() != std::io::ErrorKind::NotFound => {
                Err(GrantError::Refused {
                    act: "remove",
                    path: path.to_owned(),
                    source,
                })
            }
            _ => Ok(()),
        }
    }

    /// Removes a socket left by a process that died, so that the next can listen there.
    ///
    /// # Errors
    /// When something else lies there, or it is outside the declared folders.
    pub fn clear_socket(&self, path: &Path) -> Result<(), GrantError> {
        let refused = refusal(path);
        let (parent, name) = self.parent(path)?;
        match fstatat(&parent, name, AtFlags::AT_SYMLINK_NOFOLLOW) {
            Err(Errno::ENOENT) => Ok(()),
            Ok(found) if kind(&found) == SFlag::S_IFSOCK => {
                unlinkat(&parent, name, UnlinkatFlags::NoRemoveDir)
                    .map_err(|errno| refused("remove the old socket", errno))
            }
            Ok(_) => Err(refused("replace what is no socket at", Errno::EEXIST)),
            Err(errno) => Err(refused("look at", errno)),
        }
    }

    fn check(&self, grant: &Grant) -> Result<(), GrantError> {
        for id in [grant.uid, grant.gid] {
            if id != 0 && !self.ids.may_run_as(id) {
                return Err(GrantError::Stranger(id));
            }
        }
        let allowed = if grant.kind == Kind::Dir {
            0o2777
        } else {
            0o777
        };
        if grant.mode & !allowed != 0 {
            return Err(GrantError::Mode(grant.mode));
        }
        Ok(())
    }

    /// Opens the folder that holds `path`, and returns it with the last name.
    fn parent<'a>(&self, path: &'a Path) -> Result<(OwnedFd, &'a OsStr), GrantError> {
        let outside = || GrantError::Outside(path.to_owned());
        let (root, rest) = self
            .roots
            .iter()
            .find_map(|root| Some((root, path.strip_prefix(root).ok()?)))
            .ok_or_else(outside)?;
        let mut names = Vec::new();
        for part in rest.components() {
            match part {
                Component::Normal(name) => names.push(name),
                _ => return Err(outside()),
            }
        }
        let (last, way) = names.split_last().ok_or_else(outside)?;
        let refused = refusal(path);
        let mut folder = open(root, OFlag::O_PATH | FOLDER, Mode::empty())
            .map_err(|errno| refused("reach", errno))?;
        for name in way {
            folder = openat(&folder, *name, OFlag::O_PATH | FOLDER, Mode::empty())
                .map_err(|errno| refused("reach", errno))?;
        }
        Ok((folder, last))
    }
}

fn refusal(path: &Path) -> impl Fn(&'static str, Errno) -> GrantError + Copy + '_ {
    move |act, errno| GrantError::Refused {
        act,
        path: path.to_owned(),
        source: errno.into(),
    }
}

fn kind(found: &FileStat) -> SFlag {
    SFlag::from_bits_truncate(found.st_mode) & SFlag::S_IFMT
}

/// Owner first, because changing it clears the set-group-id bit.
fn settle(made: &OwnedFd, grant: &Grant) -> Result<(), GrantError> {
    let refused = refusal(&grant.path);
    fchown(
        made,
        Some(Uid::from_raw(grant.uid)),
        Some(Gid::from_raw(grant.gid)),
    )
    .map_err(|errno| refused("give", errno))?;
    fchmod(made, Mode::from_bits_truncate(grant.mode))
        .map_err(|errno| refused("set the mode of", errno))
}

fn place(parent: &OwnedFd, name: &OsStr, grant: &Grant, contents: &[u8]) -> Result<(), GrantError> {
    let refused = refusal(&grant.path);
    let mut beside = OsStr::new(".new-").to_owned();
    beside.push(name);
    match unlinkat(parent, beside.as_os_str(), UnlinkatFlags::NoRemoveDir) {
        Ok(()) | Err(Errno::ENOENT) => {}
        Err(errno) => return Err(refused("clear the way to", errno)),
    }
    let flags =
        OFlag::O_WRONLY | OFlag::O_CREAT | OFlag::O_EXCL | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
    let made = openat(
        parent,
        beside.as_os_str(),
        flags,
        Mode::S_IRUSR | Mode::S_IWUSR,
    )
    .map_err(|errno| refused("write", errno))?;
    let mut file = std::fs::File::from(made);
    let written = file.write_all(contents);
    written.map_err(|source| GrantError::Refused {
        act: "write",
        path: grant.path.clone(),
        source,
    })?;
    let made = OwnedFd::from(file);
    settle(&made, grant)?;
    fsync(&made).map_err(|errno| refused("flush", errno))?;
    renameat(parent, beside.as_os_str(), parent, name).map_err(|errno| refused("place", errno))
}

/// Gives everything in `folder` to the grant's owner.
fn hand_over(folder: &OwnedFd, grant: &Grant, at: &Path) -> Result<(), GrantError> {
    let refused = refusal(at);
    let (uid, gid) = (
        Some(Uid::from_raw(grant.uid)),
        Some(Gid::from_raw(grant.gid)),
    );
    let mut listing = Dir::openat(folder, ".", OFlag::O_RDONLY | FOLDER, Mode::empty())
        .map_err(|errno| refused("list", errno))?;
    for entry in listing.iter() {
        let entry = entry.map_err(|errno| refused("list", errno))?;
        let name = entry.file_name();
        if [&b"."[..], b".."].contains(&name.to_bytes()) {
            continue;
        }
        let within = at.join(<OsStr as std::os::unix::ffi::OsStrExt>::from_bytes(
            name.to_bytes(),
        ));
        let refused = refusal(&within);
        let opened = openat(folder, name, OFlag::O_PATH | UNFOLLOWED, Mode::empty())
            .map_err(|errno| refused("open", errno))?;
        let found = fstat(&opened).map_err(|errno| refused("look at", errno))?;
        if kind(&found) == SFlag::S_IFDIR {
            hand_over(&opened, grant, &within)?;
        } else if found.st_nlink > 1 {
            return Err(GrantError::Linked(within));
        }
        fchownat(&opened, "", uid, gid, AtFlags::AT_EMPTY_PATH)
            .map_err(|errno| refused("give", errno))?;
    }
    Ok(())
}
