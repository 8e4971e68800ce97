//! MariaDB: a dump in one transaction, and a fresh server to restore it into.

use std::{
    path::{Path, PathBuf},
    process::Stdio,
};

use tokio::process::Command;

use super::{SourceError, child, credentials};
use crate::{
    manifest::{Database, Engine, ServerState},
    settings::Server,
};

mod dump;
mod fresh;

pub(super) use fresh::Fresh;

/// Where the programs are.
pub(super) const CLIENT: &str = "/usr/bin/mariadb";
pub(super) const DUMP: &str = "/usr/bin/mariadb-dump";
pub(super) const CHECK: &str = "/usr/bin/mariadb-check";
pub(super) const SERVER: &str = "/usr/sbin/mariadbd";
/// Its messages, character sets and the tables of a new server.
pub(super) const SHARE: &str = "/usr/share/mysql";

/// What a database is, in one line: its server's version, its size, its tables, and those whose engine knows no
/// transactions.
const ABOUT: &str = "select version(), coalesce(sum(data_length + index_length), 0), count(*), \
    coalesce(sum(not exists (select 1 from information_schema.engines e where e.engine = t.engine and e.transactions = 'YES')), 0) \
    from information_schema.tables t where table_schema = database() and table_type = 'BASE TABLE'";

/// How a server is reached, and as whom.
#[derive(Debug, Clone)]
struct At {
    socket: PathBuf,
    user: String,
    /// The option file with the password, if one is needed.
    options: Option<PathBuf>,
}

/// What a database is before it is dumped.
struct About {
    server: ServerState,
    tables: u64,
    without_transactions: u64,
}

impl At {
    /// One of the server's programs, told where the server is and as whom to go there. The password is in a file that
    /// only its name is given of.
    fn client(&self, program: &str) -> Command {
        let mut command = child::command(Path::new(program));
        // This has to come first.
        match &self.options {
            Some(options) => command.arg(format!("--defaults-file={}", options.display())),
            None => command.arg("--no-defaults"),
        };
        command
            .arg("--socket")
            .arg(&self.socket)
            .args(["--user", &self.user]);
        command
    }

    /// The lines that a statement answers with.
    async fn ask(&self, database: &str, sql: &str) -> Result<String, SourceError> {
        let mut command = self.client(CLIENT);
        command
            .args(["--batch", "--skip-column-names", "--connect-timeout=30"])
            .args(["--init-command", "set session transaction read only"])
            .args(["--database", database, "--execute", sql])
            .stdout(Stdio::piped());
        let mut child = child::start(&mut command, database)?;
        let stdout = child.stdout.take();
        let reading = async {
            match stdout {
                Some(stdout) => child::complaints(stdout).await,
                None => String::new(),
            }
        };
        let (said, ended) = tokio::join!(reading, child::ended(child, "mariadb", database));
        ended.map(|()| said)
    }

    async fn about(&self, database: &str) -> Result<About, SourceError> {
        let said = self.ask(database, ABOUT).await?;
        let unread = || {
            child::failed(
                "mariadb".to_owned(),
                database,
                "it does not say its version and size",
            )
        };
        let fields: Vec<&str> = said.trim().split('\t').collect();
        let [version, bytes, tables, without] = fields.as_slice() else {
            return Err(unread());
        };
        let number = |text: &str| text.parse::<u64>().map_err(|_| unread());
        Ok(About {
            server: ServerState {
                engine: Engine::Mariadb,
                version: line_of(version),
                bytes: number(bytes)?,
            },
            tables: number(tables)?,
            without_transactions: number(without)?,
        })
    }

    /// Dumps a database to a file, and reads what it holds from that.
    async fn dump(&self, database: &str, about: About, to: &Path) -> Result<Database, SourceError> {
        let mut command = self.client(DUMP);
        // An engine without transactions has no moment that others can write after, so they wait.
        command.arg(if about.without_transactions == 0 {
            "--single-transaction"
        } else {
            "--lock-all-tables"
        });
        command
            .args([
                "--quick",
                "--routines",
                "--triggers",
                "--events",
                "--hex-blob",
            ])
            .args([
                "--skip-dump-date",
                "--no-tablespaces",
                "--default-character-set=utf8mb4",
            ])
            .arg(format!("--result-file={}", to.display()))
            .args(["--databases", database]);
        child::run(command, database).await?;
        let found = dump::read(to)?;
        if !found.complete {
            let why = "its dump does not say that it is complete";
            return Err(child::failed("mariadb-dump".to_owned(), database, why));
        }
        Ok(Database {
            user_version: 0,
            schema: found.schema,
            tables: found.tables,
            server: Some(about.server),
        })
    }
}

/// The name of a database's dump.
pub(super) fn file(database: &str) -> String {
    format!("{database}.sql")
}

/// Dumps the database into `data`.
///
/// # Errors
///
/// If the server cannot be reached or does not get through, or the database has no table.
pub(super) async fn copy(server: &Server, data: &Path) -> Result<Database, SourceError> {
    credentials::check(&server.credentials)?;
    let at = At {
        socket: server.socket.clone(),
        user: server.user.clone(),
        options: Some(server.credentials.clone()),
    };
    let name = &server.database;
    let about = at.about(name).await?;
    if about.tables == 0 {
        return Err(SourceError::NoTable(name.clone()));
    }
    at.dump(name, about, &data.join(file(name))).await
}

/// `10.11` of `10.11.19-MariaDB-0+deb12u1`: within it, definitions are written alike.
fn line_of(version: &str) -> String {
    version.split('.').take(2).collect::<Vec<_>>().join(".")
}
