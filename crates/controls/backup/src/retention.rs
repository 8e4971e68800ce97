//! How long each snapshot is kept, and why: pure functions over the snapshots that exist.
//!
//! Windows are half-open and counted in civil days, months and years of the schedule's zone, from the slot a snapshot
//! served (see [`crate::schedule`]): a daily of Monday the 1st, kept 14 days, is gone at the slot of Monday the 15th.
//! Two months from 31 December end on the last day of February. A run that is late serves its slot still, and does not
//! live longer for being late.
//!
//! A grade is given once, when the snapshot is taken, and does not wander afterwards: the first sound snapshot of a day
//! is its daily, the first of an ISO week (from Monday) also its weekly, the first of a month also its monthly. A
//! snapshot goes when the last of its grades has ended, and not before its successor has been verified; if no
//! successor comes within [`HANDOVER`], it goes all the same, because "kept 14 days" is a promise to remove as well,
//! and [`judge`] says that the series is broken. The newest sound snapshot of all is never removed.

use avouch_statement::Length;
use jiff::{SignedDuration, Span, Timestamp, civil};
use serde::{Deserialize, Serialize};

use crate::schedule::At;

pub mod changes;
mod judge;
#[cfg(test)]
mod simulation;

pub use judge::{Held, Picture, judge};

/// How long a snapshot whose window has ended may wait for its successor to be stored and verified.
pub const HANDOVER: SignedDuration = SignedDuration::from_hours(2);

/// The name of a snapshot in its repository: 64 hexadecimal digits.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct SnapshotId(pub String);

impl std::fmt::Display for SnapshotId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.0.get(..8).unwrap_or(&self.0))
    }
}

/// What a snapshot is kept as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Grade {
    /// The first of its day.
    Daily,
    /// The first of its ISO week.
    Weekly,
    /// The first of its month.
    Monthly,
}

impl Grade {
    /// All grades, shortest first.
    pub const ALL: [Self; 3] = [Self::Daily, Self::Weekly, Self::Monthly];

    /// The word used in the statement and in tags.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Daily => "daily",
            Self::Weekly => "weekly",
            Self::Monthly => "monthly",
        }
    }

    /// The first day of the period of this grade that `day` is in.
    #[must_use]
    pub fn period(self, day: civil::Date) -> civil::Date {
        match self {
            Self::Daily => day,
            Self::Weekly => {
                let back = i64::from(day.weekday().to_monday_zero_offset());
                day.checked_sub(Span::new().days(back)).unwrap_or(day)
            }
            Self::Monthly => day.first_of_month(),
        }
    }
}

/// How long each grade is kept; a grade without a length is not given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rule {
    /// How long a daily is kept.
    pub daily: Length,
    /// How long a weekly is kept.
    pub weekly: Option<Length>,
    /// How long a monthly is kept.
    pub monthly: Option<Length>,
}

impl Rule {
    /// The length for a grade, if the rule has one.
    #[must_use]
    pub fn length(&self, grade: Grade) -> Option<Length> {
        match grade {
            Grade::Daily => Some(self.daily),
            Grade::Weekly => self.weekly,
            Grade::Monthly => self.monthly,
        }
    }

    /// When the window of a snapshot of `day` ends for `grade`: the first moment at which it is no longer kept.
    #[must_use]
    pub fn until(&self, grade: Grade, day: civil::Date, at: &At) -> Option<Timestamp> {
        at.on(day.checked_add(self.length(grade)?.span()).ok()?)
    }
}

/// What retention needs to know of a snapshot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Snapshot {
    /// Its name in the repository.
    pub id: SnapshotId,
    /// When its reading began, by this host's clock.
    pub taken: Timestamp,
    /// The civil day of the slot that it serves.
    pub day: civil::Date,
    /// The grades it was given when it was taken; none for an extra one.
    pub grades: Vec<Grade>,
    /// Whether its data has been read back from the repository and was sound.
    pub verified: bool,
}

/// The grades of a snapshot that serves `day`, beside those that already exist.
///
/// Only a verified snapshot takes a grade away from a later one: a failed attempt leaves its day open.
#[must_use]
pub fn grades(day: civil::Date, rule: &Rule, existing: &[Snapshot], now: Timestamp) -> Vec<Grade> {
    let taken = |grade: Grade| {
        existing
            .iter()
            .filter(|s| s.verified && s.taken <= now)
            .any(|s| s.grades.contains(&grade) && grade.period(s.day) == grade.period(day))
    };
    Grade::ALL
        .into_iter()
        .filter(|grade| rule.length(*grade).is_some() && !taken(*grade))
        .collect()
}

/// Why a snapshot is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "because")]
pub enum Reason {
    /// It serves this grade.
    Serves {
        /// The grade.
        grade: Grade,
        /// First moment at which it no longer does.
        until: Timestamp,
    },
    /// Its window has ended, and its successor is being stored and verified.
    AwaitsSuccessor {
        /// The grade that is handed over.
        grade: Grade,
        /// When it goes even without a successor.
        until: Timestamp,
    },
    /// It was taken beside the schedule, or has not been read back: kept as long as a daily, and never counted as one.
    Extra {
        /// First moment at which it is no longer kept.
        until: Timestamp,
    },
    /// It is the newest sound snapshot there is.
    NewestSound,
    /// It is dated after now: it counts for nothing, and the clock is looked at before it is touched.
    Future,
}

/// What becomes of a snapshot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// It stays, for each of these reasons.
    Keep {
        /// Which snapshot.
        id: SnapshotId,
        /// Never empty.
        reasons: Vec<Reason>,
    },
    /// It goes.
    Remove(Removable),
}

/// Proof that retention has ended for a snapshot. Only [`plan`] and, for stored changes, [`changes::ended`] make one, and
/// nothing is deleted without one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Removable {
    id: SnapshotId,
    ended: Timestamp,
}

impl Removable {
    /// The snapshot that may go.
    #[must_use]
    pub fn id(&self) -> &SnapshotId {
        &self.id
    }

    /// When the last of its windows ended.
    #[must_use]
    pub fn ended(&self) -> Timestamp {
        self.ended
    }
}

/// A request to delete something that is still to be kept.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum TooEarly {
    /// It is kept by the stated rule.
    #[error("snapshot {id} is kept until {until} and cannot be removed before")]
    Kept {
        /// Which snapshot.
        id: SnapshotId,
        /// The end of its last window.
        until: Timestamp,
    },
    /// It is kept without an end: the newest sound snapshot, or one dated in the future.
    #[error(
        "snapshot {0} is the newest sound one, or is dated in the future, and cannot be removed"
    )]
    Held(SnapshotId),
    /// There is no such snapshot in this plan.
    #[error("there is no snapshot {0} here; `avouch backup list` shows those there are")]
    Unknown(SnapshotId),
}

/// Decides about every snapshot of one source in one repository.
///
/// # Panics
///
/// Never; a day beyond the range of timestamps is kept.
#[must_use]
pub fn plan(snapshots: &[Snapshot], rule: &Rule, at: &At, now: Timestamp) -> Vec<Decision> {
    let newest = snapshots
        .iter()
        .filter(|s| s.verified && s.taken <= now)
        .max_by_key(|s| (s.taken, &s.id))
        .map(|s| &s.id);
    snapshots
        .iter()
        .map(|snapshot| {
            let (mut reasons, ended) = reasons(snapshot, snapshots, rule, at, now);
            if Some(&snapshot.id) == newest && reasons.is_empty() {
                reasons.push(Reason::NewestSound);
            }
            match ended {
                Some(ended) if reasons.is_empty() => Decision::Remove(Removable {
                    id: snapshot.id.clone(),
                    ended,
                }),
                _ if reasons.is_empty() => Decision::Keep {
                    id: snapshot.id.clone(),
                    reasons: vec![Reason::Future],
                },
                _ => Decision::Keep {
                    id: snapshot.id.clone(),
                    reasons,
                },
            }
        })
        .collect()
}

/// Asks for one snapshot to be removed.
///
/// # Errors
///
/// Refused, with the date, while the plan keeps it.
pub fn request(id: &SnapshotId, decisions: &[Decision]) -> Result<Removable, TooEarly> {
    for decision in decisions {
        match decision {
            Decision::Remove(proof) if proof.id == *id => return Ok(proof.clone()),
            Decision::Keep { id: kept, reasons } if kept == id => {
                let until = reasons
                    .iter()
                    .map(|reason| match reason {
                        Reason::Serves { until, .. }
                        | Reason::AwaitsSuccessor { until, .. }
                        | Reason::Extra { until } => Some(*until),
                        Reason::NewestSound | Reason::Future => None,
                    })
                    .collect::<Option<Vec<_>>>()
                    .and_then(|ends| ends.into_iter().max());
                return Err(match until {
                    Some(until) => TooEarly::Kept {
                        id: id.clone(),
                        until,
                    },
                    None => TooEarly::Held(id.clone()),
                });
            }
            _ => {}
        }
    }
    Err(TooEarly::Unknown(id.clone()))
}

/// The proofs in a plan.
pub fn removable(decisions: &[Decision]) -> impl Iterator<Item = &Removable> {
    decisions.iter().filter_map(|decision| match decision {
        Decision::Remove(proof) => Some(proof),
        Decision::Keep { .. } => None,
    })
}

/// The reasons to keep one snapshot, and when the last of its windows ended or ends.
fn reasons(
    snapshot: &Snapshot,
    all: &[Snapshot],
    rule: &Rule,
    at: &At,
    now: Timestamp,
) -> (Vec<Reason>, Option<Timestamp>) {
    if snapshot.taken > now {
        return (vec![Reason::Future], None);
    }
    if !snapshot.verified || snapshot.grades.is_empty() {
        let until = rule.until(Grade::Daily, snapshot.day, at);
        let kept = until
            .filter(|until| now < *until)
            .map(|until| Reason::Extra { until });
        return (kept.into_iter().collect(), until);
    }
    let mut ended = None;
    let mut reasons = Vec::new();
    for grade in &snapshot.grades {
        let Some(until) = rule.until(*grade, snapshot.day, at) else {
            continue;
        };
        ended = ended.max(Some(until));
        if now < until {
            reasons.push(Reason::Serves {
                grade: *grade,
                until,
            });
        } else if let Some(until) = handover(*grade, until, all, at, now) {
            reasons.push(Reason::AwaitsSuccessor {
                grade: *grade,
                until,
            });
        }
    }
    // A grade that the rule no longer has leaves the daily window, so that a changed statement deletes nothing at once.
    let ended = ended.or_else(|| rule.until(Grade::Daily, snapshot.day, at));
    if reasons.is_empty()
        && let Some(until) = ended
        && now < until
    {
        reasons.push(Reason::Extra { until });
    }
    (reasons, ended)
}

/// Until when a snapshot whose window ended at `ended` waits for the one that takes its place.
fn handover(
    grade: Grade,
    ended: Timestamp,
    all: &[Snapshot],
    at: &At,
    now: Timestamp,
) -> Option<Timestamp> {
    let (today, slot) = at.due_before(now)?;
    // Only a window that ended with the slot now in force is being handed over; and only when that slot opens a period.
    if ended < slot || grade.period(today) != today {
        return None;
    }
    let arrived = all.iter().any(|s| {
        s.verified
            && s.taken <= now
            && s.grades.contains(&grade)
            && grade.period(s.day) == grade.period(today)
    });
    let until = slot.checked_add(HANDOVER).ok()?;
    (!arrived && now < until).then_some(until)
}
