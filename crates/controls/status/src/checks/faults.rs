//! Judges `status.faults`: a fault reaches the supplier's team, its answer comes back, and nobody else sees either.

use std::sync::Arc;

use avouch_evidence::{Ask, Audience, BoxFuture, Check, ClaimId, Ctx, Seen, Verdict};
use avouch_statement::TenantId;
use jiff::{SignedDuration, Timestamp};

use super::{Helpdesk, Reported, marker, words};
use crate::settings::FAULTS;

/// Where people say what is wrong, on their application's own host.
const PAGE: &str = "/.avouch/support";
/// A report's time may differ so much from when the check sent it.
const APART: SignedDuration = SignedDuration::from_secs(60);

/// The check of reported faults.
pub struct FaultsCheck {
    helpdesk: Arc<dyn Helpdesk>,
}

impl FaultsCheck {
    /// Reports a made-up fault, and takes it away again.
    #[must_use]
    pub fn new(helpdesk: Arc<dyn Helpdesk>) -> Self {
        Self { helpdesk }
    }

    /// What is wrong, if anything is.
    async fn observe(&self, ctx: &Ctx) -> Result<Result<(), String>, String> {
        let (tenant, other) = match ctx.tenants.as_slice() {
            [] => return Err("no tenant is served".to_owned()),
            [only] => (only, None),
            [first, second, ..] => (first, Some(second)),
        };
        let (report, answer) = (
            format!("Made up by a check: {}", marker()?),
            format!("Answered by a check: {}", marker()?),
        );
        let person = Person::of(ctx, tenant).await?;
        if let Err(why) = person.report(&report).await {
            return Ok(Err(format!("it was not taken: {why}")));
        }
        let seen = self.helpdesk.reported(tenant).await?;
        let Some(seen) = seen.into_iter().find(|seen| seen.words == report) else {
            return Ok(Err("the supplier’s team does not see it".to_owned()));
        };
        let told = self
            .told(ctx, &person, other, (&seen, &report, &answer))
            .await;
        self.helpdesk.forget(seen.number).await?;
        told
    }

    async fn told(
        &self,
        ctx: &Ctx,
        person: &Person<'_>,
        other: Option<&TenantId>,
        (seen, report, answer): (&Reported, &str, &str),
    ) -> Result<Result<(), String>, String> {
        if let Err(why) = arrived(seen, person.tenant, (ctx.clock)()) {
            return Ok(Err(why));
        }
        self.helpdesk.answer(seen.number, answer).await?;
        let own = match person.page().await {
            Ok(page) => page,
            Err(why) => return Ok(Err(why)),
        };
        if !own.contains(report) || !own.contains(answer) {
            let why = "whoever reported it does not see it with its answer";
            return Ok(Err(why.to_owned()));
        }
        let Some(other) = other else {
            return Ok(Ok(()));
        };
        let theirs = match Person::of(ctx, other).await?.page().await {
            Ok(page) => page,
            Err(why) => return Ok(Err(why)),
        };
        Ok(if theirs.contains(report) || theirs.contains(answer) {
            Err("another organisation sees it".to_owned())
        } else {
            Ok(())
        })
    }
}

/// Whether it came with organisation and time.
fn arrived(seen: &Reported, tenant: &TenantId, now: Timestamp) -> Result<(), String> {
    if seen.tenant.as_deref() != Some(tenant.as_str()) {
        return Err("it came without its organisation, or with another".to_owned());
    }
    if now.duration_since(seen.at).abs() > APART {
        return Err("it came with another time".to_owned());
    }
    Ok(())
}

/// A tenant's synthetic person at the application's own host.
struct Person<'a> {
    ctx: &'a Ctx,
    tenant: &'a TenantId,
    cookie: String,
}

impl<'a> Person<'a> {
    async fn of(ctx: &'a Ctx, tenant: &'a TenantId) -> Result<Self, String> {
        let host = ctx.gateway.host(tenant.as_str());
        let cookie = ctx.people.session(tenant, &host).await?;
        Ok(Self {
            ctx,
            tenant,
            cookie,
        })
    }

    async fn report(&self, text: &str) -> Result<(), String> {
        let label = self.tenant.as_str();
        let form = format!("words={}", text.replace(' ', "+").replace(':', "%3A"));
        let ask = Ask::form(PAGE, &self.ctx.gateway.origin(label), form);
        let ask = ask.with("cookie", &*self.cookie);
        let answer = self.ctx.gateway.send(label, ask).await;
        let status = answer.map_err(|error| words(&error))?.status;
        match status.is_redirection() {
            true => Ok(()),
            false => Err(format!("it was answered with {status}")),
        }
    }

    async fn page(&self) -> Result<String, String> {
        let ask = Ask::get(PAGE).with("cookie", &*self.cookie);
        let answer = self.ctx.gateway.send(self.tenant.as_str(), ask).await;
        let answer = answer.map_err(|error| words(&error))?;
        match answer.status.is_success() {
            true => Ok(answer.text()),
            false => Err(format!("its page was answered with {}", answer.status)),
        }
    }
}

impl Check for FaultsCheck {
    fn name(&self) -> &str {
        "reported fault"
    }

    fn claims(&self) -> Vec<ClaimId> {
        vec![ClaimId::new(FAULTS)]
    }

    fn run<'a>(&'a self, ctx: &'a Ctx) -> BoxFuture<'a, Vec<Seen>> {
        Box::pin(async move {
            let claim = ClaimId::new(FAULTS);
            let (verdict, text) = judge(&self.observe(ctx).await);
            vec![Seen::new(&claim, verdict, text).for_audience(Audience::Public)]
        })
    }
}

fn judge(observed: &Result<Result<(), String>, String>) -> (Verdict, String) {
    match observed {
        Ok(Ok(())) => (
            Verdict::Held,
            "A made-up fault reached the supplier’s team with organisation and time, its answer came back, and another \
             organisation saw neither."
                .to_owned(),
        ),
        Ok(Err(why)) => (
            Verdict::Broken,
            format!("A made-up fault was reported, and {why}."),
        ),
        Err(why) => (
            Verdict::Unproven,
            format!("No fault could be reported: {why}."),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_arrives_with_its_own_organisation_and_about_the_time_it_was_sent() {
        let tenant: TenantId = "riverside".parse().unwrap();
        let now = Timestamp::from_second(1_000).unwrap();
        for (whose, second, fits) in [
            (Some("riverside"), 1_000, true),
            (Some("riverside"), 940, true),
            (Some("riverside"), 939, false),
            (Some("hillside"), 1_000, false),
            (None, 1_000, false),
        ] {
            let seen = Reported {
                number: 1,
                at: Timestamp::from_second(second).unwrap(),
                tenant: whose.map(str::to_owned),
                words: String::new(),
            };
            assert_eq!(arrived(&seen, &tenant, now).is_ok(), fits, "{seen:?}");
        }
    }

    #[test]
    fn what_went_wrong_is_broken_and_what_was_not_tried_is_unproven() {
        assert_eq!(judge(&Ok(Ok(()))).0, Verdict::Held);
        assert_eq!(judge(&Ok(Err("it was lost".into()))).0, Verdict::Broken);
        assert_eq!(judge(&Err("no tenant".into())).0, Verdict::Unproven);
    }
}
