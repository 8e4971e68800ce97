//! The checks: their latest findings, a round started by hand, and the rounds before.

use http::StatusCode;

use super::{Answer, Problem, see_other, tenant_name};
use crate::ask::Ask;
use crate::callers::{Supplier, TenantAdministrator};
use crate::desk::Role;
use crate::desk::views::{FindingRow, Verdict};
use crate::html::{Action, ActionKind, Cell, Fact, Listing, Nav, Table, render};

/// Every check's latest finding.
pub async fn list(who: TenantAdministrator, ask: Ask) -> Answer {
    let rows = ask.desk().findings(who.actor()).await?;
    let rows = who.actor().scope().sieve(rows);
    let frame = ask.console_frame("Checks", &who.caller(), Nav::Checks);
    let mut page = Listing::new(
        frame,
        "A check tries to prove a claim false. These are the latest findings that you may see.",
    );
    page.notice = (ask.field("done") == "started")
        .then_some("The checks have started. Their findings appear here when the round has ended.");
    if who.actor().person.role == Role::Supplier {
        page.actions = vec![Action {
            text: "Run all checks now".to_owned(),
            path: "/checks/run".to_owned(),
            kind: ActionKind::Button,
        }];
    }
    page.tables = vec![findings("Latest findings", rows)];
    render(&page, StatusCode::OK)
}

/// Starts a round of all checks.
pub async fn run(who: Supplier, ask: Ask) -> Answer {
    ask.desk().run_checks(who.actor()).await?;
    see_other("/checks?done=started")
}

/// The rounds, newest first.
pub async fn rounds(who: TenantAdministrator, ask: Ask) -> Answer {
    let rows = ask.desk().rounds(who.actor()).await?;
    let frame = ask.console_frame("Rounds of checks", &who.caller(), Nav::Rounds);
    let mut page = Listing::new(
        frame,
        "Each round is one entry in the ledger, which commits to every finding in it and to the round before.",
    );
    page.tables = vec![Table {
        caption: "All rounds, newest first",
        headings: vec![
            "Round",
            "Ended",
            "Held",
            "Broken",
            "Unproven",
            "Ledger index",
        ],
        rows: rows
            .into_iter()
            .map(|row| {
                vec![
                    Cell::link(
                        format!("Round {}", row.number),
                        format!("/rounds/{}", row.number),
                    ),
                    Cell::minute(row.at),
                    Cell::text(row.counts.held.to_string()),
                    Cell::text(row.counts.broken.to_string()),
                    Cell::text(row.counts.unproven.to_string()),
                    Cell::text(row.index.to_string()),
                ]
            })
            .collect(),
        nothing: "There has been no round yet.",
    }];
    render(&page, StatusCode::OK)
}

/// One round, with its findings.
pub async fn round(who: TenantAdministrator, ask: Ask) -> Answer {
    let number = ask.param("number").parse().map_err(|_| Problem::Absent)?;
    let view = ask.desk().round(who.actor(), number).await?;
    let view = view.ok_or(Problem::Absent)?;
    let title = format!("Round {}", view.round.number);
    let frame = ask.console_frame(&title, &who.caller(), Nav::Rounds);
    let mut page = Listing::new(frame, "What every check found that you may see.");
    let counts = view.round.counts;
    page.facts = vec![
        Fact {
            name: "Ended",
            value: Cell::minute(view.round.at),
        },
        Fact {
            name: "Claims",
            value: Cell::text(format!(
                "{} held, {} broken, {} unproven",
                counts.held, counts.broken, counts.unproven
            )),
        },
        Fact {
            name: "Ledger index",
            value: Cell::text(view.round.index.to_string()),
        },
    ];
    let rows = who.actor().scope().sieve(view.findings);
    page.tables = vec![findings("Findings", rows)];
    render(&page, StatusCode::OK)
}

/// What is not held comes first: it is why somebody looks.
fn findings(caption: &'static str, mut rows: Vec<FindingRow>) -> Table {
    rows.sort_by_key(|row| match row.verdict {
        Verdict::Broken => 0,
        Verdict::Unproven => 1,
        Verdict::Held => 2,
    });
    Table {
        caption,
        headings: vec!["Claim", "Check", "Verdict", "Observed", "Tenant", "When"],
        rows: rows
            .into_iter()
            .map(|row| {
                vec![
                    Cell::Name(row.claim),
                    Cell::text(row.check),
                    Cell::Tag(row.verdict.into()),
                    Cell::text(row.observed),
                    Cell::text(tenant_name(row.tenant.as_deref())),
                    Cell::minute(row.at),
                ]
            })
            .collect(),
        nothing: "There are no findings that you may see yet.",
    }
}
