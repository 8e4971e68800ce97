//! When a backup is due, and when one is late.

use jiff::Timestamp;

pub use avouch_statement::{At, AtError, Due};

/// How long after its slot a run may start and still be on time: it covers a start of the service, not an outage.
pub const ON_TIME: jiff::SignedDuration = jiff::SignedDuration::from_mins(15);

/// Whether a run that serves `slot` and started at `started` is to be shown as late.
#[must_use]
pub fn is_late(slot: Timestamp, started: Timestamp) -> bool {
    started.duration_since(slot) > ON_TIME
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_is_late_once_more_than_a_start_of_the_service_lies_between() {
        let slot = Timestamp::UNIX_EPOCH;
        assert!(!is_late(slot, slot + ON_TIME));
        assert!(is_late(
            slot,
            slot + ON_TIME + jiff::SignedDuration::from_secs(1)
        ));
    }
}
