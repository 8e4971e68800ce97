//! What a backup contained at the moment it was taken, so that a restore can be compared with it.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// The version that this build writes, and the only one it reads.
pub const VERSION: u32 = 1;

/// The name of the manifest beside the staged data.
pub const FILE: &str = "manifest.json";

/// The folder of the staged data.
pub const DATA: &str = "data";

/// A record of everything in one staged backup.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// The form of this record.
    pub version: u32,
    /// When reading began, by this host's clock.
    pub taken: Timestamp,
    /// Every file, by its path within the data folder.
    pub files: BTreeMap<String, File>,
    /// The databases among the files, by the same path: SQLite's as such, a server's by its dump. Each was read in one
    /// transaction.
    pub databases: BTreeMap<String, Database>,
}

/// One file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct File {
    /// Its size.
    pub bytes: u64,
    /// SHA-256 of its content, or of the target of a symbolic link, in hexadecimal.
    pub sha256: String,
}

/// One database.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Database {
    /// `PRAGMA user_version`: the application's schema version.
    pub user_version: i64,
    /// The text of every object in the schema, in the order of their names.
    pub schema: Vec<String>,
    /// The tables, by name.
    pub tables: BTreeMap<String, Table>,
    /// The server that it is dumped from; `None` for a file of SQLite's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server: Option<ServerState>,
}

/// A database server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Engine {
    /// PostgreSQL.
    Postgres,
    /// MariaDB.
    Mariadb,
}

/// A server as it was when a database was dumped.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ServerState {
    /// Which.
    pub engine: Engine,
    /// The part of its version within which definitions are written alike.
    pub version: String,
    /// What the database took on its disk.
    pub bytes: u64,
}

/// One table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Table {
    /// How many rows it has.
    pub rows: u64,
    /// The sum of the SHA-256 of its rows, so that their order does not matter. Hexadecimal.
    pub digest: String,
    /// The same sum by group of rows, 32 bits each, to tell how many rows differ between two backups. Hexadecimal.
    pub groups: String,
}

/// One way in which what was restored is not what was backed up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "difference")]
pub enum Difference {
    /// A file is not there.
    Missing {
        /// Which.
        file: String,
    },
    /// A file is there that was not backed up.
    Unexpected {
        /// Which.
        file: String,
    },
    /// A file's bytes differ.
    Content {
        /// Which.
        file: String,
    },
    /// A database's schema or its version differs.
    Schema {
        /// The database.
        file: String,
    },
    /// A table has another number of rows, or is not there (0).
    Rows {
        /// The database.
        file: String,
        /// The table.
        table: String,
        /// Rows when it was backed up.
        was: u64,
        /// Rows now.
        is: u64,
    },
    /// A table has as many rows, but not the same ones.
    Table {
        /// The database.
        file: String,
        /// The table.
        table: String,
    },
}

/// How much changed between two backups.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Changes {
    /// Files that are new, gone or different.
    pub files: u64,
    /// Rows that are new, gone or different, at least. Rows fall into 256 groups by their first column, so a change of
    /// more rows than that may count fewer.
    pub rows: u64,
}

impl std::fmt::Display for Changes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match (self.rows, self.files) {
            (0, 0) => f.write_str("nothing new"),
            (0, files) => write!(f, "{files} files"),
            (rows, 0) => write!(f, "{rows} rows"),
            (rows, files) => write!(f, "{rows} rows, {files} files"),
        }
    }
}

impl Manifest {
    /// Rows in all tables.
    #[must_use]
    pub fn rows(&self) -> u64 {
        self.databases
            .values()
            .flat_map(|d| d.tables.values())
            .map(|t| t.rows)
            .sum()
    }

    /// Bytes in all files.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.files.values().map(|file| file.bytes).sum()
    }

    /// SHA-256 of the manifest as written, in hexadecimal: the name under which a snapshot is tagged with it.
    #[must_use]
    pub fn digest(&self) -> String {
        digest(&self.to_bytes())
    }

    /// The manifest as it is written beside the data.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// Every difference between this record and what was found in a restored copy.
    #[must_use]
    pub fn compare(&self, restored: &Self) -> Vec<Difference> {
        let mut found = Vec::new();
        for (name, file) in &self.files {
            let file_name = name.clone();
            match restored.files.get(name) {
                None => found.push(Difference::Missing { file: file_name }),
                Some(other) if other != file => found.push(Difference::Content { file: file_name }),
                Some(_) => {}
            }
        }
        for name in restored
            .files
            .keys()
            .filter(|name| !self.files.contains_key(*name))
        {
            found.push(Difference::Unexpected { file: name.clone() });
        }
        for (name, database) in &self.databases {
            if let Some(other) = restored.databases.get(name) {
                database.compare(name, other, &mut found);
            } else if restored.files.contains_key(name) {
                found.push(Difference::Schema { file: name.clone() });
            }
        }
        found
    }

    /// How much differs from an earlier backup of the same source.
    #[must_use]
    pub fn changes_since(&self, earlier: &Self) -> Changes {
        let differ = |name: &&String| self.files.get(*name) != earlier.files.get(*name);
        let files = union(&self.files, &earlier.files)
            .iter()
            .filter(|name| differ(name))
            .count();
        let mut rows = 0;
        for name in union(&self.databases, &earlier.databases) {
            let (now, then) = (self.databases.get(name), earlier.databases.get(name));
            let none = BTreeMap::new();
            let (now, then) = (
                now.map_or(&none, |d| &d.tables),
                then.map_or(&none, |d| &d.tables),
            );
            for table in union(now, then) {
                rows += changed_rows(now.get(table), then.get(table));
            }
        }
        Changes {
            files: files as u64,
            rows,
        }
    }
}

impl Database {
    fn compare(&self, file: &str, other: &Self, found: &mut Vec<Difference>) {
        // Another version of a server writes the same definitions in other words.
        let version = |of: &Self| of.server.as_ref().map(|server| server.version.clone());
        let alike = version(self) == version(other);
        if (alike && self.schema != other.schema) || self.user_version != other.user_version {
            found.push(Difference::Schema {
                file: file.to_owned(),
            });
        }
        for (name, table) in &self.tables {
            let is = other.tables.get(name);
            let (file, name) = (file.to_owned(), name.clone());
            if is.is_none_or(|is| is.rows != table.rows) {
                found.push(Difference::Rows {
                    file,
                    table: name,
                    was: table.rows,
                    is: is.map_or(0, |is| is.rows),
                });
            } else if is.is_none_or(|is| is.digest != table.digest) {
                found.push(Difference::Table { file, table: name });
            }
        }
    }
}

impl std::fmt::Display for Difference {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Missing { file } => write!(f, "{file} is missing"),
            Self::Unexpected { file } => write!(f, "{file} was not in the backup"),
            Self::Content { file } => write!(f, "{file} has other content"),
            Self::Schema { file } => write!(f, "{file} has another schema"),
            Self::Rows {
                file,
                table,
                was,
                is,
            } => write!(f, "{table} in {file} has {is} rows instead of {was}"),
            Self::Table { file, table } => write!(f, "{table} in {file} has other rows"),
        }
    }
}

/// SHA-256 in hexadecimal.
#[must_use]
pub fn digest(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

/// Adds rows up to a [`Table`], in any order.
pub(crate) struct Rows {
    count: u64,
    sum: [u8; 32],
    groups: [u32; 256],
}

impl Rows {
    pub(crate) fn new() -> Self {
        Self {
            count: 0,
            sum: [0; 32],
            groups: [0; 256],
        }
    }

    /// Adds one row: the encoding of all its values, and of the first alone.
    pub(crate) fn add(&mut self, row: &[u8], first: &[u8]) {
        self.count += 1;
        let hash = Sha256::digest(row);
        let mut carry = 0_u16;
        for (sum, byte) in self.sum.iter_mut().zip(hash.iter()) {
            carry += u16::from(*sum) + u16::from(*byte);
            *sum = (carry & 0xff) as u8;
            carry >>= 8;
        }
        let group = Sha256::digest(first).first().copied().unwrap_or(0);
        let part = hash
            .first_chunk::<4>()
            .map_or(0, |bytes| u32::from_le_bytes(*bytes));
        if let Some(slot) = self.groups.get_mut(usize::from(group)) {
            *slot = slot.wrapping_add(part);
        }
    }

    pub(crate) fn finish(self) -> Table {
        let groups: Vec<u8> = self
            .groups
            .iter()
            .flat_map(|group| group.to_le_bytes())
            .collect();
        Table {
            rows: self.count,
            digest: hex::encode(self.sum),
            groups: hex::encode(groups),
        }
    }
}

/// At least this many rows differ between two states of a table.
fn changed_rows(now: Option<&Table>, then: Option<&Table>) -> u64 {
    match (now, then) {
        (Some(now), Some(then)) => {
            let groups = |table: &Table| hex::decode(&table.groups).unwrap_or_default();
            let differ = groups(now)
                .chunks(4)
                .zip(groups(then).chunks(4))
                .filter(|(a, b)| a != b)
                .count() as u64;
            differ
                .max(now.rows.abs_diff(then.rows))
                .max(u64::from(now.digest != then.digest))
        }
        (Some(only), None) | (None, Some(only)) => only.rows,
        (None, None) => 0,
    }
}

fn union<'m, T>(a: &'m BTreeMap<String, T>, b: &'m BTreeMap<String, T>) -> BTreeSet<&'m String> {
    a.keys().chain(b.keys()).collect()
}
