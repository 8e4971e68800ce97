//! Which version of the application runs, and an event when it is another one than before.

use std::path::Path;

use avouch_events::{Action, Actor, Event, Outcome};
use avouch_runtime::layout::Layout;
use aws_lc_rs::digest;
use serde::{Deserialize, Serialize};

use super::state::Core;
use crate::durable;
use crate::fail::Fail;
use crate::statement_file::Statement;

/// Characters of the digest in every event.
const SHORT: usize = 12;

/// A version of the application.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Running {
    /// As the statement declares it; empty if it does not.
    version: String,
    /// SHA-256 of the program, in hexadecimal.
    sha256: String,
}

impl Running {
    /// What lies ready to run.
    ///
    /// # Errors
    /// If the program cannot be read.
    pub fn read(statement: &Statement, layout: &Layout) -> Result<Self, Fail> {
        let name = statement.app.command.first().map_or("", String::as_str);
        let name = Path::new(name).file_name().unwrap_or_default();
        let program = std::fs::read(layout.bin().join(name))
            .map_err(|error| Fail::new("the application's program cannot be read").from(error))?;
        Ok(Self {
            version: statement.app.version.clone().unwrap_or_default(),
            sha256: hex::encode(digest::digest(&digest::SHA256, &program)),
        })
    }

    /// As every event names it.
    pub fn label(&self) -> String {
        let short: String = self.sha256.chars().take(SHORT).collect();
        if self.version.is_empty() {
            short
        } else {
            format!("{} {short}", self.version)
        }
    }
}

impl Core {
    /// Writes down, in every trail, that another version runs than when the service was last started.
    ///
    /// # Errors
    /// If it cannot be recorded or remembered.
    pub async fn release(&self) -> Result<(), Fail> {
        let path = self.layout.core().join("release.json");
        let before: Running = match std::fs::read(&path) {
            Ok(text) => serde_json::from_slice(&text).unwrap_or_default(),
            Err(_) => Running::default(),
        };
        if before == self.running {
            return Ok(());
        }
        let unsaid = || Fail::new("the application's version cannot be recorded");
        let tenants = self.tenants.ids().into_iter().map(Some);
        for tenant in tenants.chain([None]) {
            let mut event = Event::new(
                self.now(),
                Actor::platform(),
                Action::Release,
                "application",
                Outcome::Done,
            )
            .of(tenant.as_ref())
            .with("sha256", &self.running.sha256);
            for (name, value) in [
                ("version", &self.running.version),
                ("before", &before.version),
                ("sha256-before", &before.sha256),
            ] {
                if !value.is_empty() {
                    event = event.with(name, value);
                }
            }
            self.record(event)
                .await
                .map_err(|error| unsaid().from(error))?;
        }
        let text = serde_json::to_vec(&self.running).map_err(|error| unsaid().from(error))?;
        durable::write(&path, &text).map_err(|error| unsaid().from(error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_named_as_declared_and_by_the_start_of_its_digest() {
        let mut running = Running {
            version: "2.4.1".to_owned(),
            sha256: "0123456789abcdef".repeat(4),
        };
        assert_eq!(running.label(), "2.4.1 0123456789ab");
        running.version.clear();
        assert_eq!(running.label(), "0123456789ab");
    }
}
