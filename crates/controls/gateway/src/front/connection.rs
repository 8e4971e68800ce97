//! One connection: handshake, then requests until it rests for too long or the gateway stops.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use http::HeaderValue;
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::net::TcpStream;
use tokio::sync::Notify;
use tokio::time::{sleep, timeout};

use super::flow::Flow;
use super::io::{Guarded, Seen, Watch};
use super::request;
use super::serving::Serving;
use crate::hygiene::head_scan::HeadScan;
use crate::hygiene::reset_scan::ResetScan;
use crate::link::Refused;
use crate::refusal::Refusal;
use crate::tls::{self, TlsUsed};

/// How long a connection may take to finish what it does once it has been told to close.
pub(super) const GRACE: Duration = Duration::from_secs(5);
/// More headers than this is no browser (the HTTP library's own bound, stated).
const HEADERS: usize = 100;
/// Bytes buffered each way on one HTTP/1.1 connection.
const BUFFER: usize = 64 * 1024;
/// The largest head that is read at all over HTTP/2, which is what browsers speak: one with all the cookies that a browser
/// keeps for a domain (180 of 4 KiB) still gets an answer that tells it to forget them.
const LARGEST_HEAD: usize = 1024 * 1024;
const STREAMS: u32 = 128;
/// Requests that a client may give up on one connection before that is looked at: a person who leaves a page early gives
/// up a few dozen. Beyond it, a client that gives up more than half of what it asks is sent away.
const GIVEN_UP: u64 = 100;

/// What every request on a connection shares.
pub(super) struct Connection {
    pub(super) serving: Arc<Serving>,
    pub(super) client: SocketAddr,
    pub(super) client_header: HeaderValue,
    pub(super) tls: TlsUsed,
    pub(super) tls_header: HeaderValue,
    /// The name that the certificate was chosen by.
    pub(super) name: String,
    /// Whether heads are watched: HTTP/1.1 only.
    pub(super) scanned: bool,
    pub(super) flow: Arc<Flow>,
    /// Requests whose client went away before the answer.
    given_up: AtomicU64,
    flooded: Notify,
    /// Held by every answer that is not finished.
    pub(super) busy: Arc<()>,
    seen: Arc<Seen>,
}

impl Connection {
    /// Counts a request and returns its number, from 0.
    pub(super) fn begin(&self) -> u64 {
        self.seen.requests.fetch_add(1, Ordering::Relaxed)
    }

    fn requests(&self) -> u64 {
        self.seen.requests.load(Ordering::Relaxed)
    }

    /// Whether the request of this number is not to be trusted to be one.
    pub(super) fn is_ambiguous(&self, number: u64) -> bool {
        self.seen.is_ambiguous(number)
    }
}

/// A request under way; dropped before its answer, it was given up.
struct Asked<'a>(Option<&'a Connection>);

impl Asked<'_> {
    fn answered(mut self) {
        self.0 = None;
    }
}

impl Drop for Asked<'_> {
    fn drop(&mut self) {
        let Some(connection) = self.0 else { return };
        let given_up = connection.given_up.fetch_add(1, Ordering::Relaxed) + 1;
        if given_up > GIVEN_UP && given_up > connection.requests() / 2 {
            connection.flooded.notify_one();
        }
    }
}

/// Serves one connection to its end.
pub(super) async fn serve(serving: Arc<Serving>, socket: TcpStream, from: SocketAddr) {
    let flow = serving.flow(&socket, from);
    // Without this, small answers would wait for an acknowledgement; failing is only slower.
    let _ = socket.set_nodelay(true);
    let socket = flow.counted(socket);
    let refuse = |refusal: Refusal| {
        flow.refuse(&refusal);
        tell(&serving, from, &refusal);
    };
    let stream = match timeout(serving.header_time(), serving.acceptor.accept(socket)).await {
        Ok(Ok(stream)) => stream,
        Ok(Err(error)) if error.kind() == std::io::ErrorKind::UnexpectedEof => return,
        Ok(Err(_)) => return refuse(Refusal::Handshake),
        Err(_) => return refuse(Refusal::SlowHandshake),
    };
    let session = stream.get_ref().1;
    let used = tls::used(
        session.protocol_version(),
        session.negotiated_cipher_suite(),
    );
    let name = session
        .server_name()
        .unwrap_or_default()
        .to_ascii_lowercase();
    flow.let_in(&name);
    let http2 = session.alpn_protocol() == Some(b"h2");
    serving.shared.suites.count(used);
    // What is beyond the limit is refused with a page, by us, and beyond this by the library, without.
    let most = if http2 { LARGEST_HEAD } else { BUFFER };
    let cap = most.max(serving.header_bytes());
    let watch = if http2 {
        let serving = serving.clone();
        let tell = move |refusal: &Refusal| tell(&serving, from, refusal);
        Watch::Resets(ResetScan::default(), Box::new(tell))
    } else {
        Watch::Heads(HeadScan::new(cap))
    };
    let (io, seen) = Guarded::new(stream, watch, serving.header_time(), serving.idle_time());
    let header =
        |text: String| HeaderValue::try_from(text).unwrap_or(HeaderValue::from_static("unknown"));
    let connection = Arc::new(Connection {
        client: from,
        client_header: header(from.ip().to_string()),
        tls: used,
        tls_header: header(format!("{} {}", used.version_name(), used.suite_name())),
        name,
        scanned: !http2,
        flow,
        given_up: AtomicU64::new(0),
        flooded: Notify::new(),
        busy: Arc::new(()),
        seen,
        serving,
    });
    if http2 {
        two(connection, io, cap).await
    } else {
        one(connection, io, cap).await
    }
}

async fn one<S>(connection: Arc<Connection>, io: Guarded<S>, cap: usize)
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
{
    let shared = connection.clone();
    let service = service_fn(move |request| {
        let connection = shared.clone();
        async move { Ok::<_, Infallible>(request::answer(connection, request).await) }
    });
    // Not `pipeline_flush`: it would leave the answer to a broken head unsent when more bytes wait behind it.
    let mut builder = http1::Builder::new();
    builder
        .timer(TokioTimer::new())
        // This time runs while a connection rests, too, and its end is not answered. A head's own is in `late`.
        .header_read_timeout(connection.serving.header_time() * 2)
        .max_buf_size(cap)
        .max_header_size(cap)
        .max_headers(HEADERS);
    let mut serving = pin!(
        builder
            .serve_connection(TokioIo::new(io), service)
            .with_upgrades()
    );
    let result = tokio::select! {
        result = serving.as_mut() => result,
        () = connection.serving.closing.cancelled() => {
            serving.as_mut().graceful_shutdown();
            timeout(GRACE, serving).await.unwrap_or(Ok(()))
        }
    };
    let Err(error) = result else { return };
    let refusal = if connection.seen.late() {
        Refusal::SlowHead
    } else if error.is_parse_too_large() {
        Refusal::LargeHead
    } else if error.is_parse() {
        if connection.is_ambiguous(connection.requests()) {
            Refusal::AmbiguousLength
        } else {
            Refusal::Malformed
        }
    } else if error.is_timeout() && connection.seen.in_head() {
        Refusal::SlowHead
    } else {
        return;
    };
    tell(&connection.serving, connection.client, &refusal);
}

async fn two<S>(connection: Arc<Connection>, io: Guarded<S>, cap: usize)
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
{
    let shared = connection.clone();
    let service = service_fn(move |request| {
        let connection = shared.clone();
        async move {
            let asked = Asked(Some(&connection));
            let answer = request::answer(connection.clone(), request).await;
            asked.answered();
            Ok::<_, Infallible>(answer)
        }
    });
    let idle = connection.serving.idle_time();
    let mut builder = http2::Builder::new(TokioExecutor::new());
    builder
        .timer(TokioTimer::new())
        .max_header_list_size(u32::try_from(cap).unwrap_or(u32::MAX))
        .max_concurrent_streams(STREAMS)
        .max_send_buf_size(BUFFER)
        .keep_alive_interval(idle)
        .keep_alive_timeout(connection.serving.header_time());
    let mut serving = pin!(builder.serve_connection(TokioIo::new(io), service));
    let result = tokio::select! {
        result = serving.as_mut() => result,
        () = connection.flooded.notified() => {
            tell(&connection.serving, connection.client, &Refusal::GivenUp);
            serving.as_mut().graceful_shutdown();
            timeout(GRACE, serving).await.unwrap_or(Ok(()))
        }
        () = at_rest(&connection, idle) => {
            serving.as_mut().graceful_shutdown();
            timeout(GRACE, serving).await.unwrap_or(Ok(()))
        }
        () = connection.serving.closing.cancelled() => {
            serving.as_mut().graceful_shutdown();
            timeout(GRACE, serving).await.unwrap_or(Ok(()))
        }
    };
    // What ends a connection is the client's going, or its breaking the protocol.
    if result.is_err_and(|error| !went(&error)) {
        tell(&connection.serving, connection.client, &Refusal::Malformed);
    }
}

/// Whether a connection ended because its other side went away or stood still.
fn went(error: &hyper::Error) -> bool {
    let io = std::error::Error::source(error).is_some_and(|cause| cause.is::<std::io::Error>());
    io || error.is_closed() || error.is_timeout() || error.is_incomplete_message()
}

/// Returns when nothing was asked for a whole interval and nothing is under way. (HTTP/1.1 has its header time-out.)
async fn at_rest(connection: &Connection, interval: Duration) {
    let mut before = None;
    loop {
        let now = connection.requests();
        if before == Some(now) && Arc::strong_count(&connection.busy) == 1 {
            return;
        }
        before = Some(now);
        sleep(interval).await;
    }
}

fn tell(serving: &Serving, client: SocketAddr, refusal: &Refusal) {
    let refused = Refused {
        id: serving.shared.link.id(),
        phase: refusal.phase(),
        reason: refusal.reason().to_owned(),
        status: refusal.status().as_u16(),
        host: None,
        method: None,
        path: None,
        entry: None,
        client,
        token_digest: None,
        micros: None,
        count: 1,
    };
    serving.shared.refusals.tell(refused, false);
}
