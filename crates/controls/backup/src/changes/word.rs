//! Asking from outside whether a follower follows: it says so about once a second, and how far it has seen.

use std::{
    fs, io,
    path::{Path, PathBuf},
    time::Duration,
};

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::{Beat, ChangesError, index};
use crate::{job::JobError, records::Shipment};

/// How often a follower's next word is looked for, and for how long.
const ASK: Duration = Duration::from_millis(100);
const ASKED: usize = 40;
/// How long after the question a word may be of, for a clock that goes right.
const SOON: SignedDuration = SignedDuration::from_mins(1);

/// What a look at a follower showed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Word {
    /// Its newest word, if there is any.
    pub beat: Option<Beat>,
    /// Whether that is newer than the look, and knows of everything that was committed before.
    pub awake: bool,
    /// Of a server: bytes of its log that it keeps because they have not come over.
    #[serde(default)]
    pub kept: Option<u64>,
}

impl Word {
    /// Until when nothing had changed after what is stored, by the word of a follower that is awake.
    pub(crate) fn quiet_since(&self, newest: &Shipment) -> Option<Timestamp> {
        let beat = self.beat.as_ref().filter(|_| self.awake)?;
        let end = beat.closes.iter().find(|end| end.log == newest.head.hash)?;
        Some(end.quiet)
    }

    /// What the follower says that it cannot do.
    pub(crate) fn trouble(&self) -> Option<&str> {
        self.beat.as_ref()?.trouble.as_deref()
    }
}

/// Waits for a follower's next word, and compares it with what had been committed before.
pub(super) async fn look(database: &Path, folder: &Path, now: Timestamp) -> Result<Word, JobError> {
    let mut path = database.as_os_str().to_owned();
    path.push("-shm");
    let path = PathBuf::from(path);
    // A database that nobody has open has no index, and so no follower.
    let committed = match fs::File::open(&path) {
        Ok(file) => index::published(&file).map_err(ChangesError::io("read", &path))?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => return Err(ChangesError::io("read", &path)(error).into()),
    };
    // The count wraps round, so the nearer way round tells which is further.
    let knows = committed.map(|committed| {
        move |count: u64| {
            let further = count.wrapping_sub(committed.changes.into());
            further & u64::from(u32::MAX) < 1 << 31
        }
    });
    heard(folder, now, knows).await
}

/// Waits for a follower's next word, and says whether it knows of as much as it should, if that can be said.
pub(super) async fn heard(
    folder: &Path,
    now: Timestamp,
    knows: Option<impl Fn(u64) -> bool>,
) -> Result<Word, JobError> {
    let mut word = Word {
        beat: None,
        awake: false,
        kept: None,
    };
    for _ in 0..ASKED {
        word.beat = Beat::read(folder)?;
        if let (Some(beat), Some(knows)) = (&word.beat, &knows)
            && beat.up_to > now
            // A word of a later time is of a clock that was wrong.
            && beat.up_to < now + SOON
        {
            word.awake = knows(beat.count);
            // One that was said before the last of it was committed is followed by another.
            if word.awake {
                break;
            }
        }
        tokio::time::sleep(ASK).await;
    }
    Ok(word)
}
