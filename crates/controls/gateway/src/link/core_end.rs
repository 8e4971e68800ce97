//! The core's end of the link: each request is answered on its own, replies are written together.

use std::future::Future;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use tokio::net::{UnixListener, UnixStream};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::message::{
    Admit, Begin, Closed, Configure, End, Refused, SessionTag, SuiteCount, ToCore, ToFront,
};
use super::wire::{Inbox, Outbox, WireError};

/// What the core decides and keeps.
pub trait Admission: Send + Sync + 'static {
    /// Says what is to happen. For an unsafe method this returns [`Admit::Forward`] only once the intent is durable.
    fn begin(&self, begin: Begin) -> impl Future<Output = Admit> + Send;
    /// Keeps the outcome; returns once it is durable.
    fn end(&self, end: End) -> impl Future<Output = Result<(), NotRecorded>> + Send;
    /// Keeps a tunnel's end.
    fn closed(&self, closed: Closed) -> impl Future<Output = ()> + Send;
    /// Keeps what the front refused by itself.
    fn refused(&self, refused: Refused) -> impl Future<Output = ()> + Send;
    /// Takes news of the front itself.
    fn report(&self, report: Report) -> impl Future<Output = ()> + Send;
}

/// The outcome could not be made durable; the answer must not leave.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the outcome could not be recorded")]
pub struct NotRecorded;

/// News of the front itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Report {
    /// A front is connected and has its rules.
    Connected,
    /// A front has gone.
    Lost,
    /// A listener is open.
    Listening(SocketAddr),
    /// A listener could not be opened, and why.
    ListenFailed(SocketAddr, String),
    /// What connections negotiated since the last report.
    Suites(Vec<SuiteCount>),
}

/// The core's end. Clones speak to the same fronts.
#[derive(Debug, Clone, Default)]
pub struct CoreEnd {
    fronts: Arc<Mutex<Vec<Weak<Outbox>>>>,
}

impl CoreEnd {
    /// Says that a session is over, so that its tunnels close.
    pub fn revoke(&self, session: SessionTag) {
        let fronts = self
            .fronts
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        for outbox in fronts.iter().filter_map(Weak::upgrade) {
            if let Err(error) = outbox.push(&ToFront::Revoke { session }) {
                tracing::warn!(%error, "a revocation did not reach the front");
            }
        }
    }

    /// Serves fronts on this socket until shutdown. A changed configuration is sent to every front at once.
    pub async fn serve<A: Admission>(
        &self,
        listener: UnixListener,
        configure: watch::Receiver<Arc<Configure>>,
        admission: Arc<A>,
        shutdown: CancellationToken,
    ) {
        loop {
            let socket = tokio::select! {
                accepted = listener.accept() => match accepted {
                    Ok((socket, _)) => socket,
                    Err(error) => {
                        tracing::warn!(%error, "the link's socket could not accept");
                        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
                        continue;
                    }
                },
                () = shutdown.cancelled() => return,
            };
            let (this, configure, admission, shutdown) = (
                self.clone(),
                configure.clone(),
                admission.clone(),
                shutdown.clone(),
            );
            tokio::spawn(async move {
                let spoke = AtomicBool::new(false);
                tokio::select! {
                    error = this.hold(socket, configure, &admission, &spoke) => tracing::info!(%error, "a front has gone"),
                    () = shutdown.cancelled() => {}
                }
                if spoke.load(Ordering::Relaxed) {
                    admission.report(Report::Lost).await;
                }
            });
        }
    }

    async fn hold<A: Admission>(
        &self,
        socket: UnixStream,
        configure: watch::Receiver<Arc<Configure>>,
        admission: &Arc<A>,
        spoke: &AtomicBool,
    ) -> WireError {
        let (read, write) = socket.into_split();
        let outbox = Arc::new(Outbox::default());
        {
            let mut fronts = self.fronts.lock().unwrap_or_else(PoisonError::into_inner);
            fronts.retain(|front| front.strong_count() > 0);
            fronts.push(Arc::downgrade(&outbox));
        }
        tokio::select! {
            error = outbox.drain(write) => error,
            error = instruct(&outbox, configure) => error,
            error = answer(&outbox, Inbox::new(read), admission, spoke) => error,
        }
    }
}

async fn instruct(outbox: &Outbox, mut configure: watch::Receiver<Arc<Configure>>) -> WireError {
    loop {
        let now = Configure::clone(&configure.borrow_and_update());
        if let Err(error) = outbox.push(&ToFront::Configure(Box::new(now))) {
            return error;
        }
        if configure.changed().await.is_err() {
            // Nobody can change it any more; the front goes on with what it has.
            std::future::pending::<()>().await;
        }
    }
}

async fn answer<A: Admission>(
    outbox: &Arc<Outbox>,
    mut inbox: Inbox<tokio::net::unix::OwnedReadHalf>,
    admission: &Arc<A>,
    spoke: &AtomicBool,
) -> WireError {
    loop {
        let message = match inbox.next::<ToCore>().await {
            Ok(Some(message)) => message,
            Ok(None) => return WireError::Io(std::io::ErrorKind::UnexpectedEof.into()),
            Err(error) => return error,
        };
        // What comes and goes without a word is no front, and takes none with it.
        if !spoke.swap(true, Ordering::Relaxed) {
            admission.report(Report::Connected).await;
        }
        let (admission, outbox) = (admission.clone(), outbox.clone());
        tokio::spawn(async move {
            let reply = match message {
                ToCore::Begin(begin) => {
                    let id = begin.id;
                    ToFront::Begun {
                        id,
                        admit: admission.begin(begin).await,
                    }
                }
                ToCore::End(end) => {
                    let id = end.id;
                    ToFront::Ended {
                        id,
                        kept: admission.end(end).await.is_ok(),
                    }
                }
                ToCore::Closed(closed) => return admission.closed(closed).await,
                ToCore::Refused(refused) => return admission.refused(refused).await,
                ToCore::Suites(suites) => return admission.report(Report::Suites(suites)).await,
                ToCore::Listening { addr } => {
                    return admission.report(Report::Listening(addr)).await;
                }
                ToCore::ListenFailed { addr, reason } => {
                    return admission.report(Report::ListenFailed(addr, reason)).await;
                }
            };
            if let Err(error) = outbox.push(&reply) {
                tracing::warn!(%error, "an answer did not reach the front");
            }
        });
    }
}
