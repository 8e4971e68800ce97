//! The key holder: reads the master key from outside, and hands it to the core that asks.
//!
//! A process of its own, because the core may not run programs, reach the network or read what belongs to root, and the
//! supervisor may not hold keys. It keeps a key made from a passphrase, so that a core that died is started again with
//! nobody there; a credential and a command are read again each time.

mod command;
mod credential;
mod terminal;

use crate::{
    Origin, Secret,
    asker::{self, Question},
    passphrase::{LEAST_CHARACTERS, Stretch},
};
use std::{
    fmt,
    fs::File,
    io::{self, Write as _},
    os::unix::net::UnixStream,
};

/// Why there is no key, in a sentence for whoever starts the service.
#[derive(Debug, PartialEq, Eq)]
struct Fault(String);

/// A key in hexadecimal, and what it was read from.
struct Key {
    hex: Secret<String>,
    place: Place,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Disk,
    Memory,
}

/// A key made from a passphrase, and how.
struct Kept {
    stretch: Stretch,
    hex: Secret<String>,
}

/// Answers every question that comes over `channel`, until its other end is closed. A passphrase is read from
/// `passphrase`, or else asked for on the terminal, at the first question.
///
/// # Errors
/// If the channel cannot be read or written.
pub fn hold(
    origin: &Origin,
    mut channel: UnixStream,
    mut passphrase: Option<File>,
) -> io::Result<()> {
    let mut kept = None;
    while let Some(line) = asker::line(&mut channel)? {
        let Some(question) = Question::read(line.expose()) else {
            return Err(io::ErrorKind::InvalidData.into());
        };
        let answer = match origin {
            Origin::File { .. } => Err(Fault::new("the core reads a file itself")),
            Origin::Credential { name } => credential::read(name),
            Origin::Command { command, within } => command::run(command, within.seconds()),
            Origin::Passphrase => remembered(&mut kept, &mut passphrase, &question),
        };
        let nonce = &question.nonce;
        let answer = Secret::new(match answer {
            Ok(Key { hex, place }) => format!("{nonce} key {} {place}\n", hex.expose()),
            Err(Fault(why)) => format!("{nonce} fault {}\n", why.replace('\n', " ")),
        });
        channel.write_all(answer.expose().as_bytes())?;
    }
    Ok(())
}

fn remembered(
    kept: &mut Option<Kept>,
    from: &mut Option<File>,
    question: &Question,
) -> Result<Key, Fault> {
    let Some(stretch) = &question.stretch else {
        return Err(Fault::new(
            "the core did not say how the passphrase becomes a key",
        ));
    };
    let hex = match kept {
        Some(kept) if kept.stretch == *stretch => kept.hex.clone(),
        Some(_) => {
            return Err(Fault::new(
                "how the passphrase becomes a key was changed since it was given; start Avouch again",
            ));
        }
        None => {
            let passphrase = match from.as_mut() {
                Some(file) => asker::line(file)
                    .ok()
                    .flatten()
                    .ok_or_else(|| Fault::new("no passphrase came from the descriptor given"))?,
                None => terminal::ask(question.new)?,
            };
            if question.new && passphrase.expose().chars().count() < LEAST_CHARACTERS {
                return Err(Fault(format!(
                    "the passphrase is shorter than {LEAST_CHARACTERS} characters; no key was made"
                )));
            }
            let key = stretch
                .key(&passphrase)
                .map_err(|error| Fault(error.to_string()))?;
            let hex = Secret::new(hex::encode(key.expose()));
            *kept = Some(Kept {
                stretch: stretch.clone(),
                hex: hex.clone(),
            });
            hex
        }
    };
    Ok(Key {
        hex,
        place: Place::Memory,
    })
}

/// The one line of hexadecimal digits in what was read.
fn digits(text: &Secret<String>, what: &str) -> Result<Secret<String>, Fault> {
    let text = text.expose().trim();
    if text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Ok(Secret::new(text.to_owned()));
    }
    Err(Fault(format!(
        "{what} is not a master key: it should be one line of 64 hexadecimal digits"
    )))
}

impl Fault {
    fn new(why: &str) -> Self {
        Self(why.to_owned())
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Disk => "disk",
            Self::Memory => "memory",
        })
    }
}

#[cfg(test)]
mod tests;
