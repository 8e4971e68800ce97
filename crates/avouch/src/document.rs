//! The statement as a document: JSON for programs, Markdown and HTML for people.

use avouch_evidence::{Standing, Verdict};
use avouch_statement::{Claim, Coverage};
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

    /// As Markdown.
    pub fn markdown(&self) -> String {
        let mut text = format!(
            "# {}: what we promise, and whether it is true\n\nBy {}. Judged {}. Statement SHA-256 `{}`.\n\n",
            self.service,
            self.supplier,
            when(self.at),
            self.statement
        );
        for claim in &self.claims {
            text.push_str(&format!(
                "## {}\n\n**{}** · {} · `{}`\n\n",
                claim.text, claim.status, claim.assurance, claim.id
            ));
            if !claim.why.is_empty() {
                text.push_str(&format!("Why: {}\n\n", claim.why));
            }
            text.push_str(&format!("{}\n\n", claim.limits));
            for check in &claim.checks {
                text.push_str(&format!(
                    "- {} {}: {}\n",
                    when(check.at),
                    check.verdict,
                    check.observed
                ));
            }
            text.push('\n');
        }
        text
    }

    /// As a page of its own.
    pub fn html(&self) -> String {
        let mut text = format!(
            "<!doctype html>\n<html lang=\"en-GB\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"><title>{name}: what we promise</title></head><body><main>\n<h1>{name}: what we promise, and whether it is true</h1>\n<p>By {}. Judged {}. Statement SHA-256 <code>{}</code>.</p>\n",
            escape(&self.supplier),
            when(self.at),
            self.statement,
            name = escape(&self.service),
        );
        for claim in &self.claims {
            text.push_str(&format!(
                "<section><h2>{}</h2>\n<p><strong>{}</strong>, {}, <code>{}</code></p>\n<p>{}</p>\n<ul>\n",
                escape(&claim.text),
                claim.status,
                claim.assurance,
                escape(&claim.id),
                escape(&claim.limits)
            ));
            for check in &claim.checks {
                text.push_str(&format!(
                    "<li>{} {}: {}</li>\n",
                    when(check.at),
                    check.verdict,
                    escape(&check.observed)
                ));
            }
            text.push_str("</ul></section>\n");
        }
        text.push_str("</main></body></html>\n");
        text
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
        let count = |status: &str| {
            self.claims
                .iter()
                .filter(|claim| claim.status == status)
                .count()
        };
        text.push_str(&format!(
            "{} held, {} broken, {} unproven\n",
            count("held"),
            count("broken"),
            count("unproven")
        ));
        text
    }

    /// The same without observations that only the supplier may read.
    pub fn public(mut self, claims: &[Claim]) -> Self {
        for (report, claim) in self.claims.iter_mut().zip(claims) {
            if claim.audience != avouch_statement::Audience::Public {
                report.checks.clear();
                report.why.clear();
            }
        }
        self
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
        at: finding.at,
        ledger: entry(finding),
    }
}

/// Coverage as lines for a terminal.
pub fn coverage_lines(coverage: &Coverage) -> String {
    let mut text = format!("{}\n\n", coverage.title);
    for requirement in &coverage.requirements {
        text.push_str(&format!(
            "{:<9} {}\n",
            word(&requirement.status),
            requirement.id
        ));
        text.push_str(&wrapped(&requirement.text, INDENT, INDENT));
        if !requirement.why.is_empty() {
            let why = format!("why: {}", requirement.why);
            text.push_str(&wrapped(&why, INDENT, INDENT));
        }
    }
    let met = coverage
        .requirements
        .iter()
        .filter(|requirement| requirement.why.is_empty())
        .count();
    text.push_str(&format!("\n{met} of {} met\n", coverage.requirements.len()));
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

fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}
