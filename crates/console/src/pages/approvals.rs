//! What waits for a second person.

use http::StatusCode;

use super::second_factor::gate;
use super::{Answer, Problem, see_other, tenant_name};
use crate::ask::Ask;
use crate::callers::TenantAdministrator;
use crate::desk::second_factor::Act;
use crate::desk::second_person::RequestRow;
use crate::html::{Action, ActionKind, Cell, Listing, Nav, Table, Tag, render};
use crate::service::encode;

/// The requests within reach, and a button for each that the reader may approve.
pub async fn list(who: TenantAdministrator, ask: Ask) -> Answer {
    let rows = ask.desk().requests(who.actor()).await?;
    let rows = who.actor().scope().sieve(rows);
    let frame = ask.console_frame("Waiting for a second person", &who.caller(), Nav::Elsewhere);
    let mut page = Listing::new(
        frame,
        "Some things one person cannot do alone. Somebody asks for them by trying; somebody else approves within an hour; \
         and the first then does them, once. Each step is in the audit trail.",
    );
    page.notice = match ask.field("done") {
        "asked" => {
            Some("You have asked for a second person. Once somebody has approved it, do it again.")
        }
        "approved" => Some("You have approved it. It can be done once, within an hour."),
        _ => None,
    };
    page.actions = rows
        .iter()
        .filter(|row| !row.own && !row.approved)
        .map(|row| Action {
            text: format!("Approve: {}, for {}", row.act, row.by),
            path: format!("/approvals/{}", encode(&row.id)),
            kind: ActionKind::Button,
        })
        .collect();
    page.tables = vec![Table {
        caption: "Requests",
        headings: vec!["What", "Tenant", "Asked by", "Until", "State"],
        rows: rows.into_iter().map(cells).collect(),
        nothing: "Nothing waits.",
    }];
    render(&page, StatusCode::OK)
}

/// Approves one.
pub async fn approve(who: TenantAdministrator, ask: Ask) -> Answer {
    let rows = ask.desk().requests(who.actor()).await?;
    let row = rows.into_iter().find(|row| row.id == ask.param("id"));
    let row = row.ok_or(Problem::Absent)?;
    if !who.actor().scope().covers(row.tenant.as_deref()) {
        return Err(ask.outside_scope(&who.caller()).await);
    }
    if row.own {
        let reason = "approves what they asked for themselves";
        return Err(ask.refuse(&who.caller(), reason, Problem::Forbidden).await);
    }
    if let Some(answer) = gate(&ask, who.actor(), Act::Approve, "/approvals").await? {
        return Ok(answer);
    }
    ask.desk().approve(who.actor(), &row.id).await?;
    see_other("/approvals?done=approved")
}

fn cells(row: RequestRow) -> Vec<Cell> {
    let (text, colour) = match (row.approved, row.own) {
        (true, _) => ("Approved", "green"),
        (false, true) => ("Waits for somebody else", "blue"),
        (false, false) => ("Waits", "yellow"),
    };
    vec![
        Cell::text(row.act),
        Cell::text(tenant_name(row.tenant.as_deref())),
        Cell::Name(row.by),
        Cell::minute(row.until),
        Cell::Tag(Tag { text, colour }),
    ]
}
