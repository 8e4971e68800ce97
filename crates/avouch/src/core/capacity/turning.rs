//! Stops what nobody needs, starts what somebody asks for, and writes down when each ran and was needed.

use std::sync::Arc;
use std::time::Duration;

use avouch_events::{Action, Actor, Event, Outcome};
use avouch_runtime::capacity::{Idle, Whose};
use avouch_runtime::protocol::{FromSupervisor, Status};
use avouch_statement::TenantId;
use jiff::Timestamp;
use nix::sys::signal::Signal;
use tokio::sync::broadcast::error::RecvError;
use tokio::time::{Instant, timeout};

use super::{Busy, Note, Phase, Turn, turned};
use crate::core::state::Core;
use crate::core::tenants::Tenant;
use crate::fail::{Fail, chain};

/// How often it is seen who needs what.
const LOOK: Duration = Duration::from_secs(1);
/// How long a request waits for an application that was stopped, before it goes on and the front says that nobody answers.
const WAKE: Duration = Duration::from_secs(20);

/// What the trail calls it.
pub(super) const PROCESS: &str = "instance process";
/// By what it began to be needed, unless it was open before.
pub(super) const REQUEST: &str = "a request";

/// The words for whose need it is.
pub(super) const fn need(whose: Whose) -> &'static str {
    match whose {
        Whose::People => "instance needed by people",
        Whose::Own => "instance needed by the service",
    }
}

/// Writes down from now on when applications start and end. Before the first is started.
pub async fn keep_noting(core: &Arc<Core>) {
    if core.capacity.idle.is_none() {
        return;
    }
    let Ok(mut events) = core.supervisor.subscribe() else {
        return;
    };
    if let Some(from) = core.capacity.unseen {
        for tenant in core.tenants.ids() {
            let event = core.noted(&tenant, format!("{PROCESS} unseen"));
            let event = event.because("this core was not there");
            let _ = core.record(event.with("from", from.to_string())).await;
        }
    }
    let core = core.clone();
    tokio::spawn(async move {
        loop {
            match events.recv().await {
                Ok(seen) => core.note_process(seen).await,
                Err(RecvError::Lagged(missed)) => {
                    tracing::warn!(missed, "starts and ends of applications were not noted");
                }
                Err(RecvError::Closed) => return,
            }
        }
    });
}

/// Stops from now on what nobody needs; ends with the core.
pub fn keep_running(core: &Arc<Core>) {
    let Some(idle) = core.capacity.idle else {
        return;
    };
    let core = core.clone();
    tokio::spawn(async move {
        loop {
            tokio::select! {
                () = tokio::time::sleep(LOOK) => {}
                () = core.shutdown.cancelled() => return,
            }
            let known = core.tenants.ids();
            let (notes, turning) = core.capacity.due(&idle, &known, Instant::now());
            for tenant in turning {
                let core = core.clone();
                tokio::spawn(async move { core.turn(&idle, &tenant).await });
            }
            for (tenant, note) in notes {
                core.write_note(&tenant, note).await;
            }
        }
    });
}

impl Core {
    /// Returns once this tenant's application runs, or has been waited for long enough.
    pub async fn awake(self: &Arc<Self>, tenant: &Tenant) {
        loop {
            match self.capacity.turn(&tenant.id) {
                Turn::Go => return,
                Turn::Wait(mut turning) => turned(&mut turning).await,
                Turn::Wake => {
                    let (core, tenant) = (self.clone(), tenant.clone());
                    // By itself, so that it comes to its end whoever still waits for it.
                    tokio::spawn(async move { core.wake(&tenant).await });
                }
            }
        }
    }

    /// Starts this tenant's application if it rests; it does not rest again while this is held.
    pub async fn kept_awake(self: &Arc<Self>, tenant: &Tenant) -> Busy {
        let busy = self.capacity.enter(&tenant.id, Whose::Own);
        if busy.rests {
            self.awake(tenant).await;
        }
        busy
    }

    async fn wake(&self, tenant: &Tenant) {
        let starting = async {
            self.tenant_begin(tenant).await?;
            match timeout(WAKE, self.tenant_wait(tenant)).await {
                Ok(waited) => waited,
                Err(_) => Err(Fail::new(format!(
                    "the application of `{}` was stopped because nobody used it, and does not come back",
                    tenant.id
                ))),
            }
        };
        if let Err(fail) = starting.await {
            // Whoever asks is told by the front, and the status page from now on.
            tracing::error!(%fail, "a request goes on without its application");
        }
        self.capacity.set(&tenant.id, Phase::Awake);
    }

    /// Asks the fronts about an application that turns, and stops it if nobody needs it.
    async fn turn(&self, idle: &Idle, tenant: &TenantId) {
        let quiet = self.link.rest(tenant.as_str()).await;
        let now = (Instant::now(), self.now());
        let (notes, stop) = self.capacity.settle(idle, tenant, quiet, now);
        for note in notes {
            self.write_note(tenant, note).await;
        }
        if !stop {
            return;
        }
        let phase = match self.capacity.is_unused(tenant) {
            // Somebody has come: they wait for the end of this.
            false => Phase::Awake,
            true => match self.supervisor.stop(tenant.as_str()).await {
                Ok(()) => Phase::Asleep,
                Err(error) => {
                    tracing::warn!(error = chain(&error), "an application was not stopped");
                    Phase::Awake
                }
            },
        };
        self.capacity.set(tenant, phase);
    }

    async fn write_note(&self, tenant: &TenantId, note: Note) {
        let event = match note {
            Note::Began(whose, since, request) => self
                .noted(tenant, format!("{} began", need(whose)))
                .because(if request { REQUEST } else { "what was open" })
                .with("since", since.to_string()),
            Note::Over(whose, last) => self
                .noted(tenant, format!("{} ended", need(whose)))
                .because("nothing since")
                .with("last", last.to_string()),
        };
        // What is not recorded is said where it failed.
        let _ = self.record(event).await;
    }

    async fn note_process(&self, seen: FromSupervisor) {
        let name = match &seen {
            FromSupervisor::Started { name, .. } | FromSupervisor::Exited { name, .. } => name,
            _ => return,
        };
        let tenant = name.parse::<TenantId>().ok();
        let Some(tenant) = tenant.filter(|tenant| self.tenants.get(tenant).is_some()) else {
            return;
        };
        let now = self.now();
        let event = match seen {
            FromSupervisor::Started { ran, .. } => {
                let since = now.checked_sub(ran).unwrap_or(now);
                self.noted(&tenant, format!("{PROCESS} started"))
                    .because("it is needed")
                    .with("since", since.to_string())
            }
            FromSupervisor::Exited {
                status, restart_in, ..
            } => {
                let forced =
                    restart_in.is_none() && status == Status::Signal(Signal::SIGKILL as i32);
                let mut event = self.noted(&tenant, format!("{PROCESS} ended"));
                if forced {
                    event.outcome = Outcome::Failed;
                }
                event
                    .because(status.to_string())
                    .with("told-to", restart_in.is_none().to_string())
            }
            _ => return,
        };
        let _ = self.record(event).await;
    }

    fn noted(&self, tenant: &TenantId, object: String) -> Event {
        let (now, platform): (Timestamp, Actor) = (self.now(), Actor::platform());
        Event::new(now, platform, Action::System, object, Outcome::Done).of(Some(tenant))
    }
}
