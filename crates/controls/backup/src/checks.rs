//! Trying to prove the promises about backups false.
//!
//! What is observed comes from the repositories themselves, read through by a confined job; each file here judges one
//! claim, purely.

use std::{collections::BTreeSet, sync::Arc};

use avouch_evidence::{Audience, BoxFuture, Check, Ctx, Seen};
use avouch_statement::{ClaimId, Length, Slug, Verdict};
use jiff::Timestamp;

use crate::{
    drill::{Drill, Kind, Verdict as Drilled},
    far::{Address, PublicKey},
    job::{self, Examination},
    keeper::{Backups, KeeperError, Owner},
    records::Taken,
    retention::{Grade, Snapshot},
    settings::{At, SourceSettings},
};

mod append_only;
mod at;
mod back_within;
mod changes;
mod encryption;
mod every;
mod keep;
mod kind;
mod read_all;
mod room_for;
mod to;

/// A verdict and what was observed.
type Judged = (Verdict, String);

/// All checks of the stated claims about backups.
#[must_use]
pub fn all(backups: &Arc<Backups>) -> Vec<Box<dyn Check>> {
    let mut trials = Vec::new();
    for source in &backups.settings().sources {
        let path = format!("backup.source.{}", source.name);
        let mut add = |key: &str, what| trials.push((format!("{path}.{key}"), what));
        add("kind", What::Kind(source.clone()));
        add("at", What::At(source.clone()));
        add("to", What::To(source.clone()));
        for grade in Grade::ALL
            .into_iter()
            .filter(|grade| source.keep.length(*grade).is_some())
        {
            add(
                &format!("keep.{}", grade.word()),
                What::Keep(source.clone(), grade),
            );
        }
    }
    for destination in &backups.settings().destinations {
        if let At::Far {
            address: Address::Keeper { key, .. },
            ..
        } = &destination.at
        {
            trials.push((
                format!("backup.destination.{}.append-only", destination.name),
                What::AppendOnly(destination.name.clone(), *key),
            ));
        }
    }
    trials.push(("backup.encryption".to_owned(), What::Encryption));
    if let Some(within) = backups.settings().read_all_within {
        trials.push(("backup.read-all-within".to_owned(), What::ReadAll(within)));
    }
    if let Some(stated) = backups.settings().room_for {
        trials.push(("backup.room-for".to_owned(), What::Room(stated)));
    }
    if backups.settings().drill.is_some() {
        trials.push(("backup.drill.every".to_owned(), What::Every));
        trials.push(("backup.drill.back-within".to_owned(), What::BackWithin));
    }
    trials
        .into_iter()
        .map(|(name, what)| {
            let backups = Arc::clone(backups);
            Box::new(Trial {
                claim: ClaimId::new(&*name),
                name,
                what,
                backups,
            }) as Box<dyn Check>
        })
        .chain(changes::all(backups))
        .collect()
}

/// What is tried.
enum What {
    Kind(SourceSettings),
    At(SourceSettings),
    To(SourceSettings),
    Keep(SourceSettings, Grade),
    AppendOnly(Slug, PublicKey),
    Encryption,
    ReadAll(Length),
    Room(Length),
    Every,
    BackWithin,
}

struct Trial {
    name: String,
    claim: ClaimId,
    what: What,
    backups: Arc<Backups>,
}

impl Check for Trial {
    fn name(&self) -> &str {
        &self.name
    }

    fn claims(&self) -> Vec<ClaimId> {
        vec![self.claim.clone()]
    }

    fn dated(&self) -> bool {
        match self.what {
            What::At(_)
            | What::Keep(..)
            | What::AppendOnly(..)
            | What::ReadAll(_)
            | What::Every => true,
            What::Kind(_) | What::To(_) | What::Encryption | What::Room(_) | What::BackWithin => {
                false
            }
        }
    }

    fn run<'a>(&'a self, ctx: &'a Ctx) -> BoxFuture<'a, Vec<Seen>> {
        Box::pin(async move {
            let now = (ctx.clock)();
            let mut seen = Vec::new();
            for owner in self
                .backups
                .owners()
                .into_iter()
                .filter(|owner| self.concerns(owner))
            {
                match self.look(&owner, now).await {
                    Ok(judged) => {
                        seen.extend(judged.into_iter().map(|judged| self.said(&owner, judged)))
                    }
                    Err(error) => {
                        let said = (
                            Verdict::Unproven,
                            format!("could not be tried: {}", job_chain(&error)),
                        );
                        seen.push(self.said(&owner, said).for_audience(Audience::Supplier));
                    }
                }
            }
            if seen.is_empty() {
                seen.push(Seen::unproven(
                    &self.claim,
                    "there is nobody yet whose data are backed up",
                ));
            }
            seen
        })
    }
}

impl Trial {
    /// Whether the claim is about this owner's data.
    fn concerns(&self, owner: &Owner) -> bool {
        match &self.what {
            What::Kind(source) | What::At(source) | What::To(source) | What::Keep(source, _) => {
                source.is_platform() == (*owner == Owner::Platform)
            }
            What::AppendOnly(place, _) => self
                .backups
                .sources(owner)
                .any(|source| source.to.contains(place)),
            // It is about all of them together, so one is asked.
            What::Room(_) => self.backups.owners().first() == Some(owner),
            What::Encryption | What::ReadAll(_) | What::Every | What::BackWithin => true,
        }
    }

    async fn look(&self, owner: &Owner, now: Timestamp) -> Result<Vec<Judged>, KeeperError> {
        let backups = &*self.backups;
        let name = owner.to_string();
        let drills = |source: &SourceSettings| {
            let (name, source) = (name.clone(), source.name.to_string());
            async move {
                let mut drills = backups.records().drills(&name).await?;
                drills.retain(|(drill, _)| drill.source == source);
                Ok::<_, KeeperError>(drills)
            }
        };
        let mut judged = Vec::new();
        match &self.what {
            What::Kind(source) => {
                let run = backups
                    .records()
                    .newest_ended_run(&name, source.name.as_str())
                    .await?;
                for drills in apart(drills(source).await?) {
                    judged.push(kind::judge(&source.kind, run.as_ref(), &drills));
                }
            }
            What::At(source) => {
                let run = backups
                    .records()
                    .newest_run(&name, source.name.as_str())
                    .await?;
                for place in &source.to {
                    let there = There::look(backups, owner, source, place).await?;
                    judged.push(at::judge(&source.at, &there, run.as_ref(), now));
                }
            }
            What::To(source) => {
                for place in &source.to {
                    judged.push(to::judge(
                        &There::look(backups, owner, source, place).await?,
                    ));
                }
            }
            What::Keep(source, grade) => {
                for place in &source.to {
                    let since = backups
                        .records()
                        .since(&name, source.name.as_str(), place.as_str())
                        .await?;
                    let there = There::look(backups, owner, source, place).await?;
                    judged.push(keep::judge(source, *grade, &there, since, now));
                }
            }
            What::AppendOnly(place, key) => {
                let seen = backups.attempt(owner, place, key).await?;
                let mut recorded = backups.records().snapshots(&name).await?;
                recorded.retain(|taken| taken.destination == place.as_str());
                judged.push(append_only::judge(place.as_str(), &seen, &recorded, now));
            }
            What::Encryption => {
                for place in places(backups, owner) {
                    let (at, seen) = backups.examine(owner, place).await?;
                    judged.push(encryption::judge(place.as_str(), &seen, at));
                }
            }
            What::ReadAll(within) => {
                for place in places(backups, owner) {
                    // What is due is read first; what was noted of it is judged.
                    backups.examine(owner, place).await?;
                    let read = backups.readings(owner, place).await?;
                    judged.push(read_all::judge(*within, place.as_str(), &read, now));
                }
            }
            What::Room(stated) => {
                for place in places(backups, owner) {
                    backups.examine(owner, place).await?;
                }
                for room in backups.room().await? {
                    judged.push(room_for::judge(*stated, &room));
                }
            }
            What::Every => {
                let Some(stated) = &backups.settings().drill else {
                    return Ok(judged);
                };
                for source in backups.sources(owner) {
                    let since = backups
                        .records()
                        .first_taken(&name, source.name.as_str())
                        .await?;
                    let (drills, signer) = backups.signed_drills(owner, source).await?;
                    let (moments, snapshots) = of_kind(drills, Kind::Moment);
                    let found = every::judge(stated.every, &snapshots, since, now);
                    judged.push(of_source(source, every::with_signer(found, signer)));
                    if source.changes.is_some() {
                        let found = every::judge_moments(stated.every, &moments, now);
                        judged.extend(found.map(|found| of_source(source, found)));
                    }
                }
            }
            What::BackWithin => {
                let Some(stated) = &backups.settings().drill else {
                    return Ok(judged);
                };
                for source in backups.sources(owner) {
                    for drills in apart(drills(source).await?) {
                        let found = back_within::judge(stated.back_within, &drills);
                        judged.push(of_source(source, found));
                    }
                }
            }
        }
        Ok(judged)
    }

    fn said(&self, owner: &Owner, (verdict, observed): Judged) -> Seen {
        match owner {
            _ if matches!(self.what, What::Room(_)) => {
                Seen::new(&self.claim, verdict, observed).for_audience(Audience::Supplier)
            }
            Owner::Tenant(tenant) => Seen::new(&self.claim, verdict, observed).of(tenant),
            Owner::Platform => Seen::new(
                &self.claim,
                verdict,
                format!("Avouch's own state: {observed}"),
            )
            .for_audience(Audience::Supplier),
        }
    }
}

/// One source at one destination: what should be there, and what is.
struct There {
    place: String,
    /// What was recorded as stored and read back, and not removed since.
    recorded: Vec<Taken>,
    /// What the repository lists, with whether it was ever read back.
    listed: Vec<Snapshot>,
    /// What else was found when it was read through.
    seen: Examination,
    /// When that was.
    at: Timestamp,
}

impl There {
    async fn look(
        backups: &Backups,
        owner: &Owner,
        source: &SourceSettings,
        place: &Slug,
    ) -> Result<Self, KeeperError> {
        // Looking comes first: what is recorded while the repository is read is then not taken for missing.
        let mut recorded = backups.records().snapshots(&owner.to_string()).await?;
        recorded.retain(|t| t.source == source.name.as_str() && t.destination == place.as_str());
        let (at, seen) = backups.examine(owner, place).await?;
        let listed = seen
            .snapshots
            .iter()
            .filter(|s| s.label.source == source.name.as_str())
            .map(|s| job::facts(s, recorded.iter().any(|t| t.snapshot.id == s.id)))
            .collect();
        Ok(Self {
            place: place.to_string(),
            recorded,
            listed,
            seen,
            at,
        })
    }
}

/// The destinations of an owner's sources.
fn places<'b>(backups: &'b Backups, owner: &Owner) -> BTreeSet<&'b Slug> {
    backups
        .sources(owner)
        .flat_map(|source| source.to.iter())
        .collect()
}

/// The drills of the newest snapshot, and apart from them those of older ones and those of moments, if there were any: that
/// the one comes back does not mend that another does not.
fn apart(drills: Vec<(Drill, Drilled)>) -> Vec<Vec<(Drill, Drilled)>> {
    let (newest, rest) = of_kind(drills, Kind::Newest);
    let (older, moments) = of_kind(rest, Kind::Older);
    let others = [older, moments].into_iter().filter(|of| !of.is_empty());
    std::iter::once(newest).chain(others).collect()
}

/// The drills of a kind, and the others.
#[expect(clippy::type_complexity, reason = "two lists of one kind")]
fn of_kind(
    drills: Vec<(Drill, Drilled)>,
    kind: Kind,
) -> (Vec<(Drill, Drilled)>, Vec<(Drill, Drilled)>) {
    drills
        .into_iter()
        .partition(|(drill, _)| drill.kind() == kind)
}

/// What was observed, with the source that it is about.
fn of_source(source: &SourceSettings, (verdict, observed): Judged) -> Judged {
    (verdict, format!("{}: {observed}", source.name))
}

fn job_chain(error: &KeeperError) -> String {
    match error {
        KeeperError::Job(error) => error.chain(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod testing {
    use super::*;
    use crate::retention::SnapshotId;

    pub(super) fn snapshot(day: &str) -> Snapshot {
        Snapshot {
            id: SnapshotId(format!("id-{day}")),
            taken: format!("{day}T04:00:02Z").parse().unwrap(),
            day: day.parse().unwrap(),
            grades: vec![Grade::Daily],
            verified: true,
        }
    }

    pub(super) fn taken(day: &str) -> Taken {
        Taken {
            owner: "riverside".to_owned(),
            source: "tenant-data".to_owned(),
            destination: "local".to_owned(),
            snapshot: snapshot(day),
            manifest: String::new(),
            rows: 12,
            bytes: 8192,
            added: 100,
            changes: None,
            verified: format!("{day}T04:00:09Z").parse().unwrap(),
            removed: None,
        }
    }

    /// A destination that has just these days, sound.
    pub(super) fn there(days: &[&str]) -> There {
        There {
            place: "local".to_owned(),
            recorded: days.iter().map(|day| taken(day)).collect(),
            listed: days.iter().map(|day| snapshot(day)).collect(),
            seen: Examination::default(),
            at: "2026-01-05T12:00:00Z".parse().unwrap(),
        }
    }
}
