//! Minutes in which the service was there, counted from what the gateway saw and from when the service did not run.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::Fact;
use super::tally::is_fault;
use crate::{Action, Event};

/// The parameter of the platform's own event at its start: when the ledger's newest entry before it was made.
pub const BEFORE: &str = "newest-entry-before";
/// The object of that event.
pub const START: &str = "start";

const MINUTE: i64 = 60;

/// What is known of each minute.
#[derive(Debug, Default)]
pub(super) struct Minutes(BTreeMap<i64, Minute>);

#[derive(Debug, Default, Clone, Copy)]
struct Minute {
    answered: u64,
    failed: u64,
    down: bool,
}

impl Minutes {
    /// Counts a request.
    pub(super) fn request(&mut self, event: &Fact<'_>) {
        let minute = self.0.entry(event.at.as_second() / MINUTE).or_default();
        if is_fault(event) {
            minute.failed += 1;
        } else {
            minute.answered += 1;
        }
    }

    /// Counts the minutes between these as ones in which the service did not run.
    pub(super) fn down(&mut self, from: Timestamp, until: Timestamp) {
        for minute in from.as_second() / MINUTE..=until.as_second() / MINUTE {
            self.0.entry(minute).or_default().down = true;
        }
    }

    /// All minutes that are known of, and those that were lost.
    pub(super) fn counted(&self) -> (u64, u64) {
        let lost = self.0.values().filter(|minute| minute.is_lost()).count();
        let number = |count| u64::try_from(count).unwrap_or(u64::MAX);
        (number(self.0.len()), number(lost))
    }
}

impl Minute {
    const fn is_lost(self) -> bool {
        self.down || self.failed * 2 >= self.answered + self.failed
    }
}

/// From when until when the service did not run, if this is the event of its start and it ran before.
pub(super) fn stopped(event: &Event) -> Option<(Timestamp, Timestamp)> {
    if event.action != Action::System || event.object != START {
        return None;
    }
    let from: Timestamp = event.parameters.get(BEFORE)?.parse().ok()?;
    (from <= event.at).then_some((from, event.at))
}
