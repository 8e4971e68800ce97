//! Commands that `up` starts: roles, confined programs and jobs.

use std::io::Read as _;

use avouch_backup::job::{Answer, Input};
use avouch_runtime::confine::{self, Confinement};
use avouch_runtime::probe::{self, Act};

use crate::cli::{Global, Role};
use crate::fail::Fail;
use crate::{front, log_to_stderr, print};

/// A job's specification is short; its payload goes through files.
const LONGEST_SPEC: u64 = 4 << 20;

/// Runs a role until told to stop.
pub fn run(global: &Global, role: Role) -> Result<u8, Fail> {
    log_to_stderr();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(|error| Fail::new("cannot start").from(error))?;
    match role {
        Role::Core { demo } => runtime.block_on(crate::core::run(&global.data, demo))?,
        Role::Front => runtime.block_on(front::run(&global.data)),
    }
    // What still runs on a blocking thread must not keep the process.
    runtime.shutdown_background();
    Ok(0)
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

/// Runs one job: its specification is on standard input, its answer goes to standard output.
pub fn job() -> Result<u8, Fail> {
    let input: Input = serde_json::from_slice(&specification()?)
        .map_err(|_| Fail::new("the specification is not a job's"))?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(|error| Fail::new("cannot start").from(error))?;
    let answer = Answer::from(
        runtime.block_on(avouch_backup::job::run(input.spec, input.password.as_ref())),
    );
    print(
        &serde_json::to_string(&answer)
            .map_err(|error| Fail::new("the answer cannot be written").from(error))?,
    );
    Ok(0)
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
