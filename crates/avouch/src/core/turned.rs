//! An event when a claim stands otherwise than before.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use avouch_events::{Action, Actor, Event, Outcome};
use avouch_evidence::{Finding, Standing, Verdict};
use avouch_statement::{ClaimId, TenantId};
use jiff::Timestamp;

/// How a claim stood that nobody had tried.
const NEVER: &str = "never tried";

/// How each claim stood when it was last looked at, and on whose data that was seen.
#[derive(Default)]
pub struct Stood(Mutex<BTreeMap<ClaimId, (Verdict, Option<TenantId>)>>);

impl Stood {
    /// Takes in how claims stood before anything is compared; what was never tried is left out.
    pub fn begin(&self, standings: &[Standing]) {
        let mut stood = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if stood.is_empty() {
            let tried = standings
                .iter()
                .filter(|standing| !standing.findings.is_empty());
            stood.extend(tried.map(|standing| (standing.claim.clone(), seen(standing))));
        }
    }

    /// An event for each claim that has turned since. That one is held at its first trial is nothing new.
    pub fn turned(&self, standings: &[Standing], now: Timestamp) -> Vec<Event> {
        let mut stood = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut events = Vec::new();
        for standing in standings {
            let (verdict, tenant) = seen(standing);
            let before = stood.insert(standing.claim.clone(), (verdict, tenant.clone()));
            let (was, whose) = before.unzip();
            if was.unwrap_or(Verdict::Held) == verdict {
                continue;
            }
            // What was broken for a tenant is held again for it.
            let whose = tenant.or(whose.flatten());
            let outcome = match verdict {
                Verdict::Held => Outcome::Done,
                Verdict::Broken | Verdict::Unproven => Outcome::Failed,
            };
            let event = Event::new(
                now,
                Actor::platform(),
                Action::Finding,
                standing.claim.to_string(),
                outcome,
            )
            .of(whose.as_ref())
            .because(reason(standing, whose.as_ref()))
            .with(
                "before",
                was.map_or_else(|| NEVER.to_owned(), |was| was.to_string()),
            )
            .with("now", verdict.to_string());
            events.push(event);
        }
        events
    }
}

/// The verdict, and the tenant on whose data the worst was seen, if it was one's.
fn seen(standing: &Standing) -> (Verdict, Option<TenantId>) {
    let worst = standing.findings.first();
    let worst = worst
        .filter(|finding| finding.verdict == standing.verdict && finding.verdict != Verdict::Held);
    (
        standing.verdict,
        worst.and_then(|finding| finding.tenant.clone()),
    )
}

/// What whoever reads that trail may know of why.
fn reason(standing: &Standing, whose: Option<&TenantId>) -> String {
    let Some(whose) = whose else {
        return standing.why.clone();
    };
    let readable = |finding: &&Finding| {
        finding.verdict == standing.verdict
            && finding.tenant.as_ref() == Some(whose)
            && finding.readable_by(whose)
    };
    let found = standing.findings.iter().find(readable);
    found
        .map(|finding| finding.observed.clone())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use avouch_statement::Audience;

    fn standing(verdict: Verdict, whose: Option<&str>, audience: Audience) -> Standing {
        let claim = ClaimId::new("a.b");
        let finding = Finding {
            claim: claim.clone(),
            check: "x".to_owned(),
            tenant: whose.map(|whose| whose.parse().unwrap()),
            verdict,
            observed: "seen there".to_owned(),
            audience,
            at: Timestamp::UNIX_EPOCH,
        };
        let why = match verdict {
            Verdict::Held => String::new(),
            _ => "seen there".to_owned(),
        };
        Standing {
            claim,
            verdict,
            why,
            findings: vec![finding],
        }
    }

    fn told(stood: &Stood, now: &Standing) -> Vec<(Option<String>, Outcome, String)> {
        let events = stood.turned(std::slice::from_ref(now), Timestamp::UNIX_EPOCH);
        let told = events.into_iter().map(|event| {
            (
                event.tenant.map(|tenant| tenant.to_string()),
                event.outcome,
                event.reason,
            )
        });
        told.collect()
    }

    #[test]
    fn a_claim_that_turns_is_told_once_each_way_in_the_trail_that_it_is_about() {
        let stood = Stood::default();
        let held = standing(Verdict::Held, Some("riverside"), Audience::Tenant);
        let broken = standing(Verdict::Broken, Some("riverside"), Audience::Tenant);
        assert_eq!(told(&stood, &held), []);
        let riverside = Some("riverside".to_owned());
        assert_eq!(
            told(&stood, &broken),
            [(riverside.clone(), Outcome::Failed, "seen there".to_owned())]
        );
        assert_eq!(told(&stood, &broken), []);
        assert_eq!(
            told(&stood, &held),
            [(riverside, Outcome::Done, "seen there".to_owned())]
        );
    }

    #[test]
    fn a_claim_that_fails_its_first_trial_is_not_said_to_have_held_before() {
        let said = |stood: &Stood, verdict| {
            let now = standing(verdict, None, Audience::Tenant);
            let mut events = stood.turned(&[now], Timestamp::UNIX_EPOCH);
            events.pop().map(|event| {
                let said = |name| event.parameters.get(name).cloned().unwrap_or_default();
                (said("before"), said("now"))
            })
        };
        let word = |text: &str| text.to_owned();
        for verdict in [Verdict::Broken, Verdict::Unproven] {
            let stood = Stood::default();
            assert_eq!(
                said(&stood, verdict),
                Some((word(NEVER), verdict.to_string()))
            );
            assert_eq!(
                said(&stood, Verdict::Held),
                Some((verdict.to_string(), word("held")))
            );
        }
        assert_eq!(said(&Stood::default(), Verdict::Held), None);
    }

    #[test]
    fn what_is_the_suppliers_is_not_in_a_tenants_trail() {
        let stood = Stood::default();
        let broken = standing(Verdict::Broken, Some("riverside"), Audience::Supplier);
        assert_eq!(
            told(&stood, &broken),
            [(Some("riverside".to_owned()), Outcome::Failed, String::new())]
        );
        let platform = standing(Verdict::Unproven, None, Audience::Supplier);
        let other = Stood::default();
        assert_eq!(
            told(&other, &platform),
            [(None, Outcome::Failed, "seen there".to_owned())]
        );
    }

    #[test]
    fn a_restart_is_no_turn() {
        let stood = Stood::default();
        let broken = standing(Verdict::Broken, None, Audience::Tenant);
        stood.begin(std::slice::from_ref(&broken));
        assert_eq!(told(&stood, &broken), []);
    }
}
