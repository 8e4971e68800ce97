//! What a verification could and could not confirm, one sentence each.

use std::collections::BTreeMap;

use avouch_ledger::verify as ledger;
use serde::Serialize;

use super::document::{Finding, Header, Pack, Promise, Summary};

/// So many withheld findings are named one by one.
const NAMED: usize = 5;

/// Why a pack is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, Serialize)]
#[error("{why}")]
pub struct Refusal {
    /// Which part does not fit: `form`, `signature`, `checkpoint`, `rounds`, `findings`, `promise`, `proof` or `events`.
    pub part: &'static str,
    /// What does not fit.
    pub why: String,
}

impl Refusal {
    pub(super) fn new(part: &'static str, why: impl Into<String>) -> Self {
        Self {
            part,
            why: why.into(),
        }
    }
}

/// What came of a verification that found nothing wrong.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// The customer.
    pub tenant: String,
    /// The service.
    pub service: String,
    /// The supplier.
    pub supplier: String,
    /// SHA-256 of the whole statement, of which the pack carries what is promised.
    pub statement: String,
    /// When the pack says it was made; its signer vouches for that.
    pub made: String,
    /// The log's origin.
    pub log: String,
    /// Entries under the checkpoint.
    pub size: u64,
    /// Was the signer's key pinned by the reader?
    pub signer_known: bool,
    /// What is confirmed.
    pub confirmed: Vec<String>,
    /// What is not.
    pub not_confirmed: Vec<String>,
    /// Each claim in the newest round: id, sentence, worst verdict, what was observed.
    pub claims: Vec<ClaimReport>,
    #[serde(skip)]
    tally: Tally,
}

/// One claim as the newest round has it.
#[derive(Debug, Clone, Serialize)]
pub struct ClaimReport {
    /// Its path.
    pub id: String,
    /// Its sentence.
    pub text: String,
    /// The worst verdict of its findings; `unproven` when there is none.
    pub verdict: String,
    /// What was observed, where this customer may read it.
    pub observed: Vec<String>,
}

#[derive(Debug, Clone, Default)]
struct Tally {
    first_round: Option<(u64, String)>,
    last_round: Option<(u64, String)>,
    promise: Option<(String, Option<String>)>,
    withheld: usize,
    /// Each finding that is withheld and not `held`: its round, claim and verdict.
    gaps: Vec<(u64, String, String)>,
    opened: usize,
    not_held: usize,
    newest: BTreeMap<String, (String, Vec<String>)>,
    current: BTreeMap<String, (String, Vec<String>)>,
    events: u64,
    /// Before the first event carried there is none, or there is this one.
    first_event: Option<Option<u64>>,
    /// The index and time of the last.
    last_event: Option<(u64, i64)>,
}

impl Report {
    pub(super) fn begin(
        pack: &Pack,
        promise: &Promise,
        checkpoint: &ledger::Checkpoint,
        signer_known: bool,
    ) -> Self {
        let mut report = Self {
            tenant: pack.tenant.clone(),
            service: promise.service.clone(),
            supplier: promise.supplier.clone(),
            statement: promise.statement.clone(),
            made: pack.made.clone(),
            log: checkpoint.origin.clone(),
            size: checkpoint.size,
            signer_known,
            confirmed: Vec::new(),
            not_confirmed: Vec::new(),
            claims: Vec::new(),
            tally: Tally::default(),
        };
        let origin = &checkpoint.origin;
        if signer_known {
            report.confirmed.push(format!("The pack and its checkpoint are signed by the log `{origin}`, with the key that you pinned."));
        } else {
            report.not_confirmed.push(format!("Signer unknown: the pack is consistent with itself and names the log `{origin}`, but you gave no policy with a key to compare."));
        }
        report
    }

    pub(super) fn read(&mut self, summary: &Summary, finding: Finding) {
        self.tally.opened += 1;
        self.note(
            summary,
            Some(format!("{} ({})", finding.observed, seconds(&finding.at))),
        );
    }

    pub(super) fn withheld(&mut self, summary: &Summary, round: u64) {
        self.tally.withheld += 1;
        if summary.verdict != "held" {
            self.tally
                .gaps
                .push((round, summary.claim.clone(), summary.verdict.clone()));
        }
        self.note(summary, None);
    }

    fn note(&mut self, summary: &Summary, observed: Option<String>) {
        if summary.verdict != "held" {
            self.tally.not_held += 1;
        }
        let (verdict, seen) = self
            .tally
            .current
            .entry(summary.claim.clone())
            .or_insert_with(|| (summary.verdict.clone(), Vec::new()));
        if severity(&summary.verdict) > severity(verdict) {
            verdict.clone_from(&summary.verdict);
        }
        seen.extend(observed);
    }

    pub(super) fn round(&mut self, header: &Header) {
        let this = (header.number, header.at.clone());
        self.tally.first_round.get_or_insert_with(|| this.clone());
        self.tally.last_round = Some(this);
        self.tally.promise = Some((header.statement.clone(), header.promise.clone()));
        for (claim, state) in std::mem::take(&mut self.tally.current) {
            self.tally.newest.insert(claim, state);
        }
    }

    /// The digests of the statement and of its promise in the newest round.
    pub(super) fn newest_promise(&self) -> Option<(&str, Option<&String>)> {
        let (statement, promise) = self.tally.promise.as_ref()?;
        Some((statement, promise.as_ref()))
    }

    pub(super) fn event(&mut self, index: u64, prev: Option<u64>, time: i64) {
        self.tally.first_event.get_or_insert(prev);
        self.tally.last_event = Some((index, time));
        self.tally.events += 1;
    }

    pub(super) fn close(&mut self, promise: Promise) {
        let tally = std::mem::take(&mut self.tally);
        match (&tally.first_round, &tally.last_round) {
            (Some((first, since)), Some((last, until))) => {
                let (since, until) = (seconds(since), seconds(until));
                self.confirmed.push(format!("Rounds {first} to {last} of checks, from {since} to {until}, are in the ledger, and none between them is missing."));
                if *first > 1 {
                    self.not_confirmed
                        .push(format!("Rounds 1 to {} are not in this pack.", first - 1));
                }
                self.not_confirmed.push(format!("Rounds of checks after round {last} ({until}): nothing in a pack shows that its maker left out the newest. It says that it was made {}; a round much older than that is a reason to ask.", seconds(&self.made)));
                self.confirmed.push(format!(
                    "What is promised here, in {} claims, is what the newest round tried, as made from the statement with SHA-256 {}.",
                    promise.claims.len(),
                    promise.statement
                ));
            }
            _ => self.not_confirmed.push(
                "No round of checks is in this pack, so no claim is shown to hold.".to_owned(),
            ),
        }
        if tally.opened > 0 {
            self.confirmed.push(format!(
                "{} findings read as they were recorded. Not `held`, of all findings: {}.",
                tally.opened, tally.not_held
            ));
        }
        if tally.withheld > 0 {
            self.not_confirmed.push(format!("What was observed in {} findings is withheld from you; their claims and verdicts are shown.", tally.withheld));
        }
        self.not_confirmed.extend(gaps(&tally.gaps));
        match tally.first_event {
            Some(None) => self.confirmed.push(format!("{} events of your audit trail are in the ledger, from its first, and none between them is missing.", tally.events)),
            Some(Some(_)) => {
                self.confirmed.push(format!("{} events of your audit trail are in the ledger, and none between them is missing.", tally.events));
                self.not_confirmed.push("Your audit trail before the first event carried here is not in this pack.".to_owned());
            }
            None => self.not_confirmed.push("No event of your audit trail is in this pack.".to_owned()),
        }
        self.not_confirmed.push(match tally.last_event {
            Some((index, time)) => format!("Events of yours after entry {index} ({}), the last one carried: nothing in a pack shows that its maker left out the newest.", moment(time)),
            None => "Whether there are events of yours: nothing in a pack shows that its maker left them out.".to_owned(),
        });
        self.not_confirmed.push(
            "Whether others were shown a different ledger: no witness has signed this checkpoint."
                .to_owned(),
        );
        self.not_confirmed.push("What else the statement says, such as ports, commands and paths: it stays with the supplier, and whoever is shown it can compare its digest.".to_owned());
        self.claims = promise
            .claims
            .into_iter()
            .map(|claim| {
                let (verdict, observed) = tally
                    .newest
                    .get(&claim.id)
                    .cloned()
                    .unwrap_or_else(|| ("unproven".to_owned(), Vec::new()));
                ClaimReport {
                    id: claim.id,
                    text: claim.text,
                    verdict,
                    observed,
                }
            })
            .collect();
    }
}

/// What is withheld of findings that are not `held`, the newest first: a gap that the reader can ask about.
fn gaps(withheld: &[(u64, String, String)]) -> impl Iterator<Item = String> {
    let named = withheld.iter().rev().take(NAMED).map(|(round, claim, verdict)| {
        format!(
            "Gap: in round {round} the claim `{claim}` was found {verdict}, and what was seen is withheld from you. Ask the supplier."
        )
    });
    let more = withheld.len().saturating_sub(NAMED);
    let rest = (more > 0).then(|| {
        format!("Gap: {more} more findings of earlier rounds that were not `held` are withheld from you.")
    });
    named.chain(rest)
}

/// A time as the pack has it, to the second, for a person.
pub(super) fn seconds(at: &str) -> String {
    let whole = at.split(['.', 'Z']).next().unwrap_or(at);
    format!("{} UTC", whole.replace('T', " "))
}

/// The time of a leaf, in microseconds, as [`seconds`] writes it.
fn moment(micros: i64) -> String {
    jiff::Timestamp::from_microsecond(micros).map_or_else(
        |_| "at a time that is none".to_owned(),
        |at| seconds(&at.to_string()),
    )
}

fn severity(verdict: &str) -> u8 {
    match verdict {
        "held" => 0,
        "unproven" => 1,
        _ => 2,
    }
}
