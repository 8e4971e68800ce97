//! Confinement: what a process may reach, applied to it before its program starts.
//!
//! `/proc` is not on the list at all: a Rust program on tokio needs nothing there (it falls back
//! where it would look at control groups), and it is where other processes' memory, environment
//! and command lines would be found.

mod calls;
mod capabilities;
mod confined;
mod enter;
mod error;
mod exec;
mod rules;
mod spaces;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use serde::{Deserialize, Serialize};

pub use calls::refused_calls;
pub use capabilities::bind_low_ports;
pub use confined::Confined;
pub use enter::{enter, seal_memory};
pub use error::ConfineError;
pub use exec::exec;
pub use rules::landlock_abi;
pub use spaces::Spaces;

/// What a process may reach. Whatever is not listed is refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Confinement {
    /// The user id; never 0.
    pub uid: u32,
    /// The group id; never 0 as root.
    pub gid: u32,
    /// Groups besides `gid`.
    #[serde(default)]
    pub groups: Vec<u32>,
    /// The umask, such as `0o077`.
    pub umask: u32,
    /// Files and folders to read. No path here or below may lead through a symbolic link.
    #[serde(default)]
    pub read: Vec<PathBuf>,
    /// Files and folders to read and execute.
    #[serde(default)]
    pub execute: Vec<PathBuf>,
    /// Files and folders to read and write; nothing in them may be executed.
    #[serde(default)]
    pub write: Vec<PathBuf>,
    /// The network.
    pub network: Network,
    /// Which processes it sees.
    #[serde(default)]
    pub processes: Processes,
    /// Whether it may listen on ports below 1024 until it gives that up with
    /// [`bind_low_ports`]; as root, or where the caller may do so.
    #[serde(default)]
    pub low_ports: bool,
    /// The whole environment.
    #[serde(default)]
    pub env: BTreeMap<String, String>,
    /// The working folder.
    pub folder: PathBuf,
    /// Resource limits.
    #[serde(default)]
    pub limits: Limits,
    /// The process that this one must not outlive; it must be the parent. The supervisor fills
    /// it in with its own id.
    #[serde(default)]
    pub dies_with: Option<u32>,
    /// Whether what was applied ([`Confined`]) is written to standard error, as one line of
    /// JSON, before the program starts.
    #[serde(default)]
    pub report: bool,
    /// The namespaces that this process was started in; filled in by [`exec()`] for the first
    /// process of a namespace.
    #[serde(default)]
    pub within: Option<Spaces>,
}

/// Which processes a confined one sees.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Processes {
    /// Only those that it started itself, which end with it.
    #[default]
    Own,
    /// All of the machine.
    Shared,
}

/// What a process may do on the network.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Network {
    /// Nothing: a network namespace with no interface up, and no TCP by Landlock.
    None,
    /// The host's network, with TCP limited by Landlock (ABI 4 and later).
    Host {
        /// Where it may listen.
        bind: Ports,
        /// Where it may connect to.
        connect: Ports,
    },
}

/// TCP ports.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ports {
    /// Every port.
    Any,
    /// These ports; none when empty. Port 0 stands for one chosen by the kernel.
    Only(Vec<u16>),
}

/// Resource limits. Core dumps are always off: they would hold keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// Open descriptors.
    pub open_files: u64,
    /// Processes and threads of the user id.
    #[serde(default)]
    pub processes: Option<u64>,
    /// Address space, in bytes.
    #[serde(default)]
    pub address_space: Option<u64>,
}

impl Default for Limits {
    fn default() -> Self {
        // Enough for a few hundred connections and an embedded database.
        Self {
            open_files: 1024,
            processes: None,
            address_space: None,
        }
    }
}

impl Confinement {
    /// A confinement that reaches the base system and nothing else.
    #[must_use]
    pub fn new(uid: u32, gid: u32, folder: impl Into<PathBuf>) -> Self {
        let base = Self::base_system();
        Self {
            uid,
            gid,
            groups: Vec::new(),
            umask: 0o077,
            read: base.read,
            execute: base.execute,
            write: base.write,
            network: Network::None,
            processes: Processes::Own,
            low_ports: false,
            env: BTreeMap::new(),
            folder: folder.into(),
            limits: Limits::default(),
            dies_with: None,
            report: false,
            within: None,
        }
    }

    /// The parts of this system that a dynamically linked program needs to start and to tell
    /// local time: the loader, libraries, time zones, and the null and random devices. Each by
    /// its path without symbolic links.
    #[must_use]
    pub fn base_system() -> BaseSystem {
        let present = |paths: &[&str]| -> Vec<PathBuf> {
            let found: BTreeSet<PathBuf> = paths
                .iter()
                .filter_map(|path| Path::new(path).canonicalize().ok())
                .collect();
            found.into_iter().collect()
        };
        BaseSystem {
            read: present(&[
                "/etc/ld.so.cache",
                "/etc/localtime",
                "/usr/share/zoneinfo",
                "/dev/urandom",
                "/dev/random",
            ]),
            execute: present(&["/lib", "/lib64", "/usr/lib", "/usr/lib64"]),
            write: present(&["/dev/null"]),
        }
    }
}

/// See [`Confinement::base_system`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BaseSystem {
    /// Read only.
    pub read: Vec<PathBuf>,
    /// Read and execute.
    pub execute: Vec<PathBuf>,
    /// Read and write.
    pub write: Vec<PathBuf>,
}

/// The command that starts `command` confined: `avouch confine --spec JSON -- COMMAND…`.
///
/// The specification holds no secret, so that it may be seen in a process list.
///
/// # Errors
/// When the specification has a path that is not Unicode.
pub fn command(
    avouch: &Path,
    spec: &Confinement,
    command: &[String],
) -> Result<Command, serde_json::Error> {
    let mut started = Command::new(avouch);
    started
        .env_clear()
        .arg("confine")
        .arg("--spec")
        .arg(serde_json::to_string(spec)?)
        .arg("--");
    started.args(command);
    Ok(started)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_specification_survives_its_json_and_unknown_keys_are_refused() {
        let spec = Confinement::new(61_000, 61_000, "/");
        let json = serde_json::to_string(&spec).unwrap();
        assert_eq!(serde_json::from_str::<Confinement>(&json).unwrap(), spec);
        let more = json.replacen('{', "{\"root\":true,", 1);
        assert!(serde_json::from_str::<Confinement>(&more).is_err());
    }

    #[test]
    fn the_base_system_leaves_out_proc_and_home() {
        let base = Confinement::base_system();
        for path in base.read.iter().chain(&base.execute).chain(&base.write) {
            for private in [
                "/proc",
                "/sys",
                "/root",
                "/home",
                "/tmp",
                "/var",
                "/etc/passwd",
            ] {
                assert!(!path.starts_with(private), "{}", path.display());
            }
        }
    }
}
