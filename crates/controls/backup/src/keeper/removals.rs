//! Removes what retention has ended for.

use avouch_statement::Slug;
use jiff::Timestamp;

use super::{Access, Backups, KeeperError, Outcome, Owner, SourceSettings, Spec, Who, job, of};
use crate::retention;

impl Backups {
    /// Removes what retention has ended for. While the clock may not be believed, everything stays until it may.
    pub(super) async fn prune(
        &self,
        owner: &Owner,
        source: &SourceSettings,
    ) -> Result<(), KeeperError> {
        if !(self.steady)() {
            return Ok(());
        }
        let now = (self.clock)();
        let known = self.records.snapshots(&owner.to_string()).await?;
        for destination in &source.to {
            let there: Vec<_> = of(&known, source, destination)
                .map(|t| t.snapshot.clone())
                .collect();
            let decisions = retention::plan(&there, &source.keep, &source.at, now);
            if retention::removable(&decisions).next().is_none() {
                continue;
            }
            let lock = self.lock(owner);
            let _held = lock.lock().await;
            let repository = self.repository(owner, destination)?;
            if self.settings.prunes_by_itself(destination) {
                self.note_removals(owner, destination, &decisions, now)
                    .await?;
                continue;
            }
            let spec = Spec::Prune {
                repository: repository.clone(),
                source: source.name.to_string(),
                rule: source.keep,
                at: source.at.clone(),
                now,
                verified: there.iter().map(|s| s.id.clone()).collect(),
                only: None,
            };
            let access = Access {
                read: vec![],
                write: repository.folders(),
            };
            let password = Some(self.jobs.password(owner, destination)?);
            let Outcome::Pruned { removed, .. } = self
                .jobs
                .run(Who::Jobs, access, job::Input { spec, password })
                .await?
            else {
                return Err(KeeperError::Confused);
            };
            self.records
                .remove(&owner.to_string(), destination.as_str(), &removed, now)
                .await?;
        }
        Ok(())
    }

    /// A keeper removes by itself: what has had its time and is not there any more was removed by it. Something that is
    /// gone and has not had its time is left in the records, and the checks miss it.
    async fn note_removals(
        &self,
        owner: &Owner,
        destination: &Slug,
        decisions: &[retention::Decision],
        now: Timestamp,
    ) -> Result<(), KeeperError> {
        let repository = self.repository(owner, destination)?;
        let access = Access {
            read: vec![],
            write: repository.folders(),
        };
        let input = job::Input {
            spec: Spec::List { repository },
            password: Some(self.jobs.password(owner, destination)?),
        };
        let Outcome::Listed { snapshots } = self.jobs.run(Who::Jobs, access, input).await? else {
            return Err(KeeperError::Confused);
        };
        let gone: Vec<_> = retention::removable(decisions)
            .map(|proof| proof.id().clone())
            .filter(|id| !snapshots.iter().any(|there| there.id == *id))
            .collect();
        self.records
            .remove(&owner.to_string(), destination.as_str(), &gone, now)
            .await?;
        Ok(())
    }
}
