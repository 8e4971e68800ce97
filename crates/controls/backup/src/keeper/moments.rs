//! Restoring a database as it was at a moment.

use std::path::{Path, PathBuf};

use avouch_statement::Slug;
use jiff::{SignedDuration, Timestamp, civil};
use serde::Serialize;

use super::{Access, Backups, KeeperError, Outcome, Owner, Plan, SourceSettings, Spec, Who, job};
use crate::{
    changes::{
        Head, Stall,
        moments::{Found, reach},
        task::{Done, Task},
    },
    far::Place,
    job::Compared,
    records::{Shipment, Taken},
    retention::Snapshot,
    settings::Changes,
    source::Source,
};

/// A moment, and what it is restored from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Moment {
    /// The moment.
    pub at: Timestamp,
    /// The same by the clock of the statement's zone.
    pub shown: String,
    /// The generation that it is in.
    pub generation: String,
    /// From when on this generation shows the database.
    pub from: Timestamp,
    /// The longest time between two looks at the database there, in milliseconds: changes within are not told apart.
    pub told_apart_ms: u64,
    #[serde(skip)]
    head: Head,
}

/// A generation that was read back.
pub(super) struct Fetched {
    pub files: u64,
    pub bytes: u64,
    /// The moment, with where the log ends that was read back.
    pub moment: Moment,
    /// What was taken in place of what was planned, in words.
    pub instead: Option<String>,
}

/// The moments that can be restored from one place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Window {
    /// The source.
    pub source: Slug,
    /// The zone in which moments are given.
    pub zone: String,
    /// The first.
    pub from: Timestamp,
    /// The last that is stored.
    pub to: Timestamp,
    /// The longest time in which moments are not told apart.
    pub worst: SignedDuration,
    /// The times between in which no moment can be had.
    pub gaps: Vec<Stall>,
}

impl Backups {
    /// What a restore of one source as it was at a moment would do; without a name, of the only one that is followed.
    /// `when` is a date and a time by the clock of the source's zone, or a timestamp.
    ///
    /// # Errors
    ///
    /// If no such source is followed, or the moment cannot be restored.
    pub async fn plan_moment(
        &self,
        owner: &Owner,
        source: Option<&str>,
        from: Option<&Slug>,
        when: &str,
    ) -> Result<Plan, KeeperError> {
        let source = self.one_followed(owner, source)?;
        let at = moment(source, when)?;
        let by = self.reckoning();
        let mut refused = None;
        for place in self
            .places(source)
            .filter(|place| from.is_none_or(|from| from == *place))
        {
            let stored = self
                .records
                .generations(&owner.to_string(), source.name.as_str(), place.as_str())
                .await?;
            let mut quiet = None;
            if let Some(newest) = stored.last().filter(|newest| newest.up_to() < at) {
                quiet = self.quiet_until(owner, source, newest).await?;
            }
            let Some(reach) = reach(&stored, quiet, tolerated(source), by.as_ref()) else {
                continue;
            };
            match reach.find(at) {
                Found::In(shipment, apart) => {
                    return Ok(self.plan_of(owner, source, at, shipment, apart));
                }
                other => refused = refused.or(Some(refusal(source, place, &other))),
            }
        }
        Err(refused.unwrap_or_else(|| KeeperError::NoSuch(owner.clone())))
    }

    /// A moment of a followed source as people read it, however it was typed.
    ///
    /// # Errors
    ///
    /// If no such source is followed, or that is no moment.
    pub fn moment_shown(
        &self,
        owner: &Owner,
        source: &str,
        when: &str,
    ) -> Result<String, KeeperError> {
        let source = self.one_followed(owner, Some(source))?;
        Ok(shown(source, moment(source, when)?))
    }

    /// The moments of each followed source of an owner that can be restored, by its first destination.
    ///
    /// # Errors
    ///
    /// If the records cannot be read.
    pub async fn windows(&self, owner: &Owner) -> Result<Vec<Window>, KeeperError> {
        let by = self.reckoning();
        let mut windows = Vec::new();
        for source in self
            .sources(owner)
            .filter(|source| source.changes.is_some())
        {
            let Some(place) = self.places(source).next() else {
                continue;
            };
            let stored = self
                .records
                .generations(&owner.to_string(), source.name.as_str(), place.as_str())
                .await?;
            if let Some(reach) = reach(&stored, None, tolerated(source), by.as_ref()) {
                windows.push(Window {
                    source: source.name.clone(),
                    zone: source.at.zone().iana_name().unwrap_or("UTC").to_owned(),
                    from: reach.from,
                    to: reach.to,
                    worst: reach.apart(),
                    gaps: reach.gaps,
                });
            }
        }
        Ok(windows)
    }

    fn one_followed(
        &self,
        owner: &Owner,
        name: Option<&str>,
    ) -> Result<&SourceSettings, KeeperError> {
        let followed: Vec<_> = self
            .sources(owner)
            .filter(|one| {
                one.changes.is_some() && name.is_none_or(|name| one.name.as_str() == name)
            })
            .collect();
        match followed.as_slice() {
            [only] => Ok(only),
            [] => Err(KeeperError::NotFollowed(owner.clone())),
            several => {
                let names: Vec<String> = several.iter().map(|one| one.name.to_string()).collect();
                Err(KeeperError::WhichSource(names.join(", ")))
            }
        }
    }

    /// Until when nothing has changed since the newest shipment, by the word of a follower that is awake.
    async fn quiet_until(
        &self,
        owner: &Owner,
        source: &SourceSettings,
        newest: &Shipment,
    ) -> Result<Option<Timestamp>, KeeperError> {
        let word = self.look_at_follower(owner, source).await?;
        Ok(word.quiet_since(newest))
    }

    pub(super) fn plan_of(
        &self,
        owner: &Owner,
        source: &SourceSettings,
        at: Timestamp,
        shipment: &Shipment,
        apart: SignedDuration,
    ) -> Plan {
        let local = at.to_zoned(source.at.zone().clone());
        let what = Taken {
            owner: owner.to_string(),
            source: source.name.to_string(),
            destination: shipment.destination.clone(),
            snapshot: Snapshot {
                id: shipment.id.clone(),
                taken: at,
                day: local.date(),
                grades: Vec::new(),
                verified: true,
            },
            manifest: shipment.head.hash.clone(),
            rows: 0,
            bytes: 0,
            added: 0,
            changes: None,
            verified: shipment.verified,
            removed: None,
        };
        Plan {
            source: source.name.clone(),
            what,
            place: self.resolve(owner, source).place(),
            into_place: source.kind.is_in_a_folder(),
            measured: None,
            moment: Some(Moment {
                at,
                shown: shown(source, at),
                generation: shipment.generation.clone(),
                from: shipment.facts.complete,
                told_apart_ms: u64::try_from(apart.as_millis()).unwrap_or_default(),
                head: shipment.head.clone(),
            }),
        }
    }

    /// Verifies what is stored, writes it into `scratch`, and rebuilds the database there; what was found, and what was taken
    /// in place of what was planned, if that is so.
    pub(super) async fn restore_moment(
        &self,
        owner: &Owner,
        plan: &Plan,
        moment: &Moment,
        scratch: &Path,
    ) -> Result<(Compared, Option<String>), KeeperError> {
        let fetched = self
            .fetch_generation(owner, &plan.what, moment, scratch)
            .await?;
        let source = self.one_followed(owner, Some(plan.source.as_str()))?;
        let compared = self
            .rebuild(owner, source, &fetched.moment, scratch)
            .await?
            .0;
        Ok((compared, fetched.instead))
    }

    /// Verifies the generation that a moment is in, and writes it into `scratch`.
    ///
    /// What was planned may have been superseded since, and removed. While nothing is removed, the newest shipment of the same
    /// generation is taken: its log goes on from the planned one's, so the moment is the same.
    pub(super) async fn fetch_generation(
        &self,
        owner: &Owner,
        what: &Taken,
        moment: &Moment,
        scratch: &Path,
    ) -> Result<Fetched, KeeperError> {
        let lock = self.going.lock(owner);
        let _held = lock.lock().await;
        let shipment = self.newest_of(owner, what, moment).await?;
        let place: Slug = shipment
            .destination
            .parse()
            .map_err(|_| KeeperError::NoSuch(owner.clone()))?;
        let repository = self.changes_repository(owner, &place)?;
        let spec = Spec::Restore {
            repository: Place::Folder(repository.clone()),
            snapshot: shipment.id.clone(),
            into: stored(moment, scratch),
        };
        let access = Access {
            read: vec![],
            write: vec![repository, scratch.to_owned()],
        };
        let password = Some(self.jobs.password(owner, &place)?);
        let input = job::Input { spec, password };
        let Outcome::Restored { files, bytes, .. } =
            self.jobs.run(Who::Jobs, access, input).await?
        else {
            return Err(KeeperError::Confused);
        };
        let instead = (shipment.id != what.snapshot.id || place.as_str() != what.destination)
            .then(|| {
                format!(
                    "{} from {place}, which goes on from the planned {} and is the same at that moment",
                    shipment.id, what.snapshot.id
                )
            });
        Ok(Fetched {
            files,
            bytes,
            moment: Moment {
                head: shipment.head,
                ..moment.clone()
            },
            instead,
        })
    }

    /// The newest shipment of the generation that a moment is in: where it was planned from, or at another place that has as
    /// much of it.
    async fn newest_of(
        &self,
        owner: &Owner,
        what: &Taken,
        moment: &Moment,
    ) -> Result<Shipment, KeeperError> {
        let source = self.one_followed(owner, Some(&what.source))?;
        let mut places: Vec<&str> = self.places(source).map(Slug::as_str).collect();
        places.sort_by_key(|place| *place != what.destination);
        for place in places {
            let stored = self
                .records
                .generations(&owner.to_string(), &what.source, place)
                .await?;
            let enough = |one: &Shipment| {
                one.generation == moment.generation
                    && (place == what.destination
                        || one.head.hash == moment.head.hash
                        || one.up_to() >= moment.at)
            };
            if let Some(found) = stored.into_iter().find(enough) {
                return Ok(found);
            }
        }
        Err(KeeperError::NotThen(format!(
            "what it was planned from, {} at {}, has had its time and was removed since; plan it again",
            what.snapshot.id, what.destination
        )))
    }

    /// Rebuilds the database from there; what was found, and its manifest's digest.
    pub(super) async fn rebuild(
        &self,
        owner: &Owner,
        source: &SourceSettings,
        moment: &Moment,
        scratch: &Path,
    ) -> Result<(Compared, String), KeeperError> {
        let task = Task::Rebuild {
            generation: stored(moment, scratch),
            head: moment.head.clone(),
            at: moment.at,
            into: scratch.join("restored"),
            server: match self.resolve(owner, source) {
                Source::Postgres { server } => Some(server),
                _ => None,
            },
        };
        let access = Access {
            read: vec![],
            write: vec![scratch.to_owned()],
        };
        match self.task(Who::Jobs, access, task, None).await? {
            Done::Rebuilt {
                files,
                rows,
                rebuilt,
                manifest,
            } => {
                let compared = Compared {
                    files,
                    rows,
                    last: rebuilt.last,
                    next: rebuilt.next,
                    ..Compared::default()
                };
                Ok((compared, manifest))
            }
            _ => Err(KeeperError::Confused),
        }
    }
}

/// Where the generation of a moment is put.
fn stored(moment: &Moment, scratch: &Path) -> PathBuf {
    scratch.join("stored").join(&moment.generation)
}

fn refusal(source: &SourceSettings, place: &Slug, found: &Found<'_>) -> KeeperError {
    let shown = |at: Timestamp| shown(source, at);
    KeeperError::NotThen(match found {
        Found::Before(first) => format!(
            "the first moment that {place} can show is {}",
            shown(*first)
        ),
        Found::Between(from, to) => format!(
            "between {} and {} the database was written to and not looked at, or the clock was set; choose the one or the other",
            shown(*from),
            shown(*to)
        ),
        Found::After(to) => format!("changes are stored in {place} up to {} so far", shown(*to)),
        Found::In(..) => String::new(),
    })
}

/// How long a time without looks is no gap yet.
fn tolerated(source: &SourceSettings) -> SignedDuration {
    let changes = source.changes.as_ref();
    changes.map_or(SignedDuration::ZERO, Changes::tolerated)
}

/// A moment by the clock of a source's zone.
fn shown(source: &SourceSettings, at: Timestamp) -> String {
    at.to_zoned(source.at.zone().clone())
        .strftime("%Y-%m-%d %H:%M:%S %Z")
        .to_string()
}

/// A moment by the clock of a source's zone, or as a timestamp. Of a time that comes twice, the first is taken.
fn moment(source: &SourceSettings, when: &str) -> Result<Timestamp, KeeperError> {
    let when = when.trim();
    if let Ok(at) = when.parse::<Timestamp>() {
        return Ok(at);
    }
    let civil: civil::DateTime = when
        .parse()
        .map_err(|_| KeeperError::NoMoment(when.to_owned()))?;
    source
        .at
        .zone()
        .to_ambiguous_timestamp(civil)
        .compatible()
        .map_err(|_| KeeperError::NoMoment(when.to_owned()))
}
