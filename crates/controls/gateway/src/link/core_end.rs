//! The core's end of the link: each question is answered on its own, replies are written together. Reads that went on an
//! earlier word are judged and kept in groups: what came while the last group went to disk is the next one, or begins it.

use std::future::Future;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{mpsc, watch};
use tokio::time::{Duration, Instant, timeout};
use tokio_util::sync::CancellationToken;

use super::gather::Gather;
use super::message::{
    Admit, Begin, Closed, Configure, End, Ending, Flowed, Read, Refused, SessionTag, SuiteCount,
    ToCore, ToFront,
};
use super::rest::{Quiet, Resting};
use super::status::Status;
use super::wire::{Inbox, Outbox, WireError};

/// How long a front may take to follow a revocation. One that does not is cut off, and forgets every word with the link.
const FOLLOWED: Duration = Duration::from_secs(2);

/// How long a front may take to say what is under way. One that does not leaves the instance running.
const RESTED: Duration = Duration::from_secs(2);

/// One front's connection. Requests are numbered by the front, so they are known by both.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct LinkId(u64);

/// What the core decides and keeps.
pub trait Admission: Send + Sync + 'static {
    /// Says what is to happen. For an unsafe method this returns [`Admit::Forward`] only once the intent is durable.
    fn begin(&self, link: LinkId, begin: Begin) -> impl Future<Output = Admit> + Send;
    /// Keeps the outcome; returns once it is durable.
    fn end(&self, link: LinkId, end: End) -> impl Future<Output = Result<(), NotRecorded>> + Send;
    /// Judges and keeps reads that went on an earlier word; says of each, in their order, whether its event is durable. It
    /// is not when the word does not hold any more.
    fn reads(&self, reads: Vec<Read>) -> impl Future<Output = Vec<bool>> + Send;
    /// Keeps a tunnel's end.
    fn closed(&self, link: LinkId, closed: Closed) -> impl Future<Output = ()> + Send;
    /// Keeps what the front refused by itself.
    fn refused(&self, refused: Refused) -> impl Future<Output = ()> + Send;
    /// Keeps what passed over a connection.
    fn flowed(&self, flowed: Flowed) -> impl Future<Output = ()> + Send;
    /// Takes news of the front itself.
    fn report(&self, link: LinkId, report: Report) -> impl Future<Output = ()> + Send;
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
    /// Somebody else wanted to be a front and was told nothing: their user id, where the system knows it.
    Stranger(Option<u32>),
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
    fronts: Arc<Mutex<Fronts>>,
    links: Arc<AtomicU64>,
    /// What people are told, once there is something; sent again to say that it is still so.
    status: Arc<watch::Sender<Option<Arc<Status>>>>,
}

#[derive(Debug, Default)]
struct Fronts {
    /// Revocations so far.
    revoked: u64,
    /// Questions so far whether a tenant is at rest.
    asked: u64,
    connected: Vec<Weak<Front>>,
}

/// One front that is connected.
#[derive(Debug)]
struct Front {
    outbox: Arc<Outbox>,
    /// The last revocation that it has followed.
    followed: watch::Sender<u64>,
    resting: Resting,
    cut: CancellationToken,
}

impl CoreEnd {
    /// Has every front tell people this; the same again says that it is still so.
    pub fn tell(&self, status: Arc<Status>) {
        self.status.send_replace(Some(status));
    }

    /// Says that a session is over, so that its tunnels close and no read goes on an earlier word about it.
    pub fn revoke(&self, session: SessionTag) {
        let mut fronts = self.fronts();
        fronts.revoked += 1;
        let number = fronts.revoked;
        for front in fronts.connected.iter().filter_map(Weak::upgrade) {
            if let Err(error) = front.outbox.push(&ToFront::Revoke { session, number }) {
                tracing::error!(%error, "a revocation did not reach a front; its link is cut");
                front.cut.cancel();
            }
        }
    }

    /// Returns once every front has followed all revocations so far, or has lost its link and every word with it.
    pub async fn followed(&self) {
        let (upto, waiting) = {
            let fronts = self.fronts();
            let connected = fronts.connected.iter().filter_map(Weak::upgrade);
            let waiting = connected.map(|front| (front.followed.subscribe(), front.cut.clone()));
            (fronts.revoked, waiting.collect::<Vec<_>>())
        };
        for (mut followed, cut) in waiting {
            let following = followed.wait_for(|number| *number >= upto);
            if timeout(FOLLOWED, following).await.is_err() {
                tracing::error!("a front did not follow a revocation in time; its link is cut");
                cut.cancel();
            }
        }
    }

    /// What is under way to a tenant's instance. From here on nothing goes there that the core is not asked about first.
    ///
    /// Nothing is known, and so the instance may not be stopped, if no front is there or one does not say.
    pub async fn rest(&self, tenant: &str) -> Option<Quiet> {
        let waiting = {
            let mut fronts = self.fronts();
            fronts.asked += 1;
            let number = fronts.asked;
            let connected = fronts.connected.iter().filter_map(Weak::upgrade);
            let asked = connected.map(|front| {
                let told = front.resting.ask(number);
                let tenant = tenant.to_owned();
                let pushed = front.outbox.push(&ToFront::Rest { tenant, number });
                pushed.is_ok().then_some(told)
            });
            asked.collect::<Option<Vec<_>>>()?
        };
        let mut all = None;
        for told in waiting {
            let quiet = timeout(RESTED, told).await.ok()?.ok()?;
            all = Some(all.map_or(quiet, |known: Quiet| known.and(quiet)));
        }
        all
    }

    fn fronts(&self) -> MutexGuard<'_, Fronts> {
        self.fronts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A front that has just connected knows no word that could be taken back.
    fn enter(&self) -> Arc<Front> {
        let mut fronts = self.fronts();
        let front = Arc::new(Front {
            outbox: Arc::default(),
            followed: watch::Sender::new(fronts.revoked),
            resting: Resting::default(),
            cut: CancellationToken::new(),
        });
        fronts
            .connected
            .retain(|connected| connected.strong_count() > 0);
        fronts.connected.push(Arc::downgrade(&front));
        front
    }

    /// Serves fronts on this socket until shutdown. A changed configuration is sent to every front at once. It holds keys,
    /// so only a process of one of these users is a front.
    pub async fn serve<A: Admission>(
        &self,
        listener: UnixListener,
        users: &[u32],
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
            let link = LinkId(self.links.fetch_add(1, Ordering::Relaxed));
            let user = socket.peer_cred().ok().map(|peer| peer.uid());
            if !user.is_some_and(|user| users.contains(&user)) {
                admission.report(link, Report::Stranger(user)).await;
                continue;
            }
            let (this, configure, admission, shutdown) = (
                self.clone(),
                configure.clone(),
                admission.clone(),
                shutdown.clone(),
            );
            tokio::spawn(async move {
                let spoke = AtomicBool::new(false);
                tokio::select! {
                    error = this.hold(link, socket, configure, &admission, &spoke) => tracing::info!(%error, "a front has gone"),
                    () = shutdown.cancelled() => {}
                }
                if spoke.load(Ordering::Relaxed) {
                    admission.report(link, Report::Lost).await;
                }
            });
        }
    }

    async fn hold<A: Admission>(
        &self,
        link: LinkId,
        socket: UnixStream,
        configure: watch::Receiver<Arc<Configure>>,
        admission: &Arc<A>,
        spoke: &AtomicBool,
    ) -> WireError {
        let (read, write) = socket.into_split();
        let front = self.enter();
        let outbox = &front.outbox;
        let (reads, waiting) = mpsc::unbounded_channel();
        // By itself, so that what has come is kept even if the front goes.
        tokio::spawn(keep_reads(outbox.clone(), waiting, admission.clone()));
        tokio::select! {
            error = outbox.drain(write) => error,
            error = instruct(outbox, configure) => error,
            error = inform(outbox, self.status.subscribe()) => error,
            error = answer(link, &front, Inbox::new(read), admission, &reads, spoke) => error,
            () = front.cut.cancelled() => WireError::Stuck,
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

/// Tells the front what people are to be told: whole when it is new, and otherwise that it is still so.
async fn inform(outbox: &Outbox, mut status: watch::Receiver<Option<Arc<Status>>>) -> WireError {
    let mut last: Option<Arc<Status>> = None;
    loop {
        let now = status.borrow_and_update().clone();
        if let Some(now) = now {
            let message = match &last {
                Some(last) if Arc::ptr_eq(last, &now) => ToFront::StillSo,
                _ => ToFront::Status(Box::new(Status::clone(&now))),
            };
            last = Some(now);
            if let Err(error) = outbox.push(&message) {
                return error;
            }
        }
        if status.changed().await.is_err() {
            // Nobody says anything any more; the front sees how old the last word is.
            std::future::pending::<()>().await;
        }
    }
}

/// Judges and keeps reads, one group after the other, until no more can come.
async fn keep_reads<A: Admission>(
    outbox: Arc<Outbox>,
    mut waiting: mpsc::UnboundedReceiver<Read>,
    admission: Arc<A>,
) {
    let mut gather = Gather::default();
    loop {
        let group = gather.next(&mut waiting, Instant::now).await;
        if group.is_empty() {
            return;
        }
        let ids: Vec<u64> = group.iter().map(|read| read.end.id).collect();
        let kept = admission.reads(group).await;
        let ended = ids.into_iter().zip(kept);
        if let Err(error) = outbox.push_all(ended.map(|(id, kept)| ToFront::Ended { id, kept })) {
            tracing::warn!(%error, "answers did not reach the front");
        }
    }
}

async fn answer<A: Admission>(
    link: LinkId,
    front: &Front,
    mut inbox: Inbox<tokio::net::unix::OwnedReadHalf>,
    admission: &Arc<A>,
    reads: &mpsc::UnboundedSender<Read>,
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
            admission.report(link, Report::Connected).await;
        }
        let message = match message {
            ToCore::End(Ending::Unasked(read)) => {
                // Whoever keeps them ends only after this.
                let _ = reads.send(*read);
                continue;
            }
            ToCore::Revoked { number } => {
                front.followed.send_replace(number);
                continue;
            }
            ToCore::Rested(rested) => {
                front.resting.answer(rested);
                continue;
            }
            message => message,
        };
        let (admission, outbox) = (admission.clone(), front.outbox.clone());
        tokio::spawn(async move {
            let reply = match message {
                ToCore::Begin(begin) => {
                    let id = begin.id;
                    ToFront::Begun {
                        id,
                        admit: admission.begin(link, begin).await,
                    }
                }
                ToCore::End(Ending::Asked(end)) => {
                    let id = end.id;
                    ToFront::Ended {
                        id,
                        kept: admission.end(link, end).await.is_ok(),
                    }
                }
                ToCore::Closed(closed) => return admission.closed(link, closed).await,
                ToCore::Refused(refused) => return admission.refused(refused).await,
                ToCore::Flowed(flowed) => return admission.flowed(flowed).await,
                ToCore::Suites(suites) => {
                    return admission.report(link, Report::Suites(suites)).await;
                }
                ToCore::Listening { addr } => {
                    return admission.report(link, Report::Listening(addr)).await;
                }
                ToCore::ListenFailed { addr, reason } => {
                    return admission
                        .report(link, Report::ListenFailed(addr, reason))
                        .await;
                }
                ToCore::End(Ending::Unasked(_)) | ToCore::Revoked { .. } | ToCore::Rested(_) => {
                    return;
                }
            };
            if let Err(error) = outbox.push(&reply) {
                tracing::warn!(%error, "an answer did not reach the front");
            }
        });
    }
}
