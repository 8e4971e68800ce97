//! Going on with what the follower before has left.

use std::fs;

use jiff::Timestamp;

use super::{Follower, published};
use crate::changes::{
    BASE, Beat, ChangesError, generation::Generation, index::Published, resume::Left, wal::Reader,
};

impl Follower<'_> {
    /// Whether what is left can be of this database and gone on with at this time.
    pub(super) fn fits(&self, left: &Left, now: Timestamp) -> bool {
        let name = self.what.database.file_name().unwrap_or_default();
        left.facts.page_size == self.page_size
            && *left.facts.database == *name.to_string_lossy()
            && left.is_before(now, self.by.as_ref(), self.what.last.as_deref())
    }

    /// Goes on with what is left, if it is shown that nothing was missed; false otherwise.
    pub(super) async fn resume(&mut self, left: &Left) -> Result<bool, ChangesError> {
        let Some(before) = published(&self.files, self.what)? else {
            return Ok(false);
        };
        let on = left.goes_on(&self.files, &before).is_some();
        let same = !on && left.is(&self.files, &before)?;
        if !(on || same) || !self.hold.stop_writing().await? {
            return Ok(false);
        }
        let resumed = self.resume_now(left, on, &before).await;
        self.hold.let_write().await?;
        resumed
    }

    /// The same while nobody writes: only now is it certain that what is published stays in the log until it is read.
    async fn resume_now(
        &mut self,
        left: &Left,
        on: bool,
        before: &Published,
    ) -> Result<bool, ChangesError> {
        let now = self.now();
        self.hold.renew().await?;
        let published = published(&self.files, self.what)?;
        let reader = match published {
            Some(published) if on => left.goes_on(&self.files, &published),
            Some(published) if published == *before => {
                let mut reader = Reader::new(self.page_size, &published.mark());
                let read = reader.read(&self.files.log, &published.mark(), |_, _| Ok(()));
                read.is_ok().then_some(reader)
            }
            _ => None,
        };
        if let (Some(reader), Some(published)) = (reader, published) {
            self.reader = reader;
            self.published = published;
            self.looked = if on { left.up_to } else { now };
            let mut generation = Generation::resume(&self.what.folder, left, now, self.by.clone())?;
            self.closes
                .remember(Beat::read(&self.what.folder).unwrap_or_default());
            self.closes.closed(generation.closed_hash());
            if !on {
                generation.mark(published.mark())?;
            }
            let image = fs::metadata(left.folder.join(BASE))
                .map_err(ChangesError::io("read", &left.folder))?
                .len();
            self.current = Some((generation, image));
            self.catch_up(now)?;
        }
        self.hold.release().await?;
        Ok(self.current.is_some())
    }
}
