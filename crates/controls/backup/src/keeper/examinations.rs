//! Reading repositories through, for the checks.

use std::collections::BTreeMap;

use avouch_statement::Slug;
use jiff::{SignedDuration, Timestamp};

use super::{Access, Backups, KeeperError, Owner, Who};
use crate::{
    job::{self, Examination, Outcome, Spec},
    repository::Shelves,
    rolling::{Shelf, is_due},
};

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
        let settled = self.settled(&name, destination, now).await?;
        // Damage is found again without reading all of it again.
        let read = |seen: &Examination| {
            !seen.findings.is_empty() || settled.as_ref().is_none_or(|settled| settled.len() == 256)
        };
        if let Some((at, of, seen)) = self
            .records
            .examination(&name, destination.as_str())
            .await?
            && earlier == Earlier::Counts
            && of == fingerprint
            && now.duration_since(at).abs() < STALE
            && read(&seen)
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
            settled,
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
        let place = destination.as_str();
        // Where something is wrong all of it is read again next time: what is damaged must not count as read.
        if seen.findings.is_empty() {
            let read = &seen.shelves;
            self.records.shelves_read(&name, place, now, read).await?;
        }
        self.records
            .examined(&name, place, now, &fingerprint, &seen)
            .await?;
        Ok((now, seen))
    }

    /// When each shelf of a repository was last read and found sound.
    ///
    /// # Errors
    ///
    /// If the records cannot be read.
    pub(crate) async fn readings(
        &self,
        owner: &Owner,
        destination: &Slug,
    ) -> Result<BTreeMap<Shelf, Timestamp>, KeeperError> {
        let name = owner.to_string();
        let readings = self.records.readings(&name, destination.as_str()).await?;
        let when = readings.into_iter().map(|(shelf, (read, _))| (shelf, read));
        Ok(when.collect())
    }

    /// The shelves that need not be read now, if not everything is read each time.
    async fn settled(
        &self,
        owner: &str,
        destination: &Slug,
        now: Timestamp,
    ) -> Result<Option<Shelves>, KeeperError> {
        let Some(within) = self.settings.read_all_within else {
            return Ok(None);
        };
        let readings = self.records.readings(owner, destination.as_str()).await?;
        let settled = readings
            .into_iter()
            .filter(|(shelf, (read, _))| !is_due(*shelf, *read, within.duration(), now))
            .map(|(shelf, (_, state))| (hex::encode([shelf]), state));
        Ok(Some(settled.collect()))
    }

    /// The state of a repository's files; what room there is beside them is noted.
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
            Outcome::Fingerprint { digest, free, .. } => {
                let now = (self.clock)();
                let place = destination.as_str();
                self.records.room_seen(place, now, free).await?;
                Ok(digest)
            }
            _ => Err(KeeperError::Confused),
        }
    }
}
