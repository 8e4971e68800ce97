//! How the service is, for anybody signed in; what is wrong, told to the supplier; and what the supplier answers.
//!
//! The same page stands in the console and, for whoever only uses the application, on the application's own host.

mod answering;

use askama::Template;
use http::StatusCode;

pub use self::answering::{answer, answering};
use super::{Answer, organisation, see_other};
use crate::ask::Ask;
use crate::callers::SignedIn;
use crate::desk::Role;
use crate::desk::views::{Counts, FaultRow, FaultsAsk, Filed};
use crate::html::{Cell, FieldError, Frame, Nav, Table, Tag, error_of, render};
use crate::service::{Site, encode};
use crate::shown;

/// The most characters that a report may have.
const LONGEST: usize = 2_000;

#[derive(Template)]
#[template(path = "support.html")]
struct Page {
    frame: Frame,
    /// Where the form goes.
    path: &'static str,
    counts: Counts,
    last_round: String,
    answers: Option<bool>,
    /// Into whose accounts the supplier made a way, and until when each opens no trail.
    entrusted: Vec<(String, String)>,
    filed: Option<String>,
    errors: Vec<FieldError>,
    words: String,
    /// The organisation whose faults alone are shown; empty for every one within reach.
    of: String,
    table: Table,
    /// Where the pages before and after this one are.
    before: Option<String>,
    after: Option<String>,
}

impl Page {
    fn error(&self, field: &str) -> Option<&str> {
        error_of(&self.errors, field)
    }
}

/// The page in the console.
pub async fn page(who: SignedIn, ask: Ask) -> Answer {
    show(&who, &ask, Vec::new()).await
}

/// The page on the application's own host.
pub async fn own(who: SignedIn, ask: Ask) -> Answer {
    show(&who, &ask, Vec::new()).await
}

/// Takes a report in the console.
pub async fn report(who: SignedIn, ask: Ask) -> Answer {
    take(&who, &ask).await
}

/// Takes a report on the application's own host.
pub async fn report_own(who: SignedIn, ask: Ask) -> Answer {
    take(&who, &ask).await
}

/// Where the page is, on the host that was asked.
fn path(ask: &Ask) -> &'static str {
    match ask.arrival.site {
        Site::Tenant => "/.avouch/support",
        Site::Console | Site::SignIn | Site::Statement => "/support",
    }
}

/// Takes a report, and shows it among the others.
async fn take(who: &SignedIn, ask: &Ask) -> Answer {
    let words = ask.field("words");
    let wrong = |text: String| {
        vec![FieldError {
            field: "words",
            text,
        }]
    };
    if words.is_empty() {
        return show(who, ask, wrong("Say what is wrong".to_owned())).await;
    }
    if words.chars().count() > LONGEST {
        let text = format!("Say it in {LONGEST} characters or fewer");
        return show(who, ask, wrong(text)).await;
    }
    match ask.desk().report_fault(who.actor(), words).await? {
        Filed::As(number) => see_other(&format!("{}?filed={number}", path(ask))),
        Filed::TooMany => {
            let text = "You have reported as many faults today as one person may: write to support instead";
            show(who, ask, wrong(text.to_owned())).await
        }
    }
}

/// Which faults are asked for: an organisation's, by the supplier's people alone, and a page of them.
fn asked(who: &SignedIn, ask: &Ask) -> FaultsAsk {
    FaultsAsk {
        of: match who.actor().person.role {
            Role::Supplier => ask.field("of").to_owned(),
            Role::Administrator | Role::Member => String::new(),
        },
        page: ask.field("page").parse().unwrap_or(0),
    }
}

/// Where these faults stand.
fn address(path: &str, asked: &FaultsAsk) -> String {
    match asked.of.as_str() {
        "" => format!("{path}?page={}", asked.page),
        of => format!("{path}?of={}&page={}", encode(of), asked.page),
    }
}

async fn show(who: &SignedIn, ask: &Ask, errors: Vec<FieldError>) -> Answer {
    let (asked, path) = (asked(who, ask), path(ask));
    let view = ask.desk().support(who.actor(), &asked).await?;
    let person = &who.actor().person;
    let mut faults = who.actor().scope().sieve(view.faults);
    if person.role == Role::Member {
        faults.retain(|fault| fault.person == person.id);
    }
    let (title, status) = match errors.as_slice() {
        [] => ("Status and faults", StatusCode::OK),
        _ => ("Error: Status and faults", StatusCode::BAD_REQUEST),
    };
    let filed = ask.field("filed").parse::<u64>().ok();
    let turned = |page| {
        let of = asked.of.clone();
        address(path, &FaultsAsk { of, page })
    };
    let page = Page {
        frame: ask.console_frame(title, &who.caller(), Nav::Elsewhere),
        path,
        counts: view.counts,
        last_round: shown::minute_or_never(view.last_round),
        answers: view.answers,
        entrusted: view
            .entrusted
            .into_iter()
            .map(|(who, until)| (who, shown::minute(until)))
            .collect(),
        // Only what is in the list is said to be there.
        filed: filed
            .filter(|number| faults.iter().any(|fault| fault.number == *number))
            .map(|number| format!("Fault {number} is reported. The supplier sees it, with your organisation and the time.")),
        words: if errors.is_empty() { String::new() } else { ask.field("words").to_owned() },
        errors,
        before: asked.page.checked_sub(1).map(turned),
        after: view.more.then(|| turned(asked.page.saturating_add(1))),
        table: table(faults, person.role),
        of: asked.of,
    };
    render(&page, status)
}

fn table(faults: Vec<FaultRow>, role: Role) -> Table {
    Table {
        caption: "Reported faults, open ones first",
        headings: vec![
            "Fault",
            "Reported",
            "Organisation",
            "By",
            "What is wrong",
            "State",
            "Answer",
        ],
        rows: faults
            .into_iter()
            .map(|fault| {
                let number = fault.number.to_string();
                let state = state(&fault);
                vec![
                    match role {
                        Role::Supplier => {
                            let path = format!("/support/{number}");
                            Cell::link(format!("Answer {number}"), path)
                        }
                        Role::Administrator | Role::Member => Cell::text(number),
                    },
                    Cell::minute(fault.at),
                    match (role, &fault.tenant) {
                        (Role::Supplier, Some(tenant)) => {
                            Cell::link(tenant, format!("/support?of={}", encode(tenant)))
                        }
                        (_, tenant) => Cell::text(organisation(tenant.as_deref())),
                    },
                    Cell::Name(fault.who),
                    Cell::text(fault.words),
                    Cell::Tag(state),
                    Cell::text(fault.answer.map_or_else(
                        || "None yet".to_owned(),
                        |answer| format!("{}, on {}", answer.words, shown::minute(answer.at)),
                    )),
                ]
            })
            .collect(),
        nothing: "No fault that you may see was reported.",
    }
}

fn state(fault: &FaultRow) -> Tag {
    let (text, colour) = match fault.answer.as_ref().map(|answer| answer.closed) {
        None => ("Reported", "blue"),
        Some(false) => ("Being looked at", "yellow"),
        Some(true) => ("Closed", "green"),
    };
    Tag { text, colour }
}
