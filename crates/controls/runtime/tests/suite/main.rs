//! This crate against the real kernel, with real processes. As root on a kernel with Landlock
//! ABI 6 or later, which is what the sentences it checks promise.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may stop at the first surprise"
)]

mod canary;
mod carried;
mod confinement;
mod counts;
mod folder;
mod grants;
mod requests;
mod service;
mod standing;
mod supervision;
mod world;
