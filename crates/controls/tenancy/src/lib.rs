//! Whose: one tenant's request, or program, never reaches another tenant's data.
//!
//! [`permit()`] says on each request whose data it may reach. The checks attack what keeps tenants apart:
//! [`checks::Segregation`] by request, from outside, and [`checks::Confinement`] from inside a tenant's own process.
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

pub mod checks;
mod permit;
mod settings;

pub use permit::{Denied, Permitted, permit};
pub use settings::{ISOLATION, Isolation, Settings, read};
