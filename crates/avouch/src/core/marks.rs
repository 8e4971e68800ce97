//! What the core knows the requests and connections of its own checks by, so that they leave their events even while
//! strangers flood the service. A request carries a one-time mark, 32 random bytes that nobody outside this process has seen
//! before it is used. A connection is known by its client's address and port, which nobody else can have while it is open.

use std::collections::HashMap;
use std::hash::Hash;
use std::net::SocketAddr;
use std::sync::{Mutex, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use jiff::{SignedDuration, Timestamp};

/// How long a mark is good for: a check waits for an answer far less.
const LIFE: SignedDuration = SignedDuration::from_mins(5);
/// How many are held before those that nobody needed are thrown out.
const HELD: usize = 4_096;

/// Marks given out, and connections made, that have not been seen by the gateway.
#[derive(Debug, Default)]
pub struct Marks {
    requests: Once<[u8; 32]>,
    connections: Once<SocketAddr>,
}

/// What is good once, and not for long.
#[derive(Debug)]
struct Once<K>(Mutex<HashMap<K, Timestamp>>);

impl<K> Default for Once<K> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<K: Hash + Eq> Once<K> {
    fn hold(&self, key: K, now: Timestamp) {
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if held.len() >= HELD {
            held.retain(|_, since| is_fresh(*since, now));
        }
        held.insert(key, now);
    }

    fn spend(&self, key: &K, now: Timestamp) -> bool {
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        held.remove(key).is_some_and(|since| is_fresh(since, now))
    }
}

impl Marks {
    /// A new mark, for one request; empty where there is no randomness, which is no mark.
    pub fn issue(&self, now: Timestamp) -> String {
        let mut mark = [0; 32];
        if getrandom::fill(&mut mark).is_err() {
            return String::new();
        }
        self.requests.hold(mark, now);
        BASE64.encode(mark)
    }

    /// Whether this is a mark of ours that was not used before; it is now.
    pub fn spend(&self, mark: &[u8; 32], now: Timestamp) -> bool {
        self.requests.spend(mark, now)
    }

    /// A check has connected from here.
    pub fn dialled(&self, from: SocketAddr, now: Timestamp) {
        self.connections.hold(from, now);
    }

    /// Whether a connection from here is one that a check made, and that was not told before; it is now.
    pub fn hung_up(&self, from: &SocketAddr, now: Timestamp) -> bool {
        self.connections.spend(from, now)
    }
}

fn is_fresh(since: Timestamp, now: Timestamp) -> bool {
    let age = now.duration_since(since);
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
    fn a_connection_of_a_check_is_known_once_and_another_is_not() {
        let marks = Marks::default();
        let [ours, other] = ["127.0.0.1:40000", "127.0.0.1:40001"].map(|it| it.parse().unwrap());
        marks.dialled(ours, at(0));
        assert!(!marks.hung_up(&other, at(1)));
        assert!(marks.hung_up(&ours, at(1)));
        assert!(!marks.hung_up(&ours, at(1)));
    }

    #[test]
    fn marks_that_nobody_used_are_thrown_out() {
        let marks = Marks::default();
        for _ in 0..HELD {
            marks.issue(at(0));
        }
        let mark = bytes(&marks.issue(at(300)));
        assert_eq!(marks.requests.0.lock().unwrap().len(), 1);
        assert!(marks.spend(&mark, at(300)));
    }
}
