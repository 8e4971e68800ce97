//! The `core` role: keys, ledger, store, accounts, schedules, checks and pages. Unprivileged; listens on no network.

mod admission;
mod asides;
mod asker;
mod authority;
mod backups;
mod believed;
mod capacity;
mod checks;
mod commands;
mod demo;
mod desk;
pub mod disclosure;
mod doors;
mod drill_book;
mod erasure;
mod faults;
mod jobs;
mod joins;
mod kept_reports;
mod localities;
mod logins;
mod marks;
mod packs;
mod people;
pub mod reading;
mod rebuild;
mod recording;
mod releases;
mod reports;
mod restored;
mod restores;
mod retention;
mod reviews;
mod rounds;
mod shares;
mod state;
mod status;
mod steady;
mod strangers;
mod suites;
mod tenants;
mod ties;
mod trails;
mod turned;
mod watching;

use std::path::Path;

use avouch_runtime::client::SupervisorClient;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::fail::Fail;
pub use backups::destinations;
pub use commands::same_clock;
pub use joins::AUTHORITIES;
pub use restored::Restored;
use state::Core;
pub use state::log_key;
pub use steady::Steady;
pub use tenants::INSTANCE_ENVIRONMENT;

/// Runs the core until told to stop.
///
/// # Errors
/// If something it holds cannot be opened; the sentence says what, and what to do.
pub async fn run(data: &Path, demo: bool) -> Result<(), Fail> {
    let supervisor = SupervisorClient::from_stdin()
        .map_err(|error| Fail::new("the core runs only under `avouch up`").from(error))?;
    let shutdown = CancellationToken::new();
    let core = Core::open(data, supervisor, shutdown.clone()).await?;
    core.say_restored().await?;
    let serving = doors::open(&core).await?;
    if demo {
        demo::accounts(&core).await?;
    }
    core.finish_erasures().await;
    let (started, starting) = tokio::sync::oneshot::channel();
    status::keep_running(&core, starting).await;
    capacity::keep_noting(&core).await;
    core.tenants_start().await?;
    drop(started);
    core.release().await?;
    let line = core.ready_line(&serving).await?;
    if demo {
        demo::figures(&core).await?;
    }
    kept_reports::keep_running(&core).await;
    reviews::keep_running(&core).await;
    core.supervisor
        .ready(line)
        .await
        .map_err(|error| Fail::new("the supervisor is gone").from(error))?;
    capacity::keep_running(&core);
    rounds::keep_running(&core);
    backups::keep_running(&core);
    asides::keep_clear(&core);
    watching::keep_running(&core);
    retention::keep_running(&core);
    if let Some(witnesses) = &core.witnesses {
        witnesses.keep_asking(core.shutdown.clone());
    }
    core.exports.keep_sending(&core);
    if let Some(logins) = &core.logins {
        logins.keep_following(&core);
    }
    tokio::select! {
        () = stopped() => {}
        () = core.supervisor_gone() => {}
    }
    shutdown.cancel();
    core.close().await;
    Ok(())
}

/// Returns when this process is told to stop.
pub async fn stopped() {
    let (Ok(mut terminate), Ok(mut interrupt)) = (
        signal(SignalKind::terminate()),
        signal(SignalKind::interrupt()),
    ) else {
        return std::future::pending().await;
    };
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
}
