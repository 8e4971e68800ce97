//! Judges `backup.source.*.keep.*`: what is in a repository is what the rule keeps, no less and no more.

use jiff::{Span, Timestamp, civil};
use serde::{Deserialize, Serialize};

use super::{Grade, HANDOVER, Rule, Snapshot, SnapshotId};
use crate::schedule::At;

/// What was found for one grade.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Picture {
    /// Verified snapshots that serve the grade now.
    pub present: usize,
    /// Periods that should have one and do not, by their first day.
    pub missing: Vec<civil::Date>,
    /// Snapshots whose every window ended, and that were not removed.
    pub overdue: Vec<SnapshotId>,
    /// The first day of the series: nothing is promised for the time before.
    pub since: Option<civil::Date>,
    /// Whether the whole window has run since then.
    pub run_in: bool,
}

/// What the picture amounts to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Held {
    /// Exactly the stated set.
    Yes,
    /// Something is missing or was kept too long; in words.
    No(String),
    /// There is nothing yet to judge.
    NotYet,
}

impl Picture {
    /// The verdict on this picture.
    #[must_use]
    pub fn held(&self, grade: Grade) -> Held {
        if let Some(first) = self.missing.first() {
            return Held::No(format!(
                "{} {} missing, the first for {first}",
                self.missing.len(),
                if self.missing.len() == 1 {
                    grade.word().to_owned()
                } else {
                    plural(grade)
                },
            ));
        }
        if let Some(first) = self.overdue.first() {
            return Held::No(format!(
                "{} kept beyond the stated time, the first {first}",
                self.overdue.len()
            ));
        }
        match self.since {
            None => Held::NotYet,
            Some(_) if self.present == 0 => Held::NotYet,
            Some(_) => Held::Yes,
        }
    }

    /// What was seen, in words; a young series says since when.
    #[must_use]
    pub fn words(&self, grade: Grade) -> String {
        let kept = if self.present == 1 {
            format!("1 {}", grade.word())
        } else {
            format!("{} {}", self.present, plural(grade))
        };
        match self.since {
            Some(since) if !self.run_in => format!("{kept} kept, since {since}"),
            _ => format!("{kept} kept"),
        }
    }
}

fn plural(grade: Grade) -> String {
    match grade {
        Grade::Daily => "dailies".to_owned(),
        Grade::Weekly => "weeklies".to_owned(),
        Grade::Monthly => "monthlies".to_owned(),
    }
}

/// Compares the snapshots that are there with those that the rule keeps at `now`. Pure, and cannot fail.
///
/// `since` is the first day that was ever served (the snapshots alone cannot say: the oldest is removed in time).
#[must_use]
pub fn judge(
    snapshots: &[Snapshot],
    grade: Grade,
    rule: &Rule,
    at: &At,
    since: Option<civil::Date>,
    now: Timestamp,
) -> Picture {
    let sound = || snapshots.iter().filter(|s| s.verified && s.taken <= now);
    let serving = |s: &&Snapshot| s.grades.contains(&grade);
    let live = |day: civil::Date| rule.until(grade, day, at).is_some_and(|until| now < until);
    let present = sound().filter(serving).filter(|s| live(s.day)).count();

    let missing = since.map_or_else(Vec::new, |since| {
        expected(grade, rule, at, since, now)
            .into_iter()
            .filter(|period| {
                !sound()
                    .filter(serving)
                    .any(|s| grade.period(s.day) == *period)
            })
            .collect()
    });

    let overdue = snapshots
        .iter()
        .filter(|s| s.grades.contains(&grade) && s.taken <= now)
        .filter(|s| {
            // A copy that serves a longer grade as well is not overdue when the shorter one ends.
            Grade::ALL
                .into_iter()
                .filter(|g| s.grades.contains(g))
                .filter_map(|g| rule.until(g, s.day, at))
                .max()
                .and_then(|until| until.checked_add(HANDOVER).ok())
                .is_some_and(|until| until <= now)
        })
        .map(|s| s.id.clone())
        .collect();

    let run_in = since
        .and_then(|since| rule.until(grade, since, at))
        .is_some_and(|end| end <= now);
    Picture {
        present,
        missing,
        overdue,
        since,
        run_in,
    }
}

/// The periods, by first day, that must have a snapshot at `now`.
fn expected(
    grade: Grade,
    rule: &Rule,
    at: &At,
    since: civil::Date,
    now: Timestamp,
) -> Vec<civil::Date> {
    let Some(((today, _), length)) = at.due_before(now).zip(rule.length(grade)) else {
        return Vec::new();
    };
    // Some days more than the length, because two months before 1 March and two months after 31 December do not meet.
    let start = length
        .span()
        .checked_add(Span::new().days(4))
        .ok()
        .and_then(|back| today.checked_sub(back).ok());
    let from = start.unwrap_or(since).max(since);
    let mut day = from;
    let mut periods = Vec::new();
    while day <= today {
        let kept = || rule.until(grade, day, at).is_some_and(|until| now < until);
        // The period that has only just begun has until the end of the handover.
        let due = || {
            at.on(day)
                .and_then(|slot| slot.checked_add(HANDOVER).ok())
                .is_some_and(|due| due <= now)
        };
        if (grade.period(day) == day || day == since) && kept() && due() {
            periods.push(grade.period(day));
        }
        let Ok(next) = day.checked_add(Span::new().days(1)) else {
            break;
        };
        day = next;
    }
    periods
}
