//! Judges `backup.source.*.at`: the newest sound snapshot is of the last slot, once that has had time to be served.

use avouch_statement::Verdict;
use jiff::Timestamp;

use super::{Judged, There};
use crate::{records::Run, retention::HANDOVER, schedule::At};

/// A slot has until the end of the handover to be served; after that, only its own snapshot holds the claim.
pub(super) fn judge(at: &At, there: &There, run: Option<&Run>, now: Timestamp) -> Judged {
    let place = &there.place;
    let failed =
        run.and_then(|run| Some(format!("; the last run failed: {}", run.failure.as_ref()?)));
    let failed = failed.unwrap_or_default();
    let newest = there
        .listed
        .iter()
        .filter(|s| s.verified && s.taken <= now)
        .max_by_key(|s| s.taken);
    let Some(newest) = newest else {
        return match run {
            Some(run) if run.failure.is_some() => (
                Verdict::Broken,
                format!("no sound backup in {place}{failed}"),
            ),
            _ if !there.recorded.is_empty() => (
                Verdict::Broken,
                format!("no sound backup is left in {place}"),
            ),
            _ => (
                Verdict::Unproven,
                format!("no backup has been taken to {place} yet"),
            ),
        };
    };
    let wanted = now
        .checked_sub(HANDOVER)
        .ok()
        .and_then(|by| at.due_before(by));
    let took = there.recorded.iter().find(|t| t.snapshot.id == newest.id);
    let what = took.map_or_else(String::new, |t| {
        format!(", {} rows, {} bytes", t.rows, t.bytes)
    });
    let late = if run.is_some_and(|run| run.late && run.day == newest.day) {
        ", late"
    } else {
        ""
    };
    match wanted {
        Some((day, _)) if newest.day < day => (
            Verdict::Broken,
            format!(
                "the backup of {day} is not in {place}; the newest is of {}{failed}",
                newest.day
            ),
        ),
        _ => (
            Verdict::Held,
            format!(
                "newest sound backup in {place}: taken {}{late}{what}, read back{failed}",
                newest.taken
            ),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::{super::testing::there, *};

    #[track_caller]
    fn check(days: &[&str], failure: Option<&str>, now: &str, verdict: Verdict, says: &str) {
        let at = At::parse("04:00 Europe/London").unwrap();
        let run = Run {
            day: "2026-01-05".parse().unwrap(),
            started: "2026-01-05T04:00:00Z".parse().unwrap(),
            finished: None,
            late: false,
            failure: failure.map(str::to_owned),
            fault: None,
        };
        let judged = judge(
            &at,
            &there(days),
            failure.map(|_| &run),
            now.parse().unwrap(),
        );
        assert_eq!(judged.0, verdict, "{}", judged.1);
        assert!(judged.1.contains(says), "{}", judged.1);
    }

    #[test]
    fn a_backup_of_the_last_slot_holds_it() {
        check(
            &["2026-01-04", "2026-01-05"],
            None,
            "2026-01-05T06:00:00Z",
            Verdict::Held,
            "12 rows",
        );
    }

    #[test]
    fn a_slot_has_the_time_of_the_handover_to_be_served() {
        check(
            &["2026-01-04"],
            None,
            "2026-01-05T05:59:59Z",
            Verdict::Held,
            "taken 2026-01-04",
        );
        check(
            &["2026-01-04"],
            None,
            "2026-01-05T06:00:00Z",
            Verdict::Broken,
            "of 2026-01-05 is not in local",
        );
    }

    #[test]
    fn the_reason_of_a_failed_run_is_shown() {
        check(
            &["2026-01-04"],
            Some("disk full"),
            "2026-01-05T07:00:00Z",
            Verdict::Broken,
            "disk full",
        );
        check(
            &[],
            Some("disk full"),
            "2026-01-05T07:00:00Z",
            Verdict::Broken,
            "disk full",
        );
    }

    #[test]
    fn before_the_first_backup_nothing_is_claimed_as_seen() {
        check(
            &[],
            None,
            "2026-01-05T07:00:00Z",
            Verdict::Unproven,
            "no backup has been taken",
        );
    }

    #[test]
    fn a_backup_from_the_future_does_not_count() {
        check(
            &["2026-01-09"],
            None,
            "2026-01-05T07:00:00Z",
            Verdict::Broken,
            "no sound backup",
        );
    }
}
