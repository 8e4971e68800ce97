//! Judges `backup.drill.every`: a restore was rehearsed, with success, within the stated period.

use avouch_statement::{Length, Verdict};
use jiff::{Timestamp, tz::TimeZone};

use super::Judged;
use crate::drill::{Drill, Verdict as Drilled};

/// A drill that failed does not count; one that was slow restored the data, and is judged by its time elsewhere.
///
/// The period is counted on the calendar, and is half-open: three months from 5 January are over on 5 April.
pub(super) fn judge(
    every: Length,
    drills: &[(Drill, Drilled)],
    since: Option<Timestamp>,
    now: Timestamp,
) -> Judged {
    let by = |from: Timestamp| {
        from.to_zoned(TimeZone::UTC)
            .checked_add(every.span())
            .map(|by| by.timestamp())
            .ok()
    };
    let past = || drills.iter().filter(|(drill, _)| drill.started <= now);
    let failed = past().next().and_then(|(drill, verdict)| match verdict {
        Drilled::Failed(why) => Some(format!("the drill of {} failed: {why}", drill.started)),
        Drilled::Passed | Drilled::Slow => None,
    });
    let good = past()
        .find(|(_, verdict)| !matches!(verdict, Drilled::Failed(_)))
        .map(|(drill, _)| drill);
    let Some(good) = good else {
        return match (failed, since.and_then(by)) {
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
    };
    let moments = past().find(|(drill, _)| drill.moment.is_some());
    if let Some((drill, Drilled::Failed(why))) = moments {
        let moment = drill.moment.unwrap_or(drill.started);
        let said = format!(
            "the last drill of a moment, {} of {moment}, failed: {why}",
            drill.id
        );
        return (Verdict::Broken, said);
    }
    let rows = good.compared.as_ref().map_or(0, |compared| compared.rows);
    let lost = good.lost().map_or_else(String::new, |lost| {
        format!(", {} min of data lost", lost.as_mins())
    });
    let said = format!(
        "drill {} of {} from {}: {rows} rows compared, back in {} s{lost}",
        good.id,
        good.started,
        good.destination,
        good.took().as_secs(),
    );
    let also = failed.map_or_else(String::new, |failed| format!("; since then {failed}"));
    match by(good.started) {
        Some(due) if now < due => (
            Verdict::Held,
            format!("{said}{also}; the next is due by {due}"),
        ),
        _ => (
            Verdict::Broken,
            format!("the last success is too long ago: {said}{also}"),
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
    fn a_failed_drill_does_not_count() {
        let failed = || drill("2026-03-01T12:00:00Z", 9, Drilled::Failed("no".to_owned()));
        let good = || drill("2026-01-05T12:00:00Z", 9, Drilled::Slow);
        check(&[failed(), good()], "2026-03-02T12:00:00Z", Verdict::Held);
        check(&[failed(), good()], "2026-04-05T12:00:00Z", Verdict::Broken);
        check(&[failed()], "2026-03-02T12:00:00Z", Verdict::Broken);
    }

    #[test]
    fn a_moment_that_did_not_come_back_counts_until_one_does() {
        let of_moment = |day: &str, verdict| {
            let (mut drill, verdict) = drill(&format!("{day}T12:00:00Z"), 9, verdict);
            drill.moment = Some(drill.started);
            (drill, verdict)
        };
        let failed = || of_moment("2026-01-05", Drilled::Failed("no".to_owned()));
        let newest = || drill("2026-01-05T12:00:09Z", 9, Drilled::Passed);
        check(
            &[newest(), failed()],
            "2026-01-06T12:00:00Z",
            Verdict::Broken,
        );
        let good = of_moment("2026-01-06", Drilled::Passed);
        check(
            &[good, newest(), failed()],
            "2026-01-07T12:00:00Z",
            Verdict::Held,
        );
    }

    #[test]
    fn a_drill_that_never_happened_is_broken_when_its_time_has_come() {
        check(&[], "2026-03-31T12:00:00Z", Verdict::Unproven);
        check(&[], "2026-04-01T04:00:00Z", Verdict::Broken);
    }
}
