//! Looking from outside whether a server is followed, and letting it go.

use std::path::Path;

use jiff::Timestamp;

use super::{link::Link, slot};
use crate::{
    changes::{ChangesError, Word, word},
    job::JobError,
    settings::Server,
};

/// Asks the server where its log ends, and waits for a word of the follower that knows of all of it.
pub(crate) async fn look(server: &Server, folder: &Path, now: Timestamp) -> Result<Word, JobError> {
    let mut link = Link::open(server, &slot(folder)).await?;
    let places = link.places().await?;
    let knows = |count: u64| count >= places.end;
    let mut word = word::heard(folder, now, Some(knows)).await?;
    word.kept = places
        .arrived
        .map(|arrived| places.end.saturating_sub(arrived));
    Ok(word)
}

/// Takes the slot away, since nobody follows the server any more.
pub(crate) async fn let_go(server: &Server, folder: &Path) -> Result<(), ChangesError> {
    let mut link = Link::open(server, &slot(folder)).await?;
    link.drop_slot().await
}
