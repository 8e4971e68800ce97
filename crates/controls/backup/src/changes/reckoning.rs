//! By which clock times were noted, so that those of a clock that was wrong are told from the others.
//!
//! People and programs set the wall clock. Nobody sets the machine's own count of the time since it was started, which goes
//! on while the machine is suspended. What the wall clock shows, less that count, stays the same until the wall clock is set.

use std::sync::OnceLock;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

/// A clock that was set by no more than this at once is the same clock.
pub const BOUND: SignedDuration = SignedDuration::from_secs(2);

/// Where the system says which run of the machine this is. Whoever follows databases must be let read it.
pub const BOOT: &str = "/proc/sys/kernel/random/boot_id";

/// What times were noted by.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reckoning {
    /// Which run of the machine.
    pub boot: String,
    /// When that began, by the wall clock as it was set.
    pub began: Timestamp,
}

/// What time it is, and what tells that the clock was set.
pub trait Clock: Send + Sync {
    /// The time by the wall clock.
    fn now(&self) -> Timestamp;

    /// The time since the machine was started, with all in which it was suspended.
    fn count(&self) -> SignedDuration {
        count()
    }
}

impl<F: Fn() -> Timestamp + Send + Sync> Clock for F {
    fn now(&self) -> Timestamp {
        self()
    }
}

impl Reckoning {
    /// What times are noted by now, in this run of the machine.
    #[must_use]
    pub fn of(boot: &str, clock: &dyn Clock) -> Option<Self> {
        let began = clock.now().checked_sub(clock.count()).ok()?;
        Some(Self {
            boot: boot.to_owned(),
            // As it is written down.
            began: Timestamp::from_microsecond(began.as_microsecond()).unwrap_or(began),
        })
    }

    /// Whether the clock was set between the two. Of another run of the machine that cannot be said.
    #[must_use]
    pub fn was_set(&self, other: &Self) -> bool {
        self.boot == other.boot && self.began.duration_since(other.began).abs() > BOUND
    }

    pub(super) fn to_bytes(&self) -> Vec<u8> {
        let began = self.began.as_microsecond().to_be_bytes();
        [began.as_slice(), self.boot.as_bytes()].concat()
    }

    pub(super) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (began, boot) = bytes.split_first_chunk::<8>()?;
        Some(Self {
            boot: String::from_utf8(boot.to_vec()).ok()?,
            began: Timestamp::from_microsecond(i64::from_be_bytes(*began)).ok()?,
        })
    }
}

/// Which run of the machine this is, if the system says so.
#[must_use]
pub fn boot() -> Option<&'static str> {
    static READ: OnceLock<Option<String>> = OnceLock::new();
    let read = || match std::fs::read_to_string(BOOT) {
        Ok(text) => Some(text.trim().to_owned()),
        Err(error) => {
            tracing::warn!(%error, "the system does not say which run of the machine this is");
            None
        }
    };
    READ.get_or_init(read).as_deref()
}

/// The time since the machine was started, with all in which it was suspended.
#[must_use]
pub fn count() -> SignedDuration {
    let count = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
    let nanos = i32::try_from(count.tv_nsec).unwrap_or_default();
    SignedDuration::new(count.tv_sec, nanos)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(boot: &str, began: &str) -> Reckoning {
        Reckoning {
            boot: boot.to_owned(),
            began: began.parse().unwrap(),
        }
    }

    #[test]
    fn a_clock_was_set_if_the_run_of_the_machine_began_at_another_time_by_it() {
        let first = of("a", "2026-11-21T10:00:00Z");
        assert!(!first.was_set(&of("a", "2026-11-21T10:00:02Z")));
        assert!(first.was_set(&of("a", "2026-11-21T10:00:02.000001Z")));
        assert!(first.was_set(&of("a", "2026-11-21T09:59:57Z")));
        assert!(!first.was_set(&of("b", "2026-11-21T09:00:00Z")));
    }

    #[test]
    fn what_is_written_down_reads_the_same() {
        let one = Reckoning::of(boot().unwrap(), &Timestamp::now).unwrap();
        assert_eq!(Reckoning::from_bytes(&one.to_bytes()), Some(one));
    }

    #[test]
    fn the_count_goes_on_by_itself() {
        let (wall, before) = (std::time::Instant::now(), count());
        while count() <= before {}
        let apart = count() - before;
        assert!(
            apart >= SignedDuration::ZERO
                && apart <= SignedDuration::try_from(wall.elapsed()).unwrap() + BOUND
        );
    }
}
