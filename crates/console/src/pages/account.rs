//! Who somebody is signed in as.

use http::StatusCode;

use super::{Answer, organisation};
use crate::ask::Ask;
use crate::callers::SignedIn;
use crate::html::{Action, ActionKind, Cell, Fact, Listing, Nav, render};

/// The signed-in person's own page.
pub async fn page(who: SignedIn, ask: Ask) -> Answer {
    let person = &who.actor().person;
    let frame = ask.console_frame("Your account", &who.caller(), Nav::Elsewhere);
    let mut page = Listing::new(frame, "To change any of this, ask an administrator.");
    page.facts = vec![
        Fact {
            name: "Name",
            value: Cell::text(&person.name),
        },
        Fact {
            name: "Email address",
            value: Cell::Name(person.email.clone()),
        },
        Fact {
            name: "Role",
            value: Cell::text(person.role.name()),
        },
        Fact {
            name: "Organisation",
            value: Cell::text(organisation(person.tenant.as_deref())),
        },
    ];
    page.actions = vec![Action {
        text: "Your second factor".to_owned(),
        path: "/account/second-factor".to_owned(),
        kind: ActionKind::Link,
    }];
    render(&page, StatusCode::OK)
}
