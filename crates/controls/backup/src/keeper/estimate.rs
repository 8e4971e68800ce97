//! How long a run is likely to take.

use jiff::SignedDuration;

use super::{Backups, KeeperError, Owner};

impl Backups {
    /// How long the last runs of an owner's sources took together; `None` if there was none for any of them.
    ///
    /// # Errors
    ///
    /// If the records cannot be read.
    pub async fn took_last(&self, owner: &Owner) -> Result<Option<SignedDuration>, KeeperError> {
        let name = owner.to_string();
        let mut sum = None;
        for source in self.sources(owner) {
            let last = self
                .records
                .newest_ended_run(&name, source.name.as_str())
                .await?;
            let took = last.and_then(|run| Some(run.finished?.duration_since(run.started)));
            if let Some(took) = took {
                sum = Some(sum.unwrap_or(SignedDuration::ZERO) + took);
            }
        }
        Ok(sum)
    }
}
