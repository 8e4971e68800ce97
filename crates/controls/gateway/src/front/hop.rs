//! The hop to an instance: HTTP/1.1 over its Unix socket, connections used again, a restart waited out.
//!
//! What may be tried again: anything that was not sent; what was sent, only if it is safe and has no body.

use std::collections::HashMap;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use http::{Request, Response};
use hyper::body::{Body as _, Incoming};
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use tokio::net::UnixStream;
use tokio::time::{Instant, sleep, timeout, timeout_at};

use super::body::{BodyFault, Inbound};
use super::uses::Use;
use crate::hygiene::origin::is_unsafe;
use crate::link::Limits;

/// How many unused connections are kept to one socket.
const IDLE_CAP: usize = 256;
/// How soon a socket that is not there is tried again; a restart takes a fraction of a second.
const TRY_AGAIN: Duration = Duration::from_millis(20);

/// Why a hop failed.
#[derive(Debug, thiserror::Error)]
pub(super) enum HopFault {
    /// Nobody listened for as long as may be waited; nothing was sent.
    #[error("nobody listens on the instance's socket")]
    Unreachable,
    /// The word that it was to go on was taken back before anything was sent.
    #[error("the word that the request was to go on was taken back")]
    TakenBack,
    /// The instance went away after something was sent.
    #[error("the instance went away in the middle")]
    Broken(#[source] hyper::Error),
    /// The instance did not begin its answer in time.
    #[error("the instance did not begin its answer in time")]
    Slow,
    /// The client's body was at fault.
    #[error("the client's body was larger than allowed")]
    LargeBody,
    /// The client's body was at fault.
    #[error("the client's body came too slowly")]
    SlowBody,
    /// The client's body was at fault.
    #[error("the client's body broke off")]
    BadBody,
}

/// All pools, by socket.
#[derive(Debug, Default)]
pub(super) struct Hop {
    pools: Mutex<HashMap<PathBuf, Arc<Pool>>>,
}

#[derive(Debug)]
struct Pool {
    socket: PathBuf,
    idle: Mutex<Vec<SendRequest<Inbound>>>,
}

/// A connection in use.
#[derive(Debug)]
pub(super) struct Lease {
    sender: SendRequest<Inbound>,
    pool: Arc<Pool>,
    /// Over with this.
    used: Option<Use>,
}

impl Lease {
    /// What it is used for is not over before its answer has been read to the end.
    pub(super) fn holds(self, used: Use) -> Self {
        Self {
            used: Some(used),
            ..self
        }
    }

    /// What it is used for goes on without it.
    pub(super) fn passed_on(self) -> Option<Use> {
        self.used
    }

    /// Its answer has been read to the end: it may be used again.
    pub(super) fn give_back(self) {
        let mut idle = self
            .pool
            .idle
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if !self.sender.is_closed() && idle.len() < IDLE_CAP {
            idle.push(self.sender);
        }
    }
}

impl Hop {
    /// Sends a request, if it still may be sent once there is a connection, and waits for the answer's head.
    pub(super) async fn send(
        &self,
        socket: &Path,
        mut request: Request<Inbound>,
        limits: &Limits,
        still: impl Fn() -> bool,
    ) -> Result<(Response<Incoming>, Lease), HopFault> {
        let pool = self.pool(socket);
        let reach = Instant::now() + Duration::from_millis(limits.reach_ms.into());
        let answer = Duration::from_millis(limits.answer_ms.into());
        let repeatable = !is_unsafe(request.method()) && request.body().is_end_stream();
        let mut tries = 0_u32;
        loop {
            // An old connection may have just ended; what breaks off every time is not asked without a pause.
            if tries > 1 {
                sleep(TRY_AGAIN).await;
            }
            tries += 1;
            let mut lease = Pool::lease(&pool, reach).await?;
            let spare = repeatable.then(|| again(&request));
            if !still() {
                lease.give_back();
                return Err(HopFault::TakenBack);
            }
            match timeout(answer, lease.sender.try_send_request(request)).await {
                Err(_) => return Err(HopFault::Slow),
                Ok(Ok(response)) => return Ok((response, lease)),
                Ok(Err(mut failed)) => {
                    if let Some(unsent) = failed.take_message() {
                        request = unsent;
                    } else if let Some(fault) = body_fault(failed.error()) {
                        return Err(fault);
                    } else if let Some(spare) = spare.filter(|_| Instant::now() < reach) {
                        request = spare;
                    } else {
                        return Err(HopFault::Broken(failed.into_error()));
                    }
                }
            }
        }
    }

    fn pool(&self, socket: &Path) -> Arc<Pool> {
        let mut pools = self.pools.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(pool) = pools.get(socket) {
            return pool.clone();
        }
        let pool = Arc::new(Pool {
            socket: socket.to_owned(),
            idle: Mutex::default(),
        });
        pools.insert(socket.to_owned(), pool.clone());
        pool
    }
}

impl Pool {
    /// A connection that is ready: one used before, or a new one as soon as somebody listens.
    async fn lease(pool: &Arc<Self>, until: Instant) -> Result<Lease, HopFault> {
        loop {
            let idle = pool
                .idle
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .pop();
            let Some(mut sender) = idle else { break };
            if matches!(timeout_at(until, sender.ready()).await, Ok(Ok(()))) {
                return Ok(Lease {
                    sender,
                    pool: pool.clone(),
                    used: None,
                });
            }
        }
        loop {
            if let Ok(Ok(sender)) = timeout_at(until, pool.connect()).await {
                return Ok(Lease {
                    sender,
                    pool: pool.clone(),
                    used: None,
                });
            }
            if Instant::now() + TRY_AGAIN >= until {
                return Err(HopFault::Unreachable);
            }
            sleep(TRY_AGAIN).await;
        }
    }

    /// Only to whoever owns the socket's folder. An instance may put what it likes in its own folder: a symbolic link
    /// there must lead neither to another tenant's instance nor to the core.
    async fn connect(&self) -> std::io::Result<SendRequest<Inbound>> {
        let owner = owner(&self.socket)?;
        let stream = UnixStream::connect(&self.socket).await?;
        // The link may have been put there since.
        if stream.peer_cred()?.uid() != owner {
            return Err(std::io::ErrorKind::PermissionDenied.into());
        }
        let (sender, connection) = http1::handshake(TokioIo::new(stream))
            .await
            .map_err(std::io::Error::other)?;
        tokio::spawn(async move {
            if let Err(error) = connection.with_upgrades().await {
                // Whoever waits on it is told by the same failure.
                tracing::debug!(%error, "a connection to an instance ended");
            }
        });
        Ok(sender)
    }
}

/// The user who owns the folder that holds this socket, if the socket is theirs and is no link to another.
fn owner(socket: &Path) -> std::io::Result<u32> {
    let folder = socket.parent().ok_or(std::io::ErrorKind::NotFound)?;
    let owner = std::fs::symlink_metadata(folder)?.uid();
    let found = std::fs::symlink_metadata(socket)?;
    if found.file_type().is_socket() && found.uid() == owner {
        Ok(owner)
    } else {
        Err(std::io::ErrorKind::PermissionDenied.into())
    }
}

/// The same request without its body, which is known to be empty.
pub(super) fn again(request: &Request<Inbound>) -> Request<Inbound> {
    let mut copy = Request::new(Inbound::Whole(None));
    *copy.method_mut() = request.method().clone();
    *copy.uri_mut() = request.uri().clone();
    *copy.headers_mut() = request.headers().clone();
    copy
}

fn body_fault(error: &hyper::Error) -> Option<HopFault> {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = std::error::Error::source(error);
    while let Some(error) = cause {
        if let Some(fault) = error.downcast_ref::<BodyFault>() {
            return Some(match fault {
                BodyFault::Large => HopFault::LargeBody,
                BodyFault::Slow => HopFault::SlowBody,
                BodyFault::Broken(_) => HopFault::BadBody,
            });
        }
        cause = error.source();
    }
    None
}
