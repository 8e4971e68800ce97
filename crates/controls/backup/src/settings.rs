//! The `[backup]` section: what is promised about backups and drills, and where the copies go.

use std::path::PathBuf;

use avouch_statement::{Draft, Figure, Length, Slug, Table, Unit};

use crate::{retention::Rule, schedule::At};

/// The destination that every data folder has, beside those that the statement names.
pub const LOCAL: &str = "local";

/// Evidence about a repository stays fresh for a day; a drill is judged by its own period as well.
const FRESH: Length = Length::new(1, Unit::Day);

/// Everything that `[backup]` says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Beside `local`, where copies are kept.
    pub destinations: Vec<Destination>,
    /// What is backed up.
    pub sources: Vec<SourceSettings>,
    /// How restores are rehearsed, if they are.
    pub drill: Option<DrillSettings>,
}

/// A place for copies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Destination {
    /// Its name.
    pub name: Slug,
    /// The folder. One that is not absolute (`file:second`) is beside `local`, in the folder of backups.
    pub folder: PathBuf,
}

/// Something that is backed up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceSettings {
    /// Its name.
    pub name: Slug,
    /// How it is read.
    pub kind: Kind,
    /// Where it is; it begins with `$DATA` (each tenant's data folder) or `$CORE` (Avouch's own state).
    pub path: String,
    /// When.
    pub at: At,
    /// How long it is kept.
    pub keep: Rule,
    /// The destinations.
    pub to: Vec<Slug>,
}

/// How a source is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// One SQLite database.
    Sqlite,
    /// A folder.
    Files,
}

/// How restores are rehearsed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DrillSettings {
    /// At least once in each period of this length.
    pub every: Length,
    /// Back within this time.
    pub back_within: Length,
    /// Questions to the restored database, each to be answered by yes.
    pub expect: Vec<String>,
}

impl SourceSettings {
    /// Whether it is Avouch's own state rather than a tenant's.
    #[must_use]
    pub fn is_platform(&self) -> bool {
        self.path == "$CORE" || self.path.starts_with("$CORE/")
    }
}

/// Reads the section: `None` if anything in it is at fault.
pub fn read(section: &mut Table<'_>) -> Option<Settings> {
    encryption(section);
    let destinations: Vec<_> = section
        .entries("destination")
        .into_iter()
        .map(|(name, table)| destination(name, table))
        .collect();
    let mut names: Vec<Slug> = destinations
        .iter()
        .flatten()
        .map(|d| d.name.clone())
        .collect();
    names.extend(LOCAL.parse::<Slug>());
    let sources: Vec<_> = section
        .entries("source")
        .into_iter()
        .map(|(name, table)| source(name, table, &names))
        .collect();
    if sources.is_empty() && !section.has("source") {
        section.fault(
            section.at().start..section.at().start,
            "`backup` does not say what is backed up",
            "",
            "add a `[[backup.source]]` with `name`, `kind`, `path`, `at`, `keep` and `to`",
        );
        return None;
    }
    let drill = match section.table("drill") {
        Some(table) => Some(drill(table)?),
        None => None,
    };
    Some(Settings {
        destinations: destinations.into_iter().collect::<Option<_>>()?,
        sources: sources.into_iter().collect::<Option<_>>()?,
        drill,
    })
}

fn encryption(section: &mut Table<'_>) {
    if section
        .need_word("encryption", &[("aes-256", ())])
        .is_none()
    {
        return;
    }
    section.claim(
        "encryption",
        Draft::enforced(
            "Every backup is stored encrypted with AES and a 256-bit key.",
            Figure::Word("aes-256".to_owned()),
            "Tried on every repository: texts known to be in the newest snapshot are searched for in every stored file; \
             another key is tried; one bit is flipped in a copy. File sizes and times are not hidden.",
        )
        .fresh_for(FRESH),
    );
}

fn destination(name: Slug, mut table: Table<'_>) -> Option<Destination> {
    let url = table.need_parsed(
        "url",
        "the address of a folder",
        "file:///mnt/second",
        |text| {
            let rest = text
                .strip_prefix("file:")
                .ok_or("this build stores in folders only")?;
            let path = PathBuf::from(rest.strip_prefix("//").unwrap_or(rest));
            let climbs = path
                .components()
                .any(|part| matches!(part, std::path::Component::ParentDir));
            if path.as_os_str().is_empty() || climbs {
                return Err("not a folder, or one with `..` in it".to_owned());
            }
            Ok(path)
        },
    );
    if name.as_str() == LOCAL {
        table.fault(
            table.at(),
            "`local` is in the data folder and needs no entry",
            "",
            "remove it, or name it otherwise",
        );
        return None;
    }
    table.finish();
    Some(Destination {
        name,
        folder: url?.value,
    })
}

fn source(name: Slug, mut table: Table<'_>, destinations: &[Slug]) -> Option<SourceSettings> {
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
    let keep = table.need_table("keep", "{ daily = \"14 d\" }").map(keep);
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

fn keep(mut table: Table<'_>) -> Option<Rule> {
    let mut faulty = false;
    let mut length = |table: &mut Table<'_>, key: &'static str, example: &str, must: bool| {
        if !must && !table.has(key) {
            // Asking for it tells the table that the key is known here.
            table.text(key);
            return None;
        }
        let Some(length) = table.need_length(key, example) else {
            faulty = true;
            return None;
        };
        if matches!(length.value.unit, Unit::Second | Unit::Minute | Unit::Hour) {
            faulty = true;
            table.fault(
                length.at,
                format!("`{key}` is shorter than a day"),
                "a backup is taken once a day",
                format!("write `{key} = \"{example}\"` (units: d, weeks, months, years)"),
            );
            return None;
        }
        let every = match key {
            "weekly" => "first backup of each week",
            "monthly" => "first backup of each month",
            _ => "backup of each day",
        };
        table.claim(
            key,
            Draft::enforced(
                format!("The {every} is kept {}, then removed.", length.value),
                Figure::Length(length.value),
                "Each repository is listed and compared with what the rule keeps, no less and no more. On a young \
                 system the observation says since when.",
            )
            .fresh_for(FRESH),
        );
        Some(length.value)
    };
    let daily = length(&mut table, "daily", "14 d", true);
    let weekly = length(&mut table, "weekly", "2 months", false);
    let monthly = length(&mut table, "monthly", "2 years", false);
    table.finish();
    if faulty {
        None
    } else {
        Some(Rule {
            daily: daily?,
            weekly,
            monthly,
        })
    }
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

fn drill(mut table: Table<'_>) -> Option<DrillSettings> {
    let every = table.need_parsed("every", "a length of time", "quarter", |text| match text {
        "quarter" => Ok(Length::new(3, Unit::Month)),
        "month" => Ok(Length::new(1, Unit::Month)),
        "week" => Ok(Length::new(1, Unit::Week)),
        other => other.parse(),
    });
    let back_within = table.need_length("back-within", "15 min");
    let expect: Vec<String> = table
        .texts("expect", "[\"select count(*) > 0 from assessment\"]")
        .map(|texts| texts.value.into_iter().map(|text| text.value).collect())
        .unwrap_or_default();
    let (every, back_within) = (every?.value, back_within?.value);
    table.claim(
        "every",
        Draft::enforced(
            format!("A restore is rehearsed at least every {every}."),
            Figure::Length(every),
            "The newest backup is restored into an empty place, compared row by row with what was backed up, and the \
             application is started on it and asked a question. A drill that fails does not count. Until the first is \
             due, the observation says by when.",
        )
        .fresh_for(FRESH),
    );
    table.claim(
        "back-within",
        Draft::enforced(
            format!("In a rehearsal the data are back, and the application answers, within {back_within}."),
            Figure::Length(back_within),
            "Measured in the last drill, on this host and with the data of that day.",
        )
        .fresh_for(FRESH),
    );
    table.finish();
    Some(DrillSettings {
        every,
        back_within,
        expect,
    })
}

#[cfg(test)]
mod tests {
    use avouch_statement::{Document, Reading, Source};

    use super::*;

    const SOUND: &str = r#"
[backup]
encryption = "aes-256"
[[backup.destination]]
name = "offsite"
url = "file:///mnt/second"
[[backup.source]]
name = "tenant-data"
kind = "sqlite"
path = "$DATA/acuity.db"
at = "04:00 Europe/London"
keep = { daily = "14 d", weekly = "2 months", monthly = "2 years" }
to = ["local", "offsite"]
[backup.drill]
every = "quarter"
back-within = "15 min"
expect = ["select count(*) > 0 from assessment"]
"#;

    fn read_all(text: &str) -> (Option<Settings>, Result<Vec<String>, String>) {
        let source = Source::new("avouch.toml", text);
        let reading = Reading::new(&source);
        let document = Document::parse(&reading);
        let mut root = document.table(&reading);
        let settings = root.table("backup").and_then(|mut section| {
            let settings = read(&mut section);
            section.finish();
            settings
        });
        let claims = reading.finish().map_err(|faults| faults.to_string());
        (
            settings,
            claims.map(|claims| claims.iter().map(|claim| claim.id.to_string()).collect()),
        )
    }

    #[test]
    fn the_sample_makes_its_claims() {
        let (settings, claims) = read_all(SOUND);
        let settings = settings.unwrap();
        assert_eq!(settings.sources[0].to.len(), 2);
        assert_eq!(settings.drill.unwrap().every, Length::new(3, Unit::Month));
        let mut claims = claims.unwrap();
        claims.sort();
        assert_eq!(
            claims,
            [
                "backup.drill.back-within",
                "backup.drill.every",
                "backup.encryption",
                "backup.source.tenant-data.at",
                "backup.source.tenant-data.keep.daily",
                "backup.source.tenant-data.keep.monthly",
                "backup.source.tenant-data.keep.weekly",
                "backup.source.tenant-data.kind",
                "backup.source.tenant-data.to",
            ]
        );
    }

    #[test]
    fn what_is_wrong_is_named_with_what_would_be_right() {
        for (from, to, says) in [
            (
                "\"sqlite\"",
                "\"postgres\"",
                "this build has no source of kind \"postgres\"",
            ),
            (
                "\"sqlite\"",
                "\"sqllite\"",
                "did you mean `kind = \"sqlite\"`?",
            ),
            (
                "\"aes-256\"",
                "\"aes-128\"",
                "`encryption` cannot be \"aes-128\"",
            ),
            (
                "daily = \"14 d\"",
                "daily = \"14 h\"",
                "`daily` is shorter than a day",
            ),
            ("daily = \"14 d\", ", "", "does not say `daily`"),
            (
                "\"offsite\"]",
                "\"offsit\"]",
                "there is no destination `offsit`",
            ),
            (
                "\"offsite\"]",
                "\"local\"]",
                "`local` is named twice in `to`",
            ),
            (
                "04:00 Europe/London",
                "4 Europe/London",
                "`4` is not a time of day",
            ),
            (
                "file:///mnt/second",
                "s3://bucket",
                "this build stores in folders only",
            ),
            (
                "$DATA/acuity.db",
                "/etc/passwd",
                "it begins with neither `$DATA`",
            ),
            (
                "$DATA/acuity.db",
                "$DATA/../b/acuity.db",
                "it begins with neither `$DATA`",
            ),
            ("back-within = \"15 min\"", "", "does not say `back-within`"),
            (
                "every = \"quarter\"",
                "every = \"sometimes\"",
                "`every` must be a length of time",
            ),
        ] {
            assert!(SOUND.contains(from), "{from}");
            let (settings, claims) = read_all(&SOUND.replacen(from, to, 1));
            let said = claims.unwrap_err();
            assert!(said.contains(says), "{to}: {said}");
            assert!(settings.is_none() || from == "\"aes-256\"", "{to}");
        }
    }
}
