//! The statement as a document: JSON for programs, Markdown, HTML and PDF for people.

pub mod disclosure;
mod html;
mod markdown;
mod pdf;

use avouch_evidence::{Standing, Verdict};
use avouch_statement::{Audience, Claim, Coverage, RequirementStatus};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::text::wrapped;

/// Under a status and an id.
const INDENT: &str = "          ";

/// What `avouch check` prints, what the overview offers, what `avouch statement` is made of.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Report {
    /// SHA-256 of the statement, in hex.
    pub statement: String,
    /// When the claims were judged, UTC.
    pub at: Timestamp,
    /// The service's name.
    pub service: String,
    /// The supplier's name.
    pub supplier: String,
    /// Every claim, in the statement's order.
    pub claims: Vec<ClaimReport>,
}

/// One claim and how it stands.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ClaimReport {
    pub id: String,
    pub text: String,
    pub assurance: String,
    /// `held`, `broken` or `unproven`.
    pub status: String,
    /// Why it is not held; empty when it is.
    pub why: String,
    /// How it is tried, and what is not.
    pub limits: String,
    pub checks: Vec<CheckReport>,
}

/// The latest finding of one check.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct CheckReport {
    pub name: String,
    pub tenant: Option<String>,
    pub verdict: String,
    pub observed: String,
    /// Who may read `observed`.
    pub audience: Audience,
    pub at: Timestamp,
    /// The round's entry.
    pub ledger: Option<LedgerRef>,
}

/// An entry of a ledger.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct LedgerRef {
    pub log: String,
    pub index: u64,
}

impl Report {
    /// Puts claims and standings together. `entry` is the ledger entry of the round a finding was made in.
    pub fn new(
        service: &crate::statement_file::Service,
        statement: &str,
        at: Timestamp,
        claims: &[Claim],
        standings: &[Standing],
        entry: impl Fn(&avouch_evidence::Finding) -> Option<LedgerRef>,
    ) -> Self {
        let claims = claims
            .iter()
            .map(|claim| {
                let standing = standings.iter().find(|standing| standing.claim == claim.id);
                ClaimReport {
                    id: claim.id.to_string(),
                    text: claim.text.clone(),
                    assurance: word(&claim.assurance),
                    status: standing
                        .map_or(Verdict::Unproven, |standing| standing.verdict)
                        .to_string(),
                    why: standing.map_or_else(
                        || "the service does not run".to_owned(),
                        |standing| standing.why.clone(),
                    ),
                    limits: claim.limits.clone(),
                    checks: standing
                        .map_or(&[][..], |standing| &standing.findings)
                        .iter()
                        .map(|finding| check_report(finding, &entry))
                        .collect(),
                }
            })
            .collect();
        Self {
            statement: statement.to_owned(),
            at,
            service: service.name.clone(),
            supplier: service.supplier.clone(),
            claims,
        }
    }

    /// How many claims stand so.
    pub fn count(&self, status: &str) -> usize {
        self.claims
            .iter()
            .filter(|claim| claim.status == status)
            .count()
    }

    /// How many claims stand how, in a sentence.
    pub fn sum(&self) -> String {
        format!(
            "{} claims: {} held, {} broken, {} unproven.",
            self.claims.len(),
            self.count("held"),
            self.count("broken"),
            self.count("unproven")
        )
    }

    /// As lines for a terminal.
    pub fn lines(&self) -> String {
        let mut text = String::new();
        for claim in &self.claims {
            text.push_str(&format!("{:<9} {}\n", claim.status, claim.id));
            text.push_str(&wrapped(&claim.text, INDENT, INDENT));
            if !claim.why.is_empty() {
                text.push_str(&wrapped(&format!("why: {}", claim.why), INDENT, INDENT));
            }
        }
        text.push_str(&self.sum());
        text.push('\n');
        text
    }

    /// The same without observations that only the supplier may read.
    pub fn public(mut self, claims: &[Claim]) -> Self {
        for (report, claim) in self.claims.iter_mut().zip(claims) {
            if claim.audience != Audience::Public {
                report.checks.clear();
                report.why.clear();
            }
        }
        self
    }
}

/// What the three kinds of assurance mean, for somebody who reads a document.
pub const ASSURANCES: [(&str, &str); 3] = [
    (
        "enforced",
        "kept by the service, whose checks try to break it",
    ),
    (
        "inherited",
        "made true by a provider, whose certificate the supplier holds",
    ),
    ("attested", "signed for by a named person"),
];

/// What the three states mean.
pub const STATES: [(&str, &str); 3] = [
    ("held", "every check of it found it true, lately enough"),
    ("broken", "seen false, or not done in time"),
    (
        "unproven",
        "no check has shown it lately, which is not taken for true",
    ),
];

impl ClaimReport {
    /// How it is made true, in words.
    pub fn assured(&self) -> &str {
        ASSURANCES
            .iter()
            .find(|(word, _)| *word == self.assurance)
            .map_or(&self.assurance, |(_, words)| words)
    }
}

impl CheckReport {
    /// What was seen, as far as every customer may read it: a document goes to all of them.
    pub fn seen(&self) -> &str {
        match (self.audience, &self.tenant) {
            (Audience::Public, _) | (Audience::Tenant, None) => &self.observed,
            (Audience::Tenant, Some(_)) => "what was seen is for one customer only",
            (Audience::Supplier, _) => "what was seen is for the supplier only",
        }
    }
}

fn check_report(
    finding: &avouch_evidence::Finding,
    entry: &impl Fn(&avouch_evidence::Finding) -> Option<LedgerRef>,
) -> CheckReport {
    CheckReport {
        name: finding.check.clone(),
        tenant: finding.tenant.as_ref().map(ToString::to_string),
        verdict: finding.verdict.to_string(),
        observed: finding.observed.clone(),
        audience: finding.audience,
        at: finding.at,
        ledger: entry(finding),
    }
}

/// Coverage as lines for a terminal: what stands how, what is missing, and the sum.
pub fn coverage_lines(coverage: &Coverage) -> String {
    const INDENT: &str = "          ";
    let mut text = format!("{}\n\n", coverage.title);
    for requirement in &coverage.requirements {
        let status = word(&requirement.status);
        text.push_str(&format!("{status:<9} {}\n", requirement.id));
        text.push_str(&wrapped(&requirement.text, INDENT, INDENT));
        for why in requirement.why.split("; ").filter(|why| !why.is_empty()) {
            let first = format!("{INDENT}- ");
            text.push_str(&wrapped(why, &first, &format!("{INDENT}  ")));
        }
    }
    let mut sum = Vec::new();
    for (status, words) in [
        (RequirementStatus::Met, "met"),
        (RequirementStatus::Broken, "broken"),
        (RequirementStatus::Unproven, "unproven"),
        (RequirementStatus::Part, "answered in part"),
        (RequirementStatus::Gap, "not answered"),
    ] {
        let count = coverage
            .requirements
            .iter()
            .filter(|requirement| requirement.status == status)
            .count();
        if count > 0 {
            sum.push(format!("{count} {words}"));
        }
    }
    let of = coverage.requirements.len();
    text.push_str(&format!("\n{of} requirements: {}\n", sum.join(", ")));
    text
}

/// A time for a person: whole seconds, UTC.
pub fn when(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M:%S UTC").to_string()
}

/// A unit variant's word, as it stands in JSON.
pub fn word(value: &impl Serialize) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(word)) => word,
        _ => String::new(),
    }
}
