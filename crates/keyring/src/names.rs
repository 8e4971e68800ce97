//! Which key is meant, and which file it lives in.

use avouch_statement::{Slug, TenantId};

/// A family of sealing keys: one live epoch, and the earlier ones that still open.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum KeyId {
    /// Seals what belongs to the platform itself.
    Platform,
    /// Seals what belongs to one tenant; destroyed with it.
    Tenant(TenantId),
}

impl KeyId {
    /// The folder of its epochs, relative to the keys folder.
    pub(crate) fn folder(&self) -> String {
        match self {
            Self::Platform => String::from("platform"),
            Self::Tenant(tenant) => format!("tenant/{tenant}"),
        }
    }

    pub(crate) fn epoch(&self, epoch: u32) -> String {
        format!("{}/{epoch}", self.folder())
    }
}

/// A single key with one use.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Purpose {
    /// Signs the ledger's checkpoints (an Ed25519 seed).
    LedgerSigning,
    /// Signs identity assertions to applications (an Ed25519 seed).
    Assertion,
    /// Authenticates the rows of accounts (HMAC-SHA256).
    Accounts,
    /// The local certificate authority's private key.
    Authority,
    /// Opens one tenant's repository at one destination; destroyed with the tenant.
    Repository {
        /// Whose backups they are.
        tenant: TenantId,
        /// Where they are.
        destination: Slug,
    },
    /// Opens the platform's own repository at one destination.
    PlatformRepository {
        /// Where it is.
        destination: Slug,
    },
}

impl Purpose {
    /// The key's name: its path in the keys folder without `.key`.
    pub(crate) fn name(&self) -> String {
        match self {
            Self::LedgerSigning => String::from("ledger"),
            Self::Assertion => String::from("assertion"),
            Self::Accounts => String::from("accounts"),
            Self::Authority => String::from("authority"),
            Self::Repository {
                tenant,
                destination,
            } => format!("tenant/{tenant}/repository-{destination}"),
            Self::PlatformRepository { destination } => {
                format!("platform/repository-{destination}")
            }
        }
    }

    /// The tenant with which the key is destroyed.
    pub(crate) fn tenant(&self) -> Option<&TenantId> {
        match self {
            Self::Repository { tenant, .. } => Some(tenant),
            _ => None,
        }
    }
}
