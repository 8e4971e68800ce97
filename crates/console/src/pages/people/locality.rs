//! To which site or unit somebody belongs: every event of theirs says it.

use askama::Template;
use http::StatusCode;

use super::{changing, person_path, within_scope};
use crate::ask::Ask;
use crate::callers::TenantAdministrator;
use crate::desk::DeskError;
use crate::desk::views::PersonRow;
use crate::html::{FieldError, Frame, Nav, error_of, render};
use crate::pages::{Answer, see_other};

#[derive(Template)]
#[template(path = "person_locality.html")]
struct Form {
    frame: Frame,
    name: String,
    path: String,
    locality: String,
    errors: Vec<FieldError>,
}

impl Form {
    fn error(&self, field: &str) -> Option<&str> {
        error_of(&self.errors, field)
    }
}

/// The form, with where they belong now.
pub async fn form(who: TenantAdministrator, ask: Ask) -> Answer {
    let person = within_scope(&who, &ask).await?;
    let now = person.locality.clone();
    page(&who, &ask, person, now, Vec::new())
}

/// Keeps what was typed.
pub async fn set(who: TenantAdministrator, ask: Ask) -> Answer {
    let person = within_scope(&who, &ask).await?;
    if let Some(answer) = changing(&who, &ask, &person).await? {
        return Ok(answer);
    }
    let typed = ask.field("locality");
    let kept = ask
        .desk()
        .set_locality(who.actor(), &person.id, typed)
        .await;
    match kept {
        Ok(()) => see_other("/people?done=locality"),
        Err(DeskError::Unfit(text)) => {
            let error = FieldError {
                field: "locality",
                text,
            };
            page(&who, &ask, person, typed.to_owned(), vec![error])
        }
        Err(other) => Err(other.into()),
    }
}

fn page(
    who: &TenantAdministrator,
    ask: &Ask,
    person: PersonRow,
    locality: String,
    errors: Vec<FieldError>,
) -> Answer {
    let (title, status) = match errors.as_slice() {
        [] => ("Site or unit", StatusCode::OK),
        _ => ("Error: Site or unit", StatusCode::BAD_REQUEST),
    };
    let form = Form {
        frame: ask.console_frame(title, &who.caller(), Nav::People),
        path: person_path(&person.id),
        name: person.name,
        locality,
        errors,
    };
    render(&form, status)
}
