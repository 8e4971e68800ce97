//! `[[report]]`: what is reported, about which period, to whom.

use avouch_statement::{Audience, Draft, Figure, Slug, Table};

use super::{Definition, Every, Group, Measure, Readers, Recipient, Transaction, Unit};

const MEASURES: &[(&str, Kind)] = &[
    ("use", Kind::Use),
    ("sessions", Kind::Sessions),
    ("interaction", Kind::Interaction),
    ("action", Kind::Action),
    ("answered", Kind::Answered),
    ("available", Kind::Available),
    ("sign-in", Kind::SignIn),
];

const GROUPS: &[(&str, Group)] = &[
    ("organisation", Group::Organisation),
    ("locality", Group::Locality),
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

const RECIPIENTS: &[(&str, Recipient)] = &[
    ("administrators", Recipient::Administrators),
    ("supplier", Recipient::Supplier),
];

/// How the claim of a kept report is tried.
const KEPT_LIMITS: &str = "Tried by looking for the report of the newest period that is over, for each of its readers, and \
                           counting it again: it must give the same figures. Not tried: that anybody read it; it is \
                           listed in the console and is not sent.";

/// How the claim of a share of minutes is tried.
const TARGET_LIMITS: &str = "Tried by counting the present period so far from what the gateway saw, requests of checks \
                             included, and from when the service did not run. Not seen: minutes in which it ran and \
                             nobody asked, and what happens between a person and the gateway.";

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
    Available,
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
    let to = recipients(&mut entry, readers.as_ref().map(|readers| readers.value));
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
        let audience = match readers {
            Readers::Supplier => Audience::Supplier,
            Readers::EachOrganisation => Audience::Tenant,
        };
        further_claims(
            &entry,
            title,
            every,
            audience,
            measure.as_ref(),
            to.as_deref(),
        );
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
            .for_audience(audience),
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
        to: to?,
    })
}

/// For whom a report is kept. What organisations may not read is not kept for their administrators.
fn recipients(entry: &mut Table<'_>, readers: Option<Readers>) -> Option<Vec<Recipient>> {
    if !entry.has("to") {
        return Some(Vec::new());
    }
    let named = entry.need_texts("to", "[\"administrators\"]")?;
    let mut to = Vec::new();
    for name in named.value {
        let known = RECIPIENTS.iter().find(|(word, _)| *word == name.value);
        match known {
            Some((_, Recipient::Administrators)) if readers == Some(Readers::Supplier) => {
                entry.fault(
                    name.at,
                    "only the supplier may read this report",
                    "not theirs",
                    "write `for = \"each-organisation\"`, or keep it for `supplier`",
                );
                return None;
            }
            Some((_, recipient)) if !to.contains(recipient) => to.push(*recipient),
            Some(_) => {}
            None => {
                entry.fault(
                    name.at,
                    format!("`to` cannot hold \"{}\"", name.value),
                    "nobody of that name",
                    "write `administrators` or `supplier`",
                );
                return None;
            }
        }
    }
    Some(to)
}

/// That a report is kept for somebody, and the share that it is measured by.
fn further_claims(
    entry: &Table<'_>,
    title: &str,
    every: Every,
    audience: Audience,
    measure: Option<&Measure>,
    to: Option<&[Recipient]>,
) {
    if let Some(to @ [_, ..]) = to {
        let whom: Vec<&str> = to.iter().map(|recipient| recipient.words()).collect();
        let words = RECIPIENTS
            .iter()
            .filter(|(_, recipient)| to.contains(recipient))
            .map(|(word, _)| (*word).to_owned());
        entry.claim(
            "to",
            Draft::enforced(
                format!(
                    "When a {} is over, “{title}” is made of it within an hour, kept, and listed in the console for {}.",
                    every.word(),
                    whom.join(" and ")
                ),
                Figure::Words(words.collect()),
                KEPT_LIMITS,
            )
            .for_audience(audience),
        );
    }
    if let Some(Measure::Available { target }) = measure {
        entry.claim(
            "target",
            Draft::enforced(
                format!(
                    "“{title}”: in each {} the service answers in {} of the minutes in which somebody asks, or more.",
                    every.word(),
                    Unit::Share.shown(*target)
                ),
                Figure::Count(*target),
                TARGET_LIMITS,
            )
            .for_audience(audience),
        );
    }
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
            // Wiring: it promises nothing, since whether a page includes the script is the application's matter.
            let in_browser = entry.or("in-browser", false, |entry, key| entry.truth(key));
            Measure::Interaction {
                on: on?,
                within: within?,
                in_browser: in_browser?,
            }
        }
        Kind::Action => {
            let (begins, ends) = (transaction(entry, "begins"), transaction(entry, "ends"));
            Measure::Action {
                begins: begins?,
                ends: ends?,
            }
        }
        Kind::Available => Measure::Available {
            target: share(entry, "target")?.value,
        },
        Kind::Answered => Measure::Answered {
            target: entry.or("target", None, |entry, key| {
                let found = share(entry, key)?;
                Some(avouch_statement::Spanned {
                    value: Some(found.value),
                    at: found.at,
                })
            })?,
        },
    })
}

fn share(entry: &mut Table<'_>, key: &'static str) -> Option<avouch_statement::Spanned<u64>> {
    entry.need_parsed(key, "a share", "99.5%", hundredths)
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
mod tests;
