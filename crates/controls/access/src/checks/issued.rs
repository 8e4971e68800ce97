//! Judges `access.password.issued`: wherever a chosen password is offered, it does not become one.

use super::{
    Page, Sites,
    door::Attempt,
    stay::{Stay, Visit},
};
use crate::Access;
use avouch_evidence::Ctx;
use avouch_statement::{Audience, Verdict};
use std::sync::Arc;

/// A password that somebody might choose: long, of letters and digits, and not one of ours.
const CHOSEN: &str = "Correct4Horse9";

/// The check of every way in for a chosen password.
pub(super) struct Issued {
    pub(super) access: Arc<Access>,
    pub(super) sites: Arc<Sites>,
}

/// What came of it.
#[derive(Debug)]
pub(super) struct Met {
    forms: usize,
    with_chosen: Attempt,
    with_generated: Attempt,
    in_use: usize,
    unsealed: Vec<String>,
}

impl Visit for Issued {
    type Met = Met;
    const NAME: &'static str = "choosing a password";
    const CLAIM: &'static str = "access.password.issued";
    const AUDIENCE: Audience = Audience::Supplier;
    const JUDGE: fn(&Met) -> (Verdict, String) = judge;

    fn access(&self) -> &Access {
        &self.access
    }

    async fn meet(&self, _: &Ctx, stay: &Stay<'_>) -> Result<Met, String> {
        let (email, generated) = (stay.guest.email.as_str(), stay.guest.password.expose());
        let offered = [
            ("password", CHOSEN),
            ("new-password", CHOSEN),
            ("new_password", CHOSEN),
            ("newPassword", CHOSEN),
            ("confirm", CHOSEN),
            ("email", email),
        ];
        let forms = self.forms(stay);
        for Page { label, path } in &forms {
            stay.submit(label, path, &offered).await?;
        }
        let both = [("email", email), ("password", generated)];
        let changing = [&both[..], &[("new-password", CHOSEN)]].concat();
        stay.attempt(&changing).await?;
        let accounts = stay.accounts().await?;
        let in_use = accounts.iter().filter(|account| account.password.is_some());
        Ok(Met {
            forms: forms.len() + 1,
            with_chosen: stay
                .attempt(&[("email", email), ("password", CHOSEN)])
                .await?,
            with_generated: stay.attempt(&both).await?,
            unsealed: in_use
                .clone()
                .filter(|of| !of.person.intact)
                .map(|of| of.person.id.to_string())
                .collect(),
            in_use: in_use.count(),
        })
    }
}

impl Issued {
    /// Every form of the hosts that the guest can be at, those about the guest, and where other products change passwords.
    fn forms(&self, stay: &Stay<'_>) -> Vec<Page> {
        let (tenant, guest) = (stay.tenant.as_str(), stay.guest.id.as_str());
        let own = format!("/people/{guest}");
        let elsewhere = [
            format!("{own}/reset"),
            format!("{own}/password"),
            own,
            String::from("/account/password"),
            String::from("/password"),
            String::from("/reset"),
            String::from("/register"),
        ];
        let Sites {
            forms, entrances, ..
        } = self.sites.as_ref();
        let stated = forms.iter().chain(entrances);
        stated
            .filter(|form| ["console", "signin", tenant].contains(&form.label.as_str()))
            .cloned()
            .chain(elsewhere.map(|path| Page {
                label: String::from("console"),
                path,
            }))
            .collect()
    }
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
