//! Attempts to prove this control's claims false.

mod idle_share;
mod restart_within;

pub use idle_share::{Asked, Book, Books, Came, IdleShare};
pub use restart_within::{Canary, RestartWithin};
