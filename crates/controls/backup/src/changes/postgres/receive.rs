//! What brings a server's log and its image over: Debian's programs, run beside the follower.

use std::{
    fs,
    io::{self, Read as _},
    path::Path,
    process::Stdio,
};

use sha2::{Digest as _, Sha256};
use tokio::{process::Child, task::JoinHandle};

use super::{super::generation::create, Segments};
use crate::{
    changes::ChangesError,
    source::{
        SourceError,
        child::{self, complaints, failed},
        postgres::At,
    },
};

/// `pg_receivewal`, which ends when the server goes away, and with whoever holds this.
pub(super) struct Receiver {
    child: Child,
    complaints: JoinHandle<String>,
    of: String,
}

impl Receiver {
    /// Has the log come through a slot into a folder, each part on the disk before the server hears that it has come.
    pub fn start(at: &At, slot: &str, into: &Path, of: &str) -> Result<Self, SourceError> {
        let mut command = at.client("pg_receivewal");
        command
            .args(["--synchronous", "--no-loop", "--directory"])
            .arg(into)
            .arg(format!("--slot={slot}"));
        let mut child = child::start(&mut command, of)?;
        let complaints = match child.stderr.take() {
            Some(stderr) => tokio::spawn(complaints(stderr)),
            None => tokio::spawn(async { String::new() }),
        };
        Ok(Self {
            child,
            complaints,
            of: of.to_owned(),
        })
    }

    /// Refuses to go on without it.
    ///
    /// # Errors
    ///
    /// If it has ended, with what it said.
    pub async fn must_run(&mut self) -> Result<(), SourceError> {
        if let Ok(None) = self.child.try_wait() {
            return Ok(());
        }
        let said = (&mut self.complaints).await.unwrap_or_default();
        let said = child::said(&said).unwrap_or_else(|| "it ended before its time".to_owned());
        Err(failed("pg_receivewal".to_owned(), &self.of, &said))
    }
}

/// Has the server give an image of all of it, while others write: one file of `tar`, whose hash and length it gives.
pub(super) fn image(at: &At) -> impl FnOnce(&Path) -> io::Result<(String, u64)> + Send + 'static {
    let mut command = at.client("pg_basebackup");
    command
        .args(["--pgdata=-", "--format=tar", "--wal-method=none"])
        .args(["--checkpoint=fast", "--label=avouch"])
        .stdout(Stdio::piped());
    move |to| {
        let mut making = command.as_std_mut().spawn()?;
        let complaints = making.stderr.take();
        let complaints = std::thread::spawn(move || {
            let mut said = Vec::new();
            // What cannot be read of it is not said.
            let _ = complaints.map(|mut from| from.read_to_end(&mut said));
            String::from_utf8_lossy(&said).into_owned()
        });
        let from = making.stdout.take();
        let copied = from
            .ok_or_else(|| io::Error::other("it was started without its pipes"))
            .and_then(|from| keep(from, to));
        let status = making.wait()?;
        let said = complaints.join().unwrap_or_default();
        if !status.success() {
            let said = child::said(&said).unwrap_or_else(|| "it ended before its time".to_owned());
            return Err(io::Error::other(format!("pg_basebackup: {said}")));
        }
        copied
    }
}

fn keep(mut from: impl io::Read, to: &Path) -> io::Result<(String, u64)> {
    let mut file = create(to).map_err(io::Error::other)?;
    let (mut hash, mut length, mut buffer) = (Sha256::new(), 0, vec![0; 1 << 20]);
    loop {
        let count = from.read(&mut buffer)?;
        let Some(read) = buffer.get(..count).filter(|read| !read.is_empty()) else {
            break;
        };
        hash.update(read);
        io::Write::write_all(&mut file, read)?;
        length += read.len() as u64;
    }
    file.sync_all()?;
    Ok((hex::encode(hash.finalize()), length))
}

/// Removes the files of the log that end before this place.
pub(super) fn clear(folder: &Path, segments: Segments, before: u64) -> Result<(), ChangesError> {
    for entry in fs::read_dir(folder).map_err(ChangesError::io("read", folder))? {
        let path = entry.map_err(ChangesError::io("read", folder))?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if segments
            .place(&name)
            .is_some_and(|begins| begins + segments.size <= segments.start(before))
        {
            fs::remove_file(&path).map_err(ChangesError::io("remove", &path))?;
        }
    }
    Ok(())
}
