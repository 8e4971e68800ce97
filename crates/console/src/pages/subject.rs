//! Who opened or changed one subject's record: the question with its reason, the answer, and the answer as a file.

use askama::Template;
use http::StatusCode;

use super::events::{Column, events};
use super::{Answer, days, kept};
use crate::ask::Ask;
use crate::callers::TenantAdministrator;
use crate::desk::Role;
use crate::desk::views::{EventRow, SubjectAnswer, SubjectAsk, SubjectForm, SubjectReport};
use crate::html::{Cell, FieldError, Frame, Nav, Table, error_of, render};
use crate::shown;

/// The forms in which a report is taken away, by their words in the page's own form.
const FORMS: [(&str, &str, SubjectForm); 3] = [
    ("pdf", "Document (PDF)", SubjectForm::Pdf),
    ("csv", "Sheet (CSV)", SubjectForm::Csv),
    ("fhir", "FHIR AuditEvents", SubjectForm::Fhir),
];

#[derive(Template)]
#[template(path = "subject.html")]
struct Page {
    frame: Frame,
    typed: Typed,
    errors: Vec<FieldError>,
    found: Option<Found>,
}

/// The question as it was typed, to be shown again and asked again.
struct Typed {
    /// The organisation, which only the supplier's people choose.
    of: Option<String>,
    subject: String,
    as_is: bool,
    because: String,
    behalf: String,
    from: String,
    to: String,
}

/// The report, as shown.
struct Found {
    subject: String,
    made: String,
    accesses: String,
    by_role: bool,
    table: Table,
}

/// The empty question.
pub async fn form(who: TenantAdministrator, ask: Ask) -> Answer {
    page(&who, &ask, Typed::of(&who, &ask), Vec::new(), None)
}

/// The report, on the page or as a file.
pub async fn report(who: TenantAdministrator, ask: Ask) -> Answer {
    let typed = Typed::of(&who, &ask);
    let (asked, mut errors) = typed.read(ask.field("as"));
    if !errors.is_empty() {
        return page(&who, &ask, typed, errors, None);
    }
    let report = match ask.desk().subject(who.actor(), &asked).await? {
        SubjectAnswer::Report(report) => report,
        SubjectAnswer::Unclear(text) => {
            errors.push(FieldError {
                field: "subject",
                text,
            });
            return page(&who, &ask, typed, errors, None);
        }
    };
    let scope = who.actor().scope();
    if !scope.covers(report.tenant.as_deref()) {
        return Err(ask.outside_scope(&who.caller()).await);
    }
    match report.file {
        Some(file) => kept(file),
        None => {
            let rows = scope.sieve(report.rows);
            let found = Found::of(SubjectReport { rows, ..report });
            page(&who, &ask, typed, errors, Some(found))
        }
    }
}

fn page(
    who: &TenantAdministrator,
    ask: &Ask,
    typed: Typed,
    errors: Vec<FieldError>,
    found: Option<Found>,
) -> Answer {
    let (title, status) = match errors.as_slice() {
        [] => ("Who opened a record", StatusCode::OK),
        _ => ("Error: Who opened a record", StatusCode::BAD_REQUEST),
    };
    let page = Page {
        frame: ask.console_frame(title, &who.caller(), Nav::Subject),
        typed,
        errors,
        found,
    };
    render(&page, status)
}

impl Page {
    fn error(&self, field: &str) -> Option<&str> {
        error_of(&self.errors, field)
    }
}

impl Typed {
    fn of(who: &TenantAdministrator, ask: &Ask) -> Self {
        let field = |name| ask.field(name).to_owned();
        Self {
            of: (who.actor().person.role == Role::Supplier).then(|| field("of")),
            subject: field("subject"),
            as_is: ask.field("as-is") == "yes",
            because: field("because"),
            behalf: field("behalf"),
            from: field("from"),
            to: field("to"),
        }
    }

    /// Name, label, hint and value of each field that is typed.
    fn fields(&self) -> [(&'static str, &'static str, &'static str, &str); 5] {
        [
            (
                "subject",
                "NHS number or record",
                "Ten digits, or what else records of this service are named by",
                &self.subject,
            ),
            (
                "because",
                "Why you ask",
                "It is written in the trail, with your name",
                &self.because,
            ),
            (
                "behalf",
                "On whose behalf (optional)",
                "For example, the patient",
                &self.behalf,
            ),
            (
                "from",
                "First day (optional)",
                "For example, 22/11/2026",
                &self.from,
            ),
            (
                "to",
                "Last day (optional)",
                "For example, 22/11/2026",
                &self.to,
            ),
        ]
    }

    fn read(&self, form: &str) -> (SubjectAsk, Vec<FieldError>) {
        let mut errors = Vec::new();
        for (field, value, text) in [
            ("subject", &self.subject, "Enter an NHS number or a record"),
            ("because", &self.because, "Say why you ask"),
        ] {
            if value.is_empty() {
                errors.push(FieldError {
                    field,
                    text: text.to_owned(),
                });
            }
        }
        let (from, to) = days(&self.from, &self.to, &mut errors);
        let form = FORMS.iter().find(|(word, _, _)| *word == form);
        let asked = SubjectAsk {
            of: self.of.clone().unwrap_or_default(),
            subject: self.subject.clone(),
            as_is: self.as_is,
            because: self.because.clone(),
            behalf: self.behalf.clone(),
            from,
            to,
            form: form.map_or(SubjectForm::Page, |(_, _, form)| *form),
        };
        (asked, errors)
    }
}

impl Found {
    fn of(report: SubjectReport) -> Self {
        let accesses = u64::try_from(report.rows.len()).unwrap_or(u64::MAX);
        Self {
            made: shown::minute(report.made),
            accesses: shown::count(accesses, "access", "accesses"),
            by_role: report.by_role,
            table: table(report.rows),
            subject: report.subject,
        }
    }
}

fn table(rows: Vec<EventRow>) -> Table {
    let own: [Column; 2] = [
        ("Role", |row| Cell::text(row.role.clone())),
        ("Did", |row| Cell::Name(row.what.clone())),
    ];
    let nothing = "Nobody opened or changed this record in that time.";
    events("Accesses, newest first", own, rows, nothing)
}
