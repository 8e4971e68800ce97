//! Trying to prove false that a database's changes are kept: what is stored is read, and followers are asked from outside.

use std::sync::Arc;

use avouch_evidence::{Audience, BoxFuture, Check, Ctx, Seen};
use avouch_statement::{ClaimId, Length, Slug, Verdict};
use futures_util::{StreamExt as _, stream};
use jiff::{SignedDuration, Timestamp};

use super::{Judged, job_chain};
use crate::{
    changes::{Stall, Word, moments::reach, reckoning::Reckoning},
    keeper::{Backups, KeeperError, Owner},
    records::{Shipment, last_of_each},
    repository::Finding,
    retention::{SnapshotId, changes::needed},
    settings::{Changes, SourceSettings},
};

/// So many tenants are tried at the same time.
const AT_ONCE: usize = 8;

/// The checks of every source that is followed.
pub(super) fn all(backups: &Arc<Backups>) -> Vec<Box<dyn Check>> {
    let mut checks: Vec<Box<dyn Check>> = Vec::new();
    for source in &backups.settings().sources {
        let Some(changes) = source.changes else {
            continue;
        };
        for what in [What::Within, What::LoseAtMost] {
            let name = format!("backup.source.{}.changes.{}", source.name, what.key());
            checks.push(Box::new(Followed {
                claim: ClaimId::new(&*name),
                name,
                what,
                source: source.clone(),
                changes,
                backups: Arc::clone(backups),
            }));
        }
    }
    checks
}

#[derive(Clone, Copy)]
enum What {
    Within,
    LoseAtMost,
}

impl What {
    fn key(self) -> &'static str {
        match self {
            Self::Within => "within",
            Self::LoseAtMost => "lose-at-most",
        }
    }
}

struct Followed {
    name: String,
    claim: ClaimId,
    what: What,
    source: SourceSettings,
    changes: Changes,
    backups: Arc<Backups>,
}

impl Check for Followed {
    fn name(&self) -> &str {
        &self.name
    }

    fn claims(&self) -> Vec<ClaimId> {
        vec![self.claim.clone()]
    }

    fn dated(&self) -> bool {
        true
    }

    fn run<'a>(&'a self, ctx: &'a Ctx) -> BoxFuture<'a, Vec<Seen>> {
        Box::pin(async move {
            let owners = self.backups.owners().into_iter().filter(|owner| {
                let mut sources = self.backups.sources(owner);
                sources.any(|source| source.name == self.source.name)
            });
            // One whose follower is silent is waited for, and keeps nobody else waiting.
            let tried: Vec<Vec<Seen>> = stream::iter(owners)
                .map(|owner| -> BoxFuture<'_, Vec<Seen>> { Box::pin(self.try_one(owner, ctx)) })
                .buffered(AT_ONCE)
                .collect()
                .await;
            let mut seen = tried.concat();
            if seen.is_empty() {
                seen.push(Seen::unproven(
                    &self.claim,
                    "there is nobody yet whose changes are followed",
                ));
            }
            seen
        })
    }
}

impl Followed {
    /// Tries it for one owner, at each destination.
    async fn try_one(&self, owner: Owner, ctx: &Ctx) -> Vec<Seen> {
        // Everybody's copies are measured by the same word of the follower.
        let word = self.backups.look_at_follower(&owner, &self.source).await;
        let trouble = self.backups.trouble(&owner, &self.source.name);
        let trouble = trouble.or_else(|| word.as_ref().err().map(job_chain));
        // A look that fails, because there is nothing to look at, shows no follower that is awake.
        let asked = Asked {
            word: word.unwrap_or(Word {
                beat: None,
                awake: false,
                kept: None,
            }),
            at: (ctx.clock)(),
            trouble,
            by: self.backups.reckoning(),
        };
        let mut seen = Vec::new();
        for place in self.backups.places(&self.source) {
            let said = match self.try_at(&owner, place, &asked).await {
                Ok((verdict, observed)) => Seen::new(&self.claim, verdict, observed),
                Err(error) => {
                    let why = format!("could not be tried: {}", job_chain(&error));
                    Seen::new(&self.claim, Verdict::Unproven, why).for_audience(Audience::Supplier)
                }
            };
            seen.push(match &owner {
                Owner::Tenant(tenant) => said.of(tenant),
                Owner::Platform => said,
            });
        }
        seen
    }

    async fn try_at(
        &self,
        owner: &Owner,
        place: &Slug,
        asked: &Asked,
    ) -> Result<Judged, KeeperError> {
        let (backups, name, of) = (&self.backups, owner.to_string(), self.source.name.as_str());
        let records = backups.records();
        // What is recorded while the repository is read is not taken for missing.
        let recorded = records.shipments(&name, of, place.as_str()).await?;
        if recorded.is_empty() {
            return Ok(nothing(place, asked.trouble.as_deref()));
        }
        // Whoever reads what can be had reads it before the follower's word grows old.
        let generations = records.generations(&name, of, place.as_str()).await?;
        match self.what {
            What::Within => {
                let (findings, listed, read) = backups.read_changes(owner, place).await?;
                // What was removed meanwhile need not be there.
                let still = records.shipments(&name, of, place.as_str()).await?;
                let stored = Stored {
                    recorded: recorded
                        .into_iter()
                        .filter(|one| still.iter().any(|other| other.id == one.id))
                        .collect(),
                    generations,
                    findings,
                    listed,
                    read,
                    first: records.first_followed(&name, of, place.as_str()).await?,
                };
                let since = self.changes.since(&self.source.at, asked.at);
                Ok(within(
                    place,
                    &stored,
                    asked,
                    since,
                    self.changes.tolerated(),
                ))
            }
            What::LoseAtMost => Ok(match generations.last() {
                Some(newest) => lose_at_most(self.changes.lose_at_most, place, newest, asked),
                None => nothing(place, asked.trouble.as_deref()),
            }),
        }
    }
}

/// A follower that was asked.
struct Asked {
    word: Word,
    /// When it had been.
    at: Timestamp,
    /// What is known to keep it, or what it followed, from going on.
    trouble: Option<String>,
    /// By which clock times were noted then.
    by: Option<Reckoning>,
}

impl Asked {
    fn said(&self) -> String {
        let trouble = self.trouble.as_deref().map(|why| format!(": {why}"));
        let kept = self.word.kept.map(|kept| {
            format!("; the server keeps {kept} bytes of its log for it that have not come over")
        });
        let kept = kept.unwrap_or_default();
        let said = match (self.word.awake, self.word.trouble()) {
            (true, None) => "the follower is awake and knows of everything committed".to_owned(),
            (true, Some(why)) => format!("the follower is awake, but {why}"),
            (false, _) => format!(
                "the follower does not answer{}",
                trouble.unwrap_or_default()
            ),
        };
        said + &kept
    }
}

fn nothing(place: &Slug, trouble: Option<&str>) -> Judged {
    match trouble {
        Some(trouble) => (
            Verdict::Broken,
            format!("no changes are stored in {place}: {trouble}"),
        ),
        None => (
            Verdict::Unproven,
            format!("no changes have been stored in {place} yet"),
        ),
    }
}

/// How far ahead of the trial what is stored may be: two processes, one clock.
const AHEAD: SignedDuration = SignedDuration::from_secs(5);

/// What should be stored at a place, and what is.
struct Stored {
    recorded: Vec<Shipment>,
    generations: Vec<Shipment>,
    findings: Vec<Finding>,
    listed: Vec<SnapshotId>,
    /// When everything was read last.
    read: Timestamp,
    /// The first moment that was ever stored.
    first: Option<Timestamp>,
}

/// Everything that is needed is there and sound, and any moment from `since`, or from the beginning, up to the trial can be
/// had of it.
fn within(
    place: &Slug,
    stored: &Stored,
    asked: &Asked,
    since: Timestamp,
    tolerated: SignedDuration,
) -> Judged {
    let broken = |said: String| (Verdict::Broken, format!("{place}: {said}"));
    if let Some(finding) = stored.findings.first() {
        let count = stored.findings.len();
        return broken(format!("{count} findings, the first: {finding}"));
    }
    let recorded = last_of_each(stored.recorded.clone());
    if let Some(missing) = needed(&recorded, since, asked.by.as_ref())
        .iter()
        .find(|one| !stored.listed.contains(&one.id))
    {
        return broken(format!(
            "the changes from {} to {} are missing",
            moment(missing.facts.complete),
            moment(missing.up_to())
        ));
    }
    let quiet = stored
        .generations
        .last()
        .and_then(|newest| asked.word.quiet_since(newest));
    let Some(reach) = reach(&stored.generations, quiet, tolerated, asked.by.as_ref()) else {
        return match stored.generations.last() {
            None => nothing(place, asked.trouble.as_deref()),
            Some(_) => {
                broken("all that is stored was noted by a clock that was set since".to_owned())
            }
        };
    };
    let begins = stored.first.map(|ever| ever.max(since));
    if begins.is_some_and(|begins| reach.from.duration_since(begins) > tolerated) {
        return broken(format!(
            "what was stored of the time before {} is gone, or was noted by a clock that was set since",
            moment(reach.from)
        ));
    }
    if reach.to > asked.at + AHEAD {
        return not_yet(place, reach.to);
    }
    let gaps: Vec<Stall> = reach.gaps_since(since).collect();
    if let Some(worst) = gaps.iter().max_by_key(|gap| gap.length()) {
        return broken(format!(
            "no moment between {} and {} can be restored, a time of {} in which the database was written to and not looked at, or \
             the clock was set; times like that, longer than is tolerated: {}",
            moment(worst.from),
            moment(worst.to),
            seconds(worst.length()),
            gaps.len()
        ));
    }
    let behind = asked.at.duration_since(reach.to);
    if behind > tolerated {
        return broken(format!(
            "no moment after {} can be restored yet, {} before the trial; {}",
            moment(reach.to),
            seconds(behind),
            asked.said()
        ));
    }
    (
        Verdict::Held,
        format!(
            "{place}: any moment from {} to {}; the longest time in which moments are not told apart is {}; all of it \
             read and hashed at {}, and what is new since then; {}",
            moment(reach.from),
            moment(reach.to),
            seconds(reach.apart()),
            moment(stored.read),
            asked.said(),
        ),
    )
}

fn not_yet(place: &Slug, stored: Timestamp) -> Judged {
    (
        Verdict::Unproven,
        format!(
            "{place}: what is stored is of {}, which has not come yet: a clock was wrong",
            moment(stored)
        ),
    )
}

/// Everything that was committed longer ago than is claimed has been read back from the place.
fn lose_at_most(claimed: Length, place: &Slug, newest: &Shipment, asked: &Asked) -> Judged {
    let stored = newest.up_to();
    let quiet = asked.word.quiet_since(newest);
    let up_to = quiet.map_or(stored, |quiet| quiet.max(stored));
    if stored > asked.at + AHEAD {
        return not_yet(place, stored);
    }
    let lost = asked.at.duration_since(up_to).max(SignedDuration::ZERO);
    let said = format!(
        "{place}: everything up to {} is stored and read back, {} before the trial; {}",
        moment(up_to),
        seconds(lost),
        asked.said()
    );
    let verdict = match lost <= claimed.duration() {
        true => Verdict::Held,
        false => Verdict::Broken,
    };
    (verdict, said)
}

/// A moment to the second.
fn moment(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

fn seconds(length: SignedDuration) -> String {
    format!("{:.1} s", length.as_secs_f64())
}

#[cfg(test)]
mod tests;
