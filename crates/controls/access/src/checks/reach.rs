//! Judges `backup.reach.roles` and `backup.reach.second-person`: who does not belong is refused backups, and one person
//! alone brings none back.
//!
//! Source: NCSC, Offline backups in an online world (multi-factor, and no single person).

use super::{
    Trail, door,
    stay::{Stay, Visit, text},
};
use crate::{Access, Second, Session};
use avouch_evidence::Ctx;
use avouch_statement::{Audience, Verdict};
use jiff::{SignedDuration, Timestamp};
use std::sync::Arc;

/// Forbidden, whoever asks.
const FORBIDDEN: u16 = 403;
/// What the two synthetic people ask for, which nothing does.
const ACT: &str = "something that only checks ask for";

/// The check of who reaches backups.
pub(super) struct Reached {
    pub(super) access: Arc<Access>,
    pub(super) trail: Arc<dyn Trail>,
}

/// The check of the second person.
pub(super) struct SecondPerson {
    pub(super) access: Arc<Access>,
}

/// What a member met.
#[derive(Debug, Default)]
pub(super) struct Met {
    asked: Vec<(&'static str, u16)>,
    recorded: u64,
    authorised: usize,
    /// Accounts of those roles that are not as Avouch wrote them.
    amiss: Vec<String>,
}

/// What two people met.
#[derive(Debug, Default)]
pub(super) struct Two {
    /// What counted although it must not.
    counted: Vec<&'static str>,
    /// Whether the second person's approval counted.
    approved: bool,
    rows: usize,
    forged: Vec<String>,
}

impl Visit for Reached {
    type Met = Met;
    const NAME: &'static str = "reaching backups";
    const CLAIM: &'static str = "backup.reach.roles";
    const AUDIENCE: Audience = Audience::Supplier;
    const JUDGE: fn(&Met) -> (Verdict, String) = judge_reached;

    fn access(&self) -> &Access {
        &self.access
    }

    async fn meet(&self, ctx: &Ctx, stay: &Stay<'_>) -> Result<Met, String> {
        let now = (ctx.clock)();
        self.access.enrol(&stay.guest, now).await.map_err(text)?;
        let host = ctx.gateway.host("console");
        let session = self
            .access
            .guest_session_shown(&stay.guest, &host, Some(now), now);
        let token = session.await.map_err(text)?.token;
        let before = self.trail.refusals(&stay.guest.id).await?;
        let mut met = Met::default();
        for (what, path) in [("the backups", "/backups"), ("the drills", "/drills")] {
            let ask = avouch_evidence::Ask::get(path).with("cookie", door::cookie(&token));
            let answer = ctx.gateway.send("console", ask).await.map_err(text)?;
            met.asked.push((what, answer.status.as_u16()));
        }
        let tenant = [("tenant", stay.tenant.as_str())];
        for (what, path, fields) in [
            ("a backup", "/backups/run", &[][..]),
            ("a drill", "/drills", &tenant[..]),
        ] {
            let answer = door::submit(ctx, "console", path, Some(&token), fields).await;
            met.asked
                .push((what, answer.map_err(text)?.status.as_u16()));
        }
        met.recorded = self
            .trail
            .refusals(&stay.guest.id)
            .await?
            .saturating_sub(before);
        let roles = self.access.settings().reach.as_ref().map(|reach| &reach.of);
        for account in stay.accounts().await? {
            let person = account.person;
            if person.synthetic || !roles.is_some_and(|roles| roles.contains(&person.role)) {
                continue;
            }
            met.authorised += 1;
            if !person.intact {
                met.amiss.push(person.id.to_string());
            }
        }
        Ok(met)
    }
}

impl Visit for SecondPerson {
    type Met = Two;
    const NAME: &'static str = "approving one's own request";
    const CLAIM: &'static str = "backup.reach.second-person";
    const AUDIENCE: Audience = Audience::Tenant;
    const JUDGE: fn(&Two) -> (Verdict, String) = judge_two;

    fn access(&self) -> &Access {
        &self.access
    }

    async fn meet(&self, ctx: &Ctx, first: &Stay<'_>) -> Result<Two, String> {
        let second = Stay::begin(&self.access, ctx).await?;
        let met = self.both(ctx, first, &second).await;
        second.end(met).await
    }
}

impl SecondPerson {
    async fn both(&self, ctx: &Ctx, first: &Stay<'_>, second: &Stay<'_>) -> Result<Two, String> {
        let (access, now) = (&self.access, (ctx.clock)());
        let mut two = Two::default();
        let (one, other) = (
            self.session(ctx, first).await?,
            self.session(ctx, second).await?,
        );
        access.demand_of(&first.guest);
        let Second::Asked(request) = self.ask(&one, first, now).await? else {
            return Err(String::from("somebody new has asked before"));
        };
        let mut counts = |what, counts: bool| two.counted.extend(counts.then_some(what));
        counts(
            "one's own approval",
            access.approve(&one, &request.id, now).await.is_ok(),
        );
        counts(
            "an approval by somebody who may not",
            access.approve(&other, &request.id, now).await.is_ok(),
        );
        access.demand_of(&second.guest);
        let hour = SignedDuration::from_hours(1);
        counts(
            "an approval of what had run out",
            access
                .approve(&other, &request.id, now + hour)
                .await
                .is_ok(),
        );
        counts(
            "no approval",
            matches!(self.ask(&one, first, now).await?, Second::Approved(_)),
        );
        access
            .approve(&other, &request.id, now)
            .await
            .map_err(text)?;
        let approved = matches!(self.ask(&one, first, now).await?, Second::Approved(_));
        counts(
            "an approval that was used",
            matches!(self.ask(&one, first, now).await?, Second::Approved(_)),
        );
        two.approved = approved;
        (two.rows, two.forged) = access.forged_requests().await.map_err(text)?;
        Ok(two)
    }

    async fn ask(&self, who: &Session, stay: &Stay<'_>, now: Timestamp) -> Result<Second, String> {
        let asked = self.access.second(who, ACT, Some(stay.tenant), now).await;
        asked.map_err(text)
    }

    async fn session(&self, ctx: &Ctx, stay: &Stay<'_>) -> Result<Session, String> {
        let (host, now) = (ctx.gateway.host("console"), (ctx.clock)());
        let opened = self.access.guest_session(&stay.guest, &host, now).await;
        Ok(opened.map_err(text)?.session)
    }
}

fn judge_reached(met: &Met) -> (Verdict, String) {
    let broken = |observed| (Verdict::Broken, observed);
    if let Some((what, status)) = met.asked.iter().find(|(_, status)| *status < 400) {
        return broken(format!(
            "a member was answered {status} when asking for {what}"
        ));
    }
    if let Some(person) = met.amiss.first() {
        return broken(format!(
            "person {person} may reach backups by an account that Avouch did not write"
        ));
    }
    if let Some((what, status)) = met.asked.iter().find(|(_, status)| *status != FORBIDDEN) {
        return (
            Verdict::Unproven,
            format!("a member was answered {status} when asking for {what}, which says nothing"),
        );
    }
    let asked = met.asked.len();
    if met.recorded < asked as u64 {
        return broken(format!(
            "of {asked} refusals {} were recorded",
            met.recorded
        ));
    }
    (
        Verdict::Held,
        format!(
            "a member asked for {asked} things and was refused, which was recorded; {} accounts may reach backups, each as \
             it was written",
            met.authorised
        ),
    )
}

fn judge_two(two: &Two) -> (Verdict, String) {
    if let Some(what) = two.counted.first() {
        return (Verdict::Broken, format!("{what} counted"));
    }
    if let Some(id) = two.forged.first() {
        return (
            Verdict::Broken,
            format!(
                "request {id} was written into the store, or changed there, by somebody else than Avouch"
            ),
        );
    }
    if !two.approved {
        return (
            Verdict::Unproven,
            String::from(
                "a second person’s approval did not count either, so a refusal proves nothing",
            ),
        );
    }
    (
        Verdict::Held,
        format!(
            "one’s own approval, that of somebody who may not, one that had run out and one that was used counted for nothing, \
             and a second person’s counted once; {} requests are as they were written",
            two.rows
        ),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_a_member_gets_of_backups_breaks_the_claim() {
        let met = |status, recorded, amiss: &[&str]| Met {
            asked: vec![("the backups", status)],
            recorded,
            authorised: 1,
            amiss: amiss.iter().map(|id| (*id).to_owned()).collect(),
        };
        for (met, verdict) in [
            (met(403, 1, &[]), Verdict::Held),
            (met(200, 1, &[]), Verdict::Broken),
            (met(303, 1, &[]), Verdict::Broken),
            (met(403, 0, &[]), Verdict::Broken),
            (met(403, 1, &["7f3a"]), Verdict::Broken),
            (met(503, 1, &[]), Verdict::Unproven),
        ] {
            assert_eq!(judge_reached(&met).0, verdict, "{met:?}");
        }
    }

    #[test]
    fn an_approval_that_must_not_count_breaks_the_claim() {
        let sound = || Two {
            approved: true,
            ..Two::default()
        };
        for (two, verdict) in [
            (sound(), Verdict::Held),
            (
                Two {
                    counted: vec!["one's own approval"],
                    ..sound()
                },
                Verdict::Broken,
            ),
            (
                Two {
                    forged: vec![String::from("7f3a")],
                    ..sound()
                },
                Verdict::Broken,
            ),
            (
                Two {
                    approved: false,
                    ..sound()
                },
                Verdict::Unproven,
            ),
        ] {
            assert_eq!(judge_two(&two).0, verdict, "{two:?}");
        }
    }
}
