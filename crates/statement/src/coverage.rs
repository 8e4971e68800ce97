//! What a statement answers of a requirement set. Computed, never typed.

use serde::{Deserialize, Serialize};

use crate::{Assurance, Claim, ClaimId, Comparison, Requirement, RequirementSet, Verdict};

/// How a requirement stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RequirementStatus {
    /// Every claim it needs is made, with the figure, and held.
    Met,
    /// A claim that it needs is broken.
    Broken,
    /// A claim that it needs has no fresh evidence.
    Unproven,
    /// Only a provider answers it.
    Part,
    /// A claim that it needs is not made, or not with the figure.
    Gap,
}

/// One requirement's answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Met {
    /// The requirement's id.
    pub id: String,
    /// How it stands.
    pub status: RequirementStatus,
    /// The claims that answer it.
    pub claims: Vec<ClaimId>,
    /// What is asked.
    pub text: String,
    /// Why it is not met, as a sentence; empty when it is.
    pub why: String,
}

/// A whole set's answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Coverage {
    /// The set's name.
    pub set: String,
    /// Its title.
    pub title: String,
    /// Its lines, in order.
    pub requirements: Vec<Met>,
}

/// Answers a set from the claims made and what is known of each now.
#[must_use]
pub fn cover(
    set: &RequirementSet,
    claims: &[Claim],
    verdict: impl Fn(&ClaimId) -> Verdict,
) -> Coverage {
    Coverage {
        set: set.name.clone(),
        title: set.title.clone(),
        requirements: set
            .requirements
            .iter()
            .map(|requirement| answer(requirement, claims, &verdict))
            .collect(),
    }
}

fn answer(
    requirement: &Requirement,
    claims: &[Claim],
    verdict: &impl Fn(&ClaimId) -> Verdict,
) -> Met {
    let mut gaps = Vec::new();
    let mut found: Vec<&Claim> = Vec::new();
    for need in &requirement.needs {
        let matching: Vec<&Claim> = claims
            .iter()
            .filter(|claim| claim.id.matches(&need.claim))
            .collect();
        if matching.is_empty() {
            gaps.push(match &need.figure {
                Comparison::Any => format!("the statement makes no claim `{}`", need.claim),
                asked => format!(
                    "the statement makes no claim `{}`, and {asked} is asked",
                    need.claim
                ),
            });
        }
        for claim in matching {
            if !need.figure.satisfied_by(&claim.figure) {
                gaps.push(format!(
                    "`{}` states {}, and {} is asked",
                    claim.id, claim.figure, need.figure
                ));
            }
            if !found.iter().any(|other| other.id == claim.id) {
                found.push(claim);
            }
        }
    }
    let of = |wanted: Verdict| -> Vec<String> {
        found
            .iter()
            .filter(|claim| verdict(&claim.id) == wanted)
            .map(|claim| format!("`{}` is {wanted}", claim.id))
            .collect()
    };
    let (broken, unproven) = (of(Verdict::Broken), of(Verdict::Unproven));
    let only_inherited = found
        .iter()
        .all(|claim| claim.assurance == Assurance::Inherited);
    let (status, why) = if !gaps.is_empty() || found.is_empty() {
        (RequirementStatus::Gap, gaps)
    } else if !broken.is_empty() {
        (RequirementStatus::Broken, broken)
    } else if !unproven.is_empty() {
        (RequirementStatus::Unproven, unproven)
    } else if requirement.ours && only_inherited {
        (
            RequirementStatus::Part,
            vec!["only the provider answers it".to_owned()],
        )
    } else {
        (RequirementStatus::Met, Vec::new())
    };
    Met {
        id: requirement.id.clone(),
        status,
        claims: found.iter().map(|claim| claim.id.clone()).collect(),
        text: requirement.text.clone(),
        why: why.join("; "),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Audience, Figure, Length, Place, Source, Unit};

    fn claim(id: &str, figure: &str, assurance: Assurance) -> Claim {
        Claim {
            id: ClaimId::new(id),
            text: String::new(),
            assurance,
            audience: Audience::Public,
            figure: figure.parse::<Figure>().unwrap(),
            limits: String::new(),
            fresh_for: Length::new(1, Unit::Day),
            place: Place { line: 1, column: 1 },
        }
    }

    #[track_caller]
    fn check(needs: &str, claims: &[(&str, &str, Assurance, Verdict)], status: RequirementStatus) {
        let text = format!(
            "set = \"s\"\ntitle = \"t\"\n[[requirement]]\nname = \"r\"\ntext = \"asked\"\nneeds = [{needs}]\n"
        );
        let set = RequirementSet::read(&Source::new("s.toml", text)).unwrap();
        let made: Vec<Claim> = claims
            .iter()
            .map(|(id, figure, assurance, _)| claim(id, figure, *assurance))
            .collect();
        let coverage = cover(&set, &made, |id| {
            claims
                .iter()
                .find(|claim| claim.0 == id.as_str())
                .unwrap()
                .3
        });
        assert_eq!(
            coverage.requirements[0].status, status,
            "{}",
            coverage.requirements[0].why
        );
    }

    #[test]
    fn a_requirement_is_met_only_by_held_claims_with_the_figure_it_needs() {
        use Assurance::{Enforced, Inherited};
        use Verdict::{Broken, Held, Unproven};
        check(
            "\"tls >= 1.2\"",
            &[("tls", "1.2", Enforced, Held)],
            RequirementStatus::Met,
        );
        check(
            "\"tls >= 1.2\"",
            &[("tls", "1.1", Enforced, Held)],
            RequirementStatus::Gap,
        );
        check(
            "\"tls >= 1.2\"",
            &[("tls", "1.2", Enforced, Broken)],
            RequirementStatus::Broken,
        );
        check(
            "\"tls >= 1.2\"",
            &[("tls", "1.2", Enforced, Unproven)],
            RequirementStatus::Unproven,
        );
        check("\"tls >= 1.2\"", &[], RequirementStatus::Gap);
        check(
            "\"iso\"",
            &[("iso", "held", Inherited, Held)],
            RequirementStatus::Part,
        );
        check(
            "\"keep.*.daily >= 14 d\"",
            &[
                ("keep.a.daily", "14 d", Enforced, Held),
                ("keep.b.daily", "13 d", Enforced, Held),
            ],
            RequirementStatus::Gap,
        );
    }
}
