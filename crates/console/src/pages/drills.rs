//! Restore drills: the list, one started by hand, and how one is going.

use http::{HeaderName, HeaderValue, StatusCode};

use super::second_factor::gate;
use super::{Answer, Problem, see_other, tenant_name};
use crate::ask::Ask;
use crate::callers::{Supplier, TenantAdministrator};
use crate::desk::Role;
use crate::desk::second_factor::Act;
use crate::desk::views::{DrillView, Progress};
use crate::html::{Cell, Choice, Fact, Listing, Nav, Table, render};
use crate::service::encode;

/// Browsers ask again by this header, without a script.
const REFRESH: HeaderName = HeaderName::from_static("refresh");
/// Seconds between two looks at a running drill; a step takes about that long.
const LOOK_AGAIN: HeaderValue = HeaderValue::from_static("3");

/// The drills within scope, newest first.
pub async fn list(who: TenantAdministrator, ask: Ask) -> Answer {
    if let Some(answer) = gate(&ask, who.actor(), Act::Backups, "/drills").await? {
        return Ok(answer);
    }
    let rows = ask.desk().drills(who.actor()).await?;
    let rows = who.actor().scope().sieve(rows);
    let frame = ask.console_frame("Restore drills", &who.caller(), Nav::Drills);
    let mut page = Listing::new(
        frame,
        "A drill restores the newest snapshot into an empty, fenced place, compares it with what was \
         backed up, starts the application on it, and times the whole.",
    );
    if who.actor().person.role == Role::Supplier {
        page.choice = choice_of_tenant(&who, &ask).await?;
    }
    page.tables = vec![Table {
        caption: "All drills, newest first",
        headings: vec!["Started", "Tenant", "Result", "Took", "Promised", "Details"],
        rows: rows
            .into_iter()
            .map(|row| {
                vec![
                    Cell::minute(row.started),
                    Cell::text(tenant_name(row.tenant.as_deref())),
                    Cell::Tag(row.progress.into()),
                    Cell::text_or(row.took, "Not ended"),
                    Cell::text(row.promised),
                    Cell::link(format!("Drill {}", row.id), drill_path(&row.id)),
                ]
            })
            .collect(),
        nothing: "There has been no drill yet.",
    }];
    render(&page, StatusCode::OK)
}

/// Starts a drill and goes to its page.
pub async fn start(who: Supplier, ask: Ask) -> Answer {
    let tenant = ask.field("tenant");
    let tenants = ask.desk().tenants(who.actor()).await?;
    if !tenants.iter().any(|known| known.slug == tenant) {
        return Err(Problem::Absent);
    }
    if let Some(answer) = gate(&ask, who.actor(), Act::Drill(tenant), "/drills").await? {
        return Ok(answer);
    }
    let id = ask.desk().start_drill(who.actor(), tenant).await?;
    see_other(&drill_path(&id))
}

/// One drill; while it runs the page asks again by itself.
pub async fn show(who: TenantAdministrator, ask: Ask) -> Answer {
    let view = ask.desk().drill(who.actor(), ask.param("id")).await?;
    let view = view.ok_or(Problem::Absent)?;
    if !who.actor().scope().covers(view.drill.tenant.as_deref()) {
        return Err(ask.outside_scope(&who.caller()).await);
    }
    if let Some(answer) = gate(&ask, who.actor(), Act::Backups, ask.path()).await? {
        return Ok(answer);
    }
    let title = format!("Drill {}", view.drill.id);
    let frame = ask.console_frame(&title, &who.caller(), Nav::Drills);
    let running = matches!(view.drill.progress, Progress::Running | Progress::Waiting);
    let lead = match view.drill.progress {
        Progress::Waiting | Progress::Running => {
            "The drill is running. This page loads itself again every 3 seconds until it ends."
        }
        Progress::Passed => {
            "The snapshot was restored, compared and used, within the promised time."
        }
        Progress::Failed => "The drill failed. The step that failed is marked below.",
    };
    let mut page = Listing::new(frame, lead);
    page.facts = facts(&view);
    page.tables = vec![steps(view)];
    let mut response = render(&page, StatusCode::OK)?;
    if running {
        response.headers_mut().insert(REFRESH, LOOK_AGAIN);
    }
    Ok(response)
}

async fn choice_of_tenant(who: &TenantAdministrator, ask: &Ask) -> Result<Option<Choice>, Problem> {
    let tenants = ask.desk().tenants(who.actor()).await?;
    let options: Vec<(String, String)> = tenants
        .into_iter()
        .map(|tenant| (tenant.slug, tenant.name))
        .collect();
    Ok((!options.is_empty()).then_some(Choice {
        path: "/drills",
        name: "tenant",
        label: "Tenant",
        options,
        button: "Start a drill",
    }))
}

fn facts(view: &DrillView) -> Vec<Fact> {
    let drill = &view.drill;
    let (name, what) = match (view.snapshot.as_str(), view.moment) {
        (_, Some(moment)) => (
            "As it was at",
            Cell::text(moment.strftime("%Y-%m-%d %H:%M:%S UTC").to_string()),
        ),
        ("", None) => ("Snapshot", Cell::text("Not chosen yet")),
        (id, None) => ("Snapshot", Cell::Code(id.to_owned())),
    };
    vec![
        Fact {
            name: "Result",
            value: Cell::Tag(drill.progress.into()),
        },
        Fact {
            name: "Tenant",
            value: Cell::text(tenant_name(drill.tenant.as_deref())),
        },
        Fact { name, value: what },
        Fact {
            name: "Started",
            value: Cell::minute(drill.started),
        },
        Fact {
            name: "Took",
            value: Cell::text_or(drill.took.clone(), "Not ended"),
        },
        Fact {
            name: "Promised",
            value: Cell::text(&drill.promised),
        },
    ]
}

fn steps(view: DrillView) -> Table {
    Table {
        caption: "Steps",
        headings: vec!["Step", "State", "What was seen", "Took"],
        rows: view
            .steps
            .into_iter()
            .map(|step| {
                vec![
                    Cell::text(step.name),
                    Cell::Tag(step.progress.into()),
                    Cell::text_or(step.seen, "Nothing yet"),
                    Cell::text_or(step.took, "Not ended"),
                ]
            })
            .collect(),
        nothing: "No step has begun.",
    }
}

fn drill_path(id: &str) -> String {
    format!("/drills/{}", encode(id))
}
