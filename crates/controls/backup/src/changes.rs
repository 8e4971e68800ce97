//! Following a SQLite database while it is written to, so that it can be restored to any moment.
//!
//! A *follower* holds a read transaction, so that no committed page leaves the write-ahead log unread, and copies what is
//! committed into a *generation*: a base image of the database and a log of every page that changed since, with the moment
//! it was seen. What a generation holds is shipped to the repositories; from there the database is rebuilt as it was.

use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

mod beat;
mod error;
mod follow;
mod generation;
mod hold;
mod index;
mod leftovers;
mod log;
pub mod moments;
mod rebuild;
pub mod task;
mod wal;

#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;

pub use beat::Beat;
pub use error::ChangesError;
pub use follow::{Follow, follow};
pub use log::Head;
pub use rebuild::{Rebuilt, rebuild};

/// The image that a generation begins with.
pub const BASE: &str = "base.db";

/// What is known of it.
pub const FACTS: &str = "base.json";

/// What the file of facts says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Facts {
    /// The name of the database's file.
    pub database: String,
    /// Bytes of a page.
    pub page_size: u32,
    /// The access bits of the database's file.
    pub mode: u32,
    /// From when on the database can be rebuilt from this generation.
    pub complete: Timestamp,
    /// When the database had last been written to before that, by its files' times.
    pub written: Timestamp,
    /// SHA-256 of the image, in hexadecimal.
    pub image: String,
}

/// The file of a generation's log with this number; numbers begin with one.
#[must_use]
pub fn segment(number: u32) -> String {
    format!("{number:010}.log")
}

/// The number in the name of a file of the log.
pub(crate) fn number(name: &str) -> Option<u32> {
    let digits = name.strip_suffix(".log")?;
    (digits.len() == 10).then(|| digits.parse().ok()).flatten()
}

/// The name of the generation that began at this moment.
pub(crate) fn name(began: Timestamp) -> String {
    began.strftime("%Y%m%dT%H%M%S.%6fZ").to_string()
}

/// Where what is not finished yet lies, beside the generations.
pub(crate) fn unfinished(folder: &Path) -> PathBuf {
    folder.join("open")
}
