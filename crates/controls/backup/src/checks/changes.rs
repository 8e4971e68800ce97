//! Trying to prove false that a database's changes are kept: what is stored is read, and followers are asked from outside.

use std::sync::Arc;

use avouch_evidence::{Audience, BoxFuture, Check, Ctx, Seen};
use avouch_statement::{ClaimId, Length, Slug, Verdict};
use jiff::{SignedDuration, Timestamp};

use super::{Judged, job_chain};
use crate::{
    changes::{moments::worst, task::Word},
    keeper::{Backups, KeeperError, Owner},
    records::Shipment,
    repository::Finding,
    retention::SnapshotId,
    settings::{Changes, SourceSettings},
};

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
            let mut seen = Vec::new();
            for owner in self.backups.owners() {
                let Owner::Tenant(tenant) = &owner else {
                    continue;
                };
                // Everybody's copies are measured by the same word of the follower.
                let word = match self.what {
                    What::Within => None,
                    What::LoseAtMost => {
                        Some(self.backups.look_at_follower(&owner, &self.source).await)
                    }
                };
                for place in self.backups.places(&self.source) {
                    let said = match self.try_at(&owner, place, word.as_ref(), ctx).await {
                        Ok((verdict, observed)) => {
                            Seen::new(&self.claim, verdict, observed).of(tenant)
                        }
                        Err(error) => {
                            let why = format!("could not be tried: {}", job_chain(&error));
                            Seen::new(&self.claim, Verdict::Unproven, why)
                                .of(tenant)
                                .for_audience(Audience::Supplier)
                        }
                    };
                    seen.push(said);
                }
            }
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
    async fn try_at(
        &self,
        owner: &Owner,
        place: &Slug,
        word: Option<&Result<Word, KeeperError>>,
        ctx: &Ctx,
    ) -> Result<Judged, KeeperError> {
        let (backups, name, of) = (&self.backups, owner.to_string(), self.source.name.as_str());
        let trouble = backups.trouble(owner, &self.source.name);
        // What is recorded while the repository is read is not taken for missing.
        let recorded = backups
            .records()
            .shipments(&name, of, place.as_str())
            .await?;
        if recorded.is_empty() {
            return Ok(nothing(place, trouble.as_deref()));
        }
        match self.what {
            What::Within => {
                let (findings, listed, read) = backups.read_changes(owner, place).await?;
                // What was removed meanwhile need not be there.
                let still = backups
                    .records()
                    .shipments(&name, of, place.as_str())
                    .await?;
                let first = backups
                    .records()
                    .first_followed(&name, of, place.as_str())
                    .await?;
                let stored = Stored {
                    recorded: recorded
                        .into_iter()
                        .filter(|one| still.iter().any(|other| other.id == one.id))
                        .collect(),
                    generations: backups
                        .records()
                        .generations(&name, of, place.as_str())
                        .await?,
                    findings,
                    listed,
                    read,
                    first,
                };
                let since = (ctx.clock)()
                    .to_zoned(self.source.at.zone().clone())
                    .checked_sub(self.changes.within.span());
                Ok(within(
                    place,
                    &stored,
                    since.ok().map(|since| since.timestamp()),
                ))
            }
            What::LoseAtMost => {
                let silent = Word {
                    beat: None,
                    awake: false,
                };
                // A look that fails, because there is nothing to look at, shows no follower that is awake.
                let word = word.and_then(|word| word.as_ref().ok()).unwrap_or(&silent);
                let newest = backups
                    .records()
                    .generations(&name, of, place.as_str())
                    .await?;
                let now = (ctx.clock)();
                Ok(match newest.last() {
                    Some(newest) => lose_at_most(
                        self.changes.lose_at_most,
                        place,
                        newest,
                        word,
                        trouble.as_deref(),
                        now,
                    ),
                    None => nothing(place, trouble.as_deref()),
                })
            }
        }
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

/// Everything that was stored is there and sound, and it goes back to `since`, or to the beginning.
fn within(place: &Slug, stored: &Stored, since: Option<Timestamp>) -> Judged {
    if let Some(finding) = stored.findings.first() {
        let count = stored.findings.len();
        return (
            Verdict::Broken,
            format!("{place}: {count} findings, the first: {finding}"),
        );
    }
    if let Some(missing) = stored
        .recorded
        .iter()
        .find(|one| !stored.listed.contains(&one.id))
    {
        return (
            Verdict::Broken,
            format!(
                "{place}: the changes from {} to {} are missing",
                moment(missing.facts.complete),
                moment(missing.up_to())
            ),
        );
    }
    let (Some(first), Some(last)) = (stored.generations.first(), stored.generations.last()) else {
        return nothing(place, None);
    };
    let (from, to) = (first.facts.complete, last.up_to().max(first.facts.complete));
    if stored.first.is_some_and(|ever| ever < from) && since.is_some_and(|since| since < from) {
        return (
            Verdict::Broken,
            format!(
                "{place}: what was stored of the time before {} is gone",
                moment(from)
            ),
        );
    }
    (
        Verdict::Held,
        format!(
            "{place}: any moment from {} to {}; the longest time in which moments are not told apart is {}; all of it \
             read and hashed at {}, and what is new since then",
            moment(from),
            moment(to),
            seconds(worst(&stored.generations)),
            moment(stored.read),
        ),
    )
}

/// Everything that was committed longer ago than is claimed has been read back from the place.
fn lose_at_most(
    claimed: Length,
    place: &Slug,
    newest: &Shipment,
    word: &Word,
    trouble: Option<&str>,
    now: Timestamp,
) -> Judged {
    let stored = newest.up_to();
    let up_to = word
        .quiet_since(newest)
        .map_or(stored, |quiet| quiet.max(stored));
    if stored > now + AHEAD {
        return (
            Verdict::Unproven,
            format!(
                "{place}: what is stored is of {}, which has not come yet: a clock was wrong",
                moment(stored)
            ),
        );
    }
    let lost = now.duration_since(up_to).max(SignedDuration::ZERO);
    let follower = match (word.awake, trouble) {
        (true, _) => "the follower is awake and knows of everything committed".to_owned(),
        (false, None) => "the follower does not answer".to_owned(),
        (false, Some(trouble)) => format!("the follower does not answer: {trouble}"),
    };
    let said = format!(
        "{place}: everything up to {} is stored and read back, {} before the trial; {follower}",
        moment(up_to),
        seconds(lost)
    );
    let verdict = if lost <= claimed.duration() {
        Verdict::Held
    } else {
        Verdict::Broken
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
mod tests {
    use avouch_statement::Unit;

    use super::*;
    use crate::{changes::Beat, records::testing::shipment};

    fn place() -> Slug {
        "local".parse().unwrap()
    }

    fn newest() -> Shipment {
        shipment(
            "2026-11-21T10:00:00Z",
            "2026-11-21T12:00:00Z",
            "2026-11-21T09:00:00Z",
        )
    }

    fn word(awake: bool, changed: &str, up_to: &str) -> Word {
        let beat = Beat {
            generation: Some(newest().generation),
            log: None,
            up_to: up_to.parse().unwrap(),
            changed: Some(changed.parse().unwrap()),
            transactions: 7,
        };
        Word {
            beat: Some(beat),
            awake,
        }
    }

    #[track_caller]
    fn lost(word: &Word, verdict: Verdict, says: &str) {
        let now = "2026-11-21T12:10:00Z".parse().unwrap();
        let judged = lose_at_most(
            Length::new(5, Unit::Minute),
            &place(),
            &newest(),
            word,
            None,
            now,
        );
        assert_eq!(judged.0, verdict, "{}", judged.1);
        assert!(judged.1.contains(says), "{}", judged.1);
    }

    #[test]
    fn an_idle_database_loses_nothing_while_its_follower_is_awake() {
        lost(
            &word(true, "2026-11-21T11:59:59Z", "2026-11-21T12:09:59Z"),
            Verdict::Held,
            "1.0 s before",
        );
    }

    #[test]
    fn what_was_committed_and_is_not_stored_in_time_is_lost() {
        lost(
            &word(true, "2026-11-21T12:00:01Z", "2026-11-21T12:09:59Z"),
            Verdict::Broken,
            "600.0 s before",
        );
    }

    #[test]
    fn the_silence_of_a_follower_is_not_idleness() {
        let silent = word(false, "2026-11-21T11:59:59Z", "2026-11-21T12:09:59Z");
        lost(&silent, Verdict::Broken, "does not answer");
        lost(
            &Word {
                beat: None,
                awake: false,
            },
            Verdict::Broken,
            "does not answer",
        );
    }

    fn stored() -> Stored {
        Stored {
            recorded: vec![newest()],
            generations: vec![newest()],
            findings: vec![],
            listed: vec![newest().id],
            read: "2026-11-21T12:00:00Z".parse().unwrap(),
            first: Some(newest().facts.complete),
        }
    }

    #[track_caller]
    fn kept(change: impl FnOnce(&mut Stored), verdict: Verdict, says: &str) {
        let mut stored = stored();
        change(&mut stored);
        let since = "2026-11-07T12:00:00Z".parse().ok();
        let judged = within(&place(), &stored, since);
        assert_eq!(judged.0, verdict, "{}", judged.1);
        assert!(judged.1.contains(says), "{}", judged.1);
    }

    #[test]
    fn what_is_stored_and_sound_holds_the_window_since_its_beginning() {
        kept(
            |_| {},
            Verdict::Held,
            "any moment from 2026-11-21T10:00:00Z to 2026-11-21T12:00:00Z",
        );
    }

    #[test]
    fn anything_altered_missing_or_removed_too_early_breaks_it() {
        kept(
            |stored| {
                stored
                    .findings
                    .push(Finding("data/ab has been altered".to_owned()))
            },
            Verdict::Broken,
            "data/ab",
        );
        kept(
            |stored| stored.listed.clear(),
            Verdict::Broken,
            "are missing",
        );
        kept(
            |stored| stored.first = "2026-11-10T12:00:00Z".parse().ok(),
            Verdict::Broken,
            "is gone",
        );
    }
}
