//! `avouch up`: prepares the data folder and supervises everything else. Holds no key, listens on nothing.

use std::collections::BTreeMap;
use std::fs;
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use avouch_audit::Export;
use avouch_backup::changes::reckoning::BOOT;
use avouch_backup::settings::{At, Destination};
use avouch_backup::source::Reach;
use avouch_keyring::Origin;
use avouch_runtime::confine::{BaseSystem, Confinement, Network, Ports, Processes};
use avouch_runtime::ids::Ids;
use avouch_runtime::layout::Layout;
use avouch_runtime::prepare::{Program, prepare};
use avouch_runtime::supervisor::{self, Carrier, Holder, Plan, Role};
use avouch_status::Notify;

use crate::cli::Global;
use crate::core::{AUTHORITIES, INSTANCE_ENVIRONMENT, destinations};
use crate::fail::Fail;
use crate::statement_file::{self, Statement};
use crate::{print, talk};

/// Ports below this are not everybody's to listen on.
const LOW_PORTS: u16 = 1024;

/// Runs it all until told to stop.
///
/// # Errors
/// If the statement has faults, the data folder cannot be used, or a part cannot start.
pub fn run(global: &Global, demo: bool, passphrase_fd: Option<u16>) -> Result<u8, Fail> {
    let statement = statement_file::load(&global.statement)?;
    let passphrase = passphrase_fd
        .map(|number| descriptor(number, &statement.keys.master))
        .transpose()?;
    crate::log_to_stderr();
    let ids = Ids::here(statement.runtime.user_ids);
    let avouch = std::env::current_exe()
        .map_err(|error| Fail::new("cannot find this program's own file").from(error))?;
    let application = find_program(
        statement.app.command.first().map_or("", String::as_str),
        &avouch,
    )?;
    let programs = [
        Program {
            name: "avouch".to_owned(),
            source: avouch,
        },
        Program {
            name: program_name(&application),
            source: application.clone(),
        },
    ];
    let prepared = prepare(&global.data, &ids, &programs)
        .map_err(|error| Fail::new("the data folder cannot be used").from(error))?;
    keep_statement(&prepared.layout, &ids, &statement, &global.statement)?;
    for destination in destinations(&statement, &prepared.layout.backups()) {
        make_destination(&destination, &ids)?;
    }
    for destination in &statement.backup.destinations {
        give_credential(&prepared.layout, &ids, destination)?;
    }
    let plan = Plan {
        avouch: prepared.layout.bin().join("avouch"),
        ids,
        destinations: destinations(&statement, &prepared.layout.backups()),
        system: Confinement::base_system(),
        tools: tools(&statement),
        environment: INSTANCE_ENVIRONMENT.map(str::to_owned).to_vec(),
        roles: roles(&prepared.layout, &ids, &statement, demo),
        carriers: carriers(&prepared.layout, &ids, &statement),
        holder: holder(
            &statement.keys.master,
            &prepared.layout.bin().join("avouch"),
            passphrase,
        )?,
        layout: prepared.layout.clone(),
        grace: supervisor::GRACE,
    };
    let json = global.json;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Fail::new("cannot start").from(error))?;
    runtime
        .block_on(supervisor::run(plan, |line: &str| {
            if json {
                print(line)
            } else {
                print(&welcome(line))
            }
        }))
        .map_err(|error| {
            Fail::new("the service did not start")
                .from(error)
                .help("the lines above say why")
        })?;
    Ok(0)
}

/// What jobs reach to read the stated sources.
fn tools(statement: &Statement) -> BaseSystem {
    let reach = Reach::of_all(&statement.backup);
    BaseSystem {
        read: reach.read,
        execute: reach.execute,
        write: reach.write,
    }
}

/// The process that hands the master key to the core, where the core does not read it from a file itself.
fn holder(
    origin: &Origin,
    avouch: &Path,
    passphrase: Option<OwnedFd>,
) -> Result<Option<Holder>, Fail> {
    if matches!(origin, Origin::File { .. }) {
        return Ok(None);
    }
    let spec = serde_json::to_string(origin)
        .map_err(|error| Fail::new("the master key's place cannot be written").from(error))?;
    let mut command = vec![
        avouch.display().to_string(),
        "key".to_owned(),
        "hold".to_owned(),
        "--spec".to_owned(),
        spec,
    ];
    if passphrase.is_some() {
        command.push("--given".to_owned());
    }
    Ok(Some(Holder {
        command,
        passphrase: passphrase.map(Arc::new),
    }))
}

/// The open descriptor with this number, for the key holder. This process does not read it.
fn descriptor(number: u16, origin: &Origin) -> Result<OwnedFd, Fail> {
    if *origin != Origin::Passphrase {
        return Err(Fail::new(
            "`--passphrase-fd` is given, but the master key does not come from a passphrase",
        )
        .help("leave it out, or write `master = { from = \"passphrase\" }` in `[keys]`"));
    }
    given(number)
}

/// An open descriptor, by its number.
///
/// # Errors
/// If there is none.
pub fn given(number: u16) -> Result<OwnedFd, Fail> {
    let opened = match number {
        0 => std::io::stdin().as_fd().try_clone_to_owned(),
        number => fs::File::open(format!("/proc/self/fd/{number}")).map(OwnedFd::from),
    };
    opened.map_err(|error| {
        Fail::new(format!("descriptor {number} cannot be read"))
            .from(error)
            .help("open it for the command, as in `avouch up --passphrase-fd 3 3< <(command)`")
    })
}

/// The core and the front, with what each may reach.
fn roles(layout: &Layout, ids: &Ids, statement: &Statement, demo: bool) -> Vec<Role> {
    let avouch = layout.bin().join("avouch");
    let data = layout.data().display().to_string();
    let command = |role: &str| {
        vec![
            avouch.display().to_string(),
            "role".to_owned(),
            role.to_owned(),
            "--data".to_owned(),
            data.clone(),
        ]
    };
    let ports = statement.gateway.ports();
    let mut core = Confinement::new(ids.core, ids.group(ids.core), layout.core());
    core.groups = vec![ids.group(ids.front)];
    core.execute.push(layout.bin());
    core.write
        .extend([layout.core(), layout.keys(), layout.run(), layout.scratch()]);
    core.processes = Processes::Shared;
    let mut reached = ports.clone();
    if let Some(witnessed) = &statement.audit.witnessed {
        reached.extend(witnessed.witnesses.iter().map(|witness| witness.port));
    }
    reached.extend(statement.audit.exports.iter().map(Export::port));
    reached.extend(notify_of(statement).map(|notify| notify.relay.port));
    if reached.len() > ports.len() {
        // What a name is looked up with, and a certificate judged by.
        core.read.extend(names_are_looked_up_with());
        core.read
            .extend(Some(PathBuf::from(AUTHORITIES)).filter(|path| path.exists()));
    }
    core.read
        .extend(Some(PathBuf::from(BOOT)).filter(|path| path.exists()));
    // The folder, since the record in it is another file after each rotation.
    let logins = statement.audit.logins.iter();
    let folders = logins.filter_map(|logins| fs::canonicalize(logins.record.parent()?).ok());
    core.read.extend(folders);
    core.network = Network::Host {
        bind: Ports::Only(Vec::new()),
        connect: Ports::Only(reached),
    };
    core.env
        .extend(std::env::var("AVOUCH_LOG").map(|filter| ("AVOUCH_LOG".to_owned(), filter)));
    let mut front = Confinement::new(ids.front, ids.group(ids.front), layout.run());
    front.execute.push(layout.bin());
    front.processes = Processes::Shared;
    front.network = Network::Host {
        bind: Ports::Only(ports),
        connect: Ports::Only(Vec::new()),
    };
    front.limits.open_files = 16_384;
    front.env.clone_from(&core.env);
    let mut core_command = command("core");
    if demo {
        core_command.push("--demo".to_owned());
    }
    let mut front_command = command("front");
    for address in statement.gateway.addresses() {
        if (1..LOW_PORTS).contains(&address.port()) {
            front.low_ports = true;
            front_command.extend(["--low".to_owned(), address.to_string()]);
        }
    }
    vec![
        Role {
            name: "core".to_owned(),
            command: core_command,
            confinement: core,
            linked: true,
        },
        Role {
            name: "front".to_owned(),
            command: front_command,
            confinement: front,
            linked: false,
        },
    ]
}

/// What connects jobs to the destinations on other machines, each to its one port.
fn carriers(layout: &Layout, ids: &Ids, statement: &Statement) -> BTreeMap<String, Carrier> {
    let mut carriers = BTreeMap::new();
    for destination in &statement.backup.destinations {
        let At::Far { address, .. } = &destination.at else {
            continue;
        };
        let mut confinement = Confinement::new(ids.jobs, ids.group(ids.jobs), layout.bin());
        confinement.execute.push(layout.bin());
        confinement.read.extend(names_are_looked_up_with());
        confinement.network = Network::Host {
            bind: Ports::Only(Vec::new()),
            connect: Ports::Only(vec![address.port()]),
        };
        let command = vec![
            layout.bin().join("avouch").display().to_string(),
            "carry".to_owned(),
            address.host().to_owned(),
            address.port().to_string(),
        ];
        let carrier = Carrier {
            command,
            confinement,
        };
        carriers.insert(destination.name.to_string(), carrier);
    }
    carriers
}

/// What a name is looked up with, as far as this machine has it.
fn names_are_looked_up_with() -> impl Iterator<Item = PathBuf> {
    ["/etc/hosts", "/etc/resolv.conf", "/etc/nsswitch.conf"]
        .map(PathBuf::from)
        .into_iter()
        .filter(|path| path.exists())
}

/// A credential that the operator has put beside the master key becomes the core's, which alone reads it.
fn give_credential(layout: &Layout, ids: &Ids, destination: &Destination) -> Result<(), Fail> {
    let At::Far { credential, .. } = &destination.at else {
        return Ok(());
    };
    let path = layout.keys().join(credential);
    match give(&path, ids.core, ids.group(ids.core), 0o600) {
        // It may be put there later; until then the checks say that it is missing.
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        given => given.map_err(|error| {
            Fail::new(format!("cannot give `{}` to the core", path.display())).from(error)
        }),
    }
}

/// The files that a statement names beside itself.
pub fn files_of(statement: &Statement) -> impl Iterator<Item = &String> {
    let certificates = statement.governance.inherited.iter();
    let authorities = statement.audit.exports.iter();
    certificates
        .map(|record| &record.certificate.file)
        .chain(authorities.filter_map(|export| export.authority.as_ref()))
        .chain(notify_of(statement).and_then(|notify| notify.authority.as_ref()))
}

/// How the supplier's team is written to, if it is.
fn notify_of(statement: &Statement) -> Option<&Notify> {
    statement.status.as_ref()?.notify.as_ref()
}

/// Whether a path leads to something beneath where it begins.
pub fn is_beneath(relative: &Path) -> bool {
    let mut parts = relative.components();
    parts.all(|part| matches!(part, Component::Normal(_)))
}

/// Keeps the statement, and the files it names, where the core can read them.
fn keep_statement(
    layout: &Layout,
    ids: &Ids,
    statement: &Statement,
    path: &Path,
) -> Result<(), Fail> {
    let folder = layout.core().join("statement");
    let beside = path.parent().unwrap_or(Path::new("."));
    let mut files = vec![(
        PathBuf::from("statement.toml"),
        statement.source.text().as_bytes().to_vec(),
    )];
    for name in files_of(statement) {
        let relative = Path::new(name);
        if !is_beneath(relative) {
            return Err(Fail::new(format!(
                "`{name}` is not a path beneath the statement's folder"
            ))
            .help("put the file beside the statement and name it without `..`"));
        }
        // A certificate that is absent is for its check to say; it does not stop the service.
        if let Ok(bytes) = fs::read(beside.join(relative)) {
            files.push((relative.to_owned(), bytes));
        }
    }
    let unwritten = |error: std::io::Error| {
        Fail::new(format!(
            "cannot keep the statement in `{}`",
            folder.display()
        ))
        .from(error)
    };
    if folder.exists() {
        fs::remove_dir_all(&folder).map_err(unwritten)?;
    }
    for (name, bytes) in files {
        let to = folder.join(name);
        let parent = to.parent().unwrap_or(&folder);
        fs::create_dir_all(parent).map_err(unwritten)?;
        fs::write(&to, bytes).map_err(unwritten)?;
        give(parent, ids.core, ids.group(ids.core), 0o700).map_err(unwritten)?;
        give(&to, ids.core, ids.group(ids.core), 0o600).map_err(unwritten)?;
    }
    give(&folder, ids.core, ids.group(ids.core), 0o700).map_err(unwritten)
}

fn make_destination(folder: &Path, ids: &Ids) -> Result<(), Fail> {
    let unmade = |error: std::io::Error| {
        Fail::new(format!(
            "cannot make the backup destination `{}`",
            folder.display()
        ))
        .from(error)
    };
    fs::create_dir_all(folder).map_err(unmade)?;
    give(
        folder,
        if ids.are_separate() { 0 } else { ids.core },
        ids.group(if ids.are_separate() { 0 } else { ids.core }),
        0o711,
    )
    .map_err(unmade)
}

fn give(path: &Path, uid: u32, gid: u32, mode: u32) -> std::io::Result<()> {
    chown(path, Some(uid), Some(gid))?;
    fs::set_permissions(path, fs::Permissions::from_mode(mode))
}

/// The application's file: as named, beside this program, or on the search path.
pub fn find_program(name: &str, avouch: &Path) -> Result<PathBuf, Fail> {
    let beside = avouch.parent().map(|folder| folder.join(name));
    let on_path = std::env::var_os("PATH")
        .map(|paths| {
            std::env::split_paths(&paths)
                .map(|folder| folder.join(name))
                .collect::<Vec<_>>()
        })
        .unwrap_or_default();
    beside
        .into_iter()
        .chain(on_path)
        .find(|path| path.is_file())
        .ok_or_else(|| {
            Fail::new(format!("the application `{name}` is nowhere to be found"))
                .help("name its whole path in `[app] command`, or put it beside `avouch`")
        })
}

fn program_name(path: &Path) -> String {
    path.file_name().map_or_else(
        || "app".to_owned(),
        |name| name.to_string_lossy().into_owned(),
    )
}

/// What a person is told when everything serves.
fn welcome(line: &str) -> String {
    let Ok(ready) = serde_json::from_str::<serde_json::Value>(line) else {
        return line.to_owned();
    };
    let text = |name: &str| {
        ready
            .get(name)
            .and_then(serde_json::Value::as_str)
            .unwrap_or("-")
            .to_owned()
    };
    let mut out = format!(
        "Everything serves.\n\n  statement  {}\n  console    {}\n",
        text("statement"),
        text("console")
    );
    for (tenant, url) in ready
        .get("apps")
        .and_then(serde_json::Value::as_object)
        .into_iter()
        .flatten()
    {
        out.push_str(&format!("  {tenant:<9}  {}\n", url.as_str().unwrap_or("-")));
    }
    out.push_str(&format!(
        "\nThe certificates are by an authority made for this data folder: {}\n",
        text("ca")
    ));
    let users = ready
        .get("users")
        .and_then(serde_json::Value::as_array)
        .cloned()
        .unwrap_or_default();
    if !users.is_empty() {
        out.push_str("\nSign in as one of these; the passwords are shown here only:\n");
        for user in users {
            let field = |name: &str| {
                user.get(name)
                    .and_then(serde_json::Value::as_str)
                    .unwrap_or("-")
                    .to_owned()
            };
            out.push_str(&format!(
                "  {:<34} {}   {} {}\n",
                field("email"),
                field("password"),
                field("tenant"),
                field("role")
            ));
        }
    }
    out.push_str("\nStop with Ctrl-C.\n");
    talk("");
    out
}
