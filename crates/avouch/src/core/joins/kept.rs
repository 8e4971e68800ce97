//! What the checks of kept reports and of minutes answered observe.

use avouch_audit::checks::{Availability, Keeping, Kept, Measured};
use avouch_events::report::{self, Definition, Measure, Period};
use avouch_evidence::{BoxFuture, ClaimId};

use super::Reporter;
use crate::fail::Fail;

impl Reporter {
    fn promising<'a>(
        &'a self,
        promises: impl Fn(&Definition) -> bool + 'a,
    ) -> impl Iterator<Item = &'a Definition> {
        let reports = self.0.statement.reports.iter();
        reports.filter(move |definition| promises(definition))
    }

    fn named(&self, claim: &ClaimId, key: &str) -> Result<&Definition, String> {
        self.promising(|_| true)
            .find(|definition| id(definition, key) == *claim)
            .ok_or_else(|| format!("there is no report for {claim}"))
    }

    async fn look(&self, claim: &ClaimId) -> Result<Kept, String> {
        let (core, definition) = (&self.0, self.named(claim, "to")?);
        let period = Period::of(definition.every, core.now()).before();
        let name = period.to_string();
        let words = |fail: Fail| fail.to_string();
        let mut readers = Vec::new();
        for tenant in core.kept_for(definition) {
            let tenant = tenant.as_ref();
            let kept = core.report_kept(definition, &name, tenant).await;
            let kept = kept.map_err(words)?.map(|kept| report::csv(&kept.report));
            let again = core.report_again(definition, period, tenant).await;
            let again = report::csv(&again.map_err(words)?);
            let reader = tenant.map_or_else(|| "everybody".to_owned(), ToString::to_string);
            readers.push((reader, kept, again));
        }
        Ok(Kept {
            period: name,
            over: period.bounds().1,
            readers,
        })
    }

    async fn measure(&self, claim: &ClaimId) -> Result<Measured, String> {
        let (core, definition) = (&self.0, self.named(claim, "target")?);
        let period = Period::of(definition.every, core.now());
        // All lines together are the whole, however the statement divides them.
        let whole = Definition {
            group: report::Group::Nothing,
            ..definition.clone()
        };
        let report = core.report_again(&whole, period, None).await;
        let report = report.map_err(|fail| fail.to_string())?;
        let value = |place: usize| {
            let line = report.lines.first()?;
            line.values.get(place).copied().flatten()
        };
        Ok(Measured {
            period: period.to_string(),
            minutes: value(0).unwrap_or(0),
            lost: value(1).unwrap_or(0),
        })
    }
}

fn id(definition: &Definition, key: &str) -> ClaimId {
    ClaimId::new(format!("report.{}.{key}", definition.name))
}

impl Keeping for Reporter {
    fn claims(&self) -> Vec<ClaimId> {
        self.promising(|definition| !definition.to.is_empty())
            .map(|definition| id(definition, "to"))
            .collect()
    }

    fn kept<'a>(&'a self, claim: &'a ClaimId) -> BoxFuture<'a, Result<Kept, String>> {
        Box::pin(self.look(claim))
    }
}

impl Availability for Reporter {
    fn targets(&self) -> Vec<(ClaimId, u64)> {
        let reports = self.0.statement.reports.iter();
        let promised = reports.filter_map(|definition| match definition.measure {
            Measure::Available { target } => Some((id(definition, "target"), target)),
            _ => None,
        });
        promised.collect()
    }

    fn measured<'a>(&'a self, claim: &'a ClaimId) -> BoxFuture<'a, Result<Measured, String>> {
        Box::pin(self.measure(claim))
    }
}
