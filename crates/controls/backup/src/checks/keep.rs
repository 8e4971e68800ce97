//! Judges `backup.source.*.keep.*`: what a repository lists is what the rule keeps, no less and no more.

use avouch_statement::Verdict;
use jiff::{Timestamp, civil};

use super::{Judged, There};
use crate::{
    retention::{self, Grade, Held},
    settings::SourceSettings,
};

/// The rule itself is in [`retention::judge`]; a young series says since when.
pub(super) fn judge(
    source: &SourceSettings,
    grade: Grade,
    there: &There,
    since: Option<civil::Date>,
    now: Timestamp,
) -> Judged {
    let picture = retention::judge(&there.listed, grade, &source.keep, &source.at, since, now);
    let words = format!("{}: {}", there.place, picture.words(grade));
    match picture.held(grade) {
        Held::Yes => (Verdict::Held, words),
        Held::No(why) => (Verdict::Broken, format!("{words}; {why}")),
        Held::NotYet => (
            Verdict::Unproven,
            format!("{words}: there is nothing yet to judge"),
        ),
    }
}

#[cfg(test)]
mod tests {
    use avouch_statement::{Length, Unit};

    use super::{super::testing::there, *};
    use crate::{retention::Rule, schedule::At, settings::Kind};

    #[track_caller]
    fn check(days: &[&str], now: &str, verdict: Verdict, says: &str) {
        let source = SourceSettings {
            name: "tenant-data".parse().unwrap(),
            kind: Kind::Sqlite {
                path: "$DATA/app.db".to_owned(),
            },
            at: At::parse("04:00 UTC").unwrap(),
            keep: Rule {
                daily: Length::new(3, Unit::Day),
                weekly: None,
                monthly: None,
            },
            to: vec!["local".parse().unwrap()],
            changes: None,
        };
        let since = Some("2026-01-01".parse().unwrap());
        let judged = judge(
            &source,
            Grade::Daily,
            &there(days),
            since,
            now.parse().unwrap(),
        );
        assert_eq!(judged.0, verdict, "{}", judged.1);
        assert!(judged.1.contains(says), "{}", judged.1);
    }

    #[test]
    fn exactly_the_kept_days_hold_it_and_any_other_set_breaks_it() {
        let now = "2026-01-05T12:00:00Z";
        check(
            &["2026-01-03", "2026-01-04", "2026-01-05"],
            now,
            Verdict::Held,
            "3 dailies kept",
        );
        check(
            &["2026-01-03", "2026-01-05"],
            now,
            Verdict::Broken,
            "1 daily missing, the first for 2026-01-04",
        );
        check(
            &["2026-01-02", "2026-01-03", "2026-01-04", "2026-01-05"],
            now,
            Verdict::Broken,
            "beyond the stated time",
        );
        check(
            &["2026-01-01", "2026-01-02"],
            "2026-01-02T12:00:00Z",
            Verdict::Held,
            "since 2026-01-01",
        );
    }
}
