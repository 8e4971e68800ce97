//! `[[backup.source]]`: what is backed up, how, when, and where to.

use avouch_statement::{Draft, Figure, Slug, Table};

use super::{FRESH, Kind, SourceSettings, keep};
use crate::schedule::At;

pub(super) fn read(
    name: Slug,
    mut table: Table<'_>,
    destinations: &[Slug],
) -> Option<SourceSettings> {
    let kind = kind(&mut table);
    let path = table.need_parsed(
        "path",
        "a path in the data folder",
        "$DATA/app.db",
        |text| {
            let inside = ["$DATA", "$CORE"].iter().any(|root| {
                text.strip_prefix(root)
                    .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
            });
            if !inside || text.split('/').any(|part| part == "..") {
                return Err(
                    "it begins with neither `$DATA` (each tenant's) nor `$CORE` (Avouch's own)"
                        .to_owned(),
                );
            }
            Ok(text.to_owned())
        },
    );
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
    let (kind, path, at, keep, to) = (kind?, path?.value, at?.value, keep??, to?);
    table.claim("kind", atomic(kind));
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
            "Every stored byte is read and its hash checked in each place. That the places are far apart is not checked.",
        )
        .fresh_for(FRESH),
    );
    table.finish();
    Some(SourceSettings {
        name,
        kind,
        path,
        at,
        keep,
        to,
    })
}

fn kind(table: &mut Table<'_>) -> Option<Kind> {
    const HERE: [(&str, Kind); 2] = [("sqlite", Kind::Sqlite), ("files", Kind::Files)];
    let later = ["postgres", "mariadb", "command"];
    let written = table.text("kind");
    if let Some(text) = &written
        && later.contains(&text.value.as_str())
    {
        table.fault(
            text.at.clone(),
            format!("this build has no source of kind \"{}\"", text.value),
            "not in this build",
            "write one of: `sqlite`, `files`",
        );
        return None;
    }
    table.need_word("kind", &HERE).map(|kind| kind.value)
}

fn atomic(kind: Kind) -> Draft {
    let (word, text, limits) = match kind {
        Kind::Sqlite => (
            "sqlite",
            "Each backup is the whole database as it was at one instant.",
            "It is read in one statement while others write. The newest backup that was restored passed the database's \
             own integrity and foreign key checks, and every table was the same as when it was taken.",
        ),
        Kind::Files => (
            "files",
            "Each backup is a copy of the folder, with each database in it as it was at one instant.",
            "Each database is read in one statement; other files up to the length they had when they were opened. \
             Different files are read one after another.",
        ),
    };
    Draft::enforced(text, Figure::Word(word.to_owned()), limits).fresh_for(FRESH)
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
