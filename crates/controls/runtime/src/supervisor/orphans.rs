//! Processes whose parent has died and which this one has adopted: ended and reaped.

use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{Id, WaitPidFlag, WaitStatus, waitid, waitpid};
use nix::unistd::Pid;

use super::child::Living;

/// Kills every adopted process and reaps those that ended, but leaves the children in `living`
/// to those who wait for them.
pub(super) fn end(living: &Living) {
    for pid in children().into_iter().filter(|pid| !known(living, *pid)) {
        kill(pid, Signal::SIGKILL).ok();
    }
    let look = WaitPidFlag::WEXITED | WaitPidFlag::WNOHANG | WaitPidFlag::WNOWAIT;
    // A known child that has ended stops this round; its own end is seen soon and starts another.
    while let Ok(status) = waitid(Id::All, look) {
        match status.pid() {
            Some(pid) if status != WaitStatus::StillAlive && !known(living, pid) => {
                if waitpid(pid, Some(WaitPidFlag::WNOHANG)).is_err() {
                    return;
                }
            }
            _ => return,
        }
    }
}

fn known(living: &Living, pid: Pid) -> bool {
    u32::try_from(pid.as_raw()).is_ok_and(|pid| living.contains(pid))
}

/// Every process whose parent is this one.
fn children() -> Vec<Pid> {
    let own = std::process::id().to_string();
    let Ok(entries) = std::fs::read_dir("/proc") else {
        return Vec::new();
    };
    entries
        .filter_map(Result::ok)
        .filter_map(|entry| {
            let pid = entry.file_name().to_str()?.parse().ok()?;
            let status = std::fs::read_to_string(entry.path().join("stat")).ok()?;
            // The name, in brackets, may hold anything; the parent is the second field after it.
            let (_, after) = status.rsplit_once(')')?;
            (after.split_whitespace().nth(1)? == own).then_some(Pid::from_raw(pid))
        })
        .collect()
}
