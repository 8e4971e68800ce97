//! The next events of the ledger for one receiver.

use avouch_ledger::{Kind, ReadError, Reader, Stored};
use avouch_statement::TenantId;

use crate::{Event, Opener, Row};

/// Events sent at once.
pub(super) const MOST: usize = 500;
/// Entries looked at for them.
const LOOKED_AT: usize = 5_000;

/// Some events, and where they stand.
pub(super) struct Batch {
    /// The first entry that is the receiver's, or where to go on if none is.
    pub(super) first: u64,
    /// The entry after those that were looked at.
    pub(super) next: u64,
    pub(super) rows: Vec<Row>,
}

/// The events of these tenants (of everybody, if none is named) from an entry on.
pub(super) fn next(
    reader: &Reader,
    opener: &Opener,
    tenants: &[TenantId],
    from: u64,
) -> Result<Batch, ReadError> {
    let (mut next, mut rows) = (from, Vec::new());
    for stored in reader.scan(from).take(LOOKED_AT) {
        if rows.len() == MOST {
            break;
        }
        let stored = stored?;
        next = stored.index + 1;
        rows.extend(row(opener, &stored).filter(|row| wanted(tenants, &row.event)));
    }
    Ok(Batch {
        first: rows.first().map_or(next, |row: &Row| row.index),
        next,
        rows,
    })
}

/// The events of these entries.
pub(super) fn these(
    reader: &Reader,
    opener: &Opener,
    indices: &[u64],
) -> Result<Vec<Row>, ReadError> {
    let mut rows = Vec::new();
    for index in indices {
        rows.extend(row(opener, &reader.read(*index)?));
    }
    Ok(rows)
}

/// The event of an entry. A round of checks is none, and one whose key was destroyed is nobody's to read.
fn row(opener: &Opener, stored: &Stored) -> Option<Row> {
    if stored.leaf.kind == Kind::Round {
        return None;
    }
    let event = opener.event(stored).ok()?;
    Some(Row {
        index: stored.index,
        event,
    })
}

fn wanted(tenants: &[TenantId], event: &Event) -> bool {
    tenants.is_empty()
        || event
            .tenant
            .as_ref()
            .is_some_and(|whose| tenants.contains(whose))
}
