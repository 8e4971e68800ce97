//! Judges `backup.drill.every`: a restore was rehearsed, with success, within the stated period.

use avouch_statement::{Length, Verdict};
use jiff::{Timestamp, tz::TimeZone};

use super::Judged;
use crate::drill::{Drill, Kind, Signer, Verdict as Drilled};

/// Judges the drills of snapshots: the newest one's decide. A drill that failed does not count; one that was slow restored the
/// data, and is judged by its time elsewhere.
///
/// The period is counted on the calendar, and is half-open: three months from 5 January are over on 5 April.
pub(super) fn judge(
    every: Length,
    drills: &[(Drill, Drilled)],
    since: Option<Timestamp>,
    now: Timestamp,
) -> Judged {
    let past = || drills.iter().filter(|(drill, _)| drill.started <= now);
    let failed = past().next().and_then(|(drill, verdict)| match verdict {
        Drilled::Failed(why) => Some(format!("the drill of {} failed: {why}", drill.started)),
        Drilled::Passed | Drilled::Slow => None,
    });
    let good = past()
        .filter(|(drill, _)| drill.kind() == Kind::Newest)
        .find(|(_, verdict)| !matches!(verdict, Drilled::Failed(_)))
        .map(|(drill, _)| drill);
    let later = of_the_future(drills, now);
    let Some(good) = good else {
        let (verdict, said) = match (failed, since.and_then(|since| by(every, since))) {
            (Some(failed), _) => (Verdict::Broken, format!("no drill has succeeded; {failed}")),
            (None, Some(due)) if due <= now => {
                (Verdict::Broken, format!("no drill was run by {due}"))
            }
            (None, Some(due)) => (
                Verdict::Unproven,
                format!("no drill has been run yet; the first is due by {due}"),
            ),
            (None, None) => (
                Verdict::Unproven,
                "there is nothing yet to restore".to_owned(),
            ),
        };
        return (verdict, said + &later);
    };
    let rows = good.compared.as_ref().map_or(0, |compared| compared.rows);
    let lost = good.lost().map_or_else(String::new, |lost| {
        format!(", {} min of data lost", lost.as_mins())
    });
    let also = failed.map_or_else(String::new, |failed| format!("; since then {failed}"));
    let said = format!(
        "drill {} of {} from {}: {rows} rows compared, back in {} s{lost}{also}{later}",
        good.id,
        good.started,
        good.destination,
        good.took().as_secs(),
    );
    in_time(every, good, said, now)
}

/// The same with who signed for it, which the ledger says; a record that it does not bear out breaks it.
pub(super) fn with_signer((verdict, said): Judged, signer: Signer) -> Judged {
    match signer {
        Ok(Some(signer)) => (
            verdict,
            format!("{said}; asked for by {signer}, as the ledger says"),
        ),
        Ok(None) => (verdict, said),
        Err(drill) => (
            Verdict::Broken,
            format!("the ledger does not say of drill {drill} what its record says; {said}"),
        ),
    }
}

/// Judges the drills of moments, if there was one: the last must have come back, and not too long ago.
pub(super) fn judge_moments(
    every: Length,
    drills: &[(Drill, Drilled)],
    now: Timestamp,
) -> Option<Judged> {
    let (drill, verdict) = drills.iter().find(|(drill, _)| drill.started <= now)?;
    let moment = drill.moment.unwrap_or(drill.started);
    let later = of_the_future(drills, now);
    let said = format!("the last drill of a moment, {} of {moment}", drill.id);
    Some(match verdict {
        Drilled::Failed(why) => (Verdict::Broken, format!("{said}, failed: {why}{later}")),
        Drilled::Passed | Drilled::Slow => {
            let said = format!(
                "{said}, was on {} from {}{later}",
                drill.started, drill.destination
            );
            in_time(every, drill, said, now)
        }
    })
}

/// When the period is over that begins then.
fn by(every: Length, from: Timestamp) -> Option<Timestamp> {
    let over = from.to_zoned(TimeZone::UTC).checked_add(every.span());
    over.map(|by| by.timestamp()).ok()
}

fn in_time(every: Length, good: &Drill, said: String, now: Timestamp) -> Judged {
    match by(every, good.started) {
        Some(due) if now < due => (Verdict::Held, format!("{said}; the next is due by {due}")),
        _ => (
            Verdict::Broken,
            format!("the last success is too long ago: {said}"),
        ),
    }
}

/// Drills that are dated after now, in words.
fn of_the_future(drills: &[(Drill, Drilled)], now: Timestamp) -> String {
    let future = drills.iter().filter(|(drill, _)| drill.started > now);
    match future.map(|(drill, _)| drill.started).min() {
        None => String::new(),
        Some(first) => format!(
            "; what is dated {first} or later was run by a clock that was ahead, and does not count"
        ),
    }
}

#[cfg(test)]
pub(super) mod tests {
    use std::time::Duration;

    use avouch_statement::Unit;

    use super::*;
    use crate::drill::{Step, StepName};

    pub(crate) fn drill(started: &str, secs: u64, verdict: Drilled) -> (Drill, Drilled) {
        let started: Timestamp = started.parse().unwrap();
        let took = Duration::from_secs(secs);
        let step = Step {
            name: StepName::Restore,
            started,
            took,
            outcome: Ok("done".to_owned()),
        };
        let drill = Drill {
            id: "d1".to_owned(),
            owner: "riverside".to_owned(),
            source: "tenant-data".to_owned(),
            destination: "local".to_owned(),
            started,
            snapshot: None,
            taken: Some(started),
            older: false,
            moment: None,
            steps: vec![step],
            compared: None,
        };
        (drill, verdict)
    }

    #[track_caller]
    fn check(drills: &[(Drill, Drilled)], now: &str, verdict: Verdict) {
        let quarter = Length::new(3, Unit::Month);
        let since = Some("2026-01-01T04:00:00Z".parse().unwrap());
        let judged = judge(quarter, drills, since, now.parse().unwrap());
        assert_eq!(judged.0, verdict, "{}", judged.1);
    }

    #[test]
    fn a_success_holds_for_a_quarter_and_no_longer() {
        let good = [drill("2026-01-05T12:00:00Z", 9, Drilled::Passed)];
        check(&good, "2026-04-05T11:59:59Z", Verdict::Held);
        check(&good, "2026-04-05T12:00:00Z", Verdict::Broken);
        check(&good, "2026-04-08T12:00:00Z", Verdict::Broken);
    }

    #[test]
    fn a_record_that_the_ledger_does_not_bear_out_breaks_it() {
        let held = || (Verdict::Held, "drill d1".to_owned());
        let (verdict, said) = with_signer(held(), Ok(Some("sam@a.test".to_owned())));
        assert_eq!(verdict, Verdict::Held);
        assert!(said.contains("asked for by sam@a.test"), "{said}");
        assert_eq!(with_signer(held(), Ok(None)), held());
        let (verdict, said) = with_signer(held(), Err("d1".to_owned()));
        assert_eq!(verdict, Verdict::Broken);
        assert!(said.contains("does not say of drill d1"), "{said}");
    }

    #[test]
    fn a_failed_drill_does_not_count() {
        let failed = || drill("2026-03-01T12:00:00Z", 9, Drilled::Failed("no".to_owned()));
        let good = || drill("2026-01-05T12:00:00Z", 9, Drilled::Slow);
        check(&[failed(), good()], "2026-03-02T12:00:00Z", Verdict::Held);
        check(&[failed(), good()], "2026-04-05T12:00:00Z", Verdict::Broken);
        check(&[failed()], "2026-03-02T12:00:00Z", Verdict::Broken);
    }

    fn of_moment(day: &str, verdict: Drilled) -> (Drill, Drilled) {
        let (mut drill, verdict) = drill(&format!("{day}T12:00:00Z"), 9, verdict);
        drill.moment = Some(drill.started);
        (drill, verdict)
    }

    #[test]
    fn a_moment_that_did_not_come_back_counts_until_one_does_and_then_for_a_quarter() {
        let failed = || of_moment("2026-01-05", Drilled::Failed("no".to_owned()));
        let good = || of_moment("2026-01-06", Drilled::Passed);
        let judged = |drills: &[(Drill, Drilled)], now: &str| {
            let quarter = Length::new(3, Unit::Month);
            let judged = judge_moments(quarter, drills, now.parse().unwrap());
            judged.map(|(verdict, _)| verdict)
        };
        assert_eq!(judged(&[], "2026-01-06T12:00:00Z"), None);
        let broken = Some(Verdict::Broken);
        assert_eq!(judged(&[failed()], "2026-01-06T12:00:00Z"), broken);
        let both = [good(), failed()];
        assert_eq!(judged(&both, "2026-04-06T11:59:59Z"), Some(Verdict::Held));
        assert_eq!(judged(&both, "2026-04-06T12:00:00Z"), broken);
    }

    #[test]
    fn only_a_drill_of_the_newest_stands_for_the_newest() {
        let (mut older, passed) = drill("2026-03-05T12:00:00Z", 9, Drilled::Passed);
        older.older = true;
        let newest = drill("2026-01-05T12:00:00Z", 9, Drilled::Passed);
        let all = [(older, passed), newest];
        check(&all, "2026-04-05T11:59:59Z", Verdict::Held);
        check(&all, "2026-04-05T12:00:00Z", Verdict::Broken);
        check(&all[..1], "2026-03-06T12:00:00Z", Verdict::Unproven);
    }

    #[test]
    fn a_drill_of_the_future_does_not_count_and_is_said() {
        let future = drill("2027-01-05T12:00:00Z", 9, Drilled::Passed);
        let good = drill("2026-01-05T12:00:00Z", 9, Drilled::Passed);
        let now = "2026-04-05T12:00:00Z".parse().unwrap();
        let quarter = Length::new(3, Unit::Month);
        let (verdict, said) = judge(quarter, &[future, good], None, now);
        assert_eq!(verdict, Verdict::Broken);
        assert!(
            said.contains("2027-01-05T12:00:00Z or later was run by a clock that was ahead"),
            "{said}"
        );
    }

    #[test]
    fn a_drill_that_never_happened_is_broken_when_its_time_has_come() {
        check(&[], "2026-03-31T12:00:00Z", Verdict::Unproven);
        check(&[], "2026-04-01T04:00:00Z", Verdict::Broken);
    }
}
