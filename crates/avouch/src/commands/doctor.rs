//! `avouch doctor`: what on this machine would stop the statement from being kept, and what to do about it.

use std::net::{SocketAddr, TcpListener};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use avouch_runtime::confine::{self, Confined, Confinement};
use nix::sys::statvfs::statvfs;
use serde_json::Value;

use super::block_on;
use crate::cli::Global;
use crate::control::{self, Request};
use crate::fail::Fail;
use crate::statement_file::{self, Statement};
use crate::text::{size, wrapped};
use crate::{print, up};

/// With less room than this the ledger soon has to refuse.
const LITTLE_ROOM: u64 = 1 << 30;

/// A user id and group id that owns nothing, to confine a process by as root.
const NOBODY: u32 = 65_534;

/// How something was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// As it should be.
    Ok,
    /// It works, with less than it could have.
    Note,
    /// It stops the service, or will.
    Mend,
}

impl State {
    const fn word(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Note => "note",
            Self::Mend => "mend",
        }
    }
}

type Line = (State, String);

/// Looks at everything, and says what it saw: 1 if something has to be mended.
pub fn run(global: &Global) -> Result<u8, Fail> {
    let statement = statement_file::load(&global.statement)?;
    let runs = block_on(control::ask(&global.data, &Request::Statement)).is_ok();
    let mut lines = vec![(
        State::Ok,
        format!("the statement is sound: {} claims", statement.claims.len()),
    )];
    lines.push(program(&statement));
    lines.extend(confinement());
    lines.extend(
        statement
            .gateway
            .addresses()
            .into_iter()
            .map(|address| listener(address, runs)),
    );
    lines.extend(folders(global, &statement, runs));
    if runs && !statement.audit.exports.is_empty() {
        lines.extend(receivers(global));
    }
    lines.push(if runs {
        (State::Ok, "the service runs and answers here".to_owned())
    } else {
        (
            State::Note,
            format!(
                "no service answers for {}: `avouch up` starts it",
                global.data.display()
            ),
        )
    });
    show(global, &lines);
    Ok(u8::from(
        lines.iter().any(|(state, _)| *state == State::Mend),
    ))
}

fn show(global: &Global, lines: &[Line]) {
    if global.json {
        let list: Vec<_> = lines
            .iter()
            .map(|(state, text)| serde_json::json!({ "state": state.word(), "text": text }))
            .collect();
        print(&serde_json::Value::from(list).to_string());
    } else {
        let text: String = lines
            .iter()
            .map(|(state, text)| wrapped(text, &format!("{:<6}", state.word()), "      "))
            .collect();
        print(&text);
    }
}

fn program(statement: &Statement) -> Line {
    let found = std::env::current_exe()
        .map_err(|error| Fail::new("cannot find this program's own file").from(error))
        .and_then(|avouch| {
            let name = statement.app.command.first().map_or("", String::as_str);
            up::find_program(name, &avouch)
        });
    match found {
        Ok(path) => (
            State::Ok,
            format!("the application is `{}`", path.display()),
        ),
        Err(fail) => (State::Mend, fail.to_string()),
    }
}

/// What this kernel and this user can keep processes apart with.
fn confinement() -> Vec<Line> {
    let abi = confine::landlock_abi();
    let landlock = if abi > 0 {
        (State::Ok, format!("the kernel has Landlock, ABI {abi}"))
    } else {
        (
            State::Mend,
            "the kernel has no Landlock, so no process can be confined: start one with `lsm=landlock` among its modules".to_owned(),
        )
    };
    vec![landlock, user(), apart(abi)]
}

/// Whether each tenant gets a user id.
fn user() -> Line {
    if nix::unistd::geteuid().is_root() {
        return (
            State::Ok,
            "started as root: each tenant gets a user id of its own".to_owned(),
        );
    }
    (
        State::Note,
        "not root: tenants are not kept apart by user ids, and the statement says so".to_owned(),
    )
}

/// What a confined process has of its own here, told by one that was confined to find out.
fn apart(abi: i32) -> Line {
    let applied = match confined() {
        Ok(applied) => applied,
        // Without Landlock nothing can be confined, which is said already.
        Err(_) if abi == 0 => return (State::Note, "no process was confined to see".to_owned()),
        Err(fail) => return (State::Mend, fail.to_string()),
    };
    match (applied.spaces.network, applied.spaces.processes) {
        (true, true) => (
            State::Ok,
            "each tenant gets a network of its own, which is empty, and sees no process but its own"
                .to_owned(),
        ),
        _ => (
            State::Note,
            "this kernel gives namespaces to root alone: tenants share the network, where Landlock \
             holds back TCP from ABI 4 on, and see each other's processes; the statement says so"
                .to_owned(),
        ),
    }
}

/// Confines a process as an instance is, and returns what it says was applied.
fn confined() -> Result<Confined, Fail> {
    let fail = || Fail::new("no process can be confined here");
    let own = std::env::current_exe()
        .and_then(|path| path.canonicalize())
        .map_err(|error| Fail::new("cannot find this program's own file").from(error))?;
    let (uid, gid) = match nix::unistd::geteuid() {
        root if root.is_root() => (NOBODY, NOBODY),
        user => (user.as_raw(), nix::unistd::getegid().as_raw()),
    };
    let mut spec = Confinement::new(uid, gid, "/");
    spec.execute.push(own.clone());
    spec.report = true;
    let program = [own.display().to_string(), "--version".to_owned()];
    let mut command =
        confine::command(&own, &spec, &program).map_err(|error| fail().from(error))?;
    let output = command.output().map_err(|error| fail().from(error))?;
    let said = String::from_utf8_lossy(&output.stderr);
    said.lines()
        .find_map(|line| serde_json::from_str(line).ok())
        .ok_or_else(|| Fail::new(format!("no process can be confined here: {}", said.trim())))
}

/// How far those have got who receive the trail.
fn receivers(global: &Global) -> Vec<Line> {
    let answer = match block_on(control::ask(&global.data, &Request::AuditExports)) {
        Ok(answer) => answer,
        Err(fail) => return vec![(State::Mend, fail.to_string())],
    };
    let line = |row: &Value| {
        let text = |name: &str| row.get(name).and_then(Value::as_str);
        let number = |name: &str| row.get(name).and_then(Value::as_u64).unwrap_or(0);
        let (name, waiting) = (text("name").unwrap_or_default(), number("waiting"));
        let since =
            text("oldest").map_or_else(String::new, |at| format!(", the oldest since {at}"));
        match (text("trouble"), number("refused")) {
            (Some(why), _) => (
                State::Mend,
                format!(
                    "`{name}` receives nothing of the audit trail: {why}; {waiting} entries wait{since}"
                ),
            ),
            (None, 0) => (
                State::Ok,
                format!("`{name}` receives the audit trail; {waiting} entries wait{since}"),
            ),
            (None, refused) => (
                State::Mend,
                format!(
                    "`{name}` has refused {refused} entries of the audit trail, which it is offered again: `avouch audit search --words \"export {name}\"` says why"
                ),
            ),
        }
    };
    answer.as_array().into_iter().flatten().map(line).collect()
}

fn listener(address: SocketAddr, runs: bool) -> Line {
    match TcpListener::bind(address) {
        Ok(_) if runs => (
            State::Mend,
            format!("the service runs, and yet nothing listens on {address}"),
        ),
        Ok(_) => (State::Ok, format!("{address} is free to listen on")),
        Err(_) if runs => (State::Ok, format!("{address} is listened on")),
        Err(error) => (
            State::Mend,
            format!(
                "{address} cannot be listened on ({error}): stop what holds it, or name another in `[gateway] listen`"
            ),
        ),
    }
}

/// The data folder and each backup destination: there, with room, and not all on one disk.
fn folders(global: &Global, statement: &Statement, runs: bool) -> Vec<Line> {
    let mut lines = vec![room("the data folder", &global.data)];
    let data = existing(&global.data).and_then(|path| path.metadata().ok());
    for destination in &statement.backup.destinations {
        let Some(folder) = destination.folder() else {
            continue;
        };
        let folder = global.data.join("backups").join(folder);
        let name = format!("the backup destination `{}`", destination.name);
        if runs && !folder.is_dir() {
            lines.push((
                State::Mend,
                format!(
                    "{name} is gone: `{}` is not a folder. Is its disk mounted?",
                    folder.display()
                ),
            ));
            continue;
        }
        lines.push(room(&name, &folder));
        let there = existing(&folder).and_then(|path| path.metadata().ok());
        if let (Some(data), Some(there)) = (&data, there)
            && data.dev() == there.dev()
        {
            lines.push((
                State::Note,
                format!("{name} is on the same disk as the data: losing that disk loses both"),
            ));
        }
    }
    lines
}

fn room(name: &str, folder: &Path) -> Line {
    let Some(there) = existing(folder) else {
        return (
            State::Mend,
            format!("{name} `{}` cannot be made", folder.display()),
        );
    };
    match statvfs(&there) {
        Ok(disk) => {
            let free = disk.blocks_available() * disk.fragment_size();
            let text = format!("{name} `{}` has {} free", folder.display(), size(free));
            if free < LITTLE_ROOM {
                (
                    State::Mend,
                    format!("{text}: make room before the ledger has to refuse"),
                )
            } else {
                (State::Ok, text)
            }
        }
        Err(error) => (
            State::Mend,
            format!("{name} `{}` cannot be looked at: {error}", folder.display()),
        ),
    }
}

/// The nearest folder above `path` that exists.
fn existing(path: &Path) -> Option<PathBuf> {
    path.ancestors()
        .map(|path| {
            if path.as_os_str().is_empty() {
                Path::new(".")
            } else {
                path
            }
        })
        .find(|path| path.exists())
        .map(Path::to_path_buf)
}
