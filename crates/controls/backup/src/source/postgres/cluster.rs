//! A fresh server for one dump: made, filled, looked at and thrown away.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use tokio::{process::Child, time::sleep};

use super::{At, ROLES, SourceError, child, file, programs, psql};
use crate::manifest::Database;

/// Nobody else's role has this name, so that all roles of the dump can be made.
const OWNER: &str = "avouch_fence";

/// What a process asks for its own name, which an id without an account does not have.
const NAMES: &str = "libnss_wrapper.so";

/// How long a server may take to start.
const START: Duration = Duration::from_secs(120);
/// How often it is looked for meanwhile.
const LOOK: Duration = Duration::from_millis(50);

/// The longest path that a socket can have.
///
/// Source: `unix(7)`, `sun_path`, with its last byte.
const LONGEST: usize = 107;

/// A running server with nobody else's way in.
pub(in crate::source) struct Cluster {
    at: At,
    folder: PathBuf,
    server: Child,
}

impl Cluster {
    /// Makes and starts one in this folder, which must not be there yet.
    ///
    /// # Errors
    ///
    /// If it does not start.
    pub(in crate::source) async fn start(folder: &Path) -> Result<Self, SourceError> {
        let at = At {
            programs: programs()?,
            socket: folder.to_owned(),
            port: 5432,
            user: OWNER.to_owned(),
            passwords: None,
        };
        must_fit(folder)?;
        fs::create_dir_all(folder).map_err(SourceError::io("create", folder))?;
        let data = folder.join("data");
        make(&at, folder, &data).await?;
        let log = folder.join("log");
        let complaints = fs::File::create(&log).map_err(SourceError::io("create", &log))?;
        let mut command = child::command(&at.programs.join("postgres"));
        command.stderr(complaints).arg("-D").arg(&data);
        // What is thrown away need not survive a power cut.
        for setting in [
            "listen_addresses=",
            "unix_socket_permissions=0700",
            "dynamic_shared_memory_type=mmap",
            "fsync=off",
            "full_page_writes=off",
            "synchronous_commit=off",
            "autovacuum=off",
            "wal_level=minimal",
            "max_wal_senders=0",
            "max_connections=20",
            "maintenance_work_mem=128MB",
        ] {
            command.args(["-c", setting]);
        }
        command.args([
            "-c",
            &format!("unix_socket_directories={}", folder.display()),
        ]);
        let server = child::start(&mut command, "a fresh server")?;
        let mut cluster = Self {
            at,
            folder: folder.to_owned(),
            server,
        };
        cluster.wait(&log).await?;
        Ok(cluster)
    }

    /// Restores a dump and the roles beside it.
    ///
    /// # Errors
    ///
    /// At the first thing that cannot be restored.
    pub(in crate::source) async fn restore(
        &self,
        data: &Path,
        database: &str,
    ) -> Result<(), SourceError> {
        let mut roles = self.at.client("psql");
        roles
            .args(["--no-psqlrc", "--quiet", "--set", "ON_ERROR_STOP=1"])
            .args(["--dbname=postgres", "--file"])
            .arg(data.join(ROLES));
        child::run(roles, database).await?;
        let mut restore = self.at.client("pg_restore");
        restore
            .args(["--exit-on-error", "--create", "--no-tablespaces"])
            .arg("--dbname=postgres")
            .arg(data.join(file(database)));
        child::run(restore, database).await
    }

    /// What the restored database holds.
    ///
    /// # Errors
    ///
    /// If it cannot be read.
    pub(in crate::source) async fn survey(&self, database: &str) -> Result<Database, SourceError> {
        let mut session = psql::Session::open(&self.at, database).await?;
        let found = session.survey().await?;
        session.close().await?;
        Ok(found)
    }

    /// Whether the restored database answers a question by yes.
    pub(in crate::source) async fn asked(&self, database: &str, question: &str) -> bool {
        psql::asked(&self.at, database, question).await
    }

    /// Has the server look through every table and index of the restored database.
    ///
    /// # Errors
    ///
    /// With the first thing that is wrong.
    pub(in crate::source) async fn check(&self, database: &str) -> Result<(), SourceError> {
        check(&self.at, database).await
    }

    /// Stops the server and removes all of it.
    ///
    /// # Errors
    ///
    /// If it cannot be removed.
    pub(in crate::source) async fn end(self) -> Result<(), SourceError> {
        stop(&self.at, &self.folder, self.server).await
    }

    async fn wait(&mut self, log: &Path) -> Result<(), SourceError> {
        let mut waited = Duration::ZERO;
        loop {
            let mut ready = child::command(&self.at.programs.join("pg_isready"));
            ready
                .arg("--quiet")
                .arg("--host")
                .arg(&self.at.socket)
                .args(["--username", OWNER, "--dbname=postgres"]);
            if child::run(ready, "a fresh server").await.is_ok() {
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

/// Refuses a folder whose name is too long for a server's socket in it.
pub(super) fn must_fit(folder: &Path) -> Result<(), SourceError> {
    let socket = folder.join(".s.PGSQL.5432");
    match socket.as_os_str().len() > LONGEST {
        true => Err(SourceError::TooDeep(folder.to_owned())),
        false => Ok(()),
    }
}

/// Has a server look through every table and index of a database.
pub(super) async fn check(at: &At, database: &str) -> Result<(), SourceError> {
    let mut check = at.client("pg_amcheck");
    check
        .args(["--install-missing", "--heapallindexed", "--parent-check"])
        .arg(database);
    child::run(check, database).await
}

/// Stops a server and removes the folder that it and its data are in.
pub(super) async fn stop(at: &At, folder: &Path, mut server: Child) -> Result<(), SourceError> {
    let mut stop = child::command(&at.programs.join("pg_ctl"));
    stop.args(["stop", "--mode=immediate", "--silent", "-D"])
        .arg(folder.join("data"));
    child::run(stop, "a fresh server").await?;
    let _ = server.wait().await;
    fs::remove_dir_all(folder).map_err(SourceError::io("remove", folder))
}

/// Makes a new cluster.
async fn make(at: &At, folder: &Path, data: &Path) -> Result<(), SourceError> {
    // `initdb` asks for the name of the account that it runs as. Ids of this service have none, and no job sees the
    // list of accounts; so it is shown one of its own.
    let own = fs::metadata(folder).map_err(SourceError::io("look at", folder))?;
    let (uid, gid) = {
        use std::os::unix::fs::MetadataExt as _;
        (own.uid(), own.gid())
    };
    let names = [
        ("passwd", format!("{OWNER}:x:{uid}:{gid}::/:/bin/sh\n")),
        ("group", format!("{OWNER}:x:{gid}:\n")),
    ];
    for (name, line) in &names {
        let path = folder.join(name);
        fs::write(&path, line).map_err(SourceError::io("write", &path))?;
    }
    let mut command = child::command(&at.programs.join("initdb"));
    command
        .env("LD_PRELOAD", NAMES)
        .env("NSS_WRAPPER_PASSWD", folder.join("passwd"))
        .env("NSS_WRAPPER_GROUP", folder.join("group"))
        .args([
            "--username",
            OWNER,
            "--auth-local=trust",
            "--auth-host=reject",
        ])
        .args(["--no-sync", "--locale=C", "--encoding=UTF8"])
        .arg("-D")
        .arg(data);
    child::run(command, "a fresh server")
        .await
        .map_err(|error| match error {
            SourceError::Program { said, .. } if said.contains("effective user") => {
                SourceError::NotInstalled {
                    program: format!("`{NAMES}` (Debian's package libnss-wrapper)"),
                }
            }
            other => other,
        })
}
