//! Requests without a sign-in: each leaves an event, up to a rate; beyond it they are counted, so that a flood of them
//! cannot fill the disk.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use jiff::Timestamp;

/// Events a minute for each host. A person who follows links makes a few; a round of checks, a hundred in a second or two.
const EACH_MINUTE: u32 = 3_000;

/// What has been written of strangers at each host.
#[derive(Debug, Default)]
pub struct Strangers(Mutex<HashMap<String, Window>>);

#[derive(Debug, Clone, Copy, Default)]
struct Window {
    minute: i64,
    written: u32,
    untold: u64,
}

impl Strangers {
    /// Whether one more request at this host is to be written down, and how many went untold before it.
    pub fn write(&self, host: &str, now: Timestamp) -> Option<u64> {
        let mut hosts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let window = hosts.entry(host.to_owned()).or_default();
        let minute = now.as_second().div_euclid(60);
        if window.minute != minute {
            window.minute = minute;
            window.written = 0;
        }
        if window.written >= EACH_MINUTE {
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
            .iter_mut()
            .filter(|(_, window)| window.untold > 0)
            .map(|(host, window)| (host.clone(), std::mem::take(&mut window.untold)))
            .collect();
        // What was written in minutes that are over bounds nothing any more.
        let newest = hosts.values().map(|window| window.minute).max();
        hosts.retain(|_, window| Some(window.minute) == newest);
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
        let written = (0..4_000)
            .filter(|_| strangers.write("riverside", at(0)).is_some())
            .count();
        assert_eq!(written, 3_000);
        assert_eq!(strangers.write("hillside", at(0)), Some(0));
        assert_eq!(strangers.write("riverside", at(60)), Some(1_000));
        assert_eq!(strangers.write("riverside", at(60)), Some(0));
        assert_eq!(strangers.untold(), Vec::new());
    }

    #[test]
    fn what_a_flood_left_untold_is_told_when_it_is_over() {
        let strangers = Strangers::default();
        for _ in 0..3_005 {
            let _ = strangers.write("riverside", at(0));
        }
        assert_eq!(strangers.untold(), vec![("riverside".to_owned(), 5)]);
        assert_eq!(strangers.untold(), Vec::new());
    }
}
