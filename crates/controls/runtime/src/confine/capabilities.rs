//! The one capability that a process may keep: listening on ports below 1024.
//!
//! Capabilities belong to threads, so all of this is done while there is one.

use std::net::{SocketAddr, TcpListener};

use nix::errno::Errno;
use nix::unistd::geteuid;
use rustix::thread::{
    CapabilitySet, CapabilitySets, capabilities, clear_ambient_capability_set,
    configure_capability_in_ambient_set, set_capabilities,
};

use super::ConfineError;
use super::error::step;

/// Gives up every capability, or all but that of low ports where it is there, and sees that it
/// is so. What is kept lasts into the program that is started.
pub(super) fn keep_only(low_ports: bool) -> Result<(), ConfineError> {
    let held = step("read the capabilities", ok(capabilities(None)))?.permitted;
    let kept = if low_ports {
        held & CapabilitySet::NET_BIND_SERVICE
    } else {
        CapabilitySet::empty()
    };
    step("give up capabilities", ok(clear_ambient_capability_set()))?;
    let sets = CapabilitySets {
        effective: kept,
        permitted: kept,
        inheritable: kept,
    };
    step("give up capabilities", ok(set_capabilities(None, sets)))?;
    if !kept.is_empty() {
        step(
            "keep the capability of low ports",
            ok(configure_capability_in_ambient_set(kept, true)),
        )?;
    }
    // The ambient set is never more than the permitted and inheritable ones.
    if step("read the capabilities", ok(capabilities(None)))? == sets {
        return Ok(());
    }
    Err(ConfineError::Privilege(geteuid().as_raw()))
}

/// Listens on these addresses and gives up every capability, so that what is started after has
/// none. To be called while this process has one thread.
///
/// An address that cannot be had is left out: whoever tries it again learns why.
///
/// # Errors
/// When a capability is left. The process must not go on.
pub fn bind_low_ports(addresses: &[SocketAddr]) -> Result<Vec<TcpListener>, ConfineError> {
    let bound = addresses
        .iter()
        .filter_map(|address| TcpListener::bind(address).ok())
        .collect();
    keep_only(false)?;
    Ok(bound)
}

fn ok<T>(result: rustix::io::Result<T>) -> nix::Result<T> {
    result.map_err(|errno| Errno::from_raw(errno.raw_os_error()))
}
