//! Judges `audit.keep`: a ledger that was changed, thinned, reordered or cut off does not pass for whole.
//!
//! Damage is done to scratch copies only.

use std::sync::Arc;

use avouch_evidence::{BoxFuture, Check, ClaimId, Ctx, Seen};

use super::{Damage, Harm, Trail};
use crate::KEEP;

/// The check of tampering.
pub struct Tampering {
    trail: Arc<dyn Trail>,
}

impl Tampering {
    /// Damages copies of this trail.
    #[must_use]
    pub fn new(trail: Arc<dyn Trail>) -> Self {
        Self { trail }
    }
}

impl Check for Tampering {
    fn name(&self) -> &str {
        "tampering with the ledger"
    }

    fn claims(&self) -> Vec<ClaimId> {
        vec![ClaimId::new(KEEP)]
    }

    fn run<'a>(&'a self, _ctx: &'a Ctx) -> BoxFuture<'a, Vec<Seen>> {
        Box::pin(async move { vec![judge(&self.trail.damaged_copies().await)] })
    }
}

/// Broken if a damage was not told or not located; unproven unless every way was tried.
fn judge(damages: &Result<Vec<Damage>, String>) -> Seen {
    let claim = ClaimId::new(KEEP);
    let damages = match damages {
        Ok(damages) => damages,
        Err(why) => return Seen::unproven(&claim, format!("No copy could be damaged: {why}.")),
    };
    let missed = damages
        .iter()
        .find(|damage| damage.told.is_none() || damage.named != Some(damage.at));
    if let Some(Damage {
        harm,
        at,
        named,
        told,
    }) = missed
    {
        let said = match (told, named) {
            (None, _) => "nothing was noticed".to_owned(),
            (Some(told), None) => format!("it was noticed but not located: {told}"),
            (Some(told), Some(named)) => format!("entry {named} was named: {told}"),
        };
        return Seen::broken(
            &claim,
            format!("In a copy with {} at entry {at}, {said}.", harm.words()),
        );
    }
    let untried = Harm::ALL
        .into_iter()
        .find(|harm| damages.iter().all(|damage| damage.harm != *harm));
    if let Some(harm) = untried {
        return Seen::unproven(&claim, format!("No copy was tried with {}.", harm.words()));
    }
    let ways: Vec<&str> = Harm::ALL.into_iter().map(Harm::words).collect();
    Seen::held(
        &claim,
        format!(
            "{} copies were damaged ({}); each was refused and the first entry that does not fit was named.",
            damages.len(),
            ways.join(", ")
        ),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use avouch_evidence::Verdict;

    fn told() -> Vec<Damage> {
        Harm::ALL
            .into_iter()
            .map(|harm| Damage {
                harm,
                at: 7,
                told: Some("entry 7 does not fit".to_owned()),
                named: Some(7),
            })
            .collect()
    }

    #[track_caller]
    fn check(change: impl FnOnce(&mut Vec<Damage>), verdict: Verdict, says: &str) {
        let mut damages = told();
        change(&mut damages);
        let seen = judge(&Ok(damages));
        assert_eq!(seen.verdict, verdict, "{}", seen.observed);
        assert!(seen.observed.contains(says), "{}", seen.observed);
    }

    #[test]
    fn every_damage_must_be_told_and_located() {
        check(|_| {}, Verdict::Held, "4 copies");
        check(|d| d[0].told = None, Verdict::Broken, "nothing was noticed");
        check(|d| d[1].named = None, Verdict::Broken, "not located");
        check(
            |d| d[2].named = Some(8),
            Verdict::Broken,
            "entry 8 was named: entry 7 does not fit",
        );
        check(|d| drop(d.remove(3)), Verdict::Unproven, "the end cut off");
        check(Vec::clear, Verdict::Unproven, "one byte changed");
        assert_eq!(judge(&Err("no room".to_owned())).verdict, Verdict::Unproven);
    }
}
