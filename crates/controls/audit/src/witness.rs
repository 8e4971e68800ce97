//! `[[audit.witness]]`: who, on another machine, signs that the ledger goes on from what it was.

use avouch_ledger::verify::WitnessKey;
use avouch_statement::{Draft, Figure, Length, Slug, Table, Unit};
use http::Uri;

/// The claim that witnesses have signed.
pub const WITNESSED: &str = "audit.witnessed";

/// Who has to have signed, and how recently.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Witnessed {
    /// The witnesses.
    pub witnesses: Vec<Witness>,
    /// So many of them.
    pub by: u32,
    /// Within this time.
    pub within: Length,
}

/// A witness.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Witness {
    /// Its name in the statement.
    pub name: Slug,
    /// Its submission prefix.
    pub url: String,
    /// The port that it listens on.
    pub port: u16,
    /// Its public key.
    pub key: WitnessKey,
}

/// Reads the witnesses of `[audit]`: `Some(None)` if it names none, `None` for a fault.
pub(crate) fn read(section: &mut Table<'_>) -> Option<Option<Witnessed>> {
    let read: Vec<_> = section
        .entries("witness")
        .into_iter()
        .map(|(name, entry)| witness(name, entry))
        .collect();
    if read.is_empty() && !section.has("witnessed") {
        return Some(None);
    }
    let count = u32::try_from(read.len()).unwrap_or(u32::MAX);
    let witnesses: Option<Vec<Witness>> = read.into_iter().collect();
    let mut promise = section.need_table("witnessed", "{ by = 1, within = \"1 h\" }")?;
    let at = promise.at();
    let by = promise.need_whole("by", 1..=100_u32, 1);
    let within = promise.need_length_within(
        "within",
        "1 h",
        Length::new(1, Unit::Minute)..=Length::new(30, Unit::Day),
    );
    promise.finish();
    let (by, within) = (by?.value, within?.value);
    if by > count {
        section.fault(
            at,
            format!("`audit.witnessed` wants {by} to have signed, and {count} are named"),
            "more than there are",
            "name more in `[[audit.witness]]`, or want fewer",
        );
        return None;
    }
    let witnesses = witnesses?;
    section.claim("witnessed", claim(&witnesses, by, within));
    Some(Some(Witnessed {
        witnesses,
        by,
        within,
    }))
}

fn witness(name: Slug, mut entry: Table<'_>) -> Option<Witness> {
    let url = entry.need_parsed(
        "url",
        "the address of a witness",
        "https://witness.example.test",
        |text| port(text).map(|port| (text.to_owned(), port)),
    );
    let key = entry.need_parsed(
        "key",
        "the public key that the witness shows",
        "witness.example.test+…",
        |text| {
            text.parse::<WitnessKey>()
                .map_err(|_| "it is no key of a witness".to_owned())
        },
    );
    entry.finish();
    let (url, port) = url?.value;
    Some(Witness {
        name,
        url,
        port,
        key: key?.value,
    })
}

/// The port of an address, if it is one that can be asked.
fn port(text: &str) -> Result<u16, String> {
    let uri: Uri = text.parse().map_err(|_| "it is no address".to_owned())?;
    if uri.host().is_none_or(str::is_empty) {
        return Err("it names no host".to_owned());
    }
    let default = match uri.scheme_str() {
        Some("https") => 443,
        Some("http") => 80,
        _ => return Err("it begins with neither `https://` nor `http://`".to_owned()),
    };
    Ok(uri.port_u16().unwrap_or(default))
}

fn claim(witnesses: &[Witness], by: u32, within: Length) -> Draft {
    let names: Vec<&str> = witnesses
        .iter()
        .map(|witness| witness.name.as_str())
        .collect();
    Draft::enforced(
        format!(
            "The audit ledger is signed by witnesses on other machines ({}), who refuse one that was rewritten: at least \
             {by} of {} within {within}.",
            names.join(", "),
            names.len()
        ),
        Figure::Length(within),
        "Every witness is asked in every round, and what it signed and when is checked with its own key. One that refuses \
         because the ledger does not go on from what it has signed breaks the promise. Not tried: whether a witness is \
         independent of the supplier, and keeps its own memory safe.",
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use avouch_statement::{Document, Reading, Source};

    const KEY: &str = "witness.example.test/w";

    fn parsed(text: &str) -> Result<(Option<Witnessed>, Vec<String>), String> {
        let source = Source::new("avouch.toml", format!("[audit]\n{text}\n"));
        let reading = Reading::new(&source);
        let document = Document::parse(&reading);
        let mut root = document.table(&reading);
        let mut section = root.need_table("audit", "{ … }").unwrap();
        let witnessed = read(&mut section);
        section.finish();
        root.finish();
        let claims = reading
            .finish()
            .map_err(|faults| faults.list()[0].message.clone())?;
        let ids = claims.iter().map(|claim| claim.id.to_string()).collect();
        Ok((witnessed.unwrap(), ids))
    }

    fn sound() -> String {
        let key = WitnessKey::new(KEY, [7; 32]).unwrap();
        format!(
            "witnessed = {{ by = 1, within = \"1 h\" }}\n[[audit.witness]]\nname = \"trust\"\nurl = \"http://127.0.0.1:9090/w\"\nkey = \"{key}\"\n"
        )
    }

    #[test]
    fn witnesses_are_claimed_with_how_many_and_how_recently() {
        let (witnessed, claims) = parsed(&sound()).unwrap();
        let witnessed = witnessed.unwrap();
        assert_eq!(claims, [WITNESSED]);
        assert_eq!((witnessed.by, witnessed.witnesses[0].port), (1, 9090));
        assert_eq!(parsed("").unwrap(), (None, vec![]));
    }

    #[test]
    fn each_wrong_line_is_a_fault() {
        for (from, to, message) in [
            (
                "witnessed = { by = 1, within = \"1 h\" }\n",
                "",
                "`audit` does not say `witnessed`",
            ),
            (
                "by = 1",
                "by = 2",
                "`audit.witnessed` wants 2 to have signed, and 1 are named",
            ),
            (
                "http://127.0.0.1:9090/w",
                "ftp://127.0.0.1",
                "`url` must be the address of a witness",
            ),
            (
                KEY,
                "elsewhere",
                "`key` must be the public key that the witness shows",
            ),
        ] {
            assert_eq!(parsed(&sound().replace(from, to)).unwrap_err(), message);
        }
    }
}
