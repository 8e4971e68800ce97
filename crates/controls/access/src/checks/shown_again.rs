//! Judges `access.second-factor.again-after`: what needs a second factor shown lately is refused once that is too long ago.
//!
//! Source: OWASP ASVS 5.0.0, 7.5.3 (a factor again before what is sensitive).

use super::{
    door,
    stay::{Stay, Visit, text},
};
use crate::Access;
use avouch_evidence::Ctx;
use avouch_statement::{Audience, Verdict};
use jiff::SignedDuration;
use std::sync::Arc;

/// How far within its time the code counts that must be enough: time for the request to arrive.
const MARGIN: SignedDuration = SignedDuration::from_secs(30);
/// What is asked for, which everybody may who has a second factor.
const PATH: &str = "/account/second-factor/codes";

/// The check of how soon the second factor is asked for again.
pub(super) struct ShownAgain {
    pub(super) access: Arc<Access>,
}

/// The statuses of the answers, in a session whose second factor was shown just within the time, and just past it.
#[derive(Debug)]
pub(super) struct Met {
    within: u16,
    past: u16,
}

impl Visit for ShownAgain {
    type Met = Met;
    const NAME: &'static str = "showing the second factor again";
    const CLAIM: &'static str = "access.second-factor.again-after";
    const AUDIENCE: Audience = Audience::Tenant;
    const JUDGE: fn(&Met) -> (Verdict, String) = judge;

    fn access(&self) -> &Access {
        &self.access
    }

    async fn meet(&self, ctx: &Ctx, stay: &Stay<'_>) -> Result<Met, String> {
        let promised = self.access.settings().second_factor.as_ref();
        let after = promised
            .ok_or("nothing is promised of second factors")?
            .again_after;
        self.access.demand_of(&stay.guest);
        let now = (ctx.clock)();
        self.access.enrol(&stay.guest, now).await.map_err(text)?;
        Ok(Met {
            past: self.ask(ctx, stay, after).await?,
            within: self.ask(ctx, stay, after - MARGIN).await?,
        })
    }
}

impl ShownAgain {
    /// The answer in a session in which the second factor was last shown so long ago.
    async fn ask(&self, ctx: &Ctx, stay: &Stay<'_>, ago: SignedDuration) -> Result<u16, String> {
        let (host, now) = (ctx.gateway.host("console"), (ctx.clock)());
        let session = self
            .access
            .guest_session_shown(&stay.guest, &host, Some(now - ago), now)
            .await
            .map_err(text)?;
        let answer = door::submit(ctx, "console", PATH, Some(&session.token), &[]).await;
        Ok(answer.map_err(text)?.status.as_u16())
    }
}

fn judge(met: &Met) -> (Verdict, String) {
    match (met.within, met.past) {
        (_, 200) => (
            Verdict::Broken,
            String::from("it was done although the second factor was last shown too long ago"),
        ),
        (200, past @ 300..=399) => (
            Verdict::Held,
            format!(
                "it was done where the second factor had been shown lately, and answered with a page that asks for a code, \
                 status {past}, where that was too long ago"
            ),
        ),
        (within, past) => (
            Verdict::Unproven,
            format!(
                "the answers were {within} within the time and {past} past it, which says nothing"
            ),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_done_too_late_breaks_the_claim() {
        for (within, past, verdict) in [
            (200, 303, Verdict::Held),
            (200, 200, Verdict::Broken),
            (303, 200, Verdict::Broken),
            (303, 303, Verdict::Unproven),
            (200, 503, Verdict::Unproven),
        ] {
            assert_eq!(judge(&Met { within, past }).0, verdict, "{within} {past}");
        }
    }
}
