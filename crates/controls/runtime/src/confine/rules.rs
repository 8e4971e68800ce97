//! The Landlock rules of a confinement.

use std::path::{Path, PathBuf};

use landlock::{
    ABI, Access, AccessFs, AccessNet, BitFlags, CompatLevel, Compatible, LandlockStatus, NetPort,
    PathBeneath, RestrictionStatus, Ruleset, RulesetAttr, RulesetCreated, RulesetCreatedAttr,
    RulesetError, RulesetStatus, Scope,
};
use nix::errno::Errno;
use nix::fcntl::{AT_FDCWD, OFlag, OpenHow, ResolveFlag, openat2};
use nix::sys::stat::{SFlag, fstat};

use super::enter::Signals;
use super::{ConfineError, Confinement, Network, Ports};

/// The Landlock ABI of this kernel; 0 when there is none.
///
/// Asks by restricting a thread made for it, which ends at once: the library tells the ABI only
/// of a restriction that was made.
#[must_use]
pub fn landlock_abi() -> i32 {
    let asked = std::thread::spawn(|| {
        let status = Ruleset::default()
            .handle_access(AccessFs::Execute)?
            .create()?
            .restrict_self()?;
        Ok::<i32, RulesetError>(abi_of(&status))
    });
    asked.join().ok().and_then(Result::ok).unwrap_or(0)
}

/// Opens every path and makes the rules, so that nothing is left to fail after ids have changed.
pub(super) fn build(spec: &Confinement, signals: Signals) -> Result<RulesetCreated, ConfineError> {
    let abi = newest().ok_or(ConfineError::NoLandlock)?;
    let mut rules = ruleset(abi, &spec.network, signals).map_err(ConfineError::Landlock)?;
    let read = AccessFs::ReadFile | AccessFs::ReadDir;
    let execute = read | AccessFs::Execute;
    // What can be written can never be executed, and devices are nobody's to make.
    let write =
        AccessFs::from_all(abi) & !(AccessFs::Execute | AccessFs::MakeChar | AccessFs::MakeBlock);
    for (paths, access) in [
        (&spec.read, read),
        (&spec.execute, execute),
        (&spec.write, write),
    ] {
        for path in paths {
            rules = allow(rules, path, access, abi)?;
        }
    }
    if let Network::Host { bind, connect } = &spec.network {
        rules = ports(rules, bind, AccessNet::BindTcp, abi).map_err(ConfineError::Landlock)?;
        rules =
            ports(rules, connect, AccessNet::ConnectTcp, abi).map_err(ConfineError::Landlock)?;
    }
    Ok(rules)
}

/// Applies the rules to this process for good, and returns the ABI.
pub(super) fn apply(rules: RulesetCreated) -> Result<i32, ConfineError> {
    let status = rules.restrict_self().map_err(ConfineError::Landlock)?;
    if status.ruleset != RulesetStatus::FullyEnforced || !status.no_new_privs {
        return Err(ConfineError::Partly);
    }
    Ok(abi_of(&status))
}

fn abi_of(status: &RestrictionStatus) -> i32 {
    match status.landlock {
        LandlockStatus::Available {
            effective_abi,
            kernel_abi,
        } => kernel_abi.unwrap_or(effective_abi as i32),
        LandlockStatus::NotEnabled | LandlockStatus::NotImplemented => 0,
    }
}

/// The newest ABI whose rights this kernel handles in full.
fn newest() -> Option<ABI> {
    [
        ABI::V9,
        ABI::V6,
        ABI::V5,
        ABI::V4,
        ABI::V3,
        ABI::V2,
        ABI::V1,
    ]
    .into_iter()
    .find(|abi| ruleset(*abi, &Network::None, Signals::Within).is_ok())
}

fn ruleset(abi: ABI, network: &Network, signals: Signals) -> Result<RulesetCreated, RulesetError> {
    let mut rules = Ruleset::default()
        .set_compatibility(CompatLevel::HardRequirement)
        .handle_access(AccessFs::from_all(abi))?;
    let tcp = handled(network, abi);
    if !tcp.is_empty() {
        rules = rules.handle_access(tcp)?;
    }
    let mut scope = Scope::from_all(abi);
    if signals == Signals::ToChildren {
        scope.remove(Scope::Signal);
    }
    if !scope.is_empty() {
        rules = rules.scope(scope)?;
    }
    rules.create()
}

fn allow(
    rules: RulesetCreated,
    path: &Path,
    access: BitFlags<AccessFs>,
    abi: ABI,
) -> Result<RulesetCreated, ConfineError> {
    let unusable = |errno: Errno| ConfineError::Path {
        path: PathBuf::from(path),
        source: errno.into(),
    };
    // Whoever may write on the way to a path could otherwise lead it elsewhere.
    let how = OpenHow::new()
        .flags(OFlag::O_PATH | OFlag::O_CLOEXEC)
        .resolve(ResolveFlag::RESOLVE_NO_SYMLINKS);
    let opened = openat2(AT_FDCWD, path, how).map_err(unusable)?;
    let found = fstat(&opened).map_err(unusable)?;
    let folder = SFlag::from_bits_truncate(found.st_mode) & SFlag::S_IFMT == SFlag::S_IFDIR;
    let access = if folder {
        access
    } else {
        access & AccessFs::from_file(abi)
    };
    rules
        .add_rule(PathBeneath::new(opened, access))
        .map_err(ConfineError::Landlock)
}

/// A rule for each allowed port; there is nothing to say about a right that is not handled.
fn ports(
    mut rules: RulesetCreated,
    ports: &Ports,
    access: AccessNet,
    abi: ABI,
) -> Result<RulesetCreated, RulesetError> {
    if let (Ports::Only(ports), true) = (ports, AccessNet::from_all(abi).contains(access)) {
        for port in ports {
            rules = rules.add_rule(NetPort::new(*port, access))?;
        }
    }
    Ok(rules)
}

/// The TCP rights that Landlock shall refuse by default.
fn handled(network: &Network, abi: ABI) -> BitFlags<AccessNet> {
    let mut handled = AccessNet::from_all(abi);
    if let Network::Host { bind, connect } = network {
        if *bind == Ports::Any {
            handled.remove(AccessNet::BindTcp);
        }
        if *connect == Ports::Any {
            handled.remove(AccessNet::ConnectTcp);
        }
    }
    handled
}
