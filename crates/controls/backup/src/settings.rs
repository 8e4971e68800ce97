//! The `[backup]` section: what is promised about backups and drills, and where the copies go.

use std::path::{Path, PathBuf};

use avouch_statement::{Draft, Figure, Length, Slug, Table, Unit};

use crate::{far::Address, retention::Rule, schedule};

mod changes;
mod destination;
mod drill;
mod keep;
mod kind;
mod proof;
mod source;

pub use changes::Changes;
pub use destination::Url;
pub use kind::{Command, Kind, Server};
pub(crate) use kind::{DATA, TENANT};

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
    /// Within what time everything that is stored is read again; without it, that is done each time that anything changed.
    pub read_all_within: Option<Length>,
    /// For how long each destination is to have room.
    pub room_for: Option<Length>,
    /// How long data that a restore took the place of stand aside.
    pub keep_aside: Length,
}

/// A place for copies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Destination {
    /// Its name.
    pub name: Slug,
    /// Where it is.
    pub at: At,
}

/// Where a destination is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum At {
    /// A folder. One that is not absolute (`file:second`) is beside `local`, in the folder of backups.
    Folder(PathBuf),
    /// Another machine.
    Far {
        /// Which.
        address: Address,
        /// The file in the data folder's `keys` that lets this service in there.
        credential: String,
    },
}

impl Destination {
    /// The folder, if it is one.
    #[must_use]
    pub fn folder(&self) -> Option<&Path> {
        match &self.at {
            At::Folder(folder) => Some(folder),
            At::Far { .. } => None,
        }
    }
}

impl Settings {
    /// A destination that the statement names.
    #[must_use]
    pub fn destination(&self, name: &Slug) -> Option<&Destination> {
        self.destinations.iter().find(|stated| stated.name == *name)
    }

    /// Whether a destination removes by itself what has had its time.
    #[must_use]
    pub fn prunes_by_itself(&self, name: &Slug) -> bool {
        self.destination(name).is_some_and(
            |stated| matches!(&stated.at, At::Far { address, .. } if address.prunes_by_itself()),
        )
    }
}

/// Something that is backed up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceSettings {
    /// Its name.
    pub name: Slug,
    /// How it is read.
    pub kind: Kind,
    /// When.
    pub at: schedule::At,
    /// How long it is kept.
    pub keep: Rule,
    /// The destinations.
    pub to: Vec<Slug>,
    /// Whether and how it is followed, so that any moment can be restored.
    pub changes: Option<Changes>,
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
    /// Whether it is one for all, such as Avouch's own state, rather than each tenant's.
    #[must_use]
    pub fn is_platform(&self) -> bool {
        self.kind.is_platform()
    }
}

/// Reads the section: `None` if anything in it is at fault.
pub fn read(section: &mut Table<'_>) -> Option<Settings> {
    encryption(section);
    let proof = proof::read(section);
    let read_all_within = proof.as_ref().and_then(|proof| proof.read_all_within);
    let entries = section.entries("destination");
    // By its name a destination is known even where its address is at fault: one fault is reported once.
    let mut names: Vec<Slug> = entries.iter().map(|(name, _)| name.clone()).collect();
    names.extend(LOCAL.parse::<Slug>());
    let destinations: Vec<_> = entries
        .into_iter()
        .map(|(name, table)| destination::read(name, table))
        .collect();
    let far: Vec<Slug> = destinations
        .iter()
        .flatten()
        .filter(|destination| destination.folder().is_none())
        .map(|destination| destination.name.clone())
        .collect();
    let sources: Vec<_> = section
        .entries("source")
        .into_iter()
        .map(|(name, table)| source::read(name, table, &names, &far, read_all_within))
        .collect();
    let drill = section
        .table("drill", r#"{ every = "quarter", back-within = "15 min" }"#)
        .map(drill::read);
    if sources.is_empty() && !section.has("source") {
        section.fault(
            section.at().start..section.at().start,
            "`backup` does not say what is backed up",
            "",
            "add a `[[backup.source]]` with `name`, `kind`, `path`, `at`, `keep` and `to`",
        );
        return None;
    }
    let drill = match drill {
        Some(read) => Some(read?),
        None => None,
    };
    Some(Settings {
        destinations: destinations.into_iter().collect::<Option<_>>()?,
        sources: sources.into_iter().collect::<Option<_>>()?,
        drill,
        read_all_within,
        room_for: proof.as_ref()?.room_for,
        keep_aside: proof?.keep_aside,
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
            "Tried on every repository: texts known to be in the newest snapshot are searched for in every file that is \
             no pack of data, and in up to 64 MiB of packs chosen at random each time; another key is tried; one bit is \
             flipped in copies of packs, up to 64 MiB chosen likewise. File sizes and times are not hidden.",
        )
        .fresh_for(FRESH),
    );
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
        let settings = root.table("backup", "{ }").and_then(|mut section| {
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
    fn a_source_that_is_followed_makes_two_claims_more() {
        let changes = "to = [\"local\", \"offsite\"]\nchanges = { within = \"14 d\", lose-at-most = \"5 min\" }";
        let (settings, claims) =
            read_all(&SOUND.replacen("to = [\"local\", \"offsite\"]", changes, 1));
        assert_eq!(
            settings.unwrap().sources[0].changes.unwrap().lose_at_most,
            Length::new(5, Unit::Minute)
        );
        let claims = claims.unwrap();
        for id in ["within", "lose-at-most"] {
            assert!(
                claims.contains(&format!("backup.source.tenant-data.changes.{id}")),
                "{claims:?}"
            );
        }
    }

    #[test]
    fn a_faulty_address_is_one_fault_and_not_one_for_each_source_that_names_it() {
        for wrong in ["s3://bucket", "file:../elsewhere", "file:"] {
            let (_, claims) = read_all(&SOUND.replacen("file:///mnt/second", wrong, 1));
            let said = claims.unwrap_err();
            assert_eq!(said.matches("--> ").count(), 1, "{said}");
            assert!(said.contains("`url`"), "{said}");
        }
    }

    #[test]
    fn what_is_wrong_is_named_with_what_would_be_right() {
        for (from, to, says) in [
            (
                "\"sqlite\"\npath = \"$DATA/acuity.db\"",
                "\"postgres\"\ndatabase = \"a b\"\nsocket = \"/run/postgresql\"\nuser = \"b\"\ncredentials = \"/etc/b\"",
                "`database` must be the name of a database",
            ),
            (
                "\"sqlite\"\npath = \"$DATA/acuity.db\"",
                "\"mariadb\"\ndatabase = \"b\"\nsocket = \"run/mysqld.sock\"\nuser = \"b\"\ncredentials = \"/etc/b\"",
                "`socket` must be a whole path",
            ),
            (
                "\"sqlite\"\npath = \"$DATA/acuity.db\"",
                "\"command\"\ncommand = [\"dump\", \"$DATA\"]",
                "does not begin with the whole path of a program",
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
                "it begins with neither `file:` nor `keeper://`",
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
            (
                "to = [\"local\", \"offsite\"]",
                "to = [\"local\"]\nchanges = { within = \"14 d\" }",
                "does not say `lose-at-most`",
            ),
            (
                "\"sqlite\"\npath = \"$DATA/acuity.db\"",
                "\"files\"\npath = \"$DATA\"\nchanges = { within = \"14 d\", lose-at-most = \"5 min\" }",
                "only a tenant's database of the kind `sqlite`, or a PostgreSQL server, is followed",
            ),
            (
                "\"sqlite\"\npath = \"$DATA/acuity.db\"",
                "\"postgres\"\ndatabase = \"app_$TENANT\"\nsocket = \"/run/postgresql\"\nuser = \"backup\"\n\
                 credentials = \"/etc/pass\"\nchanges = { within = \"14 d\", lose-at-most = \"5 min\" }",
                "a PostgreSQL server is followed as a whole",
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
