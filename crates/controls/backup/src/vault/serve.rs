//! What a keeper answers, over TLS 1.3: the protocol of restic's REST servers, and its receipts.
//!
//! Source: restic documentation, "REST Backend", with version 2 of its listing.

use std::{
    convert::Infallible,
    io::{Read as _, Seek as _, SeekFrom},
    ops::RangeInclusive,
    sync::Arc,
    time::Duration,
};

use avouch_evidence::Clock;
use avouch_statement::Slug;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::{
    HeaderMap, Method, Request, Response, StatusCode,
    body::Incoming,
    header::{AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, RANGE, WWW_AUTHENTICATE},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{net::TcpListener, sync::Semaphore, sync::mpsc::UnboundedSender};
use tokio_rustls::TlsAcceptor;

use super::{Denied, Service, Shelf, Vault, VaultError, shelf::Part};
use crate::far::{Credential, FileKind};

/// Connections at once; more wait.
const CONNECTIONS: usize = 128;
/// Files that are being received at once: so many are held in memory.
const UPLOADS: usize = 4;
/// The largest file that is received; packs are 16 MiB.
const LARGEST: usize = 64 << 20;
/// A client that has not said who it is in this time is let go.
const PATIENCE: Duration = Duration::from_secs(20);
/// The type of a listing with sizes.
const LISTING: &str = "application/vnd.x.restic.rest.v2";

/// A repository to which a snapshot came: there is something to read back.
pub type Line = UnboundedSender<(Service, Slug)>;

struct Keeper {
    vault: Arc<Vault>,
    clock: Clock,
    come: Line,
    uploads: Semaphore,
}

/// Serves until it is dropped.
///
/// # Errors
///
/// If its key cannot be used.
pub async fn serve(
    vault: Arc<Vault>,
    listener: TcpListener,
    clock: Clock,
    come: Line,
) -> Result<(), VaultError> {
    let acceptor = TlsAcceptor::from(Arc::new(vault.tls()?));
    let room = Arc::new(Semaphore::new(CONNECTIONS));
    let keeper = Arc::new(Keeper {
        vault,
        clock,
        come,
        uploads: Semaphore::new(UPLOADS),
    });
    loop {
        let Ok(permit) = Arc::clone(&room).acquire_owned().await else {
            return Ok(());
        };
        let socket = match listener.accept().await {
            Ok((socket, _)) => socket,
            Err(error) => {
                tracing::warn!(%error, "a connection was not accepted");
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        let (acceptor, keeper) = (acceptor.clone(), Arc::clone(&keeper));
        tokio::spawn(async move {
            let _permit = permit;
            let secured = tokio::time::timeout(PATIENCE, acceptor.accept(socket));
            let Ok(Ok(stream)) = secured.await else {
                return;
            };
            let answering = service_fn(move |request| {
                let keeper = Arc::clone(&keeper);
                async move { Ok::<_, Infallible>(keeper.answer(request).await) }
            });
            let mut builder = http1::Builder::new();
            builder
                .timer(TokioTimer::new())
                .header_read_timeout(PATIENCE);
            // A client that breaks off is its own affair.
            builder
                .serve_connection(TokioIo::new(stream), answering)
                .await
                .ok();
        });
    }
}

/// What a path names.
enum Asked {
    /// The repository itself.
    Repository,
    /// All files of a kind.
    Listing(Part),
    /// One file.
    File(Part, String),
    /// Where the password is left.
    Password,
    /// What the keeper signs.
    Receipt,
}

impl Keeper {
    async fn answer(&self, request: Request<Incoming>) -> Response<Full<Bytes>> {
        match self.act(request).await {
            Ok(response) => response,
            Err(denied) => {
                if let Denied::Own(error) = &denied {
                    tracing::error!(error = %super::round::chain(error), "a keeper's own fault");
                }
                plain(status(&denied), &said(&denied))
            }
        }
    }

    async fn act(&self, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Denied> {
        let (head, body) = request.into_parts();
        let Some((service, repository, asked)) = path(head.uri.path()) else {
            return Err(Denied::Name);
        };
        let Some(service) = self.admitted(&service, &head.headers)? else {
            let mut refused = plain(
                StatusCode::UNAUTHORIZED,
                "this credential is not known here",
            );
            let realm = hyper::header::HeaderValue::from_static("Basic realm=\"keeper\"");
            refused.headers_mut().insert(WWW_AUTHENTICATE, realm);
            return Ok(refused);
        };
        let shelf = self.vault.shelf(&service, &repository);
        match (&head.method, asked) {
            (&Method::POST, Asked::Repository) => {
                shelf.create()?;
                Ok(plain(StatusCode::OK, ""))
            }
            (&Method::GET, Asked::Listing(part)) => listing(&shelf, part),
            (&Method::GET, Asked::File(part, name)) => {
                let range = head
                    .headers
                    .get(RANGE)
                    .and_then(|range| parts(range.to_str().ok()?));
                blocking(move || file(&shelf, part, &name, range)).await
            }
            (&Method::HEAD, Asked::File(part, name)) => {
                let length = shelf
                    .open(part, &name)?
                    .metadata()
                    .map_err(VaultError::io("read", &shelf.received()))?
                    .len();
                let mut there = plain(StatusCode::OK, "");
                there.headers_mut().insert(CONTENT_LENGTH, length.into());
                Ok(there)
            }
            (&Method::POST, Asked::File(part, name)) => {
                self.receive(service, shelf, part, name, body).await
            }
            (&Method::DELETE, Asked::File(part, name)) => {
                shelf.remove(part, &name)?;
                Ok(plain(StatusCode::OK, ""))
            }
            (&Method::POST, Asked::Password) => {
                let bytes = collected(body).await?;
                let text = std::str::from_utf8(&bytes).map_err(|_| Denied::Altered)?;
                shelf.entrust(text)?;
                Ok(plain(StatusCode::OK, ""))
            }
            (&Method::GET, Asked::Receipt) => {
                let nonce = head
                    .uri
                    .query()
                    .and_then(|query| query.strip_prefix("nonce="))
                    .unwrap_or_default();
                let receipt = shelf.receipt(&self.vault, &service, nonce, (self.clock)())?;
                json(&self.vault.sign(&receipt))
            }
            (&Method::DELETE, _) => Err(Denied::Kept),
            _ => Ok(plain(
                StatusCode::METHOD_NOT_ALLOWED,
                "nothing is done so here",
            )),
        }
    }

    fn admitted(&self, name: &Slug, headers: &HeaderMap) -> Result<Option<Service>, Denied> {
        let told = headers
            .get(AUTHORIZATION)
            .and_then(|value| value.to_str().ok()?.strip_prefix("Basic "))
            .and_then(|pair| STANDARD.decode(pair).ok())
            .and_then(|pair| String::from_utf8(pair).ok());
        match told.as_deref().and_then(|pair| pair.split_once(':')) {
            Some((user, token)) if user == name.as_str() => {
                Ok(self.vault.admitted(name, &Credential::new(token))?)
            }
            _ => Ok(None),
        }
    }

    async fn receive(
        &self,
        service: Service,
        shelf: Shelf,
        part: Part,
        name: String,
        body: Incoming,
    ) -> Result<Response<Full<Bytes>>, Denied> {
        let _held = self.uploads.acquire().await;
        let bytes = collected(body).await?;
        let (vault, now) = (Arc::clone(&self.vault), (self.clock)());
        let repository = shelf.name().clone();
        let come = (part == Part::Of(FileKind::Snapshot))
            .then(|| (self.come.clone(), service.clone(), repository));
        blocking(move || {
            shelf.receive(&vault, &service, part, &name, &bytes, now)?;
            if let Some((come, service, repository)) = come {
                // Without anybody who reads back, the next round by the clock finds it.
                come.send((service, repository)).ok();
            }
            Ok(plain(StatusCode::OK, ""))
        })
        .await
    }
}

async fn blocking<T: Send + 'static>(
    act: impl FnOnce() -> Result<T, Denied> + Send + 'static,
) -> Result<T, Denied> {
    tokio::task::spawn_blocking(act)
        .await
        .map_err(|error| VaultError::Key(std::io::Error::other(error)))?
}

async fn collected(body: Incoming) -> Result<Bytes, Denied> {
    match Limited::new(body, LARGEST).collect().await {
        Ok(body) => Ok(body.to_bytes()),
        Err(_) => Err(Denied::Altered),
    }
}

/// Service, repository, and what of it.
fn path(path: &str) -> Option<(Slug, Slug, Asked)> {
    let mut parts = path.strip_prefix('/')?.split('/');
    let service = parts.next()?.parse().ok()?;
    let repository = parts.next()?.parse().ok()?;
    let asked = match (parts.next(), parts.next(), parts.next()) {
        (None | Some(""), None, None) => Asked::Repository,
        (Some("config"), None, None) => Asked::File(Part::Of(FileKind::Config), String::new()),
        (Some("password"), None, None) => Asked::Password,
        (Some("receipt"), None, None) => Asked::Receipt,
        (Some(kind), Some(name), None) => {
            let part = match kind {
                "locks" => Part::Lock,
                kind => Part::Of(
                    FileKind::NAMED
                        .into_iter()
                        .find(|named| named.folder() == kind)?,
                ),
            };
            match name {
                "" => Asked::Listing(part),
                name => Asked::File(part, name.to_owned()),
            }
        }
        _ => return None,
    };
    Some((service, repository, asked))
}

fn listing(shelf: &Shelf, part: Part) -> Result<Response<Full<Bytes>>, Denied> {
    #[derive(serde::Serialize)]
    struct Entry {
        name: String,
        size: u64,
    }
    let entries: Vec<Entry> = shelf
        .list(part)?
        .into_iter()
        .map(|(name, size)| Entry { name, size })
        .collect();
    let mut listed = json(&entries)?;
    let kind = hyper::header::HeaderValue::from_static(LISTING);
    listed.headers_mut().insert(CONTENT_TYPE, kind);
    Ok(listed)
}

fn file(
    shelf: &Shelf,
    part: Part,
    name: &str,
    range: Option<RangeInclusive<u64>>,
) -> Result<Response<Full<Bytes>>, Denied> {
    let unread = |error| Denied::from(VaultError::io("read", &shelf.received())(error));
    let mut file = shelf.open(part, name)?;
    let mut bytes = Vec::new();
    let Some(range) = range else {
        file.read_to_end(&mut bytes).map_err(unread)?;
        return Ok(Response::new(Full::from(bytes)));
    };
    file.seek(SeekFrom::Start(*range.start())).map_err(unread)?;
    let length = range.end().saturating_sub(*range.start()).saturating_add(1);
    file.take(length.min(LARGEST as u64))
        .read_to_end(&mut bytes)
        .map_err(unread)?;
    let mut response = Response::new(Full::from(bytes));
    *response.status_mut() = StatusCode::PARTIAL_CONTENT;
    Ok(response)
}

/// One part of a file: `bytes=FIRST-LAST`, or to the end.
///
/// Source: RFC 9110, section 14.1.2.
fn parts(range: &str) -> Option<RangeInclusive<u64>> {
    let (first, last) = range.strip_prefix("bytes=")?.split_once('-')?;
    let last = match last {
        "" => u64::MAX,
        last => last.parse().ok()?,
    };
    Some(first.parse().ok()?..=last)
}

fn json(value: &impl serde::Serialize) -> Result<Response<Full<Bytes>>, Denied> {
    let text =
        serde_json::to_vec(value).map_err(|error| VaultError::Key(std::io::Error::other(error)))?;
    Ok(Response::new(Full::from(text)))
}

fn plain(status: StatusCode, text: &str) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::from(Bytes::copy_from_slice(text.as_bytes())));
    *response.status_mut() = status;
    response
}

fn status(denied: &Denied) -> StatusCode {
    match denied {
        Denied::Name | Denied::Altered => StatusCode::BAD_REQUEST,
        Denied::NotYet | Denied::Exists | Denied::Kept | Denied::OtherPassword => {
            StatusCode::FORBIDDEN
        }
        Denied::Room { .. } | Denied::Disk => StatusCode::INSUFFICIENT_STORAGE,
        Denied::Absent => StatusCode::NOT_FOUND,
        Denied::Own(_) => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

/// Paths of the keeper's disk are for whoever runs it.
fn said(denied: &Denied) -> String {
    match denied {
        Denied::Own(_) => {
            "the keeper has a fault of its own, and has said so in its log".to_owned()
        }
        denied => denied.to_string(),
    }
}
