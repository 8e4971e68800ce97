//! Telling the core what was refused unasked, so that a flood cannot fill the log: of each reason the first in a second
//! is told with its facts, the rest as a count. What carries the mark of a check is always told with its facts.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use crate::link::{FrontEnd, Refused, ToCore};

/// What waits to be told as a count, by reason. A reason that is present was told in this second.
#[derive(Debug)]
pub(super) struct Refusals {
    link: Arc<FrontEnd>,
    this_second: Mutex<HashMap<String, Option<Refused>>>,
}

impl Refusals {
    pub(super) fn new(link: Arc<FrontEnd>) -> Self {
        Self {
            link,
            this_second: Mutex::default(),
        }
    }

    /// Tells one refusal, now or with the next count. A request with a mark costs whoever sends it no less than one that goes
    /// on to the core, which is told of each of those too.
    pub(super) fn tell(&self, refused: Refused, is_marked: bool) {
        if is_marked {
            self.link.say(&ToCore::Refused(refused));
            return;
        }
        let mut this_second = self
            .this_second
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        match this_second.get_mut(&refused.reason) {
            None => {
                this_second.insert(refused.reason.clone(), None);
                drop(this_second);
                self.link.say(&ToCore::Refused(refused));
            }
            Some(Some(counted)) => counted.count = counted.count.saturating_add(1),
            Some(waiting) => *waiting = Some(refused),
        }
    }

    /// Ends the second: tells the counts.
    pub(super) fn next_second(&self) {
        let told = std::mem::take(
            &mut *self
                .this_second
                .lock()
                .unwrap_or_else(PoisonError::into_inner),
        );
        for refused in told.into_values().flatten() {
            self.link.say(&ToCore::Refused(refused));
        }
    }
}
