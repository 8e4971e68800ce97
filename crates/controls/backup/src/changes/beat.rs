//! What a follower says of itself about once a second: that it still looks, and how far it has seen.

use std::{collections::VecDeque, fs, path::Path};

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
    /// The ends of the files of the log that were closed last, and until when nothing changed after each.
    pub closes: Vec<Close>,
    /// How far the database had come, by its own count: of transactions, or a server's of the bytes of its log.
    #[serde(alias = "transactions")]
    pub count: u64,
    /// What keeps the next generation from being begun, in words.
    pub trouble: Option<String>,
}

/// The end of a file of the log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Close {
    /// The hash over all of the generation's log up to there.
    pub log: String,
    /// Nothing was changed from there up to this moment.
    pub quiet: Timestamp,
}

/// So many closed files of the log are remembered.
const CLOSES: usize = 32;

/// The files of the log that were closed last; the time is missing while nothing has changed since.
#[derive(Default)]
pub(super) struct Closes(VecDeque<(String, Option<Timestamp>)>);

impl Closes {
    /// A file was closed; what it ends with is all that there is.
    pub fn closed(&mut self, log: String) {
        if self.0.len() == CLOSES {
            self.0.pop_front();
        }
        self.0.push_back((log, None));
    }

    /// A change was seen, and nothing had changed up to the look before.
    pub fn changed(&mut self, before: Timestamp) {
        for (_, quiet) in &mut self.0 {
            quiet.get_or_insert(before);
        }
    }

    /// What a follower that was ended had said of them.
    pub fn remember(&mut self, beat: Option<Beat>) {
        let closes = beat.map(|beat| beat.closes).unwrap_or_default();
        self.0
            .extend(closes.into_iter().map(|one| (one.log, Some(one.quiet))));
    }

    /// The same to be told, at a moment up to which everything has been seen.
    pub fn told(&self, up_to: Timestamp) -> Vec<Close> {
        let told = self.0.iter().map(|(log, quiet)| Close {
            log: log.clone(),
            quiet: quiet.unwrap_or(up_to),
        });
        told.collect()
    }
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
