//! One session of `psql`, asked step by step: what a database holds, by table, and its answers to questions.

use std::{collections::BTreeMap, process::Stdio};

use tokio::{
    io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader},
    process::{Child, ChildStdin, ChildStdout},
    task::JoinHandle,
};

use super::{
    super::{SourceError, child},
    At,
};
use crate::{
    draw,
    manifest::{Database, Engine, Rows, ServerState},
};

/// What each value is written as must not depend on how the server or the database is set.
const PLAIN: &str = "set client_encoding = 'UTF8'; set datestyle = 'ISO, YMD'; set intervalstyle = 'postgres'; \
    set timezone = 'UTC'; set extra_float_digits = 3; set bytea_output = 'hex'; set lc_monetary = 'C'; \
    set row_security = off; set search_path = ''; set statement_timeout = 0; \
    set idle_in_transaction_session_timeout = 0; set lock_timeout = '10min';";

const BEGIN: &str = "begin transaction isolation level repeatable read, read only;";

/// Tables with rows of their own that a dump holds.
const TABLES: &str = "copy (select pg_catalog.format('%I.%I', n.nspname, c.relname) from pg_catalog.pg_class c \
    join pg_catalog.pg_namespace n on n.oid = c.relnamespace \
    where c.relkind = 'r' and c.relpersistence <> 't' and n.nspname !~ '^pg_' and n.nspname <> 'information_schema' \
    and not exists (select from pg_catalog.pg_depend d where d.deptype = 'e' and d.objid = c.oid \
    and d.classid = 'pg_catalog.pg_class'::regclass) order by 1) to stdout;";

/// The server's version, and what the database takes on its disk.
const ABOUT: &str = "select pg_catalog.current_setting('server_version_num'), \
    pg_catalog.pg_database_size(pg_catalog.current_database());";

const SCHEMA: &str = include_str!("schema.sql");

/// A session.
pub(crate) struct Session {
    child: Child,
    to: ChildStdin,
    from: BufReader<ChildStdout>,
    complaints: JoinHandle<String>,
    /// Stands after each answer, and in none.
    mark: String,
    database: String,
}

impl Session {
    /// Connects and begins one transaction that only reads.
    pub(super) async fn open(at: &At, database: &str) -> Result<Self, SourceError> {
        let mut session = Self::connect(at, database).await?;
        session.ask(BEGIN).await?;
        Ok(session)
    }

    /// Connects; each statement is a transaction of its own.
    pub(crate) async fn connect(at: &At, database: &str) -> Result<Self, SourceError> {
        let mut command = at.client("psql");
        command
            .args(["--no-psqlrc", "--quiet", "--no-align", "--tuples-only"])
            .args(["--set", "ON_ERROR_STOP=1"])
            .arg(format!("--dbname={database}"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped());
        let mut child = child::start(&mut command, database)?;
        let (Some(to), Some(from), Some(stderr)) =
            (child.stdin.take(), child.stdout.take(), child.stderr.take())
        else {
            return Err(failed(database, "it was started without its pipes"));
        };
        let mut session = Self {
            child,
            to,
            from: BufReader::new(from),
            complaints: tokio::spawn(child::complaints(stderr)),
            mark: mark().map_err(|error| failed(database, &error.to_string()))?,
            database: database.to_owned(),
        };
        session.ask(PLAIN).await?;
        Ok(session)
    }

    /// The name under which another session can see just what this one sees.
    pub(super) async fn snapshot(&mut self) -> Result<String, SourceError> {
        let said = self.ask("select pg_catalog.pg_export_snapshot();").await?;
        said.into_iter()
            .next()
            .ok_or_else(|| failed(&self.database, "it exported no snapshot"))
    }

    /// What the database holds.
    pub(super) async fn survey(&mut self) -> Result<Database, SourceError> {
        let server = self.server().await?;
        let schema = self.ask(SCHEMA).await?;
        let mut tables = BTreeMap::new();
        for table in self.ask(TABLES).await? {
            let table = unescaped(&table);
            let mut rows = Rows::new();
            self.each(
                &format!("copy (select * from only {table}) to stdout;"),
                |row| {
                    let first = row.split(|byte| *byte == b'\t').next();
                    rows.add(row, first.unwrap_or_default());
                },
            )
            .await?;
            tables.insert(table, rows.finish());
        }
        Ok(Database {
            user_version: 0,
            schema,
            tables,
            server: Some(server),
        })
    }

    /// Ends the session, which must have gone well to its end.
    pub(super) async fn close(mut self) -> Result<(), SourceError> {
        self.ask("commit;").await?;
        drop(self.to);
        let status = self.child.wait().await;
        match status {
            Ok(status) if status.success() => Ok(()),
            _ => Err(failed(&self.database, "it did not end well")),
        }
    }

    async fn server(&mut self) -> Result<ServerState, SourceError> {
        let said = self
            .ask(ABOUT)
            .await?
            .into_iter()
            .next()
            .unwrap_or_default();
        let unread = || failed(&self.database, "it does not say its version and size");
        let (version, bytes) = said.split_once('|').ok_or_else(unread)?;
        let version: u32 = version.parse().map_err(|_| unread())?;
        Ok(ServerState {
            engine: Engine::Postgres,
            version: (version / 10_000).to_string(),
            bytes: bytes.parse().map_err(|_| unread())?,
        })
    }

    /// Sends a statement; the lines of its answer.
    pub(crate) async fn ask(&mut self, sql: &str) -> Result<Vec<String>, SourceError> {
        let mut lines = Vec::new();
        self.each(sql, |line| {
            lines.push(String::from_utf8_lossy(line).into_owned());
        })
        .await?;
        Ok(lines)
    }

    /// Sends a statement, and goes through the lines of its answer.
    async fn each(&mut self, sql: &str, mut line: impl FnMut(&[u8])) -> Result<(), SourceError> {
        let text = format!("{sql}\n\\echo {}\n", self.mark);
        if self.to.write_all(text.as_bytes()).await.is_err() || self.to.flush().await.is_err() {
            return Err(self.gone().await);
        }
        let mut read = Vec::new();
        loop {
            read.clear();
            let long = self.from.read_until(b'\n', &mut read).await;
            if !matches!(long, Ok(1..)) || read.pop() != Some(b'\n') {
                return Err(self.gone().await);
            }
            if read == self.mark.as_bytes() {
                return Ok(());
            }
            line(&read);
        }
    }

    /// Why it ended before its time.
    async fn gone(&mut self) -> SourceError {
        let _ = self.child.kill().await;
        let complaints = (&mut self.complaints).await.unwrap_or_default();
        let why = child::said(&complaints);
        failed(
            &self.database,
            why.as_deref().unwrap_or("it ended before its time"),
        )
    }
}

/// Whether a question is answered by a single yes. One that cannot be asked is not.
pub(super) async fn asked(at: &At, database: &str, question: &str) -> bool {
    let mut command = at.client("psql");
    command
        .args(["--no-psqlrc", "--quiet", "--no-align", "--tuples-only"])
        .env("PGOPTIONS", "-c default_transaction_read_only=on")
        .arg(format!("--dbname={database}"))
        .args(["--command", question])
        .stdout(Stdio::piped());
    let Ok(child) = child::start(&mut command, database) else {
        return false;
    };
    child
        .wait_with_output()
        .await
        .is_ok_and(|output| output.status.success() && output.stdout.trim_ascii() == b"t")
}

/// A line that no row can be known to be.
fn mark() -> std::io::Result<String> {
    let part = || draw::below(usize::MAX);
    Ok(format!("mark-{:x}-{:x}", part()?, part()?))
}

fn failed(database: &str, why: &str) -> SourceError {
    child::failed("psql".to_owned(), database, why)
}

/// A value as it was before `copy` wrote it as one line.
fn unescaped(text: &str) -> String {
    let mut plain = String::new();
    let mut letters = text.chars();
    while let Some(letter) = letters.next() {
        plain.push(match letter {
            '\\' => match letters.next() {
                Some('n') => '\n',
                Some('t') => '\t',
                Some('r') => '\r',
                Some(other) => other,
                None => '\\',
            },
            letter => letter,
        });
    }
    plain
}
