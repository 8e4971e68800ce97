//! How long named requests took in people's browsers, where a report asks for it.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use avouch_console::views::{Timed, Timing};
use avouch_console::{Actor, DeskError};
use avouch_events::report::Measure;
use avouch_events::{Action, Outcome};
use jiff::Timestamp;

use super::{Reception, asker, tenant_of};
use crate::core::state::Core;

/// Times that a session may say in one minute: more than anybody opens pages.
const MOST: u32 = 60;

/// How many times each session has said in this minute.
#[derive(Debug, Default)]
pub struct Lately(Mutex<(i64, HashMap<String, u32>)>);

impl Lately {
    /// Whether there is room for one more of this session.
    fn room(&self, session: &str, now: Timestamp) -> bool {
        let minute = now.as_second().div_euclid(60);
        let mut lately = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // Who comes late with the minute before counts with this one.
        if minute != lately.0 && minute != lately.0 - 1 {
            *lately = (minute, HashMap::new());
        }
        let said = lately.1.entry(session.to_owned()).or_default();
        *said = said.saturating_add(1);
        *said <= MOST
    }
}

impl Core {
    /// The requests that browsers are asked to time, each once.
    pub(super) fn timed_in_browsers(&self) -> impl Iterator<Item = String> {
        let asked = self.statement.reports.iter();
        let names = asked.filter_map(|report| match &report.measure {
            Measure::Interaction {
                on,
                in_browser: true,
                ..
            } => Some(on.to_string()),
            _ => None,
        });
        names.collect::<std::collections::BTreeSet<_>>().into_iter()
    }
}

impl Reception {
    pub(super) async fn keep_timing(
        &self,
        actor: &Actor,
        timing: Timing,
    ) -> Result<Timed, DeskError> {
        if !self.core.timed_in_browsers().any(|name| name == timing.on) {
            return Ok(Timed::Unasked);
        }
        let now = self.core.now();
        if !self.timings.room(&actor.tag, now) {
            return Ok(Timed::TooMany);
        }
        let mut event = asker(actor)
            .event(Action::Timing, timing.on)
            .of(tenant_of(actor).as_ref())
            .ended(now, Outcome::Done, "as the browser said");
        event.micros = u64::try_from(timing.took.as_micros()).ok();
        self.note(event).await?;
        Ok(Timed::Kept)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_has_room_for_so_many_in_a_minute_and_takes_none_of_anothers() {
        let lately = Lately::default();
        let at = |second| Timestamp::from_second(second).unwrap();
        let kept = (0..2 * MOST).filter(|_| lately.room("a", at(0))).count();
        assert_eq!(kept, usize::try_from(MOST).unwrap());
        assert!(lately.room("b", at(59)));
        assert!(!lately.room("a", at(59)));
        assert!(lately.room("a", at(60)));
    }
}
