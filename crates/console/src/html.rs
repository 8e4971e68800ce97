//! The parts that pages are made of: the frame around each, tables, tags, facts and forms.

use askama::Template;
use axum::response::{Html, IntoResponse as _, Response};
use http::StatusCode;
use jiff::Timestamp;

use crate::callers::Caller;
use crate::desk::Role;
use crate::desk::views::{Coverage, Progress, Verdict};
use crate::pages::assets;
use crate::pages::problem::Problem;
use crate::service::{Service, Site};
use crate::shown;

/// An entry of the console's menu.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Nav {
    Overview,
    Checks,
    Trail,
    Subject,
    Unusual,
    Sharing,
    Reports,
    Backups,
    Drills,
    Rounds,
    People,
    Tenants,
    Status,
    Packs,
    /// A page that is not in the menu.
    Elsewhere,
}

/// The menu, in its order; the last part says who has it.
const MENU: [(Nav, &str, &str, Audience); 14] = [
    (Nav::Overview, "Overview", "/", Audience::Administrators),
    (Nav::Checks, "Checks", "/checks", Audience::Administrators),
    (
        Nav::Trail,
        "Audit trail",
        "/trail",
        Audience::Administrators,
    ),
    (
        Nav::Subject,
        "Records",
        "/subject",
        Audience::Administrators,
    ),
    (
        Nav::Unusual,
        "Unusual access",
        "/unusual",
        Audience::Organisation,
    ),
    (Nav::Sharing, "Sharing", "/sharing", Audience::Organisation),
    (
        Nav::Reports,
        "Reports",
        "/reports",
        Audience::Administrators,
    ),
    (
        Nav::Backups,
        "Backups",
        "/backups",
        Audience::Administrators,
    ),
    (Nav::Drills, "Drills", "/drills", Audience::Administrators),
    (Nav::Rounds, "Rounds", "/rounds", Audience::Administrators),
    (Nav::People, "People", "/people", Audience::Administrators),
    (Nav::Tenants, "Tenants", "/tenants", Audience::Supplier),
    (Nav::Status, "Status", "/status", Audience::Supplier),
    (Nav::Packs, "Packs", "/pack", Audience::Administrators),
];

#[derive(Clone, Copy, PartialEq, Eq)]
enum Audience {
    Administrators,
    /// An organisation's own administrators.
    Organisation,
    Supplier,
}

/// What stands around every page.
pub struct Frame {
    pub title: String,
    pub service: String,
    pub supplier: String,
    pub support_email: String,
    /// Whether there is a page of the service's status.
    pub status_page: bool,
    pub stylesheet: String,
    pub home: String,
    pub statement: String,
    /// Where somebody signed in sees how the service is, and says what is wrong.
    pub support: Option<&'static str>,
    pub menu: Vec<MenuItem>,
    pub person: Option<String>,
}

/// One entry of the menu, as shown.
pub struct MenuItem {
    nav: Nav,
    pub text: &'static str,
    pub path: &'static str,
    pub current: bool,
}

impl Frame {
    /// The frame of a page of that title.
    pub fn new(service: &Service, site: Site, title: &str, caller: &Caller<'_>) -> Self {
        let role = caller.actor().map(|actor| actor.person.role);
        let menu = MENU
            .iter()
            .filter(|(_, _, _, audience)| match role {
                Some(Role::Supplier) => *audience != Audience::Organisation,
                Some(Role::Administrator) => *audience != Audience::Supplier,
                Some(Role::Member) | None => false,
            })
            .filter(|_| site == Site::Console)
            .map(|&(nav, text, path, _)| MenuItem {
                nav,
                text,
                path,
                current: false,
            })
            .collect();
        Self {
            title: title.to_owned(),
            service: service.name.clone(),
            supplier: service.supplier.clone(),
            support_email: service.support_email.clone(),
            status_page: service.status_page,
            stylesheet: assets::stylesheet_address(),
            home: match site {
                // Everything but /.avouch/ on a tenant's host is the application's.
                Site::Tenant | Site::Console | Site::Statement => "/".to_owned(),
                Site::SignIn => service.statement_origin(),
            },
            statement: service.statement_origin(),
            support: match (site, caller.actor()) {
                (Site::Console, Some(_)) => Some("/support"),
                (Site::Tenant, Some(_)) => Some("/.avouch/support"),
                _ => None,
            },
            menu,
            // Its account page is the console's.
            person: caller
                .actor()
                .filter(|_| site != Site::Tenant)
                .map(|actor| actor.person.name.clone()),
        }
    }

    /// The same, with an entry of the menu marked as where we are.
    pub fn at(mut self, nav: Nav) -> Self {
        for item in &mut self.menu {
            item.current = item.nav == nav;
        }
        self
    }
}

/// A short coloured word.
pub struct Tag {
    pub text: &'static str,
    pub colour: &'static str,
}

impl From<Verdict> for Tag {
    fn from(verdict: Verdict) -> Self {
        let (text, colour) = match verdict {
            Verdict::Held => ("Held", "green"),
            Verdict::Broken => ("Broken", "red"),
            Verdict::Unproven => ("Unproven", "yellow"),
        };
        Self { text, colour }
    }
}

impl From<Coverage> for Tag {
    fn from(coverage: Coverage) -> Self {
        let (text, colour) = match coverage {
            Coverage::Met => ("Met", "green"),
            Coverage::Broken => ("Broken", "red"),
            Coverage::Unproven => ("Unproven", "yellow"),
            Coverage::Part => ("Part", "orange"),
            Coverage::Gap => ("Gap", "grey"),
        };
        Self { text, colour }
    }
}

impl From<Progress> for Tag {
    fn from(progress: Progress) -> Self {
        let (text, colour) = match progress {
            Progress::Waiting => ("Waiting", "grey"),
            Progress::Running => ("Running", "blue"),
            Progress::Passed => ("Passed", "green"),
            Progress::Failed => ("Failed", "red"),
        };
        Self { text, colour }
    }
}

/// What stands in one place of a table or a list of facts.
pub enum Cell {
    Text(String),
    /// An id or a digest: fixed width, and may break anywhere.
    Code(String),
    /// A dotted name or an email address: may break after its signs, never inside a word.
    Name(String),
    /// An instant: its date and its time of day each stay on one line.
    Time {
        at: Timestamp,
        date: String,
        time: String,
    },
    Tag(Tag),
    Link {
        text: String,
        path: String,
    },
}

impl Cell {
    /// Plain text.
    pub fn text(text: impl Into<String>) -> Self {
        Self::Text(text.into())
    }

    /// Text, or other words when there is none yet.
    pub fn text_or(text: String, nothing: &str) -> Self {
        match text.as_str() {
            "" => Self::text(nothing),
            _ => Self::Text(text),
        }
    }

    /// An instant to the minute.
    pub fn minute(at: Timestamp) -> Self {
        Self::time(at, &shown::minute(at))
    }

    /// An instant to the second.
    pub fn second(at: Timestamp) -> Self {
        Self::time(at, &shown::second(at))
    }

    /// An instant to the minute, or that there was none.
    pub fn minute_or_never(at: Option<Timestamp>) -> Self {
        at.map_or_else(|| Self::text(shown::NEVER), Self::minute)
    }

    fn time(at: Timestamp, shown: &str) -> Self {
        let (date, time) = shown.split_once(", ").unwrap_or((shown, ""));
        Self::Time {
            at,
            date: date.to_owned(),
            time: time.to_owned(),
        }
    }

    /// A link to a page of ours.
    pub fn link(text: impl Into<String>, path: impl Into<String>) -> Self {
        Self::Link {
            text: text.into(),
            path: path.into(),
        }
    }
}

/// A table; on a narrow screen each row becomes a list that repeats the headings.
pub struct Table<Heading = &'static str> {
    pub caption: &'static str,
    pub headings: Vec<Heading>,
    pub rows: Vec<Vec<Cell>>,
    /// The sentence shown when there are no rows.
    pub nothing: &'static str,
}

impl<Heading> Table<Heading> {
    /// Each row's cells under their headings.
    pub fn labelled<'a>(
        &'a self,
        row: &'a [Cell],
    ) -> impl Iterator<Item = (&'a Heading, &'a Cell)> {
        self.headings.iter().zip(row)
    }
}

/// A name and what it comes to.
pub struct Fact {
    pub name: &'static str,
    pub value: Cell,
}

/// A button that does something, or a link that leads to where it is done.
pub struct Action {
    pub text: String,
    pub path: String,
    pub kind: ActionKind,
}

/// What an action is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum ActionKind {
    /// Goes to a page.
    Link,
    /// Sends a form.
    Button,
    /// Sends a form that takes something away.
    Warning,
}

/// Something that is done to one of several.
pub struct Choice {
    pub path: &'static str,
    pub name: &'static str,
    pub label: &'static str,
    /// Each value, with the text it is chosen by.
    pub options: Vec<(String, String)>,
    pub button: &'static str,
}

/// Whether a text has a word that does not fit a narrow column, such as a digest.
pub fn has_long_word(text: &str) -> bool {
    // About the width of the narrowest column, in characters.
    const FITS: usize = 16;
    text.split_whitespace()
        .any(|word| word.chars().count() > FITS)
}

/// The parts of a dotted name or an email address, between which a line may break.
pub fn breakable(text: &str) -> impl Iterator<Item = &str> {
    text.split_inclusive(['@', '.', '/', '-', '_'])
}

/// What went wrong with one field of a form.
pub struct FieldError {
    pub field: &'static str,
    pub text: String,
}

/// The error of a field, for a template.
pub fn error_of<'a>(errors: &'a [FieldError], field: &str) -> Option<&'a str> {
    errors
        .iter()
        .find(|error| error.field == field)
        .map(|error| error.text.as_str())
}

/// A page of facts, actions and tables: most of the console.
#[derive(Template)]
#[template(path = "listing.html")]
pub struct Listing {
    pub frame: Frame,
    pub lead: String,
    pub notice: Option<&'static str>,
    pub facts: Vec<Fact>,
    pub actions: Vec<Action>,
    pub choice: Option<Choice>,
    pub tables: Vec<Table>,
}

impl Listing {
    /// A page with nothing on it yet but its lead.
    pub fn new(frame: Frame, lead: impl Into<String>) -> Self {
        Self {
            frame,
            lead: lead.into(),
            notice: None,
            facts: Vec::new(),
            actions: Vec::new(),
            choice: None,
            tables: Vec::new(),
        }
    }
}

/// A page that says one thing, and what to do next.
#[derive(Template)]
#[template(path = "message.html")]
pub struct Message {
    pub frame: Frame,
    pub text: String,
    pub next: &'static str,
}

/// The answer that is this page.
pub fn render(page: &impl Template, status: StatusCode) -> Result<Response, Problem> {
    let html = page.render().map_err(|source| Problem::Failed {
        source: Box::new(source),
    })?;
    Ok((status, Html(html)).into_response())
}
