//! Reports: the list, one of a period with its picture, and the same as a sheet.

use askama::Template;
use http::StatusCode;

use super::{Answer, Problem, kept};
use crate::ask::Ask;
use crate::callers::TenantAdministrator;
use crate::desk::views::{Download, KeptReportRow, ReportView};
use crate::html::{Cell, Frame, Listing, Nav, Table, render};
use crate::service::encode;
use crate::shown;

/// The reports that this person may read.
pub async fn list(who: TenantAdministrator, ask: Ask) -> Answer {
    let rows = ask.desk().reports(who.actor()).await?;
    let frame = ask.console_frame("Reports", &who.caller(), Nav::Reports);
    let mut page = Listing::new(
        frame,
        "Reports are counted from the audit trail when you open them, so a past period gives the same figures again.",
    );
    page.tables = vec![Table {
        caption: "Reports that the statement names",
        headings: vec!["Report", "For each"],
        rows: rows
            .into_iter()
            .map(|row| {
                vec![
                    Cell::link(row.title, path(&row.name)),
                    Cell::text(row.every),
                ]
            })
            .collect(),
        nothing: "The statement names no report that you may read.",
    }];
    let kept = ask.desk().kept_reports(who.actor()).await?;
    let kept = who.actor().scope().sieve(kept);
    if !kept.is_empty() {
        page.tables.push(made(kept));
    }
    render(&page, StatusCode::OK)
}

/// What was made when a period was over.
fn made(kept: Vec<KeptReportRow>) -> Table {
    Table {
        caption: "Made for you when a period was over",
        headings: vec!["Report", "Of", "Made"],
        rows: kept
            .into_iter()
            .map(|row| {
                let at = format!("{}?period={}", path(&row.name), encode(&row.period));
                let text = format!("{}, {}", row.title, row.period);
                vec![
                    Cell::link(text, at),
                    Cell::text(row.tenant.unwrap_or_else(|| "All organisations".to_owned())),
                    Cell::minute(row.made),
                ]
            })
            .collect(),
        nothing: "No period is over yet.",
    }
}

/// One report, of the present period or the one asked for.
pub async fn show(who: TenantAdministrator, ask: Ask) -> Answer {
    let mut view = read(&who, &ask).await?;
    let frame = ask.console_frame(&view.title, &who.caller(), Nav::Reports);
    let page = ReportPage {
        frame,
        at: path(&view.name),
        began: shown::day(view.from),
        kept: view
            .kept
            .map(|(made, same)| kept_sentence(&shown::minute(made), same)),
        table: Table {
            caption: "Figures",
            headings: std::mem::take(&mut view.headings),
            rows: std::mem::take(&mut view.lines)
                .into_iter()
                .map(|line| line.into_iter().map(Cell::Name).collect())
                .collect(),
            nothing: "Nothing was counted in this period.",
        },
        view,
    };
    render(&page, StatusCode::OK)
}

/// The same as comma-separated values.
pub async fn sheet(who: TenantAdministrator, ask: Ask) -> Answer {
    let view = read(&who, &ask).await?;
    kept(Download {
        name: format!("{}-{}.csv", view.name, view.period),
        content_type: "text/csv; charset=utf-8; header=present",
        bytes: view.sheet.into_bytes(),
    })
}

async fn read(who: &TenantAdministrator, ask: &Ask) -> Result<ReportView, Problem> {
    let period = Some(ask.field("period")).filter(|period| !period.is_empty());
    let view = ask
        .desk()
        .report(who.actor(), ask.param("name"), period)
        .await?
        .ok_or(Problem::Absent)?;
    if !who.actor().scope().covers(view.tenant.as_deref()) {
        return Err(ask.outside_scope(&who.caller()).await);
    }
    Ok(view)
}

fn kept_sentence(made: &str, same: bool) -> String {
    if same {
        format!("It was made on {made} and kept. Counted again now, it says the same.")
    } else {
        format!(
            "Counted again now, it differs from what was made on {made} and kept. Tell the supplier."
        )
    }
}

fn path(name: &str) -> String {
    format!("/reports/{}", encode(name))
}

#[derive(Template)]
#[template(path = "report.html")]
struct ReportPage {
    frame: Frame,
    /// The address of the report.
    at: String,
    /// The first day of the period.
    began: String,
    /// Whether it is what was made when the period was over.
    kept: Option<String>,
    table: Table<String>,
    view: ReportView,
}
