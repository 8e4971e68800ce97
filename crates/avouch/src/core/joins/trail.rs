//! The ledger as the audit checks see it, and damaged copies of it.

use std::collections::HashSet;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;

use avouch_access::PersonId;
use avouch_audit::checks::{Contents, Damage, Harm, Line, Mark, Stage};
use avouch_events::{Event, Outcome, Query, Role, UnreadableEvent};
use avouch_evidence::BoxFuture;
use avouch_ledger::verify::{self, Vkey};
use avouch_ledger::{ProofError, PublishError, ReadError};
use avouch_runtime::grant::{Grant, Kind};

use super::ledger_copy;
use crate::core::state::Core;
use crate::fail::chain;

/// Reads the ledger for checks.
pub struct Trail {
    core: Arc<Core>,
    /// Whether an intent whose outcome is there too counts as one entry with it.
    acts: bool,
}

impl Trail {
    /// Every entry as it was written.
    pub fn entries(core: Arc<Core>) -> Self {
        Self { core, acts: false }
    }

    /// One line for each act: its outcome where there is one, its intent otherwise.
    pub fn acts(core: Arc<Core>) -> Self {
        Self { core, acts: true }
    }

    /// Runs something that reads files away from the threads that answer requests.
    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Core) -> Result<T, String> + Send + 'static,
    ) -> Result<T, String> {
        let core = self.core.clone();
        tokio::task::spawn_blocking(move || work(&core))
            .await
            .map_err(|error| error.to_string())?
    }
}

impl avouch_audit::checks::Trail for Trail {
    fn size(&self) -> BoxFuture<'_, Result<u64, String>> {
        Box::pin(async { Ok(self.core.reader.size()) })
    }

    fn since(&self, index: u64) -> BoxFuture<'_, Result<Vec<Line>, String>> {
        let acts = self.acts;
        Box::pin(async move {
            let lines = self
                .blocking(move |core| {
                    let mut lines = Vec::new();
                    for stored in core.reader.scan(index) {
                        let stored = stored.map_err(|error| chain(&error))?;
                        // A round of checks is no event; an event of a destroyed tenant cannot be read.
                        if let Ok(event) = core.opener.event(&stored) {
                            lines.push(line(stored.index, event));
                        }
                    }
                    Ok(lines)
                })
                .await?;
            Ok(if acts { merged(lines) } else { lines })
        })
    }

    fn contents<'a>(&'a self, parts: &'a [Range<u64>]) -> BoxFuture<'a, Result<Contents, String>> {
        Box::pin(async move {
            let parts = parts.to_vec();
            let mut contents = self.blocking(move |core| contents(core, &parts)).await?;
            let found = self.core.index.oldest().await;
            contents.found = found.map_err(|error| chain(&error))?;
            Ok(contents)
        })
    }

    fn verify<'a>(
        &'a self,
        parts: &'a [Range<u64>],
        earlier: Option<&'a Mark>,
    ) -> BoxFuture<'a, Result<Result<Mark, String>, String>> {
        Box::pin(async move {
            let core = &self.core;
            match core.ledger.publish().await {
                // What was written last does not read back: no checkpoint will ever cover it.
                Err(PublishError::Read(damage @ ReadError::Damaged { .. })) => {
                    return Ok(Err(chain(&damage)));
                }
                published => published.map_err(|error| chain(&error))?,
            };
            let (parts, earlier) = (parts.to_vec(), earlier.cloned());
            self.blocking(move |core| verify(core, &parts, earlier.as_ref()))
                .await
        })
    }

    fn damaged_copies(&self) -> BoxFuture<'_, Result<Vec<Damage>, String>> {
        Box::pin(async move {
            let mut damages = Vec::new();
            for harm in Harm::ALL {
                let damage = self.damaged(harm).await;
                self.discard().await;
                damages.push(damage?);
            }
            Ok(damages)
        })
    }
}

impl Trail {
    fn scratch(&self) -> PathBuf {
        self.core.layout.scratch().join("ledger-copy")
    }

    /// Harms a copy of a part that is sound, and verifies it.
    async fn damaged(&self, harm: Harm) -> Result<Damage, String> {
        let core = &self.core;
        let to = self.scratch();
        core.supervisor
            .remove(to.clone())
            .await
            .map_err(|error| chain(&error))?;
        let uid = core.ids.core;
        let grant = Grant {
            path: to.clone(),
            uid,
            gid: core.ids.group(uid),
            mode: 0o700,
            recursive: false,
            kind: Kind::Dir,
        };
        core.supervisor
            .grant(grant)
            .await
            .map_err(|error| chain(&error))?;
        core.ledger.publish().await.map_err(|error| chain(&error))?;
        self.blocking(move |core| {
            let mut pick = [0; 8];
            getrandom::fill(&mut pick).map_err(|error| error.to_string())?;
            let ledger = core.layout.core().join("ledger");
            let copy = ledger_copy::copy(&ledger, &to, u64::from_be_bytes(pick))?;
            let key = key(core)?;
            let check = || verify::part(&copy.folder, &key, copy.part.start, copy.part.end);
            check().map_err(|fault| format!("a copy was not sound to begin with: {fault}"))?;
            let at = copy.harm(harm)?;
            let fault = check().err();
            Ok(Damage {
                harm,
                at,
                named: fault.as_ref().and_then(|fault| fault.entry),
                told: fault.map(|fault| fault.to_string()),
            })
        })
        .await
    }

    async fn discard(&self) {
        if let Err(error) = self.core.supervisor.remove(self.scratch()).await {
            tracing::warn!(
                error = chain(&error),
                "a copy of the ledger was left behind"
            );
        }
    }
}

/// Counts refusals for the check of administrators.
pub struct Refusals(pub Arc<Core>);

impl avouch_access::checks::Trail for Refusals {
    fn refusals<'a>(&'a self, person: &'a PersonId) -> BoxFuture<'a, Result<u64, String>> {
        Box::pin(async move {
            let query = Query {
                who: Some(person.as_str().to_owned()),
                outcome: Some(Outcome::Refused.to_string()),
                limit: 1,
                ..Query::default()
            };
            let found = self.0.index.search(&query).await;
            Ok(found.map_err(|error| chain(&error))?.total)
        })
    }
}

/// Opens every entry of the parts.
fn contents(core: &Core, parts: &[Range<u64>]) -> Result<Contents, String> {
    let mut contents = Contents::default();
    for part in parts {
        for stored in core.reader.scan(part.start) {
            let stored = stored.map_err(|error| chain(&error))?;
            if stored.index >= part.end {
                break;
            }
            let (index, at) = (stored.index, stored.leaf.time);
            contents.since = contents.since.or(Some(at));
            match core.opener.open(&stored) {
                Err(UnreadableEvent::Erased) => {}
                Err(error) => {
                    if contents
                        .lost
                        .as_ref()
                        .is_none_or(|(_, newest, _)| *newest <= at)
                    {
                        contents.lost = Some((index, at, chain(&error)));
                    }
                }
                Ok(_) => {
                    if contents.oldest.is_none_or(|(_, oldest)| at < oldest) {
                        contents.oldest = Some((index, at));
                    }
                }
            }
        }
    }
    Ok(contents)
}

/// Verifies parts of the live ledger, and that it goes on from an earlier checkpoint.
fn verify(
    core: &Core,
    parts: &[Range<u64>],
    earlier: Option<&Mark>,
) -> Result<Result<Mark, String>, String> {
    let (key, folder) = (key(core)?, core.layout.core().join("ledger"));
    let mut mark = None;
    for part in parts {
        match verify::part(&folder, &key, part.start, part.end) {
            Ok(part) => mark = Some(part.checkpoint),
            Err(fault) => return Ok(Err(fault.to_string())),
        }
    }
    let now = mark.ok_or("there was nothing to verify")?;
    let mark = Mark {
        size: now.size,
        root: now.root,
    };
    let Some(earlier) = earlier else {
        return Ok(Ok(mark));
    };
    if earlier.size > now.size {
        return Ok(Err(format!(
            "the checkpoint covers {} entries, an earlier one covered {}: the ledger was cut back",
            now.size, earlier.size
        )));
    }
    let proof = match core.reader.consistency_proof(earlier.size, now.size) {
        // It was put in place this very moment: the next round compares it.
        Err(ProofError::OutOfRange { .. }) => return Ok(Ok(earlier.clone())),
        proof => proof.map_err(|error| chain(&error))?,
    };
    Ok(
        match verify::consistency(earlier.size, &earlier.root, now.size, &now.root, &proof) {
            Ok(()) => Ok(mark),
            Err(_) => Err(format!(
                "the first {} entries are not those of the earlier checkpoint: history was rewritten",
                earlier.size
            )),
        },
    )
}

fn key(core: &Core) -> Result<Vkey, String> {
    core.ledger
        .vkey()
        .parse()
        .map_err(|error: verify::VkeyFault| error.to_string())
}

fn line(index: u64, event: Event) -> Line {
    let nobody = matches!(event.who.role, Role::Nobody);
    Line {
        index,
        at: event.at,
        who: (!nobody).then(|| {
            if event.who.id.is_empty() {
                event.who.name.clone()
            } else {
                event.who.id.clone()
            }
        }),
        tenant: event.tenant,
        action: event.action.to_string(),
        object: event.object,
        stage: match event.outcome {
            Outcome::Intended => Stage::Intended,
            Outcome::Done => Stage::Done,
            Outcome::Refused => Stage::Refused,
            Outcome::Failed => Stage::Failed,
        },
        status: event.status,
        response: event.reason,
        source: event.source,
        parameters: event.parameters,
        correlation: event.correlation,
    }
}

fn merged(lines: Vec<Line>) -> Vec<Line> {
    let ended: HashSet<String> = lines
        .iter()
        .filter(|line| line.stage != Stage::Intended)
        .map(|line| line.correlation.clone())
        .collect();
    lines
        .into_iter()
        .filter(|line| line.stage != Stage::Intended || !ended.contains(&line.correlation))
        .collect()
}
