//! Applies a confinement to this process, step by step, each of which must succeed.

use std::convert::Infallible;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::Command;

use nix::errno::Errno;
use nix::sched::{CloneFlags, unshare};
use nix::sys::prctl;
use nix::sys::resource::{Resource, setrlimit};
use nix::sys::signal::Signal;
use nix::sys::stat::{Mode, umask};
use nix::unistd::{
    Gid, Uid, close, getegid, geteuid, getppid, getresgid, getresuid, setgroups, sethostname,
    setresgid, setresuid,
};

use super::{Confined, Confinement, Network, rules};

/// Why a process could not be confined. It must not go on.
#[derive(Debug, thiserror::Error)]
pub enum ConfineError {
    /// Restrictions bind one thread, so a process with several would be half confined.
    #[error("cannot confine a process that has {0} threads; confine it before it starts any")]
    Threads(usize),
    /// The specification asks for root.
    #[error("a confined process never runs as root; give it a user id and group id of its own")]
    Root,
    /// Without root, no other id can be taken.
    #[error("cannot run as user {wanted}: this process is user {own} and not root")]
    ForeignUser {
        /// The user id asked for.
        wanted: u32,
        /// The caller's.
        own: u32,
    },
    /// The process that this one must not outlive is no longer its parent.
    #[error("process {0}, which this one must not outlive, has already ended")]
    ParentGone(u32),
    /// The kernel refused a step.
    #[error("cannot {step}")]
    Step {
        /// What was tried.
        step: &'static str,
        /// The kernel's answer.
        source: Errno,
    },
    /// Something of this process could not be read from `/proc`.
    #[error("cannot read {path} to see what this process is; mount /proc")]
    Proc {
        /// The file or folder.
        path: &'static str,
        /// The cause.
        source: std::io::Error,
    },
    /// A privilege was left over after the user id was changed.
    #[error(
        "a privilege is left after taking user id {0}; start from a process without special capability settings"
    )]
    Privilege(u32),
    /// A path in the specification cannot be opened.
    #[error("cannot open `{path}`, which the confinement lists")]
    Path {
        /// The path.
        path: PathBuf,
        /// The cause.
        source: std::io::Error,
    },
    /// This kernel has no Landlock.
    #[error(
        "this kernel has no Landlock, or it is off: boot one of 5.13 or later with `landlock` among its `lsm=`"
    )]
    NoLandlock,
    /// Landlock refused the rules.
    #[error("the kernel refused the Landlock rules")]
    Landlock(#[source] landlock::RulesetError),
    /// Landlock took only a part of the rules.
    #[error("the kernel enforces only a part of the Landlock rules")]
    Partly,
    /// No program was named, or not by its whole path.
    #[error("name the program to run by its whole path")]
    NoProgram,
    /// The program could not be started.
    #[error("cannot run `{program}`")]
    Run {
        /// The program.
        program: String,
        /// The cause.
        source: std::io::Error,
    },
}

fn step<T>(step: &'static str, result: nix::Result<T>) -> Result<T, ConfineError> {
    result.map_err(|source| ConfineError::Step { step, source })
}

/// Confines this process for good. Must be the first thing a program does: it closes every
/// descriptor but 0, 1 and 2, and refuses when there is more than one thread. The environment
/// is left to [`exec`].
///
/// As root every step must succeed. Without root, user ids and namespaces are left alone and
/// [`Confined::limits`] says so; Landlock must still be there.
///
/// # Errors
/// By the step that failed. The process is then partly confined and must end.
pub fn enter(spec: &Confinement) -> Result<Confined, ConfineError> {
    let root = geteuid().is_root();
    check_asked(spec, root)?;
    close_inherited()?;
    limit(spec)?;
    if root {
        separate(spec)?;
    }
    let rules = rules::build(spec)?;
    if root {
        take_ids(spec)?;
    }
    umask(Mode::from_bits_truncate(spec.umask));
    std::env::set_current_dir(&spec.folder).map_err(|source| ConfineError::Path {
        path: spec.folder.clone(),
        source,
    })?;
    // Taking a user id clears the parent-death signal, so it is set after.
    if let Some(parent) = spec.dies_with {
        step(
            "ask to end with the parent",
            prctl::set_pdeathsig(Signal::SIGKILL),
        )?;
        if u32::try_from(getppid().as_raw()) != Ok(parent) {
            return Err(ConfineError::ParentGone(parent));
        }
    }
    seal_memory()?;
    step("give up new privileges", prctl::set_no_new_privs())?;
    let landlock_abi = rules::apply(rules)?;
    Ok(Confined {
        landlock_abi,
        root,
        network: spec.network.clone(),
    })
}

/// Confines this process and turns it into `command`, with the specification's environment.
///
/// # Errors
/// As [`enter`], and when the program cannot be run. Never returns otherwise.
pub fn exec(spec: &Confinement, command: &[String]) -> Result<Infallible, ConfineError> {
    let (program, arguments) = command.split_first().ok_or(ConfineError::NoProgram)?;
    if !program.starts_with('/') {
        return Err(ConfineError::NoProgram);
    }
    enter(spec)?;
    let source = Command::new(program)
        .args(arguments)
        .env_clear()
        .envs(&spec.env)
        .exec();
    Err(ConfineError::Run {
        program: program.clone(),
        source,
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

fn check_asked(spec: &Confinement, root: bool) -> Result<(), ConfineError> {
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
    Ok(())
}

fn listing(path: &'static str) -> Result<Vec<i32>, ConfineError> {
    let entries = std::fs::read_dir(path).map_err(|source| ConfineError::Proc { path, source })?;
    Ok(entries
        .filter_map(Result::ok)
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .collect())
}

/// The listing's own descriptor is in the list and already closed, which is no fault.
fn close_inherited() -> Result<(), ConfineError> {
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

fn separate(spec: &Confinement) -> Result<(), ConfineError> {
    let mut spaces = CloneFlags::CLONE_NEWIPC | CloneFlags::CLONE_NEWUTS;
    if spec.network == Network::None {
        spaces |= CloneFlags::CLONE_NEWNET;
    }
    step("make namespaces", unshare(spaces))?;
    step("name the host within", sethostname("confined"))
}

fn take_ids(spec: &Confinement) -> Result<(), ConfineError> {
    let (uid, gid) = (Uid::from_raw(spec.uid), Gid::from_raw(spec.gid));
    let groups: Vec<Gid> = spec.groups.iter().copied().map(Gid::from_raw).collect();
    step("set the groups", setgroups(&groups))?;
    step("take the group id", setresgid(gid, gid, gid))?;
    step("take the user id", setresuid(uid, uid, uid))?;
    let users = step("read the user ids", getresuid())?;
    let own = step("read the group ids", getresgid())?;
    let taken = users.real == uid && users.effective == uid && users.saved == uid;
    let grouped = own.real == gid && own.effective == gid && own.saved == gid;
    if taken && grouped && getegid() == gid && without_capabilities()? {
        return Ok(());
    }
    Err(ConfineError::Privilege(spec.uid))
}

/// The kernel drops capabilities with the last root id, unless a setting that survives `exec`
/// told it otherwise.
fn without_capabilities() -> Result<bool, ConfineError> {
    let path = "/proc/self/status";
    let status =
        std::fs::read_to_string(path).map_err(|source| ConfineError::Proc { path, source })?;
    let sets: Vec<&str> = status
        .lines()
        .filter_map(|line| {
            ["CapPrm:", "CapEff:", "CapAmb:"]
                .iter()
                .find_map(|set| line.strip_prefix(set))
        })
        .collect();
    Ok(sets.len() == 3
        && sets
            .iter()
            .all(|set| set.trim().bytes().all(|digit| digit == b'0')))
}
