//! What the trail says of requests that the gateway turned away before they went on.

use std::sync::Arc;

use avouch_events::{Action, Outcome};
use avouch_evidence::BoxFuture;
use avouch_gateway::checks::RefusalLog;

use crate::core::state::Core;
use crate::fail::chain;

/// Reads it from the ledger itself, since an index may be wrong.
pub struct TurnedAway(pub Arc<Core>);

impl RefusalLog for TurnedAway {
    fn size(&self) -> BoxFuture<'_, Result<u64, String>> {
        Box::pin(async { Ok(self.0.reader.size()) })
    }

    fn since(&self, size: u64) -> BoxFuture<'_, Result<Vec<(String, String)>, String>> {
        let core = self.0.clone();
        Box::pin(async move {
            let read = tokio::task::spawn_blocking(move || since(&core, size));
            read.await.map_err(|error| error.to_string())?
        })
    }
}

fn since(core: &Core, size: u64) -> Result<Vec<(String, String)>, String> {
    let mut refusals = Vec::new();
    for stored in core.reader.scan(size) {
        let stored = stored.map_err(|error| chain(&error))?;
        // A round of checks is no event; an event of a destroyed tenant cannot be read.
        let Ok(event) = core.opener.event(&stored) else {
            continue;
        };
        if (event.action, event.outcome) == (Action::Request, Outcome::Refused) {
            refusals.push((event.object, event.reason));
        }
    }
    Ok(refusals)
}
