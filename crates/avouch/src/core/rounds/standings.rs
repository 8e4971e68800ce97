//! How the claims stand by what the rounds found.

use std::collections::BTreeMap;
use std::sync::Arc;

use avouch_evidence::{ClaimId, Finding, Standing, standing};
use jiff::Timestamp;

use crate::core::state::Core;
use crate::document::{LedgerRef, Report};

impl Core {
    /// How every claim stands now.
    pub fn standings(self: &Arc<Self>) -> Vec<Standing> {
        self.standings_at(self.now())
    }

    /// How every claim stood when one was last tried: that nobody looked since has not turned it.
    pub(super) fn standings_when_tried(self: &Arc<Self>) -> Vec<Standing> {
        let latest = self.rounds.latest();
        let tried = latest.iter().map(|(finding, _)| finding.at).max();
        self.standings_at(tried.unwrap_or_else(|| self.now()))
    }

    fn standings_at(self: &Arc<Self>, now: Timestamp) -> Vec<Standing> {
        let judges = self.rounds.judges.get_or_init(|| {
            let mut judges: BTreeMap<ClaimId, Vec<String>> = BTreeMap::new();
            for check in crate::core::checks::all(self) {
                for claim in check.claims() {
                    judges
                        .entry(claim)
                        .or_default()
                        .push(check.name().to_owned());
                }
            }
            judges
        });
        let latest: Vec<Finding> = self
            .rounds
            .latest()
            .into_iter()
            .map(|(finding, _)| finding)
            .collect();
        standing(&self.statement.claims, judges, &latest, now)
    }

    /// The statement with how every claim stands now.
    pub fn report(self: &Arc<Self>) -> Report {
        let latest = self.rounds.latest();
        let log = self.log_name();
        let entry = |finding: &Finding| {
            latest
                .iter()
                .find(|(other, _)| other == finding)
                .map(|(_, index)| LedgerRef {
                    log: log.clone(),
                    index: *index,
                })
        };
        Report::new(
            &self.statement.service,
            &self.digest,
            self.now(),
            &self.statement.claims,
            &self.standings(),
            entry,
        )
    }

    /// The log's origin.
    pub fn log_name(&self) -> String {
        self.ledger
            .vkey()
            .split('+')
            .next()
            .unwrap_or("")
            .to_owned()
    }
}
