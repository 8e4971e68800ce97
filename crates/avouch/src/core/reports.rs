//! Reports made on demand: from the index, for one reader, with the making written in the trail.

use avouch_events::Action;
use avouch_events::report::{self, Checks, Definition, Period, Readers, Report, Wanted};
use avouch_statement::TenantId;

use super::asker::{Asker, over};
use super::state::Core;
use crate::fail::Fail;

impl Core {
    /// The reports that somebody of this tenant may read; the supplier's people (`None`) may read all.
    pub fn reports_for(&self, tenant: Option<&TenantId>) -> Vec<&Definition> {
        self.statement
            .reports
            .iter()
            .filter(|report| tenant.is_none() || report.readers == Readers::EachOrganisation)
            .collect()
    }

    /// Makes a report for the operator of this machine: by names that may be wrong.
    ///
    /// # Errors
    /// If there is no such report, period or tenant, or it cannot be recorded or counted.
    pub async fn report_named(
        &self,
        name: &str,
        period: Option<&str>,
        tenant: Option<&str>,
        by: &Asker,
    ) -> Result<Report, Fail> {
        let tenant: Option<TenantId> = tenant
            .map(str::parse)
            .transpose()
            .map_err(|error: avouch_statement::BadSlug| Fail::new(error.to_string()))?;
        if let Some(unknown) = tenant
            .as_ref()
            .filter(|tenant| self.tenants.get(tenant).is_none())
        {
            return Err(Fail::new(format!("there is no tenant `{unknown}`"))
                .help("`avouch tenant list` shows them"));
        }
        let definition = self
            .reports_for(tenant.as_ref())
            .into_iter()
            .find(|definition| definition.name.as_str() == name)
            .ok_or_else(|| {
                Fail::new(format!("there is no such report: `{name}`"))
                    .help("`avouch report list` shows them, and for whom they are")
            })?;
        let period = match period {
            Some(text) => Period::named(definition.every, text)
                .map_err(|error| Fail::new(error.to_string()))?,
            None => Period::of(definition.every, self.now()),
        };
        self.make_report(definition, period, tenant.as_ref(), by)
            .await
    }

    /// Makes a report: of one tenant's events or of everybody's.
    ///
    /// # Errors
    /// If the reading cannot be recorded, or the report not counted.
    pub async fn make_report(
        &self,
        definition: &Definition,
        period: Period,
        tenant: Option<&TenantId>,
        by: &Asker,
    ) -> Result<Report, Fail> {
        let now = self.now();
        let what = format!("report {} of {period}", definition.name);
        let event = by.event(Action::Search, what).of(tenant);
        let wanted = Wanted {
            definition,
            period,
            tenant,
            checks: Checks::LeftOut,
        };
        let made = report::indexed(&self.index, &wanted, None, now)
            .await
            .map_err(|error| Fail::new("the report cannot be counted").from(error));
        self.record(over(event, &made, self.now()))
            .await
            .map_err(|error| Fail::new("the reading of a report cannot be recorded").from(error))?;
        made
    }
}
