//! What a provider holds or a person signed: certificates and attestations.
//!
//! Avouch makes neither true. It keeps what was recorded, says so in a sentence made from the record,
//! and stops saying so on the day it lapses. Days are civil days in Europe/London.
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
mod day;
mod settings;

pub use day::today;
pub use settings::{Attested, Certificate, Inherited, Settings, Successor, read};
