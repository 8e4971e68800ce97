//! What the supplier's team answers to a fault that somebody reported.

use askama::Template;
use http::StatusCode;

use super::{Answer, LONGEST, see_other};
use crate::ask::Ask;
use crate::callers::Supplier;
use crate::desk::status::NewAnswer;
use crate::desk::views::FaultRow;
use crate::html::{FieldError, Frame, Nav, error_of, render};
use crate::pages::organisation;
use crate::pages::problem::Problem;
use crate::shown;

#[derive(Template)]
#[template(path = "fault.html")]
struct Page {
    frame: Frame,
    path: String,
    facts: Vec<(&'static str, String)>,
    text: String,
    closed: bool,
    errors: Vec<FieldError>,
}

impl Page {
    fn error(&self, field: &str) -> Option<&str> {
        error_of(&self.errors, field)
    }
}

/// The fault, and what was answered.
pub async fn answering(who: Supplier, ask: Ask) -> Answer {
    let fault = find(&who, &ask).await?;
    let (text, closed) = fault
        .answer
        .clone()
        .map_or_else(Default::default, |answer| (answer.words, answer.closed));
    page(&who, &ask, &fault, (text, closed), Vec::new())
}

/// Keeps an answer.
pub async fn answer(who: Supplier, ask: Ask) -> Answer {
    let fault = find(&who, &ask).await?;
    let answer = NewAnswer {
        text: ask.field("text").to_owned(),
        closed: ask.field("closed") == "yes",
    };
    let wrong = match answer.text.chars().count() {
        0 => Some("Say what you answer".to_owned()),
        count if count > LONGEST => Some(format!("Say it in {LONGEST} characters or fewer")),
        _ => None,
    };
    if let Some(text) = wrong {
        let error = FieldError {
            field: "text",
            text,
        };
        let typed = (answer.text, answer.closed);
        return page(&who, &ask, &fault, typed, vec![error]);
    }
    ask.desk()
        .answer_fault(who.actor(), fault.number, &answer)
        .await?;
    see_other("/support")
}

async fn find(who: &Supplier, ask: &Ask) -> Result<FaultRow, Problem> {
    let number: u64 = ask.param("number").parse().map_err(|_| Problem::Absent)?;
    let found = ask.desk().fault(who.actor(), number).await?;
    found.ok_or(Problem::Absent)
}

fn page(
    who: &Supplier,
    ask: &Ask,
    fault: &FaultRow,
    (text, closed): (String, bool),
    errors: Vec<FieldError>,
) -> Answer {
    let title = format!("Fault {}", fault.number);
    let (title, status) = match errors.as_slice() {
        [] => (title, StatusCode::OK),
        _ => (format!("Error: {title}"), StatusCode::BAD_REQUEST),
    };
    let page = Page {
        frame: ask.console_frame(&title, &who.caller(), Nav::Elsewhere),
        path: format!("/support/{}", fault.number),
        facts: vec![
            ("Reported", shown::minute(fault.at)),
            ("Organisation", organisation(fault.tenant.as_deref())),
            ("By", fault.who.clone()),
            ("What is wrong", fault.words.clone()),
        ],
        text,
        closed,
        errors,
    };
    render(&page, status)
}
