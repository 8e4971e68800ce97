//! What is written down of a request.

use avouch_events::{Action, Actor, Event, Outcome};
use avouch_gateway::link::{self, Begin, End};
use avouch_statement::TenantId;
use jiff::Timestamp;

/// Characters of a path that an event keeps.
const PATH_CAP: usize = 256;

/// The event of a request that has its outcome.
pub(super) fn outcome(
    mut event: Event,
    end: End,
    record: bool,
    unsafe_method: bool,
    now: jiff::Timestamp,
) -> Event {
    event.at = now;
    // An answer that names a record opened or made one, wherever its path lies.
    let record = record || !end.subjects.is_empty();
    event.action = match (record, unsafe_method) {
        (true, true) => Action::RecordChanged,
        (true, false) => Action::RecordOpened,
        (false, _) => Action::Request,
    };
    event.outcome = match end.outcome {
        link::Outcome::Answered if end.status < 400 => Outcome::Done,
        link::Outcome::Answered if matches!(end.status, 401 | 403) => Outcome::Refused,
        _ => Outcome::Failed,
    };
    event.reason = end.outcome.name().to_owned();
    event.status = Some(end.status);
    event.micros = Some(end.micros);
    event.subjects = end.subjects;
    event
}

/// The event of a read whose answer was thrown away, because what the core had said before did not hold any more.
pub(super) fn withheld(mut event: Event) -> Event {
    event.outcome = Outcome::Refused;
    event.reason = format!(
        "{}, and not shown: the sign-in had ended or changed meanwhile",
        event.reason
    );
    event
}

/// The event of a request that is let through, until its outcome is known. `session` is the session's mark.
pub(super) fn describe(
    begin: &Begin,
    who: Actor,
    tenant: Option<&TenantId>,
    session: String,
    now: jiff::Timestamp,
) -> Event {
    let action = match (&begin.record, begin.unsafe_method) {
        (Some(_), true) => Action::RecordChanged,
        (Some(_), false) => Action::RecordOpened,
        (None, _) => Action::Request,
    };
    let mut event = Event::new(
        now,
        who,
        action,
        format!("{} {}", begin.method, shortened(&begin.path)),
        Outcome::Intended,
    )
    .of(tenant)
    .from(begin.client.to_string());
    event.subjects.clone_from(&begin.subjects);
    event.session = session;
    event.correlation = correlation(now, begin.id);
    event
}

/// What all events of a request have in common: when it came, and the front's number for it.
pub(super) fn correlation(came: Timestamp, id: u64) -> String {
    format!("{}-{id}", came.as_microsecond())
}

/// A path as an event keeps it: an event is no place to store things.
pub(super) fn shortened(path: &str) -> String {
    path.chars().take(PATH_CAP).collect()
}
