//! One line of the machine's record of logins.
//!
//! Source: utmp(5), the form of 384 bytes that the GNU C library has on x86-64.

use std::fmt;
use std::net::IpAddr;

use jiff::Timestamp;
use sha2::{Digest as _, Sha256};

/// Bytes of a line.
pub const RECORD: usize = 384;

/// What a line is known by: the start of its SHA-256.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Digest([u8; 16]);

/// What a line says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Login {
    /// What happened.
    pub kind: Kind,
    /// The server's account; what the machine calls itself where it is about the machine; empty at an end.
    pub account: String,
    /// At which terminal.
    pub terminal: String,
    /// From which host or address; empty at the machine itself.
    pub from: String,
    /// The process.
    pub process: i32,
    /// When, by the machine's clock.
    pub at: Timestamp,
}

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Somebody logged in.
    Login,
    /// What a login began is over.
    Logout,
    /// The machine was started.
    Boot,
    /// The machine changed its run level: among others, that it stops.
    RunLevel,
    /// The clock was set: to this, or from this.
    Clock,
    /// A terminal waits for a login.
    Waiting,
    /// Nothing: what is left of a line that was wiped out.
    Nothing,
    /// A number that the format does not know.
    Unknown,
}

impl Digest {
    /// Of a line as it is on disk.
    #[must_use]
    pub fn of(line: &[u8]) -> Self {
        let whole = Sha256::digest(line);
        Self(whole.as_slice().first_chunk().copied().unwrap_or_default())
    }

    /// As [`fmt::Display`] writes it.
    #[must_use]
    pub fn read(text: &str) -> Option<Self> {
        let mut bytes = [0; 16];
        hex::decode_to_slice(text, &mut bytes).ok()?;
        Some(Self(bytes))
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Login => "login",
            Self::Logout => "logout",
            Self::Boot => "boot",
            Self::RunLevel => "run level",
            Self::Clock => "clock set",
            Self::Waiting => "terminal ready",
            Self::Nothing => "wiped line",
            Self::Unknown => "unknown line",
        })
    }
}

/// The whole lines of a record; what is being written at its end is left for later.
pub fn records(bytes: &[u8]) -> impl Iterator<Item = &[u8; RECORD]> {
    bytes.as_chunks().0.iter()
}

impl Login {
    /// What a line says. It has no wrong form: bytes that are no text are shown as such.
    #[must_use]
    pub fn of(line: &[u8; RECORD]) -> Self {
        let number = |at: usize| i32::from_le_bytes(part(line, at));
        let seconds = i64::from(u32::from_le_bytes(part(line, 340)));
        let host = text(&part::<256>(line, 76));
        Self {
            kind: Kind::of(i16::from_le_bytes(part(line, 0))),
            account: text(&part::<32>(line, 44)),
            terminal: text(&part::<32>(line, 8)),
            from: address(part(line, 348))
                .filter(|_| host.parse::<IpAddr>().is_err())
                .unwrap_or(host),
            process: number(4),
            at: Timestamp::new(seconds, number(344).clamp(0, 999_999) * 1_000).unwrap_or_default(),
        }
    }
}

impl Kind {
    const fn of(number: i16) -> Self {
        match number {
            0 => Self::Nothing,
            1 => Self::RunLevel,
            2 => Self::Boot,
            3 | 4 => Self::Clock,
            5 | 6 => Self::Waiting,
            7 => Self::Login,
            8 => Self::Logout,
            _ => Self::Unknown,
        }
    }
}

/// Bytes from here on.
fn part<const N: usize>(line: &[u8; RECORD], at: usize) -> [u8; N] {
    let from = line.get(at..).and_then(<[u8]>::first_chunk);
    from.copied().unwrap_or([0; N])
}

/// Up to the first zero. Whoever logs in from a host may have chosen its name, so nothing but letters can come of it.
fn text(bytes: &[u8]) -> String {
    let end = bytes.iter().position(|byte| *byte == 0);
    let bytes = bytes.get(..end.unwrap_or(bytes.len())).unwrap_or_default();
    let text = String::from_utf8_lossy(bytes);
    text.replace(char::is_control, "\u{fffd}")
}

/// The address, if there is one: of four bytes where the others are nothing.
fn address(bytes: [u8; 16]) -> Option<String> {
    let [a, b, c, d, rest @ ..] = bytes;
    if bytes == [0; 16] {
        return None;
    }
    let address = match rest == [0; 12] {
        true => IpAddr::from([a, b, c, d]),
        false => IpAddr::from(bytes),
    };
    Some(address.to_string())
}

#[cfg(test)]
pub(crate) mod testing {
    use super::*;

    /// A line as the machine writes it.
    pub fn line(kind: i16, account: &str, terminal: &str, host: &str, second: u32) -> [u8; RECORD] {
        let mut line = [0; RECORD];
        let mut put = |at: usize, bytes: &[u8]| line[at..at + bytes.len()].copy_from_slice(bytes);
        put(0, &kind.to_le_bytes());
        put(4, &4321_i32.to_le_bytes());
        put(8, terminal.as_bytes());
        put(44, account.as_bytes());
        put(76, host.as_bytes());
        put(340, &second.to_le_bytes());
        put(344, &250_000_i32.to_le_bytes());
        line
    }
}

#[cfg(test)]
mod tests {
    use super::testing::line;
    use super::*;

    #[test]
    fn a_line_says_who_came_where_from_where_and_when() {
        let login = Login::of(&line(7, "ann", "pts/0", "192.0.2.7", 1_767_614_400));
        let expected = Login {
            kind: Kind::Login,
            account: "ann".to_owned(),
            terminal: "pts/0".to_owned(),
            from: "192.0.2.7".to_owned(),
            process: 4321,
            at: "2026-01-05T12:00:00.25Z".parse().unwrap(),
        };
        assert_eq!(login, expected);
        let ended = Login::of(&line(8, "", "pts/0", "", 1_767_614_401));
        assert_eq!((ended.kind, ended.account.as_str()), (Kind::Logout, ""));
    }

    #[test]
    fn an_address_is_shown_where_the_host_is_no_address_itself() {
        let mut named = line(7, "ann", "pts/0", "host.example", 1);
        named[348..352].copy_from_slice(&[192, 0, 2, 9]);
        assert_eq!(Login::of(&named).from, "192.0.2.9");
        let mut six = line(7, "ann", "pts/0", "", 1);
        six[348..350].copy_from_slice(&[0x20, 0x01]);
        six[363] = 9;
        assert_eq!(Login::of(&six).from, "2001::9");
        let mut both = line(7, "ann", "pts/0", "192.0.2.7", 1);
        both[348..352].copy_from_slice(&[192, 0, 2, 9]);
        assert_eq!(Login::of(&both).from, "192.0.2.7");
    }

    #[test]
    fn bytes_that_are_no_text_and_numbers_that_mean_nothing_do_no_harm() {
        let wild = Login::of(&[0xff; RECORD]);
        assert_eq!(wild.kind, Kind::Unknown);
        assert!(wild.account.chars().all(|letter| letter == '\u{fffd}'));
        let hostile = Login::of(&line(7, "a\u{1b}[2J\nb", "pts/0", "", 1));
        assert_eq!(hostile.account, "a\u{fffd}[2J\u{fffd}b");
        assert_eq!(Login::of(&[0; RECORD]).kind, Kind::Nothing);
    }

    #[test]
    fn a_line_that_is_still_being_written_is_left_for_later() {
        let whole = line(7, "ann", "pts/0", "", 1);
        let bytes = [&whole[..], &whole[..100]].concat();
        assert_eq!(records(&bytes).count(), 1);
    }

    #[test]
    fn a_digest_is_read_back_as_it_is_written() {
        let digest = Digest::of(&line(7, "ann", "pts/0", "", 1));
        assert_eq!(Digest::read(&digest.to_string()), Some(digest));
        assert_ne!(digest, Digest::of(&line(7, "bob", "pts/0", "", 1)));
        assert_eq!(Digest::read("12"), None);
    }
}
