//! One request, from its head to its release; the phases stand in their order in `answer` and `to_tenant`.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use aws_lc_rs::digest;
use http::header::{
    CONNECTION, CONTENT_LENGTH, HOST, HeaderName, HeaderValue, LOCATION, TRANSFER_ENCODING,
};
use http::{Method, Request, Response, StatusCode, Uri, Version};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use tokio::time::Instant;

use super::body::{BodyFault, Inbound, Outgoing};
use super::connection::Connection;
use super::hop::{HopFault, Lease};
use super::open::Open;
use super::serving::Place;
use super::tunnel;
use crate::assertion;
use crate::hygiene::{cookies, entry, names, origin, path, response};
use crate::link::{Admit, Begin, End, EntryRule, Outcome, Refused, SessionTag};
use crate::refusal::Refusal;

/// A path in an event is cut here; events are no place to store things.
const PATH_CAP: usize = 256;

/// Why a request stops, and whether the core knows.
enum Stop {
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
struct Head {
    host: String,
    place: Place,
    token: Option<[u8; 32]>,
}

/// Answers one request. Every end is told to the core.
pub(super) async fn answer(
    connection: Arc<Connection>,
    request: Request<Incoming>,
) -> Response<Outgoing> {
    let number = connection.requests.fetch_add(1, Ordering::Relaxed);
    // After a chunked body the next head is not watched, so there is none (RFC 9112, 6.1 asks for the same).
    let last = connection.is_ambiguous(number) || request.headers().contains_key(TRANSFER_ENCODING);
    let facts = (request.method().clone(), request.uri().clone());
    let mut known = None;
    let result = match judge_head(&connection, &request, number) {
        Err(refusal) => Err(Stop::Untold(refusal)),
        Ok(head) => {
            let head = known.insert(head);
            match head.place {
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
                connection.serving.shared.refusals.tell(refused(
                    &connection,
                    &refusal,
                    known.as_ref(),
                    &facts,
                ));
                refusal
            }
        };
        refusal
            .page()
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
        )
        .await
    {
        Ok((mut answer, lease)) => {
            names::take_out_hop_by_hop(answer.headers_mut());
            response::protect(answer.headers_mut());
            Ok(release(connection, answer, lease))
        }
        Err(HopFault::LargeBody) => Err(Stop::Untold(Refusal::LargeBody)),
        Err(HopFault::BadBody) => Err(Stop::Untold(Refusal::BadBody)),
        Err(HopFault::Slow) => Err(Stop::Told(Refusal::Slow)),
        Err(HopFault::Unreachable | HopFault::Broken(_)) => Err(Stop::Told(Refusal::NoCore)),
    }
}

/// To a tenant's instance: head, admit, hop, hold, release.
async fn to_tenant(
    connection: &Connection,
    mut request: Request<Incoming>,
    head: &Head,
) -> Result<Response<Outgoing>, Stop> {
    let started = Instant::now();
    let serving = &connection.serving;
    let link = &*serving.shared.link;
    let unsafe_method = origin::is_unsafe(request.method());
    let upgrade = tunnel::is_asked(&request);
    judge_origin(connection, &request, head, unsafe_method || upgrade)?;
    let client_end = upgrade.then(|| hyper::upgrade::on(&mut request));
    let rule = serving
        .entry(request.method().as_str(), request.uri().path())
        .cloned();
    let mut request = inbound(connection, request);
    if let Some(rule) = rule {
        request = only_numbers(request, &rule, serving.idle_time()).await?;
    }

    let record = serving.record(request.uri().path());
    let subjects: Vec<String> = record.iter().map(|(_, subject)| subject.clone()).collect();
    let id = link.id();
    let begin = Begin {
        id,
        host: head.host.clone(),
        method: request.method().as_str().to_owned(),
        path: request.uri().path().to_owned(),
        token_digest: head.token,
        client: connection.client,
        tls: connection.tls,
        unsafe_method,
        upgrade,
        record: record.map(|(name, _)| name.to_owned()),
        subjects: subjects.clone(),
    };
    let (tenant, upstream, person, session) = match link.begin(begin).await {
        Ok(Admit::Forward {
            tenant,
            upstream,
            person,
            session,
        }) => (tenant, upstream, person, session),
        Ok(Admit::SignIn { location }) => return see_other(connection, &location),
        Ok(Admit::Refuse { status, reason }) => {
            return Err(Stop::Told(Refusal::Denied { status, reason }));
        }
        Ok(Admit::Unavailable) | Err(_) => return Err(Stop::Told(Refusal::NoCore)),
    };
    let mut open = Open {
        link,
        end: Some(End {
            id,
            status: 499,
            bytes: None,
            micros: 0,
            subjects,
            outcome: Outcome::ClientGone,
        }),
        started,
    };

    let headers = request.headers_mut();
    names::clean(headers);
    cookies::hide_ours(headers);
    if upgrade {
        tunnel::ask(headers);
    }
    // What no header can carry was never signed in with; refusing beats forwarding without identity.
    let signed = serving
        .signer
        .assert(session, &tenant, &person, (serving.shared.clock)());
    let ready = signed.ok_or(Refusal::Malformed).and_then(|signed| {
        request
            .headers_mut()
            .insert(HeaderName::from_static(assertion::HEADER), signed);
        point(&mut request, &head.host, &serving.port_suffix)
    });
    let hopped = match ready {
        Ok(()) => serving
            .shared
            .hop
            .send(&upstream, request, &serving.configure.limits)
            .await
            .map_err(|fault| hop_refusal(&fault)),
        Err(refusal) => Err((refusal, Outcome::Unreachable)),
    };
    let hopped = hopped.and_then(|(answer, lease)| match (answer.status(), upgrade) {
        (StatusCode::SWITCHING_PROTOCOLS, false) => Err((Refusal::Broken, Outcome::Broken)),
        _ => Ok((answer, lease)),
    });

    match hopped {
        Ok((mut answer, lease)) => {
            let shown = response::clean(answer.headers_mut());
            let bytes = answer
                .headers()
                .get(CONTENT_LENGTH)
                .and_then(|value| value.to_str().ok()?.parse().ok());
            open.hold(answer.status(), bytes, shown, Outcome::Answered)
                .await
                .map_err(Stop::Told)?;
            if let (StatusCode::SWITCHING_PROTOCOLS, Some(client_end)) =
                (answer.status(), client_end)
            {
                return Ok(join(connection, id, session, client_end, answer));
            }
            response::protect(answer.headers_mut());
            Ok(release(connection, answer, lease))
        }
        Err((refusal, outcome)) => {
            open.hold(refusal.status(), None, Vec::new(), outcome)
                .await
                .map_err(Stop::Told)?;
            Err(Stop::Told(refusal))
        }
    }
}

/// Other origins may lead here by a link, and nothing else; what changes something comes from this origin.
fn judge_origin(
    connection: &Connection,
    request: &Request<Incoming>,
    head: &Head,
    acts: bool,
) -> Result<(), Refusal> {
    let headers = request.headers();
    let allowed = if acts {
        origin::is_own(
            headers,
            &format!("https://{}{}", head.host, connection.serving.port_suffix),
        )
    } else {
        !origin::is_foreign_load(headers)
    };
    if allowed {
        Ok(())
    } else {
        Err(Refusal::OtherOrigin)
    }
}

/// Reads an entry whole and lets it go on only if it holds numbers and nothing else.
async fn only_numbers(
    request: Request<Inbound>,
    rule: &EntryRule,
    patience: std::time::Duration,
) -> Result<Request<Inbound>, Refusal> {
    let not_numbers = |fault| Refusal::NotNumbers {
        entry: rule.name.clone(),
        fault,
    };
    let query = request.uri().query().unwrap_or_default();
    entry::judge_fields(query.as_bytes(), rule.digits).map_err(not_numbers)?;
    entry::judge_head(request.headers()).map_err(not_numbers)?;
    let (parts, body) = request.into_parts();
    let body = match body {
        Inbound::Client { body, left, .. } => {
            Inbound::client(body, left.min(entry::BODY_CAP), patience)
        }
        whole @ Inbound::Whole(_) => whole,
    };
    let bytes = body.collect().await.map_err(|fault| match fault {
        BodyFault::Large => Refusal::LargeBody,
        BodyFault::Slow | BodyFault::Broken(_) => Refusal::BadBody,
    })?;
    let bytes = bytes.to_bytes();
    entry::judge_fields(&bytes, rule.digits).map_err(not_numbers)?;
    let bytes = if bytes.is_empty() { None } else { Some(bytes) };
    Ok(Request::from_parts(parts, Inbound::Whole(bytes)))
}

fn inbound(connection: &Connection, request: Request<Incoming>) -> Request<Inbound> {
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
fn point(request: &mut Request<Inbound>, host: &str, port_suffix: &str) -> Result<(), Refusal> {
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

fn hop_refusal(fault: &HopFault) -> (Refusal, Outcome) {
    match fault {
        HopFault::Unreachable => (Refusal::Unreachable, Outcome::Unreachable),
        HopFault::Broken(_) => (Refusal::Broken, Outcome::Broken),
        HopFault::Slow => (Refusal::Slow, Outcome::Slow),
        HopFault::LargeBody => (Refusal::LargeBody, Outcome::BadBody),
        HopFault::BadBody => (Refusal::BadBody, Outcome::BadBody),
    }
}

/// Phase `release`.
fn release(
    connection: &Connection,
    answer: Response<Incoming>,
    lease: Lease,
) -> Response<Outgoing> {
    let patience = connection.serving.idle_time();
    answer.map(|body| Outgoing::instance(body, lease, patience, connection.busy.clone()))
}

fn join(
    connection: &Connection,
    id: u64,
    session: SessionTag,
    client: hyper::upgrade::OnUpgrade,
    mut answer: Response<Incoming>,
) -> Response<Outgoing> {
    let instance = hyper::upgrade::on(&mut answer);
    connection
        .serving
        .shared
        .tunnels
        .open(id, session, client, instance);
    let mut answer = answer.map(|_| Outgoing::page(bytes::Bytes::new(), connection.busy.clone()));
    tunnel::ask(answer.headers_mut());
    answer
}

fn see_other(connection: &Connection, location: &str) -> Result<Response<Outgoing>, Stop> {
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
) -> Refused {
    let entry = match refusal {
        Refusal::NotNumbers { entry, .. } => Some(entry.clone()),
        _ => None,
    };
    Refused {
        phase: refusal.phase(),
        reason: refusal.reason().to_owned(),
        status: refusal.status().as_u16(),
        host: head.map(|head| head.host.clone()),
        method: Some(method.as_str().chars().take(PATH_CAP).collect()),
        path: Some(uri.path().chars().take(PATH_CAP).collect()),
        entry,
        client: connection.client,
        token_digest: head.and_then(|head| head.token),
        count: 1,
    }
}
