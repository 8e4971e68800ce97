//! Each command: asks the running core or works on files, prints data, returns an exit code.

pub mod audit;
mod clock;
mod doctor;
mod keeper;
mod keys;
mod offline;
mod online;
mod people;
mod proofs;
mod restore;
mod roles;
mod trails;
mod views;
mod witness;

pub use keys::Printed;

use std::path::PathBuf;

use crate::cli::{Cli, Command};
use crate::control::Request;
use crate::everything::{self, Order};
use crate::fail::Fail;
use crate::{cli, up};

/// Runs a command and returns its exit code.
///
/// # Errors
/// If it could not run.
pub fn run(cli: Cli) -> Result<u8, Fail> {
    let global = cli.global;
    match cli.command {
        Command::Up {
            demo,
            passphrase_fd,
        } => up::run(&global, demo, passphrase_fd),
        Command::Role(role) => roles::run(&global, role),
        Command::Confine { spec, command } => Err(roles::confine(&spec, &command)),
        Command::Key(key) => keys::run(&global, key),
        Command::Job => roles::job(),
        Command::Probe => roles::probe(),
        Command::Carry { host, port } => roles::carry(&host, port),
        Command::Keeper { state, command } => keeper::run(&global, &state, command),
        Command::Verify {
            file,
            policy,
            since,
        } => offline::verify(&global, &file, policy.as_deref(), since.as_deref()),
        Command::Witness {
            key,
            name,
            state,
            logs,
            listen,
        } => {
            let told = witness::Told {
                key,
                name,
                state,
                logs,
                listen,
            };
            witness::run(&global, told)
        }
        Command::Doctor => doctor::run(&global),
        Command::Audit(cli::Audit::Rebuild) => {
            online::simple(&global, &Request::AuditRebuild, views::rebuilt)
        }
        Command::Audit(cli::Audit::Prove {
            index,
            since,
            output,
        }) => proofs::prove(&global, index, since.as_deref(), &output),
        Command::Audit(cli::Audit::Verify { key, witnesses }) => {
            offline::audit_verify(&global, key, &witnesses)
        }
        Command::Statement { format } => online::statement(&global, format),
        Command::Coverage { set } => online::coverage(&global, &set),
        Command::Check { claims } => online::check(&global, claims),
        Command::Pack { tenant, output } => online::pack(&global, tenant, &output),
        Command::Backup(cli::Backup::Run { tenant }) => {
            online::simple(&global, &Request::BackupRun { tenant }, views::snapshots)
        }
        Command::Backup(cli::Backup::List) => {
            online::simple(&global, &Request::BackupList, views::snapshots)
        }
        Command::Backup(cli::Backup::Verify) => {
            online::verified(&global, &Request::BackupVerify, views::examined)
        }
        Command::Restore {
            tenant,
            source,
            snapshot,
            at,
            from,
            to,
            file,
            because,
            execute,
            everything: asked,
        } => {
            if asked.everything {
                let because = because.unwrap_or_default();
                let order = Order {
                    global: &global,
                    asked: &asked,
                    from: from.as_deref().unwrap_or_default(),
                    because: &because,
                };
                return everything::run(&order, execute);
            }
            let shown = |path: &PathBuf| path.display().to_string();
            let request = Request::Restore {
                tenant: tenant.unwrap_or_default(),
                source,
                snapshot,
                at,
                from,
                to: to.as_ref().map(shown),
                file: file.as_ref().map(shown),
                because,
                execute,
            };
            restore::run(&global, &request, to, file)
        }
        Command::Drill(cli::Drill::Run {
            tenant,
            random,
            any_moment,
            snapshot,
            from,
        }) => {
            let request = Request::DrillRun {
                tenant,
                random,
                any_moment,
                snapshot,
                from,
            };
            online::verified(&global, &request, views::drilled)
        }
        Command::Drill(cli::Drill::List) => {
            online::simple(&global, &Request::DrillList, views::drills)
        }
        Command::Drill(cli::Drill::Show { id }) => {
            online::simple(&global, &Request::DrillShow { id }, views::drill)
        }
        Command::Clock(command) => clock::run(&global, command),
        Command::Audit(cli::Audit::Search(asked)) => audit::search(&global, asked),
        Command::Audit(cli::Audit::Subject(asked)) => audit::subject(&global, asked),
        Command::Audit(cli::Audit::Export(asked)) => audit::export(&global, asked),
        Command::Audit(cli::Audit::Exports) => {
            online::simple(&global, &Request::AuditExports, views::exports)
        }
        Command::Audit(cli::Audit::Unusual { tenant, because }) => online::simple(
            &global,
            &Request::AuditUnusual { tenant, because },
            views::unusual,
        ),
        Command::Report(cli::Report::List) => {
            online::simple(&global, &Request::ReportList, views::reports)
        }
        Command::Report(cli::Report::Hours { day }) => {
            online::simple(&global, &Request::ReportHours { day }, views::hours)
        }
        Command::Report(cli::Report::Show {
            name,
            period,
            tenant,
            format,
        }) => {
            let view: views::View = match format {
                cli::Sheet::Text => views::report,
                cli::Sheet::Csv => views::sheet,
                cli::Sheet::Svg => views::picture,
            };
            let request = Request::ReportShow {
                name,
                period,
                tenant,
            };
            online::simple(&global, &request, view)
        }
        Command::Tenant(cli::Tenant::List) => {
            online::simple(&global, &Request::TenantList, views::tenants)
        }
        Command::Tenant(cli::Tenant::Add { id, name }) => {
            online::simple(&global, &Request::TenantAdd { id, name }, views::tenant)
        }
        Command::Tenant(cli::Tenant::Remove {
            id,
            because,
            execute,
        }) => online::simple(
            &global,
            &Request::TenantRemove {
                id,
                because,
                execute,
            },
            views::erasure,
        ),
        Command::User(cli::User::List) => {
            online::simple(&global, &Request::UserList, views::people)
        }
        Command::User(cli::User::Add {
            email,
            name,
            tenant,
            administrator,
            locality,
        }) => online::simple(
            &global,
            &Request::UserAdd {
                email,
                name,
                tenant,
                administrator,
                locality,
            },
            views::password,
        ),
        Command::User(cli::User::Locality { email, name }) => online::simple(
            &global,
            &Request::UserLocality { email, name },
            views::locality,
        ),
        Command::User(cli::User::Records { email }) => people::records(&global, email),
        Command::User(cli::User::Disable { email }) => {
            online::simple(&global, &Request::UserDisable { email }, views::closed)
        }
        Command::User(cli::User::RemoveSecondFactor { email }) => online::simple(
            &global,
            &Request::UserRemoveSecondFactor { email },
            views::without_factor,
        ),
        Command::User(cli::User::Reset { email }) => {
            online::simple(&global, &Request::UserReset { email }, views::password)
        }
    }
}

/// A small runtime for a command.
fn block_on<T>(future: impl Future<Output = Result<T, Fail>>) -> Result<T, Fail> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Fail::new("cannot start").from(error))?
        .block_on(future)
}
