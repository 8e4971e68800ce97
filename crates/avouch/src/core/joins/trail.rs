//! The ledger as the audit checks see it, and damaged copies of it.

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use avouch_access::PersonId;
use avouch_audit::checks::{Damage, Harm, Line, Stage};
use avouch_events::{Event, Outcome, Role};
use avouch_evidence::BoxFuture;
use avouch_ledger::verify::{self, Vkey};
use avouch_runtime::grant::{Grant, Kind};
use jiff::Timestamp;

use crate::core::state::Core;
use crate::fail::chain;

/// How often a sound copy is tried for.
const ATTEMPTS: usize = 5;

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

    fn oldest(&self) -> BoxFuture<'_, Result<Option<(u64, Timestamp)>, String>> {
        Box::pin(self.blocking(|core| {
            if core.reader.size() == 0 {
                return Ok(None);
            }
            let stored = core.reader.read(0).map_err(|error| chain(&error))?;
            core.opener.open(&stored).map_err(|error| chain(&error))?;
            Ok(Some((0, stored.leaf.time)))
        }))
    }

    fn verify(&self) -> BoxFuture<'_, Result<Option<String>, String>> {
        Box::pin(self.blocking(|core| {
            let folder = core.layout.core().join("ledger");
            Ok(verify_folder(core, &folder)?.map(|(why, _)| why))
        }))
    }

    fn damaged_copies(&self) -> BoxFuture<'_, Result<Vec<Damage>, String>> {
        Box::pin(async move {
            let mut damages = Vec::new();
            for harm in Harm::ALL {
                let copy = self.copy().await?;
                let damage = self
                    .blocking(move |core| {
                        let at = damage(&copy, harm)?;
                        let fault = verify_folder(core, &copy)?;
                        Ok(Damage {
                            harm,
                            at,
                            named: fault.as_ref().and_then(|fault| fault.1),
                            told: fault.map(|fault| fault.0),
                        })
                    })
                    .await;
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

    /// A copy of the whole ledger under a checkpoint that covers all of it but what is written meanwhile.
    async fn copy(&self) -> Result<PathBuf, String> {
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
        // The ledger grows while it is copied; a copy that is not of one moment is made again.
        for _ in 0..ATTEMPTS {
            core.ledger.publish().await.map_err(|error| chain(&error))?;
            let (from, copy) = (core.layout.core().join("ledger"), to.clone());
            let told = self
                .blocking(move |core| {
                    copy_folder(&from, &copy)
                        .map_err(|error| format!("the ledger cannot be copied: {error}"))?;
                    verify_folder(core, &copy)
                })
                .await?;
            match told {
                None => return Ok(to),
                Some((why, _)) => {
                    tracing::debug!(why, "a copy of the ledger was not of one moment")
                }
            }
        }
        Err("no sound copy of the ledger could be made".to_owned())
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
            let (core, id) = (self.0.clone(), person.as_str().to_owned());
            let count =
                move || {
                    let mut count = 0;
                    for stored in core.reader.scan(core.reader.size().saturating_sub(5_000)) {
                        let stored = stored.map_err(|error| chain(&error))?;
                        if core.opener.event(&stored).is_ok_and(|event| {
                            event.who.id == id && event.outcome == Outcome::Refused
                        }) {
                            count += 1;
                        }
                    }
                    Ok(count)
                };
            tokio::task::spawn_blocking(count)
                .await
                .map_err(|error| error.to_string())?
        })
    }
}

/// What does not fit, in words, and the entry it names; `None` if all fits.
fn verify_folder(core: &Core, folder: &Path) -> Result<Option<(String, Option<u64>)>, String> {
    let key: Vkey = core
        .ledger
        .vkey()
        .parse()
        .map_err(|error: verify::VkeyFault| error.to_string())?;
    Ok(verify::directory(folder, &key)
        .err()
        .map(|fault| (fault.to_string(), fault.entry)))
}

fn copy_folder(from: &Path, to: &Path) -> std::io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy_folder(&entry.path(), &target)?;
        } else if entry.file_name() != "reserve" && entry.file_name() != "lock" {
            fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}

/// One record of a journal segment, as the ledger's README lays it out.
struct Record {
    start: usize,
    end: usize,
}

/// Bytes before the first record of a segment.
const SEGMENT_HEAD: usize = 24;
/// Bytes of a record before its leaf.
const RECORD_HEAD: usize = 12;

/// Harms the newest segment in the middle of what the checkpoint covers; returns the first entry that no longer fits.
fn damage(folder: &Path, harm: Harm) -> Result<u64, String> {
    let io = |error: std::io::Error| format!("the copy cannot be damaged: {error}");
    let covered = covered(folder)?;
    let mut segments: Vec<PathBuf> = fs::read_dir(folder.join("journal"))
        .map_err(io)?
        .filter_map(|entry| entry.ok().map(|entry| entry.path()))
        .collect();
    segments.sort();
    let segment = segments.first().ok_or("the ledger has no journal")?;
    let mut bytes = fs::read(segment).map_err(io)?;
    let records = records(&bytes);
    let usable = records
        .len()
        .min(usize::try_from(covered).unwrap_or(usize::MAX));
    if usable < 4 {
        return Err("the ledger holds too few entries to try".to_owned());
    }
    let middle = usable / 2;
    let short = || "the copy's journal is shorter than it says".to_owned();
    let one = records.get(middle).ok_or_else(short)?;
    let next = records.get(middle + 1).ok_or_else(short)?;
    match harm {
        Harm::Altered => {
            let byte = bytes
                .get_mut(one.start + RECORD_HEAD + 40)
                .ok_or_else(short)?;
            *byte ^= 1;
        }
        Harm::Removed => {
            bytes.drain(one.start..one.end);
        }
        Harm::Swapped => {
            let (a, b) = (
                bytes.get(one.start..one.end).ok_or_else(short)?.to_vec(),
                bytes.get(next.start..next.end).ok_or_else(short)?.to_vec(),
            );
            bytes.splice(one.start..next.end, [b, a].concat());
        }
        Harm::Truncated => {
            bytes.truncate(one.start);
            for later in segments.iter().skip(1) {
                fs::remove_file(later).map_err(io)?;
            }
        }
    }
    fs::write(segment, bytes).map_err(io)?;
    Ok(first_index(segment) + u64::try_from(middle).unwrap_or(u64::MAX))
}

fn covered(folder: &Path) -> Result<u64, String> {
    let text = fs::read_to_string(folder.join("checkpoint")).map_err(|error| error.to_string())?;
    text.lines()
        .nth(1)
        .and_then(|size| size.parse().ok())
        .ok_or_else(|| "the checkpoint names no size".to_owned())
}

fn first_index(segment: &Path) -> u64 {
    segment
        .file_stem()
        .and_then(|name| name.to_str())
        .and_then(|name| name.parse().ok())
        .unwrap_or(0)
}

fn records(bytes: &[u8]) -> Vec<Record> {
    let mut records = Vec::new();
    let mut start = SEGMENT_HEAD;
    while let Some(length) = bytes
        .get(start..start + 4)
        .and_then(|four| <[u8; 4]>::try_from(four).ok())
    {
        let end = start
            + RECORD_HEAD
            + usize::try_from(u32::from_be_bytes(length)).unwrap_or(usize::MAX / 2);
        if end > bytes.len() {
            break;
        }
        records.push(Record { start, end });
        start = end;
    }
    records
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
