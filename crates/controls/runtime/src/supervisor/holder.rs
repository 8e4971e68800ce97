//! A process that the core asks for the master key, over a socket that nobody else has.
//!
//! The supervisor starts it and passes the socket on, and reads nothing from it: it may not hold keys. It is not started
//! again: a passphrase would have to be given again too.

use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::process::Stdio;
use std::sync::Arc;

use tokio::process::Command;

use super::child::Living;

/// What to start.
#[derive(Clone, Debug)]
pub struct Holder {
    /// The program by its whole path, and its arguments. It runs unconfined, as the user who started the service, with
    /// the socket as its standard input.
    pub command: Vec<String>,
    /// What it gets as its standard output, to read a passphrase from.
    pub passphrase: Option<Arc<OwnedFd>>,
}

/// Starts it and returns the end of the socket that is the core's.
pub(super) fn start(holder: &Holder, living: &Living) -> std::io::Result<OwnedFd> {
    let (ours, theirs) = UnixStream::pair()?;
    let (program, arguments) = holder
        .command
        .split_first()
        .ok_or(std::io::ErrorKind::InvalidInput)?;
    let output = match &holder.passphrase {
        Some(descriptor) => Stdio::from(descriptor.try_clone()?),
        None => Stdio::null(),
    };
    let mut process = Command::new(program)
        .args(arguments)
        .stdin(OwnedFd::from(theirs))
        .stdout(output)
        .spawn()?;
    let pid = process.id();
    if let Some(pid) = pid {
        living.add(pid);
    }
    let living = living.clone();
    tokio::spawn(async move {
        let status = process.wait().await;
        if let Some(pid) = pid {
            living.remove(pid);
        }
        if !status.is_ok_and(|status| status.success()) {
            tracing::error!(
                "the key holder ended: all goes on, but a core that dies cannot start again; stop and start the service soon"
            );
        }
    });
    Ok(ours.into())
}
