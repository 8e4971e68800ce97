//! Tries what a taken-over application would try, from within its own confinement.
//!
//! The program that probes is started exactly as the application is. It reports what the kernel
//! answered; [`judge`] decides what that means. A thing that was not there to try proves nothing.

mod act;

use std::net::SocketAddr;
use std::path::PathBuf;

use nix::errno::Errno;
use serde::{Deserialize, Serialize};

/// One thing to try.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Act {
    /// Open a file and read a byte of it.
    ReadFile(PathBuf),
    /// List a folder.
    ListFolder(PathBuf),
    /// Open an existing file for writing, without changing it.
    OpenForWriting(PathBuf),
    /// Make a file in a folder; it is removed at once.
    MakeFileIn(PathBuf),
    /// Run a program.
    Execute(PathBuf),
    /// Connect to a Unix socket by its path.
    ConnectUnix(PathBuf),
    /// Connect to an abstract Unix socket by its name.
    ConnectAbstract(String),
    /// Connect over TCP.
    ConnectTcp(SocketAddr),
    /// Listen on a TCP address.
    ListenTcp(SocketAddr),
    /// Send a datagram.
    SendUdp(SocketAddr),
    /// Signal a process (signal 0, which does nothing but ask).
    Signal(i32),
    /// Signal any process at all besides its own (signal 0 to everybody).
    SignalAnybody,
    /// Have itself traced, as a debugger would begin.
    Trace,
    /// Make a user namespace, which opens much more of the kernel.
    MakeNamespace,
    /// Open a process's memory, as a debugger would.
    ReadMemory(i32),
    /// Read a process's environment.
    ReadEnvironment(i32),
    /// Mount a file system.
    Mount(PathBuf),
    /// Become root.
    BecomeRoot,
}

/// What came of an act.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// It could be done.
    Succeeded,
    /// The kernel answered with this error number.
    Failed(i32),
}

/// An act and its outcome.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tried {
    /// What was tried.
    pub act: Act,
    /// What came of it.
    pub outcome: Outcome,
}

/// What the outcomes say about the confinement.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub enum Judged {
    /// Each act was refused; so many were tried.
    Refused(usize),
    /// These acts could be done.
    Open(Vec<Act>),
    /// None could be done, but these failed for another reason, or were not tried.
    Unclear(Vec<Act>),
}

/// Tries each act in turn.
#[must_use]
pub fn run(acts: &[Act]) -> Vec<Tried> {
    acts.iter()
        .map(|act| Tried {
            act: act.clone(),
            outcome: act::attempt(act),
        })
        .collect()
}

/// Judges what was tried against what was asked; no acts at all prove nothing.
pub fn judge(asked: &[Act], tried: &[Tried]) -> Judged {
    let open: Vec<Act> = tried
        .iter()
        .filter(|tried| tried.outcome == Outcome::Succeeded)
        .map(|tried| tried.act.clone())
        .collect();
    if !open.is_empty() {
        return Judged::Open(open);
    }
    let unclear: Vec<Act> = asked
        .iter()
        .filter(|act| {
            !tried
                .iter()
                .any(|tried| tried.act == **act && is_refusal(tried))
        })
        .cloned()
        .collect();
    if asked.is_empty() || !unclear.is_empty() {
        return Judged::Unclear(unclear);
    }
    Judged::Refused(asked.len())
}

/// Whether the kernel refused, as opposed to there being nothing to try.
fn is_refusal(tried: &Tried) -> bool {
    let Outcome::Failed(number) = tried.outcome else {
        return false;
    };
    match (Errno::from_raw(number), &tried.act) {
        (Errno::EACCES | Errno::EPERM, _) => true,
        (Errno::EROFS, Act::OpenForWriting(_) | Act::MakeFileIn(_)) => true,
        // A network namespace without a way out, or an address it does not have.
        (
            Errno::ENETUNREACH | Errno::EADDRNOTAVAIL,
            Act::ConnectTcp(_) | Act::ListenTcp(_) | Act::SendUdp(_),
        ) => true,
        // A user namespace that knows the process's own id and no other has no root.
        (Errno::EINVAL, Act::BecomeRoot) => true,
        // In a process namespace of its own there is nobody else, by number or at all.
        (Errno::ESRCH, Act::Signal(_) | Act::SignalAnybody) => true,
        // Abstract names belong to a network namespace: in another one nobody listens.
        (Errno::ECONNREFUSED, Act::ConnectAbstract(_)) => true,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(path: &str, outcome: Outcome) -> Tried {
        Tried {
            act: Act::ReadFile(path.into()),
            outcome,
        }
    }

    const REFUSED: Outcome = Outcome::Failed(Errno::EACCES as i32);
    const ABSENT: Outcome = Outcome::Failed(Errno::ENOENT as i32);

    #[track_caller]
    fn check(asked: &[&str], tried: &[Tried], expected: &Judged) {
        let asked: Vec<Act> = asked
            .iter()
            .map(|path| Act::ReadFile(path.into()))
            .collect();
        assert_eq!(judge(&asked, tried), *expected);
    }

    #[test]
    fn only_a_refusal_of_every_act_is_held() {
        check(
            &["/a", "/b"],
            &[read("/a", REFUSED), read("/b", REFUSED)],
            &Judged::Refused(2),
        );
    }

    #[test]
    fn one_success_is_open_whatever_else_happened() {
        let open = Judged::Open(vec![Act::ReadFile("/b".into())]);
        check(
            &["/a", "/b"],
            &[read("/a", ABSENT), read("/b", Outcome::Succeeded)],
            &open,
        );
    }

    #[test]
    fn what_was_absent_or_not_tried_proves_nothing() {
        let unclear = Judged::Unclear(vec![Act::ReadFile("/b".into())]);
        check(
            &["/a", "/b"],
            &[read("/a", REFUSED), read("/b", ABSENT)],
            &unclear,
        );
        check(&["/a", "/b"], &[read("/a", REFUSED)], &unclear);
        check(&[], &[], &Judged::Unclear(vec![]));
    }

    /// Whether an act that met this error was refused, and not just without anything to try.
    #[track_caller]
    fn is_refused(act: Act, error: Errno, refused: bool) {
        let tried = Tried {
            act: act.clone(),
            outcome: Outcome::Failed(error as i32),
        };
        let judged = judge(std::slice::from_ref(&act), &[tried]);
        assert_eq!(judged == Judged::Refused(1), refused, "{act:?}: {judged:?}");
    }

    #[test]
    fn a_refused_connection_is_a_refusal_for_abstract_names_only() {
        let error = Errno::ECONNREFUSED;
        is_refused(Act::ConnectAbstract("a".to_owned()), error, true);
        is_refused(Act::ConnectUnix("/a".into()), error, false);
        is_refused(Act::ConnectTcp(([127, 0, 0, 1], 1).into()), error, false);
    }

    #[test]
    fn a_process_that_cannot_be_seen_cannot_be_signalled() {
        is_refused(Act::Signal(7), Errno::ESRCH, true);
        is_refused(Act::SignalAnybody, Errno::ESRCH, true);
        is_refused(Act::ReadMemory(7), Errno::ESRCH, false);
    }
}
