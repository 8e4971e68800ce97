//! The master key as what a command prints.

use super::{Fault, Key, Place, digits};
use crate::Secret;
use nix::{
    sys::signal::{Signal, killpg},
    unistd::Pid,
};
use std::{
    io::{self, Read as _},
    os::unix::process::{CommandExt as _, ExitStatusExt as _},
    process::{Child, Command, ExitStatus, Stdio},
    sync::mpsc,
    thread,
    time::Duration,
};

/// More than a key is long.
const LONGEST: u64 = 1024;

/// Runs the command with the environment that Avouch was started with, and without standard input. What it says on standard
/// error is thrown away, because it may hold a secret.
pub(super) fn run(command: &[String], seconds: i64) -> Result<Key, Fault> {
    let Some((program, arguments)) = command.split_first() else {
        return Err(Fault::new("no command is named"));
    };
    let named = format!("the command `{program}` that gives the master key");
    let lost = |error: io::Error| Fault(format!("{named} cannot be run: {}", error.kind()));
    let child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .process_group(0)
        .spawn()
        .map_err(lost)?;
    let within = Duration::from_secs(seconds.unsigned_abs());
    let group = i32::try_from(child.id()).ok().map(Pid::from_raw);
    let (tell, told) = mpsc::channel();
    thread::spawn(move || tell.send(output(child)));
    let (text, status) = match told.recv_timeout(within) {
        Ok(ended) => ended.map_err(lost)?,
        Err(_) => {
            if let Some(group) = group {
                killpg(group, Signal::SIGKILL).ok();
            }
            return Err(Fault(format!(
                "{named} did not end within {seconds} s and was stopped"
            )));
        }
    };
    if !status.success() {
        let how = match (status.code(), status.signal()) {
            (Some(code), _) => format!("with exit code {code}"),
            (None, signal) => format!("by signal {}", signal.unwrap_or_default()),
        };
        return Err(Fault(format!(
            "{named} ended {how}; run it by hand to see why"
        )));
    }
    let hex = digits(&text, &format!("what {named} printed"))?;
    Ok(Key {
        hex,
        place: Place::Memory,
    })
}

fn output(mut child: Child) -> io::Result<(Secret<String>, ExitStatus)> {
    let mut text = Vec::with_capacity(1024);
    if let Some(out) = child.stdout.take() {
        out.take(LONGEST).read_to_end(&mut text)?;
    }
    let text = Secret::new(text);
    let status = child.wait()?;
    let text = String::from_utf8_lossy(text.expose()).into_owned();
    Ok((Secret::new(text), status))
}
