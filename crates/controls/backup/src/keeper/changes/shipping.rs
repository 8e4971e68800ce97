//! Storing what was followed, and removing what that makes superfluous.

use std::path::{Path, PathBuf};

use avouch_statement::Slug;

use super::{
    super::{Access, Backups, KeeperError, Owner, SourceSettings, Who, chain},
    follower,
};
use crate::{
    changes::{
        room::most,
        task::{Done, Known, Local, Shipped, Task, Unstored},
    },
    far::Place,
    records::{Shipment, last_of_each},
    retention::changes::needed,
    settings::Changes,
};

/// So many superseded shipments are removed together: each time the repository is gone through.
const SUPERSEDED: usize = 24;

/// What came of storing at one destination.
struct Stored {
    shipped: usize,
    local: Vec<Local>,
    failed: Option<KeeperError>,
}

impl Backups {
    /// Stores what is not stored yet at each destination, reads it back, and removes what that makes superfluous; how many
    /// generations were stored.
    ///
    /// # Errors
    ///
    /// The first that could not be done; the others were tried all the same.
    pub async fn ship(
        &self,
        owner: &Owner,
        source: &SourceSettings,
        changes: Changes,
    ) -> Result<usize, KeeperError> {
        let (mut first, mut local, mut stored, mut count) = (None, Vec::new(), Vec::new(), 0);
        let places: Vec<&Slug> = self.places(source).collect();
        let (name, of) = (owner.to_string(), source.name.as_str());
        for place in &places {
            match self.ship_to(owner, source, changes, place).await {
                Ok(there) => {
                    count += there.shipped;
                    local = there.local;
                    first = first.or(there.failed);
                    let at = self.records.generations(&name, of, place.as_str()).await?;
                    stored.push(at);
                }
                Err(error) => first = first.or(Some(error)),
            }
        }
        let gone = superfluous(&local, &stored, places.len());
        if !gone.is_empty() && (self.steady)() {
            let folder = self.changes_folder(owner, source);
            let task = Task::Forget {
                folder: folder.join(of),
                stored: gone,
            };
            let access = Access {
                read: vec![],
                write: vec![folder],
            };
            let forgotten = self.task(follower(owner, source), access, task, None);
            first = first.or(forgotten.await.err());
        }
        first.map_or(Ok(count), Err)
    }

    async fn ship_to(
        &self,
        owner: &Owner,
        source: &SourceSettings,
        changes: Changes,
        place: &Slug,
    ) -> Result<Stored, KeeperError> {
        let lock = self.going.lock(owner);
        let _held = lock.lock().await;
        let (name, of) = (owner.to_string(), source.name.as_str());
        let known = self.records.generations(&name, of, place.as_str()).await?;
        let repository = self.changes_repository(owner, place)?;
        let stored = self
            .store_changes(owner, source, place, &repository, &known)
            .await;
        let (shipped, local, failed, whole) = match stored {
            Ok((shipped, local, failed)) => {
                let failed = failed.first().map(|one| KeeperError::Unstored {
                    place: place.clone(),
                    count: failed.len(),
                    generation: one.generation.clone(),
                    why: one.why.clone(),
                });
                (shipped, local, failed, true)
            }
            // What has had its time goes all the same: a place that is full gets room again.
            Err(error) => (Vec::new(), Vec::new(), Some(error), false),
        };
        let now = (self.clock)();
        for one in &shipped {
            self.records
                .shipped(&name, of, place.as_str(), one, now)
                .await?;
        }
        let all = self.records.shipments(&name, of, place.as_str()).await?;
        let begins = shipped
            .iter()
            .any(|one| !known.iter().any(|known| known.generation == one.generation));
        let due = begins || !whole || all.len() > known.len() + SUPERSEDED;
        let removed = match due && (self.steady)() {
            true => {
                self.remove_changes(owner, source, changes, place, repository, &all)
                    .await
            }
            false => Ok(()),
        };
        let failed = match (failed, removed) {
            (Some(first), Err(also)) => Some(KeeperError::AlsoNotRemoved {
                also: chain(&also),
                source: Box::new(first),
            }),
            (first, removed) => first.or(removed.err()),
        };
        match failed {
            Some(error) if !whole => Err(error),
            failed => Ok(Stored {
                shipped: shipped.len(),
                local,
                failed,
            }),
        }
    }

    async fn store_changes(
        &self,
        owner: &Owner,
        source: &SourceSettings,
        place: &Slug,
        repository: &Path,
        known: &[Shipment],
    ) -> Result<(Vec<Shipped>, Vec<Local>, Vec<Unstored>), KeeperError> {
        let now = (self.clock)();
        let folder = self.changes_folder(owner, source);
        let access = Access {
            read: vec![folder.clone()],
            write: vec![repository.to_path_buf()],
        };
        let task = Task::Ship {
            folder: folder.join(source.name.as_str()),
            repository: Place::Folder(repository.to_path_buf()),
            owner: owner.to_string(),
            source: source.name.to_string(),
            day: now.to_zoned(source.at.zone().clone()).date(),
            now,
            known: known
                .iter()
                .map(|one| Known {
                    generation: one.generation.clone(),
                    snapshot: one.id.clone(),
                    segments: one.segments,
                    head: one.head.clone(),
                })
                .collect(),
        };
        match self
            .task(Who::Jobs, access, task, Some((owner, place)))
            .await?
        {
            Done::Shipped {
                shipped,
                local,
                failed,
            } => Ok((shipped, local, failed)),
            _ => Err(KeeperError::Confused),
        }
    }

    /// Removes what is superseded or has had its time. What an interrupted removal took away is noted as well.
    async fn remove_changes(
        &self,
        owner: &Owner,
        source: &SourceSettings,
        changes: Changes,
        place: &Slug,
        repository: PathBuf,
        all: &[Shipment],
    ) -> Result<(), KeeperError> {
        let now = (self.clock)();
        let generations = last_of_each(all.to_vec());
        let since = changes.since(&source.at, now);
        let needed = needed(&generations, since, self.reckoning().as_ref());
        let first = needed.first().map(|one| one.generation.clone());
        let task = Task::Remove {
            repository: Place::Folder(repository.clone()),
            source: source.name.to_string(),
            first: first.unwrap_or_default(),
            now,
            verified: all.iter().map(|one| one.id.clone()).collect(),
        };
        let access = Access {
            read: vec![],
            write: vec![repository],
        };
        let Done::Removed { left } = self
            .task(Who::Jobs, access, task, Some((owner, place)))
            .await?
        else {
            return Err(KeeperError::Confused);
        };
        let gone: Vec<_> = all
            .iter()
            .filter(|one| !left.contains(&one.id) && !needed.iter().any(|need| need.id == one.id))
            .map(|one| one.id.clone())
            .collect();
        let of = owner.to_string();
        Ok(self.records.unshipped(&of, place.as_str(), &gone).await?)
    }
}

/// The generations that need not lie here any more, and how far each is stored: those that are stored everywhere; and where
/// they take too much room because a place does not take them, the oldest that are stored anywhere. The newest is still
/// written to.
fn superfluous(local: &[Local], stored: &[Vec<Shipment>], places: usize) -> Vec<(String, u32)> {
    let Some((newest, before)) = local.split_last() else {
        return Vec::new();
    };
    let copies = |one: &Local| {
        let there = |place: &&Vec<Shipment>| {
            let of_it =
                |at: &Shipment| at.generation == one.generation && at.segments == one.segments;
            place.iter().any(of_it)
        };
        stored.iter().filter(there).count()
    };
    let mut held: u64 = local.iter().map(|one| one.bytes).sum();
    let longest = local
        .iter()
        .map(|one| one.image)
        .max()
        .unwrap_or(newest.image);
    let mut gone = Vec::new();
    for one in before {
        let copies = copies(one);
        // A follower stops where a third more lies here.
        let crowded = copies > 0 && held > most(longest) / 4 * 3;
        if copies == places || crowded {
            held = held.saturating_sub(one.bytes);
            gone.push((one.generation.clone(), one.segments));
        }
    }
    gone
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::records::testing::shipment;

    const UP_TO: &str = "2026-11-21T13:00:00Z";

    /// Three generations that take so many bytes each.
    fn local(bytes: u64) -> Vec<Local> {
        let one = |hour: u32| Local {
            generation: format!("2026-11-21T1{hour}:00:00Z"),
            segments: 1,
            bytes,
            image: 1000,
        };
        vec![one(0), one(1), one(2)]
    }

    fn stored(hours: &[u32]) -> Vec<Shipment> {
        hours
            .iter()
            .map(|hour| shipment(&format!("2026-11-21T1{hour}:00:00Z"), UP_TO))
            .collect()
    }

    #[track_caller]
    fn check(bytes: u64, stored: &[Vec<Shipment>], gone: &[u32]) {
        let found = superfluous(&local(bytes), stored, 2);
        let expected: Vec<_> = gone
            .iter()
            .map(|hour| (format!("2026-11-21T1{hour}:00:00Z"), 1))
            .collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn what_is_stored_everywhere_goes_but_for_the_newest() {
        check(1000, &[stored(&[0, 1, 2]), stored(&[0, 1, 2])], &[0, 1]);
        check(1000, &[stored(&[0, 1, 2]), stored(&[1])], &[1]);
        check(1000, &[stored(&[0, 1, 2])], &[]);
    }

    #[test]
    fn where_it_takes_too_much_room_the_oldest_that_are_stored_anywhere_go() {
        let much = 300 << 20;
        check(much, &[stored(&[0, 1, 2])], &[0]);
        check(much, &[stored(&[1, 2])], &[1]);
        check(much, &[stored(&[])], &[]);
        check(4 * much, &[stored(&[0, 1, 2])], &[0, 1]);
    }

    #[test]
    fn what_goes_further_here_than_there_stays() {
        let mut longer = local(1000);
        for one in &mut longer {
            one.segments = 2;
        }
        let all = stored(&[0, 1, 2]);
        assert_eq!(superfluous(&longer, &[all.clone(), all], 2), vec![]);
    }
}
