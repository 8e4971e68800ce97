//! The last time that was believed, kept beside the ledger: what a start compares its clock with.
//!
//! The ledger's newest entry would not do: it may have been written under a clock that was doubted.

use std::path::{Path, PathBuf};

use jiff::Timestamp;

use super::state::Core;
use crate::durable;

/// The file that holds it.
#[derive(Debug)]
pub struct Believed(PathBuf);

impl Believed {
    /// The file in the core's folder.
    pub fn within(core: &Path) -> Self {
        Self(core.join("believed"))
    }

    /// What it holds; nothing, if it holds no time.
    pub fn read(&self) -> Option<Timestamp> {
        let text = std::fs::read_to_string(&self.0).ok()?;
        let read = text.trim().parse();
        if let Err(error) = &read {
            tracing::warn!(%error, file = %self.0.display(), "the last time that was believed cannot be read");
        }
        read.ok()
    }

    /// Keeps this one.
    pub fn keep(&self, now: Timestamp) {
        if let Err(error) = durable::write(&self.0, format!("{now}\n").as_bytes()) {
            tracing::warn!(%error, file = %self.0.display(), "the last time that was believed is not kept");
        }
    }
}

impl Core {
    /// Why the clock may not be believed now. While it may, the time is kept for the next start.
    pub fn doubt(&self) -> Option<String> {
        let now = self.now();
        let doubt = self.steady.doubt(now);
        if doubt.is_none() {
            self.believed.keep(now);
        }
        doubt
    }

    /// The time that has come for certain: while the clock is in doubt, the last that was believed. What somebody must wait
    /// for is compared with it.
    pub fn certain(&self) -> Timestamp {
        self.steady.between(self.now()).0
    }

    /// The latest that the clock has said and been believed, or says now. What lets somebody in ends by it, so that a clock in
    /// doubt ends it too early rather than too late.
    pub fn latest(&self) -> Timestamp {
        self.steady.between(self.now()).1
    }

    /// Believes the clock as it is now, on the word of somebody who has compared it with another.
    pub fn believe(&self, now: Timestamp) {
        self.steady.believe(now);
        self.believed.keep(now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_is_read_and_what_is_no_time_is_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let believed = Believed::within(folder.path());
        assert_eq!(believed.read(), None);
        let at = "2026-03-02T12:00:00.5Z".parse().unwrap();
        believed.keep(at);
        assert_eq!(believed.read(), Some(at));
        std::fs::write(folder.path().join("believed"), "yesterday").unwrap();
        assert_eq!(believed.read(), None);
    }
}
