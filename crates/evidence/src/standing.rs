//! How each claim stands now, from findings and the clock alone.

use std::collections::BTreeMap;

use avouch_statement::{Claim, ClaimId, Verdict};
use jiff::{SignedDuration, Timestamp};

use crate::Finding;

/// A finding dated later than this ahead of now means that a clock is wrong, so it proves nothing.
const FUTURE: SignedDuration = SignedDuration::from_mins(2);

/// How one claim stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// The claim.
    pub claim: ClaimId,
    /// The worst of what its checks say, as fresh evidence has it.
    pub verdict: Verdict,
    /// Why it is not held, as a sentence; empty when it is.
    pub why: String,
    /// The latest finding of each check (and tenant), worst first.
    pub findings: Vec<Finding>,
}

/// Judges every claim. Silence is never `held`: each registered check must have a fresh finding.
///
/// `checks` names the checks that judge each claim; `latest` holds the newest finding for each claim,
/// check and tenant.
#[must_use]
pub fn standing(
    claims: &[Claim],
    checks: &BTreeMap<ClaimId, Vec<String>>,
    latest: &[Finding],
    now: Timestamp,
) -> Vec<Standing> {
    claims
        .iter()
        .map(|claim| {
            stand(
                claim,
                checks.get(&claim.id).map_or(&[], Vec::as_slice),
                latest,
                now,
            )
        })
        .collect()
}

fn stand(claim: &Claim, checks: &[String], latest: &[Finding], now: Timestamp) -> Standing {
    let mut findings: Vec<Finding> = latest
        .iter()
        .filter(|finding| finding.claim == claim.id)
        .cloned()
        .collect();
    findings.sort_by(|a, b| b.verdict.cmp(&a.verdict).then_with(|| b.at.cmp(&a.at)));
    let mut verdict = Verdict::Held;
    let mut why = Vec::new();
    let mut worsen = |to: Verdict, reason: String| {
        if to > verdict {
            verdict = to;
        }
        why.push(reason);
    };
    if checks.is_empty() {
        worsen(Verdict::Unproven, "nothing checks this claim".to_owned());
    }
    for check in checks {
        if !findings.iter().any(|finding| finding.check == *check) {
            worsen(
                Verdict::Unproven,
                format!("the check \"{check}\" has not run yet"),
            );
        }
    }
    for finding in &findings {
        if finding.verdict != Verdict::Held {
            worsen(finding.verdict, finding.observed.clone());
        } else if now.duration_since(finding.at) > claim.fresh_for.duration() {
            worsen(
                Verdict::Unproven,
                format!(
                    "last seen {}, more than {} ago",
                    finding.at, claim.fresh_for
                ),
            );
        } else if finding.at.duration_since(now) > FUTURE {
            worsen(
                Verdict::Unproven,
                format!(
                    "last seen {}, which is in the future: a clock is wrong",
                    finding.at
                ),
            );
        }
    }
    Standing {
        claim: claim.id.clone(),
        verdict,
        why: why.join("; "),
        findings,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use avouch_statement::{Assurance, Audience, Figure, Length, Place, Unit};

    const ID: &str = "a.b";

    fn claim() -> Claim {
        Claim {
            id: ClaimId::new(ID),
            text: String::new(),
            assurance: Assurance::Enforced,
            audience: Audience::Public,
            figure: Figure::Count(1),
            limits: String::new(),
            fresh_for: Length::new(1, Unit::Day),
            place: Place { line: 1, column: 1 },
        }
    }

    fn finding(check: &str, verdict: Verdict, at: &str) -> Finding {
        Finding {
            claim: ClaimId::new(ID),
            check: check.to_owned(),
            tenant: None,
            verdict,
            observed: "seen".to_owned(),
            audience: Audience::Public,
            at: at.parse().unwrap(),
        }
    }

    #[track_caller]
    fn check(checks: &[&str], latest: &[Finding], expected: Verdict) {
        let checks = BTreeMap::from([(
            ClaimId::new(ID),
            checks.iter().map(|name| (*name).to_owned()).collect(),
        )]);
        let now = "2026-03-02T12:00:00Z".parse().unwrap();
        let stands = standing(&[claim()], &checks, latest, now);
        assert_eq!(stands[0].verdict, expected, "{}", stands[0].why);
        assert_eq!(stands[0].why.is_empty(), expected == Verdict::Held);
    }

    #[test]
    fn silence_is_never_held() {
        check(&[], &[], Verdict::Unproven);
        check(&["x"], &[], Verdict::Unproven);
        check(
            &["x", "y"],
            &[finding("x", Verdict::Held, "2026-03-02T11:00:00Z")],
            Verdict::Unproven,
        );
    }

    #[test]
    fn the_worst_fresh_finding_counts() {
        use Verdict::{Broken, Held, Unproven};
        let hour_ago = "2026-03-02T11:00:00Z";
        check(&["x"], &[finding("x", Held, hour_ago)], Held);
        check(
            &["x", "y"],
            &[
                finding("x", Held, hour_ago),
                finding("y", Unproven, hour_ago),
            ],
            Unproven,
        );
        check(
            &["x", "y"],
            &[
                finding("x", Unproven, hour_ago),
                finding("y", Broken, hour_ago),
            ],
            Broken,
        );
    }

    #[test]
    fn evidence_goes_stale_and_the_future_proves_nothing() {
        check(
            &["x"],
            &[finding("x", Verdict::Held, "2026-03-01T12:00:00Z")],
            Verdict::Held,
        );
        check(
            &["x"],
            &[finding("x", Verdict::Held, "2026-03-01T11:59:59Z")],
            Verdict::Unproven,
        );
        check(
            &["x"],
            &[finding("x", Verdict::Held, "2026-03-02T12:03:00Z")],
            Verdict::Unproven,
        );
        check(
            &["x"],
            &[finding("x", Verdict::Broken, "2026-01-01T00:00:00Z")],
            Verdict::Broken,
        );
    }
}
