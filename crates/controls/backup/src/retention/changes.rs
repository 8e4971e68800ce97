//! What of stored changes may go.

use jiff::{SignedDuration, Timestamp};

use super::{Removable, SnapshotId};
use crate::{
    changes::{moments::reach, reckoning::Reckoning},
    records::Shipment,
    repository::Listed,
};

/// Proofs for the shipments of a source that are superseded, and for those of the generations before `first`.
///
/// A shipment holds its whole generation so far, so the longest that was read back supersedes every other of its generation:
/// what tells which is longer is what is in it and not when it was stored, since a clock may have been set back. What was not
/// read back supersedes nothing, and what is dated after now neither goes nor supersedes.
#[must_use]
pub fn ended(
    listed: &[Listed],
    verified: &[SnapshotId],
    source: &str,
    first: &str,
    now: Timestamp,
) -> Vec<Removable> {
    let generation = |one: &Listed| -> Option<String> {
        let (of, generation) = one.label.source.split_once('.')?;
        (of == source).then(|| generation.to_owned())
    };
    let of_it: Vec<(&Listed, String)> = listed
        .iter()
        .filter(|one| one.label.taken <= now)
        .filter_map(|one| Some((one, generation(one)?)))
        .collect();
    let read_back = |one: &Listed| verified.contains(&one.id);
    // A generation only grows, and so does what is stored of it. Of two that are as long, one is enough.
    let length = |one: &Listed| (one.bytes, read_back(one), one.id.clone());
    of_it
        .iter()
        .filter(|(one, generation)| {
            let longer = |(other, of): &(&Listed, String)| {
                of == generation && read_back(other) && length(other) > length(one)
            };
            **generation < *first || of_it.iter().any(longer)
        })
        .map(|(one, _)| Removable {
            id: one.id.clone(),
            ended: now,
        })
        .collect()
}

/// The generations from the first on that `since`, or any moment after it, may be restored from, of those that are stored.
///
/// Restoring asks [`reach`], so what that finds is needed. Which clock was right it may judge otherwise tomorrow: so a
/// generation is needed as well as long as any of the times that were noted in it, or before the next, is not before `since`.
#[must_use]
pub fn needed<'s>(
    generations: &'s [Shipment],
    since: Timestamp,
    present: Option<&Reckoning>,
) -> &'s [Shipment] {
    let last = generations.len().saturating_sub(1);
    let nexts = generations.iter().skip(1).map(|next| next.facts.complete);
    let by_times = generations
        .iter()
        .zip(nexts)
        .position(|(one, next)| one.up_to() >= since || next > since)
        .unwrap_or(last);
    let by_reach = reach(generations, None, SignedDuration::ZERO, present)
        .and_then(|reach| reach.first_used(since))
        .and_then(|used| generations.iter().position(|one| one.id == used.id))
        .unwrap_or(last);
    generations
        .get(by_times.min(by_reach)..)
        .unwrap_or_default()
}

#[cfg(test)]
mod tests;
