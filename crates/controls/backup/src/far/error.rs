//! Why a destination on the network could not be used: by whose fault, with what to do next.

use std::io;

/// Why a destination could not be used.
#[derive(Debug, thiserror::Error)]
pub enum FarError {
    /// This process was started without a line to it.
    #[error("this job was given no line to {0}")]
    NoLine(String),
    /// Nobody answers there.
    #[error("{place} cannot be reached: see that it runs and that the network leads there")]
    Unreachable {
        /// Which.
        place: String,
        /// Why not.
        source: io::Error,
    },
    /// Somebody answers who does not hold the pinned key.
    #[error(
        "{place} does not hold the key that the statement pins: it is another machine, or its key was made anew"
    )]
    Stranger {
        /// Which.
        place: String,
        /// Why not.
        source: io::Error,
    },
    /// It was not done in time.
    #[error(
        "{place} is slow: it did not finish an answer within {seconds} s; see its disk and the line to it"
    )]
    Slow {
        /// Which.
        place: String,
        /// How long was waited.
        seconds: u64,
    },
    /// It does not know this service by this credential.
    #[error("{0} refuses the credential: see that it is the one made there for this service")]
    Credential(String),
    /// It has no room.
    #[error("{place} is full: {said}")]
    Full {
        /// Which.
        place: String,
        /// What it says of it.
        said: String,
    },
    /// It takes nothing, or not this.
    #[error("{place} refuses to {act}: {said}")]
    Refused {
        /// Which.
        place: String,
        /// What was asked.
        act: String,
        /// What it says of it.
        said: String,
    },
    /// It does not have this file.
    #[error("{place} has no {file}")]
    Absent {
        /// Which.
        place: String,
        /// Which file.
        file: String,
    },
    /// It answers what the protocol does not have.
    #[error("{place} answers {status} to {act}, which it should not: {said}")]
    Odd {
        /// Which.
        place: String,
        /// The status.
        status: u16,
        /// What was asked.
        act: String,
        /// What it says of it.
        said: String,
    },
    /// What it sent cannot be understood.
    #[error("{place} sent {what}, which cannot be read")]
    Garbled {
        /// Which.
        place: String,
        /// What.
        what: &'static str,
    },
    /// This process could not begin.
    #[error("no connection can be made")]
    Own(#[source] io::Error),
}

impl FarError {
    /// Whether the same may succeed later without anybody doing anything.
    #[must_use]
    pub fn retry_is_safe(&self) -> bool {
        matches!(
            self,
            Self::Unreachable { .. } | Self::Slow { .. } | Self::Full { .. } | Self::Own(_)
        )
    }

    /// The message with its causes, on one line.
    #[must_use]
    pub fn chain(&self) -> String {
        let mut text = self.to_string();
        let mut cause = std::error::Error::source(self);
        while let Some(error) = cause {
            text = format!("{text}: {error}");
            cause = error.source();
        }
        text
    }
}
