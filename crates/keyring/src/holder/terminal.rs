//! Asking for a passphrase on the terminal that the service was started from.

use super::Fault;
use crate::{Secret, asker};
use nix::sys::termios::{LocalFlags, SetArg, Termios, tcgetattr, tcsetattr};
use std::{
    fs::File,
    io::{self, Write as _},
};

/// Asks without showing what is typed; twice for one that is to be made.
pub(super) fn ask(new: bool) -> Result<Secret<String>, Fault> {
    let mut terminal = File::options()
        .read(true)
        .write(true)
        .open("/dev/tty")
        .map_err(|_| {
            Fault::new(
                "there is no terminal to ask for the passphrase on: start from one, or give `--passphrase-fd N`",
            )
        })?;
    let unread = |error: io::Error| {
        Fault(format!(
            "the passphrase cannot be asked for on the terminal: {}",
            error.kind()
        ))
    };
    if !new {
        return hidden(&mut terminal, "Passphrase of the keys: ").map_err(unread);
    }
    let first = hidden(
        &mut terminal,
        "Make a passphrase for the keys, of 15 characters or more: ",
    )
    .map_err(unread)?;
    let second = hidden(&mut terminal, "Once more: ").map_err(unread)?;
    match first.expose() == second.expose() {
        true => Ok(first),
        false => Err(Fault::new(
            "the two passphrases are not the same; no key was made",
        )),
    }
}

fn hidden(terminal: &mut File, prompt: &str) -> io::Result<Secret<String>> {
    let before = tcgetattr(&*terminal)?;
    let mut quiet: Termios = before.clone();
    quiet
        .local_flags
        .remove(LocalFlags::ECHO | LocalFlags::ECHOE | LocalFlags::ECHOK);
    tcsetattr(&*terminal, SetArg::TCSAFLUSH, &quiet)?;
    let typed = terminal
        .write_all(prompt.as_bytes())
        .and_then(|()| asker::line(terminal));
    tcsetattr(&*terminal, SetArg::TCSAFLUSH, &before)?;
    terminal.write_all(b"\n")?;
    typed?.ok_or_else(|| io::ErrorKind::UnexpectedEof.into())
}
