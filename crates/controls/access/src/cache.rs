//! Session rows that were read lately.
//!
//! The row in the store is the authority. A row is kept in memory for half a second at most, so that a change made to the
//! store from outside is honoured within a second; a change made here is honoured at once.

use crate::{Session, TokenDigest};
use jiff::{SignedDuration, Timestamp};
use std::{
    collections::{HashMap, HashSet},
    sync::{Mutex, MutexGuard, PoisonError},
};

/// Rows in memory before all are let go: about 4 MiB.
const REMEMBERED: usize = 10_000;

/// How old a row in memory may be.
const REREAD: SignedDuration = SignedDuration::from_millis(500);

/// Rows read lately.
#[derive(Default)]
pub(crate) struct Cache(Mutex<Remembered>);

#[derive(Default)]
struct Remembered {
    /// Counts our own writes: what was read before one is not remembered after it.
    generation: u64,
    rows: HashMap<TokenDigest, (Timestamp, Session)>,
    noting: HashSet<TokenDigest>,
}

impl Cache {
    /// Lets everything go, because something was written.
    pub(crate) fn forget(&self) {
        let mut held = self.lock();
        held.generation += 1;
        held.rows.clear();
    }

    pub(crate) fn generation(&self) -> u64 {
        self.lock().generation
    }

    pub(crate) fn get(&self, digest: &TokenDigest, now: Timestamp) -> Option<Session> {
        let held = self.lock();
        let (read, session) = held.rows.get(digest)?;
        let age = now.duration_since(*read);
        (!age.is_negative() && age < REREAD).then(|| session.clone())
    }

    pub(crate) fn put(&self, digest: TokenDigest, session: &Session, now: Timestamp, read_at: u64) {
        let mut held = self.lock();
        if held.generation != read_at {
            return;
        }
        if held.rows.len() >= REMEMBERED {
            held.rows.clear();
        }
        held.rows.insert(digest, (now, session.clone()));
    }

    /// Whether nobody else is writing down this session's use.
    pub(crate) fn start_noting(&self, digest: TokenDigest) -> bool {
        self.lock().noting.insert(digest)
    }

    pub(crate) fn end_noting(&self, digest: &TokenDigest) {
        let mut held = self.lock();
        held.noting.remove(digest);
        held.rows.remove(digest);
    }

    fn lock(&self) -> MutexGuard<'_, Remembered> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_read_before_a_write_is_not_remembered_after_it() {
        let cache = Cache::default();
        let now: Timestamp = "2026-11-22T12:00:00Z".parse().unwrap();
        let digest = TokenDigest::of("token");
        let read_at = cache.generation();
        cache.forget();
        cache.put(digest, &crate::tests::some_session(now), now, read_at);
        assert!(cache.get(&digest, now).is_none());

        cache.put(
            digest,
            &crate::tests::some_session(now),
            now,
            cache.generation(),
        );
        assert!(cache.get(&digest, now).is_some());
        assert!(cache.get(&digest, now + REREAD).is_none());
        assert!(
            cache
                .get(&digest, now - SignedDuration::from_nanos(1))
                .is_none()
        );
    }
}
