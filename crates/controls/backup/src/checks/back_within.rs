//! Judges `backup.drill.back-within`: in the last drill the data were back within the stated time.

use avouch_statement::{Length, Verdict};

use super::Judged;
use crate::drill::{Drill, Verdict as Drilled};

/// An equal time holds it. Measured again against the time that is stated now, which may have changed since.
pub(super) fn judge(within: Length, drills: &[(Drill, Drilled)]) -> Judged {
    let Some((drill, verdict)) = drills.first() else {
        return (Verdict::Unproven, "no drill has been run yet".to_owned());
    };
    if let Drilled::Failed(why) = verdict {
        return (
            Verdict::Broken,
            format!(
                "in the drill of {} the data did not come back: {why}",
                drill.started
            ),
        );
    }
    let took = drill.took();
    let said = format!(
        "back in {}.{:03} s in drill {} of {}, from {}; {within} stated",
        took.as_secs(),
        took.subsec_millis(),
        drill.id,
        drill.started,
        drill.destination
    );
    let stated = std::time::Duration::from_secs(within.seconds().unsigned_abs());
    (
        if took <= stated {
            Verdict::Held
        } else {
            Verdict::Broken
        },
        said,
    )
}

#[cfg(test)]
mod tests {
    use avouch_statement::Unit;

    use super::{super::every::tests::drill, *};

    #[test]
    fn the_time_of_the_last_drill_decides() {
        let within = Length::new(15, Unit::Minute);
        let at = "2026-01-05T12:00:00Z";
        for (secs, drilled, verdict) in [
            (900, Drilled::Passed, Verdict::Held),
            (901, Drilled::Slow, Verdict::Broken),
            (901, Drilled::Passed, Verdict::Broken),
            (5, Drilled::Failed("no answer".to_owned()), Verdict::Broken),
        ] {
            let judged = judge(within, &[drill(at, secs, drilled)]);
            assert_eq!(judged.0, verdict, "{}", judged.1);
        }
        assert_eq!(judge(within, &[]).0, Verdict::Unproven);
    }
}
