//! What the engines know, as the pages show it.

use std::sync::Arc;

use avouch_console::views::{
    self, Assurance, ClaimView, CoverageView, RequirementRow, SectionView, SetLink, StatementView,
    Trial,
};
use avouch_console::{Person, Role};
use avouch_events::Actor;
use avouch_evidence::Finding;
use avouch_statement as statement;

use crate::core::state::Core;
use crate::requirements;

/// The public page.
pub fn statement(core: &Arc<Core>) -> StatementView {
    let standings = core.standings();
    let mut sections: Vec<SectionView> = Vec::new();
    for claim in &core.statement.claims {
        let standing = standings.iter().find(|standing| standing.claim == claim.id);
        let view = ClaimView {
            id: claim.id.to_string(),
            sentence: claim.text.clone(),
            status: verdict(
                standing.map_or(statement::Verdict::Unproven, |standing| standing.verdict),
            ),
            assurance: match claim.assurance {
                statement::Assurance::Enforced => Assurance::Enforced,
                statement::Assurance::Inherited => Assurance::Inherited,
                statement::Assurance::Attested => Assurance::Attested,
            },
            last_tried: standing
                .and_then(|standing| standing.findings.iter().map(|finding| finding.at).max()),
            trial: Trial {
                tried: claim.limits.clone(),
                ..Trial::default()
            },
        };
        let title = heading(claim.id.as_str());
        match sections.iter_mut().find(|section| section.title == title) {
            Some(section) => section.claims.push(view),
            None => sections.push(SectionView {
                title: title.to_owned(),
                claims: vec![view],
            }),
        }
    }
    StatementView {
        version: core.digest.get(..12).unwrap_or_default().to_owned(),
        in_force_since: core.started,
        statement_digest: core.digest.clone(),
        sections,
        sets: requirements::names()
            .into_iter()
            .filter_map(|name| requirements::named(name).ok())
            .map(|set| SetLink {
                slug: set.name,
                title: set.title,
            })
            .collect(),
    }
}

/// A section's heading, in plain words.
fn heading(id: &str) -> &'static str {
    match id.split('.').next().unwrap_or_default() {
        "keys" => "Keys",
        "gateway" => "Connections",
        "access" => "Who gets in",
        "tenancy" => "Keeping customers apart",
        "audit" => "What is written down",
        "runtime" => "Staying up",
        "status" => "What you are told",
        "evidence" => "This page",
        "backup" => "Backups",
        "inherited" => "What our providers hold",
        "attested" => "Who answers for it",
        _ => "Other promises",
    }
}

/// A requirement set, answered.
pub fn coverage(coverage: &statement::Coverage) -> CoverageView {
    CoverageView {
        title: coverage.title.clone(),
        requirements: coverage
            .requirements
            .iter()
            .map(|requirement| RequirementRow {
                id: requirement.id.clone(),
                text: requirement.text.clone(),
                status: match requirement.status {
                    statement::RequirementStatus::Met => views::Coverage::Met,
                    statement::RequirementStatus::Broken => views::Coverage::Broken,
                    statement::RequirementStatus::Unproven => views::Coverage::Unproven,
                    statement::RequirementStatus::Part => views::Coverage::Part,
                    statement::RequirementStatus::Gap => views::Coverage::Gap,
                },
                claims: requirement.claims.iter().map(ToString::to_string).collect(),
            })
            .collect(),
    }
}

/// A verdict.
pub fn verdict(verdict: statement::Verdict) -> views::Verdict {
    match verdict {
        statement::Verdict::Held => views::Verdict::Held,
        statement::Verdict::Broken => views::Verdict::Broken,
        statement::Verdict::Unproven => views::Verdict::Unproven,
    }
}

/// A finding.
pub fn finding(finding: &Finding) -> views::FindingRow {
    views::FindingRow {
        claim: finding.claim.to_string(),
        check: finding.check.clone(),
        verdict: verdict(finding.verdict),
        observed: finding.observed.clone(),
        at: finding.at,
        tenant: finding.tenant.as_ref().map(ToString::to_string),
        audience: match finding.audience {
            statement::Audience::Public => views::Audience::Public,
            statement::Audience::Tenant if finding.tenant.is_none() => views::Audience::Public,
            statement::Audience::Tenant => views::Audience::Tenant,
            statement::Audience::Supplier => views::Audience::Supplier,
        },
    }
}

/// Somebody with a session.
pub fn person(person: &avouch_access::Person) -> Person {
    Person {
        id: person.id.as_str().to_owned(),
        name: person.name.clone(),
        email: person.email.clone(),
        role: role(person.role),
        tenant: person.tenant.as_ref().map(ToString::to_string),
        synthetic: person.synthetic,
    }
}

/// A role.
pub fn role(role: avouch_access::Role) -> Role {
    match role {
        avouch_access::Role::Supplier => Role::Supplier,
        avouch_access::Role::Administrator => Role::Administrator,
        avouch_access::Role::Member => Role::Member,
    }
}

/// A person of the console's as the audit trail names them.
pub fn event_actor(person: &Person) -> Actor {
    let role = match person.role {
        _ if person.synthetic => avouch_events::Role::Synthetic,
        Role::Supplier => avouch_events::Role::Supplier,
        Role::Administrator => avouch_events::Role::Administrator,
        Role::Member => avouch_events::Role::Member,
    };
    Actor {
        id: person.id.clone(),
        name: person.email.clone(),
        role,
    }
}

/// A duration in words.
pub fn took(took: std::time::Duration) -> String {
    match took.as_secs() {
        0 => format!("{} ms", took.as_millis()),
        seconds @ 1..=119 => format!("{seconds} s"),
        seconds => format!("{} min {} s", seconds / 60, seconds % 60),
    }
}
