//! Keys: master to root to tenant and platform keys; seal, open, rotate, shred.
//!
//! One master key, which comes from outside at boot, opens one file, `root.key`. The root key opens every other file in
//! the folder, each of which holds one random key. Nothing is derived from the master, so a key that has been destroyed
//! cannot be worked out again, and changing the master rewrites a single file in a single rename.
//!
//! | key | file under `core/keys/` | held by | made | rotates |
//! | --- | --- | --- | --- | --- |
//! | master | not here: wherever `[keys] master` says; see [`Origin`] | core; the key holder that hands it over | first start, or by hand | [`Keyring::rewrap`] |
//! | root | `root.key` | core | first start | never; only its wrapping changes |
//! | a tenant's sealing keys | `tenant/<tenant>/<epoch>.key` | core | first seal | [`Keyring::rotate`]; old epochs still open |
//! | a tenant's repository password | `tenant/<tenant>/repository-<destination>.key` | core; a job for as long as it runs | first backup | a new repository |
//! | platform sealing keys | `platform/<epoch>.key` | core | first seal | [`Keyring::rotate`] |
//! | platform repository password | `platform/repository-<destination>.key` | core; a job for as long as it runs | first backup | a new repository |
//! | ledger signing seed | `ledger.key` | core | first start | a new log |
//! | identity assertion seed | `assertion.key` | core, front (in memory) | first start | with the front's configuration |
//! | seals of account rows | `accounts.key` | core | first start | never; accounts would have to be made anew |
//! | recovery key of the master | nowhere: split over sheets of paper; `escrow` holds the master wrapped under it | whoever holds the sheets, together | [`Keyring::escrow`] | printing again |
//! | local authority's private key | `authority.key` | core | first start | a new authority |
//!
//! Every wrapped file names its own place in what it authenticates, so one file cannot stand in for another.
//! [`Keyring::shred`] destroys all of a tenant's keys: what was sealed under them, and the tenant's repositories, stay
//! unreadable from then on. A copy of this folder taken earlier, together with the master, defeats that; the folder is
//! therefore left out of the platform's backups, and the master is escrowed apart from them.
#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing,
        reason = "a test may stop at the first surprise"
    )
)]

mod asker;
pub mod checks;
mod error;
pub mod escrow;
mod files;
mod holder;
mod keyring;
mod master;
mod names;
mod origin;
mod passphrase;
mod present;
mod root;
mod sealed;
mod secret;
mod settings;
mod wrapped;

pub use asker::Asker;
pub use error::KeyringError;
pub use holder::hold;
pub use keyring::Keyring;
pub use master::{Master, Source};
pub use names::{KeyId, Purpose};
pub use origin::Origin;
pub use secret::Secret;
pub use settings::{EscrowSettings, Settings, read};
