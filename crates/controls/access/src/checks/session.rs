//! Judges `access.session.idle` and `access.session.absolute`: a session just past its limit is refused at the gateway,
//! and one just within it is not.
//!
//! Source: OWASP ASVS 5.0.0, 7.3.1 and 7.3.2.

use super::door::{Door, knock};
use crate::{Access, NewSession, Worn};
use avouch_evidence::{BoxFuture, Check, Ctx, Seen};
use avouch_statement::{ClaimId, TenantId, Verdict};
use jiff::SignedDuration;
use std::sync::Arc;

/// How far within its limit the session is that must be let in: time for the request to arrive.
const MARGIN: SignedDuration = SignedDuration::from_secs(30);
/// How far past it the other one is.
const PAST: SignedDuration = SignedDuration::from_secs(1);

/// The check of one limit.
pub(super) struct Limit {
    access: Arc<Access>,
    name: &'static str,
    claim: ClaimId,
    limit: SignedDuration,
    wear: fn(SignedDuration) -> Worn,
}

impl Limit {
    pub(super) fn idle(access: Arc<Access>) -> Self {
        let limit = access.settings().session.idle;
        let wear = |age| Worn {
            created: age,
            used: age,
        };
        Self {
            access,
            name: "idle session",
            claim: ClaimId::new("access.session.idle"),
            limit,
            wear,
        }
    }

    pub(super) fn absolute(access: Arc<Access>) -> Self {
        let limit = access.settings().session.absolute;
        let wear = |age| Worn {
            created: age,
            used: SignedDuration::ZERO,
        };
        Self {
            access,
            name: "old session",
            claim: ClaimId::new("access.session.absolute"),
            limit,
            wear,
        }
    }

    async fn knock_worn(&self, ctx: &Ctx, tenant: &TenantId, age: SignedDuration) -> Door {
        let host = ctx.gateway.host(tenant.as_str());
        let now = (ctx.clock)();
        match self
            .access
            .synthetic_session(tenant, &host, (self.wear)(age), now)
            .await
        {
            Ok(NewSession { token, .. }) => knock(ctx, tenant.as_str(), "/", Some(&token)).await,
            Err(error) => Door::Unclear(error.to_string()),
        }
    }
}

impl Check for Limit {
    fn name(&self) -> &str {
        self.name
    }

    fn claims(&self) -> Vec<ClaimId> {
        vec![self.claim.clone()]
    }

    fn run<'a>(&'a self, ctx: &'a Ctx) -> BoxFuture<'a, Vec<Seen>> {
        Box::pin(async move {
            if ctx.tenants.is_empty() {
                return vec![Seen::unproven(
                    &self.claim,
                    "there is no tenant to try it at",
                )];
            }
            let within = (self.limit - MARGIN).max(self.limit / 2);
            let mut seen = Vec::new();
            for tenant in &ctx.tenants {
                let inside = self.knock_worn(ctx, tenant, within).await;
                let past = self.knock_worn(ctx, tenant, self.limit + PAST).await;
                let (verdict, observed) = judge(self.limit, within, &inside, &past);
                seen.push(Seen::new(&self.claim, verdict, observed).of(tenant));
            }
            seen
        })
    }
}

/// A refusal proves something only if the other session was let in.
fn judge(
    limit: SignedDuration,
    within: SignedDuration,
    inside: &Door,
    past: &Door,
) -> (Verdict, String) {
    let (within, over) = (within.as_secs(), (limit + PAST).as_secs());
    match (inside, past) {
        (_, Door::Open(status)) => (
            Verdict::Broken,
            format!("a session {over} s old was let in with status {status}"),
        ),
        (Door::Open(_), Door::Shut(status)) => (
            Verdict::Held,
            format!(
                "a session {within} s old was let in, one {over} s old was sent away with status {status}"
            ),
        ),
        (Door::Shut(status), Door::Shut(_)) => (
            Verdict::Unproven,
            format!(
                "a session {within} s old was sent away too, with status {status}, so it says nothing of the limit"
            ),
        ),
        (Door::Unclear(why), _) | (_, Door::Unclear(why)) => (
            Verdict::Unproven,
            format!("the gateway gave no clear answer: {why}"),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_is_held_only_when_it_lets_in_and_shuts_out() {
        let (open, shut, unclear) = (
            Door::Open(200),
            Door::Shut(303),
            Door::Unclear(String::from("status 502")),
        );
        let limit = SignedDuration::from_mins(30);
        for (inside, past, verdict) in [
            (&open, &shut, Verdict::Held),
            (&open, &open, Verdict::Broken),
            (&shut, &open, Verdict::Broken),
            (&unclear, &open, Verdict::Broken),
            (&shut, &shut, Verdict::Unproven),
            (&unclear, &shut, Verdict::Unproven),
            (&open, &unclear, Verdict::Unproven),
        ] {
            assert_eq!(
                judge(limit, limit - MARGIN, inside, past).0,
                verdict,
                "{inside:?} {past:?}"
            );
        }
    }
}
