//! Jobs: run once, within a time, with their answer kept.

use std::collections::BTreeMap;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream as Pair;
use std::path::PathBuf;
use std::time::Duration;

use nix::sys::signal::Signal;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::sync::watch;
use tokio::time::sleep;

use super::bounds::{Beyond, Bounds};
use super::child::{self, Input, Living, Started};
use super::{Carrier, chain};
use crate::grant::Grounds;
use crate::protocol::{Bytes, Job, JobResult, LONGEST_OUTPUT, Status};

/// What a job is run with.
pub(super) struct Place {
    pub avouch: PathBuf,
    pub bounds: Bounds,
    pub grounds: Grounds,
    pub carriers: BTreeMap<String, Carrier>,
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
    let carrier = match &job.carried_to {
        None => None,
        Some(name) => match place.carriers.get(name) {
            Some(carrier) => Some(carrier),
            None => return refused(chain(&Beyond::Place(name.clone()))),
        },
    };
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
    let (input, channel) = match carrier.map(|_| Pair::pair()).transpose() {
        Ok(None) => (Input::Pipe, None),
        Ok(Some((ours, theirs))) => (Input::Channel(theirs.into()), Some(ours)),
        Err(error) => return refused(chain(&error)),
    };
    let started = child::start(
        &place.avouch,
        &job.command,
        &job.confinement,
        input,
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
    let mut carrying = None;
    let feed = async {
        if let Some(mut stdin) = stdin {
            // A job that does not read what it is given says so by how it ends.
            stdin.write_all(job.stdin.reveal()).await.ok();
        }
        if let (Some(channel), Some(carrier)) = (channel, carrier) {
            match hand_over(channel, job.stdin.reveal(), carrier, place).await {
                Ok(started) => carrying = Some(started),
                // The job then finds nobody to connect it, and says so.
                Err(error) => tracing::error!(%error, "a carrier cannot be started"),
            }
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
    if let Some(mut carrying) = carrying {
        child::signal(carrying.pid, Signal::SIGKILL);
        carrying.wait().await;
    }
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

/// Tells the job what to do over its channel, and then gives the other end to a carrier and keeps none.
async fn hand_over(
    channel: Pair,
    told: &[u8],
    carrier: &Carrier,
    place: &Place,
) -> std::io::Result<Started> {
    channel.set_nonblocking(true)?;
    let mut telling = UnixStream::from_std(channel)?;
    telling.write_all(told).await?;
    telling.write_all(b"\n").await?;
    let channel = telling.into_std()?;
    channel.set_nonblocking(false)?;
    child::start(
        &place.avouch,
        &carrier.command,
        &carrier.confinement,
        Input::Link(OwnedFd::from(channel), None),
        false,
        &place.living,
    )
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
