//! A subject report as a PDF, which the person it is about can be given.

use avouch_events::{Row, Staff};
use avouch_paper::{About, Paper, PaperError};

use super::when;
use crate::core::disclosure::Disclosure;
use crate::statement_file::Service;

/// The report for a person; `key` is the log's, and `tenant` is whose events were read.
///
/// # Errors
/// If the font cannot be used.
pub fn pdf(
    report: &Disclosure,
    service: &Service,
    key: &str,
    tenant: Option<&str>,
) -> Result<Vec<u8>, PaperError> {
    let title = format!("Who opened the record {}", report.subject);
    let log = key.split('+').next().unwrap_or_default();
    let mut paper = Paper::new(About {
        title: title.clone(),
        subject: format!("{}: who opened a record", service.name),
        author: format!("{}, {}", service.supplier, when(report.made)),
        footer: format!("Each entry can be proved in the log {log}"),
        made: report.made,
    })?;
    paper.title(&title);
    paper.pair("Service", &service.name);
    paper.pair("Supplier", &service.supplier);
    paper.pair("Organisation", tenant.unwrap_or("all"));
    paper.pair("As of", &when(report.made));
    paper.pair("Accesses", &report.rows.len().to_string());
    paper.pair(
        "Staff",
        match report.staff {
            Staff::Named => "shown by name",
            Staff::RoleOnly => "shown by their role, as the statement says",
        },
    );
    paper.heading("Accesses, newest first");
    if report.rows.is_empty() {
        paper.paragraph("Nobody opened or changed this record in that time.");
    } else {
        let rows: Vec<Vec<String>> = report.rows.iter().map(row).collect();
        paper.table(
            &["When", "Who", "Role", "Did", "Outcome", "From", "Entry"],
            &[2.2, 2.6, 1.4, 3.0, 1.2, 1.6, 1.0],
            &rows,
        );
    }
    paper.aside(
        "Counted are those who opened or changed the record, and those who read about it in the audit trail. A change that was begun and never ended stands here as intended. What a person saw on a page that lists several records is here if the service names the record as its subject.",
    );
    paper.finish()
}

fn row(row: &Row) -> Vec<String> {
    let event = &row.event;
    vec![
        when(event.at),
        event.who.name.clone(),
        event.who.role.to_string(),
        format!("{}: {}", event.action, event.object),
        event.outcome.to_string(),
        event.source.clone(),
        row.index.to_string(),
    ]
}
