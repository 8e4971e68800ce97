//! Reports, for administrators.

use avouch_console::views::{KeptReportRow, ReportRow, ReportView};
use avouch_console::{Actor, DeskError};
use avouch_events::report::{self, Period, Report};

use super::reading::whose;
use super::{Reception, asker, stopped};

impl Reception {
    pub(super) async fn reports_for(&self, actor: &Actor) -> Result<Vec<ReportRow>, DeskError> {
        let Some(tenant) = whose(actor)? else {
            return Ok(Vec::new());
        };
        Ok(self
            .core
            .reports_for(tenant.as_ref())
            .into_iter()
            .map(|definition| ReportRow {
                name: definition.name.to_string(),
                title: definition.title.clone(),
                every: definition.every.word().to_owned(),
            })
            .collect())
    }

    pub(super) async fn report_for(
        &self,
        actor: &Actor,
        name: &str,
        period: Option<&str>,
    ) -> Result<Option<ReportView>, DeskError> {
        let Some(tenant) = whose(actor)? else {
            return Ok(None);
        };
        let Some(definition) = self
            .core
            .reports_for(tenant.as_ref())
            .into_iter()
            .find(|definition| definition.name.as_str() == name)
        else {
            return Ok(None);
        };
        let now = self.core.now();
        let period = match period.map(|text| Period::named(definition.every, text)) {
            None => Period::of(definition.every, now),
            Some(Ok(period)) => period,
            Some(Err(_)) => return Ok(None),
        };
        let report = self
            .core
            .make_report(definition, period, tenant.as_ref(), &asker(actor))
            .await
            .map_err(stopped)?;
        let after = Some(period.after()).filter(|after| after.bounds().0 <= now);
        let kept = self
            .core
            .report_kept(definition, &report.period, tenant.as_ref())
            .await
            .map_err(stopped)?
            .map(|kept| (kept.made, report::csv(&kept.report) == report::csv(&report)));
        Ok(Some(view(report, period, after, kept)))
    }

    pub(super) async fn kept_reports_for(
        &self,
        actor: &Actor,
    ) -> Result<Vec<KeptReportRow>, DeskError> {
        let Some(tenant) = whose(actor)? else {
            return Ok(Vec::new());
        };
        let mut rows = Vec::new();
        for definition in self.core.reports_for(tenant.as_ref()) {
            let kept = self.core.reports_kept(definition, tenant.as_ref()).await;
            rows.extend(
                kept.map_err(stopped)?
                    .into_iter()
                    .map(|kept| KeptReportRow {
                        name: definition.name.to_string(),
                        title: definition.title.clone(),
                        period: kept.period,
                        made: kept.made,
                        tenant: kept.tenant.map(|tenant| tenant.to_string()),
                    }),
            );
        }
        rows.sort_by_key(|row| std::cmp::Reverse(row.made));
        Ok(rows)
    }
}

fn view(
    report: Report,
    period: Period,
    after: Option<Period>,
    kept: Option<(jiff::Timestamp, bool)>,
) -> ReportView {
    ReportView {
        picture: report::picture(&report),
        sheet: report::csv(&report),
        headings: report.headings(),
        lines: report.cells(),
        name: report.report,
        title: report.title,
        tenant: report.tenant,
        period: report.period,
        before: period.before().to_string(),
        after: after.map(|after| after.to_string()),
        from: report.from,
        complete: report.complete,
        kept,
        notes: report.notes,
    }
}
