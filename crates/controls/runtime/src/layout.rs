//! Where everything lies in the data folder, and what the core asks the supervisor to make there.

use std::path::{Path, PathBuf};

use crate::grant::{Grant, Kind};
use crate::ids::Ids;

/// The data folder's paths, as pure functions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layout {
    data: PathBuf,
}

impl Layout {
    /// The layout beneath `data`, which should be absolute.
    #[must_use]
    pub fn new(data: impl Into<PathBuf>) -> Self {
        Self { data: data.into() }
    }

    /// The data folder itself.
    #[must_use]
    pub fn data(&self) -> &Path {
        &self.data
    }

    /// Held by the running supervisor.
    #[must_use]
    pub fn lock(&self) -> PathBuf {
        self.data.join("lock")
    }

    /// The version of this layout, as a number.
    #[must_use]
    pub fn version(&self) -> PathBuf {
        self.data.join("VERSION")
    }

    /// Copies of the programs that run, made at start.
    #[must_use]
    pub fn bin(&self) -> PathBuf {
        self.data.join("bin")
    }

    /// The sockets between core, front and the command line.
    #[must_use]
    pub fn run(&self) -> PathBuf {
        self.data.join("run")
    }

    /// What only the core reads and writes.
    #[must_use]
    pub fn core(&self) -> PathBuf {
        self.data.join("core")
    }

    /// Where a master key kept in a file lies.
    #[must_use]
    pub fn keys(&self) -> PathBuf {
        self.data.join("keys")
    }

    /// All tenants' folders.
    #[must_use]
    pub fn tenants(&self) -> PathBuf {
        self.data.join("tenants")
    }

    /// One tenant's folder.
    #[must_use]
    pub fn tenant(&self, tenant: &str) -> PathBuf {
        self.tenants().join(tenant)
    }

    /// What the tenant's application keeps.
    #[must_use]
    pub fn tenant_data(&self, tenant: &str) -> PathBuf {
        self.tenant(tenant).join("data")
    }

    /// Where the tenant's application listens.
    #[must_use]
    pub fn tenant_socket(&self, tenant: &str) -> PathBuf {
        self.tenant(tenant).join("run/app.sock")
    }

    /// All jobs' working folders.
    #[must_use]
    pub fn scratch(&self) -> PathBuf {
        self.data.join("scratch")
    }

    /// Where a restore of everything grows, until it takes its places: there is no service to start before.
    #[must_use]
    pub fn restoring(&self) -> PathBuf {
        self.data.join("restoring")
    }

    /// The destination called `local`.
    #[must_use]
    pub fn backups(&self) -> PathBuf {
        self.data.join("backups")
    }

    /// The folders that a tenant needs before its application starts, beneath `at` (its folder
    /// in [`Layout::tenants`], or a scratch folder for a canary or a drill).
    ///
    /// `data` is the tenant's alone; `run` is also the front's group, which connects to the
    /// socket there.
    #[must_use]
    pub fn instance_folders(at: &Path, uid: u32, ids: &Ids) -> Vec<Grant> {
        let folder = |path: PathBuf, uid, gid, mode| Grant {
            path,
            uid,
            gid,
            mode,
            recursive: false,
            kind: Kind::Dir,
        };
        let top = if ids.are_separate() { 0 } else { uid };
        let group = ids.group(uid);
        vec![
            folder(at.to_owned(), top, ids.group(top), 0o711),
            folder(at.join("data"), uid, group, 0o700),
            folder(at.join("run"), uid, ids.group(ids.front), 0o2770),
        ]
    }
}
