//! When something that died is started again.
//!
//! Pure: the supervisor hands in what it saw, measured on a clock that never jumps.

use std::time::Duration;

/// A run this long counts as healthy, and what went before it is forgiven.
pub const HEALTHY: Duration = Duration::from_secs(60);
/// No wait is longer than this.
pub const LONGEST: Duration = Duration::from_secs(30);
/// The wait before the second restart; it doubles from there.
pub const FIRST_WAIT: Duration = Duration::from_millis(250);
/// This many ends within [`LOOP_WITHIN`] are a crash loop.
pub const LOOP_AFTER: usize = 5;
/// The span in which ends are counted.
pub const LOOP_WITHIN: Duration = Duration::from_secs(60);

/// One run of a process, as times since the supervisor started.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Run {
    /// When it was started.
    pub started: Duration,
    /// When its end was seen.
    pub ended: Duration,
}

/// What to do after an end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decision {
    /// Start again after this wait.
    pub wait: Duration,
    /// It keeps dying: somebody must be told.
    pub crash_loop: bool,
}

/// Decides about the end of the last of `history`, oldest first.
///
/// The first restart is immediate, so that one kill costs nobody anything; each further end
/// without a healthy run between doubles the wait up to [`LONGEST`].
#[must_use]
pub fn next(history: &[Run], now: Duration) -> Decision {
    let unhealthy = history
        .iter()
        .rev()
        .take_while(|run| run.ended.saturating_sub(run.started) < HEALTHY)
        .count();
    let wait = match unhealthy.checked_sub(2) {
        None => Duration::ZERO,
        Some(doublings) => 1_u32
            .checked_shl(u32::try_from(doublings).unwrap_or(u32::MAX))
            .and_then(|factor| FIRST_WAIT.checked_mul(factor))
            .map_or(LONGEST, |wait| wait.min(LONGEST)),
    };
    let recent = history
        .iter()
        .filter(|run| now.saturating_sub(run.ended) <= LOOP_WITHIN)
        .count();
    Decision {
        wait,
        crash_loop: recent >= LOOP_AFTER,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Runs of the given lengths in seconds, each started when the one before ended.
    fn decide(lengths: &[u64], idle_since: u64) -> (u128, bool) {
        let mut at = Duration::ZERO;
        let history: Vec<Run> = lengths
            .iter()
            .map(|length| {
                let started = at;
                at += Duration::from_secs(*length);
                Run { started, ended: at }
            })
            .collect();
        let decision = next(&history, at + Duration::from_secs(idle_since));
        (decision.wait.as_millis(), decision.crash_loop)
    }

    #[test]
    fn waits_double_from_an_immediate_restart_to_thirty_seconds() {
        let table: &[(&[u64], u128)] = &[
            (&[], 0),
            (&[0], 0),
            (&[59], 0),
            (&[0, 0], 250),
            (&[0, 0, 0], 500),
            (&[0, 0, 0, 0], 1_000),
            (&[0; 8], 16_000),
            (&[0; 9], 30_000),
            (&[0; 16], 30_000),
            (&[0; 100], 30_000),
        ];
        for (lengths, wait) in table {
            assert_eq!(decide(lengths, 0).0, *wait, "{lengths:?}");
        }
    }

    #[test]
    fn a_healthy_run_forgives_what_went_before() {
        assert_eq!(decide(&[0, 0, 0, 60], 0), (0, false));
        assert_eq!(decide(&[0, 0, 0, 60, 1], 0), (0, false));
        assert_eq!(decide(&[0, 0, 0, 60, 1, 1], 0), (250, false));
    }

    #[test]
    fn five_ends_within_a_minute_are_a_crash_loop() {
        assert_eq!(decide(&[1; 4], 0), (1_000, false));
        assert_eq!(decide(&[1; 5], 0), (2_000, true));
        assert_eq!(decide(&[15; 5], 0), (2_000, true));
        assert_eq!(decide(&[16; 5], 0), (2_000, false));
        assert_eq!(decide(&[1; 5], 61), (2_000, false));
    }
}
