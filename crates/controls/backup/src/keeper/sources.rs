//! Where a source is, and what of it is read.

use super::{Backups, Owner, SourceSettings};
use crate::settings::Kind;
use crate::source::Source;

/// What is not in a backup of Avouch's own state. The wrapped keys are escrowed with their master, apart from the data:
/// a copy of them here would bring back what destroying a tenant's keys took away. The event index is made anew from the
/// ledger. The last are passwords of the demo's people.
const LEFT_OUT: [&str; 5] = [
    "keys",
    "events.db",
    "events.db-wal",
    "events.db-shm",
    "demo-users",
];

impl Backups {
    /// Where a source is, for one owner.
    pub(super) fn resolve(&self, owner: &Owner, source: &SourceSettings) -> Source {
        let root = self.jobs.data(owner);
        let rest = source
            .path
            .get("$DATA".len()..)
            .unwrap_or_default()
            .trim_start_matches('/');
        let path = if rest.is_empty() {
            root
        } else {
            root.join(rest)
        };
        match source.kind {
            Kind::Sqlite => Source::Sqlite { path },
            // The ledger is read after the store, because the store refers to what is in the ledger.
            Kind::Files => Source::Files {
                path,
                skip: match owner {
                    Owner::Platform => LEFT_OUT.map(str::to_owned).to_vec(),
                    Owner::Tenant(_) => vec![],
                },
                last: vec!["ledger".to_owned()],
            },
        }
    }
}
