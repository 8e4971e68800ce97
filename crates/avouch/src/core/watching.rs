//! What the core notices by itself and writes down: restarts, a doubtful clock, a full disk, what a crash left.

use std::sync::Arc;
use std::time::Duration;

use avouch_events::{Action, Actor, Event, Outcome};
use avouch_runtime::protocol::FromSupervisor;
use tokio::sync::broadcast::error::RecvError;

use super::state::Core;
use crate::fail::chain;

/// How often what has ended is cleared away, what was counted is kept, strangers are told of, and the clock is looked at.
const TIDY: Duration = Duration::from_secs(60);

/// Starts to watch; ends with the core.
pub fn keep_running(core: &Arc<Core>) {
    tokio::spawn(restarts(core.clone()));
    tokio::spawn(tidy(core.clone()));
}

/// Every end and restart of a process is an event, with its count.
async fn restarts(core: Arc<Core>) {
    let Ok(mut events) = core.supervisor.subscribe() else {
        return;
    };
    loop {
        let seen = match events.recv().await {
            Ok(seen) => seen,
            Err(RecvError::Lagged(missed)) => {
                let _ = core
                    .say(
                        "supervisor",
                        Outcome::Failed,
                        format!("{missed} events of the supervisor were missed"),
                    )
                    .await;
                continue;
            }
            Err(RecvError::Closed) => return,
        };
        let (name, outcome, reason) = match seen {
            FromSupervisor::Exited {
                name,
                status,
                restarts,
                restart_in: Some(pause),
            } => (
                name,
                Outcome::Failed,
                format!(
                    "{status}; restart {} in {} ms",
                    restarts + 1,
                    pause.as_millis()
                ),
            ),
            FromSupervisor::CrashLoop { name } => (
                name,
                Outcome::Failed,
                "it keeps dying; restarts are slowed down".to_owned(),
            ),
            FromSupervisor::Refused { name, reason } => (
                name,
                Outcome::Failed,
                format!("it cannot be started: {reason}"),
            ),
            _ => continue,
        };
        tracing::warn!(name, reason, "a process ended");
        let tenant = name
            .parse()
            .ok()
            .filter(|tenant| core.tenants.get(tenant).is_some());
        let event = Event::new(
            core.now(),
            Actor::platform(),
            Action::System,
            format!("process {name}"),
            outcome,
        )
        .of(tenant.as_ref())
        .because(reason);
        let _ = core.record(event).await;
    }
}

async fn tidy(core: Arc<Core>) {
    let mut doubted = core.steady.doubt(core.now()).is_some();
    loop {
        tokio::select! {
            () = tokio::time::sleep(TIDY) => {}
            () = core.shutdown.cancelled() => return,
        }
        core.tell_of_strangers().await;
        core.keep_suites().await;
        let doubt = core.doubt();
        if doubt.is_some() != doubted {
            let _ = match &doubt {
                Some(doubt) => core.say_doubt(doubt).await,
                None => {
                    let again = "the clock is believed again";
                    core.say("clock", Outcome::Done, again).await
                }
            };
            doubted = doubt.is_some();
        }
        if doubted {
            continue;
        }
        if let Err(error) = core.access.tidy(core.now()).await {
            tracing::warn!(
                error = chain(&error),
                "ended sessions were not cleared away"
            );
        }
        if let Err(error) = core.suites.tidy(&core.store, core.now()).await {
            tracing::warn!(
                error = chain(&error),
                "what connections negotiated long ago was not cleared away"
            );
        }
        match core.access.run_out(core.now()).await {
            Ok(late) => {
                for request in late {
                    let what = format!("run out: {}", request.act);
                    let event = Event::new(
                        core.now(),
                        Actor::platform(),
                        Action::Administration,
                        what,
                        Outcome::Done,
                    )
                    .of(request.tenant.as_ref())
                    .because("no second person went along with it in time")
                    .with("request", &request.id)
                    .with("asked-by", request.by.as_str());
                    let _ = core.record(event).await;
                }
            }
            Err(error) => tracing::warn!(
                error = chain(&error),
                "requests for a second person were not ended"
            ),
        }
    }
}
