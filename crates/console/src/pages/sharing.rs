//! With whom of the supplier's people an organisation shares its trail.

use askama::Template;
use http::StatusCode;

use super::people::is_email;
use super::second_factor::gate;
use super::{Answer, Problem, read_day, see_other};
use crate::ask::Ask;
use crate::callers::OwnAdministrator;
use crate::desk::DeskError;
use crate::desk::second_factor::Act;
use crate::desk::sharing::{ShareAsk, ShareRow};
use crate::html::{Action, ActionKind, Cell, FieldError, Frame, Nav, Table, error_of, render};
use crate::service::encode;

/// The most characters of a reason.
const LONGEST: usize = 500;

#[derive(Template)]
#[template(path = "sharing.html")]
struct Page {
    frame: Frame,
    /// For how long the trail is shared at most; `None` where nothing is promised.
    most: Option<String>,
    done: bool,
    table: Table,
    /// A button for each share, which takes it back.
    actions: Vec<Action>,
    typed: [(&'static str, &'static str, String, String); 3],
    errors: Vec<FieldError>,
}

impl Page {
    fn error(&self, field: &str) -> Option<&str> {
        error_of(&self.errors, field)
    }
}

/// What is shared, and the form for sharing.
pub async fn page(who: OwnAdministrator, ask: Ask) -> Answer {
    show(&who, &ask, Vec::new()).await
}

/// Shares the trail with somebody of the supplier's.
pub async fn share(who: OwnAdministrator, ask: Ask) -> Answer {
    if let Some(answer) = gate(&ask, who.actor(), Act::Share, "/sharing").await? {
        return Ok(answer);
    }
    let mut errors = Vec::new();
    let mut wrong = |field, text: &str| {
        errors.push(FieldError {
            field,
            text: text.to_owned(),
        });
    };
    let (email, because) = (ask.field("email"), ask.field("because"));
    if !is_email(email) {
        wrong("email", "Enter an email address, like name@example.org");
    }
    let last = read_day(ask.field("last"));
    if last.is_none() {
        wrong("last", "The last day must be a real date, like 22/11/2026");
    }
    if because.is_empty() || because.chars().count() > LONGEST {
        wrong("because", "Say why, in 500 characters or fewer");
    }
    let asked = match last {
        Some(last) if errors.is_empty() => ShareAsk {
            email: email.to_owned(),
            last,
            because: because.to_owned(),
        },
        _ => return show(&who, &ask, errors).await,
    };
    match ask.desk().share(who.actor(), &asked).await {
        Ok(()) => see_other("/sharing?done=yes"),
        Err(DeskError::Unfit(text)) => {
            let field = "last";
            show(&who, &ask, vec![FieldError { field, text }]).await
        }
        Err(other) => Err(other.into()),
    }
}

/// Takes a share back.
pub async fn unshare(who: OwnAdministrator, ask: Ask) -> Answer {
    let rows = ask.desk().shares(who.actor()).await?.rows;
    let row = rows.into_iter().find(|row| row.who == ask.param("email"));
    let row = row.ok_or(Problem::Absent)?;
    if !who.actor().scope().covers(Some(&row.tenant)) {
        return Err(ask.outside_scope(&who.caller()).await);
    }
    ask.desk().unshare(who.actor(), &row.who).await?;
    see_other("/sharing?done=yes")
}

async fn show(who: &OwnAdministrator, ask: &Ask, errors: Vec<FieldError>) -> Answer {
    let view = ask.desk().shares(who.actor()).await?;
    let rows = who.actor().scope().sieve(view.rows);
    let (title, status) = match errors.as_slice() {
        [] => ("Sharing the trail", StatusCode::OK),
        _ => ("Error: Sharing the trail", StatusCode::BAD_REQUEST),
    };
    let typed = [
        (
            "email",
            "Email address of somebody of the supplier’s",
            "They tell you which they sign in with. Nothing here says whether anybody has it",
        ),
        ("last", "Last day", "For example, 22/11/2026"),
        (
            "because",
            "Why",
            "It is written in the trail, with your name",
        ),
    ];
    let page = Page {
        frame: ask.console_frame(title, &who.caller(), Nav::Sharing),
        most: view.most,
        done: ask.field("done") == "yes",
        actions: rows.iter().map(take_back).collect(),
        table: Table {
            caption: "Shared now",
            headings: vec!["Who", "Since", "Until"],
            rows: rows.into_iter().map(cells).collect(),
            nothing: "The trail is shared with nobody.",
        },
        typed: typed
            .map(|(name, label, hint)| (name, label, hint.to_owned(), ask.field(name).to_owned())),
        errors,
    };
    render(&page, status)
}

fn cells(row: ShareRow) -> Vec<Cell> {
    vec![
        Cell::Name(row.who),
        Cell::minute(row.since),
        Cell::minute(row.until),
    ]
}

fn take_back(row: &ShareRow) -> Action {
    Action {
        text: format!("Take back from {}", row.who),
        path: format!("/sharing/{}/end", encode(&row.who)),
        kind: ActionKind::Warning,
    }
}
