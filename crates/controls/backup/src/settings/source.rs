//! `[[backup.source]]`: what is backed up, how, when, and where to.

use avouch_statement::{Draft, Figure, Length, Slug, Table};

use super::{Changes, FRESH, Kind, SourceSettings, changes, keep, kind};
use crate::schedule::At;

pub(super) fn read(
    name: Slug,
    mut table: Table<'_>,
    destinations: &[Slug],
    far: &[Slug],
    read_all_within: Option<Length>,
) -> Option<SourceSettings> {
    let kind = kind::read(&mut table);
    let at = table.need_parsed(
        "at",
        "a time of day in a zone",
        "04:00 Europe/London",
        |text| At::parse(text).map_err(|error| error.to_string()),
    );
    let keep = table
        .need_table("keep", "{ daily = \"14 d\" }")
        .map(keep::read);
    let to = to(&mut table, destinations);
    let (kind, at, keep, to) = (kind?, at?.value, keep??, to?);
    table.claim("kind", kind.promise());
    table.claim(
        "at",
        Draft::enforced(
            format!("A backup is taken every day at {at}."),
            Figure::Count(1),
            "Each run is read back from each destination before it counts; a missed run is caught up and shown as late.",
        )
        .fresh_for(FRESH),
    );
    let places: Vec<String> = to.iter().map(ToString::to_string).collect();
    table.claim(
        "to",
        Draft::enforced(
            format!("Each backup is kept in {} places: {}.", places.len(), places.join(", ")),
            Figure::Count(places.len() as u64),
            read_all_within.map_or_else(
                || {
                    "Every stored byte is read and its hash checked in each place. That the places are far apart is not \
                     checked."
                        .to_owned()
                },
                |within| {
                    format!(
                        "What each place lists is compared with what was stored. A stored file that is new, or whose size, \
                         place or time changed (on another machine: whose size changed), is read and its hash checked; \
                         every other within {within}. That the places are far apart is not checked."
                    )
                },
            ),
        )
        .fresh_for(FRESH),
    );
    let changes = match table.table("changes", r#"{ within = "14 d", lose-at-most = "5 min" }"#) {
        Some(changes) => Some(followed(changes, &kind, &to, far)?),
        None => None,
    };
    table.finish();
    Some(SourceSettings {
        name,
        kind,
        at,
        keep,
        to,
        changes,
    })
}

/// A tenant's SQLite database is followed, or a whole PostgreSQL server; and changes are stored in folders.
fn followed(changes: Table<'_>, kind: &Kind, to: &[Slug], far: &[Slug]) -> Option<Changes> {
    let at = changes.at();
    let refuse = |why, help| changes.fault(at, "`changes` cannot be kept here", why, help);
    match kind {
        Kind::Sqlite { .. } if !kind.is_platform() => {}
        Kind::Postgres(_) if kind.is_platform() => {}
        Kind::Postgres(_) => {
            refuse(
                "a PostgreSQL server is followed as a whole, with the databases of every tenant",
                "leave `changes` out, or add a source whose `database` has no `$TENANT`, which is the platform's",
            );
            return None;
        }
        _ => {
            refuse(
                "only a tenant's database of the kind `sqlite`, or a PostgreSQL server, is followed",
                "leave `changes` out, or name a database in `$DATA`",
            );
            return None;
        }
    }
    let places: Vec<String> = to
        .iter()
        .filter(|place| !far.contains(place))
        .map(ToString::to_string)
        .collect();
    if places.is_empty() {
        refuse(
            "changes are stored in folders, and every place in `to` is another machine",
            "name a folder in `to` as well",
        );
        return None;
    }
    changes::read(changes, kind, &places)
}

fn to(table: &mut Table<'_>, destinations: &[Slug]) -> Option<Vec<Slug>> {
    let names = table.need_texts("to", "[\"local\"]")?;
    let mut found = Vec::new();
    for name in names.value {
        match destinations
            .iter()
            .find(|known| known.as_str() == name.value)
        {
            Some(known) if found.contains(known) => {
                table.fault(
                    name.at,
                    format!("`{known}` is named twice in `to`"),
                    "again",
                    "name each place once",
                );
                return None;
            }
            Some(known) => found.push(known.clone()),
            None => {
                let known: Vec<String> = destinations
                    .iter()
                    .map(|name| format!("`{name}`"))
                    .collect();
                table.fault(
                    name.at,
                    format!("there is no destination `{}`", name.value),
                    "not known",
                    format!(
                        "known here: {}; or add a `[[backup.destination]]`",
                        known.join(", ")
                    ),
                );
                return None;
            }
        }
    }
    Some(found)
}
