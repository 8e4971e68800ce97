//! A request to a tenant's instance; the phases stand in their order in `to_tenant` and `forward`.

use std::sync::Arc;

use http::header::{CONTENT_LENGTH, HeaderName};
use http::{Request, Response, StatusCode};
use http_body_util::BodyExt as _;
use hyper::body::{Body as _, Incoming};
use tokio::time::Instant;

use super::body::{BodyFault, Inbound, Outgoing};
use super::connection::Connection;
use super::hop::{self, HopFault, Lease};
use super::open::Open;
use super::request::{Head, Stop, inbound, point, release, see_other};
use super::status::Reader;
use super::tunnel;
use super::uses::Use;
use crate::assertion;
use crate::hygiene::{cookies, entry, names, origin, response};
use crate::link::{
    Admit, Begin, End, EntryRule, FrontEnd, Outcome, SessionTag, Warrant, WarrantMark,
};
use crate::refusal::Refusal;

/// What came of a forwarded request.
enum Came {
    /// The instance answered, and the event is on disk.
    Answer(Response<Incoming>, Lease),
    /// It did not, and the event is on disk.
    Refused(Refusal),
    /// The event is not on disk, or the word that the request went on does not hold any more: what came is thrown away.
    NotKept,
    /// The word was taken back before anything was sent.
    Unsent,
}

/// To a tenant's instance: head, admit, hop, hold, release.
pub(super) async fn to_tenant(
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
    let record = serving.record(request.uri().path())?;
    // A tunnel's bytes begin after the answer; a body before them would be read by one side as the tunnel's.
    if upgrade && !request.body().is_end_stream() {
        return Err(Stop::Untold(Refusal::AmbiguousLength));
    }
    let client_end = upgrade.then(|| hyper::upgrade::on(&mut request));
    let rule = serving
        .entry(request.method().as_str(), request.uri().path())
        .cloned();
    let mut request = inbound(connection, request);
    if let Some(rule) = rule {
        request = only_numbers(request, &rule, serving.idle_time()).await?;
    }

    let mut begin = Begin {
        id: link.id(),
        host: head.host.clone(),
        method: request.method().as_str().to_owned(),
        path: request.uri().path().to_owned(),
        token_digest: head.token,
        client: connection.client.ip(),
        tls: connection.tls,
        unsafe_method,
        upgrade,
        subjects: record.iter().map(|(_, subject)| subject.clone()).collect(),
        record: record.map(|(name, _)| name.to_owned()),
        mark: head.mark,
    };
    let subjects = begin.subjects.clone();

    // A read goes on the core's latest word about its token; the core judges it before its answer leaves.
    let reads = !unsafe_method && !upgrade && request.body().is_end_stream();
    if reads
        && let Some(token) = &head.token
        && let Some(warrant) = link.warrants().find(token, &head.host, started)
        && let Some(mark) = warrant.mark
    {
        let unasked = Some((begin.clone(), mark));
        let open = open(link, begin.id, subjects.clone(), unasked, started);
        let copy = hop::again(&request);
        let still = || link.warrants().holds(token, &warrant);
        match forward(connection, head, copy, &warrant, false, open, still).await {
            Came::Answer(answer, lease) => return Ok(finish(connection, answer, lease)),
            Came::Refused(refusal) => return Err(Stop::Told(refusal)),
            Came::NotKept => link.warrants().forget(token),
            Came::Unsent => {}
        }
        begin.id = link.id();
    }

    let (id, asked) = (begin.id, link.warrants().generation());
    let warrant = match link.begin(begin).await {
        Ok(Admit::Forward {
            tenant,
            upstream,
            person,
            session,
            warrant: mark,
        }) => Arc::new(Warrant {
            tenant,
            upstream,
            person,
            session,
            mark,
        }),
        Ok(Admit::SignIn { location }) => return see_other(connection, &location),
        Ok(Admit::Refuse { status, reason }) => {
            return Err(Stop::Told(Refusal::Denied { status, reason }));
        }
        Ok(Admit::Unavailable) | Err(_) => return Err(Stop::Told(Refusal::NoCore)),
    };
    let open = open(link, id, subjects, None, started);
    if let Some(token) = head.token {
        let board = &serving.shared.board;
        board.remember(token, &head.host, warrant.session, Reader::of(&warrant));
        link.warrants()
            .keep(token, &head.host, &warrant, asked, Instant::now());
    }
    let still = || true;
    match forward(connection, head, request, &warrant, upgrade, open, still).await {
        Came::Answer(answer, lease) => match (answer.status(), client_end) {
            (StatusCode::SWITCHING_PROTOCOLS, Some(client_end)) => {
                let session = (asked, warrant.session);
                let used = lease.passed_on();
                Ok(join(connection, id, session, (client_end, used), answer))
            }
            _ => Ok(finish(connection, answer, lease)),
        },
        Came::Refused(refusal) => Err(Stop::Told(refusal)),
        Came::NotKept | Came::Unsent => Err(Stop::Told(Refusal::NotRecorded)),
    }
}

/// What the core is to be told of a request whatever becomes of it.
const fn open(
    link: &FrontEnd,
    id: u64,
    subjects: Vec<String>,
    unasked: Option<(Begin, WarrantMark)>,
    started: Instant,
) -> Open<'_> {
    Open {
        link,
        end: Some(End {
            id,
            status: 499,
            bytes: None,
            micros: 0,
            subjects,
            outcome: Outcome::ClientGone,
        }),
        unasked,
        started,
    }
}

/// Phases `hop` and `hold`: to the instance in the name that the core gave, and to the core with what came of it.
async fn forward(
    connection: &Connection,
    head: &Head,
    mut request: Request<Inbound>,
    warrant: &Warrant,
    upgrade: bool,
    mut open: Open<'_>,
    still: impl Fn() -> bool,
) -> Came {
    let serving = &connection.serving;
    connection.flow.belongs_to_somebody();
    // Before it is seen whether the word still holds: an instance that is put to rest meanwhile is not asked.
    let used = serving
        .shared
        .uses
        .begin(&warrant.tenant, warrant.person.synthetic);
    let headers = request.headers_mut();
    names::clean(headers);
    cookies::to_application(headers);
    if upgrade {
        tunnel::ask(headers);
    }
    // What no header can carry was never signed in with; refusing beats forwarding without identity.
    let signed = serving.signer.assert(
        warrant.session,
        &warrant.tenant,
        &warrant.person,
        (serving.shared.clock)(),
    );
    let ready = signed.ok_or(Refusal::Malformed).and_then(|signed| {
        request
            .headers_mut()
            .insert(HeaderName::from_static(assertion::HEADER), signed);
        point(&mut request, &head.host, &serving.port_suffix)
    });
    let hopped = match ready {
        Ok(()) => {
            serving
                .shared
                .hop
                .send(&warrant.upstream, request, &serving.configure.limits, still)
                .await
        }
        Err(refusal) => {
            let status = refusal.status();
            let kept = open.hold(status, None, Vec::new(), Outcome::Unreachable);
            return refused(kept.await, refusal);
        }
    };
    let hopped = match hopped {
        Err(HopFault::TakenBack) => {
            open.unsent();
            return Came::Unsent;
        }
        hopped => hopped.map_err(|fault| hop_refusal(&fault)),
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
            let kept = open
                .hold(answer.status(), bytes, shown, Outcome::Answered)
                .await;
            if kept {
                Came::Answer(answer, lease.holds(used))
            } else {
                Came::NotKept
            }
        }
        Err((refusal, outcome)) => {
            let kept = open.hold(refusal.status(), None, Vec::new(), outcome).await;
            refused(kept, refusal)
        }
    }
}

fn refused(kept: bool, refusal: Refusal) -> Came {
    if kept {
        Came::Refused(refusal)
    } else {
        Came::NotKept
    }
}

/// Phase `release`.
fn finish(
    connection: &Connection,
    mut answer: Response<Incoming>,
    lease: Lease,
) -> Response<Outgoing> {
    response::protect(answer.headers_mut());
    release(connection, answer, lease)
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
        BodyFault::Slow => Refusal::SlowBody,
        BodyFault::Broken(_) => Refusal::BadBody,
    })?;
    let bytes = bytes.to_bytes();
    entry::judge_fields(&bytes, rule.digits).map_err(not_numbers)?;
    let bytes = if bytes.is_empty() { None } else { Some(bytes) };
    Ok(Request::from_parts(parts, Inbound::Whole(bytes)))
}

fn hop_refusal(fault: &HopFault) -> (Refusal, Outcome) {
    match fault {
        HopFault::Unreachable | HopFault::TakenBack => (Refusal::Unreachable, Outcome::Unreachable),
        HopFault::Broken(_) => (Refusal::Broken, Outcome::Broken),
        HopFault::Slow => (Refusal::Slow, Outcome::Slow),
        HopFault::LargeBody => (Refusal::LargeBody, Outcome::BadBody),
        HopFault::SlowBody => (Refusal::SlowBody, Outcome::BadBody),
        HopFault::BadBody => (Refusal::BadBody, Outcome::BadBody),
    }
}

fn join(
    connection: &Connection,
    id: u64,
    session: (u64, SessionTag),
    (client, used): (hyper::upgrade::OnUpgrade, Option<Use>),
    mut answer: Response<Incoming>,
) -> Response<Outgoing> {
    let instance = hyper::upgrade::on(&mut answer);
    connection
        .serving
        .shared
        .tunnels
        .open(id, session, (client, used), instance);
    let mut answer = answer.map(|_| Outgoing::page(bytes::Bytes::new(), connection.busy.clone()));
    tunnel::ask(answer.headers_mut());
    answer
}
