//! How the core writes down what happens, and what it says of itself.

use std::sync::atomic::Ordering;

use avouch_events::{Action, Actor, Event, Outcome, RecordError, Recorded, report};
use avouch_ledger::AppendError;
use jiff::Timestamp;

use super::state::Core;
use crate::fail::chain;

impl Core {
    /// Records that the clock is in doubt, and what that means.
    ///
    /// # Errors
    /// As [`Core::record`].
    pub async fn say_doubt(&self, doubt: &str) -> Result<Recorded, RecordError> {
        let so = "nothing is removed, and nothing lapses, until it is right";
        self.say("clock", Outcome::Failed, format!("{doubt}; {so}"))
            .await
    }

    /// The event with what the core knows of every event: where the person belongs, and which application runs.
    pub fn completed(&self, mut event: Event) -> Event {
        if !event.who.id.is_empty() {
            event.locality = self.localities.of(&event.who.id);
        }
        event.application = self.running.label();
        event
    }

    /// Records an event; returns when it is on disk.
    ///
    /// # Errors
    /// If it is not certainly on disk.
    pub async fn record(&self, event: Event) -> Result<Recorded, RecordError> {
        let recorded = self.recorder.record(self.completed(event)).await;
        match &recorded {
            Ok(_) => self.full.store(false, Ordering::Relaxed),
            Err(RecordError::Append(AppendError::Full))
                if !self.full.swap(true, Ordering::Relaxed) =>
            {
                // The ledger keeps room for saying so.
                let said = Event::new(
                    self.now(),
                    Actor::platform(),
                    Action::System,
                    "disk",
                    Outcome::Failed,
                )
                .because("the disk is full: nothing else is recorded, so nothing else is done");
                if let Err(error) = self.recorder.record(said).await {
                    tracing::error!(error = chain(&error), "even the full disk was not recorded");
                }
            }
            Err(error) => tracing::error!(error = chain(error), "an event was not recorded"),
        }
        recorded
    }

    /// Whether the disk was full at the last event.
    pub fn is_full(&self) -> bool {
        self.full.load(Ordering::Relaxed)
    }

    /// Records something that the platform says about itself.
    ///
    /// # Errors
    /// As [`Core::record`].
    pub async fn say(
        &self,
        object: &str,
        outcome: Outcome,
        reason: impl Into<String> + Send,
    ) -> Result<Recorded, RecordError> {
        self.record(
            Event::new(
                self.now(),
                Actor::platform(),
                Action::System,
                object,
                outcome,
            )
            .because(reason),
        )
        .await
    }

    /// Records the start, with the time of the newest entry before it: nothing ran in between.
    pub(super) async fn say_start(
        &self,
        newest: Option<Timestamp>,
    ) -> Result<Recorded, RecordError> {
        let mut event = Event::new(
            self.now(),
            Actor::platform(),
            Action::System,
            report::START,
            Outcome::Done,
        )
        .because(format!("statement {}", self.digest));
        if let Some(newest) = newest {
            event = event.with(report::BEFORE, newest.to_string());
        }
        self.record(event).await
    }
}
