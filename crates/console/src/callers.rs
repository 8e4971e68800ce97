//! Who may call a handler. The argument's type is the permission.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::response::Response;
use http::request::Parts;

use crate::ask::{App, Arrival};
use crate::cookie;
use crate::desk::{Actor, Refusal, Role};
use crate::local_path::LocalPath;
use crate::pages::problem::Problem;
use crate::pages::see_other;
use crate::service::{Site, Target};

/// Anybody.
pub struct Visitor(());

/// Anybody with a session on this host.
pub struct SignedIn(Actor);

/// An administrator of a tenant, within that tenant; or the supplier, within all of them.
pub struct TenantAdministrator(Actor);

/// An administrator of a tenant, and nobody of the supplier's.
pub struct OwnAdministrator(Actor);

/// Somebody of the supplier's.
pub struct Supplier(Actor);

/// Whoever it turned out to be, for what does not depend on it: a page's frame, an event.
pub enum Caller<'a> {
    /// Nobody we know.
    Unknown,
    /// Somebody with a session.
    Known(&'a Actor),
}

impl<'a> Caller<'a> {
    /// Who it is, if we know.
    pub fn actor(&self) -> Option<&'a Actor> {
        match self {
            Self::Unknown => None,
            Self::Known(actor) => Some(actor),
        }
    }
}

macro_rules! has_actor {
    ($($caller:ident)*) => {$(
        impl $caller {
            /// The person, and where they ask from.
            #[must_use]
            pub fn actor(&self) -> &Actor {
                &self.0
            }

            pub(crate) fn caller(&self) -> Caller<'_> {
                Caller::Known(&self.0)
            }
        }
    )*};
}
has_actor!(SignedIn TenantAdministrator OwnAdministrator Supplier);

impl FromRequestParts<Arc<App>> for Visitor {
    type Rejection = Response;

    async fn from_request_parts(_: &mut Parts, _: &Arc<App>) -> Result<Self, Response> {
        Ok(Self(()))
    }
}

impl FromRequestParts<Arc<App>> for SignedIn {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Response> {
        let everybody = [Role::Supplier, Role::Administrator, Role::Member];
        Ok(Self(admit(parts, app, &everybody).await?))
    }
}

impl FromRequestParts<Arc<App>> for TenantAdministrator {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Response> {
        let administrators = [Role::Supplier, Role::Administrator];
        Ok(Self(admit(parts, app, &administrators).await?))
    }
}

impl FromRequestParts<Arc<App>> for OwnAdministrator {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Response> {
        Ok(Self(admit(parts, app, &[Role::Administrator]).await?))
    }
}

impl FromRequestParts<Arc<App>> for Supplier {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Response> {
        Ok(Self(admit(parts, app, &[Role::Supplier]).await?))
    }
}

/// The person behind the request, if their role is one of `roles`; or the answer they get instead.
async fn admit(parts: &Parts, app: &Arc<App>, roles: &[Role]) -> Result<Actor, Response> {
    let page = |problem: Problem| problem.page(&app.service, &Caller::Unknown);
    let arrival = parts
        .extensions
        .get::<Arrival>()
        .ok_or_else(|| page(Problem::Misdirected))?;
    let known = match cookie::session_digest(&parts.headers) {
        Some(digest) => app
            .desk
            .session(digest, &arrival.host)
            .await
            .map_err(|error| page(error.into()))?
            .map(|session| (session, digest)),
        None => None,
    };
    let Some((known, session)) = known else {
        return Err(sent_to_sign_in(parts, app, arrival).await);
    };
    let actor = Actor {
        person: known.person,
        client: arrival.client.clone(),
        session,
        tag: known.tag,
        moment: arrival.moment.clone(),
    };
    if roles.contains(&actor.person.role) {
        return Ok(actor);
    }
    let refusal = refusal(parts, arrival, Some(&actor), "not allowed for this role");
    let problem = match app.desk.refused(refusal).await {
        Ok(()) => Problem::Forbidden,
        Err(error) => error.into(),
    };
    Err(problem.page(&app.service, &Caller::Known(&actor)))
}

/// A page asked for without a session is asked for again after sign-in; an act is refused and forgotten.
async fn sent_to_sign_in(parts: &Parts, app: &Arc<App>, arrival: &Arrival) -> Response {
    let path = if parts.method.is_safe() {
        let asked = parts.uri.path_and_query().map_or("/", |path| path.as_str());
        LocalPath::or_root(asked)
    } else {
        let refusal = refusal(parts, arrival, None, "not signed in");
        if let Err(error) = app.desk.refused(refusal).await {
            return Problem::from(error).page(&app.service, &Caller::Unknown);
        }
        LocalPath::root()
    };
    let target = match (&arrival.target, arrival.site) {
        (Some(target), Site::Tenant | Site::Console) => target,
        _ => &Target::Console,
    };
    see_other(&app.service.sign_in_address(target, &path))
        .unwrap_or_else(|problem| problem.page(&app.service, &Caller::Unknown))
}

/// The event of a request that is turned away.
pub(crate) fn refusal(
    parts: &Parts,
    arrival: &Arrival,
    actor: Option<&Actor>,
    reason: &'static str,
) -> Refusal {
    Refusal {
        actor: actor.cloned(),
        session: cookie::session_digest(&parts.headers),
        client: arrival.client.clone(),
        host: arrival.host.clone(),
        method: parts.method.to_string(),
        path: parts.uri.path().to_owned(),
        reason,
        moment: arrival.moment.clone(),
    }
}
