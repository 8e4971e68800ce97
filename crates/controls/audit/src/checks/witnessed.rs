//! Judges `audit.witnessed`: witnesses on other machines have signed the ledger as it is.

use std::sync::Arc;

use avouch_evidence::{BoxFuture, Check, ClaimId, Ctx, Seen};
use jiff::Timestamp;

use crate::{WITNESSED, Witnessed};

/// Asks the witnesses.
pub trait Witnesses: Send + Sync {
    /// Asks every witness for its signature on the newest checkpoint.
    fn ask<'a>(&'a self) -> BoxFuture<'a, Result<Answers, String>>;
}

/// What the witnesses answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answers {
    /// Entries of the newest checkpoint that any of them has signed.
    pub size: u64,
    /// Who has signed that checkpoint, and when by their own clock.
    pub signed: Vec<(String, Timestamp)>,
    /// Who says that this ledger is another one than they have signed, and in what words.
    pub contradicted: Vec<(String, String)>,
    /// Who gave no signature just now, and why.
    pub silent: Vec<(String, String)>,
}

/// The check of witnesses.
pub struct WitnessedCheck {
    settings: Witnessed,
    witnesses: Arc<dyn Witnesses>,
}

impl WitnessedCheck {
    /// Asks these.
    #[must_use]
    pub fn new(settings: Witnessed, witnesses: Arc<dyn Witnesses>) -> Self {
        Self {
            settings,
            witnesses,
        }
    }
}

impl Check for WitnessedCheck {
    fn name(&self) -> &str {
        "asking the witnesses"
    }

    fn claims(&self) -> Vec<ClaimId> {
        vec![ClaimId::new(WITNESSED)]
    }

    fn dated(&self) -> bool {
        true
    }

    fn run<'a>(&'a self, ctx: &'a Ctx) -> BoxFuture<'a, Vec<Seen>> {
        Box::pin(async move {
            vec![judge(
                &self.settings,
                &self.witnesses.ask().await,
                (ctx.clock)(),
            )]
        })
    }
}

/// Broken if one contradicts the ledger, or too few have signed in time.
fn judge(settings: &Witnessed, answers: &Result<Answers, String>, now: Timestamp) -> Seen {
    let claim = ClaimId::new(WITNESSED);
    let answers = match answers {
        Ok(answers) => answers,
        Err(why) => {
            return Seen::unproven(&claim, format!("The witnesses could not be asked: {why}."));
        }
    };
    if let Some((name, why)) = answers.contradicted.first() {
        return Seen::broken(&claim, format!("{name}: {why}."));
    }
    let limit = settings.within.duration();
    let fresh: Vec<&str> = answers
        .signed
        .iter()
        .filter(|(_, at)| now.duration_since(*at) <= limit)
        .map(|(name, _)| name.as_str())
        .collect();
    let silent: String = answers
        .silent
        .iter()
        .map(|(name, why)| format!(" {name}: {why}."))
        .collect();
    let enough = u32::try_from(fresh.len()).is_ok_and(|fresh| fresh >= settings.by);
    if enough {
        Seen::held(
            &claim,
            format!(
                "{} of {} signed the checkpoint of {} entries within {}: {}.{silent}",
                fresh.len(),
                settings.witnesses.len(),
                answers.size,
                settings.within,
                fresh.join(", ")
            ),
        )
    } else {
        Seen::broken(
            &claim,
            format!(
                "{} of {} have signed within {}, {} should.{silent}",
                fresh.len(),
                settings.witnesses.len(),
                settings.within,
                settings.by
            ),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use avouch_evidence::Verdict;
    use avouch_ledger::verify::WitnessKey;

    use crate::Witness;

    fn settings() -> Witnessed {
        let witness = |name: &str| Witness {
            name: name.parse().unwrap(),
            url: "http://127.0.0.1:9".to_owned(),
            port: 9,
            key: WitnessKey::new(name, [7; 32]).unwrap(),
        };
        Witnessed {
            witnesses: vec![witness("trust"), witness("auditor")],
            by: 1,
            within: "1 h".parse().unwrap(),
        }
    }

    #[track_caller]
    fn check(change: impl FnOnce(&mut Answers), verdict: Verdict, says: &str) {
        let now: Timestamp = "2026-01-05T12:00:00Z".parse().unwrap();
        let mut answers = Answers {
            size: 40,
            signed: vec![("trust".to_owned(), "2026-01-05T11:00:00Z".parse().unwrap())],
            contradicted: vec![],
            silent: vec![("auditor".to_owned(), "it cannot be reached".to_owned())],
        };
        change(&mut answers);
        let seen = judge(&settings(), &Ok(answers), now);
        assert_eq!(seen.verdict, verdict, "{}", seen.observed);
        assert!(seen.observed.contains(says), "{}", seen.observed);
    }

    #[test]
    fn enough_witnesses_must_have_signed_in_time_and_none_may_contradict() {
        check(
            |_| {},
            Verdict::Held,
            "1 of 2 signed the checkpoint of 40 entries",
        );
        check(|_| {}, Verdict::Held, "auditor: it cannot be reached");
        check(
            |a| a.signed[0].1 = "2026-01-05T10:59:59Z".parse().unwrap(),
            Verdict::Broken,
            "0 of 2 have signed within 1 hour",
        );
        check(|a| a.signed.clear(), Verdict::Broken, "1 should");
        check(
            |a| {
                a.contradicted
                    .push(("auditor".to_owned(), "the log was cut back".to_owned()))
            },
            Verdict::Broken,
            "auditor: the log was cut back",
        );
        let seen = judge(
            &settings(),
            &Err("no memory".to_owned()),
            Timestamp::UNIX_EPOCH,
        );
        assert_eq!(seen.verdict, Verdict::Unproven);
    }
}
