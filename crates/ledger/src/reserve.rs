//! One mebibyte set aside, so that a full disk can still be spoken of.
//!
//! When the disk is full the reserve is let go, and from then on only system entries are written, into the room that it
//! leaves. It is set aside again as soon as there is room for it and for what waits, and with that everything is taken
//! again.

use std::io;
use std::path::Path;
use std::sync::Arc;

use crate::files::Files;
use crate::paths::RESERVE;

/// Room for some thousands of system entries.
pub(crate) const RESERVE_BYTES: u64 = 1 << 20;

/// Whether the reserve is set aside.
pub(crate) struct Reserve {
    files: Arc<dyn Files>,
    held: bool,
}

impl Reserve {
    /// Sets the reserve aside if there is room; a full disk is no reason not to open.
    pub(crate) fn open(files: Arc<dyn Files>) -> Self {
        let mut reserve = Self { files, held: false };
        if let Err(error) = reserve.hold(0) {
            tracing::warn!(%error, "no room for the ledger's reserve; only system entries are taken");
        }
        reserve
    }

    /// Whether there was room when last looked.
    pub(crate) fn held(&self) -> bool {
        self.held
    }

    /// Sets the reserve aside if there is room for so many bytes besides, unless it is.
    pub(crate) fn hold(&mut self, besides: u64) -> io::Result<()> {
        if !self.held {
            let path = Path::new(RESERVE);
            let file = self.files.open(path)?;
            let set_aside = || {
                file.allocate(RESERVE_BYTES + besides)?;
                file.truncate(RESERVE_BYTES)?;
                file.sync()
            };
            if let Err(error) = set_aside() {
                // What was set aside in part would take room that system entries need.
                let _ = self.files.remove(path);
                return Err(error);
            }
            self.held = true;
        }
        Ok(())
    }

    /// Lets the reserve go.
    pub(crate) fn release(&mut self) -> io::Result<()> {
        self.held = false;
        self.files.remove(Path::new(RESERVE))
    }
}
