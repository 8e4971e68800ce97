//! Judges `audit.before-effect`: requests through the gateway leave the right entries, in time.

mod judge;

use std::sync::Arc;
use std::time::Duration;

use avouch_evidence::{Ask, BoxFuture, Check, ClaimId, Ctx, Seen};
use avouch_statement::TenantId;

use super::{Line, Stage, Trail, marker};
use crate::{BEFORE_EFFECT, RecordRule};
use judge::{As, Asked, judge};

/// How often, and after what pause, the outcome of a change is looked for: 2 s in all.
const LOOKS: usize = 20;
const PAUSE: Duration = Duration::from_millis(100);

/// The check of requests.
pub struct Requests {
    trail: Arc<dyn Trail>,
    records: Vec<RecordRule>,
}

impl Requests {
    /// Makes requests at addresses that fall under the first of `records`, and looks for them in `trail`.
    #[must_use]
    pub fn new(trail: Arc<dyn Trail>, records: Vec<RecordRule>) -> Self {
        Self { trail, records }
    }

    async fn try_tenant(
        &self,
        ctx: &Ctx,
        tenant: &TenantId,
        other: Option<&TenantId>,
    ) -> Result<Vec<Asked>, String> {
        let host = ctx.gateway.host(tenant.as_str());
        let cookie = ctx.people.session(tenant, &host).await?;
        let mut asked = Vec::new();
        for (host, person, change) in [
            (Some(tenant), As::Own, false),
            (Some(tenant), As::Own, true),
            (Some(tenant), As::Nobody, false),
            (other, As::Stranger, false),
        ] {
            if let Some(host) = host {
                asked.push(self.ask(ctx, host, person, change, &cookie).await?);
            }
        }
        Ok(asked)
    }

    /// Makes one request at an address that nobody else asks for, and looks for its entries.
    async fn ask(
        &self,
        ctx: &Ctx,
        host: &TenantId,
        person: As,
        change: bool,
        cookie: &str,
    ) -> Result<Asked, String> {
        let marker = marker()?;
        let path = self.records.first().map_or_else(
            || format!("/avouch-check-{marker}"),
            |rule| rule.at(&marker),
        );
        let mut ask = if change {
            Ask::form(&path, &ctx.gateway.origin(host.as_str()), Vec::new())
        } else {
            Ask::get(&path)
        };
        if person != As::Nobody {
            ask = ask.with("cookie", cookie);
        }
        let size = self.trail.size().await?;
        let from = (ctx.clock)();
        let answer = ctx.gateway.send(host.as_str(), ask).await;
        let to = (ctx.clock)();
        let at_once = self.lines(size, &path).await?;
        let status = answer
            .map(|answer| answer.status.as_u16())
            .map_err(|error| error.to_string())?;
        let mut later = at_once.clone();
        for _ in 0..LOOKS {
            if later.iter().any(|line| line.stage != Stage::Intended) {
                break;
            }
            tokio::time::sleep(PAUSE).await;
            later = self.lines(size, &path).await?;
        }
        Ok(Asked {
            person,
            change,
            tenant: host.clone(),
            from,
            to,
            status,
            at_once,
            later,
        })
    }

    async fn lines(&self, since: u64, path: &str) -> Result<Vec<Line>, String> {
        let mut lines = self.trail.since(since).await?;
        lines.retain(|line| line.object.contains(path));
        Ok(lines)
    }
}

impl Check for Requests {
    fn name(&self) -> &str {
        "requests in the ledger"
    }

    fn claims(&self) -> Vec<ClaimId> {
        vec![ClaimId::new(BEFORE_EFFECT)]
    }

    fn run<'a>(&'a self, ctx: &'a Ctx) -> BoxFuture<'a, Vec<Seen>> {
        Box::pin(async move {
            let mut seen = Vec::new();
            for (at, tenant) in ctx.tenants.iter().enumerate() {
                let other = ctx
                    .tenants
                    .iter()
                    .cycle()
                    .nth(at + 1)
                    .filter(|other| *other != tenant);
                seen.push(judge(&self.try_tenant(ctx, tenant, other).await).of(tenant));
            }
            if seen.is_empty() {
                seen.push(Seen::unproven(
                    &ClaimId::new(BEFORE_EFFECT),
                    "No tenant is served.",
                ));
            }
            seen
        })
    }
}
