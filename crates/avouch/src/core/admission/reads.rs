//! Reads that the front let through on an earlier word: each is judged as it stands now, and its event kept, before its
//! answer leaves. Those that come together are kept together.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use avouch_access::{Session, TokenDigest};
use avouch_events::Event;
use avouch_gateway::link::{self, Begin, End, Unasked, WarrantMark};
use avouch_statement::TenantId;
use avouch_tenancy::permit;
use futures_util::future::join_all;

use super::event::{describe, outcome};
use super::{Gate, actor, forwarded};
use crate::fail::chain;

impl Gate {
    /// Says of each whether its event is on disk.
    pub(super) async fn keep(&self, reads: Vec<End>) -> Vec<bool> {
        let mut kept = vec![false; reads.len()];
        let (mut places, mut events) = (Vec::new(), Vec::new());
        let judged = join_all(reads.into_iter().map(|end| self.judge(end))).await;
        for (place, event) in kept.iter_mut().zip(judged) {
            if let Some(event) = event {
                places.push(place);
                events.push(self.core.completed(event));
            }
        }
        match self.core.recorder.record_all(events).await {
            Ok(()) => places.into_iter().for_each(|place| *place = true),
            // One by one, so that what can be kept is, and what stands in the way is said.
            Err((_, events)) => {
                for (place, event) in places.into_iter().zip(events) {
                    *place = self.core.record(event).await.is_ok();
                }
            }
        }
        kept
    }

    /// The event of a read, if the word that it went on is what would be said now. If not, and somebody still waits for
    /// its answer, the front asks anew, and the refusal is written down then.
    async fn judge(&self, mut end: End) -> Option<Event> {
        let Unasked { begin, warrant } = *end.unasked.take()?;
        let (session, tenant) = self.admitted(&begin).await?;
        let person = forwarded(&session.person);
        if begin.unsafe_method || mark(&person, &tenant, &session) != warrant {
            return None;
        }
        let now = self.core.now();
        let event = describe(&begin, actor(&session.person), &tenant, &session, now);
        Some(outcome(event, end, begin.record.is_some(), false, now))
    }

    async fn admitted(&self, begin: &Begin) -> Option<(Session, TenantId)> {
        let core = &self.core;
        let digest = TokenDigest(begin.token_digest?);
        let session = core.access.resolve(&digest, &begin.host, core.now()).await;
        let session = session.unwrap_or_else(|error| {
            tracing::error!(error = chain(&error), "a session could not be looked up");
            None
        })?;
        let known = core.tenant_at(&begin.host)?;
        let permitted = permit(session.person.tenant.as_ref(), &known).ok()?;
        Some((session, permitted.tenant().clone()))
    }
}

/// What our word about a session is known by: another as soon as anything that the instance was told is another.
pub(super) fn mark(person: &link::Person, tenant: &TenantId, session: &Session) -> WarrantMark {
    let mut hash = DefaultHasher::new();
    (&person.id, &person.email, &person.name).hash(&mut hash);
    (person.role.name(), person.synthetic).hash(&mut hash);
    (tenant.as_str(), &session.host).hash(&mut hash);
    session.created.as_microsecond().hash(&mut hash);
    hash.finish()
}
