//! Verifies packs, and events taken from the trail, offline. Shares no code with what writes packs, rounds or the ledger.
//!
//! The reader here has its own shapes and its own hashing (through the ledger's verifier), so that a
//! mistake in a writer cannot excuse itself.

mod digest;
mod document;
mod report;
mod trail;

use avouch_ledger::verify as ledger;
use document::{Entry, Header, Pack, Promise};
pub use report::{Refusal, Report};
pub use trail::{Shown, TrailReport, is_trail, trail};

/// A leaf of this kind commits to a round's header.
const ROUND: u8 = 2;

/// Verifies a pack. `pinned` is the log's key (vkey text) that the customer got earlier, if any.
///
/// Without a pinned key the pack can only be shown to be consistent with itself: the key that it
/// names is used, and the report says so.
///
/// # Errors
/// The first thing that does not fit, with the reason.
pub fn pack(text: &str, pinned: Option<&str>) -> Result<Report, Refusal> {
    let (body, note) = text
        .split_once('\n')
        .ok_or_else(|| Refusal::new("form", "this is not a pack: it has one line only"))?;
    let pack: Pack = document::read(body)?;
    let key: ledger::Vkey =
        pinned
            .unwrap_or(&pack.key)
            .trim()
            .parse()
            .map_err(|fault: ledger::VkeyFault| {
                Refusal::new(
                    "signature",
                    format!("the log's key cannot be read: {fault}"),
                )
            })?;
    let signed =
        ledger::note(note, &key).map_err(|fault| Refusal::new("signature", fault.to_string()))?;
    let digest = document::digest_line(body);
    if signed != digest {
        return Err(Refusal::new(
            "signature",
            "the signature is for another pack: at least one byte of this one was altered",
        ));
    }
    let checkpoint = ledger::checkpoint(&pack.checkpoint, &key)
        .map_err(|fault| Refusal::new("checkpoint", fault.to_string()))?;
    let promise = document::promise(&pack.promise)?;
    let mut report = Report::begin(&pack, &promise, &checkpoint, pinned.is_some());
    verify_rounds(&pack, &promise, &checkpoint, &mut report)?;
    verify_events(&pack, &checkpoint, &mut report)?;
    report.close(promise);
    Ok(report)
}

fn verify_rounds(
    pack: &Pack,
    promise: &Promise,
    checkpoint: &ledger::Checkpoint,
    report: &mut Report,
) -> Result<(), Refusal> {
    let mut before: Option<(u64, u64, String)> = None;
    for round in &pack.rounds {
        let leaf = included(&round.entry, checkpoint, "round")?;
        let index = round.entry.index;
        if leaf.kind != ROUND {
            return Err(Refusal::new(
                "rounds",
                format!("entry {index} of the ledger is not a round"),
            ));
        }
        let header: Header = document::header(&round.entry.payload, index)?;
        if let Some((number, at_index, digest)) = &before {
            let follows = header.number == number + 1
                && header.previous.as_ref().is_some_and(|previous| {
                    previous.index == *at_index && previous.digest == *digest
                });
            if !follows {
                return Err(Refusal::new(
                    "rounds",
                    format!(
                        "round {} does not follow round {number}: a round between them is missing, or one was put in its place",
                        header.number
                    ),
                ));
            }
        } else if header.number == 1 && header.previous.is_some() {
            return Err(Refusal::new(
                "rounds",
                "the first round names a round before it",
            ));
        }
        if round.findings.len() != header.findings.len() {
            return Err(Refusal::new(
                "rounds",
                format!(
                    "round {} made {} findings, and the pack carries {}",
                    header.number,
                    header.findings.len(),
                    round.findings.len()
                ),
            ));
        }
        for (summary, opened) in header.findings.iter().zip(&round.findings) {
            match opened {
                None => report.withheld(summary, header.number),
                Some(opened) => report.read(
                    summary,
                    document::finding(summary, opened, &pack.tenant, header.number)?,
                ),
            }
        }
        before = Some((
            header.number,
            index,
            digest::hex_of(round.entry.payload.as_bytes()),
        ));
        report.round(&header);
    }
    match report.newest_promise() {
        Some((statement, promised))
            if statement != promise.statement
                || promised != Some(&digest::hex_of(pack.promise.as_bytes())) =>
        {
            Err(Refusal::new(
                "promise",
                "the newest round tried another promise than the one in the pack",
            ))
        }
        _ => Ok(()),
    }
}

fn verify_events(
    pack: &Pack,
    checkpoint: &ledger::Checkpoint,
    report: &mut Report,
) -> Result<(), Refusal> {
    let mut before: Option<u64> = None;
    for entry in &pack.events {
        let leaf = included(entry, checkpoint, "event")?;
        let index = entry.index;
        if hex::encode(leaf.stream) != pack.stream {
            return Err(Refusal::new(
                "events",
                format!("entry {index} belongs to another stream than this tenant's"),
            ));
        }
        if before.is_some() && leaf.previous != before {
            return Err(Refusal::new(
                "events",
                format!(
                    "entry {index} does not follow the one before it: an event between them is missing"
                ),
            ));
        }
        report.event(index, leaf.previous, leaf.time);
        before = Some(index);
    }
    Ok(())
}

fn included(
    entry: &Entry,
    checkpoint: &ledger::Checkpoint,
    what: &str,
) -> Result<ledger::Leaf, Refusal> {
    let index = entry.index;
    let refuse = |why: String| Refusal::new("proof", format!("the {what} at entry {index}: {why}"));
    let bytes = hex::decode(&entry.leaf).map_err(|_| refuse("its leaf is not hex".to_owned()))?;
    let leaf = ledger::Leaf::parse(&bytes).map_err(|fault| refuse(fault.to_string()))?;
    let proof = document::hashes(&entry.proof)
        .ok_or_else(|| refuse("its proof is not a list of hashes".to_owned()))?;
    ledger::inclusion(
        &checkpoint.root,
        checkpoint.size,
        index,
        &ledger::leaf_hash(&bytes),
        &proof,
    )
    .map_err(|fault| refuse(fault.to_string()))?;
    let salt = hex::decode(&entry.salt)
        .ok()
        .and_then(|salt| <[u8; 32]>::try_from(salt).ok())
        .ok_or_else(|| refuse("its salt is not 32 bytes of hex".to_owned()))?;
    if digest::of(&[b"avouch-commit/v1\n", &salt, entry.payload.as_bytes()]) != leaf.commitment {
        return Err(refuse(
            "its text is not what the ledger committed to".to_owned(),
        ));
    }
    Ok(leaf)
}
