//! The page of the service's status: made here, from what the core said last, so that it is there when the core is not.
//!
//! What concerns one tenant alone is for those who are signed in there. The core is asked who reads, and writes it down; if
//! it does not answer, whom it has let in before still sees what concerns them.

mod page;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderValue};
use http::{Method, Request, Response};
use hyper::body::Incoming;
use jiff::Timestamp;
use tokio::time::{Instant, timeout};

use self::page::{Asked, Page};
use super::body::Outgoing;
use super::connection::Connection;
use super::request::{Head, Stop};
use super::serving::Place;
use crate::hygiene::response;
use crate::link::{Admit, Begin, End, Ending, Outcome, SessionTag, Status, Warrant};
use crate::refusal::Refusal;

/// Where the page is, on every host.
const PATH: &str = "/.avouch/status";
/// How long the core may take to say who reads.
const PATIENCE: Duration = Duration::from_secs(1);
/// Whom the core let in so long ago is asked about again: no session lasts longer without being used.
const KNOWN_FOR: Duration = Duration::from_secs(12 * 3600);
/// How many readers are known at most: some MiB.
const KNOWN: usize = 10_000;

/// What is shown, and who may see what concerns one tenant alone.
#[derive(Debug, Default)]
pub(super) struct Board {
    told: Mutex<Option<Word>>,
    readers: Mutex<HashMap<[u8; 32], Known>>,
}

/// What the core said last.
#[derive(Debug, Clone)]
struct Word {
    status: Arc<Status>,
    /// When it said so, or that it is still so.
    heard: Timestamp,
}

/// Somebody whom the core let in to a tenant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Reader {
    /// The tenant.
    pub(super) tenant: String,
    /// Whether it is one of the checks' own people.
    pub(super) synthetic: bool,
}

#[derive(Debug)]
struct Known {
    host: String,
    session: SessionTag,
    reader: Reader,
    since: Instant,
}

impl Reader {
    /// Whom the core's word is about.
    pub(super) fn of(warrant: &Warrant) -> Self {
        Self {
            tenant: warrant.tenant.clone(),
            synthetic: warrant.person.synthetic,
        }
    }
}

impl Board {
    /// Takes what the core says: something new, or that the last is still so.
    pub(super) fn hear(&self, status: Option<Box<Status>>, heard: Timestamp) {
        let mut told = self.told();
        match status {
            Some(status) => {
                *told = Some(Word {
                    status: Arc::new(*status),
                    heard,
                });
            }
            None => {
                if let Some(word) = told.as_mut() {
                    word.heard = heard;
                }
            }
        }
    }

    /// Keeps in mind that the core let the holder of this token in.
    pub(super) fn remember(
        &self,
        token: [u8; 32],
        host: &str,
        session: SessionTag,
        reader: Reader,
    ) {
        let now = Instant::now();
        let mut readers = self.readers();
        if readers.len() >= KNOWN {
            readers.retain(|_, known| now.duration_since(known.since) < KNOWN_FOR);
        }
        if readers.len() < KNOWN || readers.contains_key(&token) {
            let known = Known {
                host: host.to_owned(),
                session,
                reader,
                since: now,
            };
            readers.insert(token, known);
        }
    }

    /// A session is over.
    pub(super) fn forget_session(&self, session: SessionTag) {
        self.readers().retain(|_, known| known.session != session);
    }

    /// Where a page that says that something does not work leads: here, if there is anything to read.
    pub(super) fn link_from(&self, refusal: &Refusal) -> Option<&'static str> {
        let failed = matches!(
            refusal,
            Refusal::NoCore
                | Refusal::NotRecorded
                | Refusal::Unreachable
                | Refusal::Broken
                | Refusal::Slow
        );
        (failed && self.told().is_some()).then_some(PATH)
    }

    fn known(&self, token: &[u8; 32], host: &str) -> Option<Reader> {
        let readers = self.readers();
        let known = readers.get(token)?;
        let fresh = known.since.elapsed() < KNOWN_FOR && known.host == host;
        fresh.then(|| known.reader.clone())
    }

    fn forget(&self, token: &[u8; 32]) {
        self.readers().remove(token);
    }

    fn told(&self) -> MutexGuard<'_, Option<Word>> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn readers(&self) -> MutexGuard<'_, HashMap<[u8; 32], Known>> {
        self.readers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether a request is for the page, and there is one.
pub(super) fn is_asked(connection: &Connection, path: &str) -> bool {
    path == PATH && connection.serving.shared.board.told().is_some()
}

/// The page, for whoever asks.
pub(super) async fn answer(
    connection: &Connection,
    request: &Request<Incoming>,
    head: &Head,
) -> Result<Response<Outgoing>, Stop> {
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        return Err(Stop::Untold(Refusal::Method));
    }
    let shared = &connection.serving.shared;
    let asked = match head.place {
        Place::Core => Asked::Anywhere,
        Place::Tenant => match reader(connection, request, head).await {
            Some(reader) => Asked::By(reader),
            None => Asked::ByStranger,
        },
    };
    let word = shared.board.told().clone();
    let word = word.ok_or(Stop::Told(Refusal::NoCore))?;
    let html = Page {
        status: &word.status,
        heard: word.heard,
        now: (shared.clock)(),
        asked,
    }
    .html();
    let mut answer = Response::new(Outgoing::page(html.into(), connection.busy.clone()));
    let headers = answer.headers_mut();
    let html = HeaderValue::from_static("text/html; charset=utf-8");
    headers.insert(CONTENT_TYPE, html);
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    let policy = HeaderValue::from_static(page::POLICY);
    headers.insert(CONTENT_SECURITY_POLICY, policy);
    response::protect(headers);
    Ok(answer)
}

/// Who reads, as the core says, or as it said before if it does not answer.
async fn reader(
    connection: &Connection,
    request: &Request<Incoming>,
    head: &Head,
) -> Option<Reader> {
    let token = head.token?;
    let shared = &connection.serving.shared;
    let (link, board, started) = (&*shared.link, &shared.board, Instant::now());
    let (id, before) = (link.id(), link.warrants().generation());
    let begin = Begin {
        id,
        host: head.host.clone(),
        method: request.method().as_str().to_owned(),
        path: PATH.to_owned(),
        token_digest: Some(token),
        client: connection.client.ip(),
        tls: connection.tls,
        unsafe_method: false,
        upgrade: false,
        record: None,
        subjects: Vec::new(),
        mark: head.mark,
    };
    match timeout(PATIENCE, link.begin(begin)).await {
        Ok(Ok(Admit::Forward {
            tenant,
            person,
            session,
            ..
        })) => {
            link.end_alone(Ending::Asked(End {
                id,
                status: 200,
                bytes: None,
                micros: u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX),
                subjects: Vec::new(),
                outcome: Outcome::Answered,
            }));
            let reader = Reader {
                tenant,
                synthetic: person.synthetic,
            };
            board.remember(token, &head.host, session, reader.clone());
            if link.warrants().ended_since(before, session) {
                board.forget(&token);
            }
            Some(reader)
        }
        Ok(Ok(Admit::SignIn { .. } | Admit::Refuse { .. })) => {
            board.forget(&token);
            None
        }
        Ok(Ok(Admit::Unavailable) | Err(_)) | Err(_) => board.known(&token, &head.host),
    }
}
