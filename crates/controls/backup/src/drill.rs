//! Drills: a real restore, timed, compared and started.

use std::{path::Path, time::Duration};

use avouch_evidence::BoxFuture;
use avouch_statement::{Length, Slug, TenantId};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{job::Compared, retention::SnapshotId};

/// One part of a drill.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StepName {
    /// The snapshot is read back, verified, and written into an empty folder.
    Restore,
    /// What was restored is compared with what was backed up, and asked the stated questions.
    Compare,
    /// The application is started on it, and asked a question.
    Rehearse,
    /// The restored copy is destroyed, and looked for.
    Destroy,
}

/// Which snapshot is restored, and from where.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Choice {
    /// Which.
    pub which: Which,
    /// From this destination; otherwise from the one that this source was drilled from longest ago.
    pub from: Option<Slug>,
    /// Who asked for it; nobody, if its time had come.
    pub by: Option<String>,
}

/// Which snapshot of a source is restored.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Which {
    /// The newest.
    #[default]
    Newest,
    /// Any of the older ones, each as likely as another; the newest if there is no older one.
    Random,
    /// None: the database as it was at any moment that can be had, each as likely as another.
    AnyMoment,
    /// This one, by its name or its beginning.
    Given(SnapshotId),
}

impl std::fmt::Display for StepName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Restore => "restore",
            Self::Compare => "compare",
            Self::Rehearse => "rehearse",
            Self::Destroy => "destroy",
        })
    }
}

/// A step as it went.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// Which.
    pub name: StepName,
    /// When it began.
    pub started: Timestamp,
    /// How long it took.
    pub took: Duration,
    /// What came of it: what was done, or why it failed.
    pub outcome: Result<String, String>,
}

/// A drill as it went.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Drill {
    /// Its name in lists.
    pub id: String,
    /// Whose data: a tenant, or `platform`.
    pub owner: String,
    /// Which source.
    pub source: String,
    /// Which destination it was restored from.
    pub destination: String,
    /// When it began.
    pub started: Timestamp,
    /// What was restored, once it is known.
    pub snapshot: Option<SnapshotId>,
    /// When the data that were restored had been read from their source.
    pub taken: Option<Timestamp>,
    /// Whether there was a newer one then.
    #[serde(default)]
    pub older: bool,
    /// The moment, if it was a moment that was restored and not a snapshot.
    #[serde(default)]
    pub moment: Option<Timestamp>,
    /// The steps, in order; a failed one is the last.
    pub steps: Vec<Step>,
    /// What the comparison found.
    pub compared: Option<Compared>,
}

/// What a drill proved.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// Everything came back as it was, within the stated time.
    Passed,
    /// Everything came back as it was, but not within the stated time.
    Slow,
    /// A step failed, or something differs; the first reason.
    Failed(String),
}

impl std::fmt::Display for Verdict {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Passed => f.write_str("passed"),
            Self::Slow => {
                f.write_str("failed: everything came back, but not within the stated time")
            }
            Self::Failed(why) => write!(f, "failed: {why}"),
        }
    }
}

/// What a drill restored. Each is a promise of its own: that one comes back does not show that another does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// The newest snapshot.
    Newest,
    /// An older one.
    Older,
    /// A database as it was at a moment.
    Moment,
}

impl Drill {
    /// What it restored.
    #[must_use]
    pub fn kind(&self) -> Kind {
        match (self.moment, self.older) {
            (Some(_), _) => Kind::Moment,
            (None, true) => Kind::Older,
            (None, false) => Kind::Newest,
        }
    }

    /// How long it took from the first step's beginning until the restored application answered.
    #[must_use]
    pub fn took(&self) -> Duration {
        self.steps
            .iter()
            .filter(|step| step.name != StepName::Destroy)
            .map(|step| step.took)
            .sum()
    }

    /// How much data a loss at the drill's beginning would have cost: the age of the snapshot then.
    #[must_use]
    pub fn lost(&self) -> Option<jiff::SignedDuration> {
        self.taken.map(|taken| self.started.duration_since(taken))
    }

    /// What it proved, beside the stated time. A drill without all its steps has failed.
    #[must_use]
    pub fn verdict(&self, back_within: Length, rehearsed: bool) -> Verdict {
        for step in &self.steps {
            if let Err(why) = &step.outcome {
                return Verdict::Failed(format!("{}: {why}", step.name));
            }
        }
        let wanted = [
            StepName::Restore,
            StepName::Compare,
            StepName::Rehearse,
            StepName::Destroy,
        ];
        let wanted = wanted
            .into_iter()
            .filter(|step| rehearsed || *step != StepName::Rehearse);
        if !self.steps.iter().map(|step| step.name).eq(wanted) {
            return Verdict::Failed("it was not finished".to_owned());
        }
        match &self.compared {
            Some(compared) if compared.sound() => {}
            _ => {
                return Verdict::Failed(
                    "what was restored was not compared and found the same".to_owned(),
                );
            }
        }
        let within = back_within.seconds().unsigned_abs();
        if self.took() <= Duration::from_secs(within) {
            Verdict::Passed
        } else {
            Verdict::Slow
        }
    }
}

/// What is wrong with restored data, in a line; `None` if nothing is.
#[must_use]
pub fn complaint(compared: &Compared) -> Option<String> {
    if let Some(damage) = &compared.damage {
        return Some(damage.clone());
    }
    if let Some(first) = compared.differences.first() {
        return Some(format!(
            "{} differences, the first: {first}",
            compared.differences.len()
        ));
    }
    let unmet = compared.expected.iter().find(|(_, yes)| !yes)?;
    Some(format!("`{}` is not answered by yes", unmet.0))
}

/// The application, started on restored data in a fenced place: its own folder, no way out, no way in but ours.
pub trait Rehearsal: Send + Sync {
    /// Starts the tenant's application on `data`, asks its health and one question about the data, and stops it again,
    /// whatever came of it. Returns what it answered, in a line; the error says which of these failed.
    fn rehearse<'a>(
        &'a self,
        tenant: &'a TenantId,
        data: &'a Path,
    ) -> BoxFuture<'a, Result<String, String>>;
}

/// What is written down of a drill where nobody can add to it afterwards.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signed {
    /// The drill.
    pub id: String,
    /// Whose data.
    pub owner: String,
    /// Who asked for it, or the service itself.
    pub by: String,
    /// SHA-256 of its record and of what it proved, in hexadecimal.
    pub digest: String,
    /// Whether everything came back, in time or not.
    pub succeeded: bool,
}

/// Who signed for the newest drill that succeeded, if one did; or the name of one for which nobody did, although its record says
/// so.
pub(crate) type Signer = Result<Option<String>, String>;

/// Where that is written.
pub trait Book: Send + Sync {
    /// Writes it; the number of its entry, or why there is none.
    fn write<'a>(&'a self, signed: &'a Signed) -> BoxFuture<'a, Result<u64, String>>;

    /// What an entry says, if it is one of a drill.
    fn read(&self, entry: u64) -> BoxFuture<'_, Option<Signed>>;
}

#[cfg(test)]
mod tests {
    use avouch_statement::Unit;

    use super::*;

    fn drill(steps: &[(StepName, u64, bool)], compared: Option<Compared>) -> Drill {
        let started: Timestamp = "2026-01-05T12:00:00Z".parse().unwrap();
        let steps = steps
            .iter()
            .map(|(name, secs, ok)| Step {
                name: *name,
                started,
                took: Duration::from_secs(*secs),
                outcome: if *ok {
                    Ok("done".to_owned())
                } else {
                    Err("no answer".to_owned())
                },
            })
            .collect();
        Drill {
            id: "d1".to_owned(),
            owner: "riverside".to_owned(),
            source: "tenant-data".to_owned(),
            destination: "local".to_owned(),
            started,
            snapshot: None,
            taken: None,
            older: false,
            moment: None,
            steps,
            compared,
        }
    }

    // Destroying the copy is no part of getting the data back.
    const WHOLE: [(StepName, u64, bool); 4] = [
        (StepName::Restore, 400, true),
        (StepName::Compare, 300, true),
        (StepName::Rehearse, 200, true),
        (StepName::Destroy, 900, true),
    ];

    #[track_caller]
    fn check(drill: &Drill, expected: &Verdict) {
        assert_eq!(
            &drill.verdict(Length::new(15, Unit::Minute), true),
            expected
        );
    }

    #[test]
    fn a_drill_passes_when_all_came_back_within_the_stated_time() {
        check(&drill(&WHOLE, Some(Compared::default())), &Verdict::Passed);
        let mut slow = WHOLE;
        slow[0].1 = 401;
        check(&drill(&slow, Some(Compared::default())), &Verdict::Slow);
    }

    #[test]
    fn a_drill_that_stopped_half_way_or_compared_nothing_has_failed() {
        check(
            &drill(&WHOLE[..2], Some(Compared::default())),
            &Verdict::Failed("it was not finished".to_owned()),
        );
        check(
            &drill(&WHOLE[..3], Some(Compared::default())),
            &Verdict::Failed("it was not finished".to_owned()),
        );
        let nothing = "what was restored was not compared and found the same".to_owned();
        check(&drill(&WHOLE, None), &Verdict::Failed(nothing));
    }

    #[test]
    fn a_step_that_failed_is_named_with_its_reason() {
        let mut failed = WHOLE;
        failed[2].2 = false;
        check(
            &drill(&failed, Some(Compared::default())),
            &Verdict::Failed("rehearse: no answer".to_owned()),
        );
    }

    #[test]
    fn a_restored_copy_that_is_left_behind_is_a_failed_drill() {
        let mut left = WHOLE;
        left[3].2 = false;
        check(
            &drill(&left, Some(Compared::default())),
            &Verdict::Failed("destroy: no answer".to_owned()),
        );
    }

    #[test]
    fn a_question_answered_by_no_is_a_complaint() {
        let compared = Compared {
            expected: vec![("select count(*) > 0 from a".to_owned(), false)],
            ..Compared::default()
        };
        assert!(!compared.sound());
        assert_eq!(
            complaint(&compared).unwrap(),
            "`select count(*) > 0 from a` is not answered by yes"
        );
        assert_eq!(complaint(&Compared::default()), None);
    }
}
