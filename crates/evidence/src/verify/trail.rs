//! Verifies events that were taken away with their proofs, with a policy and nothing else.

use std::collections::{BTreeMap, HashMap};

use avouch_ledger::verify as ledger;
use serde::{Deserialize, Serialize};

use super::document::{self, Entry};
use super::report::{Refusal, seconds};
use super::{digest, included};

const FORMAT: &str = "avouch-trail/v1";
/// So many of the places where something is left out are named.
const NAMED: usize = 5;

/// The first line.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Head {
    format: String,
    service: String,
    tenant: Option<String>,
    made: String,
    asked: BTreeMap<String, String>,
    key: String,
    checkpoint: String,
    entries: Vec<u64>,
}

/// What is read of an event.
#[derive(Debug, Deserialize)]
struct Event {
    at: String,
    who: Who,
    tenant: Option<String>,
    action: String,
    object: String,
    outcome: String,
    #[serde(default)]
    subjects: Vec<String>,
    #[serde(default)]
    source: String,
}

#[derive(Debug, Deserialize)]
struct Who {
    name: String,
    role: String,
}

/// What came of a verification that found nothing wrong.
#[derive(Debug, Clone, Serialize)]
pub struct TrailReport {
    /// The service's domain.
    pub service: String,
    /// Whose events they are; `None` for everybody's.
    pub tenant: Option<String>,
    /// When the file says that it was made; its signer vouches for that.
    pub made: String,
    /// What was searched for.
    pub asked: BTreeMap<String, String>,
    /// The log's origin.
    pub log: String,
    /// Entries under the checkpoint.
    pub size: u64,
    /// Did the reader say whom to trust?
    pub signer_known: bool,
    /// The witnesses of the policy that have signed the checkpoint.
    pub witnesses: Vec<String>,
    /// What is confirmed.
    pub confirmed: Vec<String>,
    /// What is not.
    pub not_confirmed: Vec<String>,
    /// Places, by the entries around them, where the trail has events that are not in the file.
    pub gaps: Vec<(u64, u64)>,
    /// The events, in the order of the log.
    pub events: Vec<Shown>,
}

/// One event, as it was recorded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Shown {
    /// Its place in the log.
    pub index: u64,
    /// When.
    pub at: String,
    /// Who.
    pub who: String,
    /// In what role.
    pub role: String,
    /// Whose; `None` for the platform's.
    pub tenant: Option<String>,
    /// What was done.
    pub action: String,
    /// On what.
    pub object: String,
    /// About whom.
    pub subjects: Vec<String>,
    /// What came of it.
    pub outcome: String,
    /// From where.
    pub source: String,
}

/// Whether a file is meant to be one.
#[must_use]
pub fn is_trail(text: &str) -> bool {
    text.starts_with("{\"format\":\"avouch-trail/")
}

/// Verifies such a file. Without a policy it can only be shown to be consistent with itself: the key that it names is
/// used, and the report says so.
///
/// # Errors
/// The first thing that does not fit, with the entry where there is one.
pub fn trail(text: &str, policy: Option<&ledger::Policy>) -> Result<TrailReport, Refusal> {
    let (head, rest) = text
        .split_once('\n')
        .ok_or_else(|| Refusal::new("form", "it has one line only"))?;
    let head: Head = document::parse(head, "form")?;
    if head.format != FORMAT {
        let format = &head.format;
        return Err(Refusal::new(
            "form",
            format!("it has the format `{format}`, and this version reads `{FORMAT}`"),
        ));
    }
    let own;
    let (policy, signer_known) = match policy {
        Some(policy) => (policy, true),
        None => {
            own = named_key(&head.key)?;
            (&own, false)
        }
    };
    let (checkpoint, cosigned) = ledger::believed(&head.checkpoint, policy)
        .map_err(|fault| Refusal::new("checkpoint", fault.to_string()))?;
    let mut report = begin(&head, &checkpoint, signer_known);
    let mut last = HashMap::new();
    let mut rest = rest;
    let mut before = None;
    for &index in &head.entries {
        if before.replace(index).is_some_and(|before| before >= index) {
            return Err(Refusal::new(
                "events",
                format!("entry {index} is not in the order of the log"),
            ));
        }
        let (line, after) = rest
            .split_once('\n')
            .ok_or_else(|| Refusal::new("events", format!("entry {index} is missing")))?;
        rest = after;
        let (shown, leaf) = event(line, index, &head, &checkpoint)?;
        if let Some(seen) = last.insert(leaf.stream, index)
            && leaf.previous != Some(seen)
        {
            report.gaps.push((seen, index));
        }
        report.events.push(shown);
    }
    signed(text, rest, policy)?;
    close(&mut report, &cosigned, policy);
    Ok(report)
}

fn named_key(key: &str) -> Result<ledger::Policy, Refusal> {
    format!("log {}\n", key.trim())
        .parse()
        .map_err(|fault: ledger::PolicyFault| {
            Refusal::new(
                "signature",
                format!("the log's key cannot be read: {fault}"),
            )
        })
}

/// One event: in the log, word for word as it was recorded, and this customer's.
fn event(
    line: &str,
    index: u64,
    head: &Head,
    checkpoint: &ledger::Checkpoint,
) -> Result<(Shown, ledger::Leaf), Refusal> {
    let refuse = |why: &str| Refusal::new("events", format!("entry {index}: {why}"));
    let entry: Entry = document::parse(line, "events").map_err(|fault| refuse(&fault.why))?;
    if entry.index != index {
        return Err(refuse(&format!(
            "the line in its place says that it is entry {}",
            entry.index
        )));
    }
    let leaf = included(&entry, checkpoint, "event")?;
    let event: Event =
        document::parse(&entry.payload, "events").map_err(|fault| refuse(&fault.why))?;
    if head.tenant.is_some() && event.tenant != head.tenant {
        return Err(refuse(
            "it is about another customer's data and does not belong in this file",
        ));
    }
    let shown = Shown {
        index,
        at: event.at,
        who: event.who.name,
        role: event.who.role,
        tenant: event.tenant,
        action: event.action,
        object: event.object,
        subjects: event.subjects,
        outcome: event.outcome,
        source: event.source,
    };
    Ok((shown, leaf))
}

/// The note behind the events is signed by a log of the policy, over everything before it.
fn signed(text: &str, note: &str, policy: &ledger::Policy) -> Result<(), Refusal> {
    let body = text.strip_suffix(note).unwrap_or_default();
    let wanted = format!("{FORMAT}\nsha256 {}\n", digest::hex_of(body.as_bytes()));
    let mut why = ledger::NoteFault::NotSigned;
    for log in policy.logs() {
        match ledger::note(note, log) {
            Ok(said) if said == wanted => return Ok(()),
            Ok(_) => {
                return Err(Refusal::new(
                    "signature",
                    "the signature is for another file: what was asked, or which events there are, was altered",
                ));
            }
            Err(ledger::NoteFault::NotSigned) => {}
            Err(fault) => why = fault,
        }
    }
    Err(Refusal::new("signature", why.to_string()))
}

fn begin(head: &Head, checkpoint: &ledger::Checkpoint, signer_known: bool) -> TrailReport {
    TrailReport {
        service: head.service.clone(),
        tenant: head.tenant.clone(),
        made: head.made.clone(),
        asked: head.asked.clone(),
        log: checkpoint.origin.clone(),
        size: checkpoint.size,
        signer_known,
        witnesses: Vec::new(),
        confirmed: Vec::new(),
        not_confirmed: Vec::new(),
        gaps: Vec::new(),
        events: Vec::new(),
    }
}

fn close(report: &mut TrailReport, cosigned: &[ledger::Cosignature], policy: &ledger::Policy) {
    let log = &report.log;
    if report.signer_known {
        report.confirmed.push(format!(
            "The file and its checkpoint are signed by the log `{log}`, with a key that you pinned."
        ));
    } else {
        report.not_confirmed.push(format!(
            "Signer unknown: the file is consistent with itself and names the log `{log}`, but you gave no policy with a key to compare."
        ));
    }
    let events = match report.events.len() {
        1 => "1 event is".to_owned(),
        several => format!("{several} events are"),
    };
    report.confirmed.push(format!(
        "{events} in that log of {} entries, word for word as recorded.",
        report.size
    ));
    for cosignature in cosigned {
        let at = i64::try_from(cosignature.time)
            .ok()
            .and_then(|time| jiff::Timestamp::from_second(time).ok())
            .map(|at| format!(" at {}", seconds(&at.to_string())))
            .unwrap_or_default();
        report.confirmed.push(format!(
            "The checkpoint is witnessed by `{}`{at}.",
            cosignature.witness
        ));
        report.witnesses.push(cosignature.witness.clone());
    }
    if !policy.asks_for_witnesses() {
        report.not_confirmed.push(
            "That others were shown the same log: your policy asks for no witness.".to_owned(),
        );
    }
    left_out(report);
    let asked = report
        .asked
        .iter()
        .map(|(name, value)| format!("{name} `{value}`"))
        .collect::<Vec<_>>()
        .join(", ");
    let asked = if asked.is_empty() {
        "every event".to_owned()
    } else {
        asked
    };
    report.not_confirmed.push(format!(
        "That nothing else fits what was searched for ({asked}): the supplier has signed that these are all of {}.",
        seconds(&report.made)
    ));
}

/// Says where the same trail has events that are not in the file.
fn left_out(report: &mut TrailReport) {
    let (Some(first), Some(last)) = (report.events.first(), report.events.last()) else {
        return;
    };
    let places: Vec<String> = report
        .gaps
        .iter()
        .take(NAMED)
        .map(|(before, after)| format!("{before} and {after}"))
        .collect();
    let more = match report.gaps.len().saturating_sub(NAMED) {
        0 => String::new(),
        more => format!(", and in {more} more places"),
    };
    if places.is_empty() {
        report.confirmed.push(format!(
            "From entry {} to entry {} nothing of the same trail is left out.",
            first.index, last.index
        ));
    } else {
        report.not_confirmed.push(format!(
            "Gaps: the same trail has events between entries {}{more} that are not in this file. They did not fit the search, or were left out.",
            places.join("; ")
        ));
    }
}
