//! The core's side of the socket to the key holder, and the lines that go over it.
//!
//! A question is `NONCE new|again STRETCH|-`, an answer `NONCE key HEX disk|memory` or `NONCE fault SENTENCE`. The nonce
//! tells an answer from one that a core before this one did not live to read.

use crate::{KeyringError, Master, Origin, Secret, passphrase::Stretch};
use aws_lc_rs::rand;
use std::{
    io::{self, Read, Write as _},
    os::{fd::AsFd as _, unix::net::UnixStream},
    sync::{Mutex, PoisonError},
};
use zeroize::Zeroizing;

/// Longer than any line of either side.
const LONGEST: usize = 1024;

/// Asks the key holder for the master key.
#[derive(Debug)]
pub struct Asker {
    channel: Mutex<UnixStream>,
    /// Whether the key is made from a passphrase.
    stretches: bool,
}

/// What the holder gave.
#[derive(Debug)]
pub(crate) struct Given {
    pub master: Master,
    /// Whether it read the key from a file on a disk.
    pub from_disk: bool,
}

/// What the core asks.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Question {
    pub nonce: String,
    /// No key has been wrapped yet.
    pub new: bool,
    /// For a passphrase: how it becomes a key.
    pub stretch: Option<Stretch>,
}

impl Asker {
    /// Asks over this socket, whose other end [`crate::hold`] has.
    #[must_use]
    pub fn new(origin: &Origin, channel: UnixStream) -> Self {
        Self {
            channel: Mutex::new(channel),
            stretches: *origin == Origin::Passphrase,
        }
    }

    /// Asks over standard output, which is where the supervisor puts the socket for the core.
    ///
    /// # Errors
    /// If there is no descriptor to be had.
    pub fn on_standard_output(origin: &Origin) -> io::Result<Self> {
        let channel = io::stdout().as_fd().try_clone_to_owned()?;
        Ok(Self::new(origin, channel.into()))
    }

    /// The master key for keys that are to be made.
    pub(crate) fn ask_new(&self) -> Result<Given, KeyringError> {
        let stretch = self.stretches.then(Stretch::fresh).transpose()?;
        self.ask(true, stretch)
    }

    /// The master key as it comes from outside now; `stretch` is what `root.key` says of how it was made.
    pub(crate) fn ask_again(&self, stretch: Option<Stretch>) -> Result<Given, KeyringError> {
        if self.stretches && stretch.is_none() {
            return Err(KeyringError::NotGiven {
                why: "the keys were made under another kind of master key than a passphrase"
                    .to_owned(),
            });
        }
        self.ask(false, stretch.filter(|_| self.stretches))
    }

    fn ask(&self, new: bool, stretch: Option<Stretch>) -> Result<Given, KeyringError> {
        let mut nonce = [0; 16];
        rand::fill(&mut nonce).map_err(|_| KeyringError::Crypto {
            act: "make a nonce",
        })?;
        let question = Question {
            nonce: hex::encode(nonce),
            new,
            stretch,
        };
        let mut channel = self.channel.lock().unwrap_or_else(PoisonError::into_inner);
        let gone = |source| KeyringError::HolderGone { source };
        channel
            .write_all(question.line().as_bytes())
            .map_err(gone)?;
        loop {
            let line = line(&mut *channel)
                .and_then(|line| line.ok_or_else(|| io::ErrorKind::UnexpectedEof.into()))
                .map_err(gone)?;
            let Some(answer) = line.expose().strip_prefix(&question.nonce) else {
                continue;
            };
            return given(answer.trim_start(), question.stretch);
        }
    }
}

impl Question {
    fn line(&self) -> String {
        let when = if self.new { "new" } else { "again" };
        let stretch = self.stretch.as_ref().map(ToString::to_string);
        format!(
            "{} {when} {}\n",
            self.nonce,
            stretch.as_deref().unwrap_or("-")
        )
    }

    pub(crate) fn read(line: &str) -> Option<Self> {
        let mut words = line.split(' ');
        let question = Self {
            nonce: words.next()?.to_owned(),
            new: match words.next()? {
                "new" => true,
                "again" => false,
                _ => return None,
            },
            stretch: match words.next()? {
                "-" => None,
                stretch => Some(stretch.parse().ok()?),
            },
        };
        words.next().is_none().then_some(question)
    }
}

fn given(answer: &str, stretch: Option<Stretch>) -> Result<Given, KeyringError> {
    let not_given = |why: &str| KeyringError::NotGiven {
        why: why.to_owned(),
    };
    let (word, rest) = answer.split_once(' ').unwrap_or((answer, ""));
    if word != "key" {
        return Err(not_given(rest));
    }
    let (key, place) = rest.split_once(' ').unwrap_or((rest, ""));
    let master = Master::from_text(key).ok_or_else(|| not_given("the answer is not a key"))?;
    Ok(Given {
        master: Master::new(Secret::new(*master.bytes()), stretch),
        from_disk: place == "disk",
    })
}

/// The next line without its end, byte by byte so that nothing of it is left in a buffer; `None` at the end.
pub(crate) fn line(from: &mut impl Read) -> io::Result<Option<Secret<String>>> {
    let mut line = Zeroizing::new(Vec::with_capacity(LONGEST));
    let mut byte = [0];
    loop {
        match from.read(&mut byte)? {
            0 if line.is_empty() => return Ok(None),
            0 => break,
            _ if byte == *b"\n" => break,
            _ if line.len() == LONGEST => return Err(io::ErrorKind::InvalidData.into()),
            _ => line.extend(byte),
        }
    }
    match std::str::from_utf8(&line) {
        Ok(text) => Ok(Some(Secret::new(text.to_owned()))),
        Err(_) => Err(io::ErrorKind::InvalidData.into()),
    }
}
