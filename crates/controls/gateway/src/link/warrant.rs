//! Warrants: the core's latest word about a token, kept for reads. It spares a question, and decides nothing: the core
//! judges every read again before its answer leaves.

use std::collections::{HashMap, VecDeque};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::message::{Person, SessionTag, WarrantMark};

/// How long a word is used again: as long as an assertion is.
const LIFE: Duration = Duration::from_secs(30);
/// How many are kept before the old ones are thrown out: some MiB.
const KEPT: usize = 10_000;
/// How many ended sessions are remembered: as many as could end while a tunnel opens, and far more.
const ENDED: usize = 1_000;

/// Where a token's requests go, and in whose name.
#[derive(Debug)]
pub(crate) struct Warrant {
    pub(crate) tenant: String,
    pub(crate) upstream: PathBuf,
    pub(crate) person: Person,
    pub(crate) session: SessionTag,
    /// `None`: good for the one request that was asked about.
    pub(crate) mark: Option<WarrantMark>,
}

/// All of them, by the digest of the token.
#[derive(Debug, Default)]
pub(crate) struct Warrants(Mutex<Kept>);

#[derive(Debug, Default)]
struct Kept {
    /// Counts what was taken back: a word asked for before is not kept after.
    generation: u64,
    words: HashMap<[u8; 32], (Instant, String, Arc<Warrant>)>,
    /// The sessions that ended last, the newest last, one for each generation up to this one.
    ended: VecDeque<SessionTag>,
}

impl Warrants {
    /// To be read before the core is asked, and given back with its answer.
    pub(crate) fn generation(&self) -> u64 {
        self.kept().generation
    }

    /// The word about this token at this host.
    pub(crate) fn find(&self, digest: &[u8; 32], host: &str, now: Instant) -> Option<Arc<Warrant>> {
        let kept = self.kept();
        let (until, at, warrant) = kept.words.get(digest)?;
        (at == host && now < *until).then(|| warrant.clone())
    }

    /// Keeps a word, unless one was taken back since it was asked for.
    pub(crate) fn keep(
        &self,
        digest: [u8; 32],
        host: &str,
        warrant: &Arc<Warrant>,
        asked: u64,
        now: Instant,
    ) {
        let mut kept = self.kept();
        if kept.generation != asked || warrant.mark.is_none() {
            return;
        }
        if kept.words.len() >= KEPT {
            kept.words.retain(|_, (until, _, _)| now < *until);
        }
        if kept.words.len() < KEPT {
            let word = (now + LIFE, host.to_owned(), warrant.clone());
            kept.words.insert(digest, word);
        }
    }

    /// Whether this very word about this token has not been taken back.
    pub(crate) fn holds(&self, digest: &[u8; 32], warrant: &Arc<Warrant>) -> bool {
        let kept = self.kept();
        let word = kept.words.get(digest);
        word.is_some_and(|(_, _, kept)| Arc::ptr_eq(kept, warrant))
    }

    /// Whether this session has ended since the core was asked about it. After too many others have, it counts as ended.
    pub(crate) fn ended_since(&self, asked: u64, session: SessionTag) -> bool {
        let kept = self.kept();
        let since = usize::try_from(kept.generation - asked).unwrap_or(usize::MAX);
        since > kept.ended.len() || kept.ended.iter().rev().take(since).any(|it| *it == session)
    }

    /// A word that turned out not to hold.
    pub(crate) fn forget(&self, digest: &[u8; 32]) {
        self.kept().words.remove(digest);
    }

    /// A session is over.
    pub(crate) fn revoke(&self, session: SessionTag) {
        let mut kept = self.kept();
        kept.generation += 1;
        if kept.ended.len() >= ENDED {
            kept.ended.pop_front();
        }
        kept.ended.push_back(session);
        kept.words
            .retain(|_, (_, _, warrant)| warrant.session != session);
    }

    /// Nothing goes to this tenant's instance any more without a question. Whoever was asked about before has begun.
    pub(crate) fn rest(&self, tenant: &str) {
        let mut kept = self.kept();
        kept.words
            .retain(|_, (_, _, warrant)| warrant.tenant != tenant);
    }

    /// The core is gone, and its word with it.
    pub(crate) fn forget_all(&self) {
        let mut kept = self.kept();
        kept.generation += 1;
        kept.words.clear();
        // What ended while there was no core to say so is not known.
        kept.ended.clear();
    }

    fn kept(&self) -> std::sync::MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::link::Role;

    const TOKEN: [u8; 32] = [1; 32];
    const SESSION: SessionTag = [2; 16];

    fn word(mark: Option<WarrantMark>) -> Arc<Warrant> {
        Arc::new(Warrant {
            tenant: "riverside".into(),
            upstream: "/app.sock".into(),
            person: Person {
                id: "p1".into(),
                email: "ann@trust.test".into(),
                name: "Ann".into(),
                role: Role::Member,
                synthetic: false,
            },
            session: SESSION,
            mark,
        })
    }

    #[test]
    fn a_word_is_good_for_its_token_at_its_host_for_half_a_minute() {
        let (warrants, now) = (Warrants::default(), Instant::now());
        warrants.keep(TOKEN, "a", &word(Some(1)), warrants.generation(), now);
        assert!(warrants.find(&TOKEN, "a", now).is_some());
        assert!(warrants.find(&TOKEN, "b", now).is_none());
        assert!(warrants.find(&[9; 32], "a", now).is_none());
        assert!(warrants.find(&TOKEN, "a", now + LIFE).is_none());
    }

    #[test]
    fn a_word_asked_for_before_a_session_ended_is_not_kept_after() {
        let (warrants, now) = (Warrants::default(), Instant::now());
        let asked = warrants.generation();
        warrants.keep(TOKEN, "a", &word(Some(1)), asked, now);
        warrants.revoke(SESSION);
        assert!(warrants.find(&TOKEN, "a", now).is_none());
        warrants.keep(TOKEN, "a", &word(Some(1)), asked, now);
        assert!(warrants.find(&TOKEN, "a", now).is_none());
    }

    #[test]
    fn a_session_that_ended_after_the_question_is_known_to_have_ended() {
        let warrants = Warrants::default();
        let asked = warrants.generation();
        assert!(!warrants.ended_since(asked, SESSION));
        warrants.revoke(SESSION);
        warrants.revoke([3; 16]);
        assert!(warrants.ended_since(asked, SESSION));
        assert!(!warrants.ended_since(warrants.generation(), SESSION));
        assert!(!warrants.ended_since(asked, [4; 16]));
        for _ in 0..=ENDED {
            warrants.revoke([3; 16]);
        }
        assert!(
            warrants.ended_since(asked, [4; 16]),
            "nothing is known of so long ago"
        );
        let asked = warrants.generation();
        warrants.forget_all();
        assert!(
            warrants.ended_since(asked, [4; 16]),
            "nor of a core that has gone"
        );
    }

    #[test]
    fn a_word_that_was_taken_back_or_replaced_does_not_hold() {
        let (warrants, now) = (Warrants::default(), Instant::now());
        let first = word(Some(1));
        warrants.keep(TOKEN, "a", &first, warrants.generation(), now);
        assert!(warrants.holds(&TOKEN, &first));
        let second = word(Some(2));
        warrants.keep(TOKEN, "a", &second, warrants.generation(), now);
        assert!(!warrants.holds(&TOKEN, &first) && warrants.holds(&TOKEN, &second));
        warrants.revoke(SESSION);
        assert!(!warrants.holds(&TOKEN, &second));
    }

    #[test]
    fn a_tenant_that_may_rest_is_asked_about_anew_and_others_are_not() {
        let (warrants, now) = (Warrants::default(), Instant::now());
        let word = word(Some(1));
        warrants.keep(TOKEN, "a", &word, warrants.generation(), now);
        warrants.rest("hillside");
        assert!(warrants.holds(&TOKEN, &word));
        warrants.rest("riverside");
        assert!(!warrants.holds(&TOKEN, &word));
        warrants.keep(TOKEN, "a", &word, warrants.generation(), now);
        assert!(warrants.holds(&TOKEN, &word), "the next answer counts");
    }

    #[test]
    fn a_word_for_one_request_is_not_kept_and_nor_is_any_of_a_core_that_has_gone() {
        let (warrants, now) = (Warrants::default(), Instant::now());
        warrants.keep(TOKEN, "a", &word(None), warrants.generation(), now);
        assert!(warrants.find(&TOKEN, "a", now).is_none());
        warrants.keep(TOKEN, "a", &word(Some(1)), warrants.generation(), now);
        warrants.forget_all();
        assert!(warrants.find(&TOKEN, "a", now).is_none());
    }
}
