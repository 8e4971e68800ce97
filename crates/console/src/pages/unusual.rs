//! Unusual access to records: what the reviews found, and what somebody of the organisation made of each.

use askama::Template;
use http::StatusCode;

use super::{Answer, Problem, see_other};
use crate::ask::Ask;
use crate::callers::OwnAdministrator;
use crate::desk::unusual::{AnswerRow, Looked, UnusualRow, UnusualView};
use crate::html::{Cell, Fact, FieldError, Frame, Listing, Nav, Table, Tag, error_of, render};

/// The most characters of a reason.
const LONGEST: usize = 500;
/// What somebody can make of a finding, by the words of the form.
const ANSWERS: [(&str, &str, Looked); 2] = [
    ("explained", "There was a good reason", Looked::Explained),
    ("follow-up", "It has to be followed up", Looked::FollowUp),
];

/// One finding, and the form for whoever looks at it.
#[derive(Template)]
#[template(path = "unusual.html")]
struct Page {
    frame: Frame,
    path: String,
    what: String,
    facts: Vec<Fact>,
    /// Whether the reader may say what it was: somebody else's access, and nobody has.
    open: bool,
    own: bool,
    chosen: String,
    because: String,
    errors: Vec<FieldError>,
}

impl Page {
    fn error(&self, field: &str) -> Option<&str> {
        error_of(&self.errors, field)
    }
}

/// What was found: what waits, and what somebody looked at.
pub async fn list(who: OwnAdministrator, ask: Ask) -> Answer {
    let view = ask.desk().unusual(who.actor()).await?;
    let rows = who.actor().scope().sieve(view.rows);
    let frame = ask.console_frame("Unusual access", &who.caller(), Nav::Unusual);
    let view = UnusualView {
        rows: Vec::new(),
        ..view
    };
    let mut page = Listing::new(frame, lead(&view));
    page.notice = match ask.field("done") {
        "looked" => Some("It is kept, with your name and your reason, in the audit trail."),
        _ => None,
    };
    page.facts = view
        .rules
        .into_iter()
        .map(|rule| Fact {
            name: "A review finds",
            value: Cell::text(rule),
        })
        .collect();
    page.facts.push(Fact {
        name: "Reviewed up to",
        value: Cell::minute_or_never(view.until),
    });
    let (looked, waiting): (Vec<UnusualRow>, Vec<UnusualRow>) =
        rows.into_iter().partition(|row| row.answer.is_some());
    page.tables = vec![
        Table {
            caption: "Waits to be looked at",
            headings: vec!["What", "Who", "Unit", "Records", "Last", "Look by", "State"],
            rows: waiting.into_iter().map(waits).collect(),
            nothing: "Nothing waits.",
        },
        Table {
            caption: "Looked at",
            headings: vec!["What", "Who", "Last", "Looked at by", "When", "Came of it"],
            rows: looked.into_iter().filter_map(was_looked_at).collect(),
            nothing: "Nobody has looked at anything yet.",
        },
    ];
    render(&page, StatusCode::OK)
}

/// One finding. Reading whose records they were is itself in the trail.
pub async fn show(who: OwnAdministrator, ask: Ask) -> Answer {
    page(&who, &ask, Vec::new()).await
}

/// Keeps what somebody makes of it.
pub async fn look(who: OwnAdministrator, ask: Ask) -> Answer {
    let row = within(&who, &ask).await?;
    if row.person == who.actor().person.id {
        let reason = "looks at their own access";
        return Err(ask.refuse(&who.caller(), reason, Problem::Forbidden).await);
    }
    let chosen = ANSWERS
        .iter()
        .find(|(word, _, _)| *word == ask.field("answer"));
    let because = ask.field("because");
    let mut errors = Vec::new();
    let mut wrong = |field, text: String| errors.push(FieldError { field, text });
    if chosen.is_none() {
        wrong("answer", "Choose what it was".to_owned());
    }
    if because.is_empty() {
        wrong("because", "Say why".to_owned());
    } else if because.chars().count() > LONGEST {
        wrong(
            "because",
            format!("Say it in {LONGEST} characters or fewer"),
        );
    }
    match chosen {
        Some((_, _, looked)) if errors.is_empty() => {
            ask.desk()
                .look(who.actor(), row.number, *looked, because)
                .await?;
            see_other("/unusual?done=looked")
        }
        _ => page(&who, &ask, errors).await,
    }
}

/// The finding, if it is of the reader's organisation.
async fn within(who: &OwnAdministrator, ask: &Ask) -> Result<UnusualRow, Problem> {
    let number = ask.param("number").parse().map_err(|_| Problem::Absent)?;
    let row = ask.desk().finding(who.actor(), number).await?;
    let row = row.ok_or(Problem::Absent)?;
    if !who.actor().scope().covers(Some(&row.tenant)) {
        return Err(ask.outside_scope(&who.caller()).await);
    }
    Ok(row)
}

async fn page(who: &OwnAdministrator, ask: &Ask, errors: Vec<FieldError>) -> Answer {
    let row = within(who, ask).await?;
    let (title, status) = match errors.as_slice() {
        [] => ("Unusual access", StatusCode::OK),
        _ => ("Error: Unusual access", StatusCode::BAD_REQUEST),
    };
    let own = row.person == who.actor().person.id;
    let page = Page {
        frame: ask.console_frame(title, &who.caller(), Nav::Unusual),
        path: path(row.number),
        what: row.what.clone(),
        open: row.answer.is_none() && !own,
        own: row.answer.is_none() && own,
        facts: facts(row),
        chosen: ask.field("answer").to_owned(),
        because: ask.field("because").to_owned(),
        errors,
    };
    render(&page, status)
}

fn lead(view: &UnusualView) -> String {
    if view.rules.is_empty() {
        return "The statement promises no review of access to records.".to_owned();
    }
    format!(
        "Every day at {}, what your people opened is reviewed. Unusual is not wrong: somebody of your organisation looks at each \
         finding within {} and says what it was.",
        view.at, view.within
    )
}

fn facts(row: UnusualRow) -> Vec<Fact> {
    let fact = |name, value| Fact { name, value };
    let entries: Vec<String> = row.entries.iter().map(ToString::to_string).collect();
    let mut facts = vec![
        fact("Who", Cell::Name(row.who)),
        fact("Unit", Cell::text_or(row.unit, "–")),
        fact("First", Cell::second(*row.when.start())),
        fact("Last", Cell::second(*row.when.end())),
        fact("Whose records", Cell::Name(row.subjects.join(", "))),
        fact("Ledger index", Cell::text(entries.join(", "))),
        fact("Look by", Cell::minute(row.due)),
    ];
    if let Some(answer) = row.answer {
        facts.push(fact("Looked at by", Cell::Name(answer.who)));
        facts.push(fact("When", Cell::minute(answer.at)));
        facts.push(fact("Came of it", Cell::Tag(tag(answer.looked))));
        facts.push(fact("Why", Cell::text(answer.because)));
    }
    facts
}

fn waits(row: UnusualRow) -> Vec<Cell> {
    let (text, colour) = match row.late {
        true => ("Late", "red"),
        false => ("Waits", "yellow"),
    };
    vec![
        Cell::link(row.what, path(row.number)),
        Cell::Name(row.who),
        Cell::text_or(row.unit, "–"),
        Cell::text(row.subjects.len().to_string()),
        Cell::minute(*row.when.end()),
        Cell::minute(row.due),
        Cell::Tag(Tag { text, colour }),
    ]
}

fn was_looked_at(row: UnusualRow) -> Option<Vec<Cell>> {
    let AnswerRow {
        at, who, looked, ..
    } = row.answer?;
    Some(vec![
        Cell::link(row.what, path(row.number)),
        Cell::Name(row.who),
        Cell::minute(*row.when.end()),
        Cell::Name(who),
        Cell::minute(at),
        Cell::Tag(tag(looked)),
    ])
}

fn tag(looked: Looked) -> Tag {
    let (text, colour) = match looked {
        Looked::Explained => ("Explained", "green"),
        Looked::FollowUp => ("Followed up", "orange"),
    };
    Tag { text, colour }
}

fn path(number: u64) -> String {
    format!("/unusual/{number}")
}
