//! The customer organisations.

use http::StatusCode;

use super::Answer;
use crate::ask::Ask;
use crate::callers::Supplier;
use crate::html::{Cell, Listing, Nav, Table, Tag, render};

/// Every tenant.
pub async fn list(who: Supplier, ask: Ask) -> Answer {
    let tenants = ask.desk().tenants(who.actor()).await?;
    let frame = ask.console_frame("Tenants", &who.caller(), Nav::Tenants);
    let mut page = Listing::new(
        frame,
        "Each tenant has its own process, data folder and key. A tenant is added in the statement.",
    );
    page.tables = vec![Table {
        caption: "Tenants and their applications",
        headings: vec!["Organisation", "Short name", "People", "Application"],
        rows: tenants
            .into_iter()
            .map(|tenant| {
                vec![
                    Cell::text(tenant.name),
                    Cell::Code(tenant.slug),
                    Cell::text(tenant.people.to_string()),
                    Cell::Tag(match tenant.running {
                        true => Tag {
                            text: "Running",
                            colour: "green",
                        },
                        false => Tag {
                            text: "Not running",
                            colour: "red",
                        },
                    }),
                ]
            })
            .collect(),
        nothing: "There are no tenants yet. Add one in the statement.",
    }];
    render(&page, StatusCode::OK)
}
