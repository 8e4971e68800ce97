//! A check: an attempt to prove claims false.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use avouch_statement::{Audience, ClaimId, TenantId, Verdict};
use jiff::Timestamp;

use crate::Gateway;

/// A future that a trait object can return.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// The only way to ask what time it is.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// An attempt to prove one or more claims false.
///
/// `run` observes, then hands what it saw to a pure judgement. It never fails: what could not be
/// tried is `unproven`, with the reason.
pub trait Check: Send + Sync {
    /// The name that operators and reports use.
    fn name(&self) -> &str;

    /// The claims that it judges, every time it runs.
    fn claims(&self) -> Vec<ClaimId>;

    /// Does what it says depend on the date: a deadline, an expiry, an age? While the clock is in doubt it then proves
    /// nothing, one way or the other.
    fn dated(&self) -> bool {
        false
    }

    /// Tries once.
    fn run<'a>(&'a self, ctx: &'a Ctx) -> BoxFuture<'a, Vec<Seen>>;
}

/// What one attempt saw of one claim.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// The claim.
    pub claim: ClaimId,
    /// Whose data it was tried on; `None` when it is not about one tenant.
    pub tenant: Option<TenantId>,
    /// What came of it.
    pub verdict: Verdict,
    /// What was tried, on what sample, and what was seen: a sentence or two, with figures.
    pub observed: String,
    /// Who may read `observed`.
    pub audience: Audience,
}

/// What a check is given.
#[derive(Clone)]
pub struct Ctx {
    /// When the round began.
    pub now: Timestamp,
    /// For timing and for acts that take long.
    pub clock: Clock,
    /// SHA-256 of the statement, in hex.
    pub statement: String,
    /// The tenants that are served now.
    pub tenants: Vec<TenantId>,
    /// The service as a client sees it, from this host.
    pub gateway: Gateway,
    /// Synthetic people to try things as.
    pub people: Arc<dyn People>,
}

/// Makes short-lived sessions for synthetic people, who exist only for checks.
pub trait People: Send + Sync {
    /// A cookie value (`name=token`) that signs a synthetic member of this tenant in at this host.
    fn session<'a>(
        &'a self,
        tenant: &'a TenantId,
        host: &'a str,
    ) -> BoxFuture<'a, Result<String, String>>;
}

impl Seen {
    /// Seen true.
    #[must_use]
    pub fn held(claim: &ClaimId, observed: impl Into<String>) -> Self {
        Self::new(claim, Verdict::Held, observed)
    }

    /// Seen false.
    #[must_use]
    pub fn broken(claim: &ClaimId, observed: impl Into<String>) -> Self {
        Self::new(claim, Verdict::Broken, observed)
    }

    /// Could not be tried.
    #[must_use]
    pub fn unproven(claim: &ClaimId, observed: impl Into<String>) -> Self {
        Self::new(claim, Verdict::Unproven, observed)
    }

    /// Any verdict, readable by the tenant.
    #[must_use]
    pub fn new(claim: &ClaimId, verdict: Verdict, observed: impl Into<String>) -> Self {
        Self {
            claim: claim.clone(),
            tenant: None,
            verdict,
            observed: observed.into(),
            audience: Audience::Tenant,
        }
    }

    /// The same while the clock is in doubt: nothing is held, and nothing has lapsed, by a date.
    #[must_use]
    pub fn in_doubt(mut self, doubt: &str) -> Self {
        self.verdict = Verdict::Unproven;
        self.observed = format!(
            "The clock is in doubt, so nothing is judged by the date: {doubt}. By that clock it was seen: {}",
            self.observed
        );
        self
    }

    /// The same, about one tenant's data.
    #[must_use]
    pub fn of(mut self, tenant: &TenantId) -> Self {
        self.tenant = Some(tenant.clone());
        self
    }

    /// The same, for another audience.
    #[must_use]
    pub fn for_audience(mut self, audience: Audience) -> Self {
        self.audience = audience;
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn while_the_clock_is_in_doubt_nothing_is_held_or_broken_and_what_was_seen_stays() {
        let claim = ClaimId::new("a.b");
        for seen in [
            Seen::held(&claim, "as it was"),
            Seen::broken(&claim, "as it was"),
        ] {
            let doubted = seen.in_doubt("the clock is 365 days ahead");
            assert_eq!(doubted.verdict, Verdict::Unproven);
            let observed = &doubted.observed;
            assert!(observed.starts_with("The clock is in doubt"), "{observed}");
            assert!(observed.contains("365 days ahead"), "{observed}");
            assert!(observed.ends_with("as it was"), "{observed}");
        }
    }
}
