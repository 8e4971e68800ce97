//! Reading what is new in a repository, once everything has been read.

use std::{
    fs::{self, File},
    io,
    os::unix::fs::MetadataExt,
};

use jiff::Timestamp;
use rustic_core::CheckOptions;
use sha2::{Digest, Sha256};

use super::{
    Engine, Finding, Repository, RepositoryError, files,
    verify::{findings, patiently},
};

impl Repository {
    /// Reads what was written after a moment, or everything, and lists what is wrong; and how many files that were. That
    /// everything is there which the index and the snapshots need is looked at in any case.
    ///
    /// A file that was written over has a new time of change, which the kernel sets.
    ///
    /// # Errors
    ///
    /// If the folder cannot be read at all.
    pub(crate) fn verify_since(
        &self,
        since: Option<Timestamp>,
    ) -> Result<(Vec<Finding>, u64), RepositoryError> {
        let all = files(&self.path)?;
        let Some(since) = since else {
            return Ok((self.verify_all()?, all.len() as u64));
        };
        let (mut found, mut count) = (Vec::new(), 0);
        for path in all {
            let fault = |act| RepositoryError::io(act, &path);
            let meta = fs::symlink_metadata(&path).map_err(fault("read"))?;
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            if meta.ctime() < since.as_second() || name == "config" || name.ends_with("-tmp-") {
                continue;
            }
            count += 1;
            let mut hash = Sha256::new();
            let mut file = File::open(&path).map_err(fault("open"))?;
            io::copy(&mut file, &mut hash).map_err(fault("read"))?;
            if hex::encode(hash.finalize()) != name {
                let shown = path.strip_prefix(&self.path).unwrap_or(&path).display();
                found.push(Finding(format!("{shown} has been altered")));
            }
        }
        let checked = patiently(|| self.inner.check(CheckOptions::default()))
            .ok_or_else(|| RepositoryError::Unsettled(self.path.clone()))?;
        match checked {
            Ok(results) => found.extend(findings(&results)),
            Err(error) => found.push(Finding(Engine::from(error).to_string())),
        }
        Ok((found, count))
    }
}
