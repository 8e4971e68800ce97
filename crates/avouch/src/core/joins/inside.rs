//! What a taken-over application could reach: acts tried under its very confinement.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use avouch_evidence::BoxFuture;
use avouch_runtime::confine::Confined;
use avouch_runtime::probe::{self, Act, Judged};
use avouch_statement::TenantId;
use avouch_tenancy::checks::{Inside, Outcome, Probed, Tried};

use super::running::running;
use crate::core::state::Core;
use crate::fail::chain;

/// Each act is tried for at most 2 s.
const TIMEOUT: Duration = Duration::from_secs(60);

/// Probes as each tenant's application.
pub struct Prober(pub Arc<Core>);

/// An act with the words that may be shown for it, and whether the application may do it.
struct Named {
    act: Act,
    words: String,
    allowed: bool,
}

impl Inside for Prober {
    fn probe<'a>(&'a self, tenant: &'a TenantId) -> BoxFuture<'a, Result<Probed, String>> {
        Box::pin(async move {
            let core = &self.0;
            let known = core.tenants.get(tenant).ok_or("there is no such tenant")?;
            // What rests answers nobody, and is looked at all the same.
            let _busy = core.kept_awake(&known).await;
            let uid = core.tenant_uid(&known).map_err(|fail| fail.to_string())?;
            let at = core.layout.tenant(tenant.as_str());
            let mut confinement = core.instance_confinement(&at, &at.join("data"), uid);
            confinement.report = true;
            let named = acts(core, tenant);
            let acts: Vec<&Act> = named.iter().map(|named| &named.act).collect();
            let stdin = serde_json::to_vec(&acts).map_err(|error| error.to_string())?;
            let result = core
                .runner
                .confined(confinement, "probe", stdin, Vec::new(), TIMEOUT)
                .await
                .map_err(|error| chain(&error))?;
            if !result.status.is_success() {
                return Err(format!("it ended with {}", result.status));
            }
            let tried: Vec<probe::Tried> =
                serde_json::from_slice(&result.stdout.0).map_err(|error| error.to_string())?;
            let applied: Confined = result
                .stderr
                .lines()
                .next()
                .and_then(|line| serde_json::from_str(line).ok())
                .ok_or("it did not say what confined it")?;
            let running = running(core, tenant, uid, &applied).await;
            Ok(Probed {
                confined_by: applied.sentence(),
                limits: applied.limits(),
                tried: named
                    .into_iter()
                    .map(|named| outcome(named, &tried))
                    .collect(),
                running,
            })
        })
    }
}

fn outcome(named: Named, tried: &[probe::Tried]) -> Tried {
    let mine: Vec<probe::Tried> = tried
        .iter()
        .filter(|tried| tried.act == named.act)
        .cloned()
        .collect();
    let outcome = match probe::judge(&[named.act], &mine) {
        Judged::Open(_) => Outcome::Worked,
        Judged::Refused(_) => Outcome::Refused,
        Judged::Unclear(_) => Outcome::Unclear,
    };
    Tried {
        act: named.words,
        allowed: named.allowed,
        outcome,
    }
}

fn acts(core: &Core, tenant: &TenantId) -> Vec<Named> {
    let layout = &core.layout;
    let mut acts = Vec::new();
    let mut add = |act: Act, words: &str, allowed: bool| {
        acts.push(Named {
            act,
            words: words.to_owned(),
            allowed,
        })
    };
    let own = layout.tenant_data(tenant.as_str());
    add(Act::ListFolder(own.clone()), "list its own data", true);
    add(Act::MakeFileIn(own), "write to its own data", true);
    for other in core
        .tenants
        .ids()
        .into_iter()
        .filter(|other| other != tenant)
    {
        let data = layout.tenant_data(other.as_str());
        add(
            Act::ListFolder(data.clone()),
            "list another tenant's data",
            false,
        );
        add(
            Act::MakeFileIn(data),
            "write to another tenant's data",
            false,
        );
        // Folder modes guard a socket's path; where ids are shared, nothing does before Landlock's ABI 9, and the limits in the finding say so.
        if core.ids.are_separate() {
            add(
                Act::ConnectUnix(layout.tenant_socket(other.as_str())),
                "connect to another tenant's application",
                false,
            );
        }
    }
    for (path, words) in [
        (layout.core().join("store.db"), "read the accounts"),
        (layout.core().join("ledger/checkpoint"), "read the ledger"),
        (layout.core().join("keys/root.key"), "read the wrapped keys"),
    ] {
        add(Act::ReadFile(path), words, false);
    }
    if let Some(path) = core.master.path() {
        add(Act::ReadFile(path.to_owned()), "read the master key", false);
    }
    add(Act::ListFolder(layout.backups()), "list the backups", false);
    add(Act::MakeFileIn(layout.bin()), "change the programs", false);
    if core.ids.are_separate() {
        for (socket, words) in [
            ("control.sock", "connect to the control socket"),
            ("link.sock", "connect to the front's link"),
            ("console.sock", "connect to the console"),
        ] {
            add(Act::ConnectUnix(layout.run().join(socket)), words, false);
        }
    }
    if let Some(gateway) = core.statement.gateway.listen.first() {
        add(Act::ConnectTcp(*gateway), "connect to the gateway", false);
    }
    // An address that is for documentation only: nothing is there, and nothing may be sent to it.
    add(
        Act::ConnectTcp(SocketAddr::from(([192, 0, 2, 1], 80))),
        "connect out of the machine",
        false,
    );
    add(
        Act::ListenTcp(SocketAddr::from(([127, 0, 0, 1], 0))),
        "listen on the network",
        false,
    );
    let pid = i32::try_from(std::process::id()).unwrap_or(i32::MAX);
    add(Act::ReadMemory(pid), "read the core's memory", false);
    add(
        Act::ReadEnvironment(pid),
        "read the core's environment",
        false,
    );
    add(Act::SignalAnybody, "signal any process but its own", false);
    add(Act::Trace, "have a process traced", false);
    add(Act::MakeNamespace, "make a user namespace", false);
    add(Act::Execute(PathBuf::from("/bin/sh")), "run a shell", false);
    add(Act::BecomeRoot, "become root", false);
    acts
}
