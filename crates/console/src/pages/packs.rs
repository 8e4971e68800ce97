//! Evidence packs: what a customer can check without trusting the supplier.

use http::StatusCode;

use super::second_factor::gate;
use super::{Answer, Problem, kept};
use crate::ask::Ask;
use crate::callers::TenantAdministrator;
use crate::desk::second_factor::Act;
use crate::desk::views::Download;
use crate::html::{Cell, Listing, Nav, Table, render};

/// The packs that this person may have.
pub async fn list(who: TenantAdministrator, ask: Ask) -> Answer {
    let packs = ask.desk().packs(who.actor()).await?;
    let packs = who.actor().scope().sieve(packs);
    let frame = ask.console_frame("Evidence packs", &who.caller(), Nav::Packs);
    let mut page = Listing::new(
        frame,
        "A pack holds the statement, the findings and their proofs. It is made when you download it; \
         check it with `avouch verify`, on any computer, without a network.",
    );
    page.tables = vec![Table {
        caption: "Packs to download",
        headings: vec!["Organisation", "Pack"],
        rows: packs
            .into_iter()
            .map(|pack| {
                let text = format!("Download the pack for {}", pack.name);
                vec![
                    Cell::text(pack.name),
                    Cell::link(text, format!("/pack/{}", pack.tenant)),
                ]
            })
            .collect(),
        nothing: "There is no tenant whose pack you may have.",
    }];
    render(&page, StatusCode::OK)
}

/// One tenant's pack.
pub async fn download(who: TenantAdministrator, ask: Ask) -> Answer {
    let tenant = ask.param("tenant");
    if !who.actor().scope().covers(Some(tenant)) {
        return Err(ask.outside_scope(&who.caller()).await);
    }
    let packs = ask.desk().packs(who.actor()).await?;
    if !packs.iter().any(|pack| pack.tenant == tenant) {
        return Err(Problem::Absent);
    }
    if let Some(answer) = gate(&ask, who.actor(), Act::Pack(tenant), ask.path()).await? {
        return Ok(answer);
    }
    let bytes = ask.desk().pack(who.actor(), tenant).await?;
    kept(Download {
        name: format!("{tenant}.avouch-pack"),
        content_type: "application/octet-stream",
        bytes,
    })
}
