//! Applies a confinement to this process, step by step, each of which must succeed.

use nix::errno::Errno;
use nix::sys::prctl;
use nix::sys::resource::{Resource, setrlimit};
use nix::sys::signal::Signal;
use nix::sys::stat::{Mode, umask};
use nix::unistd::{
    Gid, Uid, close, getegid, geteuid, getresgid, getresuid, setgroups, setresgid, setresuid,
};

use super::error::step;
use super::{ConfineError, Confined, Confinement, calls, capabilities, rules, spaces};

/// Confines this process for good. Must be the first thing a program does: it closes every
/// descriptor but 0, 1 and 2, and refuses when there is more than one thread. The environment
/// and the process namespace are left to [`super::exec()`].
///
/// As root every step must succeed. Without root, user ids are left alone, namespaces are made
/// where the kernel gives them, and [`Confined::limits`] says what is lacking; Landlock must
/// still be there.
///
/// # Errors
/// By the step that failed. The process is then partly confined and must end.
pub fn enter(spec: &Confinement) -> Result<Confined, ConfineError> {
    apply(spec, Signals::Within)
}

/// Whom a confined process may signal, where Landlock knows of that.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Signals {
    /// Those within its own confinement.
    Within,
    /// Also a child with a confinement of its own. Without that the kernel does not let its
    /// death end the child.
    ToChildren,
}

pub(super) fn apply(spec: &Confinement, signals: Signals) -> Result<Confined, ConfineError> {
    let root = check_asked(spec)?;
    close_inherited()?;
    limit(spec)?;
    let spaces = match spec.within {
        Some(spaces) => spaces,
        None => spaces::make(spec, root)?,
    };
    let rules = rules::build(spec, signals)?;
    if root {
        take_ids(spec)?;
    } else {
        capabilities::keep_only(spec.low_ports)?;
    }
    umask(Mode::from_bits_truncate(spec.umask));
    std::env::set_current_dir(&spec.folder).map_err(|source| ConfineError::Path {
        path: spec.folder.clone(),
        source,
    })?;
    // Taking a user id clears the parent-death signal, so it is set after.
    tie(spec)?;
    seal_memory()?;
    step("give up new privileges", prctl::set_no_new_privs())?;
    let landlock_abi = rules::apply(rules)?;
    let refused_calls = calls::refuse()?;
    Ok(Confined {
        landlock_abi,
        own_user: root,
        spaces,
        refused_calls,
        network: spec.network.clone(),
    })
}

/// Keeps this process's memory from other processes of its user and from core dumps. Starting
/// a program undoes it, so that a role which holds keys calls it again first thing.
///
/// # Errors
/// When the kernel refuses.
pub fn seal_memory() -> Result<(), ConfineError> {
    step(
        "keep memory from other processes",
        prctl::set_dumpable(false),
    )
}

/// Whether the specification may be applied at all; returns whether this process is root.
pub(super) fn check_asked(spec: &Confinement) -> Result<bool, ConfineError> {
    let root = geteuid().is_root();
    let threads = listing("/proc/self/task")?.len();
    if threads != 1 {
        return Err(ConfineError::Threads(threads));
    }
    if spec.uid == 0 || (root && (spec.gid == 0 || spec.groups.contains(&0))) {
        return Err(ConfineError::Root);
    }
    let own = geteuid().as_raw();
    if !root && spec.uid != own {
        return Err(ConfineError::ForeignUser {
            wanted: spec.uid,
            own,
        });
    }
    Ok(root)
}

/// Ends this process with its parent. Whoever has no parent any more when this is done ends now.
pub(super) fn tie(spec: &Confinement) -> Result<(), ConfineError> {
    let Some(parent) = spec.dies_with else {
        return Ok(());
    };
    step(
        "ask to end with the parent",
        prctl::set_pdeathsig(Signal::SIGKILL),
    )?;
    if status("PPid:")?.trim().parse() != Ok(parent) {
        return Err(ConfineError::ParentGone(parent));
    }
    Ok(())
}

fn listing(path: &'static str) -> Result<Vec<i32>, ConfineError> {
    let entries = std::fs::read_dir(path).map_err(|source| ConfineError::Proc { path, source })?;
    Ok(entries
        .filter_map(Result::ok)
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .collect())
}

/// A line of what the kernel says about this process. From `/proc`, because the system call for
/// a parent in another process namespace answers 0.
fn status(name: &str) -> Result<String, ConfineError> {
    let path = "/proc/self/status";
    let status =
        std::fs::read_to_string(path).map_err(|source| ConfineError::Proc { path, source })?;
    Ok(status
        .lines()
        .find_map(|line| line.strip_prefix(name))
        .unwrap_or_default()
        .to_owned())
}

/// The listing's own descriptor is in the list and already closed, which is no fault.
pub(super) fn close_inherited() -> Result<(), ConfineError> {
    for descriptor in listing("/proc/self/fd")?
        .into_iter()
        .filter(|number| *number > 2)
    {
        match close(descriptor) {
            Ok(()) | Err(Errno::EBADF) => {}
            Err(source) => {
                return Err(ConfineError::Step {
                    step: "close an inherited descriptor",
                    source,
                });
            }
        }
    }
    Ok(())
}

fn limit(spec: &Confinement) -> Result<(), ConfineError> {
    let limits = [
        (Resource::RLIMIT_CORE, Some(0)),
        (Resource::RLIMIT_NOFILE, Some(spec.limits.open_files)),
        (Resource::RLIMIT_NPROC, spec.limits.processes),
        (Resource::RLIMIT_AS, spec.limits.address_space),
    ];
    for (resource, limit) in limits {
        if let Some(limit) = limit {
            step("set a resource limit", setrlimit(resource, limit, limit))?;
        }
    }
    Ok(())
}

fn take_ids(spec: &Confinement) -> Result<(), ConfineError> {
    let (uid, gid) = (Uid::from_raw(spec.uid), Gid::from_raw(spec.gid));
    let groups: Vec<Gid> = spec.groups.iter().copied().map(Gid::from_raw).collect();
    step("set the groups", setgroups(&groups))?;
    step("take the group id", setresgid(gid, gid, gid))?;
    // Capabilities go with the last root id, unless they are to be reduced to one first.
    step(
        "keep a capability past the user id",
        prctl::set_keepcaps(spec.low_ports),
    )?;
    step("take the user id", setresuid(uid, uid, uid))?;
    capabilities::keep_only(spec.low_ports)?;
    let users = step("read the user ids", getresuid())?;
    let own = step("read the group ids", getresgid())?;
    let taken = users.real == uid && users.effective == uid && users.saved == uid;
    let grouped = own.real == gid && own.effective == gid && own.saved == gid;
    if taken && grouped && getegid() == gid {
        return Ok(());
    }
    Err(ConfineError::Privilege(spec.uid))
}
