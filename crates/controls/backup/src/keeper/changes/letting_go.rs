//! Servers that are not followed any more: they keep nothing for it, and what had come over goes.

use super::{
    super::{Access, Backups, KeeperError, Owner, SourceSettings},
    LATEST, Task, chain, follower,
};
use crate::{settings::Kind, source::Source};

impl Backups {
    /// Servers that are stated without `changes`, and were followed once.
    pub(super) fn followed_once(&self) -> Vec<(Owner, SourceSettings)> {
        let mut found = Vec::new();
        for owner in self.owners() {
            for source in self.sources(&owner) {
                let is_server = matches!(source.kind, Kind::Postgres(_));
                if is_server
                    && source.changes.is_none()
                    && std::fs::symlink_metadata(self.changes_folder(&owner, source)).is_ok()
                {
                    found.push((owner.clone(), source.clone()));
                }
            }
        }
        found
    }

    /// Has a server keep nothing more for its follower, however often that must be asked.
    pub(super) async fn let_go(&self, owner: &Owner, source: &SourceSettings) {
        while let Err(error) = self.let_go_now(owner, source).await {
            let why = chain(&error);
            tracing::warn!(%owner, source = %source.name, why, "a server still keeps its log for a follower that has ended");
            tokio::time::sleep(LATEST).await;
        }
    }

    async fn let_go_now(&self, owner: &Owner, source: &SourceSettings) -> Result<(), KeeperError> {
        let Source::Postgres { server } = self.resolve(owner, source) else {
            return Err(KeeperError::Confused);
        };
        let folder = self.changes_folder(owner, source);
        let task = Task::LetGo {
            server,
            folder: folder.join(source.name.as_str()),
        };
        let access = Access {
            read: vec![],
            write: vec![folder.clone()],
        };
        self.task(follower(owner, source), access, task, None)
            .await?;
        Ok(self.jobs.discard(folder).await?)
    }
}
