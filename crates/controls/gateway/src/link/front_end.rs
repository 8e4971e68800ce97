//! The front's end of the link: asks, waits, and knows when the core is gone.

use std::collections::HashMap;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::net::UnixStream;
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use super::message::{
    Admit, Begin, Configure, End, Ending, Outcome, Read, SessionTag, ToCore, ToFront,
};
use super::rest::{Quiet, Rested};
use super::status::Status;
use super::warrant::Warrants;
use super::wire::{Inbox, Outbox, WireError};

/// The core cannot be reached; nothing may pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the core cannot be reached")]
pub struct LinkLost;

/// What the core orders unasked.
#[derive(Debug)]
pub enum Order {
    /// Serve by these rules.
    Configure(Box<Configure>),
    /// Close the tunnels of this session, and say so.
    Revoke {
        /// Which session.
        session: SessionTag,
        /// What to say with [`FrontEnd::revoked`].
        number: u64,
    },
    /// Say what is under way to this tenant's instance.
    Rest {
        /// The tenant.
        tenant: String,
        /// What to say with [`FrontEnd::rested`].
        number: u64,
    },
    /// Tell people this; `None`: what was said last is still so.
    Tell(Option<Box<Status>>),
}

/// The front's end. Shared by all requests; survives a core that restarts.
#[derive(Debug)]
pub struct FrontEnd {
    next: AtomicU64,
    line: Mutex<Line>,
    warrants: Warrants,
}

#[derive(Debug, Default)]
struct Line {
    outbox: Option<Arc<Outbox>>,
    begun: HashMap<u64, oneshot::Sender<Admit>>,
    ended: HashMap<u64, Told>,
    /// Reads that went on an earlier word and that no core has kept yet; told as soon as there is one.
    owed: Vec<Read>,
}

/// An end that the core has been told and has not kept yet.
#[derive(Debug)]
struct Told {
    end: Ending,
    /// Who waits for it; nobody when the client has gone.
    waiting: Option<oneshot::Sender<bool>>,
}

impl Line {
    /// Tells an end. Without a core, a read that nothing was said of so far is told later.
    fn tell(
        &mut self,
        end: Ending,
        waiting: Option<oneshot::Sender<bool>>,
    ) -> Result<(), LinkLost> {
        let Some(outbox) = &self.outbox else {
            self.owe(end);
            return Err(LinkLost);
        };
        let message = ToCore::End(end);
        let pushed = outbox.push(&message);
        if let ToCore::End(end) = message {
            self.ended.insert(end.id(), Told { end, waiting });
        }
        pushed.map_err(|_| LinkLost)
    }

    fn owe(&mut self, end: Ending) {
        let Ending::Unasked(read) = end else { return };
        if self.owed.len() < OWED {
            self.owed.push(*read);
        } else {
            tracing::error!("too many reads wait for a core: one leaves no event");
        }
    }

    /// The core is gone: whoever waits learns it, and what it has not kept is for the next.
    fn lose(&mut self) {
        self.outbox = None;
        self.begun.clear();
        for told in std::mem::take(&mut self.ended).into_values() {
            self.owe(told.end);
        }
    }
}

impl Default for FrontEnd {
    /// Numbers start anywhere, so that a front that restarts does not repeat those of the one before.
    fn default() -> Self {
        let mut start = [0; 8];
        // Without randomness TLS could not be spoken either; a start at zero is then no loss.
        let _ = aws_lc_rs::rand::fill(&mut start);
        Self {
            next: AtomicU64::new(u64::from_be_bytes(start)),
            line: Mutex::default(),
            warrants: Warrants::default(),
        }
    }
}

impl FrontEnd {
    /// A number for a request, never used twice by this process.
    pub fn id(&self) -> u64 {
        self.next.fetch_add(1, Ordering::Relaxed)
    }

    /// The core's words that may be used again.
    pub(crate) const fn warrants(&self) -> &Warrants {
        &self.warrants
    }

    /// Asks what is to happen to a request.
    ///
    /// # Errors
    /// The core is gone, or goes before it answers.
    pub async fn begin(&self, begin: Begin) -> Result<Admit, LinkLost> {
        let (tell, told) = oneshot::channel();
        let mut asking = Asking {
            link: self,
            id: begin.id,
            told,
        };
        {
            let mut line = self.line();
            let outbox = line.outbox.clone().ok_or(LinkLost)?;
            line.begun.insert(begin.id, tell);
            drop(line);
            outbox.push(&ToCore::Begin(begin)).map_err(|_| LinkLost)?;
        }
        (&mut asking.told).await.map_err(|_| LinkLost)
    }

    /// Tells an outcome and waits until it is kept; `false` means that the core could not keep it.
    ///
    /// # Errors
    /// The core is gone, or goes before it answers.
    pub async fn end(&self, end: Ending) -> Result<bool, LinkLost> {
        let (tell, told) = oneshot::channel();
        self.line().tell(end, Some(tell))?;
        told.await.map_err(|_| LinkLost)
    }

    /// Tells the outcome of a request whose client has gone, so that nobody waits.
    pub fn end_alone(&self, end: Ending) {
        // Without a core it waits for the next.
        let _ = self.line().tell(end, None);
    }

    /// Says that a revocation has been followed.
    pub fn revoked(&self, number: u64) {
        self.say(&ToCore::Revoked { number });
    }

    /// Says what is under way to a tenant's instance.
    pub fn rested(&self, number: u64, quiet: Quiet) {
        self.say(&ToCore::Rested(Rested { number, quiet }));
    }

    /// Says something that needs no answer; dropped while the core is gone.
    pub fn say(&self, message: &ToCore) {
        let outbox = self.line().outbox.clone();
        if let Some(Err(error)) = outbox.map(|outbox| outbox.push(message)) {
            tracing::warn!(%error, "a message to the core was dropped");
        }
    }

    /// Keeps the link up until shutdown: connects, reads, and connects again when it is lost.
    pub async fn keep(
        &self,
        path: &Path,
        orders: mpsc::Sender<Order>,
        shutdown: CancellationToken,
    ) {
        let mut pause = FIRST_PAUSE;
        loop {
            if let Ok(socket) = UnixStream::connect(path).await {
                pause = FIRST_PAUSE;
                tokio::select! {
                    error = self.hold(socket, &orders) => tracing::info!(%error, "the link to the core was lost; until it is back nothing passes"),
                    () = shutdown.cancelled() => {}
                }
                self.warrants.forget_all();
                self.line().lose();
            }
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = shutdown.cancelled() => return,
            }
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    async fn hold(&self, socket: UnixStream, orders: &mpsc::Sender<Order>) -> WireError {
        let (read, write) = socket.into_split();
        let outbox = Arc::new(Outbox::default());
        {
            let mut line = self.line();
            line.outbox = Some(outbox.clone());
            for read in std::mem::take(&mut line.owed) {
                // What cannot be told now is owed again when the link is lost.
                let _ = line.tell(Ending::Unasked(Box::new(read)), None);
            }
        }
        tokio::select! {
            error = outbox.drain(write) => error,
            error = self.listen(Inbox::new(read), orders) => error,
        }
    }

    async fn listen(
        &self,
        mut inbox: Inbox<tokio::net::unix::OwnedReadHalf>,
        orders: &mpsc::Sender<Order>,
    ) -> WireError {
        loop {
            let order = match inbox.next::<ToFront>().await {
                Ok(Some(ToFront::Begun { id, admit })) => {
                    let forwards = matches!(admit, Admit::Forward { .. });
                    let waiting = self.line().begun.remove(&id);
                    if waiting.is_some_and(|tell| tell.send(admit).is_err()) && forwards {
                        self.end_alone(gone(id));
                    }
                    continue;
                }
                Ok(Some(ToFront::Ended { id, kept })) => {
                    let told = self.line().ended.remove(&id);
                    // Nobody waits when the client has gone; the event is kept all the same.
                    let _ = told
                        .and_then(|told| told.waiting)
                        .map(|tell| tell.send(kept));
                    continue;
                }
                Ok(Some(ToFront::Configure(configure))) => Order::Configure(configure),
                Ok(Some(ToFront::Revoke { session, number })) => {
                    self.warrants.revoke(session);
                    Order::Revoke { session, number }
                }
                Ok(Some(ToFront::Rest { tenant, number })) => {
                    // First this: what began before is counted, and what begins after is asked about.
                    self.warrants.rest(&tenant);
                    Order::Rest { tenant, number }
                }
                Ok(Some(ToFront::Status(status))) => Order::Tell(Some(status)),
                Ok(Some(ToFront::StillSo)) => Order::Tell(None),
                Ok(None) => return WireError::Io(std::io::ErrorKind::UnexpectedEof.into()),
                Err(error) => return error,
            };
            if orders.send(order).await.is_err() {
                return WireError::Io(std::io::ErrorKind::BrokenPipe.into());
            }
        }
    }

    fn line(&self) -> std::sync::MutexGuard<'_, Line> {
        self.line.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A question under way. If its client goes away first, a word to forward is answered with an end all the same.
struct Asking<'a> {
    link: &'a FrontEnd,
    id: u64,
    told: oneshot::Receiver<Admit>,
}

impl Drop for Asking<'_> {
    fn drop(&mut self) {
        self.told.close();
        if let Ok(Admit::Forward { .. }) = self.told.try_recv() {
            self.link.end_alone(gone(self.id));
        }
    }
}

/// The end of a request whose client went away before anything was forwarded. 499 is what proxies commonly log for it.
const fn gone(id: u64) -> Ending {
    Ending::Asked(End {
        id,
        status: 499,
        bytes: None,
        micros: 0,
        subjects: Vec::new(),
        outcome: Outcome::ClientGone,
    })
}

/// Reads that may wait for a core at most: far more than go on an earlier word within the second that it is away.
const OWED: usize = 10_000;
/// A core that restarts is back within a second; asking this often costs nothing.
const FIRST_PAUSE: Duration = Duration::from_millis(20);
const LONGEST_PAUSE: Duration = Duration::from_millis(500);
