//! Running drills, when they are due and when somebody asks.

use avouch_statement::{Length, Slug};
use jiff::{SignedDuration, Timestamp};

use super::{Backups, KeeperError, Owner, SourceSettings};
use crate::{
    draw,
    drill::{Choice, Drill, Kind, Signed, Signer, Verdict, Which},
    records::{Records, Taken},
};

/// Who signs for a drill whose time had come.
const ITSELF: &str = "the service itself";

mod moment;
mod steps;

impl Backups {
    /// Runs the drills of every source of an owner whose time has come: of a moment, if changes are stored, of an older
    /// snapshot, if one is kept, and of the newest. Each is judged by itself, and repeated by itself when it failed.
    pub(super) async fn drill_what_is_due(&self, owner: &Owner) -> Result<(), KeeperError> {
        let Some(settings) = &self.settings.drill else {
            return Ok(());
        };
        for source in self.sources(owner) {
            let kept = self.kept(owner, source).await?;
            let Some(newest) = kept.first().map(|t| t.snapshot.taken) else {
                continue;
            };
            let now = (self.clock)();
            let drills = self.drills_of(owner, source).await?;
            let due = |kind| is_due(&drills, kind, settings.every, now);
            let newest_due = due(Kind::Newest).unwrap_or(true);
            // The first of an older one comes with the next of the newest.
            let older_due = due(Kind::Older).unwrap_or(newest_due)
                && kept.iter().any(|t| t.snapshot.taken != newest);
            let moment_due = source.changes.is_some() && due(Kind::Moment).unwrap_or(true);
            for (due, which) in [
                (moment_due, Which::AnyMoment),
                (older_due, Which::Random),
                (newest_due, Which::Newest),
            ] {
                if !due {
                    continue;
                }
                let choice = Choice {
                    which,
                    ..Choice::default()
                };
                match self.drill_source(owner, source, &choice).await {
                    // No moment can be had yet.
                    Err(KeeperError::NoSuch(_)) if choice.which == Which::AnyMoment => {}
                    drilled => drilled.map(drop)?,
                }
            }
        }
        Ok(())
    }

    /// Restores a snapshot of each source of an owner into an empty fenced place, compares it, and starts the application
    /// on it. What came of it is recorded, whatever it is. A snapshot that is given is of one source: only that is drilled.
    ///
    /// # Errors
    ///
    /// If there is nothing to restore, or the records cannot be written. A drill that fails is not an error: its
    /// verdict says so.
    pub async fn drill(
        &self,
        owner: &Owner,
        choice: &Choice,
    ) -> Result<Vec<(Drill, Verdict)>, KeeperError> {
        let mut done = Vec::new();
        let mut absent = false;
        for source in self.sources(owner) {
            match self.drill_source(owner, source, choice).await {
                Ok(drill) => done.push(drill),
                Err(KeeperError::NoSuch(_)) => absent = true,
                Err(error) => return Err(error),
            }
        }
        match (done.is_empty(), absent) {
            (false, _) => Ok(done),
            (true, true) => Err(KeeperError::NoSuch(owner.clone())),
            (true, false) => Err(KeeperError::NoSource(owner.clone())),
        }
    }

    async fn drill_source(
        &self,
        owner: &Owner,
        source: &SourceSettings,
        choice: &Choice,
    ) -> Result<(Drill, Verdict), KeeperError> {
        let settings = self.settings.drill.as_ref().ok_or(KeeperError::NoDrill)?;
        let lock = self.lock(owner);
        let _held = lock.lock().await;
        let (what, newest, moment) = match choice.which {
            Which::AnyMoment => {
                let plan = self.any_moment(owner, source, choice.from.as_ref()).await?;
                let newest = plan.what.snapshot.taken;
                (plan.what, newest, plan.moment)
            }
            _ => {
                let (what, newest) = self.choose(owner, source, choice).await?;
                (what, newest, None)
            }
        };
        let started = (self.clock)();
        let mut drill = Drill {
            id: self.records.drill_name(started).await?,
            owner: owner.to_string(),
            source: what.source.clone(),
            destination: what.destination.clone(),
            started,
            snapshot: Some(what.snapshot.id.clone()),
            taken: Some(what.snapshot.taken),
            older: what.snapshot.taken < newest,
            moment: moment.as_ref().map(|moment| moment.at),
            steps: Vec::new(),
            compared: None,
        };
        let scratch = self
            .jobs
            .scratch(&format!("drill-{owner}-{}", drill.id))
            .await?;
        match &moment {
            Some(moment) => {
                self.steps_of_moment(owner, source, (&what, moment), &scratch, &mut drill)
                    .await;
            }
            None => self.steps(owner, source, &what, &scratch, &mut drill).await,
        }
        self.destroy(&mut drill, scratch).await;
        self.progress
            .send_modify(|progress| progress.drills.retain(|other| other.owner != drill.owner));
        let verdict = drill.verdict(settings.back_within, rehearsed(owner, source));
        let signed = Signed {
            id: drill.id.clone(),
            owner: drill.owner.clone(),
            by: choice.by.clone().unwrap_or_else(|| ITSELF.to_owned()),
            digest: Records::digest_of(&drill, &verdict)?,
            succeeded: !matches!(verdict, Verdict::Failed(_)),
        };
        let entry = self.book.write(&signed).await;
        let entry = entry.map_err(KeeperError::Unsigned)?;
        self.records.add_drill(&drill, &verdict, entry).await?;
        Ok((drill, verdict))
    }

    /// The drills of a source, newest first, each with who signed for it; and the first that nobody did, although its record
    /// says so. What was run before the newest that succeeded is not asked about: it decides nothing, and in time its entry
    /// ends.
    pub(crate) async fn signed_drills(
        &self,
        owner: &Owner,
        source: &SourceSettings,
    ) -> Result<(Vec<(Drill, Verdict)>, Signer), KeeperError> {
        let mut remembered = self.records.drills_with_entries(&owner.to_string()).await?;
        remembered.retain(|it| it.drill.source == source.name.as_str());
        let mut by = Ok(None);
        for it in &remembered {
            let said = self.book.read(it.entry).await;
            let said = said.filter(|said| {
                said.id == it.drill.id && said.owner == it.drill.owner && said.digest == it.digest
            });
            let Some(said) = said else {
                by = Err(it.drill.id.clone());
                break;
            };
            if said.succeeded && it.drill.kind() == Kind::Newest {
                by = Ok(Some(said.by));
                break;
            }
        }
        let drills = remembered.into_iter().map(|it| (it.drill, it.verdict));
        Ok((drills.collect(), by))
    }

    /// The copy that a choice means, and when the newest of its source was taken.
    pub(super) async fn choose(
        &self,
        owner: &Owner,
        source: &SourceSettings,
        choice: &Choice,
    ) -> Result<(Taken, Timestamp), KeeperError> {
        let kept = self.kept(owner, source).await?;
        let newest = kept
            .first()
            .map(|t| t.snapshot.taken)
            .ok_or_else(|| KeeperError::Nothing(owner.clone()))?;
        let drills = self.drills_of(owner, source).await?;
        let last = |place: &str| {
            let of_it = drills
                .iter()
                .filter(|(drill, _)| drill.destination == place);
            of_it.map(|(drill, _)| drill.started).max()
        };
        let mut fitting = fitting(&kept, choice);
        draw::shuffle(&mut fitting).map_err(KeeperError::Draw)?;
        if choice.which != Which::Random {
            // The same snapshot lies in several places: the one longest unproven comes first.
            fitting.sort_by_key(|t| (last(&t.destination), t.destination.clone()));
        }
        let what = fitting
            .first()
            .ok_or_else(|| KeeperError::NoSuch(owner.clone()))?;
        Ok(((*what).clone(), newest))
    }

    /// The snapshots of a source that are kept, newest first.
    async fn kept(
        &self,
        owner: &Owner,
        source: &SourceSettings,
    ) -> Result<Vec<Taken>, KeeperError> {
        let mut kept = self.records.snapshots(&owner.to_string()).await?;
        kept.retain(|t| t.source == source.name.as_str());
        Ok(kept)
    }

    pub(super) async fn drills_of(
        &self,
        owner: &Owner,
        source: &SourceSettings,
    ) -> Result<Vec<(Drill, Verdict)>, KeeperError> {
        let mut drills = self.records.drills_with_entries(&owner.to_string()).await?;
        drills.retain(|it| it.drill.source == source.name.as_str());
        let drills = drills.into_iter().map(|it| (it.drill, it.verdict));
        Ok(drills.collect())
    }
}

/// Whether the next drill of a kind is due: at the end of two thirds of the stated period, so that one that fails can be
/// mended and repeated in time. None if there was none yet. One that is dated after now was run by a clock that was wrong, and
/// does not count.
fn is_due(drills: &[(Drill, Verdict)], kind: Kind, every: Length, now: Timestamp) -> Option<bool> {
    let mut past = drills
        .iter()
        .filter(|(drill, _)| drill.kind() == kind && drill.started <= now);
    let (newest, verdict) = past.next()?;
    let period = every.duration();
    let wait = match verdict {
        Verdict::Passed => period / 3 * 2,
        // Not at once: a drill is work, and what made it fail is seldom gone by itself.
        Verdict::Slow | Verdict::Failed(_) => (period / 30).min(SignedDuration::from_hours(24)),
    };
    Some(now.duration_since(newest.started) >= wait)
}

/// Whether the application is started on what was restored: where it is the application's own folder.
fn rehearsed(owner: &Owner, source: &SourceSettings) -> bool {
    matches!(owner, Owner::Tenant(_)) && source.kind.is_in_a_folder()
}

/// The copies that a choice leaves open; `kept` is newest first.
fn fitting<'t>(kept: &'t [Taken], choice: &Choice) -> Vec<&'t Taken> {
    let newest = kept.first().map(|t| t.snapshot.taken);
    let from = |t: &&Taken| {
        choice
            .from
            .as_ref()
            .is_none_or(|from: &Slug| t.destination == from.as_str())
    };
    let new = |t: &&Taken| Some(t.snapshot.taken) == newest;
    let of = |wanted: &dyn Fn(&&Taken) -> bool| -> Vec<&'t Taken> {
        kept.iter().filter(from).filter(|t| wanted(t)).collect()
    };
    match &choice.which {
        Which::Newest => of(&new),
        Which::Random => {
            let older = of(&|t| !new(t));
            if older.is_empty() { of(&new) } else { older }
        }
        // That is no snapshot.
        Which::AnyMoment => Vec::new(),
        Which::Given(id) => of(&|t| t.snapshot.id.0.starts_with(&id.0)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::retention::{Grade, Snapshot, SnapshotId};

    fn taken(id: &str, day: &str, place: &str) -> Taken {
        let taken = format!("{day}T04:00:00Z").parse().unwrap();
        Taken {
            owner: "riverside".to_owned(),
            source: "tenant-data".to_owned(),
            destination: place.to_owned(),
            snapshot: Snapshot {
                id: SnapshotId(id.to_owned()),
                taken,
                day: day.parse().unwrap(),
                grades: vec![Grade::Daily],
                verified: true,
            },
            manifest: String::new(),
            rows: 1,
            bytes: 1,
            added: 1,
            changes: None,
            verified: taken,
            removed: None,
        }
    }

    #[track_caller]
    fn check(which: Which, from: Option<&str>, expected: &[&str]) {
        let kept = [
            taken("c1", "2026-01-07", "local"),
            taken("c2", "2026-01-07", "offsite"),
            taken("b1", "2026-01-06", "local"),
            taken("b2", "2026-01-06", "offsite"),
        ];
        let from = from.map(|from| from.parse().unwrap());
        let chosen: Vec<String> = fitting(
            &kept,
            &Choice {
                which,
                from,
                by: None,
            },
        )
        .iter()
        .map(|t| t.snapshot.id.0.clone())
        .collect();
        assert_eq!(chosen, expected);
    }

    #[test]
    fn a_choice_leaves_open_what_it_does_not_say() {
        let given = |id: &str| Which::Given(SnapshotId(id.to_owned()));
        check(Which::Newest, None, &["c1", "c2"]);
        check(Which::Newest, Some("offsite"), &["c2"]);
        check(Which::Random, None, &["b1", "b2"]);
        check(Which::Random, Some("local"), &["b1"]);
        check(given("b"), None, &["b1", "b2"]);
        check(given("b2"), Some("local"), &[]);
        check(given("d"), None, &[]);
    }

    #[test]
    fn where_nothing_is_older_any_is_the_newest() {
        let kept = [taken("c1", "2026-01-07", "local")];
        let any = Choice {
            which: Which::Random,
            ..Choice::default()
        };
        assert_eq!(fitting(&kept, &any).len(), 1);
    }

    fn drilled(started: &str, kind: Kind, verdict: Verdict) -> (Drill, Verdict) {
        let started: Timestamp = started.parse().unwrap();
        let drill = Drill {
            id: "d1".to_owned(),
            owner: "riverside".to_owned(),
            source: "tenant-data".to_owned(),
            destination: "local".to_owned(),
            started,
            snapshot: None,
            taken: None,
            older: kind == Kind::Older,
            moment: (kind == Kind::Moment).then_some(started),
            steps: vec![],
            compared: None,
        };
        (drill, verdict)
    }

    #[test]
    fn each_kind_is_due_by_itself_and_soon_again_when_it_failed() {
        let failed = || Verdict::Failed("no".to_owned());
        // Newest first.
        let drills = [
            drilled("2026-01-05T12:00:02Z", Kind::Newest, Verdict::Passed),
            drilled("2026-01-05T12:00:01Z", Kind::Moment, failed()),
        ];
        let quarter = Length::new(3, avouch_statement::Unit::Month);
        let due = |kind, now: &str| is_due(&drills, kind, quarter, now.parse().unwrap());
        assert_eq!(due(Kind::Older, "2026-01-05T13:00:00Z"), None);
        assert_eq!(due(Kind::Moment, "2026-01-06T12:00:00Z"), Some(false));
        assert_eq!(due(Kind::Moment, "2026-01-06T12:00:01Z"), Some(true));
        assert_eq!(due(Kind::Newest, "2026-01-06T12:00:02Z"), Some(false));
        assert_eq!(due(Kind::Newest, "2026-03-10T12:00:02Z"), Some(true));
    }

    #[test]
    fn a_drill_of_the_future_keeps_no_other_from_being_run() {
        let drills = [
            drilled("2027-01-05T12:00:00Z", Kind::Newest, Verdict::Passed),
            drilled("2026-01-05T12:00:00Z", Kind::Newest, Verdict::Passed),
        ];
        let week = Length::new(1, avouch_statement::Unit::Week);
        let due = |now: &str| is_due(&drills, Kind::Newest, week, now.parse().unwrap());
        assert_eq!(due("2026-01-06T12:00:00Z"), Some(false));
        assert_eq!(due("2026-01-12T12:00:00Z"), Some(true));
        assert_eq!(due("2026-01-04T12:00:00Z"), None);
    }
}
