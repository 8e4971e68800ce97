//! `kind` and what goes with it: how a source is read, and what is promised of it by that.

use std::path::{Path, PathBuf};

use avouch_statement::{Draft, Figure, Spanned, Table};
use serde::{Deserialize, Serialize};

use super::FRESH;

/// Stands for the tenant's name in what is stated once for all tenants.
pub(crate) const TENANT: &str = "$TENANT";

/// Stands for the tenant's data folder.
pub(crate) const DATA: &str = "$DATA";

/// How a source is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// One SQLite database.
    Sqlite {
        /// Where it is; it begins with `$DATA` (each tenant's data folder) or `$CORE` (Avouch's own state).
        path: String,
    },
    /// A folder.
    Files {
        /// Where it is, likewise.
        path: String,
    },
    /// Whatever a command prints.
    Command(Command),
    /// A database of a PostgreSQL server.
    Postgres(Server),
    /// A database of a MariaDB server.
    Mariadb(Server),
}

/// A command whose output is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Command {
    /// The program by its whole path, and its arguments; `$TENANT` and `$DATA` are filled in for each tenant.
    pub words: Vec<String>,
    /// Programs that it starts, or a script's interpreter.
    pub runs: Vec<PathBuf>,
    /// Files and folders that it reads.
    pub reads: Vec<PathBuf>,
    /// Folders of sockets that it connects to.
    pub reaches: Vec<PathBuf>,
    /// What its output must end with.
    pub ends_with: Option<String>,
    /// Whether printing nothing is in order.
    pub may_be_empty: bool,
}

/// A database of a server on this machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Server {
    /// Its name; with `$TENANT` in it, each tenant has one.
    pub database: String,
    /// For PostgreSQL the folder of the server's socket, for MariaDB the socket.
    pub socket: PathBuf,
    /// The port, which is in the name of PostgreSQL's socket.
    pub port: u16,
    /// Whom the server knows the backup as.
    pub user: String,
    /// The file with the password, in the server's own form: a password file of PostgreSQL, an option file of MariaDB.
    pub credentials: PathBuf,
    /// Questions to the restored database, each to be answered by yes.
    pub expect: Vec<String>,
}

impl Kind {
    /// Whether it is one for all, rather than each tenant's own.
    pub(super) fn is_platform(&self) -> bool {
        match self {
            Self::Sqlite { path } | Self::Files { path } => {
                path == "$CORE" || path.starts_with("$CORE/")
            }
            Self::Command(command) => !command
                .words
                .iter()
                .any(|word| word.contains(TENANT) || word.contains(DATA)),
            Self::Postgres(server) | Self::Mariadb(server) => !server.database.contains(TENANT),
        }
    }

    /// Whether it lies in its owner's data folder, where the application finds it when it is put back.
    #[must_use]
    pub fn is_in_a_folder(&self) -> bool {
        matches!(self, Self::Sqlite { .. } | Self::Files { .. })
    }

    /// What a drill asks of it once it is restored; `stated` is for every database in a tenant's folder.
    pub(crate) fn questions<'a>(&'a self, stated: &'a [String]) -> &'a [String] {
        match self {
            Self::Sqlite { .. } => stated,
            Self::Postgres(server) | Self::Mariadb(server) => &server.expect,
            Self::Files { .. } | Self::Command(_) => &[],
        }
    }

    /// What is known of a backup of it that was restored and found the same, in words.
    pub(crate) fn came_back(&self) -> &'static str {
        match self {
            Self::Sqlite { .. } => {
                "read in one statement; integrity and foreign keys sound, the same as when it was taken"
            }
            Self::Files { .. } => "the same as when it was taken",
            Self::Command(_) => "the same as it was printed",
            Self::Postgres(_) => {
                "read in one snapshot; in a fresh server, which found nothing wrong, the same as when it was taken"
            }
            Self::Mariadb(_) => {
                "read in one transaction; in a fresh server, which found nothing wrong, the same as when it was taken"
            }
        }
    }

    pub(super) fn promise(&self) -> Draft {
        let (word, text, limits) = match self {
            Self::Sqlite { .. } => (
                "sqlite",
                "Each backup is the whole database as it was at one instant.",
                "It is read in one statement while others write. The newest backup that was restored passed the database's \
                 own integrity and foreign key checks, and every table was the same as when it was taken.",
            ),
            Self::Files { .. } => (
                "files",
                "Each backup is a copy of the folder, with each database in it as it was at one instant.",
                "Each database is read in one statement; other files up to the length they had when they were opened. \
                 Different files are read one after another.",
            ),
            Self::Command(_) => (
                "command",
                "Each backup is all that the stated command prints.",
                "It counts only if the command ended by itself and well, and its output is not empty and ends as it should, \
                 where that is stated. The newest backup that was restored was the same byte for byte. What the output means, \
                 and of which instant it is, is the command's own.",
            ),
            Self::Postgres(_) => (
                "postgres",
                "Each backup is the whole database as it was at one instant.",
                "It is dumped, and its rows are counted and hashed, in one snapshot while others write. The newest backup that \
                 was restored went into a fresh PostgreSQL server with no network: every table was the same, and the server's \
                 own check of tables and indexes found nothing. Sequences, large objects and materialised views are in it and \
                 are not compared; roles are in it without their passwords.",
            ),
            Self::Mariadb(_) => (
                "mariadb",
                "Each backup is the whole database as it was at one instant.",
                "It is dumped in one transaction while others write; where a table's engine has no transactions, writers wait. \
                 The newest backup that was restored went into a fresh MariaDB server with no network and was dumped again: \
                 every row was the same, and the server's own check of tables found nothing. Users and their rights are not \
                 in it.",
            ),
        };
        Draft::enforced(text, Figure::Word(word.to_owned()), limits).fresh_for(FRESH)
    }
}

#[derive(Clone, Copy)]
enum Word {
    Sqlite,
    Files,
    Command,
    Postgres,
    Mariadb,
}

pub(super) fn read(table: &mut Table<'_>) -> Option<Kind> {
    const WORDS: [(&str, Word); 5] = [
        ("sqlite", Word::Sqlite),
        ("files", Word::Files),
        ("command", Word::Command),
        ("postgres", Word::Postgres),
        ("mariadb", Word::Mariadb),
    ];
    match table.need_word("kind", &WORDS)?.value {
        Word::Sqlite => path(table).map(|path| Kind::Sqlite { path }),
        Word::Files => path(table).map(|path| Kind::Files { path }),
        Word::Command => command(table).map(Kind::Command),
        Word::Postgres => server(table, "/run/postgresql", 5432).map(Kind::Postgres),
        Word::Mariadb => server(table, "/run/mysqld/mysqld.sock", 3306).map(Kind::Mariadb),
    }
}

fn path(table: &mut Table<'_>) -> Option<String> {
    let path = table.need_parsed(
        "path",
        "a path in the data folder",
        "$DATA/app.db",
        |text| {
            let inside = [DATA, "$CORE"].iter().any(|root| {
                text.strip_prefix(root)
                    .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
            });
            if !inside || text.split('/').any(|part| part == "..") {
                return Err(
                    "it begins with neither `$DATA` (each tenant's) nor `$CORE` (Avouch's own)"
                        .to_owned(),
                );
            }
            Ok(text.to_owned())
        },
    )?;
    Some(path.value)
}

fn command(table: &mut Table<'_>) -> Option<Command> {
    let words = table.need_texts("command", "[\"/usr/bin/dump\", \"--all\"]");
    let runs = paths(table, "runs", "[\"/usr/bin/gzip\"]");
    let reads = paths(table, "reads", "[\"/var/lib/ledger\"]");
    let reaches = paths(table, "reaches", "[\"/run/ledger\"]");
    let ends_with = table.or("ends-with", None, |table, key| {
        let text = table.need_text(key, "-- complete")?;
        Some(Spanned {
            value: Some(text.value),
            at: text.at,
        })
    });
    let may_be_empty = table.or("may-be-empty", false, |table, key| table.truth(key));
    let words = words?;
    if let Some(program) = words.value.first()
        && absolute(&program.value).is_err()
    {
        table.fault(
            program.at.clone(),
            "`command` does not begin with the whole path of a program",
            "not a whole path",
            "write where the program is, as in `/usr/bin/dump`",
        );
        return None;
    }
    Some(Command {
        words: words.value.into_iter().map(|word| word.value).collect(),
        runs: runs?,
        reads: reads?,
        reaches: reaches?,
        ends_with: ends_with?,
        may_be_empty: may_be_empty?,
    })
}

fn server(table: &mut Table<'_>, socket: &'static str, port: u16) -> Option<Server> {
    let database = table.need_parsed(
        "database",
        "the name of a database",
        "app_$TENANT",
        database_name,
    );
    let socket = table.need_parsed("socket", "a whole path", socket, absolute);
    let port = table.or("port", port, |table, key| {
        table.need_whole(key, 1..=u16::MAX, port)
    });
    let user = table.need_parsed("user", "a name", "avouch_backup", |text| {
        let plain = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
        if text.is_empty() || text.starts_with('-') || !text.chars().all(plain) {
            return Err("other than letters, digits, `_` and `-`".to_owned());
        }
        Ok(text.to_owned())
    });
    let credentials = table.need_parsed(
        "credentials",
        "the whole path of a file",
        "/etc/avouch/backup.credentials",
        absolute,
    );
    let expect = table.or("expect", Vec::new(), |table, key| {
        let found = table.texts(key, "[\"select count(*) > 0 from ward\"]")?;
        Some(Spanned {
            value: found.value.into_iter().map(|text| text.value).collect(),
            at: found.at,
        })
    });
    Some(Server {
        database: database?.value,
        socket: socket?.value,
        port: port?,
        user: user?.value,
        credentials: credentials?.value,
        expect: expect?,
    })
}

fn paths(table: &mut Table<'_>, key: &'static str, example: &str) -> Option<Vec<PathBuf>> {
    if !table.has(key) {
        return Some(Vec::new());
    }
    let mut found = Vec::new();
    for text in table.texts(key, example)?.value {
        match absolute(&text.value) {
            Ok(path) => found.push(path),
            Err(why) => {
                table.fault(
                    text.at,
                    format!("`{key}` must name whole paths"),
                    why,
                    format!("write `{key} = {example}`"),
                );
                return None;
            }
        }
    }
    Some(found)
}

fn absolute(text: &str) -> Result<PathBuf, String> {
    let path = Path::new(text);
    if !path.is_absolute() || text.split('/').any(|part| part == "..") {
        return Err("it does not begin with `/`, or goes up by `..`".to_owned());
    }
    Ok(path.to_owned())
}

/// A name that no program takes for an option, a path or a list of settings.
fn database_name(text: &str) -> Result<String, String> {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    let rest = text.replacen(TENANT, "t", 1);
    if rest.is_empty() || rest.starts_with('-') || !rest.chars().all(plain) {
        return Err("other than letters, digits, `_`, `-` and one `$TENANT`".to_owned());
    }
    Ok(text.to_owned())
}
