//! Judges `backup.room-for`: at the rate at which it grows, no destination is full before the stated time has passed.

use avouch_statement::{Length, Verdict};

use super::Judged;
use crate::keeper::Room;

/// As many days as are stated hold it; what does not grow is never full.
pub(super) fn judge(stated: Length, room: &Room) -> Judged {
    let place = &room.destination;
    let (Some(free), Some(rate)) = (room.free, room.growth.bytes_per_day) else {
        let why = if room.free.is_none() {
            "how much room is left is not known"
        } else {
            "there is less than a day of backups to tell a rate from"
        };
        return (Verdict::Unproven, format!("{place}: {why}"));
    };
    let seen = format!(
        "{place}: {free} bytes free, and {rate} bytes a day added in up to thirty days before"
    );
    let Some(days) = room.growth.full_in_days else {
        return (Verdict::Held, format!("{seen}: it does not fill up"));
    };
    let wanted = stated.seconds().unsigned_abs().div_ceil(86_400);
    if days >= wanted {
        (Verdict::Held, format!("{seen}: full in {days} days"))
    } else {
        (
            Verdict::Broken,
            format!(
                "{seen}: full in {days} days, and {stated} are stated; make room there, or keep less"
            ),
        )
    }
}

#[cfg(test)]
mod tests {
    use avouch_statement::Unit;

    use super::*;
    use crate::growth::Growth;

    #[track_caller]
    fn check(
        free: Option<u64>,
        rate: Option<u64>,
        days: Option<u64>,
        verdict: Verdict,
        says: &str,
    ) {
        let room = Room {
            destination: "offsite".parse().unwrap(),
            stored: 5_000,
            free,
            growth: Growth {
                bytes_per_day: rate,
                full_in_days: days,
            },
        };
        let (judged, observed) = judge(Length::new(60, Unit::Day), &room);
        assert_eq!(judged, verdict, "{observed}");
        assert!(observed.contains(says), "{observed}");
    }

    #[test]
    fn a_destination_that_fills_up_too_soon_breaks_it() {
        check(
            Some(600),
            Some(10),
            Some(60),
            Verdict::Held,
            "full in 60 days",
        );
        check(
            Some(599),
            Some(10),
            Some(59),
            Verdict::Broken,
            "full in 59 days",
        );
        check(Some(0), Some(10), Some(0), Verdict::Broken, "0 bytes free");
        check(Some(9), Some(0), None, Verdict::Held, "does not fill up");
    }

    #[test]
    fn what_is_not_known_proves_nothing() {
        check(None, Some(10), None, Verdict::Unproven, "how much room");
        check(Some(9), None, None, Verdict::Unproven, "less than a day");
    }
}
