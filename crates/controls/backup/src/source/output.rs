//! Whatever a command prints, kept as one file.

use std::{os::unix::process::ExitStatusExt as _, path::Path, process::Stdio};

use tokio::{
    fs::File,
    io::{AsyncReadExt as _, AsyncWriteExt as _},
};

use super::{SourceError, child};
use crate::settings::Command;

/// Read at a time.
const BUFFER: usize = 256 << 10;

/// Runs the command and keeps what it prints in `to`.
///
/// # Errors
///
/// If it does not end by itself and well, prints nothing, or does not print the end that is stated.
pub(super) async fn keep(command: &Command, of: &str, to: &Path) -> Result<(), SourceError> {
    let (program, arguments) =
        command
            .words
            .split_first()
            .ok_or_else(|| SourceError::NotInstalled {
                program: of.to_owned(),
            })?;
    let mut started = child::command(Path::new(program));
    started.args(arguments).stdout(Stdio::piped());
    let mut running = child::start(&mut started, of)?;
    let name = child::name(&started);
    let mut file = File::create_new(to)
        .await
        .map_err(SourceError::io("create", to))?;
    let mut end = End::new(command.ends_with.as_deref());
    let mut bytes = 0_u64;
    let stdout = running.stdout.take();
    let stderr = running.stderr.take();
    let copying = async {
        let Some(mut stdout) = stdout else {
            return Ok(());
        };
        let mut part = vec![0; BUFFER];
        loop {
            let read = stdout
                .read(&mut part)
                .await
                .map_err(|error| child::failed(name.clone(), of, &error.to_string()))?;
            let Some(read @ [_, ..]) = part.get(..read) else {
                return Ok(());
            };
            bytes += read.len() as u64;
            end.add(read);
            file.write_all(read)
                .await
                .map_err(SourceError::io("write", to))?;
        }
    };
    let complaining = async {
        match stderr {
            Some(stderr) => child::complaints(stderr).await,
            None => String::new(),
        }
    };
    let (copied, complaints) = tokio::join!(copying, complaining);
    // One that cannot be kept is not left to print on.
    if copied.is_err() {
        let _ = running.kill().await;
    }
    copied?;
    let status = running
        .wait()
        .await
        .map_err(|error| child::failed(name.clone(), of, &error.to_string()))?;
    let said = child::said(&complaints).map_or_else(String::new, |said| format!(": {said}"));
    if let Some(signal) = status.signal() {
        let why = format!("ended by signal {signal}{said}");
        return Err(child::failed(name, of, &why));
    }
    if !status.success() {
        let why = format!("ended with status {}{said}", status.code().unwrap_or(-1));
        return Err(child::failed(name, of, &why));
    }
    if bytes == 0 && !command.may_be_empty {
        return Err(child::failed(name, of, "it printed nothing"));
    }
    if !end.is_seen() {
        return Err(child::failed(
            name,
            of,
            "what it printed does not end as is stated",
        ));
    }
    file.flush().await.map_err(SourceError::io("write", to))
}

/// Looks for the stated end of an output, after which only blank space may follow.
struct End<'e> {
    wanted: Option<&'e [u8]>,
    last: Vec<u8>,
}

impl<'e> End<'e> {
    /// Blank space beyond this after the end is no end.
    const BLANK: usize = 64;

    fn new(wanted: Option<&'e str>) -> Self {
        Self {
            wanted: wanted.map(|text| text.trim_end().as_bytes()),
            last: Vec::new(),
        }
    }

    fn add(&mut self, part: &[u8]) {
        let Some(wanted) = self.wanted else { return };
        let most = wanted.len() + Self::BLANK;
        self.last
            .extend(part.iter().skip(part.len().saturating_sub(most)));
        let surplus = self.last.len().saturating_sub(most);
        self.last.drain(..surplus);
    }

    fn is_seen(&self) -> bool {
        self.wanted
            .is_none_or(|wanted| self.last.trim_ascii_end().ends_with(wanted))
    }
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::*;

    async fn kept(script: &str, change: impl FnOnce(&mut Command)) -> Result<Vec<u8>, String> {
        let home = TempDir::new().unwrap();
        let to = home.path().join("output");
        let mut command = Command {
            words: ["/bin/sh", "-c", script].map(str::to_owned).into(),
            runs: vec![],
            reads: vec![],
            reaches: vec![],
            ends_with: None,
            may_be_empty: false,
        };
        change(&mut command);
        keep(&command, "legacy", &to)
            .await
            .map_err(|error| error.to_string())?;
        Ok(std::fs::read(to).unwrap())
    }

    #[tokio::test]
    async fn all_that_is_printed_is_kept_however_long() {
        let long = kept("head -c 3000000 /dev/zero", |_| {}).await.unwrap();
        assert_eq!(long, vec![0; 3_000_000]);
        let empty = kept(":", |command| command.may_be_empty = true).await;
        assert_eq!(empty.unwrap(), b"");
    }

    #[tokio::test]
    async fn an_output_that_may_not_be_whole_is_none() {
        for (script, says) in [
            ("echo half; kill -9 $$", "ended by signal 9"),
            (
                "echo half; echo disk gone >&2; exit 4",
                "ended with status 4: disk gone",
            ),
            (":", "it printed nothing"),
        ] {
            let said = kept(script, |_| {}).await.unwrap_err();
            assert!(said.contains(says), "{said}");
        }
    }

    #[tokio::test]
    async fn the_stated_end_is_the_end_and_not_somewhere_within() {
        let ends = |command: &mut Command| command.ends_with = Some("-- complete".to_owned());
        kept("echo row; echo '-- complete'; echo", ends)
            .await
            .unwrap();
        for script in [
            "echo row",
            "echo '-- complete'; echo row",
            "printf '%s' '- complete'",
        ] {
            let said = kept(script, ends).await.unwrap_err();
            assert!(said.contains("does not end as is stated"), "{said}");
        }
    }

    #[test]
    fn an_end_that_comes_in_pieces_is_seen() {
        let mut end = End::new(Some("-- complete"));
        for part in ["row\n-- ", "comp", "lete", "\n"] {
            end.add(part.as_bytes());
        }
        assert!(end.is_seen());
        end.add(b"more");
        assert!(!end.is_seen());
    }
}
