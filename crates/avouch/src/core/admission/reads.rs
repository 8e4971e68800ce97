//! Reads that the front let through on an earlier word: each is judged as it stands now, and its event kept, before its
//! answer leaves. Those that come together are kept together.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use avouch_access::{Session, TokenDigest};
use avouch_events::Event;
use avouch_gateway::link::{self, Begin, Read, WarrantMark};
use avouch_statement::TenantId;
use avouch_tenancy::permit;
use futures_util::future::join_all;

use super::event::{describe, outcome, withheld};
use super::resting::whose;
use super::{Gate, actor, forwarded, tag};
use crate::fail::chain;

impl Gate {
    /// Says of each whether its event is on disk.
    pub(super) async fn keep(&self, reads: Vec<Read>) -> Vec<bool> {
        let judged = join_all(reads.into_iter().map(|read| self.judge(read))).await;
        let (mut kept, events): (Vec<bool>, Vec<Event>) = judged
            .into_iter()
            .map(|(kept, event)| (kept, self.core.completed(event)))
            .unzip();
        // One by one if not together, so that what can be kept is, and what stands in the way is said.
        if let Err((_, events)) = self.core.recorder.record_all(events).await {
            for (kept, event) in kept.iter_mut().zip(events) {
                *kept &= self.core.record(event).await.is_ok();
            }
        }
        kept
    }

    /// Whether the word that a read went on is what would be said now, and the read's event. If it is not, the answer is
    /// thrown away; if somebody still waits for it, the front asks anew, and what comes of that is an event of its own.
    async fn judge(&self, read: Read) -> (bool, Event) {
        let Read {
            begin,
            warrant,
            end,
        } = read;
        let admitted = self.admitted(&begin).await;
        let (core, now) = (&self.core, self.core.now());
        let holds = admitted.as_ref().is_some_and(|(session, tenant)| {
            !begin.unsafe_method && mark(&forwarded(&session.person), tenant, session) == warrant
        });
        let event = match admitted {
            Some((session, tenant)) => {
                core.capacity.touch(&tenant, whose(&session.person));
                let tag = hex::encode(tag(&session));
                describe(&begin, actor(&session.person), Some(&tenant), tag, now)
            }
            None => {
                let tenant = core.tenant_at(&begin.host);
                let (who, session) = match self.words.of(warrant) {
                    Some(word) => (word.who, word.session),
                    None => core.unseated(begin.token_digest, tenant.as_ref()).await,
                };
                describe(&begin, who, tenant.as_ref(), session, now)
            }
        };
        let event = outcome(event, end, begin.record.is_some(), false, now);
        (holds, if holds { event } else { withheld(event) })
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
