//! A fresh server for one dump: made, filled, looked at and thrown away.

use std::{
    collections::BTreeSet,
    fs::{self, File},
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use tokio::{
    io::AsyncWriteExt as _,
    process::{Child, Command},
    time::sleep,
};

use super::{At, CHECK, CLIENT, SERVER, SHARE, SourceError, child, file};
use crate::manifest::Database;

/// The owner of everything in a new server.
const OWNER: &str = "root";

/// What makes the tables that a server keeps for itself, in this order.
const SYSTEM: [&str; 4] = [
    "mysql_system_tables.sql",
    "mysql_performance_tables.sql",
    "mysql_system_tables_data.sql",
    "maria_add_gis_sp_bootstrap.sql",
];

/// How long a server may take to start.
const START: Duration = Duration::from_secs(120);
/// How often it is looked for meanwhile.
const LOOK: Duration = Duration::from_millis(50);

/// The longest path that a socket can have.
///
/// Source: `unix(7)`, `sun_path`, with its last byte.
const LONGEST: usize = 107;

/// A running server with nobody else's way in.
pub(in crate::source) struct Fresh {
    at: At,
    folder: PathBuf,
    server: Child,
}

impl Fresh {
    /// Makes and starts one in this folder, which must not be there yet.
    ///
    /// # Errors
    ///
    /// If it does not start.
    pub(in crate::source) async fn start(folder: &Path) -> Result<Self, SourceError> {
        let at = At {
            socket: folder.join("socket"),
            user: OWNER.to_owned(),
            options: None,
        };
        if at.socket.as_os_str().len() > LONGEST {
            return Err(SourceError::TooDeep(folder.to_owned()));
        }
        for within in ["data", "tmp"] {
            let path = folder.join(within);
            fs::create_dir_all(&path).map_err(SourceError::io("create", &path))?;
        }
        make(folder).await?;
        let log = folder.join("log");
        let complaints = File::create(&log).map_err(SourceError::io("create", &log))?;
        let mut command = program(folder);
        command
            .stderr(complaints)
            .arg("--skip-networking")
            .arg(format!("--socket={}", at.socket.display()))
            .arg(format!("--pid-file={}", folder.join("pid").display()));
        let server = child::start(&mut command, "a fresh server")?;
        let mut fresh = Self {
            at,
            folder: folder.to_owned(),
            server,
        };
        fresh.wait(&log).await?;
        Ok(fresh)
    }

    /// Restores a dump, having made those whom its views and routines belong to.
    ///
    /// # Errors
    ///
    /// At the first thing that cannot be restored.
    pub(in crate::source) async fn restore(
        &self,
        data: &Path,
        database: &str,
        recorded: &Database,
    ) -> Result<(), SourceError> {
        for owner in owners(&recorded.schema) {
            let grant = format!(
                "create user if not exists {owner} account lock; grant all privileges on `{database}`.* to {owner}"
            );
            let mut command = self.at.client(CLIENT);
            command.args(["--execute", &grant]);
            child::run(command, database).await?;
        }
        let path = data.join(file(database));
        let dump = File::open(&path).map_err(SourceError::io("open", &path))?;
        let mut command = self.at.client(CLIENT);
        command
            .args(["--default-character-set=utf8mb4", "--max-allowed-packet=1G"])
            .stdin(dump);
        child::run(command, database).await
    }

    /// What the restored database holds: it is dumped again.
    ///
    /// # Errors
    ///
    /// If it cannot be read.
    pub(in crate::source) async fn survey(&self, database: &str) -> Result<Database, SourceError> {
        let about = self.at.about(database).await?;
        self.at
            .dump(database, about, &self.folder.join("again"))
            .await
    }

    /// Whether the restored database answers a question by yes.
    pub(in crate::source) async fn asked(&self, database: &str, question: &str) -> bool {
        self.at
            .ask(database, question)
            .await
            .is_ok_and(|said| said.trim_end() == "1")
    }

    /// Has the server look through every table and index of the restored database.
    ///
    /// # Errors
    ///
    /// With the first thing that is wrong.
    pub(in crate::source) async fn check(&self, database: &str) -> Result<(), SourceError> {
        let mut command = self.at.client(CHECK);
        command
            .args(["--check", "--extended", "--silent", "--databases", database])
            .stdout(Stdio::piped());
        let mut child = child::start(&mut command, database)?;
        let stdout = child.stdout.take();
        let reading = async {
            match stdout {
                Some(stdout) => child::complaints(stdout).await,
                None => String::new(),
            }
        };
        let (said, ended) = tokio::join!(reading, child::ended(child, "mariadb-check", database));
        ended?;
        match child::said(&said) {
            Some(wrong) => Err(child::failed("mariadb-check".to_owned(), database, &wrong)),
            None => Ok(()),
        }
    }

    /// Stops the server and removes all of it.
    ///
    /// # Errors
    ///
    /// If it cannot be removed.
    pub(in crate::source) async fn end(mut self) -> Result<(), SourceError> {
        let _ = self.server.kill().await;
        fs::remove_dir_all(&self.folder).map_err(SourceError::io("remove", &self.folder))
    }

    async fn wait(&mut self, log: &Path) -> Result<(), SourceError> {
        let mut waited = Duration::ZERO;
        loop {
            if self.at.ask("mysql", "select 1").await.is_ok() {
                return Ok(());
            }
            let over = !matches!(self.server.try_wait(), Ok(None));
            if over || waited >= START {
                let log = fs::read_to_string(log).unwrap_or_default();
                let why = child::said(&log).unwrap_or_else(|| "it did not start".to_owned());
                return Err(SourceError::Fence(why));
            }
            sleep(LOOK).await;
            waited += LOOK;
        }
    }
}

/// The server, on a new folder; what is thrown away need not survive a power cut.
fn program(folder: &Path) -> Command {
    let mut command = child::command(Path::new(SERVER));
    command
        .arg("--no-defaults")
        .arg(format!("--datadir={}", folder.join("data").display()))
        .arg(format!("--tmpdir={}", folder.join("tmp").display()))
        .arg(format!("--lc-messages-dir={SHARE}"))
        .args(["--innodb-use-native-aio=0", "--innodb-flush-method=nosync"])
        .args([
            "--innodb-flush-log-at-trx-commit=0",
            "--innodb-doublewrite=0",
        ])
        .args([
            "--max-allowed-packet=1G",
            "--skip-log-bin",
            "--skip-name-resolve",
        ])
        .arg("--event-scheduler=off");
    command
}

/// Makes the tables that a server keeps for itself.
async fn make(folder: &Path) -> Result<(), SourceError> {
    let mut sql =
        b"create database mysql;\nuse mysql;\nset @auth_root_socket=NULL;\nset @skip_auth_anonymous=1;\n"
            .to_vec();
    for name in SYSTEM {
        let path = Path::new(SHARE).join(name);
        sql.extend(fs::read(&path).map_err(|_| SourceError::NotInstalled {
            program: "MariaDB's server (Debian's package mariadb-server-core)".to_owned(),
        })?);
    }
    let mut command = program(folder);
    command.arg("--bootstrap").stdin(Stdio::piped());
    let mut child = child::start(&mut command, "a fresh server")?;
    let stdin = child.stdin.take();
    let feeding = async {
        if let Some(mut stdin) = stdin {
            // One that does not read what it is given says so by how it ends.
            let _ = stdin.write_all(&sql).await;
        }
    };
    let ((), ended) = tokio::join!(feeding, child::ended(child, "mariadbd", "a fresh server"));
    ended
}

/// Everybody whom a view, a routine, a trigger or an event belongs to, as it is written.
fn owners(schema: &[String]) -> BTreeSet<&str> {
    let mut found = BTreeSet::new();
    for line in schema {
        let mut rest = line.as_str();
        while let Some((_, after)) = rest.split_once("DEFINER=`") {
            rest = after;
            // To the quote that ends the host's name.
            if let Some((end, _)) = after.match_indices('`').nth(2)
                && let Some(start) = line.len().checked_sub(after.len() + 1)
                && let Some(owner) = line.get(start..start + end + 2)
            {
                found.insert(owner);
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everybody_whom_something_belongs_to_is_found_once() {
        let schema = [
            "/*!50017 DEFINER=`app`@`localhost`*/ /*!50003 trigger tr",
            "CREATE DEFINER=`other`@`%` PROCEDURE `p`()",
            "/*!50013 DEFINER=`app`@`localhost` SQL SECURITY DEFINER */",
            "CREATE TABLE `ward` (",
        ]
        .map(str::to_owned);
        assert_eq!(
            owners(&schema),
            BTreeSet::from(["`app`@`localhost`", "`other`@`%`"])
        );
    }
}
