//! A request under way: whatever becomes of it, the core is told once.

use http::StatusCode;
use tokio::time::Instant;

use crate::link::{Begin, End, Ending, FrontEnd, Outcome, Read, WarrantMark};

/// A forwarded request whose end is still to be told. Dropped in between, because the client went away, it tells that.
pub(super) struct Open<'a> {
    pub(super) link: &'a FrontEnd,
    pub(super) end: Option<End>,
    /// What was not asked about it, and the word that it goes on instead.
    pub(super) unasked: Option<(Begin, WarrantMark)>,
    pub(super) started: Instant,
}

impl Open<'_> {
    /// Phase `hold`: the outcome is on disk before anything is released. Says whether it is.
    pub(super) async fn hold(
        &mut self,
        status: StatusCode,
        bytes: Option<u64>,
        shown: Vec<String>,
        outcome: Outcome,
    ) -> bool {
        let Some(mut end) = self.finished() else {
            return true;
        };
        end.status = status.as_u16();
        end.bytes = bytes;
        end.outcome = outcome;
        for subject in shown {
            if !end.subjects.contains(&subject) {
                end.subjects.push(subject);
            }
        }
        let ending = self.ending(end);
        self.link.end(ending).await.unwrap_or(false)
    }

    /// Nothing was forwarded, so there is nothing to tell.
    pub(super) fn unsent(&mut self) {
        self.end = None;
    }

    fn finished(&mut self) -> Option<End> {
        let micros = u64::try_from(self.started.elapsed().as_micros()).unwrap_or(u64::MAX);
        self.end.take().map(|end| End { micros, ..end })
    }

    fn ending(&mut self, end: End) -> Ending {
        match self.unasked.take() {
            None => Ending::Asked(end),
            Some((begin, warrant)) => Ending::Unasked(Box::new(Read {
                begin,
                warrant,
                end,
            })),
        }
    }
}

impl Drop for Open<'_> {
    fn drop(&mut self) {
        if let Some(end) = self.finished() {
            let ending = self.ending(end);
            self.link.end_alone(ending);
        }
    }
}
