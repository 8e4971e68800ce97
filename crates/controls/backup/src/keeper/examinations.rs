//! Reading repositories through, for the checks.

use avouch_statement::Slug;
use jiff::{SignedDuration, Timestamp};

use super::{Access, Backups, KeeperError, Owner, Who};
use crate::job::{self, Examination, Outcome, Spec};

/// A repository whose files have not changed in any way that can be seen is read through again after this time.
const STALE: SignedDuration = SignedDuration::from_hours(6);

/// Whether what was seen earlier of the same files will do.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Earlier {
    Counts,
    IsPast,
}

impl Backups {
    /// What a repository holds and what is wrong with it, and when it was read through.
    ///
    /// It is read through now if anything about its files changed since the last time, or that is some hours ago.
    ///
    /// # Errors
    ///
    /// If it cannot be opened or read.
    pub async fn examine(
        &self,
        owner: &Owner,
        destination: &Slug,
    ) -> Result<(Timestamp, Examination), KeeperError> {
        self.examination(owner, destination, Earlier::Counts).await
    }

    /// The same, read through now whatever was seen before.
    ///
    /// # Errors
    ///
    /// If it cannot be opened or read.
    pub async fn examine_anew(
        &self,
        owner: &Owner,
        destination: &Slug,
    ) -> Result<(Timestamp, Examination), KeeperError> {
        self.examination(owner, destination, Earlier::IsPast).await
    }

    async fn examination(
        &self,
        owner: &Owner,
        destination: &Slug,
        earlier: Earlier,
    ) -> Result<(Timestamp, Examination), KeeperError> {
        let lock = self.lock(owner);
        let _held = lock.lock().await;
        let (name, now) = (owner.to_string(), (self.clock)());
        let fingerprint = self.fingerprint(owner, destination).await?;
        if let Some((at, of, seen)) = self
            .records
            .examination(&name, destination.as_str())
            .await?
            && earlier == Earlier::Counts
            && of == fingerprint
            && now.duration_since(at).abs() < STALE
        {
            return Ok((at, seen));
        }
        let repository = self.repository(owner, destination)?;
        let scratch = self
            .jobs
            .scratch(&format!("examine-{owner}-{destination}"))
            .await?;
        let spec = Spec::Examine {
            repository: repository.clone(),
            scratch: scratch.clone(),
        };
        let access = Access {
            read: vec![],
            write: [repository.folders(), vec![scratch.clone()]].concat(),
        };
        let password = Some(self.jobs.password(owner, destination)?);
        let outcome = self
            .jobs
            .run(Who::Jobs, access, job::Input { spec, password })
            .await;
        self.clear(scratch).await;
        let Outcome::Examined(seen) = outcome? else {
            return Err(KeeperError::Confused);
        };
        self.records
            .examined(&name, destination.as_str(), now, &fingerprint, &seen)
            .await?;
        Ok((now, seen))
    }

    async fn fingerprint(&self, owner: &Owner, destination: &Slug) -> Result<String, KeeperError> {
        let repository = self.repository(owner, destination)?;
        let spec = Spec::Fingerprint {
            repository: repository.clone(),
        };
        let access = Access {
            read: repository.folders(),
            write: vec![],
        };
        match self
            .jobs
            .run(
                Who::Jobs,
                access,
                job::Input {
                    spec,
                    password: None,
                },
            )
            .await?
        {
            Outcome::Fingerprint { digest, .. } => Ok(digest),
            _ => Err(KeeperError::Confused),
        }
    }
}
