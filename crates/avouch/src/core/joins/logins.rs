//! The machine's record of logins, and what the trail has of it, as the check of logins sees them.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use avouch_audit::checks::{COMPARED, Following, Looked, Lost, Told};
use avouch_audit::logins::{Began, Digest, records};
use avouch_events::Row;
use avouch_evidence::BoxFuture;
use jiff::{SignedDuration, Timestamp};

use crate::core::logins::{LINE, NOTED, ServerLogins, TERMINAL, began, snapshot, told};
use crate::core::state::Core;
use crate::fail::chain;

/// The follower is waited for so long: at a start it reads back what was told.
const PATIENCE: Duration = Duration::from_secs(30);
/// What a record lost is looked for this far back.
const FAR: SignedDuration = SignedDuration::from_hours(8 * 24);

/// Looks at the record.
pub struct LoginRecord(pub Arc<Core>, pub Arc<ServerLogins>);

impl Following for LoginRecord {
    fn look(&self) -> BoxFuture<'_, Result<Looked, String>> {
        Box::pin(async {
            let path = self.1.settings.record.clone();
            let read = tokio::task::spawn_blocking(move || snapshot(&path)).await;
            let record = read.map_err(|error| error.to_string())?;
            let record =
                record.and_then(|found| found.ok_or_else(|| "there is no such file".to_owned()));
            let since = self.0.now();
            // What was read here has been told once the follower has looked after it.
            let mut followed = self.1.followed();
            let later = |at: &Option<Timestamp>| at.is_some_and(|at| at > since);
            if record.is_ok() {
                // Where it does not look, the check says so.
                let _ = tokio::time::timeout(PATIENCE, followed.wait_for(later))
                    .await
                    .is_ok();
            }
            let followed = *followed.borrow();
            let bytes = record.map(|record| record.bytes);
            let lines = bytes.as_ref().map_or(&[][..], Vec::as_slice);
            let mut looked = self.told(lines).await?;
            looked.record = bytes;
            looked.followed = followed;
            Ok(looked)
        })
    }
}

impl LoginRecord {
    /// What the trail tells, as far back as the lines that are compared need it.
    async fn told(&self, record: &[u8]) -> Result<Looked, String> {
        let lines: Vec<_> = records(record).collect();
        let newest = lines.len().saturating_sub(COMPARED);
        let newest = lines.get(newest..).unwrap_or_default().iter();
        let mut wanted: HashSet<String> = newest
            .map(|line| Digest::of(line.as_slice()).to_string())
            .collect();
        let until = self.0.now() - FAR;
        let mut looked = Looked {
            record: Ok(Vec::new()),
            followed: None,
            told: Vec::new(),
            lost: Vec::new(),
            restored: None,
        };
        let mut query = told();
        loop {
            let page = self.0.index.search(&query).await;
            let page = page.map_err(|error| chain(&error))?;
            let far = page.rows.last().is_none_or(|row| row.event.at < until);
            for row in page.rows.iter().filter(|row| self.1.is_ours(row)) {
                match began(&row.event) {
                    Some(Began::Lost { .. }) => looked.lost.push(Lost {
                        index: row.index,
                        at: row.event.at,
                        what: row.event.reason.clone(),
                    }),
                    Some(Began::Restored) => looked.restored = looked.restored.max(Some(row.index)),
                    Some(Began::Rotated) | None => {}
                }
                if let Some(told) = line(row) {
                    wanted.remove(&told.line);
                    looked.told.push(told);
                }
            }
            query.before = page.next;
            if query.before.is_none() || far && wanted.is_empty() {
                return Ok(looked);
            }
        }
    }
}

/// What an event says of a line of the record.
fn line(row: &Row) -> Option<Told> {
    let parameter = |name: &str| row.event.parameters.get(name).cloned();
    Some(Told {
        index: row.index,
        line: parameter(LINE)?,
        account: row.event.who.name.clone(),
        terminal: parameter(TERMINAL)?,
        at: parameter(NOTED)?,
    })
}
