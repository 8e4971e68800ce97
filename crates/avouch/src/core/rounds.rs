//! Rounds of checks: run them, commit them to the ledger, remember what each found last.

mod standings;
mod stored;

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use avouch_events::{Opener, Outcome};
use avouch_evidence::{Check, ClaimId, Ctx, Finding, Previous, Round, Sealed, Seen};
use avouch_ledger::{Kind, Reader};
use avouch_store::Store;
use jiff::Timestamp;

use self::stored::read;
pub use self::stored::{Kept, keep};
use super::state::Core;
use super::turned::Stood;
use crate::document::Report;
use crate::fail::Fail;
use crate::statement_file::Statement;

/// A check that takes longer proves nothing.
const PATIENCE: Duration = Duration::from_secs(180);
/// So many of the newest rounds are read back at start: enough to hold every check's latest finding.
const READ_BACK: i64 = 200;

/// What is known from the rounds so far.
pub struct Rounds {
    /// All that each check found when it ran last: it may say several things of one claim.
    latest: Mutex<BTreeMap<String, Vec<(Finding, u64)>>>,
    last: tokio::sync::Mutex<Option<(u64, Previous)>>,
    /// Which checks judge each claim: the statement decides it, so it is worked out once.
    judges: OnceLock<BTreeMap<ClaimId, Vec<String>>>,
    /// How claims stood after the last round.
    stood: Stood,
    /// Rounds in the ledger that the store could not take yet, oldest first.
    unstored: tokio::sync::Mutex<VecDeque<(Kept, Timestamp)>>,
}

impl Rounds {
    /// Reads the newest rounds back, and any that reached the ledger but not the store; these the store takes once it
    /// has room.
    ///
    /// # Errors
    /// If the store or the ledger cannot be read.
    pub async fn open(
        store: &Store,
        reader: &Reader,
        opener: &Opener,
        statement: &Statement,
    ) -> Result<Self, Fail> {
        let rounds = Self {
            latest: Mutex::default(),
            last: tokio::sync::Mutex::new(None),
            judges: OnceLock::new(),
            stood: Stood::default(),
            unstored: tokio::sync::Mutex::default(),
        };
        let mut kept = read(store, READ_BACK).await?;
        let from = kept.first().map_or(0, |round| round.index + 1);
        for stored in reader.scan(from) {
            let stored =
                stored.map_err(|error| Fail::new("the ledger cannot be read").from(error))?;
            if stored.leaf.kind != Kind::Round {
                continue;
            }
            let Ok(opened) = opener.open(&stored) else {
                continue;
            };
            let Ok(sealed) = serde_json::from_slice::<Sealed>(&opened.payload) else {
                continue;
            };
            let round = sealed
                .round()
                .map_err(|error| Fail::new("a round in the ledger cannot be read").from(error))?;
            let found = Kept {
                number: round.header.number,
                index: stored.index,
                sealed,
            };
            let mut unstored = rounds.unstored.lock().await;
            unstored.push_back((found.clone(), round.header.at));
            kept.insert(0, found);
        }
        rounds.store(store).await;
        for round in kept.iter().rev() {
            rounds.remember(round, statement)?;
        }
        *rounds.last.lock().await = kept.first().map(|round| {
            (
                round.number,
                Previous {
                    index: round.index,
                    digest: round.sealed.digest(),
                },
            )
        });
        Ok(rounds)
    }

    /// What each check found when it ran last, with the ledger entry of its round.
    pub fn latest(&self) -> Vec<(Finding, u64)> {
        self.latest
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .values()
            .flatten()
            .cloned()
            .collect()
    }

    /// Copies into the store what it does not have yet. The ledger has it, so a full disk stops nothing.
    async fn store(&self, store: &Store) {
        let mut unstored = self.unstored.lock().await;
        while let Some((round, at)) = unstored.front() {
            if let Err(fail) = keep(store, round, *at).await {
                tracing::warn!(%fail, rounds = unstored.len(), "rounds are held in memory until the store takes them");
                return;
            }
            unstored.pop_front();
        }
    }

    fn remember(&self, round: &Kept, statement: &Statement) -> Result<(), Fail> {
        let read = round
            .sealed
            .round()
            .map_err(|error| Fail::new("a round cannot be read").from(error))?;
        let mut latest = self.latest.lock().unwrap_or_else(PoisonError::into_inner);
        // A finding made under another statement says nothing about this one.
        if read.header.statement != statement.source.digest() {
            return Ok(());
        }
        latest.extend(by_check(read.findings, round.index));
        Ok(())
    }
}

/// Everything that each check said in one round.
fn by_check(findings: Vec<Finding>, index: u64) -> BTreeMap<String, Vec<(Finding, u64)>> {
    let mut said: BTreeMap<String, Vec<(Finding, u64)>> = BTreeMap::new();
    for finding in findings {
        said.entry(finding.check.clone())
            .or_default()
            .push((finding, index));
    }
    said
}

/// Runs all checks now and then again and again, as the statement says.
pub fn keep_running(core: &Arc<Core>) {
    let core = core.clone();
    tokio::spawn(async move {
        let every =
            Duration::from_secs(core.statement.evidence.check_every.seconds().unsigned_abs());
        loop {
            if let Err(fail) = core.round(&[]).await {
                tracing::error!(%fail, "a round of checks was not kept");
            }
            tokio::select! {
                () = tokio::time::sleep(every) => {}
                () = core.shutdown.cancelled() => return,
            }
        }
    });
}

impl Core {
    /// Runs the checks that judge these claims (all for an empty list), commits what they found, and reports.
    ///
    /// # Errors
    /// If nothing matches, or the round cannot be committed.
    pub async fn round(self: &Arc<Self>, claims: &[String]) -> Result<Report, Fail> {
        let checks: Vec<Arc<dyn Check>> = super::checks::all(self)
            .into_iter()
            .filter(|check| {
                claims.is_empty()
                    || check
                        .claims()
                        .iter()
                        .any(|id| claims.iter().any(|wanted| id.matches(wanted)))
            })
            .collect();
        if checks.is_empty() {
            return Err(Fail::new(format!("no check judges {}", claims.join(", ")))
                .help("`avouch statement` lists the claims"));
        }
        // One round at a time: they are a chain.
        let mut last = self.rounds.last.lock().await;
        self.rounds.store(&self.store).await;
        let at = self.now();
        self.rounds.stood.begin(&self.standings_when_tried());
        let ctx = self.context(at)?;
        let mut findings = Vec::new();
        for check in &checks {
            let seen = self.attempt(check.clone(), &ctx).await;
            let when = self.now();
            findings.extend(
                seen.into_iter()
                    .map(|seen| Finding::new(check.name(), seen, when)),
            );
        }
        let number = last.as_ref().map_or(1, |(number, _)| number + 1);
        let previous = last.as_ref().map(|(_, previous)| previous.clone());
        let unkept =
            |error: serde_json::Error| Fail::new("the round cannot be written").from(error);
        let round =
            Round::make(number, at, &self.in_force, previous, findings, salt).map_err(unkept)?;
        let sealed = round.sealed().map_err(unkept)?;
        let kept = serde_json::to_vec(&sealed).map_err(unkept)?;
        let recorded = self
            .recorder
            .record_payload(Kind::Round, None, at, sealed.header.as_bytes(), &kept)
            .await
            .map_err(|error| {
                Fail::new("the round is not in the ledger, so it does not count").from(error)
            })?;
        let round = Kept {
            number,
            index: recorded.index,
            sealed,
        };
        let mut unstored = self.rounds.unstored.lock().await;
        unstored.push_back((round.clone(), at));
        drop(unstored);
        self.rounds.store(&self.store).await;
        self.rounds.remember(&round, &self.statement)?;
        *last = Some((
            number,
            Previous {
                index: round.index,
                digest: round.sealed.digest(),
            },
        ));
        // Told in the order of the rounds.
        for event in self.rounds.stood.turned(&self.standings(), self.now()) {
            let _ = self.record(event).await;
        }
        drop(last);
        let mut report = self.report();
        let count = |status: &str| {
            report
                .claims
                .iter()
                .filter(|claim| claim.status == status)
                .count()
        };
        let summary = format!(
            "round {number}: {} held, {} broken, {} unproven",
            count("held"),
            count("broken"),
            count("unproven")
        );
        let outcome = if count("held") == report.claims.len() {
            Outcome::Done
        } else {
            Outcome::Failed
        };
        let _ = self.say("checks", outcome, summary).await;
        if !claims.is_empty() {
            report.claims.retain(|claim| {
                let id = ClaimId::new(&*claim.id);
                claims.iter().any(|wanted| id.matches(wanted))
            });
        }
        Ok(report)
    }

    /// Runs one check; one that panics or takes too long proved nothing.
    async fn attempt(self: &Arc<Self>, check: Arc<dyn Check>, ctx: &Ctx) -> Vec<Seen> {
        let claims = check.claims();
        let ctx = ctx.clone();
        let unproven = |why: &str| {
            claims
                .iter()
                .map(|claim| Seen::unproven(claim, why))
                .collect()
        };
        let running = check.clone();
        let run = tokio::spawn(async move { running.run(&ctx).await });
        let abort = run.abort_handle();
        match tokio::time::timeout(PATIENCE, run).await {
            Ok(Ok(mut seen)) => {
                // A check that is silent about a claim of its own has not tried it.
                let silent: Vec<_> = claims
                    .iter()
                    .filter(|claim| !seen.iter().any(|seen| seen.claim == **claim))
                    .collect();
                seen.extend(
                    silent
                        .into_iter()
                        .map(|claim| Seen::unproven(claim, "the check said nothing about it")),
                );
                match self.steady.doubt(self.now()).filter(|_| check.dated()) {
                    Some(doubt) => seen.into_iter().map(|seen| seen.in_doubt(&doubt)).collect(),
                    None => seen,
                }
            }
            Ok(Err(error)) => {
                tracing::error!(check = check.name(), %error, "a check failed");
                unproven("the check itself failed")
            }
            Err(_) => {
                abort.abort();
                unproven("the check took longer than 3 minutes")
            }
        }
    }

    /// The newest rounds, newest first.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub async fn rounds_kept(&self, most: i64) -> Result<Vec<Kept>, Fail> {
        // Locked while reading, so that no round is seen twice or not at all.
        let unstored = self.rounds.unstored.lock().await;
        let newer = unstored.iter().rev().map(|(round, _)| round.clone());
        let stored = read(&self.store, most).await?;
        Ok(newer
            .chain(stored)
            .take(usize::try_from(most).unwrap_or(usize::MAX))
            .collect())
    }
}

/// 32 bytes that nobody can guess. Without randomness there is nothing to go on with.
fn salt() -> [u8; 32] {
    let mut salt = [0; 32];
    if let Err(error) = getrandom::fill(&mut salt) {
        tracing::error!(%error, "the system has no randomness");
        std::process::abort();
    }
    salt
}

#[cfg(test)]
mod tests {
    use super::*;
    use avouch_evidence::{InForce, Verdict};

    #[test]
    fn nothing_that_a_check_said_of_a_claim_hides_another_thing_it_said() {
        let claim = ClaimId::new("backup.source.tenant-data.to");
        let at = "2026-01-05T12:00:00Z".parse().unwrap();
        let findings = [Seen::broken(&claim, "local"), Seen::held(&claim, "offsite")]
            .map(|seen| Finding::new("to", seen, at))
            .to_vec();
        let said = by_check(findings, 7);
        let verdicts: Vec<Verdict> = said["to"]
            .iter()
            .map(|(finding, _)| finding.verdict)
            .collect();
        assert_eq!(verdicts, [Verdict::Broken, Verdict::Held]);
    }

    #[tokio::test]
    async fn a_round_that_the_store_cannot_take_is_held_until_it_can() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("store.db")).await.unwrap();
        let rename = async |from: &str, to: &str| {
            let mut work = store.write().await.unwrap();
            sqlx::raw_sql(sqlx::AssertSqlSafe(format!(
                "alter table {from} rename to {to}"
            )))
            .execute(&mut *work)
            .await
            .unwrap();
            work.commit().await.unwrap();
        };
        let at: Timestamp = "2026-01-05T12:00:00Z".parse().unwrap();
        let in_force = InForce {
            statement: "0".repeat(64),
            promise: "1".repeat(64),
        };
        let rounds = Rounds {
            latest: Mutex::default(),
            last: tokio::sync::Mutex::new(None),
            judges: OnceLock::new(),
            stood: Stood::default(),
            unstored: tokio::sync::Mutex::default(),
        };
        rename("round", "aside").await;
        for number in [1, 2] {
            let round = Round::make(number, at, &in_force, None, Vec::new(), salt).unwrap();
            let kept = Kept {
                number,
                index: number,
                sealed: round.sealed().unwrap(),
            };
            rounds.unstored.lock().await.push_back((kept, at));
            rounds.store(&store).await;
        }
        assert_eq!(rounds.unstored.lock().await.len(), 2);
        rename("aside", "round").await;
        rounds.store(&store).await;
        assert!(rounds.unstored.lock().await.is_empty());
        let stored: Vec<u64> = read(&store, 9)
            .await
            .unwrap()
            .iter()
            .map(|kept| kept.number)
            .collect();
        assert_eq!(stored, [2, 1]);
    }
}
