//! What is wrong with a source itself, as opposed to the place that it is copied to.

use std::{io::ErrorKind, path::Path};

use serde::{Deserialize, Serialize};

use super::SourceError;

/// What is wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fault {
    /// It is not there.
    Absent,
    /// It is there and cannot be read; what the system said.
    Unreadable(String),
    /// It should be a database and is something else.
    NotADatabase,
    /// It is a database without a table.
    Empty,
    /// It is a database and not whole; what its own checks said.
    Damaged(String),
}

/// A fault and the file that has it: by its last name, because evidence goes to the tenant and paths are the supplier's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceFault {
    /// Which file or folder.
    pub file: String,
    /// What is wrong with it.
    pub fault: Fault,
}

impl std::fmt::Display for SourceFault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let file = &self.file;
        match &self.fault {
            Fault::Absent => write!(f, "`{file}` is not there"),
            Fault::Unreadable(why) => write!(f, "`{file}` cannot be read: {why}"),
            Fault::NotADatabase => write!(f, "`{file}` is not a database"),
            Fault::Empty => write!(f, "`{file}` is an empty database: it has no table"),
            Fault::Damaged(why) => write!(f, "`{file}` is damaged: {why}"),
        }
    }
}

impl SourceError {
    /// What is wrong with the source, if it is the source that is at fault: a full disk or a database that somebody else
    /// holds says nothing of it.
    #[must_use]
    pub fn fault(&self) -> Option<SourceFault> {
        let (path, fault) = match self {
            Self::Absent(path) => (path, Fault::Absent),
            Self::NotADatabase(path) => (path, Fault::NotADatabase),
            Self::Empty(path) => (path, Fault::Empty),
            Self::Damaged { path, damage } => (path, Fault::Damaged(damage.to_string())),
            Self::Sqlite { path, source } => (path, of_sqlite(source)?),
            Self::Io { act, path, source } => (path, of_io(act, source)?),
            Self::NoTable(name) => return Some(of_name(name, Fault::Empty)),
            Self::Program { program, of, said } => {
                let fault = Fault::Unreadable(format!("{program} {said}"));
                return Some(of_name(of, fault));
            }
            Self::Credentials { path, why } => (
                path,
                Fault::Unreadable(format!("as a server's credentials: {why}")),
            ),
            Self::Occupied(_)
            | Self::Manifest { .. }
            | Self::NotInstalled { .. }
            | Self::Fence(_)
            | Self::TooDeep(_) => return None,
        };
        Some(SourceFault {
            file: last_name(path),
            fault,
        })
    }
}

/// By SQLite's primary result code, which is the low byte of the extended one.
///
/// Source: SQLite, "Result and Error Codes".
fn of_sqlite(error: &sqlx::Error) -> Option<Fault> {
    const READING: [u16; 4] = [3, 10, 14, 23]; // PERM, IOERR, CANTOPEN, AUTH
    const CORRUPT: u16 = 11;
    const NOTADB: u16 = 26;
    let said = error.as_database_error()?;
    let code = said.code()?.parse::<u32>().ok()? & 0xff;
    match u16::try_from(code).ok()? {
        CORRUPT => Some(Fault::Damaged(said.message().to_owned())),
        NOTADB => Some(Fault::NotADatabase),
        code if READING.contains(&code) => Some(Fault::Unreadable(said.message().to_owned())),
        _ => None,
    }
}

/// Of what can fail when a folder is copied, only reading is about the source.
fn of_io(act: &str, error: &std::io::Error) -> Option<Fault> {
    let full = matches!(
        error.kind(),
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge
    );
    (matches!(act, "read" | "open" | "copy") && !full).then(|| Fault::Unreadable(error.to_string()))
}

fn of_name(name: &str, fault: Fault) -> SourceFault {
    SourceFault {
        file: name.to_owned(),
        fault,
    }
}

fn last_name(path: &Path) -> String {
    path.file_name().map_or_else(
        || path.display().to_string(),
        |name| name.to_string_lossy().into_owned(),
    )
}

#[cfg(test)]
mod tests {
    use std::{io, path::PathBuf};

    use super::*;
    use crate::source::Damage;

    #[track_caller]
    fn check(error: &SourceError, says: Option<&str>) {
        let said = error.fault().map(|fault| fault.to_string());
        assert_eq!(said.as_deref(), says);
    }

    #[test]
    fn a_fault_of_the_source_is_named_by_its_file_and_any_other_is_none() {
        let path = || PathBuf::from("/var/lib/app/acuity.db");
        check(
            &SourceError::Absent(path()),
            Some("`acuity.db` is not there"),
        );
        check(
            &SourceError::NotADatabase(path()),
            Some("`acuity.db` is not a database"),
        );
        check(
            &SourceError::Empty(path()),
            Some("`acuity.db` is an empty database: it has no table"),
        );
        check(
            &SourceError::Damaged {
                path: path(),
                damage: Damage::ForeignKeys(3),
            },
            Some("`acuity.db` is damaged: 3 rows refer to a row that is not there"),
        );
        let io = |act, kind: ErrorKind| SourceError::Io {
            act,
            path: path(),
            source: io::Error::from(kind),
        };
        check(
            &io("open", ErrorKind::PermissionDenied),
            Some("`acuity.db` cannot be read: permission denied"),
        );
        check(&io("copy", ErrorKind::StorageFull), None);
        check(&io("write", ErrorKind::PermissionDenied), None);
        check(&SourceError::Occupied(path()), None);
    }
}
