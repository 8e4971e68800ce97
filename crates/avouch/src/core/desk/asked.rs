//! Who asks the console, and what is written down of what came of it.

use avouch_console::{Actor as Asking, DeskError, Moment};
use avouch_events::{Actor, Event, Outcome};
use avouch_statement::TenantId;

use super::{Reception, shown};
use crate::core::asker::{Asker, over};

impl Reception {
    /// Gives out what was read once its event is on disk: that it was, or that it failed, and how long it took.
    pub(super) async fn told<T>(
        &self,
        event: Event,
        read: Result<T, DeskError>,
    ) -> Result<T, DeskError> {
        self.note(over(event, &read, self.core.now())).await?;
        read
    }

    /// Records that something was done, or came to nothing, and how long it took.
    pub(super) async fn note_over(
        &self,
        event: Event,
        outcome: Outcome,
        reason: impl Into<String> + Send,
    ) -> Result<(), DeskError> {
        self.note(event.ended(self.core.now(), outcome, reason))
            .await
    }
}

/// Whoever has a session here, in this request.
pub(super) fn asker(actor: &Asking) -> Asker {
    Asker {
        session: actor.tag.clone(),
        ..visitor(
            shown::event_actor(&actor.person),
            &actor.client,
            &actor.moment,
        )
    }
}

/// Whoever comes without a session, in this request.
pub(super) fn visitor(who: Actor, client: &str, moment: &Moment) -> Asker {
    Asker {
        who,
        source: client.to_owned(),
        session: String::new(),
        correlation: moment.correlation.clone(),
        since: moment.since,
    }
}

/// The actor's organisation; `None` for the supplier's people.
pub(super) fn tenant_of(actor: &Asking) -> Option<TenantId> {
    actor.person.tenant.as_deref()?.parse().ok()
}
