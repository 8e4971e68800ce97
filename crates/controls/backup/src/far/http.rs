//! One HTTP/1.1 client for one place, over lines that are dialled for it, for threads that block.

use std::{
    io,
    sync::{Arc, Mutex, PoisonError, mpsc},
    time::Duration,
};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::{Request, Response, client::conn::http1};
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    runtime::Runtime,
};
use tokio_rustls::TlsConnector;

use super::{Dial, FarError, PublicKey};

/// A handshake that takes longer has failed.
const HANDSHAKE: Duration = Duration::from_secs(20);
/// A pack of 16 MiB in this time is 55 KiB/s: a line that is slower carries no backup home in a night.
const EXCHANGE: Duration = Duration::from_secs(300);
/// The longest answer; a listing of a million files has room.
const LONGEST: usize = 128 << 20;
/// Connections that broke are made again so often.
const ATTEMPTS: usize = 3;

type Sender = http1::SendRequest<Full<Bytes>>;

/// A client. It has a thread of its own, since its callers have none to spare.
pub(super) struct Http {
    inner: Arc<Inner>,
    runtime: Option<Runtime>,
}

struct Inner {
    place: String,
    dial: Dial,
    tls: TlsConnector,
    name: ServerName<'static>,
    idle: Mutex<Vec<Sender>>,
}

impl Http {
    /// A client of the place that `dial` leads to, whose key is pinned.
    pub(super) fn new(
        place: String,
        host: &str,
        dial: Dial,
        key: &PublicKey,
    ) -> Result<Self, FarError> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .map_err(FarError::Own)?;
        let tls = key.tls().map_err(io::Error::other).map_err(FarError::Own)?;
        let name = ServerName::try_from(host.to_owned())
            .map_err(io::Error::other)
            .map_err(FarError::Own)?;
        Ok(Self {
            inner: Arc::new(Inner {
                place,
                dial,
                tls: TlsConnector::from(Arc::new(tls)),
                name,
                idle: Mutex::default(),
            }),
            runtime: Some(runtime),
        })
    }

    /// How it is called in messages.
    pub(super) fn place(&self) -> String {
        self.inner.place.clone()
    }

    /// Asks, and waits for the whole answer. What broke on the way is asked again.
    pub(super) fn ask(&self, request: &Request<Full<Bytes>>) -> Result<Response<Bytes>, FarError> {
        let mut last = None;
        for _ in 0..ATTEMPTS {
            match self.once(request.clone()) {
                Err(error @ FarError::Unreachable { .. }) => last = Some(error),
                other => return other,
            }
        }
        Err(last.unwrap_or_else(|| FarError::NoLine(self.place())))
    }

    fn once(&self, request: Request<Full<Bytes>>) -> Result<Response<Bytes>, FarError> {
        let (done, answer) = mpsc::channel();
        let inner = Arc::clone(&self.inner);
        if let Some(runtime) = &self.runtime {
            runtime.spawn(async move {
                let answer = tokio::time::timeout(EXCHANGE, inner.exchange(request)).await;
                let slow = |_| {
                    Err(FarError::Slow {
                        place: inner.place.clone(),
                        seconds: EXCHANGE.as_secs(),
                    })
                };
                // Whoever asked may have ended.
                done.send(answer.unwrap_or_else(slow)).ok();
            });
        }
        answer
            .recv()
            .unwrap_or_else(|_| Err(FarError::NoLine(self.place())))
    }
}

impl Drop for Http {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

impl Inner {
    async fn exchange(
        self: &Arc<Self>,
        request: Request<Full<Bytes>>,
    ) -> Result<Response<Bytes>, FarError> {
        let mut sender = match self.idle() {
            Some(sender) => sender,
            None => self.connect().await?,
        };
        let broken = |error: hyper::Error| self.unreachable(io::Error::other(error));
        let answer = sender.send_request(request).await.map_err(broken)?;
        let (head, body) = answer.into_parts();
        let body = Limited::new(body, LONGEST)
            .collect()
            .await
            .map_err(|error| self.unreachable(io::Error::other(error)))?
            .to_bytes();
        self.idle
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(sender);
        Ok(Response::from_parts(head, body))
    }

    fn idle(&self) -> Option<Sender> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        while let Some(sender) = idle.pop() {
            if sender.is_ready() {
                return Some(sender);
            }
        }
        None
    }

    async fn connect(self: &Arc<Self>) -> Result<Sender, FarError> {
        let inner = Arc::clone(self);
        let dialled = tokio::task::spawn_blocking(move || (inner.dial)());
        let line = dialled
            .await
            .unwrap_or_else(|error| Err(io::Error::other(error)))
            .and_then(|line| {
                line.set_nonblocking(true)?;
                tokio::net::UnixStream::from_std(line)
            })
            .map_err(|error| self.unreachable(error))?;
        let secured = tokio::time::timeout(HANDSHAKE, self.tls.connect(self.name.clone(), line));
        match secured.await {
            Ok(Ok(line)) => self.speak(line).await,
            Ok(Err(source)) => Err(if is_certificate(&source) {
                FarError::Stranger {
                    place: self.place.clone(),
                    source,
                }
            } else {
                self.unreachable(source)
            }),
            Err(_) => Err(FarError::Slow {
                place: self.place.clone(),
                seconds: HANDSHAKE.as_secs(),
            }),
        }
    }

    async fn speak(
        &self,
        line: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    ) -> Result<Sender, FarError> {
        let (sender, connection) = http1::handshake(TokioIo::new(line))
            .await
            .map_err(|error| self.unreachable(io::Error::other(error)))?;
        // It ends with the line, and whoever waits for an answer is told so.
        tokio::spawn(connection);
        Ok(sender)
    }

    fn unreachable(&self, source: io::Error) -> FarError {
        FarError::Unreachable {
            place: self.place.clone(),
            source,
        }
    }
}

fn is_certificate(error: &io::Error) -> bool {
    error
        .get_ref()
        .and_then(|inner| inner.downcast_ref::<rustls::Error>())
        .is_some_and(|inner| matches!(inner, rustls::Error::InvalidCertificate(_)))
}
