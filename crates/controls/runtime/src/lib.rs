//! Processes: confinement, supervision, restarts and jobs.
//!
//! The supervisor is the only process that may run as root. It listens on nothing and holds no
//! key: it prepares the data folder ([`prepare`]), starts every other process inside a
//! [`confine::Confinement`], brings back what dies ([`supervisor`], [`restart`]) and does the few
//! acts that need root for the core, as [`protocol`] messages it checks first ([`grant`]).
//!
//! The invariant of this crate: nothing that the core asks for can make a process run as root,
//! or change a file outside the folders declared when the supervisor started.
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

pub mod capacity;
pub mod carry;
pub mod checks;
pub mod client;
pub mod confine;
pub mod grant;
pub mod health;
pub mod ids;
pub mod layout;
pub mod prepare;
pub mod probe;
pub mod protocol;
pub mod restart;
mod settings;
pub mod standing;
pub mod supervisor;

pub use settings::{RESTART_WITHIN, Settings, read};
