//! Backups: sources, repositories, retention, schedules, restores and drills.
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

pub mod changes;
pub mod checks;
mod draw;
pub mod drill;
pub mod far;
pub mod growth;
pub mod job;
pub mod keeper;
pub mod manifest;
pub mod records;
pub mod repository;
pub mod retention;
pub mod rolling;
pub mod schedule;
pub mod settings;
pub mod source;
pub mod vault;
