//! Every check of every control, joined to what it observes.

mod overview;
mod sites;

use std::sync::Arc;

use avouch_audit::checks::{
    Connections, CustodyCheck, DisclosedCheck, ExportedCheck, Keep, KeptReports, LoginsCheck,
    ManagementCheck, Reports, Requests, ReviewCheck, Tampering, Targets, WitnessedCheck,
};
use avouch_evidence::Check;
use avouch_governance::checks::{AttestedCheck, InheritedCheck};
use avouch_runtime::checks::{Canary, IdleShare, RestartWithin};
use avouch_runtime::layout::Layout;
use avouch_status::checks::{FaultsCheck, KeptCheck, NotifiedCheck, ToldCheck};
use avouch_tenancy::checks::{Confinement, Segregation};

use super::capacity::Ran;
use super::joins::{
    Custodian, Faults, Incidents, LoginRecord, Operator, Prober, Refusals, Reporter, Reviewer,
    Trail, TurnedAway,
};
use super::state::Core;
use super::status::{Office, Stage};

/// All checks that this statement needs.
pub fn all(core: &Arc<Core>) -> Vec<Arc<dyn Check>> {
    let statement = &core.statement;
    let mut checks: Vec<Box<dyn Check>> = Vec::new();
    // First, before other checks have woken whatever rests.
    if let Some(idle) = statement.app.idle {
        checks.push(Box::new(IdleShare::new(
            idle,
            &statement.tenancy.crawl_from,
            Arc::new(Ran(core.clone(), idle)),
        )));
    }
    checks.push(Box::new(avouch_keyring::checks::MasterCheck::new(
        core.keyring.clone(),
        core.master.clone(),
        core.ids.core,
        vec![
            core.layout.keys(),
            core.layout.run(),
            core.layout.core().join("statement"),
        ],
    )));
    if let Some(stated) = statement.keys.escrow {
        checks.push(Box::new(avouch_keyring::checks::EscrowCheck::new(
            core.keyring.clone(),
            stated,
        )));
    }
    checks.extend(avouch_gateway::checks::checks(
        &statement.gateway,
        core.authority.der(),
        core.suites.clone(),
        &(Arc::new(TurnedAway(core.clone())) as Arc<dyn avouch_gateway::checks::RefusalLog>),
    ));
    checks.extend(avouch_access::checks::checks(
        &core.access,
        Arc::new(Refusals(core.clone())),
        sites::of(core),
    ));
    let records = statement.audit.records.clone();
    let is_record = Arc::new(move |path: &str| avouch_audit::is_record(path, &records));
    checks.push(Box::new(Segregation::new(
        statement.tenancy.crawl_from.clone(),
        is_record,
        core.tenants.turns.clone(),
    )));
    checks.push(Box::new(Confinement::new(Arc::new(Prober(core.clone())))));
    checks.push(Box::new(Requests::new(
        Arc::new(Trail::entries(core.clone())),
        statement.audit.records.clone(),
    )));
    if statement.audit.connections {
        checks.push(Box::new(Connections::new(Arc::new(Trail::entries(
            core.clone(),
        )))));
    }
    if statement.audit.subject_report {
        checks.push(Box::new(DisclosedCheck::new(
            Arc::new(Trail::entries(core.clone())),
            Arc::new(Operator(core.clone())),
            statement.audit.records.clone(),
            statement.audit.staff_named,
        )));
    }
    if let Some(review) = &statement.audit.review {
        checks.push(Box::new(ReviewCheck::new(
            Arc::new(Reviewer(core.clone())),
            statement.audit.records.clone(),
            review.clone(),
        )));
    }
    if statement.audit.custody.is_some() {
        checks.push(Box::new(CustodyCheck::new(
            Arc::new(Trail::entries(core.clone())),
            Arc::new(Custodian(core.clone())),
        )));
    }
    if let (Some(settings), Some(logins)) = (&statement.audit.logins, &core.logins) {
        checks.push(Box::new(LoginsCheck::new(
            settings.clone(),
            Arc::new(LoginRecord(core.clone(), logins.clone())),
        )));
    }
    checks.push(Box::new(Tampering::new(Arc::new(Trail::entries(
        core.clone(),
    )))));
    checks.push(Box::new(ManagementCheck::new(
        Arc::new(Trail::acts(core.clone())),
        Arc::new(Operator(core.clone())),
    )));
    checks.push(Box::new(Keep::new(
        Arc::new(Trail::entries(core.clone())),
        core.sweep.clone(),
        statement.audit.keep,
    )));
    if let (Some(settings), Some(witnesses)) = (&statement.audit.witnessed, &core.witnesses) {
        checks.push(Box::new(WitnessedCheck::new(
            settings.clone(),
            witnesses.clone(),
        )));
    }
    if !statement.audit.exports.is_empty() {
        checks.push(Box::new(ExportedCheck::new(
            statement.audit.exports.clone(),
            core.exports.clone(),
        )));
    }
    if !statement.reports.is_empty() {
        let reporter = Arc::new(Reporter(core.clone()));
        checks.push(Box::new(Reports::new(reporter.clone())));
        checks.push(Box::new(KeptReports::new(reporter.clone())));
        checks.push(Box::new(Targets::new(reporter)));
    }
    checks.push(Box::new(RestartWithin::new(
        statement.runtime.within(),
        canary(core),
    )));
    if let Some(status) = &statement.status {
        let history = Arc::new(Incidents(core.clone()));
        checks.push(Box::new(ToldCheck::new(
            status.told_within,
            Arc::new(Stage(core.clone())),
            history.clone(),
        )));
        checks.push(Box::new(KeptCheck::new(status.keep, history)));
        if let Some(notify) = &status.notify {
            checks.push(Box::new(NotifiedCheck::new(
                status.told_within,
                Arc::new(Office(core.clone(), notify.clone())),
            )));
        }
        if status.faults {
            checks.push(Box::new(FaultsCheck::new(Arc::new(Faults(core.clone())))));
        }
    }
    checks.push(Box::new(overview::Overview(core.clone())));
    checks.extend(avouch_backup::checks::all(&core.backups));
    for record in &statement.governance.inherited {
        let folder = core.layout.core().join("statement");
        checks.push(Box::new(InheritedCheck::new(
            record.clone(),
            Arc::new(move |name: &str| std::fs::read(folder.join(name))),
        )));
    }
    for record in &statement.governance.attested {
        checks.push(Box::new(AttestedCheck::new(record.clone())));
    }
    checks.into_iter().map(Arc::from).collect()
}

fn canary(core: &Core) -> Canary {
    let folder = core.layout.scratch().join("canary");
    let uid = core.ids.canary();
    let mut grants = Layout::instance_folders(&folder, uid, &core.ids);
    grants.push(core.key_set(&folder, uid));
    let mut instance = core.instance("canary", "canary", &folder, uid);
    instance.ends_with_core = true;
    Canary {
        supervisor: core.supervisor.clone(),
        instance,
        folder,
        grants,
    }
}
