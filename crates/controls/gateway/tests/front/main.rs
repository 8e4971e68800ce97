//! The front against a pretended core and a real instance on a Unix socket, by real bytes on real sockets.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may stop at the first surprise"
)]

mod admission;
mod checks;
mod flows;
mod framing;
mod harness;
mod identity;
mod instances;
mod limits;
mod resting;
mod tls;
mod tunnels;
mod two;
mod warrants;
