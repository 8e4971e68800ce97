//! Programs that a job starts: with an empty environment, no input, and what they complain of kept.

use std::{io, os::unix::process::ExitStatusExt as _, path::Path, process::Stdio};

use tokio::{
    io::{AsyncRead, AsyncReadExt as _},
    process::{Child, Command},
};

use super::SourceError;

/// At most this much of what a program complains of is kept.
const LONGEST: usize = 64 << 10;

/// At most this much of it is passed on.
const SHOWN: usize = 300;

/// A command with nothing of this process's environment, whose child ends with whoever waits for it.
pub(crate) fn command(program: &Path) -> Command {
    let mut command = Command::new(program);
    command
        .env_clear()
        .env("LC_ALL", "C")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    command
}

/// Starts it; `of` is what it reads, for whoever reads the error.
pub(crate) fn start(command: &mut Command, of: &str) -> Result<Child, SourceError> {
    command.spawn().map_err(|source| {
        let program = name(command);
        if source.kind() == io::ErrorKind::NotFound {
            return SourceError::NotInstalled { program };
        }
        failed(program, of, &source.to_string())
    })
}

/// Runs it to its end, which must be a good one.
pub(crate) async fn run(mut command: Command, of: &str) -> Result<(), SourceError> {
    let child = start(&mut command, of)?;
    ended(child, &name(&command), of).await
}

/// Waits for its end, which must be a good one.
pub(crate) async fn ended(mut child: Child, program: &str, of: &str) -> Result<(), SourceError> {
    let complaints = match child.stderr.take() {
        Some(stderr) => complaints(stderr).await,
        None => String::new(),
    };
    let status = child
        .wait()
        .await
        .map_err(|error| failed(program.to_owned(), of, &error.to_string()))?;
    if status.success() {
        return Ok(());
    }
    let how = match (status.signal(), status.code()) {
        (Some(signal), _) => format!("ended by signal {signal}"),
        (None, code) => format!("ended with status {}", code.unwrap_or_default()),
    };
    let said = match said(&complaints) {
        Some(said) => format!("{how}: {said}"),
        None => how,
    };
    Err(failed(program.to_owned(), of, &said))
}

/// What it writes to standard error, to the end of it.
pub(crate) async fn complaints(mut from: impl AsyncRead + Unpin) -> String {
    let mut kept = Vec::new();
    let mut part = [0; 4096];
    while let Ok(read @ 1..) = from.read(&mut part).await {
        if kept.len() < LONGEST {
            kept.extend(part.iter().take(read));
        }
    }
    String::from_utf8_lossy(&kept).into_owned()
}

/// The name that a program is spoken of by.
pub(crate) fn name(command: &Command) -> String {
    let program = Path::new(command.as_std().get_program());
    program.file_name().map_or_else(
        || program.display().to_string(),
        |name| name.to_string_lossy().into_owned(),
    )
}

pub(crate) fn failed(program: String, of: &str, said: &str) -> SourceError {
    SourceError::Program {
        program,
        of: of.to_owned(),
        said: said.to_owned(),
    }
}

/// The line that says why, without where the server is: evidence goes to the tenant, and places are the supplier's.
pub(crate) fn said(complaints: &str) -> Option<String> {
    let lines = || {
        complaints
            .lines()
            .map(str::trim)
            .filter(|line| !line.is_empty())
    };
    let telling = lines()
        .find(|line| ["FATAL:", "PANIC:"].iter().any(|word| line.contains(word)))
        .or_else(|| lines().find(|line| line.to_ascii_lowercase().contains("error")))
        .or_else(|| lines().next_back())?;
    let from = ["FATAL:", "PANIC:", "ERROR:", "error:", "ERROR "]
        .iter()
        .find_map(|word| telling.find(word).map(|at| at + word.len()));
    let mut text = telling.get(from.unwrap_or_default()..)?.trim();
    // Of what a client says of a connection, the place comes first.
    if text.starts_with("connection to server") {
        text = text
            .split_once("failed:")
            .map_or(text, |(_, why)| why.trim());
    }
    let text = text
        .split_once(" through socket")
        .map_or(text, |(before, _)| before);
    Some(text.chars().take(SHOWN).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(complaints: &str, expected: Option<&str>) {
        assert_eq!(said(complaints).as_deref(), expected);
    }

    #[test]
    fn what_a_program_complains_of_comes_down_to_the_line_that_says_why() {
        check("", None);
        check("a warning\n\nno space left\n", Some("no space left"));
        check(
            "psql: error: connection to server on socket \"/run/postgresql/.s.PGSQL.5432\" failed: FATAL:  password \
             authentication failed for user \"backup\"\n",
            Some("password authentication failed for user \"backup\""),
        );
        check(
            "pg_dump: error: connection to server on socket \"/run/postgresql/.s.PGSQL.5432\" failed: No such file or \
             directory\n\tIs the server running locally and accepting connections on that socket?\n",
            Some("No such file or directory"),
        );
        check(
            "ERROR 2002 (HY000): Can't connect to local server through socket '/run/mysqld/mysqld.sock' (2)\n",
            Some("2002 (HY000): Can't connect to local server"),
        );
        check(
            "mariadb-dump: Got error: 1045: \"Access denied for user 'backup'@'localhost'\" when trying to connect\n",
            Some("1045: \"Access denied for user 'backup'@'localhost'\" when trying to connect"),
        );
    }

    #[tokio::test]
    async fn a_program_that_is_killed_or_fails_or_is_absent_is_told_apart() {
        let shell = |text: &str| {
            let mut command = command(Path::new("/bin/sh"));
            command.args(["-c", text]);
            command
        };
        run(shell("exit 0"), "it").await.unwrap();
        let said = |error: SourceError| error.to_string();
        let failed = run(shell("echo no room >&2; exit 3"), "it").await;
        assert_eq!(
            said(failed.unwrap_err()),
            "sh did not get through `it`: ended with status 3: no room"
        );
        let killed = run(shell("kill -9 $$"), "it").await.unwrap_err();
        assert_eq!(
            said(killed),
            "sh did not get through `it`: ended by signal 9"
        );
        let absent = run(command(Path::new("/nonexistent/dump")), "it").await;
        assert!(matches!(
            absent.unwrap_err(),
            SourceError::NotInstalled { .. }
        ));
    }
}
