//! The `[keys]` section: where the master key comes from, and what that is worth.

use crate::{Origin, passphrase::LEAST_CHARACTERS};
use avouch_statement::{Draft, Figure, Length, Spanned, Table, Unit};
use std::path::PathBuf;

/// What the statement promises.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Where the master key comes from.
    pub master: Origin,
    /// How it can be brought back from paper, if the statement says so.
    pub escrow: Option<EscrowSettings>,
}

/// What the statement promises of the master key on paper.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EscrowSettings {
    /// How many sheets there are.
    pub sheets: u8,
    /// How many of them are needed.
    pub needed: u8,
    /// They are tried within this time.
    pub rehearsed: Length,
}

#[derive(Clone, Copy)]
enum From {
    File,
    Credential,
    Command,
    Passphrase,
}

/// Reads the section, and states its claim.
pub fn read(section: &mut Table<'_>) -> Option<Settings> {
    let mut master = section.need_table("master", r#"{ from = "file", path = "master.key" }"#)?;
    let from = master.need_word(
        "from",
        &[
            ("file", From::File),
            ("credential", From::Credential),
            ("command", From::Command),
            ("passphrase", From::Passphrase),
        ],
    );
    let origin = match from?.value {
        From::File => file(&mut master),
        From::Credential => credential(&mut master),
        From::Command => command(&mut master),
        From::Passphrase => Some(Origin::Passphrase),
    };
    master.finish();
    let master = origin?;
    section.claim("master", claim(&master));
    let escrow = match section.table(
        "escrow",
        r#"{ sheets = 5, needed = 3, rehearsed = "12 months" }"#,
    ) {
        None => None,
        Some(table) => {
            let (settings, draft) = escrow(table)?;
            section.claim("escrow", draft);
            Some(settings)
        }
    };
    Some(Settings { master, escrow })
}

fn escrow(mut table: Table<'_>) -> Option<(EscrowSettings, Draft)> {
    let sheets = table.need_whole("sheets", 2..=crate::escrow::MOST, 5);
    let needed = table.need_whole("needed", 2..=crate::escrow::MOST, 3);
    let range = Length::new(1, Unit::Month)..=Length::new(24, Unit::Month);
    let rehearsed = table.need_length_within("rehearsed", "12 months", range);
    if let (Some(sheets), Some(needed)) = (&sheets, &needed)
        && needed.value > sheets.value
    {
        table.fault(
            needed.at.clone(),
            "`needed` is more than `sheets`",
            "could never be put together",
            format!("write a `needed` of at most {}", sheets.value),
        );
        table.finish();
        return None;
    }
    table.finish();
    let settings = EscrowSettings {
        sheets: sheets?.value,
        needed: needed?.value,
        rehearsed: rehearsed?.value,
    };
    let EscrowSettings {
        sheets,
        needed,
        rehearsed,
    } = settings;
    let draft = Draft::enforced(
        format!(
            "The master key can be brought back from paper by any {needed} of {sheets} holders of a sheet together with a \
             copy of the folder of keys, and by neither alone; the sheets are printed or tried within {rehearsed}."
        ),
        Figure::Count(needed.into()),
        "Sheets are on paper, so people try them: `avouch key rehearse` takes as many as are needed, brings the master key \
         back from them, sees that it opens the keys, and writes the date down under the keys themselves. The check looks at \
         that date, that the sheets are for the master key of now, and that what they open was not altered since. Whether \
         each holder still has theirs is known only of those who came; printing counts as trying once.",
    );
    Some((settings, draft))
}

fn file(master: &mut Table<'_>) -> Option<Origin> {
    let path = master.need_parsed(
        "path",
        "the path of a file",
        "master.key",
        |text| match text {
            "" => Err(String::from("no file")),
            text if text.split('/').any(|part| part == "..") => {
                Err(String::from("leads out of its folder"))
            }
            text => Ok(PathBuf::from(text)),
        },
    );
    Some(Origin::File { path: path?.value })
}

fn credential(master: &mut Table<'_>) -> Option<Origin> {
    let name = master.need_parsed(
        "name",
        "the name of a credential",
        "avouch-master",
        |text| {
            let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
            match !text.is_empty() && !text.starts_with('.') && text.bytes().all(plain) {
                true => Ok(text.to_owned()),
                false => Err(String::from("not letters, digits, hyphens and dots")),
            }
        },
    );
    Some(Origin::Credential { name: name?.value })
}

fn command(master: &mut Table<'_>) -> Option<Origin> {
    const EXAMPLE: &str = r#"["/usr/local/bin/print-master-key"]"#;
    let command = master.need_texts("command", EXAMPLE);
    let within = master.or("within", Length::new(30, Unit::Second), |master, key| {
        let range = Length::new(1, Unit::Second)..=Length::new(10, Unit::Minute);
        master.need_length_within(key, "30 s", range)
    });
    let command = command?;
    if let Some(Spanned { value, at }) = command.value.first()
        && !value.starts_with('/')
    {
        master.fault(
            at.clone(),
            "`command` must begin with the whole path of a program",
            "does not start with `/`",
            format!("write `command = {EXAMPLE}`"),
        );
        return None;
    }
    Some(Origin::Command {
        command: command.value.into_iter().map(|text| text.value).collect(),
        within: within?,
    })
}

/// What a thief of the disk would gain, in a sentence, and how that is tried.
fn claim(origin: &Origin) -> Draft {
    const TRIED: &str = "Tried by opening every wrapped key, by searching the key files for any key in the clear, and by \
                         looking at who owns and may read each file.";
    const ELSEWHERE: &str = "The master key itself is looked for in the key folders, the sockets' folder and the kept \
                             statement, and must not be there. Not looked at: the rest of the disk, swap space and \
                             copies kept elsewhere.";
    let (from, text, limits) = match origin {
        Origin::File { .. } => (
            "file",
            String::from(
                "Every key is kept encrypted under a master key, which is a file on the same machine, readable by one \
                 system user. Whoever steals the disk whole has that file too, and with it everything: this source of the \
                 master key is for demonstrations.",
            ),
            format!("{TRIED} Copies kept elsewhere are not looked for."),
        ),
        Origin::Credential { .. } => (
            "credential",
            String::from(
                "Every key is kept encrypted under a master key that the machine's service manager hands over at each \
                 start, in memory. Whoever steals the disk can read nothing that is encrypted under it, unless the disk \
                 also holds what the service manager has it from.",
            ),
            format!(
                "{TRIED} The credential is read again, must open the keys, and must not lie on a disk. {ELSEWHERE} Nor is \
                 it known where the service manager has the credential from: one encrypted to this machine's security \
                 chip is worth more than a plain file."
            ),
        ),
        Origin::Command { .. } => (
            "command",
            String::from(
                "Every key is kept encrypted under a master key that a command fetches at each start. Whoever steals the \
                 disk can read nothing that is encrypted under it, unless the disk also holds all that the command needs.",
            ),
            format!(
                "{TRIED} The command is run again, and what it gives must open the keys. {ELSEWHERE} Nor is it known what \
                 the command needs, and whether somebody with the disk has that."
            ),
        ),
        Origin::Passphrase => (
            "passphrase",
            String::from(
                "Every key is kept encrypted under a master key made from a passphrase, which is given at each start and \
                 written down nowhere on the machine. Whoever steals the disk can read nothing that is encrypted under it \
                 without guessing the passphrase, and each guess costs three passes over 64 MiB of memory.",
            ),
            format!(
                "{TRIED} The key made from the passphrase must open the keys. {ELSEWHERE} How hard the passphrase is to \
                 guess is not measured, beyond its least length of {LEAST_CHARACTERS} characters. While the service runs, \
                 the key is in the memory of two processes."
            ),
        ),
    };
    Draft::enforced(text, Figure::Word(from.to_owned()), limits)
}

#[cfg(test)]
mod tests {
    use super::*;
    use avouch_statement::{Document, Reading};

    fn read_text(text: &str) -> Result<(Settings, Vec<String>), String> {
        let source = avouch_statement::Source::new("avouch.toml", text);
        let reading = Reading::new(&source);
        let document = Document::parse(&reading);
        let mut section = document.table(&reading).table("keys", "{ }").unwrap();
        let settings = read(&mut section);
        section.finish();
        let claims = reading.finish().map_err(|faults| faults.to_string())?;
        Ok((
            settings.unwrap(),
            claims.iter().map(|claim| claim.id.to_string()).collect(),
        ))
    }

    #[test]
    fn a_file_on_the_same_disk_is_promised_as_no_more_than_that() {
        let read = read_text("[keys]\nmaster = { from = \"file\", path = \"master.key\" }\n");
        let (settings, claims) = read.unwrap();
        assert_eq!(
            (settings.master, claims),
            (
                Origin::File {
                    path: PathBuf::from("master.key")
                },
                vec![String::from("keys.master")]
            )
        );
    }

    #[test]
    fn each_source_has_its_own_settings_and_its_own_sentence() {
        let word = |text: &str| text.to_owned();
        for (master, origin) in [
            (
                "{ from = \"credential\", name = \"avouch-master\" }",
                Origin::Credential {
                    name: word("avouch-master"),
                },
            ),
            (
                "{ from = \"command\", command = [\"/bin/key\", \"-v\"] }",
                Origin::Command {
                    command: vec![word("/bin/key"), word("-v")],
                    within: Length::new(30, Unit::Second),
                },
            ),
            ("{ from = \"passphrase\" }", Origin::Passphrase),
        ] {
            let (settings, _) = read_text(&format!("[keys]\nmaster = {master}\n")).unwrap();
            assert_eq!(settings.master, origin);
        }
    }

    #[test]
    fn a_source_that_cannot_be_is_a_fault() {
        for (master, fault) in [
            ("{ from = \"paper\" }", "`from` cannot be \"paper\""),
            ("{ from = \"passphrase\", path = \"x\" }", "has no `path`"),
            ("{ from = \"file\" }", "does not say `path`"),
            (
                "{ from = \"file\", path = \"../x\" }",
                "leads out of its folder",
            ),
            (
                "{ from = \"file\", path = \"x\", mode = 1 }",
                "has no `mode`",
            ),
            (
                "{ from = \"credential\", name = \"../x\" }",
                "`name` must be the name of a credential",
            ),
            (
                "{ from = \"command\", command = [\"key\"] }",
                "must begin with the whole path",
            ),
            (
                "{ from = \"command\", command = [\"/bin/key\"], within = \"1 h\" }",
                "`within` must be from 1 second to 10 minutes",
            ),
        ] {
            let faults = read_text(&format!("[keys]\nmaster = {master}\n")).unwrap_err();
            assert!(faults.contains(fault), "{faults}");
        }
    }
}
