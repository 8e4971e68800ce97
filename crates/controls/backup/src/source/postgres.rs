//! PostgreSQL: a dump and what it holds, both in one exported snapshot; and a fresh server to restore it into.

use std::path::{Path, PathBuf};

use tokio::process::Command;

use super::{SourceError, child, credentials};
use crate::{manifest::Database, settings::Server};

mod cluster;
mod psql;

pub(super) use cluster::Cluster;
use psql::Session;

/// Where Debian keeps each version's programs.
const VERSIONS: &str = "/usr/lib/postgresql";

/// What the dump of roles is called, beside that of the database.
pub(super) const ROLES: &str = "roles.sql";

/// How a server is reached, and as whom.
#[derive(Debug, Clone)]
struct At {
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
    /// One of the server's programs, told where the server is and as whom to go there. The password is in a file that
    /// only its name is given of.
    fn client(&self, program: &str) -> Command {
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
pub(super) fn file(database: &str) -> String {
    format!("{database}.dump")
}

/// Dumps the database into `data`, with what it holds in the same snapshot.
///
/// # Errors
///
/// If the server cannot be reached or does not get through, or the database has no table.
pub(super) async fn copy(server: &Server, data: &Path) -> Result<Database, SourceError> {
    credentials::check(&server.credentials)?;
    let at = At {
        programs: programs()?,
        socket: server.socket.clone(),
        port: server.port,
        user: server.user.clone(),
        passwords: Some(server.credentials.clone()),
    };
    let name = &server.database;
    let mut session = Session::open(&at, name).await?;
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
        return Err(SourceError::NoTable(name.clone()));
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
