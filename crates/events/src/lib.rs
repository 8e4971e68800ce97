//! Typed events: sealed, recorded in the ledger, indexed and searched.
//!
//! [`Recorder::record`] returns once the event is on disk. The [`Index`] follows behind and can be
//! thrown away: it is rebuilt from the ledger alone.
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

pub mod catalogue;
mod disclosure;
mod event;
pub mod export;
mod index;
mod keeping;
mod open;
mod packed;
mod recorder;
pub mod report;
mod search;
pub mod ship;
mod streams;
mod subject;

#[cfg(test)]
mod tests;

pub use disclosure::{Staff, disclosed};
pub use event::{Action, Actor, Event, Outcome, Role};
pub use index::{Index, IndexError};
pub use keeping::{Erased, KeepingError, erase, forget};
pub use open::{Opened, Opener, UnreadableEvent};
pub use recorder::{RecordError, Recorded, Recorder};
pub use search::{Page, Query, Row};
pub use streams::{Owner, StreamId, Streams};
pub use subject::{SubjectError, is_nhs_number, subject};
