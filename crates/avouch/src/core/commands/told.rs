//! What is written down of a command, and what is not done because nobody said why.

use avouch_events::{Action, Actor, Event, Outcome};

use super::SOURCE;
use crate::control::Request;
use crate::core::state::Core;

/// Why this is not read, if it should be said why and is not.
pub(super) fn unreasoned(core: &Core, request: &Request) -> Option<&'static str> {
    let required = core.statement.audit.because_required;
    let (because, required) = match request {
        Request::AuditSearch(asked) => (&asked.because, required),
        Request::AuditSubject(asked) => (&asked.because, true),
        Request::AuditExport(asked) => (&asked.because, true),
        Request::AuditUnusual { because, .. } => (because, true),
        _ => return None,
    };
    (required && because.trim().is_empty())
        .then_some("the audit trail is read only by those who say why")
}

/// The event of a command.
pub(super) fn event(core: &Core, request: &Request, outcome: Outcome) -> Event {
    let action = match request {
        Request::AuditSearch(_) | Request::AuditSubject(_) | Request::AuditUnusual { .. } => {
            Action::Search
        }
        Request::AuditExport(_) => Action::Export,
        Request::Check { .. } => Action::Checks,
        Request::Prove { .. } | Request::ProveSince { .. } => Action::Export,
        _ => Action::Administration,
    };
    let mut event = Event::new(
        core.now(),
        Actor::local_root(),
        action,
        request.operation(),
        outcome,
    )
    .from(SOURCE);
    for (name, value) in request.parameters() {
        event = event.with(&name, value);
    }
    event.correlation = format!("command-{}", event.at.as_microsecond());
    let read_for = match request {
        // Whoever reads about somebody is in that somebody's report, too.
        Request::AuditSubject(asked) => {
            event.parameters.remove("subject");
            event.subjects = vec![asked.subject.clone()];
            Some((&asked.behalf, &asked.tenant))
        }
        Request::AuditExport(asked) => Some((&asked.behalf, &asked.tenant)),
        _ => None,
    };
    if let Some((behalf, tenant)) = read_for {
        event.behalf = behalf.clone().unwrap_or_default();
        event.tenant = tenant
            .as_ref()
            .and_then(|tenant| core.tenants.get(&tenant.parse().ok()?))
            .map(|tenant| tenant.id);
    }
    event
}
