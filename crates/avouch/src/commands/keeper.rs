//! `avouch keeper`: receives other machines' backups, on a machine that they cannot take over.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use avouch_backup::vault::{Kept, Report, Service, Vault, VaultError, serve};
use avouch_statement::Slug;
use tokio::net::TcpListener;
use tokio::sync::mpsc;

use super::block_on;
use crate::cli::{Global, Keeper};
use crate::core::Steady;
use crate::fail::{Fail, chain};
use crate::{clock, log_to_stderr, print, statement_file, talk};

/// How often everything is gone through when nothing came: windows end, and files are read for damage.
const ROUND: Duration = Duration::from_secs(1800);

/// Does what was asked of a keeper.
pub fn run(global: &Global, state: &Path, command: Keeper) -> Result<u8, Fail> {
    let unfit = |error: VaultError| {
        Fail::new(format!(
            "the keeper in `{}` cannot be used",
            state.display()
        ))
        .from(error)
    };
    if let Keeper::Run { names, .. } = &command
        && !names.is_empty()
    {
        Vault::name(state, names).map_err(unfit)?;
    }
    let vault = Vault::open(state).map_err(unfit)?;
    match command {
        Keeper::Run { listen, .. } => {
            log_to_stderr();
            block_on(keep(global.json, Arc::new(vault), listen))
        }
        Keeper::Add {
            name,
            destination,
            room,
        } => add(global, &vault, &name, &destination, &room),
        Keeper::List => list(global.json, &vault),
        Keeper::Believe { time } => {
            let now = clock()();
            crate::core::same_clock(now, time)?;
            vault.see(now).map_err(unfit)?;
            talk(
                "The keeper believes this machine's clock from its next round on, within half an hour.",
            );
            Ok(0)
        }
        Keeper::Reinstate { name, repository } => {
            let service = known(&vault, &name)?;
            vault
                .shelf(&service, &repository)
                .reinstate()
                .map_err(|error| Fail::new("it could not be put in place").from(error))?;
            talk(&format!(
                "The writer of `{name}/{repository}` sees what is kept, and nothing else."
            ));
            Ok(0)
        }
    }
}

async fn keep(json: bool, vault: Arc<Vault>, listen: SocketAddr) -> Result<u8, Fail> {
    let unheard =
        |error: std::io::Error| Fail::new(format!("cannot listen on {listen}")).from(error);
    let listener = TcpListener::bind(listen).await.map_err(unheard)?;
    let address = listener.local_addr().map_err(unheard)?;
    let key = vault.key();
    if json {
        print(
            &serde_json::json!({ "ready": true, "address": address.to_string(), "key": key })
                .to_string(),
        );
    } else {
        print(&format!("key {key}\nlistening on {address}"));
    }
    let (come, coming) = mpsc::unbounded_channel();
    let serving = serve(Arc::clone(&vault), listener, clock(), come);
    tokio::select! {
        served = serving => served.map_err(|error| Fail::new("the keeper has stopped").from(error))?,
        gone_through = rounds(vault, coming) => gone_through?,
    }
    Ok(0)
}

/// Reads back what came as it comes, and goes through everything from time to time.
async fn rounds(
    vault: Arc<Vault>,
    mut coming: mpsc::UnboundedReceiver<(Service, Slug)>,
) -> Result<(), Fail> {
    let unkept = |error| Fail::new("the keeper's own files cannot be used").from(error);
    let mut kept = vault.seen().map_err(unkept)?;
    let steady = Steady::new(clock()(), kept);
    let mut beat = tokio::time::interval(ROUND);
    loop {
        let one = tokio::select! {
            _ = beat.tick() => None,
            Some(one) = coming.recv() => Some(one),
        };
        let now = clock()();
        let said = vault.seen().map_err(unkept)?;
        if said != kept {
            tracing::info!(?said, "somebody has compared the clock with another");
            steady.believe(now);
        }
        let doubt = steady.doubt(now);
        let sure = doubt.is_none();
        if let Some(doubt) = doubt {
            tracing::warn!(doubt, "the clock is in doubt, so nothing is removed");
            kept = said;
        } else {
            vault.see(now).map_err(unkept)?;
            kept = Some(now);
        }
        let vault = Arc::clone(&vault);
        let gone_through = tokio::task::spawn_blocking(move || match one {
            Some((service, repository)) => round(&vault, &service, Some(&repository), sure),
            None => {
                for service in vault.services().unwrap_or_default() {
                    round(&vault, &service, None, sure);
                }
            }
        });
        gone_through
            .await
            .map_err(|error| Fail::new("a round was not finished").from(error))?;
    }
}

/// One repository of a service, or all.
fn round(vault: &Vault, service: &Service, only: Option<&Slug>, steady: bool) {
    let shelves = match vault.shelves(service) {
        Ok(shelves) => shelves,
        Err(error) => return tracing::error!(error = chain(&error), "a service cannot be read"),
    };
    for shelf in shelves {
        if only.is_some_and(|only| only != shelf.name()) {
            continue;
        }
        let (service_name, repository) = (&service.name, shelf.name());
        match shelf.round(vault, service, clock()(), steady) {
            Ok(report) => say(service_name, repository, &report),
            Err(error) => tracing::error!(
                service = %service_name, %repository, error = chain(&error),
                "a repository was not gone through"
            ),
        }
    }
}

fn say(service: &Slug, repository: &Slug, report: &Report) {
    for id in &report.verified {
        tracing::info!(%service, %repository, snapshot = %id, "read back and kept");
    }
    for id in &report.removed {
        tracing::info!(%service, %repository, snapshot = %id, "had its time and was removed");
    }
    for finding in &report.findings {
        tracing::warn!(%service, %repository, finding, "something is wrong");
    }
}

/// Lets a service write, as its statement promises.
fn add(
    global: &Global,
    vault: &Vault,
    name: &Slug,
    destination: &Slug,
    room: &str,
) -> Result<u8, Fail> {
    let room = bytes(room).ok_or_else(|| {
        Fail::new(format!("`{room}` is no size")).help("write it like `200 GiB`, or `500 MiB`")
    })?;
    let statement = statement_file::load(&global.statement)?;
    let kept: Vec<Kept> = statement
        .backup
        .sources
        .iter()
        .filter(|source| source.to.contains(destination))
        .map(|source| Kept {
            source: source.name.to_string(),
            rule: source.keep,
            at: source.at.clone(),
        })
        .collect();
    if kept.is_empty() {
        return Err(Fail::new(format!(
            "no source of this statement is kept at a destination `{destination}`"
        ))
        .help("name it in `to` of a `[[backup.source]]`, or give another with `--destination`"));
    }
    let token = vault
        .add(name, room, kept)
        .map_err(|error| Fail::new("the service cannot be added").from(error))?;
    match token {
        Some(token) if global.json => {
            print(&serde_json::json!({ "service": name, "token": token }).to_string());
        }
        Some(token) => {
            print(&token);
            talk(
                "This is shown once. Put it into the file that `credential` names, in `keys` of the data folder.",
            );
        }
        None => talk(&format!(
            "The rules and the room of `{name}` are set anew; its credential stays."
        )),
    }
    Ok(0)
}

fn list(json: bool, vault: &Vault) -> Result<u8, Fail> {
    let unread = |error| Fail::new("what is kept cannot be listed").from(error);
    let mut receipts = Vec::new();
    for service in vault.services().map_err(unread)? {
        for shelf in vault.shelves(&service).map_err(unread)? {
            let receipt = shelf.receipt(vault, &service, "", clock()());
            receipts.push(receipt.map_err(unread)?);
        }
    }
    if json {
        let all = serde_json::to_string(&receipts)
            .map_err(|error| Fail::new("the list cannot be written").from(error))?;
        print(&all);
        return Ok(0);
    }
    for receipt in receipts {
        let kept = receipt
            .snapshots
            .iter()
            .filter(|snapshot| snapshot.verified.is_some())
            .count();
        print(&format!(
            "{}/{}: {kept} of {} backups read back; {} of {} bytes used",
            receipt.service,
            receipt.repository,
            receipt.snapshots.len(),
            receipt.bytes.0,
            receipt.bytes.1
        ));
        for finding in receipt.findings {
            print(&format!("  {finding}"));
        }
    }
    Ok(0)
}

fn known(vault: &Vault, name: &Slug) -> Result<Service, Fail> {
    vault
        .service(name)
        .map_err(|error| Fail::new("the service cannot be read").from(error))?
        .ok_or_else(|| {
            Fail::new(format!("no service `{name}` is kept here"))
                .help("`avouch keeper list` shows them")
        })
}

/// A size in bytes: a whole number and a unit.
fn bytes(text: &str) -> Option<u64> {
    let (number, unit) = text.split_once(' ')?;
    let unit = match unit {
        "KiB" => 1_u64 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        "TiB" => 1 << 40,
        _ => return None,
    };
    number.parse::<u64>().ok()?.checked_mul(unit)
}
