//! Where a source is, and what of it is read.

use std::path::PathBuf;

use super::{Backups, Owner, SourceSettings};
use crate::settings::{Command, DATA, Kind, Server, TENANT};
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
#[must_use]
pub fn within(source: &SourceSettings) -> PathBuf {
    let rest = |path: &str| {
        let (_, rest) = path.split_once('/').unwrap_or_default();
        PathBuf::from(rest.trim_start_matches('/'))
    };
    match &source.kind {
        // Its copy has the name that the database has.
        Kind::Sqlite { path } => rest(path).parent().map(PathBuf::from).unwrap_or_default(),
        Kind::Files { path } => rest(path),
        // It has no place there.
        Kind::Command(_) | Kind::Postgres(_) | Kind::Mariadb(_) => PathBuf::new(),
    }
}

impl Backups {
    /// Where a source is, for one owner.
    pub(super) fn resolve(&self, owner: &Owner, source: &SourceSettings) -> Source {
        let root = self.jobs.data(owner);
        let within = |path: &str| {
            let rest = path
                .get(DATA.len()..)
                .unwrap_or_default()
                .trim_start_matches('/');
            if rest.is_empty() {
                root.clone()
            } else {
                root.join(rest)
            }
        };
        let named = |text: &str| {
            text.replace(TENANT, &owner.to_string())
                .replace(DATA, &root.display().to_string())
        };
        let server = |server: &Server| Server {
            database: named(&server.database),
            ..server.clone()
        };
        match &source.kind {
            Kind::Command(command) => Source::Command {
                file: source.name.to_string(),
                command: Command {
                    words: command.words.iter().map(|word| named(word)).collect(),
                    ..command.clone()
                },
            },
            Kind::Postgres(of) => Source::Postgres { server: server(of) },
            Kind::Mariadb(of) => Source::Mariadb { server: server(of) },
            Kind::Sqlite { path } => Source::Sqlite { path: within(path) },
            // The ledger is read after the store, because the store refers to what is in the ledger.
            Kind::Files { path } => Source::Files {
                path: within(path),
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
    fn check(kind: Kind, expected: &str) {
        let source = SourceSettings {
            name: "one".parse().unwrap(),
            kind,
            at: At::parse("04:00 UTC").unwrap(),
            keep: Rule {
                daily: Length::new(1, Unit::Day),
                weekly: None,
                monthly: None,
            },
            to: vec![],
            changes: None,
        };
        assert_eq!(within(&source), PathBuf::from(expected));
    }

    #[test]
    fn a_source_belongs_where_the_statement_says_that_it_is() {
        let at = str::to_owned;
        check(
            Kind::Sqlite {
                path: at("$DATA/app.db"),
            },
            "",
        );
        check(
            Kind::Sqlite {
                path: at("$DATA/deep/app.db"),
            },
            "deep",
        );
        check(
            Kind::Files {
                path: at("$DATA/uploads"),
            },
            "uploads",
        );
        check(Kind::Files { path: at("$DATA") }, "");
    }
}
