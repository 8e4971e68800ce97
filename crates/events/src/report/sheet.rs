//! A report as comma-separated values (RFC 4180).

use super::{Report, Unit};

/// The report as a sheet: a line of headings, then its lines; shares in per cent, times in the unit that the heading names.
#[must_use]
pub fn csv(report: &Report) -> String {
    let first = if report.by.is_empty() {
        "line"
    } else {
        &report.by
    };
    let headings = report
        .columns
        .iter()
        .map(|column| format!("{}{}", column.heading, column.unit.suffix()));
    let mut text = row(std::iter::once(first.to_owned()).chain(headings));
    for line in &report.lines {
        let values = line
            .values
            .iter()
            .zip(&report.columns)
            .map(|(value, column)| {
                value.map_or_else(String::new, |value| match column.unit {
                    Unit::Share => format!("{}.{:02}", value / 100, value % 100),
                    Unit::Count | Unit::Milliseconds | Unit::Seconds => value.to_string(),
                })
            });
        text.push_str(&row(std::iter::once(line.label.clone()).chain(values)));
    }
    text
}

fn row(cells: impl Iterator<Item = String>) -> String {
    let mut line = cells
        .map(|cell| quoted(&cell))
        .collect::<Vec<_>>()
        .join(",");
    line.push_str("\r\n");
    line
}

/// A cell that a spreadsheet reads as the text it is, never as a formula.
fn quoted(cell: &str) -> String {
    let tame = if cell.starts_with(['=', '+', '-', '@', '\t', '\r']) {
        format!("'{cell}")
    } else {
        cell.to_owned()
    };
    if tame.contains([',', '"', '\r', '\n']) {
        format!("\"{}\"", tame.replace('"', "\"\""))
    } else {
        tame
    }
}
