//! Escrow: the master key can be brought back from paper, by a stated number of people together.
//!
//! A recovery key is drawn, split into sheets (Shamir's scheme, over each byte), and forgotten. The master key is wrapped
//! under it in one file, `escrow`, beside the other keys. So sheets alone open nothing, and neither does a copy of the
//! folder: it takes both. Printing again draws another recovery key, and changing the master wraps nothing anew: either
//! makes the sheets that were printed before useless for the folder as it is from then on. A copy of the folder from before
//! stays open to them: destroy the sheets, too.
//!
//! Splitting is done by `blahaj`: its tables are not read in constant time, which matters to somebody who shares the
//! processor's caches while a sheet is made or used, and to nobody else.

mod sheet;

pub use sheet::{LINES, Sheet, line};

use crate::{Keyring, KeyringError, Master, Secret, Source, files, root, wrapped};
use aws_lc_rs::{
    digest::{SHA256, digest},
    rand,
};
use blahaj::{Share, Sharks};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::{
    collections::HashSet,
    path::{Path, PathBuf},
};
use zeroize::Zeroizing;

/// The file, in the folder of keys.
const FILE: &str = "escrow";
const MARK: &str = "avouch-escrow 1 ";
/// What the wrapped master and the record are bound to.
const MASTER: &str = "escrow/master";
const RECORD: &str = "escrow/record";

/// Most sheets in a set; more than anybody can keep track of.
pub const MOST: u8 = 20;

/// Why sheets did not bring the master key back, or could not be made. No message carries a sign of one.
#[derive(Debug, thiserror::Error)]
pub enum EscrowError {
    /// A slip of the hand.
    #[error("line {line} has a slip in it: compare it with the sheet sign by sign")]
    Line {
        /// Which, from 1.
        line: usize,
    },
    /// Lines are missing, or there are too many.
    #[error("a sheet has {} lines, not {found}", LINES)]
    Lines {
        /// How many there are.
        found: usize,
    },
    /// Every line fits, and yet it is no sheet of this version.
    #[error("this is not a sheet of this version of Avouch")]
    NotASheet,
    /// Sheets of two sets.
    #[error(
        "sheet {number} is of set {found}, and the folder’s sheets are of set {set}: look for the newer ones"
    )]
    OtherSet {
        /// Which sheet.
        number: u8,
        /// Its set.
        found: String,
        /// The folder's.
        set: String,
    },
    /// Too few.
    #[error("{needed} different sheets are needed, and there are {found}")]
    TooFew {
        /// How many are needed.
        needed: u8,
        /// How many there are.
        found: usize,
    },
    /// The sheets fit each other, and do not open the folder.
    #[error("the sheets do not open what is in `{}`: one of them was not printed for it", path.display())]
    DoNotOpen {
        /// The file.
        path: PathBuf,
    },
    /// The master was changed since they were printed.
    #[error(
        "the master key was changed after these sheets were printed, so they open nothing now: use the newer ones, or a copy of the folder from before the change"
    )]
    Outdated,
    /// There is no such file.
    #[error("there is no `{}`: sheets were never printed for these keys, or it was not copied with them", path.display())]
    Absent {
        /// The file.
        path: PathBuf,
    },
    /// More sheets needed than printed, or none to spare.
    #[error("write two to {} sheets, and need at least two of them", MOST)]
    Numbers,
    /// Keys.
    #[error(transparent)]
    Keys(#[from] KeyringError),
}

/// What is known of the sheets of a folder, without any of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// Which set.
    pub set: String,
    /// How many were printed.
    pub sheets: u8,
    /// How many are needed.
    pub needed: u8,
    /// When they were printed.
    pub made: Timestamp,
    /// When enough of them were last typed in and brought the master key back.
    pub rehearsed: Option<Timestamp>,
    /// Which master they bring back.
    master: String,
    /// SHA-256 of the wrapped master, so that a change to it shows.
    wrapped: String,
}

#[cfg(test)]
impl Record {
    /// A record of a set, of which so many sheets and needed, for a test of dates.
    pub(crate) fn of(
        (set, sheets, needed): (&str, u8, u8),
        made: Timestamp,
        rehearsed: Option<Timestamp>,
    ) -> Self {
        Self {
            set: set.to_owned(),
            sheets,
            needed,
            made,
            rehearsed,
            master: String::new(),
            wrapped: String::new(),
        }
    }
}

/// Whether the sheets are good for the folder as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Escrow {
    /// There are none.
    None,
    /// What is kept was altered.
    Altered,
    /// They are for a master that was changed since.
    Outdated(Record),
    /// They are good.
    Good(Record),
}

impl Keyring {
    /// Makes sheets for the master key that `source` has now; those from before are useless from then on. The sheets are
    /// handed over this once, and kept nowhere.
    ///
    /// # Errors
    /// If the master cannot be had again, the numbers make no sense, or the file cannot be written.
    pub fn escrow(
        &self,
        source: &Source,
        (sheets, needed): (u8, u8),
        now: Timestamp,
    ) -> Result<Vec<Sheet>, EscrowError> {
        if !(2..=MOST).contains(&sheets) || !(2..=sheets).contains(&needed) {
            return Err(EscrowError::Numbers);
        }
        let master = source.again(self.folder())?;
        if !self.is_opened_by(&master) {
            return Err(KeyringError::WrongMaster {
                folder: self.folder().to_owned(),
            }
            .into());
        }
        let (key, set) = (Secret::new(drawn::<32>()?), drawn::<4>()?);
        let wrapped = wrapped::wrap(&key, MASTER, master.bytes())?;
        let record = Record {
            set: hex::encode(set),
            sheets,
            needed,
            made: now,
            rehearsed: None,
            master: master.fingerprint()?,
            wrapped: hash(&wrapped),
        };
        self.keep(&record, &wrapped)?;
        let shares = Sharks(needed).dealer(key.expose());
        let sheets = shares.take(sheets.into()).map(|share| {
            let bytes = Zeroizing::new(Vec::from(&share));
            let (number, share) = bytes.split_first()?;
            Some(Sheet {
                set,
                needed,
                number: *number,
                share: Secret::new(*share.first_chunk()?),
            })
        });
        let sheets: Option<Vec<Sheet>> = sheets.collect();
        sheets.ok_or(EscrowError::NotASheet)
    }

    /// Brings the master back from sheets that were typed in, sees that it opens the keys, and writes down that this was
    /// done.
    ///
    /// # Errors
    /// As [`recover`], or if it cannot be written down.
    pub fn rehearse(&self, sheets: &[Sheet], now: Timestamp) -> Result<Record, EscrowError> {
        let master = recover(self.folder(), sheets)?;
        if !self.is_opened_by(&master) {
            return Err(EscrowError::Outdated);
        }
        let Escrow::Good(mut record) = self.escrowed(&master.fingerprint()?)? else {
            return Err(EscrowError::DoNotOpen {
                path: self.folder().join(FILE),
            });
        };
        let (_, wrapped, _) = read(self.folder())?;
        record.rehearsed = Some(now);
        self.keep(&record, &wrapped)?;
        Ok(record)
    }

    /// How it stands with the sheets, for the master that opens the folder now.
    ///
    /// # Errors
    /// If the folder cannot be read.
    pub fn escrow_of(&self) -> Result<Escrow, KeyringError> {
        let path = self.folder().join("root.key");
        let text = files::read(&path)?.ok_or(KeyringError::Missing { path })?;
        self.escrowed(root::fingerprint(&text).unwrap_or_default())
    }

    fn escrowed(&self, master: &str) -> Result<Escrow, KeyringError> {
        let Some(text) = files::read(&self.folder().join(FILE))? else {
            return Ok(Escrow::None);
        };
        let Some((head, wrapped, record)) = parts(&text) else {
            return Ok(Escrow::Altered);
        };
        let record = wrapped::unwrap(self.root(), RECORD, &record);
        let record = record.and_then(|bytes| serde_json::from_slice::<Record>(bytes.expose()).ok());
        Ok(match record {
            Some(record) if record.wrapped != hash(&wrapped) || head != self::head(&record) => {
                Escrow::Altered
            }
            Some(record) if record.master != master => Escrow::Outdated(record),
            Some(record) => Escrow::Good(record),
            None => Escrow::Altered,
        })
    }

    fn keep(&self, record: &Record, wrapped: &str) -> Result<(), KeyringError> {
        let bytes = serde_json::to_vec(record).map_err(|_| KeyringError::Crypto {
            act: "write down what was printed",
        })?;
        let kept = wrapped::wrap(self.root(), RECORD, &bytes)?;
        let text = format!("{}\n{wrapped}{kept}", head(record));
        files::write(&self.folder().join(FILE), text.as_bytes())
    }
}

/// The master key, from sheets and a copy of the folder of keys.
///
/// # Errors
/// If they are too few, of another set, or not for this folder, or the master was changed after they were printed.
pub fn recover(folder: &Path, sheets: &[Sheet]) -> Result<Master, EscrowError> {
    let (set, wrapped, _) = read(folder)?;
    if let Some(other) = sheets.iter().find(|sheet| sheet.set() != set) {
        return Err(EscrowError::OtherSet {
            number: other.number,
            found: other.set(),
            set,
        });
    }
    let needed = sheets.first().map_or(2, |sheet| sheet.needed);
    let different: HashSet<u8> = sheets.iter().map(|sheet| sheet.number).collect();
    if different.len() < needed.into() {
        return Err(EscrowError::TooFew {
            needed,
            found: different.len(),
        });
    }
    let unopened = || EscrowError::DoNotOpen {
        path: folder.join(FILE),
    };
    let mut shares = Vec::new();
    for sheet in sheets.iter().filter({
        let mut seen = HashSet::new();
        move |sheet| seen.insert(sheet.number)
    }) {
        let mut bytes = Zeroizing::new(vec![sheet.number]);
        bytes.extend(sheet.share.expose());
        shares.push(Share::try_from(bytes.as_slice()).map_err(|_| unopened())?);
    }
    let key = Zeroizing::new(Sharks(needed).recover(&shares).map_err(|_| unopened())?);
    let key = Secret::new(*key.first_chunk::<32>().ok_or_else(unopened)?);
    let master = wrapped::unwrap(&key, MASTER, &wrapped).ok_or_else(unopened)?;
    let master = <[u8; 32]>::try_from(master.expose().as_slice()).map_err(|_| unopened())?;
    let master = Master::new(Secret::new(master), None);
    let path = folder.join("root.key");
    let text = files::read(&path)?.ok_or(KeyringError::Missing { path })?;
    match root::fingerprint(&text) == Some(master.fingerprint()?.as_str()) {
        true => Ok(master),
        false => Err(EscrowError::Outdated),
    }
}

/// The set, the wrapped master and the wrapped record in the folder's file.
fn read(folder: &Path) -> Result<(String, String, String), EscrowError> {
    let path = folder.join(FILE);
    let text = files::read(&path)?.ok_or_else(|| EscrowError::Absent { path: path.clone() })?;
    let (head, wrapped, record) = parts(&text).ok_or(KeyringError::Tampered { path })?;
    let set = head.strip_prefix(MARK).unwrap_or_default().to_owned();
    Ok((set, wrapped, record))
}

fn parts(text: &str) -> Option<(String, String, String)> {
    let mut lines = text.lines();
    let (head, wrapped, record) = (lines.next()?, lines.next()?, lines.next()?);
    let known = head.starts_with(MARK) && lines.next().is_none();
    known.then(|| {
        (
            head.to_owned(),
            format!("{wrapped}\n"),
            format!("{record}\n"),
        )
    })
}

fn head(record: &Record) -> String {
    format!("{MARK}{}", record.set)
}

fn hash(text: &str) -> String {
    hex::encode(digest(&SHA256, text.as_bytes()))
}

fn drawn<const N: usize>() -> Result<[u8; N], KeyringError> {
    let mut bytes = [0; N];
    rand::fill(&mut bytes).map_err(|_| KeyringError::Crypto {
        act: "draw a recovery key",
    })?;
    Ok(bytes)
}

#[cfg(test)]
mod tests;
