//! A folder of a service's own, where every user may pass through, and the statement in it.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use tempfile::TempDir;

use super::{Disk, programs};

/// A folder that goes when the value does.
#[derive(Debug)]
pub struct Place {
    /// What the data folder is on, if it is on a disk of its own: taken away before the folder.
    disk: Option<Disk>,
    folder: TempDir,
}

impl Place {
    /// Makes the folder: roles run as users of their own, who must be able to pass through it.
    pub fn new() -> Self {
        let folder = tempfile::Builder::new()
            .prefix("avouch-suite-")
            .tempdir_in("/var/tmp")
            .unwrap();
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o711)).unwrap();
        Self { disk: None, folder }
    }

    /// The same with the data folder on a disk of its own.
    pub fn on(disk: impl FnOnce(&Path) -> Disk) -> Self {
        let mut place = Self::new();
        place.disk = Some(disk(&place.join("data")));
        place
    }

    pub fn disk(&self) -> &Disk {
        self.disk.as_ref().expect("a disk of its own")
    }

    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    pub fn join(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes the demo's statement, and the files that it names, with these edits.
    #[track_caller]
    pub fn statement(&self, edits: &[(String, String)]) -> PathBuf {
        let from = programs::repository().join("statements");
        fs::create_dir_all(self.join("certs")).unwrap();
        for file in fs::read_dir(from.join("certs")).unwrap() {
            let file = file.unwrap();
            fs::copy(file.path(), self.join("certs").join(file.file_name())).unwrap();
        }
        let path = self.join("avouch.toml");
        fs::write(&path, edited(&demo(), edits)).unwrap();
        path
    }
}

/// The demo's statement, as it is published.
pub fn demo() -> String {
    fs::read_to_string(programs::repository().join("statements/demo.toml")).unwrap()
}

/// A text with each edit made, each of which must have a place to be made in.
#[track_caller]
pub fn edited(text: &str, edits: &[(String, String)]) -> String {
    let mut text = text.to_owned();
    for (from, to) in edits {
        assert!(
            text.contains(from.as_str()),
            "the statement has no `{from}`"
        );
        text = text.replacen(from, to, 1);
    }
    text
}

/// An address on this machine that nobody listens on.
pub fn free_address() -> SocketAddr {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .unwrap()
        .local_addr()
        .unwrap()
}

/// Each service of a run has user ids of its own, so that services that run at once are strangers.
pub fn user_ids() -> u32 {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let slot = std::process::id() % 50;
    1_000_000 + slot * 1_000_000 + NEXT.fetch_add(1, Ordering::Relaxed) * 5_000
}
