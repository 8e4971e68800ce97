//! Events as comma-separated lines, quoted as RFC 4180 says.

use crate::Row;

const HEADINGS: [&str; 19] = [
    "index",
    "at",
    "who",
    "id",
    "role",
    "behalf",
    "tenant",
    "locality",
    "action",
    "object",
    "subjects",
    "outcome",
    "status",
    "reason",
    "source",
    "session",
    "release",
    "application",
    "microseconds",
];

/// The line of headings.
pub(super) fn head() -> String {
    HEADINGS.join(",") + "\r\n"
}

/// One event.
pub(super) fn line(row: &Row) -> String {
    let event = &row.event;
    let number = |number: Option<u64>| number.map(|number| number.to_string()).unwrap_or_default();
    let cells: [String; HEADINGS.len()] = [
        row.index.to_string(),
        event.at.to_string(),
        event.who.name.clone(),
        event.who.id.clone(),
        event.who.role.to_string(),
        event.behalf.clone(),
        event
            .tenant
            .as_ref()
            .map(ToString::to_string)
            .unwrap_or_default(),
        event.locality.clone(),
        event.action.to_string(),
        event.object.clone(),
        event.subjects.join(" "),
        event.outcome.to_string(),
        number(event.status.map(u64::from)),
        event.reason.clone(),
        event.source.clone(),
        event.session.clone(),
        event.release.clone(),
        event.application.clone(),
        number(event.micros),
    ];
    let cells: Vec<String> = cells.iter().map(|text| cell(text)).collect();
    cells.join(",") + "\r\n"
}

/// A cell that no spreadsheet takes for a formula.
fn cell(text: &str) -> String {
    let text = if text.starts_with(['=', '+', '-', '@', '\t', '\r']) {
        format!("'{text}")
    } else {
        text.to_owned()
    };
    if text.contains(['"', ',', '\n', '\r']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text
    }
}
