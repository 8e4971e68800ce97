//! The audit trail: who did what, newest first. The search is itself in it.

use askama::Template;
use http::StatusCode;
use jiff::civil::Date;

use super::{Answer, tenant_name};
use crate::ask::Ask;
use crate::callers::TenantAdministrator;
use crate::desk::views::{Page as Rows, TrailQuery, TrailRow};
use crate::html::{Cell, FieldError, Frame, Nav, Table, error_of, render};
use crate::service::encode;
use crate::shown;

/// The outcomes that can be looked for, with their words.
const OUTCOMES: [(&str, &str); 4] = [
    ("", "Any"),
    ("allowed", "Done"),
    ("refused", "Refused"),
    ("failed", "Failed"),
];

#[derive(Template)]
#[template(path = "trail.html")]
struct Page {
    frame: Frame,
    typed: Typed,
    errors: Vec<FieldError>,
    total: String,
    table: Table,
    pages: Pages,
}

impl Page {
    fn error(&self, field: &str) -> Option<&str> {
        error_of(&self.errors, field)
    }
}

/// The search as it was typed, to be shown again.
struct Typed {
    who: String,
    what: String,
    subject: String,
    outcome: String,
    from: String,
    to: String,
}

/// The pages before and after this one.
struct Pages {
    current: u64,
    last: u64,
    previous: Option<String>,
    next: Option<String>,
}

/// One page of what was found.
pub async fn search(who: TenantAdministrator, ask: Ask) -> Answer {
    let typed = Typed::of(&ask);
    let (query, errors) = typed.read(ask.field("page"));
    let found = if errors.is_empty() {
        ask.desk().trail(who.actor(), &query).await?
    } else {
        Rows {
            rows: Vec::new(),
            total: 0,
            pages: 1,
        }
    };
    let (title, status) = match errors.as_slice() {
        [] => ("Audit trail", StatusCode::OK),
        _ => ("Error: Audit trail", StatusCode::BAD_REQUEST),
    };
    let page = Page {
        frame: ask.console_frame(title, &who.caller(), Nav::Trail),
        pages: Pages::around(query.page, found.pages, &typed),
        total: shown::count(found.total, "event", "events"),
        table: table(who.actor().scope().sieve(found.rows)),
        typed,
        errors,
    };
    render(&page, status)
}

impl Typed {
    fn of(ask: &Ask) -> Self {
        let field = |name| ask.field(name).to_owned();
        Self {
            who: field("who"),
            what: field("what"),
            subject: field("subject"),
            outcome: field("outcome"),
            from: field("from"),
            to: field("to"),
        }
    }

    /// Name, label, hint, kind and value of each field that is typed.
    fn fields(&self) -> [(&'static str, &'static str, &'static str, &'static str, &str); 5] {
        [
            (
                "who",
                "Who",
                "Part of a name or email address",
                "text",
                &self.who,
            ),
            ("what", "What", "Part of what was done", "text", &self.what),
            (
                "subject",
                "Subject",
                "A record’s subject, exactly",
                "text",
                &self.subject,
            ),
            (
                "from",
                "First day",
                "For example, 22/11/2026",
                "text",
                &self.from,
            ),
            (
                "to",
                "Last day",
                "For example, 22/11/2026",
                "text",
                &self.to,
            ),
        ]
    }

    /// The query, and what is wrong with it.
    fn read(&self, page: &str) -> (TrailQuery, Vec<FieldError>) {
        let mut errors = Vec::new();
        let mut day = |field: &'static str, text: &str, which: &str| match text {
            "" => None,
            text => read_day(text).or_else(|| {
                errors.push(FieldError {
                    field,
                    text: format!("{which} must be a real date, like 22/11/2026"),
                });
                None
            }),
        };
        let from = day("from", &self.from, "The first day");
        let to = day("to", &self.to, "The last day");
        if let (Some(first), Some(last)) = (from, to)
            && first > last
        {
            errors.push(FieldError {
                field: "to",
                text: "The last day must be the same as the first or after it".to_owned(),
            });
        }
        if !OUTCOMES.iter().any(|(value, _)| *value == self.outcome) {
            errors.push(FieldError {
                field: "outcome",
                text: "Choose an outcome from the list".to_owned(),
            });
        }
        let query = TrailQuery {
            who: self.who.clone(),
            what: self.what.clone(),
            subject: self.subject.clone(),
            outcome: self.outcome.clone(),
            from,
            to,
            page: page.parse().unwrap_or(1).max(1),
        };
        (query, errors)
    }

    fn address(&self, page: u64) -> String {
        let fields = [
            ("who", &self.who),
            ("what", &self.what),
            ("subject", &self.subject),
            ("outcome", &self.outcome),
            ("from", &self.from),
            ("to", &self.to),
        ];
        fields
            .iter()
            .filter(|(_, value)| !value.is_empty())
            .fold(format!("/trail?page={page}"), |address, (name, value)| {
                format!("{address}&{name}={}", encode(value))
            })
    }
}

impl Pages {
    fn around(current: u64, last: u64, typed: &Typed) -> Self {
        Self {
            current,
            last,
            previous: (current > 1).then(|| typed.address(current.saturating_sub(1))),
            next: (current < last).then(|| typed.address(current.saturating_add(1))),
        }
    }
}

/// A day as it is written in the UK, or as computers write it.
fn read_day(text: &str) -> Option<Date> {
    Date::strptime("%d/%m/%Y", text)
        .or_else(|_| Date::strptime("%Y-%m-%d", text))
        .ok()
}

fn table(rows: Vec<TrailRow>) -> Table {
    Table {
        caption: "Events, newest first",
        headings: vec![
            "When",
            "Who",
            "What",
            "Subjects",
            "Outcome",
            "Tenant",
            "Ledger index",
        ],
        rows: rows
            .into_iter()
            .map(|row| {
                vec![
                    Cell::second(row.at),
                    Cell::Name(row.who),
                    Cell::text(row.what),
                    Cell::Name(row.subjects.join(", ")),
                    Cell::text(row.outcome),
                    Cell::text(tenant_name(row.tenant.as_deref())),
                    Cell::text(row.index.to_string()),
                ]
            })
            .collect(),
        nothing: "No event fits. Take a filter away and search again.",
    }
}
