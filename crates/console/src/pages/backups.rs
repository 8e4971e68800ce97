//! The snapshots, and a backup started by hand.

use http::StatusCode;

use super::second_factor::gate;
use super::{Answer, see_other, tenant_name};
use crate::ask::Ask;
use crate::callers::{Supplier, TenantAdministrator};
use crate::desk::Role;
use crate::desk::second_factor::Act;
use crate::desk::views::RoomRow;
use crate::html::{Action, ActionKind, Cell, Listing, Nav, Table, render};
use crate::shown;

/// The snapshots within scope, newest first.
pub async fn list(who: TenantAdministrator, ask: Ask) -> Answer {
    if let Some(answer) = gate(&ask, who.actor(), Act::Backups, "/backups").await? {
        return Ok(answer);
    }
    let rows = ask.desk().backups(who.actor()).await?;
    let rows = who.actor().scope().sieve(rows);
    let frame = ask.console_frame("Backups", &who.caller(), Nav::Backups);
    let mut page = Listing::new(
        frame,
        format!(
            "{}, newest first. Each destination keeps its own copy.",
            shown::count(
                rows.len().try_into().unwrap_or(u64::MAX),
                "snapshot",
                "snapshots"
            )
        ),
    );
    page.notice = (ask.field("done") == "started")
        .then_some("The backup has started. Its snapshots appear here as they are finished.");
    if who.actor().person.role == Role::Supplier {
        page.actions = vec![
            Action {
                text: "Run a backup now".to_owned(),
                path: "/backups/run".to_owned(),
                kind: ActionKind::Button,
            },
            Action {
                text: "Restore a moment".to_owned(),
                path: "/restore".to_owned(),
                kind: ActionKind::Link,
            },
        ];
    }
    let snapshots = Table {
        caption: "Snapshots",
        headings: vec![
            "Taken",
            "Tenant",
            "Source",
            "Destination",
            "Snapshot",
            "Size",
            "Changed",
            "Kept as",
        ],
        rows: rows
            .into_iter()
            .map(|row| {
                vec![
                    Cell::minute(row.taken),
                    Cell::text(tenant_name(row.tenant.as_deref())),
                    Cell::text(row.source),
                    Cell::text(row.destination),
                    Cell::Code(row.snapshot),
                    Cell::text(shown::size(row.bytes)),
                    Cell::text(row.changed),
                    Cell::text(row.kept_as),
                ]
            })
            .collect(),
        nothing: "There are no snapshots yet. The first is taken at the time in the statement.",
    };
    page.tables = vec![snapshots];
    // What all tenants together take is the supplier's to know.
    if who.actor().person.role == Role::Supplier {
        page.tables
            .insert(0, destinations(ask.desk().room(who.actor()).await?));
    }
    render(&page, StatusCode::OK)
}

/// The destinations, with how long their room lasts.
fn destinations(rows: Vec<RoomRow>) -> Table {
    let size = |bytes: Option<u64>| bytes.map_or_else(|| "not known".to_owned(), shown::size);
    Table {
        caption: "Destinations",
        headings: vec!["Destination", "Stored", "Free", "Added a day", "Full"],
        rows: rows
            .into_iter()
            .map(|row| {
                let full = match (row.per_day, row.free, row.full_in_days) {
                    (_, _, Some(days)) => format!("in {}", shown::count(days, "day", "days")),
                    (Some(_), Some(_), None) => "not at this rate".to_owned(),
                    _ => "not known".to_owned(),
                };
                vec![
                    Cell::text(row.destination),
                    Cell::text(shown::size(row.stored)),
                    Cell::text(size(row.free)),
                    Cell::text(size(row.per_day)),
                    Cell::text(full),
                ]
            })
            .collect(),
        nothing: "There are no destinations yet.",
    }
}

/// Starts a backup of everything.
pub async fn run(who: Supplier, ask: Ask) -> Answer {
    if let Some(answer) = gate(&ask, who.actor(), Act::Backups, "/backups").await? {
        return Ok(answer);
    }
    ask.desk().run_backup(who.actor()).await?;
    see_other("/backups?done=started")
}
