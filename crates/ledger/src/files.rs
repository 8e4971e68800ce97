//! The edge to the file system: the few operations that the ledger needs, so that tests can make each of them fail.

use std::fs::{self, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg, posix_fallocate};

/// A folder's files; every path is relative to that folder.
pub(crate) trait Files: Send + Sync {
    /// Makes a folder and those above it, durably.
    fn make_dir(&self, dir: &Path) -> io::Result<()>;
    /// The names in a folder, in no order; none if there is no such folder.
    fn names(&self, dir: &Path) -> io::Result<Vec<String>>;
    /// A file's whole content; `None` if there is no such file.
    fn read(&self, path: &Path) -> io::Result<Option<Vec<u8>>>;
    /// Opens a file for reading and writing, and makes it if it is not there.
    fn open(&self, path: &Path) -> io::Result<Box<dyn File>>;
    /// Opens a file that is there, for reading.
    fn open_to_read(&self, path: &Path) -> io::Result<Box<dyn File>>;
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;
    /// Removes a file; none there is as good.
    fn remove(&self, path: &Path) -> io::Result<()>;
    /// Removes a folder and what is in it; none there is as good.
    fn remove_dir(&self, dir: &Path) -> io::Result<()>;
    /// Makes the names in a folder durable.
    fn sync_dir(&self, dir: &Path) -> io::Result<()>;
    /// Takes the lock that one opener alone can hold, until the guard is dropped; `None` if somebody has it.
    fn lock(&self, path: &Path) -> io::Result<Option<Box<dyn Send + Sync>>>;
}

/// One open file.
pub(crate) trait File: Send + Sync {
    fn len(&self) -> io::Result<u64>;
    /// Reads up to `buf.len()` bytes; 0 at the end.
    fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize>;
    /// Writes all the bytes.
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()>;
    fn truncate(&self, len: u64) -> io::Result<()>;
    /// Gives the file this length with its blocks really set aside.
    fn allocate(&self, len: u64) -> io::Result<()>;
    /// Makes the content durable.
    fn sync(&self) -> io::Result<()>;
}

/// The real one.
pub(crate) struct Disk {
    root: PathBuf,
}

impl Disk {
    /// A ledger's folder; made if it is not there, readable by its owner alone.
    pub(crate) fn new(root: &Path) -> io::Result<Self> {
        if !root.exists() {
            fs::create_dir_all(root)?;
            if let Some(parent) = root
                .parent()
                .filter(|parent| !parent.as_os_str().is_empty())
            {
                sync_path(parent)?;
            }
        }
        Ok(Self {
            root: root.to_owned(),
        })
    }
}

impl Files for Disk {
    fn make_dir(&self, dir: &Path) -> io::Result<()> {
        let path = self.root.join(dir);
        if path.is_dir() {
            return Ok(());
        }
        if let Some(parent) = dir.parent() {
            self.make_dir(parent)?;
        }
        match fs::create_dir(&path) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
            _ => {}
        }
        self.sync_dir(dir.parent().unwrap_or(Path::new("")))
    }

    fn names(&self, dir: &Path) -> io::Result<Vec<String>> {
        let entries = match fs::read_dir(self.root.join(dir)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries?,
        };
        entries
            .map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()))
            .collect()
    }

    fn read(&self, path: &Path) -> io::Result<Option<Vec<u8>>> {
        match fs::read(self.root.join(path)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            content => content.map(Some),
        }
    }

    fn open(&self, path: &Path) -> io::Result<Box<dyn File>> {
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(self.root.join(path))?;
        Ok(Box::new(file))
    }

    fn open_to_read(&self, path: &Path) -> io::Result<Box<dyn File>> {
        Ok(Box::new(fs::File::open(self.root.join(path))?))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(self.root.join(from), self.root.join(to))
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        absent_is_fine(fs::remove_file(self.root.join(path)))
    }

    fn remove_dir(&self, dir: &Path) -> io::Result<()> {
        absent_is_fine(fs::remove_dir_all(self.root.join(dir)))
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        sync_path(&self.root.join(dir))
    }

    fn lock(&self, path: &Path) -> io::Result<Option<Box<dyn Send + Sync>>> {
        let file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(self.root.join(path))?;
        // Given back by a call when it is dropped: closing alone leaves it with a child that another thread is just starting.
        match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
            Ok(lock) => Ok(Some(Box::new(lock))),
            Err((_, Errno::EWOULDBLOCK)) => Ok(None),
            Err((_, error)) => Err(error.into()),
        }
    }
}

impl File for fs::File {
    fn len(&self) -> io::Result<u64> {
        Ok(self.metadata()?.len())
    }

    fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize> {
        FileExt::read_at(self, buf, offset)
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        FileExt::write_all_at(self, bytes, offset)
    }

    fn truncate(&self, len: u64) -> io::Result<()> {
        self.set_len(len)
    }

    fn allocate(&self, len: u64) -> io::Result<()> {
        let len = i64::try_from(len).map_err(io::Error::other)?;
        Ok(posix_fallocate(self, 0, len)?)
    }

    fn sync(&self) -> io::Result<()> {
        self.sync_data()
    }
}

fn sync_path(dir: &Path) -> io::Result<()> {
    fs::File::open(dir)?.sync_all()
}

fn absent_is_fine(removed: io::Result<()>) -> io::Result<()> {
    match removed {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}
