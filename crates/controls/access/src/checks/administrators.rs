//! Judges `access.administrators`: a member is refused every account operation, and it is recorded; an administrator's reach
//! ends at their tenant; every account names who nominated it, when, and is as Avouch wrote it.

use super::{
    Trail,
    stay::{Stay, Visit, text},
};
use crate::{Access, AccessError, Role, accounts::Administrator, people::Account};
use avouch_evidence::Ctx;
use avouch_statement::{Audience, Verdict};
use std::{collections::HashSet, sync::Arc};

/// Forbidden, whoever asks.
const FORBIDDEN: u16 = 403;

/// Who makes accounts without having one: the operator at the machine, and the checks.
const WITHOUT_ACCOUNT: [&str; 2] = ["setup", "checks"];

/// The check of account operations.
pub(super) struct Administrators {
    pub(super) access: Arc<Access>,
    pub(super) trail: Arc<dyn Trail>,
}

/// What came of it.
#[derive(Debug, Default)]
pub(super) struct Met {
    /// What a member asked for, and the status of the answer.
    asked: Vec<(&'static str, u16)>,
    /// How many more refusals of that member the trail holds now.
    recorded: u64,
    /// Whether the guest's account was changed by it.
    changed: bool,
    /// Whether an administrator changed an account of their own tenant, and of another.
    own: bool,
    beyond: Vec<String>,
    /// Whether there was another tenant to reach for.
    neighbours: usize,
    accounts: usize,
    /// People whose nomination is missing or false.
    amiss: Vec<String>,
}

impl Visit for Administrators {
    type Met = Met;
    const NAME: &'static str = "account operations";
    const CLAIM: &'static str = "access.administrators";
    const AUDIENCE: Audience = Audience::Supplier;
    const JUDGE: fn(&Met) -> (Verdict, String) = judge;

    fn access(&self) -> &Access {
        &self.access
    }

    async fn meet(&self, ctx: &Ctx, stay: &Stay<'_>) -> Result<Met, String> {
        let (tenant, id) = (stay.tenant, &stay.guest.id);
        let before = account(stay).await?;
        let mut met = Met::default();
        let recorded = self.trail.refusals(id).await?;
        let (reset, disable) = (
            format!("/people/{id}/reset"),
            format!("/people/{id}/disable"),
        );
        let new = [
            ("email", "intruder@synthetic.invalid"),
            ("name", "Intruder"),
            ("role", "administrator"),
            ("tenant", tenant.as_str()),
        ];
        for (what, path, fields) in [
            ("make an account", "/people", &new[..]),
            ("reset a password", reset.as_str(), &[]),
            ("close an account", disable.as_str(), &[]),
        ] {
            let answer = stay.submit("console", path, fields).await?;
            met.asked.push((what, answer.status.as_u16()));
        }
        met.recorded = self.trail.refusals(id).await?.saturating_sub(recorded);
        let after = account(stay).await?;
        met.changed = after.password != before.password || after.person.disabled.is_some();

        for other in ctx.tenants.iter().filter(|other| *other != tenant) {
            met.neighbours += 1;
            let stranger = Administrator::supposed(other.clone());
            match self.access.reset(&stranger, id, ctx.now).await {
                Err(AccessError::Absent) => {}
                Ok(_) => met.beyond.push(other.to_string()),
                Err(error) => return Err(text(error)),
            }
        }
        let own = Administrator::supposed(tenant.clone());
        met.own = self.access.reset(&own, id, ctx.now).await.is_ok();
        let accounts = stay.accounts().await?;
        met.accounts = accounts.len();
        met.amiss = amiss(&accounts);
        Ok(met)
    }
}

/// The guest's account as it stands.
async fn account(stay: &Stay<'_>) -> Result<Account, String> {
    let accounts = stay.accounts().await?;
    let found = accounts
        .into_iter()
        .find(|account| account.person.id == stay.guest.id);
    found.ok_or_else(|| String::from("the guest's account has gone"))
}

/// The people whose account was altered, or names no administrator.
fn amiss(accounts: &[Account]) -> Vec<String> {
    let nominators: HashSet<&str> = accounts
        .iter()
        .map(|account| &account.person)
        .filter(|person| person.role != Role::Member)
        .map(|person| person.id.as_str())
        .chain(WITHOUT_ACCOUNT)
        .collect();
    let people = accounts.iter().map(|account| &account.person);
    people
        .filter(|person| !person.intact || !nominators.contains(person.nominated_by.as_str()))
        .map(|person| person.id.to_string())
        .collect()
}

fn judge(met: &Met) -> (Verdict, String) {
    let broken = |observed| (Verdict::Broken, observed);
    if let Some((what, status)) = met.asked.iter().find(|(_, status)| *status != FORBIDDEN) {
        return match status {
            200..400 => broken(format!(
                "a member who asked to {what} was answered {status}"
            )),
            _ => (
                Verdict::Unproven,
                format!(
                    "a member who asked to {what} was answered {status}, which is not a clear refusal"
                ),
            ),
        };
    }
    if met.changed {
        return broken(String::from(
            "a member's refused request changed an account all the same",
        ));
    }
    let asked = met.asked.len();
    if met.recorded < asked as u64 {
        return broken(format!(
            "of {asked} refusals of a member, the audit trail holds {}",
            met.recorded
        ));
    }
    if let Some(tenant) = met.beyond.first() {
        return broken(format!(
            "an administrator of {tenant} changed an account of another tenant"
        ));
    }
    if let Some(person) = met.amiss.first() {
        let count = met.amiss.len();
        return broken(format!(
            "{count} accounts are not as a nominated administrator made them, the first that of person {person}"
        ));
    }
    if !met.own {
        return (
            Verdict::Unproven,
            String::from(
                "an administrator was refused within their own tenant too, so a refusal proves nothing",
            ),
        );
    }
    let Met {
        neighbours,
        accounts,
        ..
    } = met;
    (
        Verdict::Held,
        format!(
            "a member's {asked} account operations were forbidden and recorded; administrators of other tenants ({neighbours} tried) \
             could not see the account; {accounts} accounts are intact and name who nominated them, and when"
        ),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sound() -> Met {
        Met {
            asked: vec![("make an account", 403)],
            recorded: 1,
            own: true,
            neighbours: 1,
            ..Met::default()
        }
    }

    #[test]
    fn each_way_round_nomination_breaks_the_claim() {
        let named = || vec![String::from("7f3a")];
        for (met, verdict) in [
            (sound(), Verdict::Held),
            (
                Met {
                    asked: vec![("make an account", 200)],
                    ..sound()
                },
                Verdict::Broken,
            ),
            (
                Met {
                    asked: vec![("make an account", 303)],
                    ..sound()
                },
                Verdict::Broken,
            ),
            (
                Met {
                    asked: vec![("make an account", 502)],
                    ..sound()
                },
                Verdict::Unproven,
            ),
            (
                Met {
                    changed: true,
                    ..sound()
                },
                Verdict::Broken,
            ),
            (
                Met {
                    recorded: 0,
                    ..sound()
                },
                Verdict::Broken,
            ),
            (
                Met {
                    beyond: named(),
                    ..sound()
                },
                Verdict::Broken,
            ),
            (
                Met {
                    amiss: named(),
                    ..sound()
                },
                Verdict::Broken,
            ),
            (
                Met {
                    own: false,
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
