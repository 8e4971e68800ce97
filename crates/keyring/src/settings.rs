//! The `[keys]` section: where the master key comes from, and what that is worth.

use crate::Source;
use avouch_statement::{Draft, Figure, Table};
use std::path::{Path, PathBuf};

/// What the statement promises.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// The master key's file; a relative path starts at `keys` in the data folder.
    pub master: PathBuf,
}

impl Settings {
    /// Where the master key is, given the folder that relative paths start at.
    #[must_use]
    pub fn source(&self, folder: &Path) -> Source {
        Source::File {
            path: folder.join(&self.master),
        }
    }
}

/// Reads the section, and states its claim.
pub fn read(section: &mut Table<'_>) -> Option<Settings> {
    let mut master = section.need_table("master", r#"{ from = "file", path = "master.key" }"#)?;
    let from = master.need_word("from", &[("file", ())]);
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
    master.finish();
    from?;
    section.claim(
        "master",
        Draft::enforced(
            "Every key is kept encrypted under a master key, which is a file on the same machine, readable by one system \
             user. Whoever steals the disk whole has that file too, and with it everything: this source of the master key \
             is for demonstrations.",
            Figure::Word(String::from("file")),
            "Tried by opening every wrapped key, by searching the key files for any key in the clear, and by looking at who \
             owns and may read each file. Copies kept elsewhere are not looked for.",
        ),
    );
    Some(Settings {
        master: path?.value,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use avouch_statement::{Document, Reading};

    fn read_text(text: &str) -> Result<(Settings, Vec<String>), String> {
        let source = avouch_statement::Source::new("avouch.toml", text);
        let reading = Reading::new(&source);
        let document = Document::parse(&reading);
        let mut section = document.table(&reading).table("keys").unwrap();
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
                PathBuf::from("master.key"),
                vec![String::from("keys.master")]
            )
        );
    }

    #[test]
    fn a_source_this_build_does_not_have_is_a_fault() {
        for (master, fault) in [
            (
                "{ from = \"passphrase\", path = \"x\" }",
                "`from` cannot be \"passphrase\"",
            ),
            ("{ from = \"file\" }", "does not say `path`"),
            (
                "{ from = \"file\", path = \"../x\" }",
                "leads out of its folder",
            ),
            (
                "{ from = \"file\", path = \"x\", mode = 1 }",
                "has no `mode`",
            ),
        ] {
            let faults = read_text(&format!("[keys]\nmaster = {master}\n")).unwrap_err();
            assert!(faults.contains(fault), "{faults}");
        }
    }
}
