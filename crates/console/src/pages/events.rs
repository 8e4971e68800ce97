//! Events of the trail as a table: the columns that every such page has, around its own.

use super::tenant_name;
use crate::desk::views::EventRow;
use crate::html::{Cell, Table};

/// A column that only one page has: its heading, and what stands there of an event.
pub type Column = (&'static str, fn(&EventRow) -> Cell);

/// The events, each with where it stands in the ledger.
pub fn events(
    caption: &'static str,
    own: [Column; 2],
    rows: Vec<EventRow>,
    nothing: &'static str,
) -> Table {
    let headings = ["When", "Who"]
        .into_iter()
        .chain(own.iter().map(|(heading, _)| *heading))
        .chain(["Outcome", "From", "Tenant", "Ledger index"]);
    Table {
        caption,
        headings: headings.collect(),
        rows: rows.into_iter().map(|row| cells(&own, row)).collect(),
        nothing,
    }
}

fn cells(own: &[Column], row: EventRow) -> Vec<Cell> {
    let middle: Vec<Cell> = own.iter().map(|(_, cell)| cell(&row)).collect();
    [Cell::second(row.at), Cell::Name(row.who)]
        .into_iter()
        .chain(middle)
        .chain([
            Cell::text(row.outcome),
            Cell::text_or(row.source, "–"),
            Cell::text(tenant_name(row.tenant.as_deref())),
            Cell::text(row.index.to_string()),
        ])
        .collect()
}
