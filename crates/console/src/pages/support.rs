//! How the service is, for anybody signed in; and what is wrong, told to the supplier.

use askama::Template;
use http::StatusCode;

use super::{Answer, organisation, see_other};
use crate::ask::Ask;
use crate::callers::SignedIn;
use crate::desk::Role;
use crate::desk::views::{Counts, FaultRow, Filed};
use crate::html::{Cell, FieldError, Frame, Nav, Table, error_of, render};
use crate::shown;

/// The most characters that a report may have.
const LONGEST: usize = 2_000;

#[derive(Template)]
#[template(path = "support.html")]
struct Page {
    frame: Frame,
    counts: Counts,
    last_round: String,
    answers: Option<bool>,
    filed: Option<String>,
    errors: Vec<FieldError>,
    words: String,
    table: Table,
}

impl Page {
    fn error(&self, field: &str) -> Option<&str> {
        error_of(&self.errors, field)
    }
}

/// The page.
pub async fn page(who: SignedIn, ask: Ask) -> Answer {
    show(&who, &ask, Vec::new()).await
}

/// Takes a report, and shows it among the others.
pub async fn report(who: SignedIn, ask: Ask) -> Answer {
    let words = ask.field("words");
    let wrong = |text: String| {
        vec![FieldError {
            field: "words",
            text,
        }]
    };
    if words.is_empty() {
        return show(&who, &ask, wrong("Say what is wrong".to_owned())).await;
    }
    if words.chars().count() > LONGEST {
        let text = format!("Say it in {LONGEST} characters or fewer");
        return show(&who, &ask, wrong(text)).await;
    }
    match ask.desk().report_fault(who.actor(), words).await? {
        Filed::As(number) => see_other(&format!("/support?filed={number}")),
        Filed::TooMany => {
            let text = "You have reported as many faults today as one person may: write to support instead";
            show(&who, &ask, wrong(text.to_owned())).await
        }
    }
}

async fn show(who: &SignedIn, ask: &Ask, errors: Vec<FieldError>) -> Answer {
    let view = ask.desk().support(who.actor()).await?;
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
    let page = Page {
        frame: ask.console_frame(title, &who.caller(), Nav::Elsewhere),
        counts: view.counts,
        last_round: shown::minute_or_never(view.last_round),
        answers: view.answers,
        // Only what is in the list is said to be there.
        filed: filed
            .filter(|number| faults.iter().any(|fault| fault.number == *number))
            .map(|number| format!("Fault {number} is reported. The supplier sees it, with your organisation and the time.")),
        words: if errors.is_empty() { String::new() } else { ask.field("words").to_owned() },
        errors,
        table: table(faults),
    };
    render(&page, status)
}

fn table(faults: Vec<FaultRow>) -> Table {
    Table {
        caption: "Reported faults, newest first",
        headings: vec!["Fault", "Reported", "Organisation", "By", "What is wrong"],
        rows: faults
            .into_iter()
            .map(|fault| {
                vec![
                    Cell::text(fault.number.to_string()),
                    Cell::minute(fault.at),
                    Cell::text(organisation(fault.tenant.as_deref())),
                    Cell::Name(fault.who),
                    Cell::text(fault.words),
                ]
            })
            .collect(),
        nothing: "No fault that you may see was reported.",
    }
}
