//! Trying to take from a keeper what it keeps, for the checks.

use avouch_statement::Slug;

use super::{Access, Backups, KeeperError, Owner, Who};
use crate::{
    far::PublicKey,
    job::{self, Attempted, Outcome, Spec},
};

impl Backups {
    /// Tries to delete, overwrite and shorten what a keeper has of an owner, with the service's own credential.
    ///
    /// # Errors
    ///
    /// If it cannot be tried.
    pub(crate) async fn attempt(
        &self,
        owner: &Owner,
        destination: &Slug,
        key: &PublicKey,
    ) -> Result<Attempted, KeeperError> {
        let lock = self.lock(owner);
        let _held = lock.lock().await;
        let input = job::Input {
            spec: Spec::Attempt {
                repository: self.repository(owner, destination)?,
                key: *key,
            },
            password: None,
        };
        match self.jobs.run(Who::Jobs, Access::default(), input).await? {
            Outcome::Attempted(attempted) => Ok(attempted),
            _ => Err(KeeperError::Confused),
        }
    }
}
