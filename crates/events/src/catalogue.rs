//! The catalogue in words: what each event means, when it is written, and what it never leaves out.
//!
//! `docs/events.md` is this text; a test compares the two. What is never left out is held against a real service's trail.

use std::fmt::Write as _;

use crate::{Action, Event, Outcome, Role};

/// A part of an event that can be missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Field {
    /// Whose data it is about.
    Tenant,
    /// Which people or records.
    Subjects,
    /// Why, or what was answered.
    Reason,
    /// With what.
    Parameters,
    /// From where.
    Source,
    /// In which session.
    Session,
    /// With what HTTP status.
    Status,
    /// How long it took.
    Micros,
    /// Together with what.
    Correlation,
}

/// What an action's events mean, and what none of them leaves out.
#[derive(Debug, Clone, Copy)]
pub struct Meaning {
    /// When one is written.
    pub when: &'static str,
    /// What every one of them says besides when, who, in what role, what, on what, what came of it and under which
    /// versions.
    pub always: &'static [Field],
    /// What is said, too, once it was done by somebody with an account.
    pub done: &'static [Field],
    /// What is said, too, when it was refused to somebody with an account.
    pub refused: &'static [Field],
}

impl Field {
    /// Whether an event says it.
    #[must_use]
    pub fn is_in(self, event: &Event) -> bool {
        match self {
            Self::Tenant => event.tenant.is_some(),
            Self::Subjects => !event.subjects.is_empty(),
            Self::Reason => !event.reason.is_empty(),
            Self::Parameters => !event.parameters.is_empty(),
            Self::Source => !event.source.is_empty(),
            Self::Session => !event.session.is_empty(),
            Self::Status => event.status.is_some(),
            Self::Micros => event.micros.is_some(),
            Self::Correlation => !event.correlation.is_empty(),
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Tenant => "tenant",
            Self::Subjects => "subjects",
            Self::Reason => "reason",
            Self::Parameters => "parameters",
            Self::Source => "source",
            Self::Session => "session",
            Self::Status => "status",
            Self::Micros => "micros",
            Self::Correlation => "correlation",
        }
    }
}

impl Action {
    /// What this action's events mean.
    #[must_use]
    pub const fn meaning(self) -> Meaning {
        use Field::{Correlation, Micros, Parameters, Reason, Session, Source, Status, Tenant};
        let (when, always, done, refused): (_, &[Field], &[Field], &[Field]) = match self {
            Self::SignIn => (
                "Somebody gave a password, or came to a host with the pass that it earned; refusals too. The address that was typed at a refusal is not kept, since it may be a password in the wrong field.",
                &[Source],
                &[Micros, Correlation],
                &[Micros, Correlation],
            ),
            Self::SignOut => (
                "Somebody signed out, which ends all their sessions.",
                &[Source, Session, Correlation],
                &[Micros],
                &[],
            ),
            Self::Connection => (
                "A connection to the gateway is over, where the statement promises that: from which port, to which address and port, how many bytes each way, how long, and whether it was let in. Bytes are those of the transport, with all that TLS adds.",
                &[Parameters],
                &[],
                &[],
            ),
            Self::Request => (
                "A request that opened no record, or that was turned away: by the gateway's hygiene, for want of a session, or at another organisation's host. What strangers are refused beyond a rate is summed up. A tunnel leaves one more when it closes.",
                &[],
                &[Tenant, Source, Session, Correlation, Status, Micros],
                &[Source, Session, Correlation, Micros],
            ),
            Self::RecordOpened => (
                "A record was opened, or that was refused. The event of what was done is on disk before the answer leaves.",
                &[Source],
                &[Tenant, Session, Correlation, Status, Micros],
                &[Session, Correlation, Status, Micros],
            ),
            Self::RecordChanged => (
                "A record was made, changed or removed: once as intended, before the application hears of it, and once with what came of it.",
                &[Source, Correlation],
                &[Tenant, Session, Status, Micros],
                &[Session, Status, Micros],
            ),
            Self::Search => (
                "Somebody read the trail: a search, a subject's report, a report.",
                &[Source, Correlation],
                &[Session, Micros],
                &[Session, Micros],
            ),
            Self::Export => (
                "Evidence left: an export, a proof, a pack.",
                &[Source, Correlation],
                &[Session, Micros],
                &[Session, Micros],
            ),
            Self::Administration => (
                "An account, a tenant or a setting was managed, in the console or on the command line; refusals too.",
                &[Source],
                &[Correlation, Micros],
                &[Correlation, Micros],
            ),
            Self::Backup => (
                "A backup was taken, read back or removed.",
                &[Correlation],
                &[Session, Micros],
                &[],
            ),
            Self::Restore => (
                "A backup was restored; of the platform, also that everything was, onto a bare machine.",
                &[Correlation],
                &[Micros],
                &[],
            ),
            Self::Drill => (
                "A restore was rehearsed.",
                &[Correlation],
                &[Session, Micros],
                &[],
            ),
            Self::Checks => (
                "Somebody had the checks run.",
                &[Source, Correlation],
                &[Session, Micros],
                &[],
            ),
            Self::Finding => (
                "A claim stands otherwise than before: it was held and is broken, or is held again, or failed the first time that it was tried. In the trail of the tenant on whose data it was seen, or in the platform's.",
                &[Parameters],
                &[],
                &[],
            ),
            Self::Release => (
                "The service started with another version of the application than before, by its declared version and its program's SHA-256. In every tenant's trail and the platform's.",
                &[Parameters],
                &[],
                &[],
            ),
            Self::Timing => (
                "A browser said how long one of the requests took that a report measures in the browser: which, how long, and nothing else. The figure is the browser's word.",
                &[Tenant, Source, Session, Micros, Correlation],
                &[],
                &[],
            ),
            Self::ServerLogin => (
                "The machine's own record of logins has a new line, where the statement has it followed: somebody logged in to the server or left it, it was started, its clock was set. `noted` is the time in the record. Also that the record was set aside, or does not hold any more what it held.",
                &[Parameters],
                &[],
                &[],
            ),
            Self::System => (
                "The platform started, stopped, restarted something, or noticed something: a doubtful clock, a full disk, a receiver of the trail that is away; when an application ran and was needed, where that is promised ([idle.md](idle.md)).",
                &[Reason],
                &[],
                &[],
            ),
        };
        Meaning {
            when,
            always,
            done,
            refused,
        }
    }

    /// What is missing in an event of this action that should be there.
    #[must_use]
    pub fn missing(event: &Event) -> Vec<Field> {
        let meaning = event.action.meaning();
        let by_somebody = matches!(
            event.who.role,
            Role::Member | Role::Administrator | Role::Supplier | Role::Synthetic
        );
        let more = match event.outcome {
            Outcome::Done if by_somebody => meaning.done,
            Outcome::Refused if by_somebody => meaning.refused,
            _ => &[],
        };
        let asked = meaning.always.iter().chain(more);
        asked.copied().filter(|field| !field.is_in(event)).collect()
    }
}

/// The catalogue as a page.
#[must_use]
pub fn page() -> String {
    let mut page = String::from(HEAD);
    for action in Action::ALL {
        let meaning = action.meaning();
        let names = |fields: &[Field]| match fields {
            [] => "–".to_owned(),
            fields => fields
                .iter()
                .map(|field| format!("`{}`", field.name()))
                .collect::<Vec<_>>()
                .join(", "),
        };
        // Writing to a string does not fail.
        let _ = writeln!(
            page,
            "| `{action}` | {} | {} | {} | {} |",
            meaning.when,
            names(meaning.always),
            names(meaning.done),
            names(meaning.refused)
        );
    }
    page
}

const HEAD: &str = "\
# Events

What Avouch writes down, and what each entry says. This page is made from the code (`crates/events/src/catalogue.rs`), and a
test compares the two; another looks through a real service's trail for an event that leaves out what it should say.

An event never holds a password, a token, a key, or what stands in a record.

## What an event says

| field | meaning |
| --- | --- |
| `at` | When, UTC, by this machine's clock. |
| `who` | The account's id and address, and in what role: `member`, `administrator`, `supplier`, `synthetic` (exists for checks alone), `platform`, `local-root` (root at a shell of this machine), `nobody`, or `server` (an account of the machine itself, which its record of logins names). Of somebody from another organisation the id alone. |
| `behalf` | On whose behalf, as they said. |
| `tenant` | Whose data or account it is about, and so in whose trail it is; none for the platform's own. |
| `locality` | The site or unit that the person's account belongs to when it happened, as an administrator set it in the console, or `avouch user locality` or `avouch user add --locality`. |
| `action` | One of those below. |
| `object` | On what: a method and path without its query, an account, a drill, a claim. |
| `subjects` | The people or records, from the path pattern that the statement gives or from the application's `Avouch-Subject` header. |
| `outcome` | `intended` (the outcome follows under the same correlation), `done`, `refused` (not allowed) or `failed`. |
| `reason` | Why it was refused or failed, or what was answered. |
| `parameters` | What a management act, a search or an export was given, secrets masked; `because` is the reason that somebody gave for reading. |
| `source` | The address that it came from; `local` for a command on this machine, empty for the platform itself. |
| `session` | A tag of the session. It groups events and opens nothing: it is a digest of the person, the host and the moment. A command has none, and nobody has one before they are in. |
| `status` | The answer's HTTP status. |
| `micros` | How long it took, in microseconds: to the answer, or to the end of what was begun. Of what the core refused, within the core. An intent has none. |
| `correlation` | What the events of one request, command, backup or drill have in common; it ties an intent to its outcome. |
| `release` | The version of Avouch. |
| `application` | The version of the application, as the statement declares it, and the start of its program's SHA-256. |

## What happens

| action | when it is written | what none leaves out | and none that somebody with an account has done | and none that they were refused |
| --- | --- | --- | --- | --- |
";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_in_the_documentation_is_this_one() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/events.md");
        if std::env::var_os("AVOUCH_BLESS").is_some() {
            std::fs::write(path, page()).unwrap();
        }
        let kept = std::fs::read_to_string(path).unwrap_or_default();
        assert!(
            kept == page(),
            "docs/events.md is not what the code says; `AVOUCH_BLESS=1 cargo test -p avouch-events catalogue` writes it"
        );
    }
}
