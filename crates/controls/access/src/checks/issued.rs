//! Judges `access.password.issued`: wherever a chosen password is offered, it does not become one.

use super::{
    Page,
    door::{Attempt, attempt, submit},
};
use crate::{Access, Guest};
use avouch_evidence::{BoxFuture, Check, Ctx, Seen};
use avouch_statement::{Audience, ClaimId, Verdict};
use std::sync::Arc;

/// A password that somebody might choose: long, of letters and digits, and not one of ours.
const CHOSEN: &str = "Correct4Horse9";

/// The check of every way in for a chosen password.
pub(super) struct Issued {
    pub(super) access: Arc<Access>,
    pub(super) pages: Vec<Page>,
}

/// What came of it.
#[derive(Debug)]
struct Met {
    forms: usize,
    with_chosen: Attempt,
    with_generated: Attempt,
    in_use: usize,
    unsealed: Vec<String>,
}

impl Issued {
    async fn observe(&self, ctx: &Ctx) -> Result<Met, String> {
        let tenant = ctx
            .tenants
            .first()
            .ok_or("there is no tenant to try it at")?;
        let guest = self
            .access
            .guest(tenant, (ctx.clock)())
            .await
            .map_err(|error| error.to_string())?;
        let met = self.try_it(ctx, tenant.as_str(), &guest).await;
        self.access
            .dismiss(&guest)
            .await
            .map_err(|error| error.to_string())?;
        met
    }

    async fn try_it(&self, ctx: &Ctx, target: &str, guest: &Guest) -> Result<Met, String> {
        let offered = [
            ("password", CHOSEN),
            ("new-password", CHOSEN),
            ("new_password", CHOSEN),
            ("newPassword", CHOSEN),
            ("confirm", CHOSEN),
            ("email", guest.email.as_str()),
        ];
        let mut paths: Vec<String> = self
            .pages
            .iter()
            .filter(|page| page.label == "console")
            .map(|page| page.path.replace("{id}", guest.id.as_str()))
            .collect();
        let own = format!("/people/{}", guest.id);
        paths.extend([format!("{own}/reset"), format!("{own}/password"), own]);
        paths.extend(
            [
                "/people",
                "/account/password",
                "/password",
                "/reset",
                "/register",
            ]
            .map(String::from),
        );
        let host = ctx.gateway.host("console");
        for path in &paths {
            let session = self.access.guest_session(guest, &host, (ctx.clock)()).await;
            let token = session.map_err(|error| error.to_string())?.token;
            submit(ctx, "console", path, Some(&token), &offered)
                .await
                .map_err(|error| error.to_string())?;
        }
        let changing = [
            ("email", guest.email.as_str()),
            ("password", guest.password.expose()),
            ("new-password", CHOSEN),
        ];
        attempt(ctx, target, &changing).await?;
        let accounts = self
            .access
            .accounts()
            .await
            .map_err(|error| error.to_string())?;
        let in_use = accounts.iter().filter(|account| account.password.is_some());
        Ok(Met {
            forms: paths.len() + 1,
            with_chosen: attempt(
                ctx,
                target,
                &[("email", &guest.email), ("password", CHOSEN)],
            )
            .await?,
            with_generated: attempt(
                ctx,
                target,
                &[
                    ("email", &guest.email),
                    ("password", guest.password.expose()),
                ],
            )
            .await?,
            unsealed: in_use
                .clone()
                .filter(|of| !of.person.intact)
                .map(|of| of.person.id.to_string())
                .collect(),
            in_use: in_use.count(),
        })
    }
}

impl Check for Issued {
    fn name(&self) -> &str {
        "choosing a password"
    }

    fn claims(&self) -> Vec<ClaimId> {
        vec![claim()]
    }

    fn run<'a>(&'a self, ctx: &'a Ctx) -> BoxFuture<'a, Vec<Seen>> {
        Box::pin(async move {
            let (verdict, observed) = match self.observe(ctx).await {
                Ok(met) => judge(&met),
                Err(why) => (Verdict::Unproven, why),
            };
            vec![Seen::new(&claim(), verdict, observed).for_audience(Audience::Supplier)]
        })
    }
}

fn claim() -> ClaimId {
    ClaimId::new("access.password.issued")
}

fn judge(met: &Met) -> (Verdict, String) {
    let Met {
        forms,
        in_use,
        unsealed,
        ..
    } = met;
    if met.with_chosen == Attempt::Admitted {
        return (
            Verdict::Broken,
            String::from("a chosen password was accepted"),
        );
    }
    if let Some(first) = unsealed.first() {
        let count = unsealed.len();
        let observed = format!(
            "{count} of {in_use} stored passwords were not written by Avouch, the first for person {first}"
        );
        return (Verdict::Broken, observed);
    }
    if met.with_generated != Attempt::Admitted {
        return (
            Verdict::Unproven,
            String::from("the generated password was refused too, so a refusal proves nothing"),
        );
    }
    (
        Verdict::Held,
        format!(
            "a chosen password was offered to {forms} forms and does not sign in, and the generated one still does; all \
             {in_use} stored passwords carry the seal of their making"
        ),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chosen_password_that_works_or_a_foreign_hash_breaks_the_claim() {
        let (admitted, refused) = (|| Attempt::Admitted, || Attempt::Refused(401, Vec::new()));
        for (with_chosen, with_generated, unsealed, verdict) in [
            (refused(), admitted(), vec![], Verdict::Held),
            (admitted(), admitted(), vec![], Verdict::Broken),
            (
                refused(),
                admitted(),
                vec![String::from("7f3a")],
                Verdict::Broken,
            ),
            (refused(), refused(), vec![], Verdict::Unproven),
        ] {
            let met = Met {
                forms: 3,
                with_chosen,
                with_generated,
                in_use: 1,
                unsealed,
            };
            assert_eq!(judge(&met).0, verdict, "{met:?}");
        }
    }
}
