//! What was enforced on a process, in facts and in sentences that promise no more than these.

use serde::{Deserialize, Serialize};

use super::{Network, Spaces};

/// What was enforced.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Confined {
    /// The Landlock ABI that the kernel has.
    pub landlock_abi: i32,
    /// Whether a user id of its own was taken, which needs root.
    pub own_user: bool,
    /// The namespaces of its own.
    pub spaces: Spaces,
    /// How many system calls are refused outright.
    pub refused_calls: usize,
    /// The network that was asked for.
    pub network: Network,
}

impl Confined {
    /// One sentence about what holds.
    #[must_use]
    pub fn sentence(&self) -> String {
        let user = if self.own_user {
            "under its own user id"
        } else {
            "under the same user id as everything else"
        };
        let mut apart = Vec::new();
        if self.spaces.network {
            apart.push("no network but its own empty one".to_owned());
        }
        if self.spaces.processes {
            apart.push("no process in sight but its own".to_owned());
        }
        let apart = match apart.as_slice() {
            [] => String::new(),
            some => format!(", with {}", join(some)),
        };
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
        format!(
            "Runs {user}{apart}; the kernel refuses it {} system calls outright, and by Landlock (ABI {}) {}.",
            self.refused_calls,
            self.landlock_abi,
            join(&held)
        )
    }

    /// What is not enforced, one plain sentence each.
    #[must_use]
    pub fn limits(&self) -> Vec<String> {
        let mut limits = vec![
            "It shares one kernel with everything else on the machine.".to_owned(),
            "Names and sizes of files can be looked up wherever folder permissions allow it."
                .to_owned(),
        ];
        if !self.own_user {
            limits.push(
                "Started without root: no user id of its own, so Unix sockets of the same user can be connected to where the path is known."
                    .to_owned(),
            );
        }
        if self.network == Network::None && !self.spaces.network {
            limits.push(
                "This kernel gives namespaces to root alone: datagrams (UDP) can be sent, and that other processes run can be seen."
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

    fn confined(landlock_abi: i32, own_user: bool, spaces: bool) -> Confined {
        Confined {
            landlock_abi,
            own_user,
            spaces: Spaces {
                network: spaces,
                processes: spaces,
            },
            refused_calls: 40,
            network: Network::None,
        }
    }

    #[test]
    fn the_sentence_names_the_abi_and_promises_only_what_it_has() {
        assert_eq!(
            confined(7, true, true).sentence(),
            "Runs under its own user id, with no network but its own empty one and no process in sight but its own; the kernel refuses it 40 system calls outright, and by Landlock (ABI 7) files outside its own list, every TCP connection and signals and abstract sockets of others."
        );
        assert_eq!(
            confined(3, false, false).sentence(),
            "Runs under the same user id as everything else; the kernel refuses it 40 system calls outright, and by Landlock (ABI 3) files outside its own list."
        );
    }

    #[test]
    fn an_older_kernel_has_more_limits() {
        let counts: Vec<usize> = [1, 3, 4, 5, 6, 7]
            .map(|abi| confined(abi, true, true).limits().len())
            .to_vec();
        assert_eq!(counts, [6, 5, 4, 3, 2, 2]);
        assert_eq!(confined(7, false, true).limits().len(), 3);
        assert_eq!(confined(7, false, false).limits().len(), 4);
    }
}
