//! How much room the destinations have left, and for how long.

use avouch_statement::Slug;
use serde::Serialize;

use super::{Backups, KeeperError};
use crate::growth::{Growth, growth};

/// A destination, with what everybody's backups take of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Room {
    /// Which.
    pub destination: Slug,
    /// Bytes in all its repositories, as they were last read through.
    pub stored: u64,
    /// Bytes that can still be written there, when it was last looked at; `None` if that is not known.
    pub free: Option<u64>,
    /// How that changes.
    #[serde(flatten)]
    pub growth: Growth,
}

impl Backups {
    /// Every destination that a source is stored at.
    ///
    /// # Errors
    ///
    /// If the records cannot be read.
    pub async fn room(&self) -> Result<Vec<Room>, KeeperError> {
        let sources = self.settings.sources.iter();
        let mut places: Vec<Slug> = sources.flat_map(|source| source.to.clone()).collect();
        places.sort();
        places.dedup();
        let mut rooms = Vec::new();
        for destination in places {
            let mut stored = 0;
            for owner in self.owners() {
                let seen = self
                    .records
                    .examination(&owner.to_string(), destination.as_str())
                    .await?;
                stored += seen.map_or(0, |(_, _, seen)| seen.bytes);
            }
            let free = self.records.room(destination.as_str()).await?;
            let (since, added) = self.records.added(destination.as_str()).await?;
            rooms.push(Room {
                growth: growth(&added, since, free, (self.clock)()),
                destination,
                stored,
                free,
            });
        }
        Ok(rooms)
    }
}
