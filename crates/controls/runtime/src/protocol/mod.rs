//! What core and supervisor say to each other: JSON, a message a line, over a socket pair.
//!
//! The core has its end as standard input (descriptor 0), because safe code can hand a child
//! those three descriptors and no other.

mod bytes;
mod line;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

pub use bytes::{Bytes, Secret};
pub use line::{LONGEST_LINE, LineError, read, write};

use crate::confine::Confinement;
use crate::grant::{Change, Grant};
use crate::standing::Standing;

/// Standard output of a job beyond this ends it: its answer must fit one line.
pub const LONGEST_OUTPUT: usize = 4 * 1024 * 1024;
/// How much of a job's or an instance's standard error is kept: its end.
pub const STDERR_TAIL: usize = 16 * 1024;

/// From the core.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "kebab-case", deny_unknown_fields)]
pub enum ToSupervisor {
    /// Start an instance and keep it running. The same specification again changes nothing; a
    /// different one replaces the instance.
    Start {
        /// What to start.
        instance: InstanceSpec,
    },
    /// Stop an instance: gracefully, then by force.
    Stop {
        /// Its name.
        name: String,
    },
    /// Kill an instance at once, to see that it comes back.
    Kill {
        /// Its name.
        name: String,
    },
    /// Run a job once.
    Run {
        /// The job.
        job: Job,
    },
    /// Make or change a folder or file.
    Grant {
        /// Repeated in the answer.
        id: u64,
        /// What to make.
        grant: Grant,
    },
    /// Give a folder another place, or let two change places.
    Move {
        /// Repeated in the answer.
        id: u64,
        /// From where and where to.
        change: Change,
    },
    /// Remove a job's working folder.
    Remove {
        /// Repeated in the answer.
        id: u64,
        /// The folder, directly beneath the scratch folder.
        path: PathBuf,
    },
    /// Say what has run.
    Count {
        /// Repeated in the answer.
        id: u64,
        /// Within so long before now.
        within: Duration,
    },
    /// Everything serves; the line is printed once.
    Ready {
        /// What to print.
        line: String,
    },
    /// Look at the process that answers in an instance's place.
    Look {
        /// Repeated in the answer.
        id: u64,
        /// The instance's name.
        name: String,
        /// The process.
        pid: u32,
    },
}

/// From the supervisor.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "saw", rename_all = "kebab-case", deny_unknown_fields)]
pub enum FromSupervisor {
    /// A role or instance runs.
    Started {
        /// Its name.
        name: String,
        /// Its process id.
        pid: u32,
        /// How long it has run: nothing, unless it ran before it was asked for.
        ran: Duration,
    },
    /// A role or instance ended.
    Exited {
        /// Its name.
        name: String,
        /// How.
        status: Status,
        /// How often it was started again so far.
        restarts: u64,
        /// How long until it is started again; `None` when it was told to stop.
        restart_in: Option<Duration>,
    },
    /// An instance that was told to stop is gone, or there was none.
    Stopped {
        /// Its name.
        name: String,
    },
    /// A role or instance keeps dying.
    CrashLoop {
        /// Its name.
        name: String,
    },
    /// An instance could not be started, and will not be.
    Refused {
        /// Its name.
        name: String,
        /// Why.
        reason: String,
    },
    /// A job ended.
    JobDone {
        /// The job's id.
        id: u64,
        /// What came of it.
        result: JobResult,
    },
    /// A grant, move or removal was done, or refused with a reason.
    Granted {
        /// The id of what was asked.
        id: u64,
        /// Why not.
        refused: Option<String>,
    },
    /// What has run.
    Counted {
        /// The id of what was asked.
        id: u64,
        /// What was seen.
        count: Count,
    },
    /// Everything is about to be stopped.
    Stopping,
    /// How a process stands that was to be looked at.
    Looked {
        /// The id of what was asked.
        id: u64,
        /// What was seen.
        found: Looked,
    },
}

/// What was seen of a process that answers in an instance's place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Looked {
    /// It is the instance's, and this is how it stands.
    Own(Standing),
    /// The supervisor did not start it as that instance.
    Foreign,
    /// It has gone, or the kernel does not show it; in words.
    Unseen(String),
}

/// What the supervisor sees of instances.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Count {
    /// How long ago it began, or the time that was asked for if that is less: so much is counted.
    pub within: Duration,
    /// Every instance that ran in that time, by its name.
    pub instances: BTreeMap<String, Ran>,
    /// Processes of the application that it did not start.
    pub strays: Vec<u32>,
}

/// How long an instance ran.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ran {
    /// In the time that was asked for.
    pub whole: Duration,
    /// Whether it runs now.
    pub now: bool,
}

/// An application process to keep running.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InstanceSpec {
    /// Unique among instances.
    pub name: String,
    /// Whose data it serves.
    pub tenant: String,
    /// The program by its whole path, and its arguments.
    pub command: Vec<String>,
    /// What it may reach.
    pub confinement: Confinement,
    /// Where it listens; a socket left there by a run before is removed first.
    pub socket: PathBuf,
    /// The path that answers when it is well.
    pub health: String,
    /// Whether it stops when the core ends, as a canary or a drill must.
    pub ends_with_core: bool,
}

/// One job. It ends with the core.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Job {
    /// Repeated in the answer.
    pub id: u64,
    /// The program by its whole path, and its arguments; no secrets.
    pub command: Vec<String>,
    /// What it may reach.
    pub confinement: Confinement,
    /// Given on standard input.
    pub stdin: Secret,
    /// Killed after this.
    pub timeout: Duration,
    /// Folders and files made before it starts.
    pub grants: Vec<Grant>,
    /// The declared place on the network that it may connect to, through a carrier: see [`crate::carry`].
    #[serde(default)]
    pub carried_to: Option<String>,
}

/// What came of a job.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobResult {
    /// How it ended.
    pub status: Status,
    /// Its standard output.
    pub stdout: Bytes,
    /// The end of its standard error.
    pub stderr: String,
}

/// How a process ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Status {
    /// It exited with this code.
    Code(i32),
    /// A signal killed it.
    Signal(i32),
    /// It took longer than it may, and was killed.
    TimedOut,
    /// It wrote more than [`LONGEST_OUTPUT`], and was killed.
    OutputTooLong,
    /// It never ran.
    Refused(String),
}

impl Status {
    /// Whether it ended well.
    #[must_use]
    pub fn is_success(&self) -> bool {
        *self == Self::Code(0)
    }
}

impl From<std::process::ExitStatus> for Status {
    fn from(status: std::process::ExitStatus) -> Self {
        use std::os::unix::process::ExitStatusExt;
        match (status.code(), status.signal()) {
            (Some(code), _) => Self::Code(code),
            (None, signal) => Self::Signal(signal.unwrap_or_default()),
        }
    }
}

impl std::fmt::Display for Status {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Code(code) => write!(f, "exit code {code}"),
            Self::Signal(signal) => write!(f, "killed by signal {signal}"),
            Self::TimedOut => write!(f, "took too long"),
            Self::OutputTooLong => write!(f, "wrote too much"),
            Self::Refused(reason) => write!(f, "was not started: {reason}"),
        }
    }
}
