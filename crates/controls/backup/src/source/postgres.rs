//! PostgreSQL: a dump and what it holds, both in one exported snapshot; and a fresh server to restore it into.

use std::path::{Path, PathBuf};

use tokio::process::Command;

use super::{SourceError, child, credentials};
use crate::{manifest::Database, settings::Server};

mod cluster;
mod psql;
mod recovered;

pub(super) use cluster::Cluster;
pub(crate) use psql::Session;
pub(crate) use recovered::{Until, recover};

/// Where Debian keeps each version's programs.
const VERSIONS: &str = "/usr/lib/postgresql";

/// What the dump of roles is called, beside that of the database.
pub(super) const ROLES: &str = "roles.sql";

/// How a server is reached, and as whom.
#[derive(Debug, Clone)]
pub(crate) struct At {
    /// The folder of the programs.
    programs: PathBuf,
    /// The folder of the server's socket.
    socket: PathBuf,
    port: u16,
    user: String,
    /// The file with the password, if one is needed.
    passwords: Option<PathBuf>,
}

impl At {
    /// A server as it is stated, with the newest programs that are installed.
    pub(crate) fn of(server: &Server) -> Result<Self, SourceError> {
        credentials::check(&server.credentials)?;
        Ok(Self {
            programs: programs()?,
            socket: server.socket.clone(),
            port: server.port,
            user: server.user.clone(),
            passwords: Some(server.credentials.clone()),
        })
    }

    /// The same with the programs of just this version: nothing else reads a copy of the server's own files.
    pub(crate) fn of_version(self, version: &str) -> Result<Self, SourceError> {
        Ok(Self {
            programs: programs_of(version)?,
            ..self
        })
    }

    /// One of the server's programs, told where the server is and as whom to go there. The password is in a file that
    /// only its name is given of.
    pub(crate) fn client(&self, program: &str) -> Command {
        let mut command = child::command(&self.programs.join(program));
        command
            .env("PGCONNECT_TIMEOUT", "30")
            .env("PGAPPNAME", "avouch")
            .arg("--no-password")
            .arg("--host")
            .arg(&self.socket)
            .arg("--port")
            .arg(self.port.to_string())
            .args(["--username", &self.user]);
        if let Some(passwords) = &self.passwords {
            command.env("PGPASSFILE", passwords);
        }
        command
    }
}

/// The name of a database's dump.
pub(crate) fn file(database: &str) -> String {
    format!("{database}.dump")
}

/// Dumps the database into `data`, with what it holds in the same snapshot.
///
/// # Errors
///
/// If the server cannot be reached or does not get through, or the database has no table.
pub(super) async fn copy(server: &Server, data: &Path) -> Result<Database, SourceError> {
    dump(&At::of(server)?, &server.database, data).await
}

/// The same of a server that is reached so.
async fn dump(at: &At, name: &str, data: &Path) -> Result<Database, SourceError> {
    let mut session = Session::open(at, name).await?;
    let snapshot = session.snapshot().await?;
    let mut dump = at.client("pg_dump");
    // Not packed, so that what did not change between two dumps is stored once.
    dump.args([
        "--format=custom",
        "--compress=0",
        "--lock-wait-timeout=600000",
    ])
    .arg(format!("--snapshot={snapshot}"))
    .arg("--file")
    .arg(data.join(file(name)))
    .arg(format!("--dbname={name}"));
    child::run(dump, name).await?;
    let found = session.survey().await?;
    session.close().await?;
    if found.tables.is_empty() {
        return Err(SourceError::NoTable(name.to_owned()));
    }
    let mut roles = at.client("pg_dumpall");
    roles
        .args(["--globals-only", "--no-role-passwords", "--no-tablespaces"])
        .arg(format!("--database={name}"))
        .arg("--file")
        .arg(data.join(ROLES));
    child::run(roles, name).await?;
    Ok(found)
}

/// The folder of the programs of a version.
pub(crate) fn programs_of(version: &str) -> Result<PathBuf, SourceError> {
    let programs = Path::new(VERSIONS).join(version).join("bin");
    match programs.join("pg_receivewal").is_file() {
        true => Ok(programs),
        false => Err(SourceError::NotInstalled {
            program: format!(
                "PostgreSQL {version}'s pg_receivewal (Debian's package postgresql-{version}), of the server's own version,"
            ),
        }),
    }
}

/// The programs of the newest version that is installed: they read every older one.
fn programs() -> Result<PathBuf, SourceError> {
    let absent = || SourceError::NotInstalled {
        program: "PostgreSQL's pg_dump".to_owned(),
    };
    std::fs::read_dir(VERSIONS)
        .map_err(|_| absent())?
        .filter_map(|entry| {
            let entry = entry.ok()?;
            let version: u32 = entry.file_name().to_str()?.parse().ok()?;
            let programs = entry.path().join("bin");
            programs
                .join("pg_dump")
                .is_file()
                .then_some((version, programs))
        })
        .max()
        .map(|(_, programs)| programs)
        .ok_or_else(absent)
}
