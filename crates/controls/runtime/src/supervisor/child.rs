//! One confined child process, leader of a process group of its own.

use std::collections::BTreeSet;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::process::Stdio;
use std::sync::{Arc, Mutex, PoisonError};

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::{Child, Command};

use crate::confine::{self, Confinement};
use crate::protocol::{STDERR_TAIL, Status};

/// The process ids of the children that somebody waits for. All others are orphans.
#[derive(Clone, Default)]
pub(super) struct Living(Arc<Mutex<BTreeSet<u32>>>);

impl Living {
    pub fn contains(&self, pid: u32) -> bool {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .contains(&pid)
    }

    pub fn add(&self, pid: u32) {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(pid);
    }

    pub fn remove(&self, pid: u32) {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(&pid);
    }
}

/// What a child reads.
pub(super) enum Input {
    None,
    Pipe,
    /// A socket, over which it is told what to do and asks its carrier; its output is read as a job's.
    Channel(OwnedFd),
    /// The link, and what the child gets as its standard output.
    Link(OwnedFd, Option<OwnedFd>),
}

pub(super) struct Started {
    pub pid: u32,
    pub process: Child,
    living: Living,
}

/// Starts `command` within `confinement`. A child fed by a pipe is a job, whose output is read.
pub(super) fn start(
    avouch: &Path,
    command: &[String],
    confinement: &Confinement,
    input: Input,
    keep_stderr: bool,
    living: &Living,
) -> std::io::Result<Started> {
    let tied = Confinement {
        dies_with: Some(std::process::id()),
        ..confinement.clone()
    };
    let mut starting = Command::from(confine::command(avouch, &tied, command)?);
    starting.process_group(0);
    let (input, output) = match input {
        Input::None => (Stdio::null(), Stdio::null()),
        Input::Pipe => (Stdio::piped(), Stdio::piped()),
        Input::Channel(end) => (Stdio::from(end), Stdio::piped()),
        Input::Link(end, None) => (Stdio::from(end), Stdio::null()),
        Input::Link(end, Some(keys)) => (Stdio::from(end), Stdio::from(keys)),
    };
    starting.stdin(input);
    starting.stdout(output);
    starting.stderr(if keep_stderr {
        Stdio::piped()
    } else {
        Stdio::inherit()
    });
    let process = starting.spawn()?;
    let pid = process
        .id()
        .ok_or_else(|| std::io::Error::other("ended before it began"))?;
    living.add(pid);
    Ok(Started {
        pid,
        process,
        living: living.clone(),
    })
}

impl Started {
    /// Waits for the end, then kills what is left of its group.
    pub async fn wait(&mut self) -> Status {
        let status = self.process.wait().await;
        signal(self.pid, Signal::SIGKILL);
        self.living.remove(self.pid);
        status.map_or_else(|error| Status::Refused(error.to_string()), Status::from)
    }

    /// Waits for the end; returns it and the end of standard error.
    pub async fn end(mut self) -> (Status, String) {
        let stderr = self.process.stderr.take();
        tokio::join!(self.wait(), async {
            match stderr {
                Some(stderr) => tail(stderr).await,
                None => String::new(),
            }
        })
    }
}

/// Signals the whole group. One that is gone already needs no signal.
pub(super) fn signal(pid: u32, signal: Signal) {
    if let Ok(group) = i32::try_from(pid) {
        killpg(Pid::from_raw(group), signal).ok();
    }
}

/// Reads to the end and keeps the last [`STDERR_TAIL`] bytes.
pub(super) async fn tail(mut from: impl AsyncRead + Unpin) -> String {
    let mut kept = Vec::new();
    let mut part = [0; 4096];
    while let Ok(length @ 1..) = from.read(&mut part).await {
        kept.extend(part.iter().take(length));
        let excess = kept.len().saturating_sub(STDERR_TAIL);
        kept.drain(..excess);
    }
    String::from_utf8_lossy(&kept).into_owned()
}
