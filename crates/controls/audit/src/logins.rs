//! `[audit.server-logins]`: who logs in to the server itself, by the machine's own record of it.

mod follow;
mod record;

use std::path::{Path, PathBuf};

use avouch_statement::{Draft, Figure, Length, Table, Unit};

pub use follow::{Began, Followed, News, Snapshot};
pub use record::{Digest, Kind, Login, RECORD, records};

/// The claim that logins to the server are in the trail in time.
pub const LOGINS: &str = "audit.server-logins.within";

/// How logins to the server are followed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Logins {
    /// The file to which the machine writes each of them.
    pub record: PathBuf,
    /// How soon each is in the trail.
    pub within: Length,
}

/// Reads `server-logins`; `None` for a fault.
pub(crate) fn read(section: &mut Table<'_>) -> Option<Option<Logins>> {
    let Some(mut table) = section.table(
        "server-logins",
        r#"{ record = "/var/log/wtmp", within = "1 min" }"#,
    ) else {
        return (!section.has("server-logins")).then_some(None);
    };
    let record = table.need_parsed(
        "record",
        "the whole path of the machine's record of logins",
        "/var/log/wtmp",
        |text| {
            let path = Path::new(text);
            match path.is_absolute() && path.parent().is_some() && path.file_name().is_some() {
                true => Ok(path.to_owned()),
                false => Err("it is no whole path of a file".to_owned()),
            }
        },
    );
    let range = Length::new(10, Unit::Second)..=Length::new(1, Unit::Day);
    let within = table.need_length_within("within", "1 min", range);
    let logins = record.zip(within).map(|(record, within)| Logins {
        record: record.value,
        within: within.value,
    });
    if let Some(logins) = &logins {
        table.claim("within", claim(logins));
    }
    table.finish();
    Some(Some(logins?))
}

fn claim(logins: &Logins) -> Draft {
    // Where the record is, is the supplier's: this is read by everybody.
    let within = logins.within;
    Draft::enforced(
        format!(
            "Every login to the server that the machine itself notes is in the audit trail within {within}: which account, at which \
             terminal, from which address, from when until when. It stays there whatever becomes of the machine's own record, and \
             that this record was shortened, altered or removed is in the trail, too. The supplier's people read it, and no \
             organisation does."
        ),
        Figure::Length(within),
        "In every round the record is read a second time, by other code, and its newest 1,000 lines are compared with the trail: \
         each is there once, with its account, terminal and time. A record that lost or changed lines, and was not put back, \
         breaks this for seven days. Not tried: logging in, which a check may not. Not seen: what the machine does not note \
         there, such as commands over SSH without a terminal, file transfers, `su` and `sudo`, and logins that were refused; a \
         line that root writes into the record, which looks like a login; and one that is taken out within the second before it \
         is read. The record is read as the core's own user, never as root: one that is not everybody's to read is said to be \
         unreadable, and breaks this.",
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use avouch_statement::{Document, Reading, Source};

    #[test]
    fn logins_are_claimed_with_how_soon_they_are_told_and_a_record_is_a_whole_path() {
        let sound = "server-logins = { record = \"/var/log/wtmp\", within = \"1 min\" }";
        for (text, expected) in [
            (String::new(), Ok(Vec::new())),
            (
                sound.to_owned(),
                Ok(vec!["audit.server-logins.within = 1 minute".to_owned()]),
            ),
            (
                sound.replace("/var/log/", ""),
                Err("`record` must be the whole path of the machine's record of logins".to_owned()),
            ),
            (
                sound.replace("1 min", "1 s"),
                Err("`within` must be from 10 seconds to 1 day".to_owned()),
            ),
            (
                sound.replace(", within = \"1 min\"", ""),
                Err("`audit.server-logins` does not say `within`".to_owned()),
            ),
        ] {
            let source = Source::new("avouch.toml", format!("[audit]\n{text}\n"));
            let reading = Reading::new(&source);
            let document = Document::parse(&reading);
            let mut root = document.table(&reading);
            let mut section = root.need_table("audit", "{ … }").unwrap();
            read(&mut section);
            section.finish();
            root.finish();
            let made = reading.finish().map(|claims| {
                let made = claims
                    .iter()
                    .map(|claim| format!("{} = {}", claim.id, claim.figure));
                made.collect::<Vec<_>>()
            });
            let made = made.map_err(|faults| faults.list()[0].message.clone());
            assert_eq!(made, expected, "{text}");
        }
    }
}
