//! Namespaces: a network, processes and names of its own.

use nix::sched::{CloneFlags, unshare};
use nix::unistd::{getegid, geteuid, sethostname};
use serde::{Deserialize, Serialize};

use super::error::step;
use super::{ConfineError, Confinement, Network, Processes};

/// Which namespaces a process has of its own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Spaces {
    /// A network with no interface up.
    pub network: bool,
    /// Processes: it sees those that it started, and no other.
    pub processes: bool,
}

/// Makes the namespaces that the specification asks for.
///
/// The process namespace is for what this process starts next, not for itself. Without root the
/// rest needs a user namespace, in which this process keeps its own ids; a kernel that gives
/// none to ordinary users gives none of the others either.
pub(super) fn make(spec: &Confinement, root: bool) -> Result<Spaces, ConfineError> {
    let spaces = Spaces {
        network: spec.network == Network::None,
        processes: spec.processes == Processes::Own,
    };
    let mut flags = CloneFlags::CLONE_NEWIPC | CloneFlags::CLONE_NEWUTS;
    flags.set(CloneFlags::CLONE_NEWNET, spaces.network);
    flags.set(CloneFlags::CLONE_NEWPID, spaces.processes);
    if root {
        step("make namespaces", unshare(flags))?;
    } else {
        let (uid, gid) = (geteuid(), getegid());
        if spaces == Spaces::default() || unshare(flags | CloneFlags::CLONE_NEWUSER).is_err() {
            return Ok(Spaces::default());
        }
        keep_id("/proc/self/setgroups", "deny")?;
        keep_id("/proc/self/uid_map", &format!("{uid} {uid} 1"))?;
        keep_id("/proc/self/gid_map", &format!("{gid} {gid} 1"))?;
    }
    step("name the host within", sethostname("confined"))?;
    Ok(spaces)
}

fn keep_id(path: &'static str, line: &str) -> Result<(), ConfineError> {
    std::fs::write(path, line).map_err(|source| ConfineError::Path {
        path: path.into(),
        source,
    })
}
