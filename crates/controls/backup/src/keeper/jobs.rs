//! What the keeper needs of the process that it runs in: confined jobs, scratch folders and keys.

use std::path::PathBuf;

use avouch_evidence::BoxFuture;
use avouch_statement::{Slug, TenantId};

use crate::{
    far::Credential,
    job::{self, JobError, Outcome},
    repository::Password,
    settings::Destination,
};

/// Whose data a backup holds.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Owner {
    /// One tenant's.
    Tenant(TenantId),
    /// Avouch's own.
    Platform,
}

impl std::fmt::Display for Owner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Tenant(tenant) => tenant.fmt(f),
            Self::Platform => f.write_str("platform"),
        }
    }
}

/// As whom a job runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Who {
    /// The user that owns the data of this tenant or of the core.
    Owner(Owner),
    /// The user that owns the repositories.
    Jobs,
}

/// What a job may touch, beside its own program.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Access {
    /// Folders it may read. A SQLite database that is in use is opened through its shared memory file, so that a
    /// source's folder has to be writable for its owner: it is in `write` then.
    pub read: Vec<PathBuf>,
    /// Folders it may write. A scratch folder among them is given to the job's user, with all that is in it, before.
    pub write: Vec<PathBuf>,
}

/// Runs jobs in processes of their own; implemented by the binary, with the supervisor.
pub trait Jobs: Send + Sync {
    /// Runs one job to its end, confined to `access`.
    fn run<'a>(
        &'a self,
        who: Who,
        access: Access,
        input: job::Input,
    ) -> BoxFuture<'a, Result<Outcome, JobError>>;
    /// Makes an empty scratch folder of this name.
    fn scratch<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<PathBuf, JobError>>;
    /// Removes a scratch folder and what is in it, and looks that it is gone.
    fn discard<'a>(&'a self, scratch: PathBuf) -> BoxFuture<'a, Result<(), JobError>>;
    /// The key of an owner's repository at a destination.
    fn password(&self, owner: &Owner, destination: &Slug) -> Result<Password, JobError>;
    /// What lets this service in at a destination on another machine.
    fn credential(&self, destination: &Destination) -> Result<Credential, JobError>;
    /// The tenants that are served.
    fn tenants(&self) -> Vec<TenantId>;
    /// The folder of an owner's data (for the platform: the core's).
    fn data(&self, owner: &Owner) -> PathBuf;
    /// The folder beneath which the `local` destination and relative ones are.
    fn backups(&self) -> PathBuf;
}
