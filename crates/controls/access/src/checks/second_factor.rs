//! Judges `access.second-factor.for`: the password alone does not do, nor a code that is wrong, old or used.
//!
//! Source: RFC 6238, 5.2 (a code is accepted once); OWASP ASVS 5.0.0, 6.5.1 and 6.6.2.

use super::{
    door::{self, Attempt, Half},
    stay::{Stay, Visit, text},
};
use crate::{
    Access, Role,
    people::Account,
    second_factor::{RecoveryCodes, totp},
};
use avouch_evidence::Ctx;
use avouch_statement::{Audience, Verdict};
use std::{collections::HashSet, sync::Arc};

/// The check of signing in with a second factor.
pub(super) struct SecondFactor {
    pub(super) access: Arc<Access>,
}

/// What a guest met, and what the accounts are like.
#[derive(Debug, Default)]
pub(super) struct Met {
    /// Whether the password alone led in, before a second factor was set up and after.
    alone: Vec<(&'static str, bool)>,
    /// What must be refused.
    refused: Vec<(&'static str, Attempt)>,
    /// What must be let in.
    admitted: Vec<(&'static str, Attempt)>,
    /// Accounts of which one is demanded, and those of them that have set one up.
    demanded: usize,
    set_up: usize,
    /// People whose second factor is not as it was set up.
    amiss: Vec<String>,
}

impl Visit for SecondFactor {
    type Met = Met;
    const NAME: &'static str = "signing in with a second factor";
    const CLAIM: &'static str = "access.second-factor.for";
    const AUDIENCE: Audience = Audience::Supplier;
    const JUDGE: fn(&Met) -> (Verdict, String) = judge;

    fn access(&self) -> &Access {
        &self.access
    }

    async fn meet(&self, ctx: &Ctx, stay: &Stay<'_>) -> Result<Met, String> {
        let access = &self.access;
        let mut met = Met::default();
        access.demand_of(&stay.guest);
        let before = self.half(ctx, stay).await?;
        met.alone
            .push(("before one was set up", before == Half::Admitted));
        if let Half::Asked(half) = &before {
            let tried = door::finish(ctx, stay.tenant.as_str(), half, "000000").await?;
            met.refused.push(("a code before one was set up", tried));
        }
        let now = (ctx.clock)();
        let (key, recovery) = access.enrol(&stay.guest, now).await.map_err(text)?;
        let after = self.half(ctx, stay).await?;
        met.alone
            .push(("once one was set up", after == Half::Admitted));
        self.codes(ctx, stay, (&key, &recovery), &mut met).await?;
        self.accounts(stay, &mut met).await?;
        Ok(met)
    }
}

impl SecondFactor {
    async fn codes(
        &self,
        ctx: &Ctx,
        stay: &Stay<'_>,
        (key, recovery): (&totp::Key, &RecoveryCodes),
        met: &mut Met,
    ) -> Result<(), String> {
        let step = totp::step((ctx.clock)());
        let (old, fresh) = (key.code(step - totp::LONG_PAST), key.code(step));
        let wrong = unlike(&[&old, &fresh], key, step);
        let recovery = recovery.expose().next().unwrap_or_default();
        // What is accepted stands between what is refused, so that there are never more failures than the least limit.
        for (what, code, good) in [
            ("a wrong code", wrong.as_str(), false),
            ("a recovery code", recovery, true),
            ("the same recovery code again", recovery, false),
            ("a code of five minutes ago", old.as_str(), false),
            ("a fresh code", fresh.as_str(), true),
            ("the same code again", fresh.as_str(), false),
            ("no code", "", false),
        ] {
            let tried = self.hand_in(ctx, stay, code).await?;
            let met = if good {
                &mut met.admitted
            } else {
                &mut met.refused
            };
            met.push((what, tried));
        }
        Ok(())
    }

    /// Gives the password, and then this code.
    async fn hand_in(&self, ctx: &Ctx, stay: &Stay<'_>, code: &str) -> Result<Attempt, String> {
        match self.half(ctx, stay).await? {
            Half::Asked(half) => door::finish(ctx, stay.tenant.as_str(), &half, code).await,
            Half::Admitted => Ok(Attempt::Admitted),
            Half::Refused(status) => Ok(Attempt::Refused(status, Vec::new())),
        }
    }

    async fn half(&self, ctx: &Ctx, stay: &Stay<'_>) -> Result<Half, String> {
        let (email, password) = (stay.guest.email.as_str(), stay.guest.password.expose());
        door::half(ctx, stay.tenant.as_str(), email, password).await
    }

    async fn accounts(&self, stay: &Stay<'_>, met: &mut Met) -> Result<(), String> {
        let of: &[Role] = match &self.access.settings().second_factor {
            Some(promised) => &promised.of,
            None => &[],
        };
        let enrolled: HashSet<String> = self
            .access
            .enrolled()
            .await
            .map_err(text)?
            .into_iter()
            .map(|person| person.to_string())
            .collect();
        let people = stay.accounts().await?;
        let real: Vec<&Account> = people.iter().filter(|of| !of.person.synthetic).collect();
        let demanded = real
            .iter()
            .filter(|account| of.contains(&account.person.role));
        met.demanded = demanded.clone().count();
        met.set_up = demanded
            .filter(|account| account.person.second_factor.is_some())
            .count();
        met.amiss = real
            .iter()
            .map(|account| (account.person.id.to_string(), account.person.second_factor))
            .filter(|(id, since)| enrolled.contains(id) != since.is_some())
            .map(|(id, _)| id)
            .collect();
        Ok(())
    }
}

/// A code that is none of these, nor any that is shown about now.
fn unlike(codes: &[&str], key: &totp::Key, step: i64) -> String {
    let shown: Vec<String> = (step - 2..=step + 4).map(|step| key.code(step)).collect();
    (0..1_000)
        .map(|number| format!("{number:06}"))
        .find(|code| !shown.contains(code) && !codes.contains(&code.as_str()))
        .unwrap_or_default()
}

fn judge(met: &Met) -> (Verdict, String) {
    let broken = |observed| (Verdict::Broken, observed);
    if let Some((when, _)) = met.alone.iter().find(|(_, led_in)| *led_in) {
        return broken(format!("{when}, the password alone was enough"));
    }
    if let Some((what, _)) = met
        .refused
        .iter()
        .find(|(_, tried)| *tried == Attempt::Admitted)
    {
        return broken(format!("{what} was accepted"));
    }
    if let Some(person) = met.amiss.first() {
        return broken(format!(
            "the second factor of person {person} was taken out of the store, put into it or changed there by somebody else \
             than Avouch; take it away in the console, so that they set up another"
        ));
    }
    if let Some((what, _)) = met
        .admitted
        .iter()
        .find(|(_, tried)| *tried != Attempt::Admitted)
    {
        return (
            Verdict::Unproven,
            format!("{what} was refused too, so a refusal proves nothing"),
        );
    }
    let (tries, demanded, set_up) = (met.refused.len(), met.demanded, met.set_up);
    (
        Verdict::Held,
        format!(
            "the password alone led nowhere, {tries} codes that were wrong, old, used or missing were refused, and a fresh \
             code and a recovery code were accepted once; of {demanded} accounts of which a second factor is demanded \
             {set_up} have set theirs up, and the others must at their next sign-in"
        ),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused() -> Attempt {
        Attempt::Refused(401, Vec::new())
    }

    fn sound() -> Met {
        Met {
            alone: vec![("before one was set up", false)],
            refused: vec![
                ("a wrong code", refused()),
                ("the same code again", refused()),
            ],
            admitted: vec![("a fresh code", Attempt::Admitted)],
            ..Met::default()
        }
    }

    #[test]
    fn each_way_round_a_second_factor_breaks_the_claim() {
        for (met, verdict) in [
            (sound(), Verdict::Held),
            (
                Met {
                    alone: vec![("once one was set up", true)],
                    ..sound()
                },
                Verdict::Broken,
            ),
            (
                Met {
                    refused: vec![("the same code again", Attempt::Admitted)],
                    ..sound()
                },
                Verdict::Broken,
            ),
            (
                Met {
                    amiss: vec![String::from("7f3a")],
                    ..sound()
                },
                Verdict::Broken,
            ),
            (
                Met {
                    admitted: vec![("a fresh code", refused())],
                    ..sound()
                },
                Verdict::Unproven,
            ),
        ] {
            let (judged, observed) = judge(&met);
            assert_eq!(judged, verdict, "{observed}");
        }
    }
}
