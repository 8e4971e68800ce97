//! The console's first page: how things stand, and what needs a person.

use askama::Template;
use http::StatusCode;

use super::Answer;
use crate::ask::Ask;
use crate::callers::TenantAdministrator;
use crate::desk::views::Overview;
use crate::html::{Frame, Nav, render};
use crate::shown;

#[derive(Template)]
#[template(path = "overview.html")]
struct Page {
    frame: Frame,
    view: Overview,
}

impl Page {
    fn last(&self) -> [(&'static str, &'static str, String); 3] {
        [
            (
                "Last round of checks",
                "/rounds",
                shown::minute_or_never(self.view.last_round),
            ),
            (
                "Last backup",
                "/backups",
                shown::minute_or_never(self.view.last_backup),
            ),
            (
                "Last drill",
                "/drills",
                shown::minute_or_never(self.view.last_drill),
            ),
        ]
    }
}

/// How things stand.
pub async fn page(who: TenantAdministrator, ask: Ask) -> Answer {
    let page = Page {
        frame: ask.console_frame("Overview", &who.caller(), Nav::Overview),
        view: ask.desk().overview(who.actor()).await?,
    };
    render(&page, StatusCode::OK)
}
