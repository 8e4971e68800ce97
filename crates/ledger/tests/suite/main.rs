//! The ledger from outside: published vectors, altered files, and many writers at once.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may stop at the first surprise"
)]

mod alteration;
mod concurrency;
mod files;
mod http;
mod parts;
mod proofs;
mod separation;
mod serving;
mod vectors;
mod witness;

use std::path::Path;

use avouch_ledger::{Draft, Kind, Ledger, LogKey, Options, Published, commit};
use jiff::Timestamp;

/// A key for tests.
fn key() -> LogKey {
    LogKey::from_seed("ledger.example.test/node-1", &[5; 32]).unwrap()
}

/// Small segments, and a checkpoint only when asked.
fn options() -> Options {
    Options {
        node: 1,
        segment_bytes: 400,
        publish_every: None,
    }
}

fn open(dir: &Path) -> Ledger {
    Ledger::open(dir, key(), &options()).unwrap()
}

/// Numbered drafts, told apart by their commitment, in one of three streams.
fn draft(number: u32) -> Draft {
    Draft {
        kind: [Kind::Event, Kind::Round, Kind::System][(number % 3) as usize],
        stream: [(number % 3) as u8; 16],
        time: Timestamp::from_second(1_767_225_600 + i64::from(number)).unwrap(),
        commitment: commit(&[1; 32], &number.to_be_bytes()),
        sealed: number.to_be_bytes().to_vec(),
    }
}

fn wait<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap()
        .block_on(future)
}

/// Makes a ledger of so many entries, appended a few at a time, and publishes after each call.
fn make(dir: &Path, size: u32, at_once: u32) -> Published {
    let ledger = open(dir);
    let mut first = 0;
    while first < size {
        let next = (first + at_once).min(size);
        wait(ledger.append_all((first..next).map(draft).collect())).unwrap();
        wait(ledger.publish()).unwrap();
        first = next;
    }
    wait(ledger.publish()).unwrap()
}
