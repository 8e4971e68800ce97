//! `[[report]]`: what is reported, about which period, to whom.

use avouch_statement::{Audience, Draft, Figure, Slug, Table};

use super::{Definition, Every, Group, Measure, Readers, Transaction};

const MEASURES: &[(&str, Kind)] = &[
    ("use", Kind::Use),
    ("sessions", Kind::Sessions),
    ("interaction", Kind::Interaction),
    ("action", Kind::Action),
    ("answered", Kind::Answered),
    ("sign-in", Kind::SignIn),
];

const GROUPS: &[(&str, Group)] = &[
    ("organisation", Group::Organisation),
    ("role", Group::Role),
    ("person", Group::Person),
    ("day", Group::Day),
    ("hour", Group::Hour),
];

const PERIODS: &[(&str, Every)] = &[
    ("month", Every::Month),
    ("day", Every::Day),
    ("week", Every::Week),
    ("quarter", Every::Quarter),
    ("year", Every::Year),
];

const READERS: &[(&str, Readers)] = &[
    ("each-organisation", Readers::EachOrganisation),
    ("supplier", Readers::Supplier),
];

/// How the claim is tried.
const LIMITS: &str = "Tried by counting the newest entries of the ledger again, up to 5,000 of them, without the index \
                      that reports are made from: both must give the same report, for the supplier and for each \
                      organisation. Not tried: what the application does between one request and the next.";

#[derive(Debug, Clone, Copy)]
enum Kind {
    Use,
    Sessions,
    Interaction,
    Action,
    Answered,
    SignIn,
}

/// Reads every `[[report]]` of the whole document: `None` if anything in one is at fault.
pub fn read(root: &mut Table<'_>) -> Option<Vec<Definition>> {
    let read: Vec<_> = root
        .entries("report")
        .into_iter()
        .map(|(name, entry)| definition(name, entry))
        .collect();
    read.into_iter().collect()
}

fn definition(name: Slug, mut entry: Table<'_>) -> Option<Definition> {
    let title = entry.need_text("title", "Use by organisation");
    let measure = measure(&mut entry);
    let group = entry.or("group", Group::Nothing, |entry, key| {
        entry.need_word(key, GROUPS)
    });
    let every = entry.need_word("every", PERIODS);
    let readers = entry.need_word("for", READERS);
    if let Some((title, every, readers)) = title
        .as_ref()
        .zip(every.as_ref())
        .zip(readers.as_ref())
        .map(|((title, every), readers)| (&title.value, every.value, readers.value))
    {
        let whom = match readers {
            Readers::Supplier => "The supplier's people may read it.",
            Readers::EachOrganisation => {
                "Each organisation may read it, counted from its own entries alone."
            }
        };
        entry.claim(
            "every",
            Draft::enforced(
                format!(
                    "“{title}” is reported for each {}, counted from the audit entries. {whom}",
                    every.word()
                ),
                Figure::Word(every.word().to_owned()),
                LIMITS,
            )
            .for_audience(match readers {
                Readers::Supplier => Audience::Supplier,
                Readers::EachOrganisation => Audience::Tenant,
            }),
        );
    }
    entry.finish();
    Some(Definition {
        name,
        title: title?.value,
        measure: measure?,
        group: group?,
        every: every?.value,
        readers: readers?.value,
    })
}

fn measure(entry: &mut Table<'_>) -> Option<Measure> {
    Some(match entry.need_word("measure", MEASURES)?.value {
        Kind::Use => Measure::Use,
        Kind::Sessions => Measure::Sessions,
        Kind::SignIn => Measure::SignIn,
        Kind::Interaction => {
            let on = transaction(entry, "on");
            let within = entry.or("within", None, |entry, key| {
                let found = entry.need_length(key, "2 s")?;
                Some(avouch_statement::Spanned {
                    value: Some(found.value),
                    at: found.at,
                })
            });
            Measure::Interaction {
                on: on?,
                within: within?,
            }
        }
        Kind::Action => {
            let (begins, ends) = (transaction(entry, "begins"), transaction(entry, "ends"));
            Measure::Action {
                begins: begins?,
                ends: ends?,
            }
        }
        Kind::Answered => Measure::Answered {
            target: entry.or("target", None, |entry, key| {
                let found = entry.need_parsed(key, "a share", "99.5%", hundredths)?;
                Some(avouch_statement::Spanned {
                    value: Some(found.value),
                    at: found.at,
                })
            })?,
        },
    })
}

fn transaction(entry: &mut Table<'_>, key: &'static str) -> Option<Transaction> {
    entry
        .need_parsed(
            key,
            "a method and a path",
            "POST /wards/{ward}/assessments",
            Transaction::parse,
        )
        .map(|found| found.value)
}

/// `99.5%` in hundredths of a per cent.
fn hundredths(text: &str) -> Result<u64, String> {
    let number = text
        .strip_suffix('%')
        .ok_or_else(|| "it has no `%`".to_owned())?;
    let (whole, part) = number.split_once('.').unwrap_or((number, "0"));
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if !digits(whole) || !digits(part) || part.len() > 2 {
        return Err("it is no share with at most two decimal places".to_owned());
    }
    let whole: u64 = whole.parse().unwrap_or(u64::MAX);
    let part: u64 = format!("{part:0<2}").parse().unwrap_or(0);
    match whole.saturating_mul(100).saturating_add(part) {
        share @ 0..=10_000 => Ok(share),
        _ => Err("it is more than the whole".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use avouch_statement::{Document, Reading, Source};

    fn parsed(text: &str) -> Result<(Vec<Definition>, Vec<String>), String> {
        let source = Source::new("avouch.toml", text.to_owned());
        let reading = Reading::new(&source);
        let document = Document::parse(&reading);
        let mut root = document.table(&reading);
        let definitions = read(&mut root);
        root.finish();
        let claims = reading
            .finish()
            .map_err(|faults| faults.list()[0].message.clone())?;
        Ok((
            definitions.unwrap(),
            claims.iter().map(|claim| claim.id.to_string()).collect(),
        ))
    }

    #[test]
    fn a_report_is_a_few_lines_and_makes_one_claim() {
        let (reports, claims) = parsed(
            "[[report]]\nname = \"save\"\ntitle = \"Time to save\"\nmeasure = \"interaction\"\non = \"POST /wards/{ward}/assessments\"\nwithin = \"2 s\"\ngroup = \"organisation\"\nevery = \"month\"\nfor = \"supplier\"\n\n[[report]]\nname = \"answered\"\ntitle = \"Answered\"\nmeasure = \"answered\"\ntarget = \"99.5%\"\nevery = \"quarter\"\nfor = \"each-organisation\"\n",
        )
        .unwrap();
        assert_eq!(claims, ["report.save.every", "report.answered.every"]);
        assert_eq!(reports[0].group, Group::Organisation);
        assert_eq!(
            reports[1].measure,
            Measure::Answered {
                target: Some(9_950)
            }
        );
    }

    #[test]
    fn each_wrong_line_is_a_fault() {
        let sound = "[[report]]\nname = \"a\"\ntitle = \"A\"\nmeasure = \"action\"\nbegins = \"GET /a\"\nends = \"POST /a\"\nevery = \"month\"\nfor = \"supplier\"\n";
        parsed(sound).unwrap();
        for (from, to, message) in [
            ("title = \"A\"\n", "", "`report.a` does not say `title`"),
            ("\"action\"", "\"usage\"", "`measure` cannot be \"usage\""),
            ("GET /a", "get /a", "`begins` must be a method and a path"),
            ("POST /a", "POST a", "`ends` must be a method and a path"),
            ("ends = \"POST /a\"\n", "", "`report.a` does not say `ends`"),
            (
                "\"month\"",
                "\"fortnight\"",
                "`every` cannot be \"fortnight\"",
            ),
            ("\"supplier\"", "\"all\"", "`for` cannot be \"all\""),
        ] {
            assert_eq!(
                parsed(&sound.replace(from, to)).unwrap_err(),
                message,
                "{from} as {to}"
            );
        }
    }

    #[test]
    fn a_share_has_two_decimal_places_at_most() {
        for (text, share) in [("99.5%", 9_950), ("100%", 10_000), ("0.01%", 1)] {
            assert_eq!(hundredths(text), Ok(share));
        }
        for text in ["99.5", "99.555%", "101%", "-1%", "%", "9.%", "1e2%"] {
            assert!(hundredths(text).is_err(), "{text}");
        }
    }
}
