//! What a follower says of itself about once a second: that it still looks, and how far it has seen.

use std::{fs, path::Path};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{ChangesError, unfinished};

const FILE: &str = "beat.json";

/// A follower's word.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Beat {
    /// The generation that is complete and written to; none while the first image is copied.
    pub generation: Option<String>,
    /// The hash over all of that generation's log.
    pub log: Option<String>,
    /// Everything committed before this moment has been seen.
    pub up_to: Timestamp,
    /// When the look began that saw the last change, since it follows.
    pub changed: Option<Timestamp>,
    /// How many transactions the database had had, by its own count.
    pub transactions: u32,
}

impl Beat {
    pub(super) fn write(&self, folder: &Path) -> Result<(), ChangesError> {
        let (new, at) = (unfinished(folder).join(FILE), folder.join(FILE));
        let bytes = serde_json::to_vec(self)
            .map_err(|error| ChangesError::io("write", &new)(error.into()))?;
        fs::write(&new, bytes).map_err(ChangesError::io("write", &new))?;
        fs::rename(&new, &at).map_err(ChangesError::io("write", &at))
    }

    /// The newest in a folder of changes, if there is any.
    ///
    /// # Errors
    ///
    /// If it cannot be read.
    pub fn read(folder: &Path) -> Result<Option<Self>, ChangesError> {
        let at = folder.join(FILE);
        match fs::read(&at) {
            Ok(bytes) => serde_json::from_slice(&bytes)
                .map(Some)
                .map_err(|error| ChangesError::altered(&at, error.to_string())),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(ChangesError::io("read", &at)(error)),
        }
    }
}
