//! The end of an owner's backups: every repository, and what is remembered of them.

use avouch_statement::Slug;

use super::{Backups, KeeperError, Owner};
use crate::settings::LOCAL;

impl Backups {
    /// Removes an owner's repositories at every declared destination, and what is remembered of its runs, snapshots and
    /// drills; gives the destinations that they were removed from. Waits for a job of the owner's that is under way.
    ///
    /// # Errors
    ///
    /// If one cannot be removed; asking again goes on.
    pub async fn erase(&self, owner: &Owner) -> Result<Vec<String>, KeeperError> {
        let lock = self.lock(owner);
        let _held = lock.lock().await;
        let changes = self.going.lock(owner);
        let _changes_held = changes.lock().await;
        let local: Option<Slug> = LOCAL.parse().ok();
        let stated = self.settings.destinations.iter().map(|d| d.name.clone());
        let mut destinations = Vec::new();
        for destination in local.into_iter().chain(stated) {
            // Nobody here can remove what a keeper has: see [`Backups::out_of_reach`].
            if let Some(folder) = self.folder(owner, &destination) {
                self.jobs.discard(folder).await?;
                self.jobs
                    .discard(self.changes_repository(owner, &destination)?)
                    .await?;
                destinations.push(destination.to_string());
            }
        }
        self.records.erase(&owner.to_string()).await?;
        Ok(destinations)
    }

    /// The destinations whose copies stay until their time has come, whatever is destroyed here.
    #[must_use]
    pub fn out_of_reach(&self) -> Vec<String> {
        self.settings
            .destinations
            .iter()
            .filter(|stated| stated.folder().is_none())
            .map(|stated| stated.name.to_string())
            .collect()
    }
}
