//! What the ledger says of drills: an entry for each, with the digest of its record, whoever asked for it.

use avouch_backup::drill::{Book, Signed};
use avouch_events::{Action, Actor, Event, Outcome};
use avouch_evidence::BoxFuture;
use avouch_statement::TenantId;

use super::jobs::Stage;
use super::state::Core;
use crate::fail::chain;

const OBJECT: &str = "record of a drill";
const DRILL: &str = "drill";
const OWNER: &str = "owner";
const BY: &str = "asked-by";
const DIGEST: &str = "digest";
const REASON: &str = "the record of a drill, as it was kept";

impl Book for Stage {
    fn write<'a>(&'a self, signed: &'a Signed) -> BoxFuture<'a, Result<u64, String>> {
        Box::pin(async move {
            let core = self.core.upgrade().ok_or("the core is stopping")?;
            let outcome = match signed.succeeded {
                true => Outcome::Done,
                false => Outcome::Failed,
            };
            // An owner that is no tenant is the platform.
            let tenant: Option<TenantId> = signed.owner.parse().ok();
            let tenant = tenant.filter(|tenant| core.tenants.get(tenant).is_some());
            let mut event = Event::new(
                core.now(),
                Actor::platform(),
                Action::Drill,
                OBJECT,
                outcome,
            )
            .of(tenant.as_ref())
            .because(REASON)
            .with(DRILL, &signed.id)
            .with(OWNER, &signed.owner)
            .with(BY, &signed.by)
            .with(DIGEST, &signed.digest);
            event.correlation = format!("drill-{}", signed.id);
            let recorded = core.record(event).await.map_err(|error| chain(&error))?;
            Ok(recorded.index)
        })
    }

    fn read(&self, entry: u64) -> BoxFuture<'_, Option<Signed>> {
        let core = self.core.upgrade();
        Box::pin(async move {
            let core = core?;
            signed(&core, entry)
        })
    }
}

fn signed(core: &Core, entry: u64) -> Option<Signed> {
    let stored = core.reader.read(entry).ok()?;
    let event = core.opener.event(&stored).ok()?;
    if event.action != Action::Drill || event.object != OBJECT {
        return None;
    }
    let said = |name: &str| event.parameters.get(name).cloned();
    Some(Signed {
        id: said(DRILL)?,
        owner: said(OWNER)?,
        by: said(BY)?,
        digest: said(DIGEST)?,
        succeeded: event.outcome == Outcome::Done,
    })
}
