//! Confinement: what a process may reach, applied to it before its program starts.
//!
//! `/proc` is not on the list at all: a Rust program on tokio needs nothing there (it falls back
//! where it would look at control groups), and it is where other processes' memory, environment
//! and command lines would be found.

mod enter;
mod rules;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde::{Deserialize, Serialize};

use crate::ids::Ids;

pub use enter::{ConfineError, enter, exec, seal_memory};
pub use rules::landlock_abi;

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
    /// Files and folders to read.
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
            env: BTreeMap::new(),
            folder: folder.into(),
            limits: Limits::default(),
            dies_with: None,
        }
    }

    /// The parts of this system that a dynamically linked program needs to start and to tell
    /// local time: the loader, libraries, time zones, and the null and random devices.
    #[must_use]
    pub fn base_system() -> BaseSystem {
        let present = |paths: &[&str]| -> Vec<PathBuf> {
            paths
                .iter()
                .map(PathBuf::from)
                .filter(|path| path.exists())
                .collect()
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

    /// What this confinement gives, on this kernel, to a process that the supervisor starts.
    #[must_use]
    pub fn expected(&self, ids: &Ids) -> Confined {
        Confined {
            landlock_abi: landlock_abi(),
            root: ids.are_separate(),
            network: self.network.clone(),
        }
    }
}

/// See [`Confinement::base_system`].
#[derive(Clone, Debug, PartialEq, Eq)]
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

/// What was enforced, in facts. The sentences promise no more than these.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Confined {
    /// The Landlock ABI that the kernel has.
    pub landlock_abi: i32,
    /// Whether user ids and namespaces were set, which needs root.
    pub root: bool,
    /// The network that was asked for.
    pub network: Network,
}

impl Confined {
    /// One sentence about what holds.
    #[must_use]
    pub fn sentence(&self) -> String {
        let mut held = vec!["files outside its own list".to_owned()];
        if self.landlock_abi >= 4 {
            held.push(match self.network {
                Network::None => "every TCP connection".to_owned(),
                Network::Host { .. } => "TCP ports outside its own list".to_owned(),
            });
        }
        if self.landlock_abi >= 6 {
            held.push("signals and abstract sockets of others".to_owned());
        }
        let abi = self.landlock_abi;
        let refused = join(&held);
        match (self.root, &self.network) {
            (true, Network::None) => format!(
                "Runs under its own user id, with no network but its own empty one; the kernel's Landlock (ABI {abi}) refuses it {refused}."
            ),
            (true, Network::Host { .. }) => format!(
                "Runs under its own user id; the kernel's Landlock (ABI {abi}) refuses it {refused}."
            ),
            (false, _) => format!(
                "Runs under the same user id as everything else; the kernel's Landlock (ABI {abi}) refuses it {refused}."
            ),
        }
    }

    /// What is not enforced, one plain sentence each.
    #[must_use]
    pub fn limits(&self) -> Vec<String> {
        let mut limits = vec![
            "It shares one kernel with everything else on the machine.".to_owned(),
            "Names and sizes of files can be looked up wherever folder permissions allow it."
                .to_owned(),
        ];
        if !self.root {
            limits.push(
                "Started without root: no user id of its own and no namespaces, so Unix sockets of the same user can be connected to where the path is known, and datagrams (UDP) can be sent."
                    .to_owned(),
            );
        }
        let lacking = [
            (
                3,
                "Files that may only be read can still be cut short where permissions allow it.",
            ),
            (
                4,
                "Landlock here knows no network: TCP is held back by the namespace alone, if there is one.",
            ),
            (5, "Device commands (ioctl) are not restricted."),
            (
                6,
                "Signals and abstract sockets are held back by user ids and namespaces alone, if there are any.",
            ),
        ];
        limits.extend(
            lacking
                .into_iter()
                .filter(|(abi, _)| self.landlock_abi < *abi)
                .map(|(_, limit)| limit.to_owned()),
        );
        limits
    }
}

fn join(parts: &[String]) -> String {
    match parts {
        [] => String::new(),
        [one] => one.clone(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn confined(landlock_abi: i32, root: bool) -> Confined {
        Confined {
            landlock_abi,
            root,
            network: Network::None,
        }
    }

    #[test]
    fn the_sentence_names_the_abi_and_promises_only_what_it_has() {
        assert_eq!(
            confined(7, true).sentence(),
            "Runs under its own user id, with no network but its own empty one; the kernel's Landlock (ABI 7) refuses it files outside its own list, every TCP connection and signals and abstract sockets of others."
        );
        assert_eq!(
            confined(3, false).sentence(),
            "Runs under the same user id as everything else; the kernel's Landlock (ABI 3) refuses it files outside its own list."
        );
    }

    #[test]
    fn an_older_kernel_has_more_limits() {
        let counts: Vec<usize> = [1, 3, 4, 5, 6, 7]
            .map(|abi| confined(abi, true).limits().len())
            .to_vec();
        assert_eq!(counts, [6, 5, 4, 3, 2, 2]);
        assert_eq!(confined(7, false).limits().len(), 3);
    }

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
