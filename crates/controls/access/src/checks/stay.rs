//! A guest of the first tenant, for as long as one attempt takes.

use super::door::{self, Attempt};
use crate::{Access, Guest, people::Account};
use avouch_evidence::{Answer, BoxFuture, Check, Ctx, Seen};
use avouch_statement::{Audience, ClaimId, TenantId, Verdict};

/// What is tried with a guest, and how what they met is judged.
pub(super) trait Visit: Send + Sync {
    /// What the guest met.
    type Met: Send + Sync;
    /// The check's name.
    const NAME: &'static str;
    /// The one claim that it judges.
    const CLAIM: &'static str;
    /// Who may read what was observed.
    const AUDIENCE: Audience;
    /// What that says of the claim.
    const JUDGE: fn(&Self::Met) -> (Verdict, String);

    /// The accounts.
    fn access(&self) -> &Access;

    /// Tries it; or says why it could not.
    fn meet(
        &self,
        ctx: &Ctx,
        stay: &Stay<'_>,
    ) -> impl Future<Output = Result<Self::Met, String>> + Send;
}

/// The check that makes a guest for a visit, and takes them away again.
pub(super) struct Visiting<V>(pub(super) V);

impl<V: Visit> Check for Visiting<V> {
    fn name(&self) -> &str {
        V::NAME
    }

    fn claims(&self) -> Vec<ClaimId> {
        vec![ClaimId::new(V::CLAIM)]
    }

    fn run<'a>(&'a self, ctx: &'a Ctx) -> BoxFuture<'a, Vec<Seen>> {
        Box::pin(async move {
            let (verdict, observed) = match visit(&self.0, ctx).await {
                Ok(met) => (V::JUDGE)(&met),
                Err(why) => (Verdict::Unproven, why),
            };
            let seen = Seen::new(&ClaimId::new(V::CLAIM), verdict, observed);
            vec![seen.for_audience(V::AUDIENCE)]
        })
    }
}

async fn visit<V: Visit>(visit: &V, ctx: &Ctx) -> Result<V::Met, String> {
    let stay = Stay::begin(visit.access(), ctx).await?;
    let met = visit.meet(ctx, &stay).await;
    stay.end(met).await
}

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

    /// Sends a form to a host in a new session of the guest's there.
    pub(super) async fn submit(
        &self,
        label: &str,
        path: &str,
        fields: &[(&str, &str)],
    ) -> Result<Answer, String> {
        let host = self.ctx.gateway.host(label);
        let session = self
            .access
            .guest_session(&self.guest, &host, (self.ctx.clock)())
            .await
            .map_err(text)?;
        door::submit(self.ctx, label, path, Some(&session.token), fields)
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

/// An error in the words that a check gives as its reason.
pub(super) fn text(error: impl std::error::Error) -> String {
    error.to_string()
}
