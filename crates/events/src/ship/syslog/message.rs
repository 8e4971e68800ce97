//! One event as an RFC 5424 message.

use std::fmt::Write as _;

use crate::export::Origin;
use crate::{Outcome, Row};

/// `log audit`.
const FACILITY: u8 = 13;
/// The number that IANA keeps for examples stands behind our name, since Avouch has none of its own.
const ELEMENT: &str = "avouch@32473";
/// Bytes of a value: what a receiver must not cut off comes to 8 KiB altogether.
const LONGEST_VALUE: usize = 512;
/// Bytes of the longest lists: of subjects, and of parameters.
const LONGEST_LIST: usize = 1_536;

/// The whole message, without its length.
pub(super) fn message(row: &Row, origin: &Origin) -> String {
    let event = &row.event;
    let severity = match event.outcome {
        Outcome::Failed => 3,
        Outcome::Refused => 4,
        Outcome::Done | Outcome::Intended => 6,
    };
    let parameters: Vec<String> = event
        .parameters
        .iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    let number = |number: Option<u64>| number.map(|number| number.to_string()).unwrap_or_default();
    let fields = [
        ("log", origin.log.clone()),
        ("index", row.index.to_string()),
        ("who", event.who.name.clone()),
        ("id", event.who.id.clone()),
        ("role", event.who.role.to_string()),
        ("behalf", event.behalf.clone()),
        (
            "tenant",
            event
                .tenant
                .as_ref()
                .map(ToString::to_string)
                .unwrap_or_default(),
        ),
        ("locality", event.locality.clone()),
        ("action", event.action.to_string()),
        ("outcome", event.outcome.to_string()),
        ("object", event.object.clone()),
        ("subjects", event.subjects.join(" ")),
        ("reason", event.reason.clone()),
        ("parameters", parameters.join("; ")),
        ("source", event.source.clone()),
        ("session", event.session.clone()),
        ("status", number(event.status.map(u64::from))),
        ("micros", number(event.micros)),
        ("correlation", event.correlation.clone()),
        ("application", event.application.clone()),
    ];
    let mut text = format!(
        "<{}>1 {} {} avouch - {} [origin software=\"avouch\" swVersion=\"{}\"][{ELEMENT}",
        FACILITY * 8 + severity,
        at(event.at),
        name(&origin.service, 255),
        name(&event.action.to_string(), 32),
        value(&event.release, 32),
    );
    for (field, content) in fields.iter().filter(|(_, content)| !content.is_empty()) {
        let longest = if matches!(*field, "subjects" | "parameters") {
            LONGEST_LIST
        } else {
            LONGEST_VALUE
        };
        // Writing to a string does not fail.
        let _ = write!(text, " {field}=\"{}\"", value(content, longest));
    }
    let told = format!(
        "{} {} {}: {}",
        event.who.name, event.action, event.outcome, event.object
    );
    // The byte order mark says that the text is UTF-8.
    text + "] \u{feff}" + &plain(&told, LONGEST_VALUE)
}

/// UTC to the microsecond, which is as fine as the format goes.
fn at(time: jiff::Timestamp) -> String {
    time.strftime("%Y-%m-%dT%H:%M:%S%.6fZ").to_string()
}

/// Printable ASCII without blanks, or `-`.
fn name(text: &str, longest: usize) -> String {
    let name: String = text
        .chars()
        .filter(char::is_ascii_graphic)
        .take(longest)
        .collect();
    if name.is_empty() {
        "-".to_owned()
    } else {
        name
    }
}

/// A value between quotation marks.
fn value(text: &str, longest: usize) -> String {
    plain(text, longest)
        .chars()
        .fold(String::new(), |mut value, letter| {
            if matches!(letter, '"' | '\\' | ']') {
                value.push('\\');
            }
            value.push(letter);
            value
        })
}

/// Without control characters, with which a line could pretend to be two; cut off where it is too long.
fn plain(text: &str, longest: usize) -> String {
    let mut plain = String::new();
    for letter in text.chars() {
        if plain.len() + letter.len_utf8() > longest {
            plain.push('…');
            break;
        }
        plain.push(if letter.is_control() { ' ' } else { letter });
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Action, Actor, Event, Role};

    fn written(change: impl FnOnce(&mut Event)) -> String {
        let who = Actor {
            id: "p1".to_owned(),
            name: "ann@riverside.test".to_owned(),
            role: Role::Member,
        };
        let at = "2026-01-05T09:30:00.123456789Z".parse().unwrap();
        let mut event = Event::new(at, who, Action::RecordOpened, "GET /wards/1", Outcome::Done);
        event.release = "1.2.3".to_owned();
        change(&mut event);
        let origin = Origin {
            log: "acuity.test/ledger".to_owned(),
            service: "acuity.test".to_owned(),
        };
        message(&Row { index: 7, event }, &origin)
    }

    #[test]
    fn an_event_is_one_line_with_everything_in_its_structured_data() {
        assert_eq!(
            written(|event| {
                event.subjects = vec!["17".to_owned(), "18".to_owned()];
                event.status = Some(200);
            }),
            "<110>1 2026-01-05T09:30:00.123456Z acuity.test avouch - record-opened \
             [origin software=\"avouch\" swVersion=\"1.2.3\"][avouch@32473 log=\"acuity.test/ledger\" index=\"7\" \
             who=\"ann@riverside.test\" id=\"p1\" role=\"member\" action=\"record-opened\" outcome=\"done\" \
             object=\"GET /wards/1\" subjects=\"17 18\" status=\"200\"] \
             \u{feff}ann@riverside.test record-opened done: GET /wards/1"
        );
    }

    #[test]
    fn what_was_not_allowed_and_what_failed_stand_out() {
        assert!(written(|event| event.outcome = Outcome::Refused).starts_with("<108>1 "));
        assert!(written(|event| event.outcome = Outcome::Failed).starts_with("<107>1 "));
    }

    #[test]
    fn nothing_in_an_event_ends_its_message_or_begins_another() {
        let text = written(|event| {
            event.object = "GET /a\"] \\\n<14>1 - forged".to_owned();
        });
        assert!(!text.contains('\n'));
        assert!(
            text.contains(r#"object="GET /a\"\] \\ <14>1 - forged""#),
            "{text}"
        );
    }

    #[test]
    fn the_longest_event_is_within_what_receivers_take() {
        let long = "é".repeat(4_000);
        let text = written(|event| {
            event.object.clone_from(&long);
            event.reason.clone_from(&long);
            event.source.clone_from(&long);
            event.behalf.clone_from(&long);
            event.locality.clone_from(&long);
            event.correlation.clone_from(&long);
            event.who.name.clone_from(&long);
            event.subjects = vec![long.clone(); 9];
            event.parameters.insert("because".to_owned(), long.clone());
        });
        assert!(text.len() <= 8_192, "{} bytes", text.len());
        assert!(text.contains('…'));
    }
}
