//! What a follower sees to about once a second: that the files are the same, that files of the log are closed and the
//! database's own log stays short, that the next generation is begun in time, and its word.

use std::{fs, os::unix::fs::MetadataExt};

use jiff::SignedDuration;

use super::{Follower, TEND, beside};
use crate::changes::{Beat, ChangesError, Facts, generation::Generation, log::Seen, room};

/// SQLite's own measure of when a log is long.
const LONG: u32 = 1000;

/// How long after the log was let go it may be let go again: writers wait meanwhile.
const AGAIN: SignedDuration = SignedDuration::from_secs(5);

/// How often it is looked whether there is room for more, and whether there is again.
const ROOM: SignedDuration = SignedDuration::from_mins(1);

impl Follower<'_> {
    /// Sees to the rest, about once a second.
    pub async fn tend(&mut self) -> Result<(), ChangesError> {
        if self
            .rising
            .as_ref()
            .is_some_and(|(_, image)| image.is_finished())
        {
            self.change_over().await?;
        }
        let now = self.looked;
        if now.duration_since(self.tended) < TEND {
            return Ok(());
        }
        self.tended = now;
        self.must_be_the_same()?;
        let (given, salts, frames) = self.given_back;
        let grown = (salts, frames) != (self.published.salts, self.published.frames);
        if self.reader.frames() > LONG && grown && now.duration_since(given) >= AGAIN {
            self.let_go().await?;
            self.given_back = (now, self.published.salts, self.published.frames);
        }
        self.close_what_is_due()?;
        self.begin_what_is_due().await?;
        let current = self.current.as_ref().map(|(generation, _)| generation);
        let beat = Beat {
            generation: current.map(|generation| generation.name.clone()),
            log: current.map(Generation::hash),
            up_to: self.looked,
            closes: self.closes.told(self.looked),
            count: self.published.changes.into(),
            trouble: self.room.1.clone(),
        };
        beat.write(&self.what.folder)
    }

    /// Closes the present file of the log, if it has changes in it that have waited long enough.
    fn close_what_is_due(&mut self) -> Result<(), ChangesError> {
        match &mut self.current {
            Some((generation, _)) => {
                generation.close_if_due(self.looked, self.what.close_after, &mut self.closes)
            }
            None => Ok(()),
        }
    }

    /// Begins the next generation, if its time has come and there is room; sees in any case that there still is some.
    async fn begin_what_is_due(&mut self) -> Result<(), ChangesError> {
        let Some((generation, image)) = &self.current else {
            return Ok(());
        };
        let due = generation.is_over(*image, self.looked, self.what.generation);
        let looked_for_room = self.looked.duration_since(self.room.0) < ROOM;
        if !looked_for_room {
            self.room = (self.looked, None);
            self.must_have_room(0)?;
        }
        if !due || self.rising.is_some() || (looked_for_room && self.room.1.is_some()) {
            return Ok(());
        }
        match self.must_have_room(self.length()?) {
            Ok(()) => self.raise().await.map(drop),
            Err(error @ (ChangesError::NoRoom { .. } | ChangesError::TooMuch { .. })) => {
                let next = self.looked + ROOM;
                self.room = (
                    self.looked,
                    Some(format!(
                        "no new image can be made: {error}; it is tried again at {next}"
                    )),
                );
                Ok(())
            }
            Err(error) => Err(error),
        }
    }

    pub(super) fn length(&self) -> Result<u64, ChangesError> {
        let database = self.files.database.metadata();
        let found = database.map_err(ChangesError::io("read", &self.what.database))?;
        Ok(found.len())
    }

    pub(super) fn must_have_room(&self, needed: u64) -> Result<(), ChangesError> {
        room::must_have(&self.what.folder, needed, self.length()?)
    }

    /// The image is copied: from now on its generation counts, and the one before ends.
    async fn change_over(&mut self) -> Result<(), ChangesError> {
        // What was committed while the image was copied is in the log before the generation counts.
        self.look().await?;
        let now = self.now();
        let Some((generation, image)) = self.rising.take() else {
            return Ok(());
        };
        let last = Seen {
            at: now,
            ..Seen::quiet(self.looked)
        };
        let name = self.what.database.file_name().unwrap_or_default();
        let facts = Facts {
            database: name.to_string_lossy().into_owned(),
            page_size: self.page_size,
            mode: self.mode,
            complete: now,
            follows: None,
            image: String::new(),
            cluster: None,
        };
        generation.change_over(image, facts, last, &mut self.current, &mut self.closes)
    }

    /// Lets the log begin anew, since it is long: everything is read, on the disk, and written back while nobody writes.
    pub async fn let_go(&mut self) -> Result<(), ChangesError> {
        for generation in self.generations() {
            generation.sync()?;
        }
        self.hold.write_back().await?;
        if !self.hold.stop_writing().await? {
            return Ok(());
        }
        let stopped = self.now();
        self.hold.renew().await?;
        self.catch_up(stopped)?;
        self.hold.release().await?;
        for generation in self.generations() {
            generation.sync()?;
        }
        self.hold.write_back().await?;
        // Begun after everything was written back, this transaction leaves the next writer free to begin the log anew.
        self.hold.renew().await?;
        self.hold.release().await?;
        self.hold.let_write().await
    }

    fn must_be_the_same(&self) -> Result<(), ChangesError> {
        let files = &self.files;
        for (held, path) in [
            (&*files.database, self.what.database.clone()),
            (&files.log, beside(&self.what.database, "-wal")),
            (&files.index, beside(&self.what.database, "-shm")),
        ] {
            let held = held.metadata().map_err(ChangesError::io("read", &path))?;
            match fs::metadata(&path) {
                Ok(found) if (found.dev(), found.ino()) == (held.dev(), held.ino()) => {}
                _ => return Err(ChangesError::Replaced(path)),
            }
        }
        Ok(())
    }
}
