//! The pages, a file for each subject. A handler takes its caller, and what was asked.

pub mod account;
pub mod approvals;
pub mod assets;
pub mod backups;
pub mod checks;
pub mod drills;
pub mod entry;
pub mod events;
pub mod log;
pub mod overview;
pub mod packs;
pub mod people;
pub mod problem;
pub mod reports;
pub mod restore;
pub mod second_factor;
pub mod sharing;
pub mod sign_in;
pub mod statement;
pub mod status;
pub mod subject;
pub mod support;
pub mod tenants;
pub mod timing;
pub mod trail;
pub mod unusual;

use axum::response::{IntoResponse as _, Response};
use http::{HeaderValue, StatusCode, header};
use jiff::civil::Date;

use crate::desk::views::Download;
use crate::html::FieldError;
use problem::Problem;

/// What a handler gives back.
pub type Answer = Result<Response, Problem>;

/// Sends the browser on to an address of ours, with a GET.
pub fn see_other(address: &str) -> Answer {
    let location = HeaderValue::from_str(address).map_err(|source| Problem::Failed {
        source: Box::new(source),
    })?;
    Ok((StatusCode::SEE_OTHER, [(header::LOCATION, location)]).into_response())
}

/// The slug of a person's tenant, or that they are the supplier's.
pub fn organisation(tenant: Option<&str>) -> String {
    tenant.unwrap_or("Supplier").to_owned()
}

/// The tenant's slug, or that it is the platform's.
pub fn tenant_name(tenant: Option<&str>) -> String {
    tenant.unwrap_or("Platform").to_owned()
}

/// A file that the browser keeps.
pub fn kept(file: Download) -> Answer {
    let name = format!("attachment; filename=\"{}\"", file.name);
    let name = HeaderValue::from_str(&name).map_err(|source| Problem::Failed {
        source: Box::new(source),
    })?;
    let headers = [
        (
            header::CONTENT_TYPE,
            HeaderValue::from_static(file.content_type),
        ),
        (header::CONTENT_DISPOSITION, name),
    ];
    Ok((headers, file.bytes).into_response())
}

/// The first and the last day of a search, as they were typed, and what is wrong with them.
pub fn days(from: &str, to: &str, errors: &mut Vec<FieldError>) -> (Option<Date>, Option<Date>) {
    let mut day = |field: &'static str, text: &str, which: &str| match text {
        "" => None,
        text => read_day(text).or_else(|| {
            errors.push(FieldError {
                field,
                text: format!("{which} must be a real date, like 22/11/2026"),
            });
            None
        }),
    };
    let first = day("from", from, "The first day");
    let last = day("to", to, "The last day");
    if let (Some(first), Some(last)) = (first, last)
        && first > last
    {
        errors.push(FieldError {
            field: "to",
            text: "The last day must be the same as the first or after it".to_owned(),
        });
    }
    (first, last)
}

/// A day as it is written in the UK, or as computers write it.
fn read_day(text: &str) -> Option<Date> {
    Date::strptime("%d/%m/%Y", text)
        .or_else(|_| Date::strptime("%Y-%m-%d", text))
        .ok()
}
