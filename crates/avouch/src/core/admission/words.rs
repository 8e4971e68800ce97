//! In whose name words about sessions were given lately: a read that went on one may have to be told of after its session,
//! and with it everything that says whose it was, has ended.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use avouch_events::Actor;
use avouch_gateway::link::WarrantMark;
use jiff::{SignedDuration, Timestamp};

/// Twice as long as the front uses a word, so that whatever went on it has come to an end.
const KEPT: SignedDuration = SignedDuration::from_secs(60);
/// How many are kept before the old ones are thrown out: a few MiB.
const MOST: usize = 10_000;

/// Words given lately.
#[derive(Debug, Default)]
pub(super) struct Words(Mutex<HashMap<WarrantMark, Word>>);

/// Whom a word was about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Word {
    pub(super) given: Timestamp,
    pub(super) who: Actor,
    /// The session's mark, as events have it.
    pub(super) session: String,
}

impl Words {
    /// Remembers a word. When too many were given within a minute, it is not remembered.
    pub(super) fn remember(&self, mark: WarrantMark, word: Word) {
        let mut words = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if words.len() >= MOST {
            words.retain(|_, old| word.given.duration_since(old.given) < KEPT);
        }
        if words.len() < MOST {
            words.insert(mark, word);
        }
    }

    /// Whom a word was about.
    pub(super) fn of(&self, mark: WarrantMark) -> Option<Word> {
        let words = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        words.get(&mark).cloned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn word(second: i64) -> Word {
        Word {
            given: Timestamp::from_second(second).unwrap(),
            who: Actor::nobody(),
            session: "s".to_owned(),
        }
    }

    #[test]
    fn words_give_way_to_new_ones_only_when_whatever_went_on_them_has_ended() {
        let words = Words::default();
        for mark in 0..MOST as u64 {
            words.remember(mark, word(0));
        }
        words.remember(1_000_000, word(59));
        assert_eq!(words.of(1_000_000), None);
        assert_eq!(words.of(0), Some(word(0)));
        words.remember(1_000_000, word(60));
        assert_eq!(words.of(1_000_000), Some(word(60)));
        assert_eq!(words.of(0), None);
    }
}
