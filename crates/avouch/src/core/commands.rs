//! The control socket's server: `avouch` commands, each recorded before it is done and after.

mod accounts;
mod clock;
mod keys;
mod told;

use std::sync::Arc;

use avouch_backup::drill::{Choice, Drill, Verdict, Which};
use avouch_backup::keeper::Owner;
use avouch_backup::retention::SnapshotId;
use avouch_events::Outcome;
use avouch_ledger::Reader;
use serde_json::{Value, json};
use tokio::net::{UnixListener, UnixStream};

pub use self::clock::compared as same_clock;
use self::told::{event, unreasoned};
use super::asker::Asker;
use super::backups::first_wrong;
use super::reading;
use super::restores::{self, Order};
use super::state::Core;
use crate::control::{self, Reply, Request};
use crate::fail::{Fail, chain};
use crate::requirements;

/// Where a command comes from, in the audit trail: the machine itself.
const SOURCE: &str = "local";

/// Serves commands until the core stops.
pub async fn serve(core: Arc<Core>, listener: UnixListener) {
    loop {
        let stream = tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => stream,
                Err(error) => {
                    tracing::warn!(%error, "the control socket could not accept");
                    tokio::time::sleep(std::time::Duration::from_millis(100)).await;
                    continue;
                }
            },
            () = core.shutdown.cancelled() => return,
        };
        let core = core.clone();
        tokio::spawn(async move {
            if let Err(error) = answer(&core, stream).await {
                tracing::debug!(%error, "a command went away");
            }
        });
    }
}

async fn answer(core: &Arc<Core>, mut stream: UnixStream) -> std::io::Result<()> {
    let caller = stream.peer_cred()?.uid();
    let Some(request) = control::read(&mut stream).await else {
        return control::write(
            &mut stream,
            &refusal("that is not a request of this version"),
        )
        .await;
    };
    let mine = nix::unistd::geteuid().as_raw();
    if caller != 0 && caller != mine {
        let event = event(core, &request, Outcome::Refused)
            .because(format!("user {caller} of this machine may not"));
        let _ = core.record(event).await;
        return control::write(
            &mut stream,
            &refusal("only root, or the user who runs the service, may do that"),
        )
        .await;
    }
    if let Some(why) = unreasoned(core, &request) {
        let event = event(core, &request, Outcome::Refused).because(why);
        return match core.record(event).await {
            Ok(_) => {
                let help = Some("say why with `--because TEXT`; it is written down".to_owned());
                let message = why.to_owned();
                control::write(&mut stream, &Reply::Failed { message, help }).await
            }
            Err(error) => control::write(&mut stream, &refusal(&chain(&error))).await,
        };
    }
    // The intent first: a command that is not in the ledger is not done.
    let mut begun = event(core, &request, Outcome::Intended);
    begun.tenant = match begun.tenant {
        None => accounts::whose(core, &request).await,
        known => known,
    };
    if let Err(error) = core.record(begun.clone()).await {
        return control::write(
            &mut stream,
            &refusal(&format!(
                "the command cannot be recorded, so it is not done: {}",
                chain(&error)
            )),
        )
        .await;
    }
    let done = perform(core, request, &Asker::command(&begun), &mut stream).await;
    let (outcome, reason) = match &done {
        Ok(_) => (Outcome::Done, "done".to_owned()),
        Err(fail) => (Outcome::Failed, fail.to_string()),
    };
    let recorded = core.record(begun.ended(core.now(), outcome, reason)).await;
    let reply = match (done, recorded) {
        (Ok(value), Ok(_)) => Reply::Done { value },
        (Ok(_), Err(error)) => refusal(&format!(
            "it was done, and its outcome cannot be recorded: {}",
            chain(&error)
        )),
        (Err(fail), _) => refusal(&fail.to_string()),
    };
    control::write(&mut stream, &reply).await
}

fn refusal(message: &str) -> Reply {
    Reply::Failed {
        message: message.to_owned(),
        help: None,
    }
}

async fn perform(
    core: &Arc<Core>,
    request: Request,
    by: &Asker,
    stream: &mut UnixStream,
) -> Result<Value, Fail> {
    match request {
        Request::Check { claims } => {
            let _ = control::write(stream, &Reply::Progress { text: "trying to break the promises…".to_owned() }).await;
            json(&core.round(&claims).await?)
        }
        Request::Coverage { set } => json(&core.coverage(&requirements::named(&set)?)),
        Request::Statement => json(&core.report()),
        Request::Pack { tenant } => {
            let id = tenant.parse().map_err(|error: avouch_statement::BadSlug| Fail::new(error.to_string()))?;
            let text = core.pack(&id, by).await?;
            Ok(json!({ "summary": { "tenant": tenant, "bytes": text.len(), "key": core.ledger.vkey() }, "pack": text }))
        }
        Request::BackupRun { tenant } => back_up(core, tenant, by, stream).await,
        Request::BackupList => backups(core).await,
        Request::BackupVerify => verify_backups(core, stream).await,
        Request::Restore { tenant, source, snapshot, at, from, to, because, execute, file: _ } => {
            let order = Order { owner: owner(&tenant)?, source, choice: choice(snapshot, from, false)?, at, because: because.unwrap_or_default() };
            restore(core, &order, (to, execute), by, stream).await
        }
        Request::DrillRun { tenant, random, any_moment, snapshot, from } => {
            let mut choice = choice(snapshot, from, random)?;
            if any_moment {
                choice.which = Which::AnyMoment;
            }
            let drilled = core.drills(&owner(&tenant)?, by, &choice).await?;
            let mut value = first_wrong(&drilled).map(|(drill, verdict)| drill_row(drill, verdict)).unwrap_or_default();
            if let Value::Object(fields) = &mut value {
                fields.insert("held".to_owned(), json!(drilled.iter().all(|(_, verdict)| *verdict == Verdict::Passed)));
                fields.insert("drills".to_owned(), drilled.iter().map(|(drill, verdict)| drill_row(drill, verdict)).collect());
            }
            Ok(value)
        }
        Request::DrillList => drills(core).await,
        Request::DrillShow { id } => {
            let all = drills(core).await?;
            all.as_array()
                .and_then(|rows| rows.iter().find(|row| row.get("id").and_then(Value::as_str) == Some(id.as_str())))
                .cloned()
                .ok_or_else(|| Fail::new(format!("there is no drill `{id}`")).help("`avouch drill list` shows them"))
        }
        Request::Clock => Ok(clock::shown(core)),
        Request::ClockBelieve { time, because } => clock::believe(core, time, &because),
        Request::AuditSearch(asked) => reading::search(core, asked).await,
        Request::AuditSubject(asked) => reading::subject(core, &asked, &by.correlation).await,
        Request::AuditExport(asked) => reading::export(core, &asked, stream).await,
        Request::AuditExports => core.exports.rows(),
        Request::AuditUnusual { tenant, .. } => core.unusual_rows(&tenant).await,
        Request::Prove { index } => prove(core, move |reader| reader.inclusion_file(index)).await,
        Request::ProveSince { size } => prove(core, move |reader| reader.consistency_file(size)).await,
        Request::AuditRebuild => core.rebuild().await,
        Request::ReportList => Ok(core.reports_for(None).into_iter().map(|definition| json!({
            "report": definition.name, "title": definition.title, "every": definition.every.word(), "for": definition.readers,
        })).collect()),
        Request::ReportShow { name, period, tenant } => {
            json(&core.report_named(&name, period.as_deref(), tenant.as_deref(), by).await?)
        }
        Request::ReportHours { day } => core.hours_of(day.as_deref()).await,
        Request::TenantList => Ok(core.tenants.all().iter().map(|tenant| json!({ "id": tenant.id, "name": tenant.name, "url": core.origin(tenant.id.as_str()) })).collect()),
        Request::TenantAdd { id, name } => {
            let id = id.parse().map_err(|error: avouch_statement::BadSlug| Fail::new(error.to_string()))?;
            let tenant = core.tenants.add(&core.store, id, &name, core.now()).await?;
            core.tenant_begin(&tenant).await?;
            core.tenant_wait(&tenant).await?;
            Ok(json!({ "id": tenant.id, "name": tenant.name, "url": core.origin(tenant.id.as_str()) }))
        }
        Request::TenantRemove { id, because, execute } => {
            let id = id.parse().map_err(|error: avouch_statement::BadSlug| Fail::new(error.to_string()))?;
            match because.filter(|because| !because.trim().is_empty()) {
                _ if !execute => core.erasure_plan(&id).await,
                Some(because) => core.erase_tenant(&id, &because).await,
                None => Err(Fail::new("an erasure needs a reason").help("say why with `--because TEXT`; it is recorded")),
            }
        }
        Request::KeyEscrow { sheets, needed } => keys::escrow(core, (sheets, needed)).await,
        Request::KeyRehearse { sheets } => keys::rehearse(core, sheets).await,
        Request::UserList
        | Request::UserAdd { .. }
        | Request::UserLocality { .. }
        | Request::UserRecords { .. }
        | Request::UserDisable { .. }
        | Request::UserReset { .. }
        | Request::UserRemoveSecondFactor { .. } => accounts::perform(core, request).await,
    }
}

fn json(value: &impl serde::Serialize) -> Result<Value, Fail> {
    serde_json::to_value(value)
        .map_err(|error| Fail::new("the answer cannot be written").from(error))
}

/// Makes a proof under a checkpoint that covers everything so far.
async fn prove<E: std::error::Error + Send + Sync + 'static>(
    core: &Core,
    make: impl FnOnce(&Reader) -> Result<String, E> + Send + 'static,
) -> Result<Value, Fail> {
    let unproven = || Fail::new("the proof cannot be made");
    core.ledger
        .publish()
        .await
        .map_err(|error| unproven().from(error))?;
    if let Some(witnesses) = &core.witnesses {
        witnesses.sign_now().await;
    }
    let reader = core.reader.clone();
    let proof = tokio::task::spawn_blocking(move || make(&reader))
        .await
        .map_err(|error| unproven().from(error))?
        .map_err(|error| unproven().from(error))?;
    Ok(json!({ "proof": proof }))
}

async fn back_up(
    core: &Arc<Core>,
    tenant: Option<String>,
    by: &Asker,
    stream: &mut UnixStream,
) -> Result<Value, Fail> {
    let owners: Vec<Owner> = core
        .backups
        .owners()
        .into_iter()
        .filter(|owner| {
            tenant
                .as_ref()
                .is_none_or(|wanted| *wanted == owner.to_string())
        })
        .collect();
    if owners.is_empty() {
        return Err(Fail::new(format!(
            "there is no tenant `{}`",
            tenant.unwrap_or_default()
        ))
        .help("`avouch tenant list` shows them"));
    }
    for (place, owner) in (1..).zip(&owners) {
        let last = core.backups.took_last(owner).await.ok().flatten();
        let estimate = last.map_or_else(String::new, |took| {
            format!(", {:.1} s the last time", took.as_secs_f64())
        });
        let text = format!(
            "backing up {owner} ({place} of {}{estimate})…",
            owners.len()
        );
        let _ = control::write(stream, &Reply::Progress { text }).await;
        core.back_up(owner, by).await?;
    }
    backups(core).await
}

async fn backups(core: &Core) -> Result<Value, Fail> {
    let mut rows = Vec::new();
    for owner in core.backups.owners() {
        let taken = core
            .backups
            .records()
            .snapshots(&owner.to_string())
            .await
            .map_err(|error| Fail::new("the snapshots cannot be listed").from(error))?;
        for taken in taken.into_iter().filter(|taken| taken.removed.is_none()) {
            let grades: Vec<String> = taken
                .snapshot
                .grades
                .iter()
                .map(|grade| grade.word().to_owned())
                .collect();
            rows.push(json!({
                "owner": taken.owner, "source": taken.source, "destination": taken.destination,
                "snapshot": taken.snapshot.id.to_string(), "taken": taken.snapshot.taken, "kept-as": grades,
                "rows": taken.rows, "bytes": taken.bytes, "read-back": taken.verified,
                "changed": taken.changes.map(|changes| changes.to_string()),
            }));
        }
    }
    let room = core
        .backups
        .room()
        .await
        .map_err(|error| Fail::new("the destinations cannot be listed").from(error))?;
    let asides = core.asides_shown().await?;
    Ok(json!({ "rows": rows, "destinations": room, "asides": asides }))
}

async fn verify_backups(core: &Core, stream: &mut UnixStream) -> Result<Value, Fail> {
    let mut rows = Vec::new();
    let mut sound = true;
    for owner in core.backups.owners() {
        let mut places: Vec<_> = core
            .backups
            .sources(&owner)
            .flat_map(|source| source.to.clone())
            .collect();
        places.sort();
        places.dedup();
        for destination in places {
            let _ = control::write(
                stream,
                &Reply::Progress {
                    text: format!("reading every byte of {owner} at {destination}…"),
                },
            )
            .await;
            let row = match core.backups.examine_anew(&owner, &destination).await {
                Ok((at, examined)) => {
                    let well = examined.findings.is_empty();
                    sound &= well;
                    let findings: Vec<String> =
                        examined.findings.iter().map(ToString::to_string).collect();
                    json!({ "owner": owner.to_string(), "destination": destination, "at": at, "snapshots": examined.snapshots.len(), "objects": examined.objects, "sound": well, "findings": findings })
                }
                Err(error) => {
                    sound = false;
                    json!({ "owner": owner.to_string(), "destination": destination, "at": core.now(), "snapshots": 0, "objects": 0, "sound": false, "findings": [chain(&error)] })
                }
            };
            rows.push(row);
        }
    }
    Ok(json!({ "held": sound, "rows": rows }))
}

async fn drills(core: &Core) -> Result<Value, Fail> {
    let mut rows = Vec::new();
    for owner in core.backups.owners() {
        for (drill, verdict) in core
            .backups
            .records()
            .drills(&owner.to_string())
            .await
            .map_err(|error| Fail::new("the drills cannot be listed").from(error))?
        {
            rows.push(drill_row(&drill, &verdict));
        }
    }
    Ok(rows.into())
}

/// Shows what a restore would do, and does it if that is wanted.
async fn restore(
    core: &Arc<Core>,
    order: &Order,
    (to, execute): (Option<String>, bool),
    by: &Asker,
    stream: &mut UnixStream,
) -> Result<Value, Fail> {
    let plan = core.restore_plan(order).await?;
    if to.is_none() {
        restores::can_be_put_in_place(&plan)?;
    }
    let mut shown = restores::shown(order, &plan, to.as_deref());
    if !execute {
        return Ok(shown);
    }
    if order.because.trim().is_empty() {
        return Err(Fail::new("a restore needs a reason")
            .help("say why with `--because TEXT`; it is recorded, and the tenant sees it"));
    }
    let text = format!(
        "restoring {} as of {}…",
        order.owner, plan.what.snapshot.taken
    );
    let _ = control::write(stream, &Reply::Progress { text }).await;
    let done = match to {
        None => core.restore_into_place(order, &plan, by).await?,
        Some(_) => {
            let take = async |folder| {
                control::offer(stream, folder).await.map_err(|error| {
                    Fail::new("the copy was not taken, and is destroyed").from(error)
                })
            };
            core.restore_to_look_at(order, &plan, by, take).await?
        }
    };
    if let (Value::Object(shown), Value::Object(done)) = (&mut shown, done) {
        shown.extend(done);
    }
    Ok(shown)
}

/// Which snapshot, and from where, as it is written on the command line.
fn choice(snapshot: Option<String>, from: Option<String>, random: bool) -> Result<Choice, Fail> {
    let from = from
        .map(|from| from.parse())
        .transpose()
        .map_err(|error: avouch_statement::BadSlug| Fail::new(error.to_string()))?;
    let which = match snapshot {
        Some(id) => Which::Given(SnapshotId(id)),
        None if random => Which::Random,
        None => Which::Newest,
    };
    Ok(Choice {
        which,
        from,
        by: None,
    })
}

/// A tenant by its short name, or the platform.
fn owner(name: &str) -> Result<Owner, Fail> {
    match name {
        "platform" => Ok(Owner::Platform),
        name => name
            .parse()
            .map(Owner::Tenant)
            .map_err(|error: avouch_statement::BadSlug| Fail::new(error.to_string())),
    }
}

fn drill_row(drill: &Drill, verdict: &Verdict) -> Value {
    let millis = |took: std::time::Duration| u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
    json!({
        "id": drill.id, "owner": drill.owner, "source": drill.source, "destination": drill.destination,
        "snapshot": drill.snapshot.as_ref().map(ToString::to_string), "taken": drill.taken, "older": drill.older, "moment": drill.moment, "started": drill.started,
        "took-ms": millis(drill.took()), "verdict": verdict.to_string(),
        "steps": drill.steps.iter().map(|step| json!({
            "step": step.name.to_string(), "took-ms": millis(step.took),
            "outcome": if step.outcome.is_ok() { "done" } else { "failed" },
            "seen": match &step.outcome { Ok(seen) | Err(seen) => seen },
        })).collect::<Vec<_>>(),
    })
}
