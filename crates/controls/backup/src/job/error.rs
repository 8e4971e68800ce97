//! Why a job could not be done, and how that is said between two processes.

use std::path::PathBuf;

use avouch_statement::Slug;

use super::{Answer, Outcome};
use crate::{
    changes::ChangesError,
    repository::RepositoryError,
    retention::{self, SnapshotId},
    source::{SourceError, SourceFault},
};

/// Why a job could not be done.
#[derive(Debug, thiserror::Error)]
pub enum JobError {
    /// The source could not be read.
    #[error("the source was not backed up")]
    Source(#[from] SourceError),
    /// The repository could not be used.
    #[error("the repository could not be used")]
    Repository(#[from] RepositoryError),
    /// The changes of a database could not be followed, stored or read.
    #[error(transparent)]
    Changes(#[from] ChangesError),
    /// A follower was started like any other job.
    #[error("a follower is given a clock, and has an entry of its own")]
    NoClock,
    /// Retention has not ended.
    #[error("nothing was deleted")]
    TooEarly(#[from] retention::TooEarly),
    /// A job that opens a repository was given no key.
    #[error("this job opens a repository and was given no key for it")]
    NoKey,
    /// A folder needs no credential.
    #[error("the destination {0} needs no credential")]
    NoCredential(Slug),
    /// What lets this service in at a destination cannot be read.
    #[error(
        "the credential of the destination {destination} cannot be read: put it into {path}, owned as that folder is",
        path = path.display()
    )]
    Credential {
        /// Which destination.
        destination: Slug,
        /// Where it should be.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// A folder lets itself be written by whoever may write.
    #[error("only a keeper can be tried so")]
    NoKeeper,
    /// What was stored is not what was staged.
    #[error("what {0} holds is not what was staged: the manifest read back differs")]
    Differs(SnapshotId),
    /// A job's process found the source at fault.
    #[error("{message}")]
    Unsound {
        /// What is wrong with the source.
        fault: SourceFault,
        /// The whole message, for the operator.
        message: String,
        /// Whether it may be tried again as it is.
        retry: bool,
    },
    /// The job's process did not run or did not answer; or it answered with this.
    #[error("{message}")]
    Process {
        /// Why.
        message: String,
        /// Whether it may be tried again as it is.
        retry: bool,
    },
}

impl JobError {
    /// Whether the same may succeed later without anybody doing anything.
    #[must_use]
    pub fn retry_is_safe(&self) -> bool {
        match self {
            Self::Repository(error) => error.retry_is_safe(),
            Self::Source(
                SourceError::Io { .. } | SourceError::Sqlite { .. } | SourceError::Program { .. },
            ) => true,
            Self::Process { retry, .. } | Self::Unsound { retry, .. } => *retry,
            Self::Credential { .. } | Self::Changes(_) => true,
            Self::NoCredential(_)
            | Self::Source(_)
            | Self::TooEarly(_)
            | Self::NoKey
            | Self::NoClock
            | Self::NoKeeper
            | Self::Differs(_) => false,
        }
    }

    /// What is wrong with the source, if that is why.
    #[must_use]
    pub fn fault(&self) -> Option<SourceFault> {
        match self {
            Self::Source(error) => error.fault(),
            Self::Unsound { fault, .. } => Some(fault.clone()),
            _ => None,
        }
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

impl From<Result<Outcome, JobError>> for Answer {
    fn from(result: Result<Outcome, JobError>) -> Self {
        match result {
            Ok(outcome) => Self::Done(outcome),
            Err(error) => Self::Failed {
                message: error.chain(),
                retry: error.retry_is_safe(),
                fault: error.fault(),
            },
        }
    }
}

impl From<Answer> for Result<Outcome, JobError> {
    fn from(answer: Answer) -> Self {
        match answer {
            Answer::Done(outcome) => Ok(outcome),
            Answer::Failed {
                message,
                retry,
                fault: Some(fault),
            } => Err(JobError::Unsound {
                fault,
                message,
                retry,
            }),
            Answer::Failed { message, retry, .. } => Err(JobError::Process { message, retry }),
        }
    }
}
