//! Attempts to prove this control's claims false.

mod restart_within;

pub use restart_within::{Canary, RestartWithin};
