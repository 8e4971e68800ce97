//! When something counts as down, and as up again. Pure: the caller says what was seen, and when.

use jiff::{SignedDuration, Timestamp};

/// What does not answer for so long is down. A process that is killed by force is back sooner.
const GRACE: SignedDuration = SignedDuration::from_secs(2);

/// What was seen of one thing that should answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Watch {
    /// Since when nothing has answered.
    silent: Option<Timestamp>,
    down: bool,
}

/// A change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    /// It is down, since then.
    Down {
        /// When it first did not answer.
        since: Timestamp,
    },
    /// It is up again.
    Up,
}

impl Watch {
    /// One that was down when it was looked at last, before a restart.
    #[must_use]
    pub fn down(since: Timestamp) -> Self {
        Self {
            silent: Some(since),
            down: true,
        }
    }

    /// Takes what an attempt that began `at` saw, and says whether that changes anything.
    pub fn see(&mut self, answers: bool, at: Timestamp) -> Option<Turn> {
        if answers {
            let was = std::mem::take(self);
            return was.down.then_some(Turn::Up);
        }
        let since = *self.silent.get_or_insert(at);
        // A clock that was set back says nothing about how long.
        if at < since {
            self.silent = Some(at);
        }
        if self.down || at.duration_since(since) < GRACE {
            return None;
        }
        self.down = true;
        Some(Turn::Down { since })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + seconds).unwrap()
    }

    /// What comes of looks at these seconds, each with whether something answered.
    fn turns(looks: &[(i64, bool)]) -> Vec<(i64, Turn)> {
        let mut watch = Watch::default();
        let turn = |(second, answers): &(i64, bool)| {
            watch.see(*answers, at(*second)).map(|turn| (*second, turn))
        };
        looks.iter().filter_map(turn).collect()
    }

    #[test]
    fn what_is_silent_for_two_seconds_is_down_once_and_up_at_its_first_answer() {
        let looks = [
            (0, true),
            (1, false),
            (2, false),
            (3, false),
            (9, false),
            (10, true),
            (11, true),
        ];
        let expected = [(3, Turn::Down { since: at(1) }), (10, Turn::Up)];
        assert_eq!(turns(&looks), expected);
    }

    #[test]
    fn a_short_silence_and_one_bad_look_change_nothing() {
        assert_eq!(
            turns(&[(0, false), (1, false), (2, true), (3, false), (4, true)]),
            []
        );
        assert_eq!(turns(&[(0, true), (60, false), (61, true)]), []);
    }

    #[test]
    fn a_clock_that_is_set_back_begins_the_silence_anew() {
        assert_eq!(turns(&[(100, false), (0, false), (1, false)]), []);
        let later = turns(&[(100, false), (0, false), (2, false)]);
        assert_eq!(later, [(2, Turn::Down { since: at(0) })]);
    }

    #[test]
    fn what_was_down_before_a_restart_is_not_told_again_and_is_seen_to_come_back() {
        let mut watch = Watch::down(at(0));
        assert_eq!(watch.see(false, at(50)), None);
        assert_eq!(watch.see(true, at(51)), Some(Turn::Up));
    }
}
