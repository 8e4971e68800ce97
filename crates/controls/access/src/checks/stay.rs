//! A guest of the first tenant, for as long as one attempt takes.

use super::door::{self, Attempt};
use crate::{Access, Guest, people::Account};
use avouch_evidence::{Answer, Ctx, Seen};
use avouch_statement::{ClaimId, TenantId, Verdict};

/// A synthetic person who can sign in, at a gateway.
pub(super) struct Stay<'a> {
    access: &'a Access,
    ctx: &'a Ctx,
    /// Whose guest it is.
    pub(super) tenant: &'a TenantId,
    /// The guest.
    pub(super) guest: Guest,
}

impl<'a> Stay<'a> {
    /// Makes a guest; or says why there is none.
    pub(super) async fn begin(access: &'a Access, ctx: &'a Ctx) -> Result<Self, String> {
        let tenant = ctx
            .tenants
            .first()
            .ok_or("there is no tenant to try it at")?;
        let guest = access.guest(tenant, (ctx.clock)()).await.map_err(text)?;
        Ok(Self {
            access,
            ctx,
            tenant,
            guest,
        })
    }

    /// Takes the guest away again, whatever was met.
    pub(super) async fn end<T>(self, met: Result<T, String>) -> Result<T, String> {
        self.access.dismiss(&self.guest).await.map_err(text)?;
        met
    }

    /// Sends a form to the console in a new session of the guest's.
    pub(super) async fn submit(
        &self,
        path: &str,
        fields: &[(&str, &str)],
    ) -> Result<Answer, String> {
        let host = self.ctx.gateway.host("console");
        let session = self
            .access
            .guest_session(&self.guest, &host, (self.ctx.clock)())
            .await
            .map_err(text)?;
        door::submit(self.ctx, "console", path, Some(&session.token), fields)
            .await
            .map_err(text)
    }

    /// Tries to sign in, on the way to the guest's tenant.
    pub(super) async fn attempt(&self, fields: &[(&str, &str)]) -> Result<Attempt, String> {
        door::attempt(self.ctx, self.tenant.as_str(), fields).await
    }

    /// Every account that there is.
    pub(super) async fn accounts(&self) -> Result<Vec<Account>, String> {
        self.access.accounts().await.map_err(text)
    }
}

/// What a check says of what was met; or why it met nothing.
pub(super) fn judged<T>(
    claim: &ClaimId,
    met: Result<T, String>,
    judge: fn(&T) -> (Verdict, String),
) -> Seen {
    let (verdict, observed) = match met {
        Ok(met) => judge(&met),
        Err(why) => (Verdict::Unproven, why),
    };
    Seen::new(claim, verdict, observed)
}

/// An error in the words that a check gives as its reason.
pub(super) fn text(error: impl std::error::Error) -> String {
    error.to_string()
}
