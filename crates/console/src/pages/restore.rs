//! Restoring a tenant as it was at a moment: chosen, shown as a plan, confirmed, and followed to its end.

use askama::Template;
use http::{HeaderName, HeaderValue, StatusCode};

use super::second_factor::gate;
use super::{Answer, Problem, see_other, tenant_name};
use crate::ask::Ask;
use crate::callers::Supplier;
use crate::desk::moments::{MomentAsk, MomentPlan, WindowRow};
use crate::desk::second_factor::Act;
use crate::desk::views::Progress;
use crate::html::{
    Action, ActionKind, Cell, Fact, FieldError, Frame, Listing, Nav, Table, error_of, render,
};

const PATH: &str = "/restore";

/// Browsers ask again by this header, without a script.
const REFRESH: HeaderName = HeaderName::from_static("refresh");
/// Seconds between two looks at a restore that is going on.
const LOOK_AGAIN: HeaderValue = HeaderValue::from_static("3");

#[derive(Template)]
#[template(path = "restore.html")]
struct Page {
    frame: Frame,
    heading: &'static str,
    errors: Vec<FieldError>,
    typed: Typed,
    options: Vec<(String, String)>,
    table: Table,
    plan: Option<Vec<(&'static str, String)>>,
}

impl Page {
    fn error(&self, field: &str) -> Option<&str> {
        error_of(&self.errors, field)
    }
}

/// What was typed, to be shown again.
struct Typed {
    which: String,
    date: String,
    time: String,
    because: String,
}

impl Typed {
    fn of(ask: &Ask) -> Self {
        let field = |name| ask.field(name).to_owned();
        Self {
            which: field("which"),
            date: field("date"),
            time: field("time"),
            because: field("because"),
        }
    }

    /// Name, label, hint, kind and value of each field.
    fn fields(&self) -> [(&'static str, &'static str, &'static str, &'static str, &str); 3] {
        [
            ("date", "Date", "For example 2026-11-21", "date", &self.date),
            (
                "time",
                "Time",
                "Hours, minutes and seconds, for example 14:32:07",
                "time",
                &self.time,
            ),
            (
                "because",
                "Why",
                "It is written down, and the tenant sees it in its audit trail",
                "text",
                &self.because,
            ),
        ]
    }

    /// The question, or what is wrong with it.
    fn read(&self) -> Result<MomentAsk, Vec<FieldError>> {
        let missing: Vec<FieldError> = [
            ("date", &self.date, "Choose a date"),
            ("time", &self.time, "Type a time of day"),
            ("because", &self.because, "Say why it is restored"),
        ]
        .into_iter()
        .filter(|(_, value, _)| value.is_empty())
        .map(|(field, _, text)| FieldError {
            field,
            text: text.to_owned(),
        })
        .collect();
        let (Some((tenant, source)), []) = (self.which.split_once(' '), missing.as_slice()) else {
            return Err(missing);
        };
        Ok(MomentAsk {
            tenant: tenant.to_owned(),
            source: source.to_owned(),
            when: format!("{} {}", self.date, self.time),
            because: self.because.clone(),
        })
    }
}

/// The form, with what can be restored.
pub async fn form(who: Supplier, ask: Ask) -> Answer {
    if let Some(answer) = gate(&ask, who.actor(), Act::Backups, PATH).await? {
        return Ok(answer);
    }
    chosen(&who, &ask, Vec::new()).await
}

/// What would be done.
pub async fn plan(who: Supplier, ask: Ask) -> Answer {
    if let Some(answer) = gate(&ask, who.actor(), Act::Backups, PATH).await? {
        return Ok(answer);
    }
    let typed = Typed::of(&ask);
    let asked = match typed.read() {
        Ok(asked) => asked,
        Err(errors) => return chosen(&who, &ask, errors).await,
    };
    match ask.desk().plan_moment(who.actor(), &asked).await? {
        Ok(plan) => {
            let page = Page {
                frame: ask.console_frame("What would be restored", &who.caller(), Nav::Backups),
                heading: "What would be restored",
                errors: Vec::new(),
                options: Vec::new(),
                table: table(Vec::new()),
                plan: Some(rows(&asked, plan)),
                typed,
            };
            render(&page, StatusCode::OK)
        }
        Err(text) => chosen(&who, &ask, refused(text)).await,
    }
}

/// Does it, and goes to where it is followed.
pub async fn begin(who: Supplier, ask: Ask) -> Answer {
    let asked = match Typed::of(&ask).read() {
        Ok(asked) => asked,
        Err(errors) => return chosen(&who, &ask, errors).await,
    };
    let tenants = ask.desk().tenants(who.actor()).await?;
    if !tenants.iter().any(|known| known.slug == asked.tenant) {
        return Err(Problem::Absent);
    }
    if let Some(answer) = gate(&ask, who.actor(), Act::Backups, PATH).await? {
        return Ok(answer);
    }
    // What cannot be done uses up nobody's approval.
    if let Err(text) = ask.desk().plan_moment(who.actor(), &asked).await? {
        return chosen(&who, &ask, refused(text)).await;
    }
    let act = Act::Restore {
        tenant: &asked.tenant,
        source: &asked.source,
        when: &asked.when,
    };
    if let Some(answer) = gate(&ask, who.actor(), act, PATH).await? {
        return Ok(answer);
    }
    match ask.desk().restore_moment(who.actor(), &asked).await? {
        Ok(number) => see_other(&format!("{PATH}/{number}")),
        Err(text) => chosen(&who, &ask, refused(text)).await,
    }
}

/// One restore; while it goes on the page asks again by itself.
pub async fn show(who: Supplier, ask: Ask) -> Answer {
    let number = ask.param("number").parse().map_err(|_| Problem::Absent)?;
    let view = ask.desk().restoring(who.actor(), number).await?;
    let view = view.ok_or(Problem::Absent)?;
    let running = matches!(view.progress, Progress::Running | Progress::Waiting);
    let lead = match view.progress {
        Progress::Waiting | Progress::Running => {
            "The database is being rebuilt and checked, and then put in place. This page loads itself again every 3 seconds \
             until it ends."
        }
        Progress::Passed => "The database is in place, and the application answers.",
        Progress::Failed => "It was not restored. What went wrong is below.",
    };
    let frame = ask.console_frame("Restore", &who.caller(), Nav::Backups);
    let mut page = Listing::new(frame, lead);
    page.facts = vec![
        Fact {
            name: "State",
            value: Cell::Tag(view.progress.into()),
        },
        Fact {
            name: "Tenant",
            value: Cell::text(tenant_name(Some(&view.tenant))),
        },
        Fact {
            name: "As it was at",
            value: Cell::text(view.shown),
        },
        Fact {
            name: "What was seen",
            value: Cell::text_or(view.seen, "Nothing yet"),
        },
    ];
    if !running {
        page.actions = vec![Action {
            text: "Restore another moment".to_owned(),
            path: PATH.to_owned(),
            kind: ActionKind::Link,
        }];
    }
    let mut response = render(&page, StatusCode::OK)?;
    if running {
        response.headers_mut().insert(REFRESH, LOOK_AGAIN);
    }
    Ok(response)
}

async fn chosen(who: &Supplier, ask: &Ask, errors: Vec<FieldError>) -> Answer {
    let windows = ask.desk().windows(who.actor()).await?;
    let windows = who.actor().scope().sieve(windows);
    let (title, status) = match errors.as_slice() {
        [] => ("Restore a moment", StatusCode::OK),
        _ => ("Error: Restore a moment", StatusCode::BAD_REQUEST),
    };
    let page = Page {
        frame: ask.console_frame(title, &who.caller(), Nav::Backups),
        heading: "Restore a moment",
        errors,
        typed: Typed::of(ask),
        options: windows
            .iter()
            .map(|row| {
                (
                    format!("{} {}", row.tenant, row.source),
                    format!("{}, {}", row.tenant, row.source),
                )
            })
            .collect(),
        table: table(windows),
        plan: None,
    };
    render(&page, status)
}

fn refused(text: String) -> Vec<FieldError> {
    vec![FieldError {
        field: "time",
        text,
    }]
}

fn rows(asked: &MomentAsk, plan: MomentPlan) -> Vec<(&'static str, String)> {
    vec![
        ("Tenant", tenant_name(Some(&asked.tenant))),
        ("As it was at", plan.shown),
        ("Read from", plan.from),
        ("Takes the place of", plan.place),
        (
            "How near",
            format!(
                "With every change that had been seen by then, and none after. The longest time between two looks at the \
                 database was {}.",
                plan.told_apart
            ),
        ),
        (
            "What stops",
            "The application, while the data change places".to_owned(),
        ),
        (
            "What is kept",
            "The data that are there now, aside and whole".to_owned(),
        ),
        ("Why", asked.because.clone()),
    ]
}

fn table(windows: Vec<WindowRow>) -> Table {
    Table {
        caption: "What can be restored",
        headings: vec![
            "Tenant",
            "Source",
            "From",
            "Until",
            "Zone",
            "Told apart to within",
            "Not to be had",
        ],
        rows: windows
            .into_iter()
            .map(|row| {
                vec![
                    Cell::text(row.tenant),
                    Cell::text(row.source),
                    Cell::text(row.from),
                    Cell::text(row.to),
                    Cell::text(row.zone),
                    Cell::text(row.told_apart),
                    Cell::text_or(row.gaps, "Nothing between"),
                ]
            })
            .collect(),
        nothing: "No changes are stored. They are where the statement has a source’s changes followed.",
    }
}
