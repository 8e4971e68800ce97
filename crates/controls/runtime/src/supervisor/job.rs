//! Jobs: run once, within a time, with their answer kept.

use std::path::PathBuf;
use std::time::Duration;

use nix::sys::signal::Signal;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::sync::watch;
use tokio::time::sleep;

use super::bounds::Bounds;
use super::chain;
use super::child::{self, Input, Living};
use crate::grant::Grounds;
use crate::protocol::{Bytes, Job, JobResult, LONGEST_OUTPUT, Status};

/// What a job is run with.
pub(super) struct Place {
    pub avouch: PathBuf,
    pub bounds: Bounds,
    pub grounds: Grounds,
    pub living: Living,
    pub grace: Duration,
}

/// Runs the job to its end; `stop` turning true ends it early.
pub(super) async fn run(job: Job, place: &Place, mut stop: watch::Receiver<bool>) -> JobResult {
    let refused = |reason| JobResult {
        status: Status::Refused(reason),
        stdout: Bytes::default(),
        stderr: String::new(),
    };
    if let Err(error) = place.bounds.job(&job.command, &job.confinement) {
        return refused(chain(&error));
    }
    let grounds = place.grounds.clone();
    let grants = job.grants;
    let granted = tokio::task::spawn_blocking(move || {
        grants.iter().try_for_each(|grant| grounds.grant(grant))
    });
    match granted.await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => return refused(chain(&error)),
        Err(error) => return refused(chain(&error)),
    }
    if *stop.borrow() {
        return refused("everything is being stopped".to_owned());
    }
    let started = child::start(
        &place.avouch,
        &job.command,
        &job.confinement,
        Input::Pipe,
        true,
        &place.living,
    );
    let mut child = match started {
        Ok(child) => child,
        Err(error) => return refused(chain(&error)),
    };
    let pid = child.pid;
    let (stdin, stdout, stderr) = (
        child.process.stdin.take(),
        child.process.stdout.take(),
        child.process.stderr.take(),
    );
    let feed = async {
        if let Some(mut stdin) = stdin {
            // A job that does not read what it is given says so by how it ends.
            stdin.write_all(job.stdin.reveal()).await.ok();
        }
        drop(job.stdin);
    };
    let output = async {
        match stdout {
            Some(stdout) => limited(stdout, pid).await,
            None => Some(Vec::new()),
        }
    };
    let errors = async {
        match stderr {
            Some(stderr) => child::tail(stderr).await,
            None => String::new(),
        }
    };
    let work = async { tokio::join!(feed, output, errors, child.wait()) };
    let mut late = false;
    let watched = async {
        tokio::select! {
            () = sleep(job.timeout) => late = true,
            () = asked_to_stop(&mut stop) => {
                child::signal(pid, Signal::SIGTERM);
                sleep(place.grace).await;
            }
        }
        child::signal(pid, Signal::SIGKILL);
        std::future::pending::<()>().await;
    };
    let ((), output, stderr, status) = tokio::select! {
        done = work => done,
        () = watched => return refused("its end was not seen".to_owned()),
    };
    let (status, stdout) = match (output, late) {
        (None, _) => (Status::OutputTooLong, Vec::new()),
        (Some(output), true) => (Status::TimedOut, output),
        (Some(output), false) => (status, output),
    };
    JobResult {
        status,
        stdout: Bytes(stdout),
        stderr,
    }
}

/// A supervisor that is gone counts as having asked.
async fn asked_to_stop(stop: &mut watch::Receiver<bool>) {
    stop.wait_for(|stop| *stop).await.ok();
}

/// Reads to the end; past the limit, kills the writer and returns `None`.
async fn limited(from: impl AsyncRead + Unpin, pid: u32) -> Option<Vec<u8>> {
    let mut output = Vec::new();
    let most = u64::try_from(LONGEST_OUTPUT).unwrap_or(u64::MAX);
    from.take(most + 1).read_to_end(&mut output).await.ok();
    if output.len() > LONGEST_OUTPUT {
        child::signal(pid, Signal::SIGKILL);
        return None;
    }
    Some(output)
}
