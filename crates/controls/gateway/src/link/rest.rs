//! Whether a tenant's instance is at rest: asked by the core before it is stopped, and known by the front alone, which sees
//! when the last body and the last tunnel are over.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::sync::oneshot;

/// What a front knows of what is under way to a tenant's instance.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rested {
    /// The number of the question.
    pub number: u64,
    /// What it knows.
    pub quiet: Quiet,
}

/// What is under way, and how long ago the last of it was over.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quiet {
    /// Requests, bodies and tunnels that are not over.
    pub open: u64,
    /// Since the last of a person's was over; nothing if there was none, zero if one is open.
    pub people: Option<Duration>,
    /// The same of the checks' synthetic people.
    pub checks: Option<Duration>,
}

impl Quiet {
    /// What two fronts know together.
    pub(super) fn and(self, other: Self) -> Self {
        let sooner = |one: Option<Duration>, two: Option<Duration>| match (one, two) {
            (Some(one), Some(two)) => Some(one.min(two)),
            (one, two) => one.or(two),
        };
        Self {
            open: self.open.saturating_add(other.open),
            people: sooner(self.people, other.people),
            checks: sooner(self.checks, other.checks),
        }
    }
}

/// The core's questions that a front has not answered yet, by their number.
#[derive(Debug, Default)]
pub(super) struct Resting(Mutex<HashMap<u64, oneshot::Sender<Quiet>>>);

impl Resting {
    /// Waits from now on for the answer to this question.
    pub(super) fn ask(&self, number: u64) -> oneshot::Receiver<Quiet> {
        let (tell, told) = oneshot::channel();
        let mut asked = self.asked();
        // Of those that were not answered in time, nobody waits any more.
        asked.retain(|_, tell| !tell.is_closed());
        asked.insert(number, tell);
        told
    }

    /// Hands an answer to who waits for it.
    pub(super) fn answer(&self, rested: Rested) {
        if let Some(tell) = self.asked().remove(&rested.number) {
            // Too late: it was given up.
            let _ = tell.send(rested.quiet);
        }
    }

    fn asked(&self) -> MutexGuard<'_, HashMap<u64, oneshot::Sender<Quiet>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_two_fronts_the_one_that_is_still_busy_counts() {
        let second = |seconds| Some(Duration::from_secs(seconds));
        let quiet = |open, people, checks| Quiet {
            open,
            people,
            checks,
        };
        let both = quiet(1, second(0), None).and(quiet(2, second(9), second(4)));
        assert_eq!(both, quiet(3, second(0), second(4)));
        assert_eq!(Quiet::default().and(both), both);
    }

    #[test]
    fn an_answer_goes_to_its_question_and_one_that_comes_late_to_nobody() {
        let resting = Resting::default();
        let (mut first, second) = (resting.ask(1), resting.ask(2));
        drop(second);
        for number in [2, 1, 7] {
            let quiet = Quiet {
                open: number,
                ..Quiet::default()
            };
            resting.answer(Rested { number, quiet });
        }
        assert_eq!(first.try_recv().unwrap().open, 1);
    }
}
