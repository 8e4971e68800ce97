//! Counts reports twice for their check: from the index, as people get them, and from the ledger.

use std::sync::Arc;
use std::time::Duration;

use avouch_audit::checks::{Recount, Reporting};
use avouch_events::report::{self, Definition, Period, Readers, Wanted};
use avouch_evidence::{BoxFuture, ClaimId};

use crate::core::state::Core;
use crate::fail::chain;

/// So many of the newest entries are counted again.
const COUNTED_AGAIN: u64 = 5_000;

/// So often a difference is looked at again, after a pause: the index follows the ledger.
const LOOKS: usize = 4;
const PAUSE: Duration = Duration::from_millis(250);

/// The reports of this core.
pub struct Reporter(pub Arc<Core>);

impl Reporter {
    fn claim(definition: &Definition) -> ClaimId {
        ClaimId::new(format!("report.{}.every", definition.name))
    }

    async fn twice(&self, definition: &Definition) -> Result<Recount, String> {
        let core = &self.0;
        // What the index has not taken in yet is not compared.
        let indexed = core.index.next().await.map_err(|error| chain(&error))?;
        let until = indexed.min(core.reader.size());
        let entries = until.saturating_sub(COUNTED_AGAIN)..until;
        let now = core.now();
        let period = Period::of(definition.every, now);
        let mut readers = vec![None];
        if definition.readers == Readers::EachOrganisation {
            readers.extend(core.tenants.ids().into_iter().map(Some));
        }
        let mut recount = Recount {
            entries: entries.end - entries.start,
            counted: 0,
            period: period.to_string(),
            readers: Vec::new(),
        };
        for tenant in readers {
            // The requests that the checks make are counted too: there are always some.
            let wanted = Wanted {
                definition,
                period,
                tenant: tenant.as_ref(),
                checks: true,
            };
            let reported = report::indexed(&core.index, &wanted, Some(entries.clone()), now)
                .await
                .map(|report| report::csv(&report))
                .map_err(|error| chain(&error));
            let counted =
                report::recorded(&core.reader, &core.opener, &wanted, entries.clone(), now)
                    .map_err(|error| chain(&error))?;
            if tenant.is_none() {
                recount.counted = counted.all();
            }
            let counted = report::csv(&counted);
            let reader = tenant.map_or_else(|| "everybody".to_owned(), |tenant| tenant.to_string());
            recount.readers.push((reader, reported, counted));
        }
        Ok(recount)
    }
}

impl Reporting for Reporter {
    fn claims(&self) -> Vec<ClaimId> {
        self.0.statement.reports.iter().map(Self::claim).collect()
    }

    fn counted_twice<'a>(&'a self, claim: &'a ClaimId) -> BoxFuture<'a, Result<Recount, String>> {
        Box::pin(async move {
            let definition = self
                .0
                .statement
                .reports
                .iter()
                .find(|definition| Self::claim(definition) == *claim)
                .ok_or_else(|| format!("there is no report for {claim}"))?;
            // An entry may be acknowledged a moment before one with a lower number reaches the index.
            let mut recount = self.twice(definition).await?;
            for _ in 0..LOOKS {
                let same = |(_, reported, counted): &(String, Result<String, String>, String)| {
                    reported.as_ref() == Ok(counted)
                };
                if recount.readers.iter().all(same) {
                    break;
                }
                tokio::time::sleep(PAUSE).await;
                recount = self.twice(definition).await?;
            }
            Ok(recount)
        })
    }
}
