//! WebSocket tunnels: bytes both ways until a side ends it, its session ends, or the gateway stops.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use http::header::{
    CONNECTION, HeaderMap, HeaderName, HeaderValue, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_VERSION,
    UPGRADE,
};
use http::{Method, Request, Version};
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use tokio::time::Instant;
use tokio_util::io::{InspectReader, InspectWriter};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::uses::Use;
use crate::link::{Closed, FrontEnd, SessionTag, ToCore};

/// All open tunnels.
#[derive(Debug)]
pub(super) struct Tunnels {
    link: Arc<FrontEnd>,
    tracker: TaskTracker,
    all: CancellationToken,
    by_session: Mutex<HashMap<SessionTag, (CancellationToken, usize)>>,
}

impl Tunnels {
    pub(super) fn new(link: Arc<FrontEnd>, all: CancellationToken) -> Self {
        Self {
            link,
            tracker: TaskTracker::new(),
            all,
            by_session: Mutex::default(),
        }
    }

    /// Joins two ends as soon as both are free, and tells the core when it is over; so is the instance's use then. The core
    /// was asked about the session when so much had been taken back as `asked` says.
    pub(super) fn open(
        self: &Arc<Self>,
        id: u64,
        (asked, session): (u64, SessionTag),
        (client, used): (OnUpgrade, Option<Use>),
        instance: OnUpgrade,
    ) {
        let this = self.clone();
        self.tracker.spawn(async move {
            let started = Instant::now();
            let cut = this.enter(session);
            // A session that ends from here on is cut by whoever ends it; it may have ended before.
            if this.link.warrants().ended_since(asked, session) {
                cut.cancel();
            }
            // Counted as they pass, since most tunnels end with one side gone or cut off.
            let (up, down) = (AtomicU64::new(0), AtomicU64::new(0));
            let joined = async {
                let Ok((client, instance)) = tokio::try_join!(client, instance) else {
                    return;
                };
                let client = InspectReader::new(TokioIo::new(client), |bytes| count(&up, bytes));
                let mut client = InspectWriter::new(client, |bytes| count(&down, bytes));
                // However it ends, it is over.
                let _ =
                    tokio::io::copy_bidirectional(&mut client, &mut TokioIo::new(instance)).await;
            };
            tokio::select! {
                () = joined => {}
                () = cut.cancelled() => {}
            }
            drop(used);
            let bytes = (up.into_inner(), down.into_inner());
            let micros = u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX);
            this.link.say(&ToCore::Closed(Closed {
                id,
                bytes,
                micros,
                cut: cut.is_cancelled(),
            }));
            this.leave(session);
        });
    }

    /// Closes a session's tunnels.
    pub(super) fn cut(&self, session: SessionTag) {
        if let Some((token, _)) = self.sessions().get(&session) {
            token.cancel();
        }
    }

    /// Waits until all tunnels are gone; they are told to go by the token given at the start.
    pub(super) async fn gone(&self) {
        self.tracker.close();
        self.tracker.wait().await;
    }

    fn enter(&self, session: SessionTag) -> CancellationToken {
        let mut sessions = self.sessions();
        let (token, count) = sessions
            .entry(session)
            .or_insert_with(|| (self.all.child_token(), 0));
        *count += 1;
        token.clone()
    }

    fn leave(&self, session: SessionTag) {
        let mut sessions = self.sessions();
        if let Some((_, count)) = sessions.get_mut(&session) {
            *count -= 1;
            if *count == 0 {
                sessions.remove(&session);
            }
        }
    }

    fn sessions(
        &self,
    ) -> std::sync::MutexGuard<'_, HashMap<SessionTag, (CancellationToken, usize)>> {
        self.by_session
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

fn count(sum: &AtomicU64, bytes: &[u8]) {
    sum.fetch_add(bytes.len() as u64, Ordering::Relaxed);
}

/// Whether a request asks for a WebSocket as it must be asked for (RFC 6455, 4.1). Anything else is no upgrade here: it
/// goes on without these headers, and an instance that switches all the same is at fault.
pub(super) fn is_asked<B>(request: &Request<B>) -> bool {
    let headers = request.headers();
    let has = |name, word: &str| {
        headers
            .get_all(name)
            .iter()
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(','))
            .any(|token| token.trim().eq_ignore_ascii_case(word))
    };
    request.version() == Version::HTTP_11
        && request.method() == Method::GET
        && has(UPGRADE, "websocket")
        && has(CONNECTION, "upgrade")
        && only(headers, &SEC_WEBSOCKET_VERSION).is_some_and(|version| version == b"13")
        && only(headers, &SEC_WEBSOCKET_KEY).is_some_and(is_key)
}

/// The value of a header that comes exactly once.
fn only<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a [u8]> {
    let mut values = headers.get_all(name).iter();
    let value = values.next()?.as_bytes();
    values.next().is_none().then_some(value)
}

/// 16 bytes in base64.
fn is_key(value: &[u8]) -> bool {
    BASE64.decode(value).is_ok_and(|key| key.len() == 16)
}

/// Puts back the two headers that hygiene takes out of every message.
pub(super) fn ask(headers: &mut HeaderMap) {
    headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
    headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
}
