//! Commands that `up` starts: roles, confined programs and jobs.

use std::fs::File;
use std::io::{BufRead as _, Read as _};
use std::os::fd::AsFd as _;
use std::sync::Arc;

use avouch_backup::changes;
use avouch_backup::far::Dial;
use avouch_backup::job::{Answer, Input, Spec};
use avouch_keyring::Origin;
use avouch_runtime::carry;
use avouch_runtime::confine::{self, Confinement};
use avouch_runtime::probe::{self, Act};
use nix::sys::prctl;
use nix::sys::signal::{SigSet, Signal};

use crate::cli::{Global, Role};
use crate::fail::Fail;
use crate::{clock, front, log_to_stderr, print};

/// A job's specification is short; its payload goes through files.
const LONGEST_SPEC: u64 = 4 << 20;

/// Runs a role until told to stop.
pub fn run(global: &Global, role: Role) -> Result<u8, Fail> {
    log_to_stderr();
    // Capabilities belong to threads, so they go before there is a second one.
    let held = match &role {
        Role::Core { .. } => Vec::new(),
        Role::Front { low } => confine::bind_low_ports(low)
            .map_err(|error| Fail::new("the right to low ports cannot be given up").from(error))?,
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(workers())
        .enable_all()
        .build()
        .map_err(|error| Fail::new("cannot start").from(error))?;
    match role {
        Role::Core { demo } => runtime.block_on(crate::core::run(&global.data, demo))?,
        Role::Front { .. } => runtime.block_on(front::run(&global.data, held)),
    }
    // What still runs on a blocking thread must not keep the process.
    runtime.shutdown_background();
    Ok(0)
}

/// Threads of a role. A request is on one thread of the front, of the core and of the application in turn: as many for each
/// as there are processors would only wake one another. What computes for long has threads of its own.
fn workers() -> usize {
    std::thread::available_parallelism().map_or(1, |processors| processors.get().div_ceil(2))
}

/// Replaces this process with a confined command; returns only if it could not.
pub fn confine(spec: &str, command: &[String]) -> Fail {
    let spec: Confinement = match serde_json::from_str(spec) {
        Ok(spec) => spec,
        Err(error) => return Fail::new("the specification is not one").from(error),
    };
    match confine::exec(&spec, command) {
        Ok(never) => match never {},
        Err(error) => Fail::new("the command was not started").from(error),
    }
}

/// Hands the master key to the core that asks over standard input, until nobody is left to ask. `given` says that a
/// passphrase is to be read from standard output.
pub fn key(spec: &str, given: bool) -> Result<u8, Fail> {
    let origin: Origin = serde_json::from_str(spec)
        .map_err(|error| Fail::new("this is no place for a master key").from(error))?;
    confine::seal_memory().map_err(|error| Fail::new("keys cannot be held").from(error))?;
    let unready = |error: std::io::Error| Fail::new("the master key cannot be held").from(error);
    prctl::set_pdeathsig(Signal::SIGKILL).map_err(|errno| unready(errno.into()))?;
    if given || origin != Origin::Passphrase {
        // Ctrl-C is for the supervisor, which lets the core close first. Somebody who types may still interrupt.
        let mut interrupt = SigSet::empty();
        interrupt.add(Signal::SIGINT);
        interrupt
            .thread_block()
            .map_err(|errno| unready(errno.into()))?;
    }
    let channel = std::io::stdin().as_fd().try_clone_to_owned();
    let passphrase = given
        .then(|| std::io::stdout().as_fd().try_clone_to_owned())
        .transpose()
        .map_err(unready)?;
    avouch_keyring::hold(
        &origin,
        channel.map_err(unready)?.into(),
        passphrase.map(File::from),
    )
    .map_err(unready)?;
    Ok(0)
}

/// Runs one job: its specification is on standard input, its answer goes to standard output.
pub fn job() -> Result<u8, Fail> {
    // What comes after the line is a carrier's, if there is one.
    let mut line = Vec::new();
    std::io::stdin()
        .lock()
        .take(LONGEST_SPEC)
        .read_until(b'\n', &mut line)
        .map_err(|error| Fail::new("no specification came").from(error))?;
    let input: Input =
        serde_json::from_slice(&line).map_err(|_| Fail::new("the specification is not a job's"))?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(|error| Fail::new("cannot start").from(error))?;
    let dial: Dial = Arc::new(|| carry::dial(std::io::stdin()));
    let done = async {
        match input.spec {
            Spec::Follow { follow } => {
                let clock = clock();
                Err(changes::follow(&follow, &|| clock()).await.into())
            }
            Spec::FollowServer { follow } => {
                let clock = clock();
                Err(changes::postgres::follow(&follow, &|| clock()).await.into())
            }
            spec => avouch_backup::job::run(spec, input.password.as_ref(), Some(&dial)).await,
        }
    };
    let answer = Answer::from(runtime.block_on(done));
    print(
        &serde_json::to_string(&answer)
            .map_err(|error| Fail::new("the answer cannot be written").from(error))?,
    );
    Ok(0)
}

/// Connects the job at the other end of standard input to one place, until that job has ended.
pub fn carry(host: &str, port: u16) -> Result<u8, Fail> {
    let failed = |error: std::io::Error| Fail::new("a job cannot be connected").from(error);
    let channel = std::io::stdin()
        .as_fd()
        .try_clone_to_owned()
        .map_err(failed)?;
    super::block_on(async {
        carry::carry(channel.into(), host, port)
            .await
            .map_err(failed)?;
        Ok(0)
    })
}

/// Tries acts: a JSON list of them is on standard input, what came of each goes to standard output.
pub fn probe() -> Result<u8, Fail> {
    let acts: Vec<Act> = serde_json::from_slice(&specification()?)
        .map_err(|error| Fail::new("these are no acts").from(error))?;
    print(
        &serde_json::to_string(&probe::run(&acts))
            .map_err(|error| Fail::new("the outcomes cannot be written").from(error))?,
    );
    Ok(0)
}

fn specification() -> Result<Vec<u8>, Fail> {
    let mut text = Vec::new();
    std::io::stdin()
        .take(LONGEST_SPEC)
        .read_to_end(&mut text)
        .map_err(|error| Fail::new("no specification came").from(error))?;
    Ok(text)
}
