//! A real database server in a folder of its own, reached through its socket.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use nix::sys::signal::Signal;
use tempfile::TempDir;

use crate::harness::{eventually, signal};

/// The password of the server's owner, and that of whom it is backed up as.
pub const OWNER: &str = "owners-own-word-7f3a";
pub const BACKUP: &str = "backups-own-word-9c2e";

/// A folder that the user of a server owns, and everybody may pass through.
#[derive(Debug)]
pub struct Home {
    folder: TempDir,
    user: Option<&'static str>,
}

impl Home {
    /// Root has the server run as this user, for servers do not run as root.
    pub fn new(user: &'static str) -> Self {
        let folder = tempfile::Builder::new()
            .prefix("avouch-server-")
            .tempdir_in("/var/tmp")
            .unwrap();
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let root = nix::unistd::geteuid().is_root();
        let home = Self {
            folder,
            user: root.then_some(user),
        };
        home.give(home.folder.path());
        home
    }

    pub fn join(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A folder of the server's own.
    pub fn within(&self, name: &str, mode: u32) -> PathBuf {
        let path = self.join(name);
        fs::create_dir(&path).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        self.give(&path);
        path
    }

    pub fn give(&self, path: &Path) {
        if let Some(user) = self.user {
            let user = nix::unistd::User::from_name(user).unwrap().unwrap();
            chown(path, Some(user.uid.as_raw()), Some(user.gid.as_raw())).unwrap();
        }
    }

    /// A program that runs as the server's user, and ends with the thread that starts it.
    pub fn command(&self, program: &str) -> Command {
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "KILL"]);
        if let Some(user) = self.user {
            let user = nix::unistd::User::from_name(user).unwrap().unwrap();
            command.args([
                &format!("--reuid={}", user.uid),
                &format!("--regid={}", user.gid),
                "--clear-groups",
            ]);
        }
        command.arg(program).stdin(Stdio::null());
        command
    }

    /// A file that only this user may read.
    pub fn secret(&self, name: &str, text: &str, user: u32) -> PathBuf {
        let path = self.join(name);
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        if nix::unistd::geteuid().is_root() {
            chown(&path, Some(user), Some(user)).unwrap();
        }
        path
    }
}

/// A running server.
#[derive(Debug)]
pub struct Running(Child);

impl Running {
    pub fn new(mut command: Command, log: &Path) -> Self {
        let log = fs::File::options()
            .create(true)
            .append(true)
            .open(log)
            .unwrap();
        let child = command
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        Self(child)
    }

    /// Ends it with this signal, and waits until it has.
    pub fn end(&mut self, how: Signal) {
        signal(self.0.id().cast_signed(), how);
        eventually("the server to end", 60, || self.0.try_wait().unwrap());
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
