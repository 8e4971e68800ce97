//! Who asks for something, from where, and in which session and request: what every event of it says.

use avouch_events::{Action, Actor, Event, Outcome};
use jiff::Timestamp;

/// Whoever asks.
#[derive(Debug, Clone)]
pub struct Asker {
    pub who: Actor,
    /// The address that they ask from; `local` for a command, empty for the platform itself.
    pub source: String,
    /// The tag of the session; empty where there is none.
    pub session: String,
    /// Ties together what one request or command left in the trail.
    pub correlation: String,
    /// When it was asked.
    pub since: Timestamp,
}

impl Asker {
    /// Root at a shell, in the command that is recorded as this event.
    pub fn command(begun: &Event) -> Self {
        Self {
            who: begun.who.clone(),
            source: begun.source.clone(),
            session: String::new(),
            correlation: begun.correlation.clone(),
            since: begun.at,
        }
    }

    /// The platform, of its own accord.
    pub fn platform(now: Timestamp) -> Self {
        Self {
            who: Actor::platform(),
            source: String::new(),
            session: String::new(),
            correlation: String::new(),
            since: now,
        }
    }

    /// The event of what they ask for, before anything has come of it.
    pub fn event(&self, action: Action, object: impl Into<String>) -> Event {
        let who = self.who.clone();
        let mut event = Event::new(self.since, who, action, object, Outcome::Intended)
            .from(&self.source)
            .within(&self.session);
        event.correlation.clone_from(&self.correlation);
        event
    }
}

/// The event with what came of it, and how long that took.
pub fn over<T, E: ToString>(event: Event, done: &Result<T, E>, now: Timestamp) -> Event {
    match done {
        Ok(_) => event.ended(now, Outcome::Done, String::new()),
        Err(why) => event.ended(now, Outcome::Failed, why.to_string()),
    }
}
