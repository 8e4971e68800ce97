//! What users and customers are told of how the service is.
//!
//! ```text
//!  each application ─▶ watch ─▶ book ─▶ front: the page, which is up while the service is down
//!  the supplier's people ──────▶ │ └──▶ store: history
//! ```
//!
//! Deciding is pure: [`Watch`] says when an application counts as down and as up again, [`Book`] what is shown of it. The
//! binary asks the applications, tells the front and writes down each step.
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

mod book;
pub mod checks;
mod letters;
pub mod mail;
mod notify;
pub mod records;
mod settings;
mod watch;

pub use book::{About, Book, Incident, Then, Update};
pub use letters::{LetterId, Letters, Stands, Wanted};
pub use notify::{NOTIFY, Notify, Relay};
pub use settings::{FAULTS, KEEP, Settings, TOLD_WITHIN, read};
pub use watch::{Turn, Watch};
