//! Judges `backup.source.*.to`: every snapshot that should be at a destination is there, and everything there is sound.

use avouch_statement::Verdict;

use super::{Judged, There};

/// One missing snapshot or one damaged file breaks it.
pub(super) fn judge(there: &There) -> Judged {
    let place = &there.place;
    if there.recorded.is_empty() {
        return (
            Verdict::Unproven,
            format!("no backup has been taken to {place} yet"),
        );
    }
    if let Some(first) = there.seen.findings.first() {
        return (
            Verdict::Broken,
            format!(
                "{place}: {} findings, the first: {first}",
                there.seen.findings.len()
            ),
        );
    }
    // What was stored after the repository was read through cannot have been seen there.
    let expected = || there.recorded.iter().filter(|t| t.verified <= there.at);
    let mut missing = expected().filter(|t| !there.listed.iter().any(|s| s.id == t.snapshot.id));
    if let Some(first) = missing.next() {
        let more = missing.count();
        return (
            Verdict::Broken,
            format!(
                "{place}: the backup of {} is missing, and {more} more",
                first.snapshot.day
            ),
        );
    }
    let (count, at) = (expected().count(), there.at);
    let objects = there.seen.objects;
    let read = match there.seen.hashed {
        None => format!("{objects} stored files read and hashed at {at}"),
        Some(hashed) => format!(
            "{objects} stored files compared with the index at {at}, {hashed} of them read and hashed then"
        ),
    };
    (Verdict::Held, format!("{place}: {count} backups, {read}"))
}

#[cfg(test)]
mod tests {
    use super::{super::testing::there, *};
    use crate::repository::Finding;

    #[test]
    fn all_that_was_stored_and_sound_holds_it() {
        assert_eq!(
            judge(&there(&["2026-01-04", "2026-01-05"])).0,
            Verdict::Held
        );
    }

    #[test]
    fn a_backup_that_somebody_deleted_breaks_it() {
        let mut seen = there(&["2026-01-04", "2026-01-05"]);
        seen.listed.remove(0);
        let (verdict, observed) = judge(&seen);
        assert_eq!(verdict, Verdict::Broken);
        assert!(
            observed.contains("the backup of 2026-01-04 is missing"),
            "{observed}"
        );
    }

    #[test]
    fn damage_anywhere_breaks_it() {
        let mut seen = there(&["2026-01-05"]);
        seen.seen
            .findings
            .push(Finding("data/ab has been altered".to_owned()));
        let (verdict, observed) = judge(&seen);
        assert_eq!(verdict, Verdict::Broken);
        assert!(observed.contains("data/ab has been altered"), "{observed}");
    }

    #[test]
    fn an_empty_destination_is_not_held() {
        assert_eq!(judge(&there(&[])).0, Verdict::Unproven);
    }
}
