//! System calls that no process of the service needs, and attacks on others or on the kernel do.
//!
//! A list of what is refused, not of what is allowed: an application's own calls are its own,
//! and a longer list of these is a smaller kernel to attack. Everything else is held back by user
//! ids, namespaces and Landlock.

use std::collections::BTreeMap;

use nix::libc;
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
    SeccompRule, TargetArch, apply_filter,
};

use super::ConfineError;

const REFUSED: &[(&str, libc::c_long)] = &[
    // Other processes' memory and descriptors.
    ("ptrace", libc::SYS_ptrace),
    ("process_vm_readv", libc::SYS_process_vm_readv),
    ("process_vm_writev", libc::SYS_process_vm_writev),
    ("process_madvise", libc::SYS_process_madvise),
    ("pidfd_getfd", libc::SYS_pidfd_getfd),
    ("kcmp", libc::SYS_kcmp),
    // File systems.
    ("mount", libc::SYS_mount),
    ("umount2", libc::SYS_umount2),
    ("mount_setattr", libc::SYS_mount_setattr),
    ("move_mount", libc::SYS_move_mount),
    ("open_tree", libc::SYS_open_tree),
    ("fsopen", libc::SYS_fsopen),
    ("fsconfig", libc::SYS_fsconfig),
    ("fsmount", libc::SYS_fsmount),
    ("fspick", libc::SYS_fspick),
    ("pivot_root", libc::SYS_pivot_root),
    ("chroot", libc::SYS_chroot),
    ("open_by_handle_at", libc::SYS_open_by_handle_at),
    ("quotactl", libc::SYS_quotactl),
    ("swapon", libc::SYS_swapon),
    ("swapoff", libc::SYS_swapoff),
    // Namespaces.
    ("unshare", libc::SYS_unshare),
    ("setns", libc::SYS_setns),
    // The kernel itself.
    ("kexec_load", libc::SYS_kexec_load),
    ("init_module", libc::SYS_init_module),
    ("finit_module", libc::SYS_finit_module),
    ("delete_module", libc::SYS_delete_module),
    ("reboot", libc::SYS_reboot),
    ("syslog", libc::SYS_syslog),
    ("acct", libc::SYS_acct),
    ("settimeofday", libc::SYS_settimeofday),
    ("clock_settime", libc::SYS_clock_settime),
    ("bpf", libc::SYS_bpf),
    ("perf_event_open", libc::SYS_perf_event_open),
    ("userfaultfd", libc::SYS_userfaultfd),
    ("io_uring_setup", libc::SYS_io_uring_setup),
    ("io_uring_enter", libc::SYS_io_uring_enter),
    ("io_uring_register", libc::SYS_io_uring_register),
    // The kernel's key rings.
    ("keyctl", libc::SYS_keyctl),
    ("add_key", libc::SYS_add_key),
    ("request_key", libc::SYS_request_key),
];

/// What `clone` is refused with. `clone3` keeps its flags where no filter sees them, so it is
/// answered as by a kernel that has none, and the C library then uses `clone`.
const NAMESPACES: [libc::c_int; 7] = [
    libc::CLONE_NEWNS,
    libc::CLONE_NEWCGROUP,
    libc::CLONE_NEWUTS,
    libc::CLONE_NEWIPC,
    libc::CLONE_NEWUSER,
    libc::CLONE_NEWPID,
    libc::CLONE_NEWNET,
];

/// On x86-64 a second table of calls (x32), where the kernel has it: the number with this bit.
#[cfg(target_arch = "x86_64")]
const OTHER_TABLE: i64 = 0x4000_0000;
/// Those of the list that have a number of their own there.
#[cfg(target_arch = "x86_64")]
const OTHER_NUMBERS: [i64; 4] = [521, 528, 539, 540];

/// The calls that are refused, by name and number.
pub fn refused_calls() -> impl Iterator<Item = (&'static str, i64)> {
    REFUSED.iter().copied()
}

/// Refuses the calls to this process and all that it starts, for good; returns how many.
pub(super) fn refuse() -> Result<usize, ConfineError> {
    for filter in filters().map_err(ConfineError::Calls)? {
        apply_filter(&filter).map_err(ConfineError::Calls)?;
    }
    Ok(REFUSED.len())
}

fn filters() -> Result<[BpfProgram; 2], seccompiler::Error> {
    let mut refused: BTreeMap<i64, Vec<SeccompRule>> = REFUSED
        .iter()
        .flat_map(|(_, number)| numbers(*number))
        .map(|number| (number, Vec::new()))
        .collect();
    #[cfg(target_arch = "x86_64")]
    refused.extend(OTHER_NUMBERS.map(|number| (OTHER_TABLE | number, Vec::new())));
    let mut spaces = Vec::new();
    for flag in NAMESPACES {
        let flag = u64::try_from(flag).unwrap_or_default();
        let set = SeccompCmpOp::MaskedEq(flag);
        let condition = SeccompCondition::new(0, SeccompCmpArgLen::Qword, set, flag)?;
        spaces.push(SeccompRule::new(vec![condition])?);
    }
    for number in numbers(libc::SYS_clone) {
        refused.insert(number, spaces.clone());
    }
    let absent = numbers(libc::SYS_clone3)
        .into_iter()
        .map(|number| (number, Vec::new()))
        .collect();
    Ok([filter(refused, libc::EPERM)?, filter(absent, libc::ENOSYS)?])
}

#[cfg(target_arch = "x86_64")]
fn numbers(number: i64) -> Vec<i64> {
    vec![number, OTHER_TABLE | number]
}

#[cfg(not(target_arch = "x86_64"))]
fn numbers(number: i64) -> Vec<i64> {
    vec![number]
}

fn filter(
    rules: BTreeMap<i64, Vec<SeccompRule>>,
    error: libc::c_int,
) -> Result<BpfProgram, seccompiler::Error> {
    let machine = TargetArch::try_from(std::env::consts::ARCH)?;
    let refuse = SeccompAction::Errno(u32::try_from(error).unwrap_or_default());
    Ok(SeccompFilter::new(rules, SeccompAction::Allow, refuse, machine)?.try_into()?)
}
