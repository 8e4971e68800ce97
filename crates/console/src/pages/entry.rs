//! In and out of a host: the browser is marked, the one-time code becomes a cookie, and the cookie ends.

use axum::response::IntoResponse as _;
use http::header;

use super::{Answer, Problem, see_other};
use crate::ask::Ask;
use crate::callers::{Caller, SignedIn, Visitor};
use crate::cookie;
use crate::desk::views::Entry;
use crate::local_path::LocalPath;
use crate::secret::Secret;
use crate::service::Target;

/// Marks the browser and sends it on to exchange its pass for a code that is good with this mark alone. Without a pass it
/// is asked for a password there.
pub async fn begin(_: Visitor, ask: Ask) -> Answer {
    // Two tabs may do this at once, so a mark that is there stays.
    let state = match cookie::state(ask.headers()) {
        Some(state) => state,
        None => Secret::draw().ok_or_else(|| Problem::Failed {
            source: "the system has no randomness".into(),
        })?,
    };
    let target = ask.arrival.target.clone().unwrap_or(Target::Console);
    let path = LocalPath::or_root(ask.field("path"));
    let service = &ask.app.service;
    let address = service.code_address(&target, &path, state.state_digest());
    let mut response = see_other(&address)?;
    let cookie = cookie::marking(&state).ok_or(Problem::DeadCode)?;
    response.headers_mut().insert(header::SET_COOKIE, cookie);
    Ok(response)
}

/// Takes a one-time code, sets the cookie and goes on to the page that was wanted.
pub async fn enter(_: Visitor, ask: Ask) -> Answer {
    // Otherwise a stranger's page could sign somebody in as the stranger, who then reads what they enter.
    if ask.arrival.led_by_another_site {
        return Err(ask
            .refuse(
                &Caller::Unknown,
                "a code brought by another site",
                Problem::CrossSite,
            )
            .await);
    }
    let entry = Entry {
        code: Secret::new(ask.field("code").to_owned()),
        host: ask.arrival.host.clone(),
        browser: cookie::state(ask.headers()).map(|state| state.state_digest()),
        before: cookie::session_digest(ask.headers()),
        client: ask.arrival.client.clone(),
        moment: ask.arrival.moment.clone(),
    };
    let token = ask.desk().enter(entry).await?.ok_or(Problem::DeadCode)?;
    let cookie = cookie::starting(&token).ok_or(Problem::DeadCode)?;
    let path = LocalPath::or_root(ask.field("path"));
    let mut response = see_other(path.as_str())?;
    let headers = response.headers_mut();
    headers.insert(header::SET_COOKIE, cookie);
    headers.append(header::SET_COOKIE, cookie::unmarking());
    Ok(response)
}

/// Ends every sign-in of the person, on every host and in every browser.
pub async fn leave(who: SignedIn, ask: Ask) -> Answer {
    ask.desk().leave(who.actor(), &ask.arrival.host).await?;
    let done = format!("{}/done", ask.app.service.sign_in_origin());
    let mut response = see_other(&done)?;
    response
        .headers_mut()
        .insert(header::SET_COOKIE, cookie::ending());
    Ok(response)
}

/// The public keys with which an application checks who asks.
pub async fn jwks(_: Visitor, ask: Ask) -> Answer {
    let keys = ask.desk().jwks().await?;
    Ok(([(header::CONTENT_TYPE, "application/jwk-set+json")], keys).into_response())
}
