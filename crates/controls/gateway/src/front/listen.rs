//! Listeners: TLS for everything, and plain HTTP for one redirect and nothing else.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{HOST, HeaderValue, LOCATION};
use http::{Request, Response, StatusCode};
use http_body_util::Empty;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::connection;
use super::serving::Serving;
use crate::hygiene::path;
use crate::refusal::Refusal;

/// How long to wait when the system has no descriptor left; asking at once would only spin.
const NO_DESCRIPTORS: Duration = Duration::from_millis(100);

/// What a listener serves with.
#[derive(Clone)]
pub(super) struct Gate {
    pub(super) serving: watch::Receiver<Arc<Serving>>,
    pub(super) places: Arc<Semaphore>,
    pub(super) connections: TaskTracker,
    pub(super) closing: CancellationToken,
}

/// Which listener it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Tls,
    Redirect,
}

/// Accepts until told to close. A place is taken before a connection is accepted, so that a crowd waits in the kernel.
pub(super) async fn accept(listener: TcpListener, kind: Kind, gate: Gate) {
    let accepting = async {
        while let Ok(place) = gate.places.clone().acquire_owned().await {
            let (socket, from) = next(&listener).await;
            let serving = gate.serving.borrow().clone();
            gate.connections.spawn(async move {
                match kind {
                    Kind::Tls => connection::serve(serving, socket, from).await,
                    Kind::Redirect => redirect(serving, socket, from).await,
                }
                drop(place);
            });
        }
    };
    tokio::select! {
        () = accepting => {}
        () = gate.closing.cancelled() => {}
    }
}

async fn next(listener: &TcpListener) -> (TcpStream, SocketAddr) {
    loop {
        match listener.accept().await {
            Ok(accepted) => return accepted,
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(NO_DESCRIPTORS).await;
            }
        }
    }
}

/// One request, one redirect, closed: nothing that matters is ever said in the clear.
async fn redirect(serving: Arc<Serving>, socket: TcpStream, from: SocketAddr) {
    let flow = serving.flow(&socket, from);
    flow.refuse(&Refusal::InTheClear);
    let limit = serving.header_time();
    let service = service_fn(|request: Request<Incoming>| {
        let answer = to_https(&serving, &request);
        async move { Ok::<_, Infallible>(answer) }
    });
    let mut builder = http1::Builder::new();
    builder
        .timer(TokioTimer::new())
        .header_read_timeout(limit)
        .keep_alive(false);
    // A client that does not finish is cut by the time-out; there is nobody to tell.
    let _ = timeout(
        limit * 2,
        builder.serve_connection(TokioIo::new(flow.counted(socket)), service),
    )
    .await;
}

fn to_https(serving: &Serving, request: &Request<Incoming>) -> Response<Empty<Bytes>> {
    let named = request
        .headers()
        .get(HOST)
        .and_then(|host| path::host(host.to_str().ok()?));
    let host = named
        .filter(|host| serving.place(host).is_some())
        .unwrap_or_else(|| serving.configure.domain.clone());
    let target = request
        .uri()
        .path_and_query()
        .map_or("/", |target| target.as_str());
    let target = if target.starts_with('/') { target } else { "/" };
    let mut answer = Response::new(Empty::new());
    *answer.status_mut() = StatusCode::PERMANENT_REDIRECT;
    if let Ok(location) =
        HeaderValue::try_from(format!("https://{host}{}{target}", serving.port_suffix))
    {
        answer.headers_mut().insert(LOCATION, location);
    }
    answer
}
