//! Makes the data folder ready, and holds it for this supervisor alone.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Seek as _, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _, chown};
use std::path::{Path, PathBuf};

use nix::fcntl::{Flock, FlockArg};
use nix::unistd::geteuid;

use crate::ids::Ids;
use crate::layout::Layout;

/// The version of the layout that this build reads and writes.
pub const VERSION: u32 = 1;

/// What a folder may hold before its version is written.
const BEFORE_VERSION: [&str; 2] = ["lock", "VERSION.new"];

/// Why the data folder cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum PrepareError {
    /// Another supervisor holds it.
    #[error(
        "`{data}` is in use by process {holder}; stop that first, or name another folder with --data"
    )]
    Held {
        /// The data folder.
        data: PathBuf,
        /// The process id found in the lock, if one was.
        holder: String,
    },
    /// Something else is in it.
    #[error(
        "`{data}` holds `{found}` but no data of Avouch; name an empty or new folder with --data"
    )]
    NotOurs {
        /// The data folder.
        data: PathBuf,
        /// One thing found in it.
        found: String,
    },
    /// A restore of everything was begun in it, and has not ended.
    #[error(
        "`{0}` holds a restore that has not ended; go on with it by `avouch restore --everything`, or remove the folder"
    )]
    HalfRestored(PathBuf),
    /// It belongs to another user.
    #[error(
        "`{data}` belongs to user {owner}, not to user {own} who runs this; run as that user, or name another folder with --data"
    )]
    ForeignOwner {
        /// The data folder.
        data: PathBuf,
        /// Its owner.
        owner: u32,
        /// The caller.
        own: u32,
    },
    /// It was written by a newer build.
    #[error(
        "`{data}` has data version {found}, and this build knows version {known}; use a newer build"
    )]
    Newer {
        /// The data folder.
        data: PathBuf,
        /// The version found.
        found: u32,
        /// The version of this build.
        known: u32,
    },
    /// Its version cannot be understood.
    #[error("`{0}` is not a version; restore it from a backup of this folder")]
    Version(PathBuf),
    /// The unprivileged processes could not get to it.
    #[error(
        "user {uid} cannot pass through `{folder}` (mode {mode:o}) to the data folder; run `chmod o+x {folder}`, or choose a folder such as /var/lib/avouch with --data"
    )]
    Closed {
        /// Which of the processes' users.
        uid: u32,
        /// The folder that is closed.
        folder: PathBuf,
        /// Its permissions.
        mode: u32,
    },
    /// A step failed.
    #[error("cannot {act} `{path}`")]
    Io {
        /// What was tried.
        act: &'static str,
        /// On what.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
}

/// A data folder that is ready, held until this is dropped.
#[derive(Debug)]
#[must_use]
pub struct Prepared {
    /// Where everything lies, absolute and without symbolic links.
    pub layout: Layout,
    /// The copies of the programs, in the order they were given.
    pub programs: Vec<PathBuf>,
    _lock: Flock<File>,
}

/// A data folder that is held until this is dropped.
#[derive(Debug)]
#[must_use]
pub struct Held {
    _lock: Flock<File>,
}

/// A program to copy into the data folder, so that replacing or hiding the original does not
/// change what runs, and confined processes need to reach one folder only.
#[derive(Clone, Debug)]
pub struct Program {
    /// Its name there.
    pub name: String,
    /// Where it is now.
    pub source: PathBuf,
}

/// Makes `data` ready: checks that it is ours, takes its lock, and makes every folder in it with
/// the owner and mode it must have.
///
/// # Errors
/// By what is wrong with the folder; nothing has been changed in one that is not ours.
pub fn prepare(data: &Path, ids: &Ids, programs: &[Program]) -> Result<Prepared, PrepareError> {
    fs::create_dir_all(data).map_err(failed("make", data))?;
    let data = data.canonicalize().map_err(failed("find", data))?;
    let layout = Layout::new(&data);
    check_ours(&layout)?;
    if ids.are_separate() {
        check_passable(&data, ids)?;
    }
    let lock = take_lock(&layout)?;
    check_ours(&layout)?;
    if !layout.version().exists() {
        let version = format!("{VERSION}\n");
        replace(&layout.version(), version.as_bytes(), 0o644)?;
    }
    for (path, uid, gid, mode) in folders(&layout, ids) {
        make_folder(&path, uid, gid, mode)?;
    }
    let mut copies = Vec::new();
    for program in programs {
        copies.push(copy(&program.source, &layout.bin().join(&program.name))?);
    }
    Ok(Prepared {
        layout,
        programs: copies,
        _lock: lock,
    })
}

/// Holds a data folder that is still being made, so that nobody else makes or starts it.
///
/// # Errors
/// If somebody holds it, or it cannot be held.
pub fn hold(layout: &Layout) -> Result<Held, PrepareError> {
    take_lock(layout).map(|_lock| Held { _lock })
}

/// Every folder with its owner, group and mode.
fn folders(layout: &Layout, ids: &Ids) -> Vec<(PathBuf, u32, u32, u32)> {
    let own = if ids.are_separate() { 0 } else { ids.core };
    let top = ids.group(own);
    let (core, core_group) = (ids.core, ids.group(ids.core));
    let mut folders = vec![
        (layout.data().to_owned(), own, top, 0o711),
        (layout.bin(), own, top, 0o755),
        // Set-group-id, so that sockets made there are the front's to connect to.
        (layout.run(), core, ids.group(ids.front), 0o2750),
        (layout.core(), core, core_group, 0o700),
        (layout.keys(), core, core_group, 0o700),
        (layout.tenants(), own, top, 0o711),
        (layout.scratch(), own, top, 0o711),
        (layout.backups(), own, top, 0o711),
    ];
    for within in ["ledger", "keys", "ca", "rounds"] {
        folders.push((layout.core().join(within), core, core_group, 0o700));
    }
    folders
}

fn failed<'a>(act: &'static str, path: &'a Path) -> impl Fn(io::Error) -> PrepareError + 'a {
    move |source| PrepareError::Io {
        act,
        path: path.to_owned(),
        source,
    }
}

/// Refuses a folder of another user, of a newer build, or with anything else in it.
fn check_ours(layout: &Layout) -> Result<(), PrepareError> {
    let data = layout.data();
    let found = fs::metadata(data).map_err(failed("look at", data))?;
    let own = geteuid().as_raw();
    if found.uid() != own {
        return Err(PrepareError::ForeignOwner {
            data: data.to_owned(),
            owner: found.uid(),
            own,
        });
    }
    let version = layout.version();
    match fs::read_to_string(&version) {
        Ok(text) => match text.trim().parse::<u32>() {
            Ok(found) if found > VERSION => Err(PrepareError::Newer {
                data: data.to_owned(),
                found,
                known: VERSION,
            }),
            Ok(1..) => Ok(()),
            Ok(0) | Err(_) => Err(PrepareError::Version(version)),
        },
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let entries = fs::read_dir(data).map_err(failed("list", data))?;
            let mut names = entries
                .filter_map(Result::ok)
                .map(|entry| entry.file_name().to_string_lossy().into_owned());
            if layout.restoring().exists() {
                return Err(PrepareError::HalfRestored(data.to_owned()));
            }
            match names.find(|name| !BEFORE_VERSION.contains(&name.as_str())) {
                Some(found) => Err(PrepareError::NotOurs {
                    data: data.to_owned(),
                    found,
                }),
                None => Ok(()),
            }
        }
        Err(error) => Err(failed("read", &version)(error)),
    }
}

/// Each unprivileged user must be able to pass through every folder above the data folder.
fn check_passable(data: &Path, ids: &Ids) -> Result<(), PrepareError> {
    for folder in data.ancestors().skip(1) {
        let found = fs::metadata(folder).map_err(failed("look at", folder))?;
        for uid in [ids.core, ids.front, ids.jobs, ids.tenants_from] {
            let bit = if found.uid() == uid {
                0o100
            } else if found.gid() == ids.group(uid) {
                0o010
            } else {
                0o001
            };
            if found.mode() & bit == 0 {
                let mode = found.mode() & 0o7777;
                return Err(PrepareError::Closed {
                    uid,
                    folder: folder.to_owned(),
                    mode,
                });
            }
        }
    }
    Ok(())
}

fn take_lock(layout: &Layout) -> Result<Flock<File>, PrepareError> {
    let path = layout.lock();
    // Whoever may open it can hold it, and the service would not start.
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(&path)
        .map_err(failed("open", &path))?;
    file.set_permissions(fs::Permissions::from_mode(0o600))
        .map_err(failed("set the mode of", &path))?;
    match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
        Ok(mut lock) => {
            let own = format!("{}\n", std::process::id());
            lock.set_len(0)
                .and_then(|()| lock.rewind())
                .and_then(|()| lock.write_all(own.as_bytes()))
                .map_err(failed("write", &path))?;
            Ok(lock)
        }
        Err((mut file, nix::errno::Errno::EWOULDBLOCK)) => {
            let mut holder = String::new();
            file.read_to_string(&mut holder)
                .map_err(failed("read", &path))?;
            let holder = match holder.trim() {
                "" => "(unknown)".to_owned(),
                pid => pid.to_owned(),
            };
            Err(PrepareError::Held {
                data: layout.data().to_owned(),
                holder,
            })
        }
        Err((_, errno)) => Err(failed("lock", &path)(errno.into())),
    }
}

fn make_folder(path: &Path, uid: u32, gid: u32, mode: u32) -> Result<(), PrepareError> {
    match fs::create_dir(path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
            return Err(failed("make", path)(error));
        }
        _ => {}
    }
    let found = fs::symlink_metadata(path).map_err(failed("look at", path))?;
    if !found.is_dir() {
        return Err(failed("use as a folder", path)(
            io::ErrorKind::NotADirectory.into(),
        ));
    }
    if (found.uid(), found.gid()) != (uid, gid) {
        chown(path, Some(uid), Some(gid)).map_err(failed("give away", path))?;
    }
    fs::set_permissions(path, fs::Permissions::from_mode(mode))
        .map_err(failed("set the mode of", path))
}

/// Copies a program when it differs from the copy there is. A copy in use stays as it is for
/// those who run it.
fn copy(source: &Path, to: &Path) -> Result<PathBuf, PrepareError> {
    let wanted = fs::read(source).map_err(failed("read", source))?;
    let same = fs::read(to).is_ok_and(|present| present == wanted)
        && fs::metadata(to).is_ok_and(|found| found.mode() & 0o7777 == 0o755);
    if !same {
        replace(to, &wanted, 0o755)?;
    }
    Ok(to.to_owned())
}

/// Writes a file beside its place and moves it there, flushed, so that it is whole or absent.
fn replace(path: &Path, contents: &[u8], mode: u32) -> Result<(), PrepareError> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".new");
    let beside = path.with_file_name(name);
    let write = || {
        let mut file = File::create(&beside)?;
        file.write_all(contents)?;
        file.set_permissions(fs::Permissions::from_mode(mode))?;
        file.sync_all()?;
        drop(file);
        fs::rename(&beside, path)?;
        path.parent()
            .map_or(Ok(()), |folder| File::open(folder)?.sync_all())
    };
    write().map_err(failed("write", path))
}
