//! A server made of a copy of another's files and its write-ahead log, brought to where that one was at a moment.
//!
//! It runs with none of the copied settings but those that the files themselves carry: they may name what is not here.

use std::{
    fs::{self, Permissions},
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    time::Duration,
};

use jiff::Timestamp;
use tokio::{process::Child, time::sleep};

use super::{At, Session, SourceError, child, dump, programs_of};
use crate::manifest::Database;

/// How long it may take to replay a log.
const REPLAY: Duration = Duration::from_secs(4 * 3600);

/// How often it is looked for meanwhile.
const LOOK: Duration = Duration::from_millis(100);

/// What the server says when the moment is after the last transaction that the log has.
const NOT_REACHED: &str = "recovery ended before configured recovery target was reached";

/// Whom it is first asked as: a superuser who may sign in.
const SUPERUSER: &str =
    "select rolname from pg_catalog.pg_roles where rolsuper and rolcanlogin order by oid limit 1;";

/// How far the log was replayed; the place after the last record of it.
const REPLAYED: &str = "select pg_catalog.pg_last_wal_replay_lsn() - '0/0';";

/// How far to go.
pub(crate) struct Until<'a> {
    /// The moment.
    pub at: Timestamp,
    /// What is known to be the end of a record: the log must be replayed to here, unless the moment comes before.
    pub end: u64,
    /// The server's own version.
    pub version: &'a str,
    /// One of its databases, and somebody who may connect to it.
    pub database: &'a str,
    pub user: &'a str,
}

/// A server as another was at a moment.
pub(crate) struct Recovered {
    at: At,
    folder: PathBuf,
    server: Child,
    /// When the last transaction ended that is in it, if the log had any.
    pub last: Option<Timestamp>,
    /// When the first ended that is not.
    pub next: Option<Timestamp>,
}

/// Starts a server on the copied files in `folder/data`, among which its log is, and has it go as far as it should.
///
/// # Errors
///
/// If it does not start, or does not get there.
pub(crate) async fn recover(folder: &Path, until: &Until<'_>) -> Result<Recovered, SourceError> {
    let at = At {
        programs: programs_of(until.version)?,
        socket: folder.to_owned(),
        port: 5432,
        user: until.user.to_owned(),
        passwords: None,
    };
    super::cluster::must_fit(folder)?;
    prepare(folder)?;
    let log = folder.join("log");
    let mut server = start(&at, folder, &log, Some(until.at))?;
    let mut said = String::new();
    if !ready(&at, &mut server, &log).await? {
        said = text(&log);
        // Everything that ended by that moment is in the log, and nothing in it ended later: so all of it is taken.
        if !said.contains(NOT_REACHED) {
            return Err(died(&said));
        }
        server = start(&at, folder, &log, None)?;
        if !ready(&at, &mut server, &log).await? {
            return Err(died(&text(&log)));
        }
    }
    let stopped = text(&log);
    let next = time_after(&stopped, "recovery stopping before");
    let last = time_after(&stopped, "last completed transaction was at log")
        .or_else(|| time_after(&said, "last completed transaction was at log"));
    let mut recovered = Recovered {
        at,
        folder: folder.to_owned(),
        server,
        last,
        next,
    };
    if next.is_none() {
        recovered.must_have_replayed(until).await?;
    }
    recovered.at.user = recovered
        .one(until.database, SUPERUSER)
        .await?
        .ok_or_else(|| {
            SourceError::Fence("it knows no superuser who may sign in; give one `LOGIN`".to_owned())
        })?;
    Ok(recovered)
}

impl Recovered {
    /// Dumps one of its databases, with what it holds in the same snapshot.
    ///
    /// # Errors
    ///
    /// As of any dump.
    pub(crate) async fn dump(&self, database: &str, data: &Path) -> Result<Database, SourceError> {
        dump(&self.at, database, data).await
    }

    /// Has the server look through every table and index of one of its databases.
    ///
    /// # Errors
    ///
    /// With the first thing that is wrong.
    pub(crate) async fn check(&self, database: &str) -> Result<(), SourceError> {
        super::cluster::check(&self.at, database).await
    }

    /// Stops the server and removes all of it.
    ///
    /// # Errors
    ///
    /// If it cannot be removed.
    pub(crate) async fn end(self) -> Result<(), SourceError> {
        super::cluster::stop(&self.at, &self.folder, self.server).await
    }

    /// What ends before this place is damaged: a server takes that for the end of its log.
    async fn must_have_replayed(&self, until: &Until<'_>) -> Result<(), SourceError> {
        /// The head of a page of the log, which may lie between the end of one record and the place of the next.
        const HEAD: u64 = 40;
        let end = until.end;
        let place = self.one(until.database, REPLAYED).await?;
        let place: Option<u64> = place.and_then(|place| place.parse().ok());
        match place {
            Some(place) if place + HEAD >= end => Ok(()),
            _ => Err(SourceError::Fence(format!(
                "its log is replayed up to byte {} and goes on to {end}: what is there is damaged",
                place.unwrap_or_default()
            ))),
        }
    }

    async fn one(&self, database: &str, question: &str) -> Result<Option<String>, SourceError> {
        let mut session = Session::connect(&self.at, database).await?;
        Ok(session.ask(question).await?.into_iter().next())
    }
}

/// Lays the copied settings aside and says that the log is to be replayed as from an archive.
fn prepare(folder: &Path) -> Result<(), SourceError> {
    let data = folder.join("data");
    fs::set_permissions(&data, Permissions::from_mode(0o700))
        .map_err(SourceError::io("open", &data))?;
    let auto = data.join("postgresql.auto.conf");
    match fs::remove_file(&auto) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            return Err(SourceError::io("remove", &auto)(error));
        }
        _ => {}
    }
    for (path, text) in [
        (folder.join("postgresql.conf"), ""),
        // The folder is its user's alone.
        (folder.join("pg_hba.conf"), "local all all trust\n"),
        (folder.join("pg_ident.conf"), ""),
        (data.join("recovery.signal"), ""),
    ] {
        fs::write(&path, text).map_err(SourceError::io("write", &path))?;
    }
    Ok(())
}

fn start(
    at: &At,
    folder: &Path,
    log: &Path,
    until: Option<Timestamp>,
) -> Result<Child, SourceError> {
    let complaints = fs::File::create(log).map_err(SourceError::io("create", log))?;
    let mut command = child::command(&at.programs.join("postgres"));
    command
        .stderr(complaints)
        .arg("-D")
        .arg(folder.join("data"));
    let shown = folder.display();
    let mut settings = vec![
        format!("config_file={shown}/postgresql.conf"),
        format!("hba_file={shown}/pg_hba.conf"),
        format!("ident_file={shown}/pg_ident.conf"),
        format!("unix_socket_directories={shown}"),
    ];
    settings.extend(
        [
            "listen_addresses=",
            "unix_socket_permissions=0700",
            "dynamic_shared_memory_type=mmap",
            "timezone=UTC",
            "log_timezone=UTC",
            // What is thrown away need not survive a power cut.
            "fsync=off",
            "synchronous_commit=off",
            "autovacuum=off",
            "max_wal_senders=0",
            "max_connections=20",
            // At least as many as any transaction that was left prepared.
            "max_prepared_transactions=1000",
            "hot_standby=off",
            // All of the log lies in its place.
            "restore_command=exit 1",
            "recovery_target_timeline=current",
            "recovery_target_action=promote",
        ]
        .map(str::to_owned),
    );
    settings.extend(until.map(|at| {
        let at = at.strftime("%Y-%m-%d %H:%M:%S.%6f+00");
        format!("recovery_target_time={at}")
    }));
    for setting in settings {
        command.args(["-c", &setting]);
    }
    child::start(&mut command, "the recovered server")
}

/// Waits until the server answers; false if it ended first.
async fn ready(at: &At, server: &mut Child, log: &Path) -> Result<bool, SourceError> {
    let mut waited = Duration::ZERO;
    loop {
        let mut ready = child::command(&at.programs.join("pg_isready"));
        ready.arg("--quiet").arg("--host").arg(&at.socket).args([
            "--username",
            &at.user,
            "--dbname=postgres",
        ]);
        if child::run(ready, "the recovered server").await.is_ok() {
            return Ok(true);
        }
        if !matches!(server.try_wait(), Ok(None)) {
            return Ok(false);
        }
        if waited >= REPLAY {
            return Err(died(&text(log)));
        }
        sleep(LOOK).await;
        waited += LOOK;
    }
}

fn died(log: &str) -> SourceError {
    SourceError::Fence(child::said(log).unwrap_or_else(|| "it did not start".to_owned()))
}

fn text(log: &Path) -> String {
    let bytes = fs::read(log).unwrap_or_default();
    String::from_utf8_lossy(&bytes).into_owned()
}

/// The time at the end of the line of the server's own log that says this.
fn time_after(log: &str, words: &str) -> Option<Timestamp> {
    let line = log.lines().find_map(|line| line.split_once(words))?.1;
    let time = line.rsplit_once("time ")?.1.trim();
    let time = time.strip_suffix("+00").or(time.strip_suffix(" UTC"))?;
    format!("{}Z", time.replace(' ', "T")).parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_transactions_nearest_to_the_moment_are_read_from_the_servers_own_log() {
        let log = "2026-11-21 14:32:08.000 UTC [7] LOG:  recovery stopping before commit of transaction 737, time \
                   2026-11-21 14:32:07.123456+00\n\
                   2026-11-21 14:32:08.000 UTC [7] LOG:  last completed transaction was at log time 2026-11-21 14:32:05+00\n";
        let at = |text: &str| Some(format!("2026-11-21T{text}Z").parse().unwrap());
        assert_eq!(
            time_after(log, "recovery stopping before"),
            at("14:32:07.123456")
        );
        assert_eq!(
            time_after(log, "last completed transaction was at log"),
            at("14:32:05")
        );
        assert_eq!(time_after("", "recovery stopping before"), None);
    }
}
