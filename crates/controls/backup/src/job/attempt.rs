//! Trying to take from a keeper what it keeps.

use serde::{Deserialize, Serialize};

use super::JobError;
use crate::{
    draw,
    far::{self, PublicKey, Receipt, Site, Tried},
    repository::RepositoryError,
};

/// What came of trying, and of asking.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempted {
    /// What was tried.
    pub tried: Tried,
    /// What the keeper says, signed by the pinned key; or why that is not believed.
    pub receipt: Result<Receipt, String>,
}

pub(super) fn attempt(site: &Site, key: &PublicKey) -> Result<Attempted, JobError> {
    let Site::Far { store, .. } = site else {
        return Err(JobError::NoKeeper);
    };
    let tried = far::attempt(&**store).map_err(RepositoryError::from)?;
    let nonce = hex::encode(draw::bytes::<16>().map_err(RepositoryError::Draw)?);
    let signed = store.receipt(&nonce).map_err(RepositoryError::from)?;
    let receipt = match signed {
        Some(signed) => signed.open(key, &nonce).map_err(|fault| fault.to_string()),
        None => Err("it signs nothing".to_owned()),
    };
    Ok(Attempted { tried, receipt })
}
