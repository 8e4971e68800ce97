//! Witnesses: somebody on another machine who signs a log's checkpoint only if it goes on from the last one signed.
//!
//! [`Witness`] is that somebody. It keeps one checkpoint for each log and, once it has signed, cannot be brought to sign
//! another history: not by who holds the log's disk, nor by who holds its key. [`Client`] is the log's side: it asks its
//! witnesses and keeps what they signed beside the checkpoint.
//!
//! A witness reads with [`crate::verify`] alone. Source: C2SP tlog-witness, tlog-cosignature v1.0.1.

mod add;
mod client;
#[cfg(test)]
mod faults;
mod http;
mod key;
mod state;

pub use add::{Answer, Witness};
pub use client::{AskError, Asked, Client, Named, Post, PostFuture, Reply};
pub use http::{Http, HttpError, connector};
pub use key::{SignerError, WitnessSigner};
pub use state::{Refused, StateError};
