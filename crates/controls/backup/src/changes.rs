//! Following a database while it is written to, so that it can be restored to any moment.
//!
//! A SQLite database's *follower* holds a read transaction, so that no committed page leaves the write-ahead log unread, and copies what is
//! committed into a *generation*: a base image of the database and a log of every page that changed since, with the moment
//! it was seen. What a generation holds is shipped to the repositories; from there the database is rebuilt as it was. A generation of a PostgreSQL server is the
//! same with an image of the whole server and its own write-ahead log: see [`postgres`].

use std::path::{Path, PathBuf};

use jiff::{SignedDuration, Timestamp, civil, tz::TimeZone};
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
pub mod postgres;
mod rebuild;
pub mod reckoning;
mod resume;
pub(crate) mod room;
mod ship;
pub mod task;
mod wal;
mod word;

#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;

pub use beat::{Beat, Close};
pub use error::ChangesError;
pub use follow::{Follow, follow};
pub use log::{Head, Noted, Stall};
pub use rebuild::{Rebuilt, rebuild};
pub use word::Word;

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
    /// The hash at the end of the log before this one's, if the same follower went over without missing anything.
    #[serde(default)]
    pub follows: Option<String>,
    /// SHA-256 of the image, in hexadecimal.
    pub image: String,
    /// The server's own facts, if it is an image of a whole PostgreSQL server.
    #[serde(default)]
    pub cluster: Option<postgres::Cluster>,
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

/// How a generation is named: by when it began, or a little later if the clock was set back since the one before.
const NAME: &str = "%Y%m%dT%H%M%S.%6fZ";

/// A name for the generation that begins at this moment, after those in the folder and after `last`: names only go up.
pub(crate) fn name(
    folder: &Path,
    began: Timestamp,
    last: Option<&str>,
) -> Result<String, ChangesError> {
    let mut after = last.and_then(moment);
    for entry in std::fs::read_dir(folder).map_err(ChangesError::io("read", folder))? {
        let entry = entry.map_err(ChangesError::io("read", folder))?;
        after = after.max(entry.file_name().to_str().and_then(moment));
    }
    let next = |after: Timestamp| after + SignedDuration::from_micros(1);
    let began = after.map_or(began, |after| began.max(next(after)));
    Ok(began.strftime(NAME).to_string())
}

/// The moment in a generation's name.
fn moment(name: &str) -> Option<Timestamp> {
    let civil = civil::DateTime::strptime("%Y%m%dT%H%M%S.%fZ", name).ok()?;
    civil.to_zoned(TimeZone::UTC).ok().map(|at| at.timestamp())
}

/// Where what is not finished yet lies, beside the generations.
pub(crate) fn unfinished(folder: &Path) -> PathBuf {
    folder.join("open")
}
