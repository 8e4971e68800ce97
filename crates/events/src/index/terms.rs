//! Events and questions as terms of one inverted index.
//!
//! What is asked for exactly (a subject, a tenant, an outcome) is a mark: an underscore, a letter for the field, and the
//! start of the value's digest. Words are lower-case letters and digits, so no word is ever a mark, and nothing that is
//! typed means anything to the index's query language.

use sha2::{Digest as _, Sha256};

use crate::{Event, Query, Role};

/// Not by a synthetic person.
const REAL: &str = "_p";
/// Words of one question that are looked for; the rest are passed over.
const MOST_WORDS: usize = 16;

/// The terms of an event, with a blank between two. Only what can be asked for is one.
pub(super) fn of_event(event: &Event) -> String {
    let mut terms = String::with_capacity(512);
    let mut add = |term: &str| {
        terms.push_str(term);
        terms.push(' ');
    };
    let tenant = event.tenant.as_ref().map_or("", |tenant| tenant.as_str());
    for (letter, value) in [
        ('t', tenant),
        ('w', &event.who.name),
        ('a', &event.action.to_string()),
        ('o', &event.outcome.to_string()),
    ] {
        add(&mark(letter, value));
    }
    for (letter, value) in [
        ('i', &event.who.id),
        ('f', &event.source),
        ('l', &event.locality),
        ('e', &event.session),
    ] {
        if !value.is_empty() {
            add(&mark(letter, value));
        }
    }
    for subject in &event.subjects {
        add(&mark('s', subject));
    }
    if event.who.role != Role::Synthetic {
        add(REAL);
    }
    let texts = [&event.object, &event.reason, &event.locality].into_iter();
    let parameters = event.parameters.iter();
    for text in texts.chain(parameters.flat_map(|(name, value)| [name, value])) {
        words(text).for_each(|word| add(&word));
    }
    terms
}

/// A question in the index's query language, given everybody who fits its `who`; `None` if anything fits.
pub(super) fn of_query(query: &Query, people: &[String]) -> Option<String> {
    let mut wanted = Vec::new();
    if let Some(tenant) = &query.tenant {
        wanted.push(mark('t', tenant.as_deref().unwrap_or("")));
    }
    for (letter, value) in [
        ('a', &query.action),
        ('o', &query.outcome),
        ('s', &query.subject),
        ('f', &query.source),
        ('l', &query.locality),
        ('e', &query.session),
    ] {
        wanted.extend(value.as_ref().map(|value| mark(letter, value)));
    }
    if query.without_checks {
        wanted.push(REAL.to_owned());
    }
    let mut wanted: Vec<String> = wanted.iter().map(|mark| format!("\"{mark}\"")).collect();
    if let Some(who) = &query.who {
        let mut marks = vec![format!("\"{}\"", mark('i', who))];
        marks.extend(people.iter().map(|name| format!("\"{}\"", mark('w', name))));
        wanted.push(format!("({})", marks.join(" OR ")));
    }
    if let Some(text) = &query.words {
        let words = words(text).take(MOST_WORDS);
        wanted.extend(words.map(|word| format!("\"{word}\" *")));
    }
    (!wanted.is_empty()).then(|| wanted.join(" AND "))
}

/// What is asked for exactly.
fn mark(field: char, value: &str) -> String {
    let digest = Sha256::digest(value.as_bytes());
    let start = digest.as_slice().first_chunk().copied().unwrap_or_default();
    format!("_{field}{:016x}", u64::from_be_bytes(start))
}

/// Runs of letters and digits in lower case; letters beyond ASCII by their number.
fn words(text: &str) -> impl Iterator<Item = String> {
    text.split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(|word| {
            if word.is_ascii() {
                return word.to_ascii_lowercase();
            }
            let letters = word.chars().flat_map(char::to_lowercase);
            letters.fold(String::new(), |mut word, letter| {
                if letter.is_ascii_alphanumeric() {
                    word.push(letter);
                } else {
                    word.push_str(&format!("u{:04x}", u32::from(letter)));
                }
                word
            })
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Action, Actor, Outcome};

    #[test]
    fn an_event_is_found_by_each_of_its_marks_and_by_the_start_of_its_words() {
        let mut event = Event::new(
            jiff::Timestamp::UNIX_EPOCH,
            Actor::local_root(),
            Action::Drill,
            "restore of Zürich-2",
            Outcome::Done,
        );
        event.subjects = vec!["9434765919".to_owned()];
        let terms = of_event(&event);
        let terms: Vec<&str> = terms.split(' ').collect();
        let query = Query {
            subject: Some("9434765919".to_owned()),
            action: Some("drill".to_owned()),
            tenant: Some(None),
            words: Some("Zürich".to_owned()),
            without_checks: true,
            ..Query::default()
        };
        let asked = of_query(&query, &[]).unwrap();
        for part in asked.split(" AND ") {
            let (term, prefix) = match part.strip_suffix(" *") {
                Some(part) => (part, true),
                None => (part, false),
            };
            let term = term.trim_matches('"');
            assert!(
                terms.iter().any(|known| if prefix {
                    known.starts_with(term)
                } else {
                    *known == term
                }),
                "{term} in {terms:?}"
            );
        }
        assert!(terms.iter().all(|term| term.is_ascii()), "{terms:?}");
    }

    #[test]
    fn nothing_typed_reaches_the_query_language() {
        for typed in [
            "\" OR *",
            "a) NOT (b",
            "^x NEAR(y, 2)",
            "_s00",
            "object:z",
            "\u{1f600}",
        ] {
            let query = Query {
                words: Some(typed.to_owned()),
                subject: Some(typed.to_owned()),
                who: Some(typed.to_owned()),
                ..Query::default()
            };
            let asked = of_query(&query, &[]).unwrap();
            let plain = asked
                .replace("\" * AND ", "")
                .replace(" AND ", "")
                .replace(['(', ')', '"'], "")
                .replace(" *", "");
            assert!(
                plain.chars().all(|c| c.is_ascii_alphanumeric() || c == '_'),
                "{typed} gives {asked}"
            );
        }
        assert_eq!(of_query(&Query::default(), &[]), None);
    }
}
