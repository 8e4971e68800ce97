//! How the service is, as the supplier's people say it: what is wrong, for whom, what is done about it, and its end.

use askama::Template;
use http::StatusCode;

use super::{Answer, Problem, see_other};
use crate::ask::Ask;
use crate::callers::Supplier;
use crate::desk::status::{IncidentView, LetterRow, LetterStands, NewIncident, NewUpdate};
use crate::html::{
    Action, ActionKind, Cell, FieldError, Frame, Listing, Nav, Table, Tag, error_of, render,
};
use crate::shown;

/// The most characters of a title.
const TITLE: usize = 120;
/// The most characters of what is said.
const TEXT: usize = 1_000;
/// The value of everybody in the form; no tenant's short name is empty.
const EVERYBODY: &str = "";

#[derive(Template)]
#[template(path = "status_new.html")]
struct New {
    frame: Frame,
    tenants: Vec<(String, String)>,
    tenant: String,
    title: String,
    text: String,
    errors: Vec<FieldError>,
}

#[derive(Template)]
#[template(path = "status_one.html")]
struct One {
    frame: Frame,
    path: String,
    facts: Vec<(&'static str, String)>,
    lasts: bool,
    text: String,
    errors: Vec<FieldError>,
}

impl New {
    fn error(&self, field: &str) -> Option<&str> {
        error_of(&self.errors, field)
    }
}

impl One {
    fn error(&self, field: &str) -> Option<&str> {
        error_of(&self.errors, field)
    }
}

/// What is wrong, and what was.
pub async fn list(who: Supplier, ask: Ask) -> Answer {
    promised(&ask)?;
    let incidents = ask.desk().incidents(who.actor()).await?;
    let frame = ask.console_frame("Status", &who.caller(), Nav::Status);
    let mut page = Listing::new(
        frame,
        "What people read on the status page. Each organisation sees what concerns everybody and what concerns itself. \
         An application that does not answer is told by itself, and so is its end.",
    );
    page.notice = match ask.field("done") {
        "told" => {
            Some("It is told. Say from time to time what is done about it, and when it is over.")
        }
        "updated" => Some("It is told."),
        _ => None,
    };
    page.actions = vec![
        Action {
            text: "Tell that something is wrong".to_owned(),
            path: "/status/new".to_owned(),
            kind: ActionKind::Link,
        },
        Action {
            text: "The status page".to_owned(),
            path: "/.avouch/status".to_owned(),
            kind: ActionKind::Link,
        },
    ];
    let mut untaken = Table {
        caption: "Letters to the supplier’s team that the mail relay has not taken",
        headings: vec!["Incident", "Letter", "State"],
        rows: Vec::new(),
        nothing: "It has taken every one.",
    };
    let written = incidents.iter().any(|one| !one.letters.is_empty());
    for incident in &incidents {
        let letters = incident.letters.iter();
        let left = letters.filter(|letter| letter.stands != LetterStands::Taken);
        untaken.rows.extend(left.map(|letter| {
            let (what, state) = letter_words(letter);
            let number = incident.number;
            let link = Cell::link(number.to_string(), path(number));
            vec![link, Cell::text(what), Cell::text(state)]
        }));
    }
    page.tables = vec![Table {
        caption: "What is wrong, then what was",
        headings: vec!["Number", "What", "For whom", "Since", "State", "Last said"],
        rows: incidents.into_iter().map(cells).collect(),
        nothing: "Nothing was ever told.",
    }];
    if written {
        page.tables.push(untaken);
    }
    render(&page, StatusCode::OK)
}

fn cells(incident: IncidentView) -> Vec<Cell> {
    let number = incident.number.to_string();
    vec![
        Cell::link(number, path(incident.number)),
        Cell::text(incident.title),
        Cell::text(whom(incident.tenant.as_deref())),
        Cell::minute(incident.began),
        Cell::Tag(match incident.ended {
            None => Tag {
                text: "Wrong now",
                colour: "red",
            },
            Some(_) => Tag {
                text: "Over",
                colour: "green",
            },
        }),
        Cell::text_or(
            incident
                .updates
                .last()
                .map(|(_, text)| text.clone())
                .unwrap_or_default(),
            "Nothing yet",
        ),
    ]
}

/// What a letter tells, and how it stands with it.
fn letter_words(letter: &LetterRow) -> (&'static str, String) {
    let what = match letter.of_end {
        false => "Letter of its beginning",
        true => "Letter of its end",
    };
    let state = match letter.stands {
        LetterStands::Taken => "The mail relay has taken it".to_owned(),
        LetterStands::Waits => "The mail relay has not taken it yet".to_owned(),
        LetterStands::GivenUp(at) => format!(
            "Given up on {}: the mail relay did not take it for a day",
            shown::minute(at)
        ),
    };
    (what, state)
}

fn path(number: u64) -> String {
    format!("/status/{number}")
}

fn whom(tenant: Option<&str>) -> String {
    tenant.unwrap_or("Everybody").to_owned()
}

/// The form to tell of something.
pub async fn new(who: Supplier, ask: Ask) -> Answer {
    promised(&ask)?;
    form(&who, &ask, Vec::new()).await
}

/// Tells of something.
pub async fn tell(who: Supplier, ask: Ask) -> Answer {
    promised(&ask)?;
    let field = |name: &str| ask.field(name).to_owned();
    let new = NewIncident {
        tenant: Some(field("tenant")).filter(|tenant| tenant != EVERYBODY),
        title: field("title"),
        text: field("text"),
    };
    let mut errors = Vec::new();
    if new.title.is_empty() {
        errors.push(FieldError {
            field: "title",
            text: "Say what is wrong in a few words".to_owned(),
        });
    }
    too_long("title", &new.title, TITLE, &mut errors);
    too_long("text", &new.text, TEXT, &mut errors);
    if !errors.is_empty() {
        return form(&who, &ask, errors).await;
    }
    ask.desk().tell(who.actor(), &new).await?;
    see_other("/status?done=told")
}

/// One of them, and what can be said of it.
pub async fn show(who: Supplier, ask: Ask) -> Answer {
    let incident = find(&who, &ask).await?;
    one(&who, &ask, &incident, Vec::new())
}

/// Says something of one, or that it is over.
pub async fn update(who: Supplier, ask: Ask) -> Answer {
    let incident = find(&who, &ask).await?;
    let update = NewUpdate {
        text: ask.field("text").to_owned(),
        over: ask.field("then") == "over",
    };
    let mut errors = Vec::new();
    if update.text.is_empty() && !update.over {
        errors.push(FieldError {
            field: "text",
            text: "Say what is done about it".to_owned(),
        });
    }
    too_long("text", &update.text, TEXT, &mut errors);
    if !errors.is_empty() {
        return one(&who, &ask, &incident, errors);
    }
    ask.desk()
        .update(who.actor(), incident.number, &update)
        .await?;
    see_other("/status?done=updated")
}

fn too_long(field: &'static str, text: &str, most: usize, errors: &mut Vec<FieldError>) {
    if text.chars().count() > most {
        errors.push(FieldError {
            field,
            text: format!("Say it in {most} characters or fewer"),
        });
    }
}

/// Where the statement promises no status page, there is none of these.
fn promised(ask: &Ask) -> Result<(), Problem> {
    match ask.app.service.status_page {
        true => Ok(()),
        false => Err(Problem::Absent),
    }
}

async fn find(who: &Supplier, ask: &Ask) -> Result<IncidentView, Problem> {
    promised(ask)?;
    let number: u64 = ask.param("number").parse().map_err(|_| Problem::Absent)?;
    let incidents = ask.desk().incidents(who.actor()).await?;
    let found = incidents
        .into_iter()
        .find(|incident| incident.number == number);
    found.ok_or(Problem::Absent)
}

async fn form(who: &Supplier, ask: &Ask, errors: Vec<FieldError>) -> Answer {
    let mut tenants = vec![(EVERYBODY.to_owned(), "Everybody".to_owned())];
    let all = ask.desk().tenants(who.actor()).await?;
    tenants.extend(all.into_iter().map(|tenant| (tenant.slug, tenant.name)));
    let (title, status) = titled("Tell that something is wrong", &errors);
    let page = New {
        frame: ask.console_frame(&title, &who.caller(), Nav::Status),
        tenants,
        tenant: ask.field("tenant").to_owned(),
        title: ask.field("title").to_owned(),
        text: ask.field("text").to_owned(),
        errors,
    };
    render(&page, status)
}

fn one(who: &Supplier, ask: &Ask, incident: &IncidentView, errors: Vec<FieldError>) -> Answer {
    let (title, status) = titled(&format!("Incident {}", incident.number), &errors);
    let mut facts = vec![
        ("What", incident.title.clone()),
        ("For whom", whom(incident.tenant.as_deref())),
        ("Since", shown::second(incident.began)),
    ];
    if let Some(ended) = incident.ended {
        facts.push(("Until", shown::second(ended)));
    } else if incident.seen {
        facts.push(("End", "Seen by itself".to_owned()));
    }
    let said = |(at, text): &(_, String)| ("Said", format!("{}: {text}", shown::second(*at)));
    facts.extend(incident.updates.iter().map(said));
    facts.extend(incident.letters.iter().map(letter_words));
    let page = One {
        frame: ask.console_frame(&title, &who.caller(), Nav::Status),
        path: path(incident.number),
        facts,
        lasts: incident.ended.is_none(),
        text: ask.field("text").to_owned(),
        errors,
    };
    render(&page, status)
}

fn titled(title: &str, errors: &[FieldError]) -> (String, StatusCode) {
    match errors {
        [] => (title.to_owned(), StatusCode::OK),
        _ => (format!("Error: {title}"), StatusCode::BAD_REQUEST),
    }
}
