//! A finding: a verdict, what was observed, and when.

use avouch_statement::{Audience, ClaimId, TenantId, Verdict};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::Seen;

/// What came of one check for one claim.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// The claim.
    pub claim: ClaimId,
    /// The check that tried to prove it false.
    pub check: String,
    /// Whose data it was tried on, if it is about one tenant.
    pub tenant: Option<TenantId>,
    /// What came of it.
    pub verdict: Verdict,
    /// What was tried and seen.
    pub observed: String,
    /// Who may read `observed`.
    pub audience: Audience,
    /// When it was seen, UTC.
    pub at: Timestamp,
}

impl Finding {
    /// Dates and signs what a check saw.
    #[must_use]
    pub fn new(check: &str, seen: Seen, at: Timestamp) -> Self {
        Self {
            claim: seen.claim,
            check: check.to_owned(),
            tenant: seen.tenant,
            verdict: seen.verdict,
            observed: seen.observed,
            audience: seen.audience,
            at,
        }
    }

    /// May somebody of this tenant read what was observed? The supplier reads everything.
    #[must_use]
    pub fn readable_by(&self, tenant: &TenantId) -> bool {
        match self.audience {
            Audience::Public => true,
            Audience::Tenant => self.tenant.as_ref().is_none_or(|whose| whose == tenant),
            Audience::Supplier => false,
        }
    }
}
