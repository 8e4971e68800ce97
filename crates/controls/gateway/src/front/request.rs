//! One request, from its head to its release: what is judged without asking anybody, and where it goes then.

use std::sync::Arc;

use aws_lc_rs::digest;
use http::header::{
    CONNECTION, CONTENT_LENGTH, COOKIE, HOST, HeaderName, HeaderValue, LOCATION, TRANSFER_ENCODING,
};
use http::{Method, Request, Response, StatusCode, Uri, Version};
use hyper::body::Incoming;
use tokio::time::Instant;

use super::body::{Inbound, Outgoing};
use super::connection::Connection;
use super::hop::{HopFault, Lease};
use super::serving::Place;
use super::status;
use super::tenant::to_tenant;
use crate::hygiene::{cookies, names, path, response};
use crate::link::Refused;
use crate::refusal::Refusal;

/// A path in an event is cut here; events are no place to store things.
const PATH_CAP: usize = 256;

/// Why a request stops, and whether the core knows.
pub(super) enum Stop {
    /// Refused by ourselves; the core is to be told.
    Untold(Refusal),
    /// The core said so, or has been told, or is not there.
    Told(Refusal),
}

impl From<Refusal> for Stop {
    fn from(refusal: Refusal) -> Self {
        Self::Untold(refusal)
    }
}

/// What the head says, judged.
pub(super) struct Head {
    pub(super) host: String,
    pub(super) place: Place,
    pub(super) token: Option<[u8; 32]>,
    pub(super) mark: Option<[u8; 32]>,
}

/// Answers one request. Every end is told to the core.
pub(super) async fn answer(
    connection: Arc<Connection>,
    request: Request<Incoming>,
) -> Response<Outgoing> {
    let number = connection.begin();
    // After a chunked body the next head is not watched, so there is none (RFC 9112, 6.1 asks for the same).
    let last = connection.is_ambiguous(number) || request.headers().contains_key(TRANSFER_ENCODING);
    let facts = (request.method().clone(), request.uri().clone());
    let started = Instant::now();
    let mut known = None;
    let result = match judge_head(&connection, &request, number) {
        Err(refusal) => Err(Stop::Untold(refusal)),
        Ok(head) => {
            let head = known.insert(head);
            match head.place {
                _ if status::is_asked(&connection, request.uri().path()) => {
                    status::answer(&connection, &request, head).await
                }
                Place::Tenant if !request.uri().path().starts_with("/.avouch/") => {
                    to_tenant(&connection, request, head).await
                }
                _ => to_core(&connection, request, head).await,
            }
        }
    };
    let mut answer = result.unwrap_or_else(|stop| {
        let refusal = match stop {
            Stop::Told(refusal) => refusal,
            Stop::Untold(refusal) => {
                let head = known.as_ref();
                connection.serving.shared.refusals.tell(
                    refused(&connection, &refusal, head, &facts, started),
                    head.is_some_and(|head| head.mark.is_some()),
                );
                refusal
            }
        };
        let see = connection.serving.shared.board.link_from(&refusal);
        refusal
            .page(see)
            .map(|page| Outgoing::page(page, connection.busy.clone()))
    });
    if last && connection.scanned {
        answer
            .headers_mut()
            .insert(CONNECTION, HeaderValue::from_static("close"));
    }
    answer
}

/// Phase `head`: what can be judged without asking anybody.
fn judge_head(
    connection: &Connection,
    request: &Request<Incoming>,
    number: u64,
) -> Result<Head, Refusal> {
    let headers = request.headers();
    if connection.is_ambiguous(number) || headers.get_all(CONTENT_LENGTH).iter().count() > 1 {
        return Err(Refusal::AmbiguousLength);
    }
    if matches!(*request.method(), Method::CONNECT | Method::TRACE) {
        return Err(Refusal::Method);
    }
    judge_size(connection, request)?;
    let host = one_host(request).ok_or(Refusal::AmbiguousTarget)?;
    if !path::is_plain(request.uri().path()) {
        return Err(Refusal::AmbiguousTarget);
    }
    let place = connection
        .serving
        .place(&host)
        .filter(|_| host == connection.name)
        .ok_or(Refusal::Misdirected)?;
    names::judge(headers).map_err(|_| Refusal::Meddling)?;
    let token = cookies::session(headers).map_err(|_| Refusal::AmbiguousSession)?;
    let stated = headers
        .get(CONTENT_LENGTH)
        .and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    if stated.is_some_and(|stated| stated > connection.serving.configure.limits.body_bytes) {
        return Err(Refusal::LargeBody);
    }
    Ok(Head {
        host,
        place,
        token: token.map(digest_of),
        mark: names::mark(headers),
    })
}

/// Whether the head keeps to the limit. The HTTP library takes more than that, so that a browser which sends too much can be
/// told what to do about it.
fn judge_size(connection: &Connection, request: &Request<Incoming>) -> Result<(), Refusal> {
    let cap = connection.serving.header_bytes();
    let sizes = |(name, value): (&HeaderName, &HeaderValue)| name.as_str().len() + value.len() + 4;
    let headers: usize = request.headers().iter().map(sizes).sum();
    let uri = request.uri();
    let target = uri.path().len() + uri.query().map_or(0, str::len);
    if headers.saturating_add(target) <= cap {
        return Ok(());
    }
    let cookies = request.headers().get_all(COOKIE).iter();
    let cookies: usize = cookies.map(HeaderValue::len).sum();
    // A page elsewhere can make a browser ask for a long address, but it cannot give it cookies of ours.
    Err(if cookies > cap / 2 {
        Refusal::LargeCookies
    } else {
        Refusal::LargeHead
    })
}

/// The one host that the request names, in its target or its `Host`, or equally in both.
fn one_host(request: &Request<Incoming>) -> Option<String> {
    let mut lines = request.headers().get_all(HOST).iter();
    let line = match (lines.next(), lines.next()) {
        (Some(line), None) => Some(path::host(line.to_str().ok()?)?),
        (None, _) => None,
        _ => return None,
    };
    let target = match request.uri().authority() {
        Some(authority) => Some(path::host(authority.as_str())?),
        None => None,
    };
    match (line, target) {
        (Some(line), Some(target)) => (line == target).then_some(line),
        // HTTP/1.1 must send `Host` (RFC 9112, 3.2); HTTP/2 names its authority instead.
        (None, Some(target)) if request.version() == Version::HTTP_2 => Some(target),
        (line, _) => line,
    }
}

fn digest_of(token: &[u8]) -> [u8; 32] {
    let digest = digest::digest(&digest::SHA256, token);
    // SHA-256 is 32 bytes long; the copy takes them all.
    let mut out = [0; 32];
    for (place, byte) in out.iter_mut().zip(digest.as_ref()) {
        *place = *byte;
    }
    out
}

/// To the core's own pages. It judges sessions and origins there by itself.
async fn to_core(
    connection: &Connection,
    request: Request<Incoming>,
    head: &Head,
) -> Result<Response<Outgoing>, Stop> {
    let serving = &connection.serving;
    let mut request = inbound(connection, request);
    let headers = request.headers_mut();
    names::clean(headers);
    let host = HeaderValue::try_from(head.host.as_str()).map_err(|_| Refusal::AmbiguousTarget)?;
    headers.insert(HeaderName::from_static("avouch-host"), host);
    headers.insert(
        HeaderName::from_static("avouch-client"),
        connection.client_header.clone(),
    );
    headers.insert(
        HeaderName::from_static("avouch-tls"),
        connection.tls_header.clone(),
    );
    point(&mut request, &head.host, &serving.port_suffix)?;
    match serving
        .shared
        .hop
        .send(
            &serving.configure.console_socket,
            request,
            &serving.configure.limits,
            || true,
        )
        .await
    {
        Ok((mut answer, lease)) => {
            names::take_out_hop_by_hop(answer.headers_mut());
            response::protect(answer.headers_mut());
            Ok(release(connection, answer, lease))
        }
        Err(HopFault::LargeBody) => Err(Stop::Untold(Refusal::LargeBody)),
        Err(HopFault::SlowBody) => Err(Stop::Untold(Refusal::SlowBody)),
        Err(HopFault::BadBody) => Err(Stop::Untold(Refusal::BadBody)),
        Err(HopFault::Slow) => Err(Stop::Told(Refusal::Slow)),
        Err(HopFault::Unreachable | HopFault::Broken(_) | HopFault::TakenBack) => {
            Err(Stop::Told(Refusal::NoCore))
        }
    }
}

pub(super) fn inbound(connection: &Connection, request: Request<Incoming>) -> Request<Inbound> {
    let serving = &connection.serving;
    request.map(|body| {
        Inbound::client(
            body,
            serving.configure.limits.body_bytes,
            serving.idle_time(),
        )
    })
}

/// Points a request at the next hop: origin form, one `Host`, HTTP/1.1.
pub(super) fn point(
    request: &mut Request<Inbound>,
    host: &str,
    port_suffix: &str,
) -> Result<(), Refusal> {
    let target = request
        .uri()
        .path_and_query()
        .cloned()
        .ok_or(Refusal::AmbiguousTarget)?;
    *request.uri_mut() = Uri::from(target);
    *request.version_mut() = Version::HTTP_11;
    let host = HeaderValue::try_from(format!("{host}{port_suffix}"))
        .map_err(|_| Refusal::AmbiguousTarget)?;
    request.headers_mut().insert(HOST, host);
    Ok(())
}

/// Phase `release`.
pub(super) fn release(
    connection: &Connection,
    answer: Response<Incoming>,
    lease: Lease,
) -> Response<Outgoing> {
    let patience = connection.serving.idle_time();
    answer.map(|body| Outgoing::instance(body, lease, patience, connection.busy.clone()))
}

pub(super) fn see_other(
    connection: &Connection,
    location: &str,
) -> Result<Response<Outgoing>, Stop> {
    let location = HeaderValue::try_from(location).map_err(|_| Stop::Told(Refusal::NoCore))?;
    let mut answer = Response::new(Outgoing::page(bytes::Bytes::new(), connection.busy.clone()));
    *answer.status_mut() = StatusCode::SEE_OTHER;
    answer.headers_mut().insert(LOCATION, location);
    answer.headers_mut().insert(
        http::header::CACHE_CONTROL,
        HeaderValue::from_static("no-store"),
    );
    response::protect(answer.headers_mut());
    Ok(answer)
}

fn refused(
    connection: &Connection,
    refusal: &Refusal,
    head: Option<&Head>,
    (method, uri): &(Method, Uri),
    started: Instant,
) -> Refused {
    let entry = match refusal {
        Refusal::NotNumbers { entry, .. } => Some(entry.clone()),
        _ => None,
    };
    Refused {
        id: connection.serving.shared.link.id(),
        phase: refusal.phase(),
        reason: refusal.reason().to_owned(),
        status: refusal.status().as_u16(),
        host: head.map(|head| head.host.clone()),
        method: Some(method.as_str().chars().take(PATH_CAP).collect()),
        path: Some(uri.path().chars().take(PATH_CAP).collect()),
        entry,
        client: connection.client,
        token_digest: head.and_then(|head| head.token),
        micros: u64::try_from(started.elapsed().as_micros()).ok(),
        count: 1,
    }
}
