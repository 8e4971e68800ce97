//! One-time marks by which the core knows the requests of its own checks again, so that they leave their events even while
//! strangers flood the service. A mark is 32 random bytes that nobody outside this process has seen before it is used.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use jiff::{SignedDuration, Timestamp};

/// How long a mark is good for: a check waits for an answer far less.
const LIFE: SignedDuration = SignedDuration::from_mins(5);
/// How many are held before those that nobody needed are thrown out.
const HELD: usize = 4_096;

/// Marks given out and not used.
#[derive(Debug, Default)]
pub struct Marks(Mutex<HashMap<[u8; 32], Timestamp>>);

impl Marks {
    /// A new mark, for one request; empty where there is no randomness, which is no mark.
    pub fn issue(&self, now: Timestamp) -> String {
        let mut mark = [0; 32];
        if getrandom::fill(&mut mark).is_err() {
            return String::new();
        }
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if held.len() >= HELD {
            held.retain(|_, issued| is_fresh(*issued, now));
        }
        held.insert(mark, now);
        BASE64.encode(mark)
    }

    /// Whether this is a mark of ours that was not used before; it is now.
    pub fn spend(&self, mark: &[u8; 32], now: Timestamp) -> bool {
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        held.remove(mark)
            .is_some_and(|issued| is_fresh(issued, now))
    }
}

fn is_fresh(issued: Timestamp, now: Timestamp) -> bool {
    let age = now.duration_since(issued);
    !age.is_negative() && age < LIFE
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_767_225_600 + second).unwrap()
    }

    fn bytes(mark: &str) -> [u8; 32] {
        BASE64.decode(mark).unwrap().try_into().unwrap()
    }

    #[test]
    fn a_mark_is_good_once_and_for_five_minutes() {
        let marks = Marks::default();
        let mark = bytes(&marks.issue(at(0)));
        assert!(marks.spend(&mark, at(299)));
        assert!(!marks.spend(&mark, at(299)));
        let late = bytes(&marks.issue(at(0)));
        assert!(!marks.spend(&late, at(300)));
        assert!(!marks.spend(&[7; 32], at(0)));
    }

    #[test]
    fn marks_that_nobody_used_are_thrown_out() {
        let marks = Marks::default();
        for _ in 0..HELD {
            marks.issue(at(0));
        }
        let mark = bytes(&marks.issue(at(300)));
        assert_eq!(marks.0.lock().unwrap().len(), 1);
        assert!(marks.spend(&mark, at(300)));
    }
}
