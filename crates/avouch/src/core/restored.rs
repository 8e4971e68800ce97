//! A data folder that was made from backups: what its first start writes down.

use std::io;

use avouch_events::{Action, Actor, Event, Outcome};
use avouch_runtime::layout::Layout;
use avouch_statement::Slug;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::state::Core;
use crate::durable;
use crate::fail::Fail;

/// What whoever restored leaves for the service, since there was nobody to record it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Restored {
    /// Why, in the operator's words.
    pub because: String,
    /// The destination.
    pub from: String,
    /// When the platform's backup was taken.
    pub taken: Option<Timestamp>,
    /// What came back: whose, which source, and which snapshot.
    pub snapshots: Vec<String>,
    /// Backups that turned out to be damaged.
    pub damaged: Vec<String>,
    /// Tenants that came back without what was missing of them.
    pub without: Vec<String>,
    /// What came of verifying the ledger.
    pub ledger: String,
    /// Destinations that went with the data folder before.
    pub lost: Vec<Slug>,
}

impl Restored {
    /// Leaves it in the core's folder.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn leave(&self, layout: &Layout) -> io::Result<()> {
        durable::write(&path(layout), &serde_json::to_vec(self)?)
    }
}

impl Core {
    /// Writes down that everything was restored, if it was, and forgets backups that went with the machine.
    ///
    /// # Errors
    /// If it cannot be recorded: a service whose ledger does not say where its state came from does not start.
    pub async fn say_restored(&self) -> Result<(), Fail> {
        let path = path(&self.layout);
        let unsaid = || Fail::new("that everything was restored cannot be recorded");
        let text = match std::fs::read(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(unsaid().from(error)),
        };
        let restored: Restored =
            serde_json::from_slice(&text).map_err(|error| unsaid().from(error))?;
        let lost: Vec<String> = restored.lost.iter().map(ToString::to_string).collect();
        let mut forgotten = 0;
        for destination in &lost {
            forgotten += self
                .backups
                .records()
                .lost(destination)
                .await
                .map_err(|error| unsaid().from(error))?;
        }
        let taken = restored.taken.map_or_else(String::new, |at| at.to_string());
        let mut event = Event::new(
            self.now(),
            Actor::local_root(),
            Action::Restore,
            "everything",
            Outcome::Done,
        )
        .from("local")
        .because(restored.because)
        .with("from", restored.from)
        .with("taken", taken)
        .with("snapshots", restored.snapshots.join(", "))
        .with("damaged", restored.damaged.join(", "))
        .with("without", restored.without.join(", "))
        .with("ledger", restored.ledger)
        .with("lost-destinations", lost.join(", "))
        .with("lost-backups", forgotten.to_string());
        event.correlation = format!("everything-{}", self.now().as_microsecond());
        self.record(event)
            .await
            .map_err(|error| unsaid().from(error))?;
        std::fs::remove_file(&path).map_err(|error| unsaid().from(error))
    }
}

fn path(layout: &Layout) -> std::path::PathBuf {
    layout.core().join("restored.json")
}
