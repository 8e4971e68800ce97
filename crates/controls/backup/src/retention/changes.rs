//! What of stored changes may go.

use avouch_statement::Length;
use jiff::Timestamp;

use super::{Removable, SnapshotId};
use crate::{records::Shipment, repository::Listed, schedule::At};

/// Proofs for the shipments that are superseded, and for those of generations in which no moment is still to be restored.
///
/// A shipment holds its whole generation so far. It is superseded once a later one of the same generation has been read
/// back. The last of a generation is kept until `within` after the last of the next: until that began, a moment is restored
/// from the one before. The newest that was read back stays, and so does anything dated after now.
#[must_use]
pub fn ended(
    listed: &[Listed],
    verified: &[SnapshotId],
    within: Length,
    at: &At,
    now: Timestamp,
) -> Vec<Removable> {
    let mut sound: Vec<&Listed> = listed
        .iter()
        .filter(|one| verified.contains(&one.id) && one.label.taken <= now)
        .collect();
    // By the source and the generation, whose names are in the order of time.
    sound.sort_by(|a, b| (&a.label.source, a.label.taken).cmp(&(&b.label.source, b.label.taken)));
    let past = |one: &Listed| {
        let source = |one: &Listed| {
            one.label
                .source
                .split_once('.')
                .map(|(source, _)| source.to_owned())
        };
        let next = sound
            .iter()
            .filter(|next| source(next) == source(one) && next.label.source > one.label.source)
            .map(|next| &next.label.source)
            .min()?;
        let last = sound
            .iter()
            .filter(|other| other.label.source == *next)
            .map(|other| other.label.taken)
            .max()?;
        let until = last
            .to_zoned(at.zone().clone())
            .checked_add(within.span())
            .ok()?
            .timestamp();
        (until <= now).then_some(until)
    };
    listed
        .iter()
        .filter(|one| one.label.taken <= now)
        .filter_map(|one| {
            let superseded = sound
                .iter()
                .filter(|later| {
                    later.label.source == one.label.source && later.label.taken > one.label.taken
                })
                .map(|later| later.label.taken)
                .min();
            Some(Removable {
                id: one.id.clone(),
                ended: superseded.or_else(|| past(one))?,
            })
        })
        .collect()
}

/// The shipments without which a moment since then could not be restored: the last of each generation, but for those that
/// another took over from before. `shipments` is in the order of the generations and of time.
#[must_use]
pub fn needed(shipments: &[Shipment], since: Timestamp) -> Vec<&Shipment> {
    let mut needed: Vec<&Shipment> = Vec::new();
    for one in shipments {
        match needed.last_mut() {
            Some(last) if last.generation == one.generation => *last = one,
            Some(last) if one.facts.complete <= since => *last = one,
            _ => needed.push(one),
        }
    }
    needed
}

#[cfg(test)]
mod tests {
    use avouch_statement::Unit;

    use super::*;
    use crate::{records::testing::shipment, repository::Label};

    fn listed(id: &str, generation: &str, taken: &str) -> Listed {
        let taken: Timestamp = taken.parse().unwrap();
        Listed {
            id: SnapshotId(id.to_owned()),
            label: Label {
                owner: "riverside".to_owned(),
                source: generation.to_owned(),
                taken,
                day: "2026-11-01".parse().unwrap(),
                grades: vec![],
                manifest: String::new(),
            },
            bytes: 0,
            added: 0,
        }
    }

    #[track_caller]
    fn check(listed: &[Listed], unverified: &[&str], now: &str, gone: &[&str]) {
        let verified: Vec<_> = listed
            .iter()
            .map(|one| one.id.clone())
            .filter(|id| !unverified.contains(&id.0.as_str()))
            .collect();
        let at = At::parse("04:00 UTC").unwrap();
        let found = ended(
            listed,
            &verified,
            Length::new(2, Unit::Day),
            &at,
            now.parse().unwrap(),
        );
        let found: Vec<_> = found.iter().map(|proof| proof.id().0.as_str()).collect();
        assert_eq!(found, gone);
    }

    #[test]
    fn a_later_shipment_of_the_same_generation_supersedes_those_before() {
        let one = [
            listed("a", "data.1", "2026-11-01T10:00:00Z"),
            listed("b", "data.1", "2026-11-01T10:05:00Z"),
            listed("c", "data.1", "2026-11-01T10:10:00Z"),
        ];
        check(&one, &[], "2026-11-01T10:10:00Z", &["a", "b"]);
        // One that was not read back supersedes nothing.
        check(&one, &["c"], "2026-11-01T10:10:00Z", &["a"]);
    }

    #[test]
    fn a_generation_stays_while_a_moment_in_it_or_before_the_next_can_be_asked_for() {
        let two = [
            listed("a", "data.1", "2026-11-01T10:00:00Z"),
            listed("b", "data.2", "2026-11-02T10:00:00Z"),
        ];
        check(&two, &[], "2026-11-04T09:59:59Z", &[]);
        check(&two, &[], "2026-11-04T10:00:00Z", &["a"]);
        check(&two, &["b"], "2026-11-04T10:00:00Z", &[]);
    }

    #[test]
    fn the_newest_stays_for_ever_and_another_sources_ends_nothing() {
        let two = [
            listed("a", "data.1", "2026-11-01T10:00:00Z"),
            listed("b", "other.2", "2026-11-02T10:00:00Z"),
        ];
        check(&two, &[], "2027-11-04T10:00:00Z", &[]);
    }

    #[test]
    fn what_is_dated_after_now_is_not_touched_and_ends_nothing() {
        let two = [
            listed("a", "data.1", "2026-11-01T10:00:00Z"),
            listed("b", "data.1", "2026-11-09T10:00:00Z"),
        ];
        check(&two, &[], "2026-11-02T10:00:00Z", &[]);
    }

    #[test]
    fn the_last_of_each_generation_is_needed_until_the_next_began_before_the_window() {
        let (end, mut all) = ("2026-11-03T12:00:00Z", Vec::new());
        for (generation, id) in [
            ("01", "a"),
            ("01", "b"),
            ("02", "c"),
            ("03", "d"),
            ("03", "e"),
        ] {
            let mut one = shipment(&format!("2026-11-{generation}T10:00:00Z"), end);
            one.id = SnapshotId(id.to_owned());
            all.push(one);
        }
        let needed = |since: &str| -> String {
            let found = needed(&all, since.parse().unwrap());
            found.iter().map(|one| one.id.0.as_str()).collect()
        };
        assert_eq!(needed("2026-11-02T09:59:59Z"), "bce");
        assert_eq!(needed("2026-11-02T10:00:00Z"), "ce");
        assert_eq!(needed("2026-11-09T10:00:00Z"), "e");
    }
}
