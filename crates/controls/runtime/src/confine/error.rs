//! Why a process could not be confined.

use std::path::PathBuf;

use nix::errno::Errno;

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
    /// The list of refused system calls does not fit this machine.
    #[error("cannot refuse system calls on this machine")]
    Calls(#[source] seccompiler::Error),
    /// What was applied could not be reported.
    #[error("cannot say what was applied")]
    Report(#[source] std::io::Error),
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

/// Names the step that the kernel refused.
pub(super) fn step<T>(step: &'static str, result: nix::Result<T>) -> Result<T, ConfineError> {
    result.map_err(|source| ConfineError::Step { step, source })
}
