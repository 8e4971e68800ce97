//! What a report needs of an event, and nothing else of it.

use jiff::Timestamp;

use super::available::stopped;
use crate::index::kind::{self, Answer};
use crate::{Action, Event, Outcome, Role};

/// One event, or several that are alike in all of this.
#[derive(Debug, Clone)]
pub struct Fact<'a> {
    pub(super) at: Timestamp,
    pub(super) who: &'a str,
    pub(super) role: Role,
    pub(super) tenant: Option<&'a str>,
    pub(super) action: Action,
    pub(super) outcome: Outcome,
    /// Whether it has the status of an answer, and whose fault that is.
    pub(super) answer: Answer,
    pub(super) locality: &'a str,
    /// From when until when the service did not run, if this is its start.
    pub(super) stopped: Option<(Timestamp, Timestamp)>,
    pub(super) object: &'a str,
    /// Its session's number.
    pub(super) session: Option<i64>,
    pub(super) micros: Option<u64>,
    /// So many events.
    pub(super) events: u64,
}

impl<'a> Fact<'a> {
    /// Of one event.
    #[must_use]
    pub fn of(event: &'a Event) -> Self {
        Self {
            at: event.at,
            who: &event.who.name,
            role: event.who.role,
            tenant: event.tenant.as_ref().map(|tenant| tenant.as_str()),
            action: event.action,
            outcome: event.outcome,
            answer: Answer::of(event),
            locality: &event.locality,
            stopped: stopped(event),
            object: &event.object,
            session: kind::session(event),
            micros: event.micros,
            events: 1,
        }
    }

    /// Of events of one kind, as the index numbers them, by one person about one tenant; `None` for no known number.
    pub(super) fn counted(
        at: Timestamp,
        who: &'a str,
        tenant: Option<&'a str>,
        kind: i64,
        events: u64,
    ) -> Option<Self> {
        let (action, outcome, role, answer) = kind::parts(kind)?;
        Some(Self {
            at,
            who,
            role,
            tenant,
            action,
            outcome,
            answer,
            locality: "",
            stopped: None,
            object: "",
            session: None,
            micros: None,
            events,
        })
    }
}
