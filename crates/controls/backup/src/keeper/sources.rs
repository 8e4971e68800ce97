//! Where a source is, and what of it is read.

use std::path::PathBuf;

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

/// Where in an owner's data folder the data of a source belong, beside those of its other sources.
pub(super) fn within(source: &SourceSettings) -> PathBuf {
    let (_, rest) = source.path.split_once('/').unwrap_or_default();
    let rest = PathBuf::from(rest.trim_start_matches('/'));
    match source.kind {
        // Its copy has the name that the database has.
        Kind::Sqlite => rest.parent().map(PathBuf::from).unwrap_or_default(),
        Kind::Files => rest,
    }
}

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

#[cfg(test)]
mod tests {
    use avouch_statement::{Length, Unit};

    use super::*;
    use crate::{retention::Rule, schedule::At};

    #[track_caller]
    fn check(kind: Kind, path: &str, expected: &str) {
        let source = SourceSettings {
            name: "one".parse().unwrap(),
            kind,
            path: path.to_owned(),
            at: At::parse("04:00 UTC").unwrap(),
            keep: Rule {
                daily: Length::new(1, Unit::Day),
                weekly: None,
                monthly: None,
            },
            to: vec![],
        };
        assert_eq!(within(&source), PathBuf::from(expected));
    }

    #[test]
    fn a_source_belongs_where_the_statement_says_that_it_is() {
        check(Kind::Sqlite, "$DATA/app.db", "");
        check(Kind::Sqlite, "$DATA/deep/app.db", "deep");
        check(Kind::Files, "$DATA/uploads", "uploads");
        check(Kind::Files, "$DATA", "");
    }
}
