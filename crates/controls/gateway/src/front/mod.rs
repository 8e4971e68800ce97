//! The `front` role: unprivileged, reads no file, does what the core configures.

mod body;
mod connection;
mod flow;
mod hop;
mod io;
mod late;
mod listen;
mod open;
mod patience;
mod refusals;
mod request;
mod serving;
mod status;
mod tenant;
mod tunnel;
mod unasked;
mod uses;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::{Instant, MissedTickBehavior, interval, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use self::flow::Flows;
use self::hop::Hop;
use self::listen::{Gate, Kind, accept};
use self::refusals::Refusals;
use self::serving::Serving;
pub use self::serving::ServingError;
use self::status::Board;
use self::tunnel::Tunnels;
use self::uses::Uses;
use crate::link::{Configure, FrontEnd, Order, ToCore};
use crate::tls::SuiteCounts;

/// Reads the time.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// How often counts (of refusals, of connections and of suites) are told to the core.
const TELL_EVERY: Duration = Duration::from_secs(1);

/// What lives as long as the role, whatever the configuration.
struct Shared {
    link: Arc<FrontEnd>,
    hop: Hop,
    refusals: Refusals,
    flows: Arc<Flows>,
    suites: SuiteCounts,
    tunnels: Arc<Tunnels>,
    uses: Uses,
    board: Board,
    clock: Clock,
}

/// Runs the role until `shutdown`: connects to the core at `link`, serves as it configures, and connects again when it
/// is lost. Connections then have five seconds to finish; tunnels are cut at once.
///
/// `held` are listeners opened before, where this role is not allowed to open them: an address that one of them has is
/// taken from there.
///
/// What goes wrong with a configuration (a port in use, a bad certificate) is told to the core and nothing is served.
pub async fn run(
    link: PathBuf,
    held: Vec<std::net::TcpListener>,
    clock: Clock,
    shutdown: CancellationToken,
) {
    let front = Arc::new(FrontEnd::default());
    let (send_orders, orders) = mpsc::channel(16);
    let stop_link = CancellationToken::new();
    let keeper = tokio::spawn({
        let (front, stop_link) = (front.clone(), stop_link.clone());
        async move { front.keep(&link, send_orders, stop_link).await }
    });
    let tunnels = Arc::new(Tunnels::new(front.clone(), shutdown.clone()));
    let shared = Arc::new(Shared {
        refusals: Refusals::new(front.clone()),
        flows: Arc::new(Flows::new(front.clone())),
        hop: Hop::default(),
        suites: SuiteCounts::default(),
        tunnels: tunnels.clone(),
        uses: Uses::default(),
        board: Board::default(),
        clock,
        link: front,
    });
    let mut role = Role {
        shared: shared.clone(),
        held,
        connections: TaskTracker::new(),
        running: None,
    };
    role.obey(orders, &shutdown).await;

    if let Some(running) = role.running.take() {
        running.stop().await;
    }
    role.connections.close();
    // What is left after the grace is cut when the runtime ends.
    let finished = timeout(connection::GRACE, async {
        tokio::join!(role.connections.wait(), tunnels.gone())
    })
    .await;
    if finished.is_err() {
        tracing::warn!("connections were cut at shutdown");
    }
    tell_counts(&shared);
    stop_link.cancel();
    if keeper.await.is_err() {
        tracing::error!("the link's keeper stopped by itself");
    }
}

struct Role {
    shared: Arc<Shared>,
    held: Vec<std::net::TcpListener>,
    connections: TaskTracker,
    running: Option<Running>,
}

/// Open listeners, and what they serve with now.
struct Running {
    configure: Configure,
    bound: u16,
    addresses: Vec<SocketAddr>,
    serving: watch::Sender<Arc<Serving>>,
    closing: CancellationToken,
    listeners: Vec<JoinHandle<()>>,
}

impl Running {
    /// Tells everything to close and waits until the sockets are free.
    async fn stop(self) {
        self.closing.cancel();
        self.serving.borrow().closing.cancel();
        for listener in self.listeners {
            if listener.await.is_err() {
                tracing::error!("a listener stopped by itself");
            }
        }
    }

    /// Whether the same sockets will do for another configuration.
    fn fits(&self, other: &Configure) -> bool {
        let now = &self.configure;
        now.listen == other.listen
            && now.http_redirect == other.http_redirect
            && now.limits.connections == other.limits.connections
    }
}

impl Role {
    async fn obey(&mut self, mut orders: mpsc::Receiver<Order>, shutdown: &CancellationToken) {
        let mut tick = interval(TELL_EVERY);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = shutdown.cancelled() => return,
                _ = tick.tick() => tell_counts(&self.shared),
                order = orders.recv() => match order {
                    Some(Order::Configure(configure)) => self.configure(*configure).await,
                    Some(Order::Revoke { session, number }) => {
                        self.shared.tunnels.cut(session);
                        self.shared.board.forget_session(session);
                        self.shared.link.revoked(number);
                    }
                    Some(Order::Rest { tenant, number }) => {
                        let quiet = self.shared.uses.of(&tenant, Instant::now());
                        self.shared.link.rested(number, quiet);
                    }
                    Some(Order::Tell(status)) => {
                        self.shared.board.hear(status, (self.shared.clock)());
                    }
                    None => return,
                },
            }
        }
    }

    /// Takes a configuration on: the same sockets where they fit, others otherwise.
    async fn configure(&mut self, configure: Configure) {
        if let Some(running) = self
            .running
            .as_mut()
            .filter(|running| running.fits(&configure))
        {
            if running.configure != configure {
                match Serving::new(
                    configure.clone(),
                    running.bound,
                    self.shared.clone(),
                    CancellationToken::new(),
                ) {
                    Ok(serving) => {
                        running
                            .serving
                            .send_replace(Arc::new(serving))
                            .closing
                            .cancel();
                        running.configure = configure;
                    }
                    Err(error) => return self.fail(&configure, &error),
                }
            }
        } else {
            if let Some(running) = self.running.take() {
                running.stop().await;
            }
            self.open(configure).await;
        }
        if let Some(running) = &self.running {
            for addr in &running.addresses {
                self.shared.link.say(&ToCore::Listening { addr: *addr });
            }
        }
    }

    async fn open(&mut self, configure: Configure) {
        let mut sockets = Vec::new();
        let wanted = configure.listen.iter().map(|addr| (*addr, Kind::Tls));
        for (addr, kind) in wanted.chain(configure.http_redirect.map(|addr| (addr, Kind::Redirect)))
        {
            match listener(&self.held, addr).await {
                Ok(listener) => sockets.push((listener, kind)),
                Err(error) => {
                    return self.shared.link.say(&ToCore::ListenFailed {
                        addr,
                        reason: error.to_string(),
                    });
                }
            }
        }
        let addresses: Vec<SocketAddr> = sockets
            .iter()
            .filter_map(|(listener, _)| listener.local_addr().ok())
            .collect();
        let bound = addresses.first().map(SocketAddr::port).unwrap_or_default();
        let serving = match Serving::new(
            configure.clone(),
            bound,
            self.shared.clone(),
            CancellationToken::new(),
        ) {
            Ok(serving) => serving,
            Err(error) => return self.fail(&configure, &error),
        };
        let places =
            usize::try_from(configure.limits.connections).unwrap_or(Semaphore::MAX_PERMITS);
        let (send, serving) = watch::channel(Arc::new(serving));
        let gate = Gate {
            serving,
            places: Arc::new(Semaphore::new(places)),
            connections: self.connections.clone(),
            closing: CancellationToken::new(),
        };
        let closing = gate.closing.clone();
        let listeners = sockets
            .into_iter()
            .map(|(listener, kind)| tokio::spawn(accept(listener, kind, gate.clone())))
            .collect();
        self.running = Some(Running {
            configure,
            bound,
            addresses,
            serving: send,
            closing,
            listeners,
        });
    }

    fn fail(&self, configure: &Configure, error: &ServingError) {
        let mut reason = error.to_string();
        let mut cause = std::error::Error::source(error);
        while let Some(error) = cause {
            reason = format!("{reason}: {error}");
            cause = error.source();
        }
        for addr in &configure.listen {
            self.shared.link.say(&ToCore::ListenFailed {
                addr: *addr,
                reason: reason.clone(),
            });
        }
    }
}

/// The held listener of this address, or a new one.
async fn listener(
    held: &[std::net::TcpListener],
    addr: SocketAddr,
) -> std::io::Result<TcpListener> {
    let own = held
        .iter()
        .find(|listener| listener.local_addr().is_ok_and(|own| own == addr));
    match own {
        Some(listener) => {
            let listener = listener.try_clone()?;
            listener.set_nonblocking(true)?;
            TcpListener::from_std(listener)
        }
        None => TcpListener::bind(addr).await,
    }
}

fn tell_counts(shared: &Shared) {
    shared.refusals.next_second();
    shared.flows.next_second();
    let suites = shared.suites.take();
    if !suites.is_empty() {
        shared.link.say(&ToCore::Suites(suites));
    }
}
