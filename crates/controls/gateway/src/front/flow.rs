//! What is told of each connection once it is over: from where to where, how long, how many bytes each way, and whether it
//! was let in. Bytes are those of the transport, with all that TLS adds.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::Instant;
use tokio_util::io::{InspectReader, InspectWriter};

use crate::link::{Flowed, FrontEnd, ToCore};
use crate::refusal::Refusal;

/// Connections of strangers that are told one by one in a second. Of more than these, how many there were is told.
const EACH_SECOND: u32 = 100;

/// One connection, told when the last of it is gone: it may have become a tunnel.
#[derive(Debug)]
pub(super) struct Flow {
    told_to: Option<Arc<Flows>>,
    client: SocketAddr,
    local: SocketAddr,
    began: Instant,
    received: AtomicU64,
    sent: AtomicU64,
    /// The name that was asked for in the handshake.
    name: OnceLock<String>,
    let_in: AtomicBool,
    refused: OnceLock<String>,
    /// Whether somebody who is signed in went over it to an application.
    known: AtomicBool,
}

impl Flow {
    /// Begins to count. Nothing is told where there is nobody to tell it to.
    pub(super) fn new(
        told_to: Option<Arc<Flows>>,
        socket: &TcpStream,
        client: SocketAddr,
    ) -> Arc<Self> {
        let nowhere = SocketAddr::from(([0, 0, 0, 0], 0));
        Arc::new(Self {
            told_to,
            client,
            local: socket.local_addr().unwrap_or(nowhere),
            began: Instant::now(),
            received: AtomicU64::new(0),
            sent: AtomicU64::new(0),
            name: OnceLock::new(),
            let_in: AtomicBool::new(false),
            refused: OnceLock::new(),
            known: AtomicBool::new(false),
        })
    }

    /// The same bytes, counted.
    pub(super) fn counted(
        self: &Arc<Self>,
        socket: TcpStream,
    ) -> impl AsyncRead + AsyncWrite + Unpin + Send + 'static {
        let (up, down) = (self.clone(), self.clone());
        let reading = InspectReader::new(socket, move |bytes: &[u8]| {
            up.received.fetch_add(length(bytes), Ordering::Relaxed);
        });
        InspectWriter::new(reading, move |bytes: &[u8]| {
            down.sent.fetch_add(length(bytes), Ordering::Relaxed);
        })
    }

    /// It was let in, by this name.
    pub(super) fn let_in(&self, name: &str) {
        let _ = self.name.set(name.to_owned());
        self.let_in.store(true, Ordering::Relaxed);
    }

    /// It was turned away.
    pub(super) fn refuse(&self, refusal: &Refusal) {
        let _ = self.refused.set(refusal.reason().to_owned());
    }

    /// Somebody who is signed in went over it.
    pub(super) fn belongs_to_somebody(&self) {
        self.known.store(true, Ordering::Relaxed);
    }
}

impl Drop for Flow {
    fn drop(&mut self) {
        let Some(told_to) = self.told_to.take() else {
            return;
        };
        let refused = match self.refused.take() {
            None if !self.let_in.load(Ordering::Relaxed) => Some(NO_HANDSHAKE.to_owned()),
            refused => refused,
        };
        told_to.tell(Flowed {
            client: self.client,
            local: self.local,
            host: self.name.take(),
            refused,
            known: self.known.load(Ordering::Relaxed),
            received: self.received.load(Ordering::Relaxed),
            sent: self.sent.load(Ordering::Relaxed),
            micros: u64::try_from(self.began.elapsed().as_micros()).unwrap_or(u64::MAX),
            count: 1,
        });
    }
}

/// Why a connection was not let in that went away before it had said enough.
const NO_HANDSHAKE: &str = "no-handshake";

/// Tells the core of connections, of strangers' only as many one by one as a flood may take up.
#[derive(Debug)]
pub(super) struct Flows {
    link: Arc<FrontEnd>,
    this_second: Mutex<Second>,
}

#[derive(Debug, Default)]
struct Second {
    told: u32,
    /// What waits to be told as a count, by why it was refused.
    untold: HashMap<Option<String>, Flowed>,
}

impl Flows {
    pub(super) fn new(link: Arc<FrontEnd>) -> Self {
        Self {
            link,
            this_second: Mutex::default(),
        }
    }

    fn tell(&self, flowed: Flowed) {
        // What comes from this machine itself, the checks among it, is no stranger's: the core bounds it.
        if !flowed.known && flowed.client.ip() != flowed.local.ip() {
            let mut second = self.second();
            if second.told >= EACH_SECOND {
                second.add(flowed);
                return;
            }
            second.told += 1;
        }
        self.link.say(&ToCore::Flowed(flowed));
    }

    /// Ends the second: tells the counts.
    pub(super) fn next_second(&self) {
        let second = std::mem::take(&mut *self.second());
        for flowed in second.untold.into_values() {
            self.link.say(&ToCore::Flowed(flowed));
        }
    }

    fn second(&self) -> std::sync::MutexGuard<'_, Second> {
        self.this_second
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl Second {
    fn add(&mut self, flowed: Flowed) {
        match self.untold.get_mut(&flowed.refused) {
            Some(counted) => {
                counted.count += flowed.count;
                counted.received = counted.received.saturating_add(flowed.received);
                counted.sent = counted.sent.saturating_add(flowed.sent);
            }
            None => {
                self.untold.insert(flowed.refused.clone(), flowed);
            }
        }
    }
}

fn length(bytes: &[u8]) -> u64 {
    u64::try_from(bytes.len()).unwrap_or(u64::MAX)
}
