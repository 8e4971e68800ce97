//! The pages, a file for each subject. A handler takes its caller, and what was asked.

pub mod account;
pub mod assets;
pub mod backups;
pub mod checks;
pub mod drills;
pub mod entry;
pub mod log;
pub mod overview;
pub mod packs;
pub mod people;
pub mod problem;
pub mod reports;
pub mod sign_in;
pub mod statement;
pub mod tenants;
pub mod trail;

use axum::response::{IntoResponse as _, Response};
use http::{HeaderValue, StatusCode, header};

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
