//! Makes the file in which events of the audit trail are taken away, each with its proof.

use std::collections::BTreeMap;
use std::sync::Arc;

use avouch_events::Query;
use avouch_evidence::{Entry, Trail};
use avouch_ledger::Published;
use avouch_statement::TenantId;

use super::reading;
use super::state::Core;
use crate::fail::Fail;

/// A file holds at most so many events: some 4 MiB of text.
pub const MOST: u64 = 5_000;

/// What came of a wish for such a file.
pub enum Taken {
    /// The file's text, and how many events are in it.
    File(String, usize),
    /// More than [`MOST`] fit.
    TooMany,
    /// None fits.
    Nothing,
}

impl Core {
    /// Every event that a search finds, with its proof under a checkpoint that covers it. `asked` is what the reader is
    /// told was searched for. That it is made is recorded by the caller.
    ///
    /// # Errors
    /// If the search cannot be answered in full, or the ledger not be read.
    pub async fn trail_with_proofs(
        self: &Arc<Self>,
        query: Query,
        asked: BTreeMap<String, String>,
        tenant: Option<TenantId>,
    ) -> Result<Taken, Fail> {
        let mut entries = Vec::new();
        let mut query = Query {
            before: None,
            limit: reading::PAGE,
            ..query
        };
        loop {
            let page = reading::whole(self, &query).await?;
            entries.extend(page.rows.iter().map(|row| row.index));
            if entries.len() > usize::try_from(MOST).unwrap_or(usize::MAX) {
                return Ok(Taken::TooMany);
            }
            query.before = page.next;
            if query.before.is_none() {
                break;
            }
        }
        entries.sort_unstable();
        let Some(&newest) = entries.last() else {
            return Ok(Taken::Nothing);
        };
        let checkpoint = self.checkpoint_over(newest).await?;
        let (core, events) = (self.clone(), entries.len());
        let file = tokio::task::spawn_blocking(move || {
            core.write_trail(entries, asked, tenant, checkpoint)
        })
        .await
        .map_err(|error| Fail::new("the file could not be made").from(error))??;
        Ok(Taken::File(file, events))
    }

    /// The newest checkpoint over an entry: the one that witnesses have signed, if there are witnesses and it reaches so far.
    async fn checkpoint_over(&self, entry: u64) -> Result<Published, Fail> {
        let published = self
            .ledger
            .publish()
            .await
            .map_err(|error| Fail::new("the checkpoint cannot be published").from(error))?;
        if let Some(witnesses) = &self.witnesses {
            witnesses.sign_now().await;
        }
        let witnessed = self.reader.cosigned();
        Ok(witnessed
            .filter(|witnessed| witnessed.size > entry)
            .unwrap_or(published))
    }

    fn write_trail(
        &self,
        entries: Vec<u64>,
        asked: BTreeMap<String, String>,
        tenant: Option<TenantId>,
        checkpoint: Published,
    ) -> Result<String, Fail> {
        let events = entries
            .iter()
            .map(|&index| self.proven(index, checkpoint.size))
            .collect::<Result<Vec<_>, Fail>>()?;
        let trail = Trail {
            format: Trail::FORMAT,
            service: self.statement.gateway.domain.clone(),
            tenant,
            made: self.now(),
            asked,
            key: self.ledger.vkey().to_owned(),
            checkpoint: checkpoint.text,
            entries,
            events,
        };
        let unwritten = || Fail::new("the file cannot be written");
        let (lines, text) = trail.body().map_err(|error| unwritten().from(error))?;
        let note = self
            .signer
            .sign_text(&text)
            .map_err(|error| unwritten().from(error))?;
        Ok(lines + &note)
    }

    fn proven(&self, index: u64, size: u64) -> Result<Entry, Fail> {
        let unread = || Fail::new(format!("entry {index} cannot be read"));
        let stored = self
            .reader
            .read(index)
            .map_err(|error| unread().from(error))?;
        let opened = self
            .opener
            .open(&stored)
            .map_err(|error| unread().from(error))?;
        let text = String::from_utf8(opened.payload).map_err(|error| unread().from(error))?;
        self.entry(&stored, &opened.salt, text, size)
    }
}
