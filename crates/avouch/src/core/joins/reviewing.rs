//! Reviews of access for their check: what is kept of them, and synthetic people whose access one finds.

use std::sync::Arc;

use avouch_access::Guest;
use avouch_audit::checks::{KeptReviews, Plan, Probed, Reviewing};
use avouch_audit::review::{Found, Review, Tie};
use avouch_evidence::{Ask, BoxFuture, Ctx};
use avouch_statement::TenantId;
use jiff::Timestamp;

use crate::core::localities::Locality;
use crate::core::people::COOKIE;
use crate::core::reviews::Whose;
use crate::core::state::Core;
use crate::fail::{Fail, chain};

/// Where the synthetic people belong.
const UNIT: &str = "checks";

/// Reviews of this core.
pub struct Reviewer(pub Arc<Core>);

impl Reviewing for Reviewer {
    fn kept<'a>(&'a self, tenant: &'a TenantId) -> BoxFuture<'a, Result<KeptReviews, String>> {
        Box::pin(async move {
            let kept = self.0.reviews_kept(tenant).await;
            kept.map_err(|fail| fail.to_string())
        })
    }

    fn probe<'a>(
        &'a self,
        ctx: &'a Ctx,
        tenant: &'a TenantId,
        plan: &'a Plan,
    ) -> BoxFuture<'a, Result<Probed, String>> {
        Box::pin(async move {
            let review = self.0.statement.audit.review.as_ref();
            let review = review.ok_or("no review is stated")?;
            let (access, now) = (&self.0.access, self.0.now());
            let words = |error: avouch_access::AccessError| chain(&error);
            let reader = access.guest(tenant, now).await.map_err(words)?;
            let colleague = match access.guest(tenant, now).await {
                Ok(colleague) => colleague,
                Err(error) => {
                    access.dismiss(&reader).await.map_err(words)?;
                    return Err(chain(&error));
                }
            };
            let probed = self.visits(ctx, tenant, plan, review, [&reader, &colleague]);
            let probed = probed.await;
            for guest in [&reader, &colleague] {
                self.forget(tenant, guest).await?;
            }
            probed
        })
    }
}

impl Reviewer {
    async fn visits(
        &self,
        ctx: &Ctx,
        tenant: &TenantId,
        plan: &Plan,
        review: &Review,
        [reader, colleague]: [&Guest; 2],
    ) -> Result<Probed, String> {
        let own = |subject: &String| (Tie::Own, subject.clone());
        let of_reader = [own(&plan.own), (Tie::Family, plan.family.clone())];
        self.introduce(tenant, reader, &of_reader).await?;
        self.introduce(tenant, colleague, &[own(&plan.colleague)])
            .await?;
        let from = self.0.now();
        self.open(ctx, tenant, colleague, std::slice::from_ref(&plan.shared))
            .await?;
        self.open(ctx, tenant, reader, &plan.reader).await?;
        let to = self.0.now();
        let found = self.found(review, tenant, from).await;
        let found = found.map_err(|fail| fail.to_string())?;
        let (reader, colleague) = (reader.id.as_str(), colleague.id.as_str());
        Ok(Probed {
            reader: reader.to_owned(),
            colleague: colleague.to_owned(),
            from,
            to,
            // Other checks have people of their own, who open records meanwhile.
            found: found
                .into_iter()
                .filter(|found| [reader, colleague].contains(&found.who.as_str()))
                .collect(),
        })
    }

    async fn found(
        &self,
        review: &Review,
        tenant: &TenantId,
        from: Timestamp,
    ) -> Result<Vec<Found>, Fail> {
        // The end is not part of a stretch; what was just done is.
        let until = self.0.now() + jiff::SignedDuration::from_secs(1);
        self.0
            .unusual(review, tenant, from..until, Whose::Checks)
            .await
    }

    /// Says where a guest belongs, and which records are theirs.
    async fn introduce(
        &self,
        tenant: &TenantId,
        guest: &Guest,
        stated: &[(Tie, String)],
    ) -> Result<(), String> {
        let core = &self.0;
        let unit = Locality::read(UNIT).map_err(|fail| fail.to_string())?;
        let placed = core.localities.set(&core.store, guest.id.as_str(), &unit);
        placed.await.map_err(|error| chain(&error))?;
        let whose = (tenant, guest.id.as_str());
        let tied = core.ties.set(&core.store, whose, stated).await;
        tied.map_err(|error| chain(&error))
    }

    async fn open(
        &self,
        ctx: &Ctx,
        tenant: &TenantId,
        guest: &Guest,
        paths: &[String],
    ) -> Result<(), String> {
        let host = ctx.gateway.host(tenant.as_str());
        let opened = self.0.access.guest_session(guest, &host, self.0.now());
        let opened = opened.await.map_err(|error| chain(&error))?;
        let cookie = format!("{COOKIE}={}", opened.token.expose());
        for path in paths {
            let ask = Ask::get(path).with("cookie", &cookie);
            let sent = ctx.gateway.send(tenant.as_str(), ask).await;
            sent.map_err(|error| chain(&error))?;
        }
        Ok(())
    }

    /// Takes a guest away, with what was said of them.
    async fn forget(&self, tenant: &TenantId, guest: &Guest) -> Result<(), String> {
        let core = &self.0;
        let nowhere = Locality::read("").map_err(|fail| fail.to_string())?;
        let placed = core
            .localities
            .set(&core.store, guest.id.as_str(), &nowhere);
        placed.await.map_err(|error| chain(&error))?;
        let whose = (tenant, guest.id.as_str());
        let tied = core.ties.set(&core.store, whose, &[]).await;
        tied.map_err(|error| chain(&error))?;
        let gone = core.access.dismiss(guest).await;
        gone.map_err(|error| chain(&error))
    }
}
