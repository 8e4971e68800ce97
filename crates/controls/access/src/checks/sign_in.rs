//! Judges `access.sign-in`: one address is one account, both parts are needed, and nothing is shown without a session.
//!
//! Source: OWASP ASVS 5.0.0, 6.3.8 (the same answer for an unknown user).

use super::{
    Page, Sites,
    door::{Attempt, Door, knock, send},
    stay::{Stay, Visit, text},
};
use crate::{Access, AccessError, email, people::Account};
use avouch_evidence::Ctx;
use avouch_statement::{Audience, Verdict};
use std::{collections::HashSet, sync::Arc};

/// The check of signing in.
pub(super) struct SignIn {
    pub(super) access: Arc<Access>,
    pub(super) sites: Arc<Sites>,
}

/// What came of it.
#[derive(Debug, Default)]
pub(super) struct Met {
    /// With both parts right.
    admitted: Vec<(&'static str, Attempt)>,
    /// With something missing or wrong.
    refused: Vec<(&'static str, Attempt)>,
    /// Tenants at which the address could be registered again.
    registered_again: Vec<String>,
    /// Accounts looked at.
    accounts: usize,
    /// People whose address is another's too, or is not compared as it should be.
    shared: Vec<String>,
    /// What became of each page and each form without a session.
    doors: Vec<(String, Door)>,
}

impl Visit for SignIn {
    type Met = Met;
    const NAME: &'static str = "signing in";
    const CLAIM: &'static str = "access.sign-in";
    const AUDIENCE: Audience = Audience::Supplier;
    const JUDGE: fn(&Met) -> (Verdict, String) = judge;

    fn access(&self) -> &Access {
        &self.access
    }

    async fn meet(&self, ctx: &Ctx, stay: &Stay<'_>) -> Result<Met, String> {
        let mut met = Met::default();
        let guest = &stay.guest;
        let (email, password) = (guest.email.as_str(), guest.password.expose());
        let capitals = email.to_uppercase();
        for (what, email) in [
            ("both parts", email),
            ("the address in capitals", capitals.as_str()),
        ] {
            let both = [("email", email), ("password", password)];
            met.admitted.push((what, stay.attempt(&both).await?));
        }
        for (what, fields) in [
            (
                "a wrong password",
                &[("email", email), ("password", "wrong")][..],
            ),
            ("an empty password", &[("email", email), ("password", "")]),
            ("no password", &[("email", email)]),
            ("an empty address", &[("email", ""), ("password", password)]),
            ("no address", &[("password", password)]),
        ] {
            met.refused.push((what, stay.attempt(fields).await?));
        }
        for tenant in &ctx.tenants {
            let now = (ctx.clock)();
            match self.access.register_again(guest, tenant, now).await {
                Err(AccessError::Taken) => {}
                Ok(()) => met.registered_again.push(tenant.to_string()),
                Err(error) => return Err(text(error)),
            }
        }
        let accounts = stay.accounts().await?;
        met.accounts = accounts.len();
        met.shared = shared(&accounts);
        for Page { label, path } in &self.sites.pages {
            let door = knock(ctx, label, path, None).await;
            met.doors.push((format!("GET {label}{path}"), door));
        }
        for Page { label, path } in &self.sites.forms {
            let door = send(ctx, label, path).await;
            met.doors.push((format!("POST {label}{path}"), door));
        }
        Ok(met)
    }
}

/// The people whose address, in lower case, is not theirs alone, or is not what is compared.
fn shared(accounts: &[Account]) -> Vec<String> {
    let mut met = HashSet::new();
    let amiss = |account: &&Account| {
        let key = email::key(&account.person.email);
        key != account.email_key || !met.insert(key)
    };
    accounts
        .iter()
        .filter(amiss)
        .map(|account| account.person.id.to_string())
        .collect()
}

fn judge(met: &Met) -> (Verdict, String) {
    let broken = |observed| (Verdict::Broken, observed);
    if let Some((what, _)) = met
        .refused
        .iter()
        .find(|(_, attempt)| *attempt == Attempt::Admitted)
    {
        return broken(format!("signing in with {what} was accepted"));
    }
    if let Some(tenant) = met.registered_again.first() {
        return broken(format!(
            "an address in use could be registered again, in capitals, at {tenant}"
        ));
    }
    if let Some(person) = met.shared.first() {
        return broken(format!(
            "the address of person {person} is another account's too, or is not compared as it is written"
        ));
    }
    if let Some((page, _)) = met
        .doors
        .iter()
        .find(|(_, door)| matches!(door, Door::Open(_)))
    {
        return broken(format!("{page} was answered without a session"));
    }
    let mut answers = met.refused.iter();
    if let Some((one, first)) = answers.next()
        && let Some((other, _)) = answers.find(|(_, answer)| answer != first)
    {
        return broken(format!("{one} and {other} are answered differently"));
    }
    if let Some((what, _)) = met
        .admitted
        .iter()
        .find(|(_, attempt)| *attempt != Attempt::Admitted)
    {
        return (
            Verdict::Unproven,
            format!("signing in with {what} was refused, so a refusal proves nothing"),
        );
    }
    let unclear = |(page, door): &(String, Door)| match door {
        Door::Open(_) | Door::Shut(303 | 401 | 403) => None,
        // One that was looked for before it was asked who asks.
        Door::Shut(status) => Some(format!(
            "{page} was answered with {status}, which asks for no session"
        )),
        Door::Unclear(why) => Some(format!("{page} gave no clear answer: {why}")),
    };
    if let Some(why) = met.doors.iter().find_map(unclear) {
        return (Verdict::Unproven, why);
    }
    let (tries, accounts, doors) = (met.refused.len(), met.accounts, met.doors.len());
    (
        Verdict::Held,
        format!(
            "both parts sign in and {tries} attempts that lacked one met the same refusal; an address in use could not be \
             registered again in capitals; {accounts} accounts have an address each; {doors} pages and forms were \
             asked for without a session and refused"
        ),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused() -> Attempt {
        Attempt::Refused(401, b"no".to_vec())
    }

    fn sound() -> Met {
        Met {
            admitted: vec![("both parts", Attempt::Admitted)],
            refused: vec![("no password", refused()), ("no address", refused())],
            doors: vec![(String::from("GET console/people"), Door::Shut(303))],
            ..Met::default()
        }
    }

    #[test]
    fn each_way_round_signing_in_breaks_the_claim() {
        let told = Attempt::Refused(400, b"no address".to_vec());
        for (met, verdict) in [
            (sound(), Verdict::Held),
            (
                Met {
                    refused: vec![("no password", Attempt::Admitted)],
                    ..sound()
                },
                Verdict::Broken,
            ),
            (
                Met {
                    refused: vec![("no password", refused()), ("no address", told)],
                    ..sound()
                },
                Verdict::Broken,
            ),
            (
                Met {
                    registered_again: vec![String::from("hillside")],
                    ..sound()
                },
                Verdict::Broken,
            ),
            (
                Met {
                    shared: vec![String::from("7f3a")],
                    ..sound()
                },
                Verdict::Broken,
            ),
            (
                Met {
                    doors: vec![(String::from("GET console/people"), Door::Open(200))],
                    ..sound()
                },
                Verdict::Broken,
            ),
            (
                Met {
                    admitted: vec![("both parts", refused())],
                    ..sound()
                },
                Verdict::Unproven,
            ),
            (
                Met {
                    doors: vec![(String::from("GET a/"), Door::Unclear(String::new()))],
                    ..sound()
                },
                Verdict::Unproven,
            ),
            (
                Met {
                    doors: vec![(String::from("GET console/drills/0"), Door::Shut(404))],
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
