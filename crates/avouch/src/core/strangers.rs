//! Requests without a sign-in: each leaves an event, up to a rate; beyond it they are counted, so that a flood of them
//! cannot fill the disk.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use jiff::Timestamp;

/// Events a second for each host; a person who follows links makes a few.
const EACH_SECOND: u32 = 20;

/// What has been written of strangers at each host.
#[derive(Debug, Default)]
pub struct Strangers(Mutex<HashMap<String, Window>>);

#[derive(Debug, Clone, Copy, Default)]
struct Window {
    second: i64,
    written: u32,
    untold: u64,
}

impl Strangers {
    /// Whether one more request at this host is to be written down, and how many went untold before it.
    pub fn write(&self, host: &str, now: Timestamp) -> Option<u64> {
        let mut hosts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let window = hosts.entry(host.to_owned()).or_default();
        if window.second != now.as_second() {
            window.second = now.as_second();
            window.written = 0;
        }
        if window.written >= EACH_SECOND {
            window.untold += 1;
            return None;
        }
        window.written += 1;
        Some(std::mem::take(&mut window.untold))
    }

    /// Hosts with requests that nothing has told of yet, and how many; they count as told from now on.
    pub fn untold(&self) -> Vec<(String, u64)> {
        let mut hosts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let untold = hosts
            .iter()
            .filter(|(_, window)| window.untold > 0)
            .map(|(host, window)| (host.clone(), window.untold))
            .collect();
        hosts.clear();
        untold
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_767_225_600 + second).unwrap()
    }

    #[test]
    fn a_flood_is_counted_and_told_once() {
        let strangers = Strangers::default();
        let written = (0..1_000)
            .filter(|_| strangers.write("riverside", at(0)).is_some())
            .count();
        assert_eq!(written, 20);
        assert_eq!(strangers.write("hillside", at(0)), Some(0));
        assert_eq!(strangers.write("riverside", at(1)), Some(980));
        assert_eq!(strangers.write("riverside", at(1)), Some(0));
        assert_eq!(strangers.untold(), Vec::new());
    }

    #[test]
    fn what_a_flood_left_untold_is_told_when_it_is_over() {
        let strangers = Strangers::default();
        for _ in 0..25 {
            let _ = strangers.write("riverside", at(0));
        }
        assert_eq!(strangers.untold(), vec![("riverside".to_owned(), 5)]);
        assert_eq!(strangers.untold(), Vec::new());
    }
}
