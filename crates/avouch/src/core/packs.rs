//! Makes a tenant's pack from the ledger.

use std::collections::VecDeque;
use std::sync::Arc;

use avouch_events::Action;
use avouch_evidence::{Entry, Finding, Opened, Pack, PackRound, Sealed};
use avouch_ledger::{Kind, Stored};
use avouch_statement::TenantId;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::asker::{Asker, over};
use super::state::Core;
use crate::fail::Fail;

/// A pack holds at most so many of the newest events of the tenant: about 15 MiB of text.
const MOST_EVENTS: usize = 20_000;
/// And so many of the newest rounds: a month of hourly ones.
const MOST_ROUNDS: usize = 750;

impl Core {
    /// Makes a pack for a tenant. That it was made is an event first.
    ///
    /// # Errors
    /// If there is no such tenant, or the ledger cannot be read.
    pub async fn pack(self: &Arc<Self>, tenant: &TenantId, by: &Asker) -> Result<String, Fail> {
        let Some(known) = self.tenants.get(tenant) else {
            return Err(Fail::new(format!("there is no tenant `{tenant}`"))
                .help("`avouch tenant list` shows them"));
        };
        let event = by
            .event(Action::Export, format!("pack {tenant}"))
            .of(Some(tenant));
        let made = self.pack_of(known.id).await;
        let event = over(event, &made, self.now());
        self.record(event).await.map_err(|error| {
            Fail::new("the making of the pack cannot be recorded, so it is not given out")
                .from(error)
        })?;
        made
    }

    async fn pack_of(self: &Arc<Self>, tenant: TenantId) -> Result<String, Fail> {
        let core = self.clone();
        let published = self
            .ledger
            .publish()
            .await
            .map_err(|error| Fail::new("the checkpoint cannot be published").from(error))?;
        tokio::task::spawn_blocking(move || core.gather(&tenant, &published.text, published.size))
            .await
            .map_err(|error| Fail::new("the pack could not be made").from(error))?
    }

    fn gather(&self, tenant: &TenantId, checkpoint: &str, size: u64) -> Result<String, Fail> {
        let stream = self
            .streams
            .of(Some(tenant))
            .map_err(|error| Fail::new("the tenant's stream cannot be read").from(error))?;
        let (mut rounds, mut events) = (VecDeque::new(), VecDeque::new());
        for stored in self.reader.scan(0) {
            let stored =
                stored.map_err(|error| Fail::new("the ledger cannot be read").from(error))?;
            if stored.index >= size {
                break;
            }
            if stored.leaf.kind == Kind::Round {
                rounds.push_back(stored);
                if rounds.len() > MOST_ROUNDS {
                    rounds.pop_front();
                }
            } else if stored.leaf.stream == stream {
                let opened = self.opener.open(&stored).map_err(|error| {
                    Fail::new(format!("entry {} cannot be opened", stored.index)).from(error)
                })?;
                events.push_back((stored, opened));
                if events.len() > MOST_EVENTS {
                    events.pop_front();
                }
            }
        }
        let rounds = rounds
            .iter()
            .map(|stored| self.pack_round(stored, size, tenant))
            .collect::<Result<Vec<_>, Fail>>()?;
        let events = events
            .into_iter()
            .map(|(stored, opened)| {
                let text = String::from_utf8(opened.payload)
                    .map_err(|error| Fail::new("an event is not text").from(error))?;
                self.entry(&stored, &opened.salt, text, size)
            })
            .collect::<Result<Vec<_>, Fail>>()?;
        let pack = Pack {
            format: "avouch-pack/v2".to_owned(),
            tenant: tenant.clone(),
            made: self.now(),
            promise: self.promise.clone(),
            key: self.ledger.vkey().to_owned(),
            checkpoint: checkpoint.to_owned(),
            rounds,
            stream: hex::encode(stream),
            events,
        };
        let (body, text) = pack
            .body()
            .map_err(|error| Fail::new("the pack cannot be written").from(error))?;
        let note = self
            .signer
            .sign_text(&text)
            .map_err(|error| Fail::new("the pack cannot be signed").from(error))?;
        Ok(format!("{body}\n{note}"))
    }

    fn pack_round(&self, stored: &Stored, size: u64, tenant: &TenantId) -> Result<PackRound, Fail> {
        let unread = |why: &str| Fail::new(format!("the round at entry {} {why}", stored.index));
        let opened = self
            .opener
            .open(stored)
            .map_err(|error| unread("cannot be opened").from(error))?;
        let sealed: Sealed = serde_json::from_slice(&opened.payload)
            .map_err(|error| unread("cannot be read").from(error))?;
        let round = sealed
            .round()
            .map_err(|error| unread("cannot be read").from(error))?;
        let shown = |(finding, opened): (&Finding, &Opened)| {
            finding.readable_by(tenant).then(|| opened.clone())
        };
        Ok(PackRound {
            findings: round
                .findings
                .iter()
                .zip(&round.opened)
                .map(shown)
                .collect(),
            entry: self.entry(stored, &opened.salt, sealed.header, size)?,
        })
    }

    /// An entry with its proof under the checkpoint of this size.
    pub(super) fn entry(
        &self,
        stored: &Stored,
        salt: &[u8; 32],
        payload: String,
        size: u64,
    ) -> Result<Entry, Fail> {
        let proof = self
            .reader
            .inclusion_proof(stored.index, size)
            .map_err(|error| {
                Fail::new(format!("entry {} cannot be proven", stored.index)).from(error)
            })?;
        Ok(Entry {
            index: stored.index,
            leaf: hex::encode(stored.leaf.encode()),
            salt: hex::encode(salt),
            payload,
            proof: proof.iter().map(|hash| STANDARD.encode(hash)).collect(),
        })
    }
}
