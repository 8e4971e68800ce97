//! The end of it: keys, owners and the statement, and everything takes its place.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, lchown};
use std::path::Path;

use avouch_backup::settings::At;
use avouch_keyring::{Keyring, Origin};
use avouch_ledger::verify as ledger;
use avouch_runtime::ids::Ids;
use avouch_runtime::layout::Layout;
use avouch_runtime::prepare;
use avouch_statement::{Source, TenantId};
use avouch_store::Store;

use super::build::{State, for_servers, grown, remove};
use super::found::PLATFORM;
use super::{Order, progress};
use crate::core::{Restored, log_key};
use crate::durable;
use crate::fail::Fail;
use crate::statement_file::{self, Statement};
use crate::up::{files_of, is_beneath};

/// Completes what has grown, and moves it to its places.
///
/// # Errors
/// If anything cannot be read or written.
pub async fn finish(
    order: &Order<'_>,
    layout: &Layout,
    keyring: &Keyring,
    state: &mut State,
) -> Result<(), Fail> {
    let new = Layout::new(grown(layout));
    let statement = statement(&new)?;
    progress("verifying the ledger…");
    state.ledger = Some(verified(order, &new, &statement, keyring)?);
    erased(&new, keyring, &state.erased).await?;
    remember(order, &new, state)?;
    let unwritten =
        |error: std::io::Error| Fail::new("what was restored cannot be completed").from(error);
    remove(&new.core().join("keys"))?;
    fs::rename(layout.restoring().join("keys"), new.core().join("keys")).map_err(unwritten)?;
    give_keys(order, &new, &statement, state).map_err(unwritten)?;
    give_statement(order, &new, &statement).map_err(unwritten)?;
    owners(&new, &statement, state).map_err(unwritten)?;
    state.placing = true;
    state.keep(layout)?;
    take_places(layout)
}

/// Moves everything to its place; what has one already stays. The version, which comes last, makes it a data folder.
///
/// # Errors
/// If anything cannot be moved.
pub fn take_places(layout: &Layout) -> Result<(), Fail> {
    let unmoved =
        |error: std::io::Error| Fail::new("what was restored did not take its place").from(error);
    let grown = grown(layout);
    for entry in fs::read_dir(&grown).map_err(unmoved)? {
        let entry = entry.map_err(unmoved)?;
        fs::rename(entry.path(), layout.data().join(entry.file_name())).map_err(unmoved)?;
    }
    nix::unistd::sync();
    let version = format!("{}\n", prepare::VERSION);
    durable::write(&layout.version(), version.as_bytes()).map_err(unmoved)?;
    fs::set_permissions(layout.version(), fs::Permissions::from_mode(0o644)).map_err(unmoved)?;
    remove(&layout.restoring())
}

fn statement(new: &Layout) -> Result<Statement, Fail> {
    let path = new.core().join("statement/statement.toml");
    let text = fs::read_to_string(&path)
        .map_err(|error| Fail::new("the statement that came back cannot be read").from(error))?;
    statement_file::read(Source::new("statement.toml", text))
        .map_err(|faults| Fail::new(faults.to_string()))
}

/// Verifies the ledger with nothing but its public key, and against a checkpoint that was kept; what came of it, in words.
fn verified(
    order: &Order<'_>,
    new: &Layout,
    statement: &Statement,
    keyring: &Keyring,
) -> Result<String, Fail> {
    let key: ledger::Vkey = log_key(statement, keyring)?
        .vkey()
        .parse()
        .map_err(|fault: ledger::VkeyFault| Fail::new("the ledger has no key").from(fault))?;
    let folder = new.core().join("ledger");
    let report = match ledger::directory(&folder, &key) {
        Ok(report) => report,
        Err(fault) => {
            return Ok(format!(
                "its files do not fit each other as they were copied ({fault}); the service puts them in order when it \
                 starts, and `avouch audit verify` says what came of that"
            ));
        }
    };
    let size = report.checkpoint.size;
    let whole = format!("{size} entries were verified");
    let Some(path) = &order.asked.checkpoint else {
        return Ok(whole);
    };
    let text = fs::read_to_string(path)
        .map_err(|error| Fail::new(format!("cannot read `{}`", path.display())).from(error))?;
    let kept = ledger::checkpoint(&text, &key).map_err(|fault| {
        Fail::new(format!(
            "`{}` is no checkpoint of this ledger",
            path.display()
        ))
        .from(fault)
    })?;
    if kept.size > size {
        return Ok(format!(
            "{whole}; the checkpoint that was kept has {} more, which are lost: the ledger does not go on from it",
            kept.size - size
        ));
    }
    Ok(match ledger::directory_since(&folder, &key, &kept) {
        Ok(_) => format!(
            "{whole}, and they go on from the {} of the checkpoint that was kept",
            kept.size
        ),
        Err(fault) => {
            format!("{whole}, BUT the checkpoint that was kept is of another history: {fault}")
        }
    })
}

/// Tenants that were erased stay so: by the keys, where the backup is older, and by the store, where the keys are.
async fn erased(new: &Layout, keyring: &Keyring, by_keys: &[TenantId]) -> Result<(), Fail> {
    let unkept = |error: sqlx::Error| Fail::new("who was erased cannot be kept").from(error);
    let store = Store::open(&new.core().join("store.db"))
        .await
        .map_err(|error| Fail::new("the store that came back cannot be opened").from(error))?;
    for tenant in by_keys {
        let mut work = store.write().await.map_err(unkept)?;
        sqlx::query("update tenant set status = 'destroyed', name = '' where id = $1")
            .bind(tenant.as_str())
            .execute(&mut *work)
            .await
            .map_err(unkept)?;
        work.commit().await.map_err(unkept)?;
    }
    let gone: Vec<String> = sqlx::query_scalar("select id from tenant where status = 'destroyed'")
        .fetch_all(store.readers())
        .await
        .map_err(unkept)?;
    store.close().await;
    for tenant in gone.iter().filter_map(|id| id.parse::<TenantId>().ok()) {
        keyring.shred(&tenant).map_err(|error| {
            Fail::new(format!(
                "the keys of `{tenant}`, which was erased, are not destroyed"
            ))
            .from(error)
        })?;
    }
    Ok(())
}

/// Leaves for the service what it writes down at its start.
fn remember(order: &Order<'_>, new: &Layout, state: &State) -> Result<(), Fail> {
    let platform = state.plan.found.iter().find(|item| item.owner == PLATFORM);
    let restored = Restored {
        because: order.because.to_owned(),
        from: state.plan.from.clone(),
        taken: platform.map(|item| item.taken),
        snapshots: state
            .plan
            .found
            .iter()
            .map(|item| format!("{}/{} {}", item.owner, item.source, item.snapshot))
            .collect(),
        damaged: state.damaged.clone(),
        without: state.without.clone(),
        ledger: state.ledger.clone().unwrap_or_default(),
        lost: state.plan.lost.clone(),
    };
    restored
        .leave(new)
        .map_err(|error| Fail::new("what was restored cannot be written down").from(error))
}

/// The master key and the credential, where the statement says that they are.
fn give_keys(
    order: &Order<'_>,
    new: &Layout,
    statement: &Statement,
    state: &State,
) -> std::io::Result<()> {
    let put = |name: &Path, from: &Path| {
        let to = new.keys().join(name);
        if let Some(parent) = to.parent() {
            fs::create_dir_all(parent)?;
        }
        fs::copy(from, &to)?;
        fs::set_permissions(&to, fs::Permissions::from_mode(0o600))
    };
    fs::create_dir_all(new.keys())?;
    if let (Origin::File { path }, Some(master)) = (&statement.keys.master, &order.asked.master)
        && path.is_relative()
    {
        put(path, master)?;
    }
    let stated = statement
        .backup
        .destinations
        .iter()
        .find(|destination| destination.name == state.plan.destination);
    if let (Some(At::Far { credential, .. }), Some(token)) =
        (stated.map(|stated| &stated.at), &order.asked.credential)
    {
        put(Path::new(credential), token)?;
    }
    Ok(())
}

/// The statement that was in force, and the files that it names, where the service is told that they are. What is there
/// already stays as it is. Nothing else that lies beside the statement in the backup goes there, and no link is followed out.
fn give_statement(order: &Order<'_>, new: &Layout, statement: &Statement) -> std::io::Result<()> {
    let to = &order.global.statement;
    if to.exists() {
        return Ok(());
    }
    let from = fs::canonicalize(new.core().join("statement"))?;
    let beside = match to.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    for name in files_of(statement).filter(|name| is_beneath(Path::new(name))) {
        let target = beside.join(name);
        // A file that is absent is for its check to say.
        let Ok(real) = fs::canonicalize(from.join(name)) else {
            continue;
        };
        if real.starts_with(&from) && real.is_file() && !target.exists() {
            if let Some(parent) = target.parent() {
                fs::create_dir_all(parent)?;
            }
            fs::copy(&real, &target)?;
        }
    }
    fs::create_dir_all(beside)?;
    fs::copy(from.join("statement.toml"), to)?;
    Ok(())
}

/// Everything becomes whose it is to be.
fn owners(new: &Layout, statement: &Statement, state: &State) -> std::io::Result<()> {
    let ids = Ids::here(statement.runtime.user_ids);
    let closed = || fs::Permissions::from_mode(0o700);
    for folder in [new.core(), new.keys()] {
        give(&folder, ids.core, ids.group(ids.core))?;
        fs::set_permissions(&folder, closed())?;
    }
    for item in &state.plan.found {
        let Some(uid) = item.number.and_then(|number| ids.tenant(number)) else {
            continue;
        };
        let data = new.tenant_data(&item.owner);
        if data.exists() {
            give(&data, uid, ids.group(uid))?;
            fs::set_permissions(&data, closed())?;
        }
    }
    for item in &state.plan.found {
        let folder = for_servers(new, &item.owner);
        if folder.exists() {
            fs::set_permissions(&folder, closed())?;
        }
    }
    Ok(())
}

/// Gives away a folder and all that is in it; a link is given away itself.
fn give(path: &Path, uid: u32, gid: u32) -> std::io::Result<()> {
    lchown(path, Some(uid), Some(gid))?;
    if !fs::symlink_metadata(path)?.is_dir() {
        return Ok(());
    }
    for entry in fs::read_dir(path)? {
        give(&entry?.path(), uid, gid)?;
    }
    Ok(())
}
