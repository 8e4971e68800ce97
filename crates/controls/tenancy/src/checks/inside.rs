//! Judges `tenancy.isolation` from inside: a taken-over tenant process gets nothing that is not its own.

use std::sync::Arc;

use avouch_evidence::{Audience, BoxFuture, Check, ClaimId, Ctx, Seen, Verdict};
use avouch_statement::TenantId;

use crate::ISOLATION;

/// Tries things under the same confinement as a tenant's instance.
pub trait Inside: Send + Sync {
    /// Tries other tenants' and the core's files, sockets and network, and what the tenant's own process may do.
    ///
    /// The error says, without a path, why nothing could be tried.
    fn probe<'a>(&'a self, tenant: &'a TenantId) -> BoxFuture<'a, Result<Probed, String>>;
}

/// What a probe did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Probed {
    /// What confined it, as a sentence.
    pub confined_by: String,
    /// What that does not hold back, one sentence each.
    pub limits: Vec<String>,
    /// What it tried.
    pub tried: Vec<Tried>,
    /// What answers in the tenant's name while this is tried.
    pub running: Running,
}

/// The process that answers for a tenant, looked at from outside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Running {
    /// Nothing answers.
    Absent,
    /// It is confined as the probe was, as far as the kernel shows.
    Within,
    /// It is not: in what, in words that follow `it`.
    Outside(Vec<String>),
    /// It could not be looked at, because of this.
    Unseen(String),
}

/// One thing tried.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tried {
    /// What, such as `open another tenant's database`.
    pub act: String,
    /// Is it one that the tenant's own process may do? Such an act shows that the probe works at all.
    pub allowed: bool,
    /// What came of it.
    pub outcome: Outcome,
}

/// What came of an act.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It could be done.
    Worked,
    /// It was refused.
    Refused,
    /// It failed for another reason, such as a file that is not there, which shows nothing.
    Unclear,
}

/// The check from inside.
pub struct Confinement {
    inside: Arc<dyn Inside>,
}

impl Confinement {
    /// Probes through `inside`.
    #[must_use]
    pub fn new(inside: Arc<dyn Inside>) -> Self {
        Self { inside }
    }
}

impl Check for Confinement {
    fn name(&self) -> &str {
        "hostile process"
    }

    fn claims(&self) -> Vec<ClaimId> {
        vec![ClaimId::new(ISOLATION)]
    }

    fn run<'a>(&'a self, ctx: &'a Ctx) -> BoxFuture<'a, Vec<Seen>> {
        Box::pin(async move {
            let mut seen = Vec::new();
            for tenant in &ctx.tenants {
                seen.push(judge(&self.inside.probe(tenant).await).of(tenant));
            }
            if seen.is_empty() {
                seen.push(Seen::unproven(
                    &ClaimId::new(ISOLATION),
                    "No tenant is served.",
                ));
            }
            seen
        })
    }
}

/// Broken if anything worked that should not; unproven if the probe could not even do what it may.
fn judge(probe: &Result<Probed, String>) -> Seen {
    let claim = ClaimId::new(ISOLATION);
    let probed = match probe {
        Ok(probed) => probed,
        Err(why) => return Seen::unproven(&claim, format!("The probe could not run: {why}.")),
    };
    let list = |allowed: bool, outcomes: &[Outcome]| -> Vec<&str> {
        probed
            .tried
            .iter()
            .filter(|tried| tried.allowed == allowed && outcomes.contains(&tried.outcome))
            .map(|tried| tried.act.as_str())
            .collect()
    };
    let escaped = list(false, &[Outcome::Worked]);
    let unclear = list(false, &[Outcome::Unclear]);
    let refused = list(false, &[Outcome::Refused]);
    let hindered = list(true, &[Outcome::Refused, Outcome::Unclear]);
    let by = &probed.confined_by;
    let (verdict, observed) = if let Running::Outside(lacks) = &probed.running {
        (
            Verdict::Broken,
            format!(
                "The process that answers for this tenant is not within its confinement: it {}.",
                lacks.join("; it ")
            ),
        )
    } else if !escaped.is_empty() {
        (
            Verdict::Broken,
            format!(
                "Confined by {by}, a probe in this tenant's place could: {}.",
                escaped.join("; ")
            ),
        )
    } else if !hindered.is_empty() {
        (
            Verdict::Unproven,
            format!(
                "The probe proves nothing: it could not even {}.",
                hindered.join("; ")
            ),
        )
    } else if !unclear.is_empty() {
        (
            Verdict::Unproven,
            format!(
                "These acts failed, but not because they were refused: {}.",
                unclear.join("; ")
            ),
        )
    } else if let Running::Unseen(why) = &probed.running {
        (
            Verdict::Unproven,
            format!("The process that answers for this tenant could not be looked at: {why}."),
        )
    } else if refused.is_empty() {
        (Verdict::Unproven, "The probe tried nothing.".to_owned())
    } else {
        (
            Verdict::Held,
            format!(
                "A probe in the place of this tenant's application tried {} acts against other tenants and the platform; all were refused. {by} {} What this leaves: {}",
                refused.len(),
                match probed.running {
                    Running::Absent => "No process of the application runs now.",
                    _ =>
                        "The process that answers for this tenant is the one that was started, under the same ids, without \
                          capabilities, with the same filter of system calls and the same namespaces.",
                },
                probed.limits.join(" ")
            ),
        )
    };
    let audience = if verdict == Verdict::Held {
        Audience::Tenant
    } else {
        Audience::Supplier
    };
    Seen::new(&claim, verdict, observed).for_audience(audience)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_act_that_worked_is_enough_to_break_it() {
        use Verdict::{Broken, Held, Unproven};
        const OWN: (&str, bool) = ("read its own data", true);
        const FILE: (&str, bool) = ("read another tenant's database", false);
        const SOCKET: (&str, bool) = ("connect to the core", false);
        use Outcome::{Refused, Unclear, Worked};
        for (tried, verdict, says) in [
            (
                vec![(OWN, Worked), (FILE, Refused), (SOCKET, Refused)],
                Held,
                "tried 2 acts against other tenants and the platform; all were refused. Landlock ABI 5. The process that answers for this tenant",
            ),
            (
                vec![(OWN, Worked), (FILE, Refused), (SOCKET, Worked)],
                Broken,
                "could: connect to the core.",
            ),
            (
                vec![(OWN, Refused), (FILE, Worked)],
                Broken,
                "could: read another tenant's database.",
            ),
            (
                vec![(OWN, Worked), (FILE, Unclear), (SOCKET, Refused)],
                Unproven,
                "not because they were refused",
            ),
            (
                vec![(OWN, Refused), (FILE, Refused)],
                Unproven,
                "not even read its own data",
            ),
            (
                vec![(OWN, Unclear), (FILE, Refused)],
                Unproven,
                "not even read its own data",
            ),
            (vec![(OWN, Worked)], Unproven, "tried nothing"),
            (vec![], Unproven, "tried nothing"),
        ] {
            let tried = tried
                .into_iter()
                .map(|((act, allowed), outcome)| Tried {
                    act: act.to_owned(),
                    allowed,
                    outcome,
                })
                .collect();
            let seen = judge(&Ok(Probed {
                confined_by: "Landlock ABI 5.".to_owned(),
                limits: vec!["One kernel.".to_owned(), "Sockets.".to_owned()],
                tried,
                running: Running::Within,
            }));
            assert_eq!(seen.verdict, verdict, "{}", seen.observed);
            assert!(seen.observed.contains(says), "{}", seen.observed);
            assert_eq!(seen.audience == Audience::Supplier, verdict != Held);
        }
    }

    #[test]
    fn a_process_that_runs_outside_breaks_it_whatever_the_probe_met() {
        use Verdict::{Broken, Held, Unproven};
        let lacks = || {
            ["shares the machine's network", "may make any system call"]
                .map(String::from)
                .to_vec()
        };
        for (running, verdict, says) in [
            (Running::Within, Held, "is the one that was started"),
            (Running::Absent, Held, "No process of the application runs"),
            (
                Running::Outside(lacks()),
                Broken,
                "it shares the machine's network; it may make any system call.",
            ),
            (
                Running::Unseen("not permitted".to_owned()),
                Unproven,
                "could not be looked at: not permitted",
            ),
        ] {
            let tried = [
                ("read its own data", true, Outcome::Worked),
                ("connect", false, Outcome::Refused),
            ];
            let seen = judge(&Ok(Probed {
                confined_by: "Landlock ABI 5.".to_owned(),
                limits: vec!["One kernel.".to_owned()],
                tried: tried
                    .map(|(act, allowed, outcome)| Tried {
                        act: act.to_owned(),
                        allowed,
                        outcome,
                    })
                    .to_vec(),
                running,
            }));
            assert_eq!(seen.verdict, verdict, "{}", seen.observed);
            assert!(seen.observed.contains(says), "{}", seen.observed);
        }
    }

    #[test]
    fn a_probe_that_could_not_run_proves_nothing() {
        let seen = judge(&Err("no such program".to_owned()));
        assert_eq!(seen.verdict, Verdict::Unproven);
    }
}
