//! Turns this process into a confined program, in a process namespace of its own where it has one.
//!
//! That takes two processes of ours beside the program. The keeper is the one that was started:
//! it makes the namespaces, confines itself to nothing, and ends as the program ends. The first
//! is process 1 of the namespace: it applies the confinement, starts the program, and takes in
//! whatever the program leaves behind. When either ends, the kernel ends everything within.

use std::convert::Infallible;
use std::io::Write as _;
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::process::{Command, ExitStatus};

use nix::errno::Errno;
use nix::sys::signal::{SigSet, Signal, raise};
use nix::sys::wait::{WaitStatus, wait};
use nix::unistd::Pid;

use super::enter::{Signals, apply, check_asked, close_inherited, enter, tie};
use super::error::step;
use super::{ConfineError, Confined, Confinement, Processes, spaces};

/// An exit code above this stands for a signal, as shells have it.
const SIGNALLED: i32 = 128;

/// Confines this process and turns it into `command`, with the specification's environment.
///
/// # Errors
/// As [`enter()`], and when the program cannot be run. Never returns otherwise.
pub fn exec(spec: &Confinement, command: &[String]) -> Result<Infallible, ConfineError> {
    if !command
        .first()
        .is_some_and(|program| program.starts_with('/'))
    {
        return Err(ConfineError::NoProgram);
    }
    match spec.within {
        Some(_) => first(spec, command),
        None if spec.processes == Processes::Own => keep(spec, command),
        None => become_program(spec, command),
    }
}

fn become_program(spec: &Confinement, command: &[String]) -> Result<Infallible, ConfineError> {
    report(spec, &enter(spec)?)?;
    let (mut program, name) = program(spec, command)?;
    Err(ConfineError::Run {
        program: name,
        source: program.exec(),
    })
}

/// Makes the namespaces and waits for what is started in them.
fn keep(spec: &Confinement, command: &[String]) -> Result<Infallible, ConfineError> {
    let root = check_asked(spec)?;
    close_inherited()?;
    tie(spec)?;
    let spaces = spaces::make(spec, root)?;
    let within = Confinement {
        within: Some(spaces),
        ..spec.clone()
    };
    if !spaces.processes {
        return become_program(&within, command);
    }
    let first = Confinement {
        dies_with: Some(std::process::id()),
        ..within.clone()
    };
    let unstarted = |source| ConfineError::Run {
        program: "the first process of a namespace".to_owned(),
        source,
    };
    let own = std::env::current_exe().map_err(unstarted)?;
    let mut starting =
        super::command(&own, &first, command).map_err(|error| unstarted(error.into()))?;
    // Whoever asks everything to end signals the whole group. The program may take its time to;
    // this process then waits for it.
    step("leave signals to the program", SigSet::all().thread_block())?;
    let mut started = starting.spawn().map_err(unstarted)?;
    let nothing = Confinement {
        read: Vec::new(),
        execute: Vec::new(),
        write: Vec::new(),
        folder: "/".into(),
        ..within
    };
    apply(&nothing, Signals::ToChildren)?;
    end_as(started.wait().map_err(unstarted)?)
}

/// Ends as another process ended.
fn end_as(status: ExitStatus) -> Result<Infallible, ConfineError> {
    let signal = match (status.signal(), status.code()) {
        (Some(signal), _) => Some(signal),
        (None, Some(code)) if code > SIGNALLED => Some(code - SIGNALLED),
        _ => None,
    };
    if let Some(signal) = signal.and_then(|number| Signal::try_from(number).ok()) {
        step("hear signals again", SigSet::empty().thread_set_mask())?;
        step("end by the program's signal", raise(signal))?;
    }
    std::process::exit(status.code().unwrap_or(SIGNALLED))
}

/// Confines this process, which is process 1, starts the program, and takes in what it leaves.
fn first(spec: &Confinement, command: &[String]) -> Result<Infallible, ConfineError> {
    report(spec, &enter(spec)?)?;
    // The kernel keeps from process 1 what it does not listen for, and the program starts afresh.
    step("hear signals again", SigSet::empty().thread_set_mask())?;
    let (mut program, name) = program(spec, command)?;
    let started = program.spawn().map_err(|source| ConfineError::Run {
        program: name,
        source,
    })?;
    let program = i32::try_from(started.id()).map(Pid::from_raw);
    loop {
        match wait() {
            Ok(WaitStatus::Exited(pid, code)) if Ok(pid) == program => std::process::exit(code),
            Ok(WaitStatus::Signaled(pid, signal, _)) if Ok(pid) == program => {
                std::process::exit(SIGNALLED + signal as i32)
            }
            Ok(_) | Err(Errno::EINTR) => {}
            Err(source) => {
                return Err(ConfineError::Step {
                    step: "wait for the program",
                    source,
                });
            }
        }
    }
}

fn program(spec: &Confinement, command: &[String]) -> Result<(Command, String), ConfineError> {
    let (program, arguments) = command.split_first().ok_or(ConfineError::NoProgram)?;
    let mut starting = Command::new(program);
    starting.args(arguments).env_clear().envs(&spec.env);
    Ok((starting, program.clone()))
}

fn report(spec: &Confinement, applied: &Confined) -> Result<(), ConfineError> {
    if !spec.report {
        return Ok(());
    }
    let mut line =
        serde_json::to_vec(applied).map_err(|error| ConfineError::Report(error.into()))?;
    line.push(b'\n');
    std::io::stderr()
        .write_all(&line)
        .map_err(ConfineError::Report)
}
