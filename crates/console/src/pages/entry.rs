//! In and out of a host: the one-time code becomes a cookie, and the cookie ends.

use axum::response::IntoResponse as _;
use http::header;

use super::{Answer, Problem, see_other};
use crate::ask::Ask;
use crate::callers::{Caller, SignedIn, Visitor};
use crate::cookie;
use crate::local_path::LocalPath;
use crate::secret::Secret;

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
    let code = Secret::new(ask.field("code").to_owned());
    let token = ask
        .desk()
        .enter(code, &ask.arrival.host, &ask.arrival.client)
        .await?
        .ok_or(Problem::SpentCode)?;
    let cookie = cookie::starting(&token).ok_or(Problem::SpentCode)?;
    let path = LocalPath::or_root(ask.field("path"));
    let mut response = see_other(path.as_str())?;
    response.headers_mut().insert(header::SET_COOKIE, cookie);
    Ok(response)
}

/// Ends the person's whole sign-in, on every host.
pub async fn leave(who: SignedIn, ask: Ask) -> Answer {
    ask.desk().leave(who.session(), &ask.arrival.host).await?;
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
