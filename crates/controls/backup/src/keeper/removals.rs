//! Removes what retention has ended for.

use super::{Access, Backups, KeeperError, Outcome, Owner, SourceSettings, Spec, Who, job, of};
use crate::retention;

impl Backups {
    /// Removes what retention has ended for, if there is any and the clock may be believed.
    pub(super) async fn prune(
        &self,
        owner: &Owner,
        source: &SourceSettings,
    ) -> Result<(), KeeperError> {
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
            if !(self.steady)() {
                return Err(KeeperError::Clock);
            }
            let lock = self.lock(owner);
            let _held = lock.lock().await;
            let repository = self.repository(owner, destination);
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
                write: vec![repository],
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
}
