//! Judges `report.*.target`: of the minutes in which somebody asked, the promised share was answered.

use std::sync::Arc;

use avouch_evidence::{BoxFuture, Check, ClaimId, Ctx, Seen};

/// Measures how often the service was there.
pub trait Availability: Send + Sync {
    /// Each promise's claim, with the share in hundredths of a per cent.
    fn targets(&self) -> Vec<(ClaimId, u64)>;
    /// What was measured in the present period.
    fn measured<'a>(&'a self, claim: &'a ClaimId) -> BoxFuture<'a, Result<Measured, String>>;
}

/// Minutes of a period so far.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Measured {
    /// The period.
    pub period: String,
    /// Minutes in which somebody asked, or nothing ran.
    pub minutes: u64,
    /// Those of them that were lost.
    pub lost: u64,
}

/// The check of shares of minutes.
pub struct Targets {
    availability: Arc<dyn Availability>,
}

impl Targets {
    /// Asks these.
    #[must_use]
    pub fn new(availability: Arc<dyn Availability>) -> Self {
        Self { availability }
    }
}

impl Check for Targets {
    fn name(&self) -> &str {
        "minutes answered"
    }

    fn claims(&self) -> Vec<ClaimId> {
        let targets = self.availability.targets().into_iter();
        targets.map(|(claim, _)| claim).collect()
    }

    fn dated(&self) -> bool {
        true
    }

    fn run<'a>(&'a self, _ctx: &'a Ctx) -> BoxFuture<'a, Vec<Seen>> {
        Box::pin(async move {
            let mut seen = Vec::new();
            for (claim, target) in self.availability.targets() {
                let measured = self.availability.measured(&claim).await;
                seen.push(judge(&claim, target, &measured));
            }
            seen
        })
    }
}

/// An equal share holds it.
fn judge(claim: &ClaimId, target: u64, measured: &Result<Measured, String>) -> Seen {
    let measured = match measured {
        Ok(measured) => measured,
        Err(why) => return Seen::unproven(claim, format!("The minutes cannot be counted: {why}.")),
    };
    let Measured {
        period,
        minutes,
        lost,
    } = measured;
    let answered = minutes.saturating_sub(*lost).saturating_mul(10_000);
    let Some(share) = answered.checked_div(*minutes) else {
        return Seen::unproven(claim, format!("Nobody has asked in {period} yet."));
    };
    let observed = format!(
        "{lost} of {minutes} minutes of {period} so far were lost: {}.{:02}% were answered, and {}.{:02}% are promised.",
        share / 100,
        share % 100,
        target / 100,
        target % 100
    );
    if answered >= target.saturating_mul(*minutes) {
        Seen::held(claim, observed)
    } else {
        Seen::broken(claim, observed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use avouch_evidence::Verdict;

    #[test]
    fn the_promised_share_holds_less_breaks_and_nothing_measured_proves_nothing() {
        for (minutes, lost, verdict) in [
            (200, 1, Verdict::Held),
            (199, 1, Verdict::Broken),
            (200, 0, Verdict::Held),
            (1, 1, Verdict::Broken),
            (0, 0, Verdict::Unproven),
        ] {
            let measured = Measured {
                period: "2026-11".to_owned(),
                minutes,
                lost,
            };
            let seen = judge(&ClaimId::new("report.there.target"), 9_950, &Ok(measured));
            assert_eq!(seen.verdict, verdict, "{}", seen.observed);
        }
        let seen = judge(
            &ClaimId::new("report.there.target"),
            9_950,
            &Err("gone".to_owned()),
        );
        assert_eq!(seen.verdict, Verdict::Unproven);
    }
}
