//! One sheet: a part of the recovery key as lines that a person can type, each with its own check.
//!
//! Four lines of five groups of four signs. The last group of a line is made from the line's number and its other signs,
//! so a slip of the hand is named by its line, and so are two lines that changed places. The alphabet has no signs that
//! are taken for one another.

use crate::{Secret, escrow::EscrowError};
use aws_lc_rs::digest::{SHA256, digest};
use std::fmt;
use zeroize::Zeroizing;

/// Letters and digits without `l`, `o`, `0` and `1`.
const SIGNS: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
/// Lines on a sheet.
pub const LINES: usize = 4;
/// Bytes that a line carries, and signs that say them: 16.
const PAYLOAD: usize = 10;
const BODY: usize = 16;
/// Signs of a line's check: 20 bits.
const CHECK: usize = 4;
/// Signs in a group.
const GROUP: usize = 4;

/// The version of what is on a sheet.
const VERSION: u8 = 1;

/// One of the sheets, of which a stated number bring the master key back.
pub struct Sheet {
    /// Which set it belongs to: sheets of different sets do not fit together.
    pub(super) set: [u8; 4],
    /// How many of the set are needed.
    pub(super) needed: u8,
    /// Its number in the set.
    pub(super) number: u8,
    pub(super) share: Secret<[u8; 32]>,
}

impl Sheet {
    /// Its number in its set.
    #[must_use]
    pub fn number(&self) -> u8 {
        self.number
    }

    /// The set, as people compare it.
    #[must_use]
    pub fn set(&self) -> String {
        hex::encode(self.set)
    }

    /// How many of the set are needed.
    #[must_use]
    pub fn needed(&self) -> u8 {
        self.needed
    }

    /// The lines to be printed.
    #[must_use]
    pub fn lines(&self) -> Vec<Secret<String>> {
        let mut bytes = Zeroizing::new([0; LINES * PAYLOAD]);
        let head = [VERSION, self.needed, self.number];
        let parts = head.iter().chain(&self.set).chain(self.share.expose());
        bytes
            .iter_mut()
            .zip(parts)
            .for_each(|(to, from)| *to = *from);
        let lines = bytes.chunks(PAYLOAD).enumerate();
        lines
            .map(|(at, payload)| {
                let body = Zeroizing::new(signs(payload));
                let whole = Zeroizing::new(format!("{}{}", *body, check(at, &body)));
                Secret::new(grouped(&whole))
            })
            .collect()
    }

    /// What a camera reads off the sheet: the same lines, one after another.
    #[must_use]
    pub fn text(&self) -> Secret<String> {
        let lines = self.lines();
        let lines: Vec<&str> = lines.iter().map(|line| line.expose().as_str()).collect();
        Secret::new(lines.join("\n"))
    }

    /// Reads a sheet as it was typed, however its groups are parted.
    ///
    /// # Errors
    /// Names the first line that has a slip in it.
    pub fn read(typed: &str) -> Result<Self, EscrowError> {
        let lines: Vec<&str> = typed
            .lines()
            .filter(|line| !line.trim().is_empty())
            .collect();
        if lines.len() != LINES {
            return Err(EscrowError::Lines { found: lines.len() });
        }
        let mut bytes = Zeroizing::new(Vec::new());
        for (at, line) in lines.into_iter().enumerate() {
            bytes.extend(Zeroizing::new(self::line(at, line)?).iter());
        }
        match bytes.as_slice() {
            [VERSION, needed, number, a, b, c, d, rest @ ..] if *number > 0 => {
                let share = rest.first_chunk::<32>().ok_or(EscrowError::NotASheet)?;
                Ok(Self {
                    set: [*a, *b, *c, *d],
                    needed: *needed,
                    number: *number,
                    share: Secret::new(*share),
                })
            }
            _ => Err(EscrowError::NotASheet),
        }
    }
}

impl fmt::Debug for Sheet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sheet({} of set {}, hidden)", self.number, self.set())
    }
}

/// Reads one line, counted from 0.
///
/// # Errors
/// If there is a slip in it.
pub fn line(at: usize, typed: &str) -> Result<Vec<u8>, EscrowError> {
    let wrong = || EscrowError::Line { line: at + 1 };
    let typed: String = typed
        .chars()
        .filter(|sign| !sign.is_whitespace() && *sign != '-')
        .map(|sign| sign.to_ascii_lowercase())
        .collect();
    let typed = Zeroizing::new(typed);
    let (body, given) = typed.split_at_checked(BODY).ok_or_else(wrong)?;
    if given != check(at, body) {
        return Err(wrong());
    }
    bytes(body).ok_or_else(wrong)
}

/// Five bits to a sign.
fn signs(bytes: &[u8]) -> String {
    let mut text = String::new();
    for chunk in bytes.chunks(5) {
        let mut eight = [0; 8];
        eight
            .iter_mut()
            .skip(3)
            .zip(chunk)
            .for_each(|(to, from)| *to = *from);
        let bits = u64::from_be_bytes(eight);
        for place in (0..8).rev() {
            let sign = usize::try_from((bits >> (5 * place)) & 31).ok();
            text.extend(
                sign.and_then(|sign| SIGNS.get(sign))
                    .map(|sign| char::from(*sign)),
            );
        }
    }
    text
}

fn bytes(signs: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    for chunk in signs.as_bytes().chunks(8) {
        let mut bits = 0_u64;
        for sign in chunk {
            let value = SIGNS.iter().position(|known| known == sign)?;
            bits = (bits << 5) | u64::try_from(value).ok()?;
        }
        bytes.extend(bits.to_be_bytes().iter().skip(3));
    }
    Some(bytes)
}

/// The last group of a line.
fn check(at: usize, body: &str) -> String {
    let digest = digest(
        &SHA256,
        format!("avouch-sheet 1 line {at} {body}").as_bytes(),
    );
    let mut first = digest.as_ref().to_vec();
    first.truncate(5);
    let mut text = signs(&first);
    text.truncate(CHECK);
    text
}

fn grouped(signs: &str) -> String {
    let mut text = String::new();
    for (place, sign) in signs.chars().enumerate() {
        if place > 0 && place % GROUP == 0 {
            text.push(' ');
        }
        text.push(sign);
    }
    text
}
