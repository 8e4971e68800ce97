//! How a running process is confined, as the kernel shows it to somebody outside.
//!
//! What Landlock holds back is not among it: no file of `/proc` tells of another process's rules.

use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::confine::Spaces;

/// What `/proc` shows of a process.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Standing {
    /// Its real, effective, saved and file system user ids.
    pub users: Vec<u32>,
    /// The same of its group.
    pub groups: Vec<u32>,
    /// Its groups beside that.
    pub others: Vec<u32>,
    /// Whether no program that it starts gives it more than it has.
    pub no_new_privileges: bool,
    /// Whether its system calls pass a filter.
    pub filtered: bool,
    /// Whether it has a capability.
    pub capable: bool,
    /// The namespaces that it does not share with whoever looks.
    pub apart: Vec<String>,
}

/// What a process should be like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Expected {
    /// Its user.
    pub user: u32,
    /// Its group.
    pub group: u32,
    /// Whether these are its own, and so it has no other group.
    pub own_user: bool,
    /// The namespaces of its own.
    pub spaces: Spaces,
}

impl Standing {
    /// Looks at a process.
    ///
    /// # Errors
    /// When it has gone, or the kernel does not show it.
    pub fn of(pid: u32) -> std::io::Result<Self> {
        let of = Path::new("/proc").join(pid.to_string());
        let status = std::fs::read_to_string(of.join("status"))?;
        let mut apart = Vec::new();
        for space in ["cgroup", "ipc", "mnt", "net", "pid", "user", "uts"] {
            let theirs = std::fs::read_link(of.join("ns").join(space))?;
            if theirs != std::fs::read_link(Path::new("/proc/self/ns").join(space))? {
                apart.push(space.to_owned());
            }
        }
        Ok(Self {
            apart,
            ..Self::read(&status)
        })
    }

    /// What a `status` file says. A line that is not there counts for the worse.
    fn read(status: &str) -> Self {
        let line = |name: &str| {
            let found = status.lines().find_map(|line| line.strip_prefix(name));
            found.unwrap_or_default().trim()
        };
        let ids = |name: &str| {
            let ids = line(name).split_whitespace();
            ids.filter_map(|id| id.parse().ok()).collect()
        };
        let none =
            |name: &str| !line(name).is_empty() && line(name).bytes().all(|sign| sign == b'0');
        Self {
            users: ids("Uid:"),
            groups: ids("Gid:"),
            others: ids("Groups:"),
            no_new_privileges: line("NoNewPrivs:") == "1",
            filtered: line("Seccomp:") == "2",
            capable: !(none("CapPrm:") && none("CapEff:")),
            apart: Vec::new(),
        }
    }

    /// In what it is not as it should be: what it does, in words that follow `it`.
    #[must_use]
    pub fn lacks(&self, expected: Expected) -> Vec<&'static str> {
        let is_all = |ids: &[u32], id: u32| ids.len() == 4 && ids.iter().all(|own| *own == id);
        let apart = |space: &str| self.apart.iter().any(|own| own == space);
        let spaces = expected.spaces;
        let some_space = spaces.network || spaces.processes;
        [
            (
                !is_all(&self.users, expected.user),
                "runs under another user id than its own",
            ),
            (
                !is_all(&self.groups, expected.group),
                "runs under another group id than its own",
            ),
            (
                expected.own_user && self.others.iter().any(|id| *id != expected.group),
                "is in groups beside its own",
            ),
            (
                !self.no_new_privileges,
                "may gain privileges by what it starts",
            ),
            (!self.filtered, "may make any system call"),
            (self.capable, "has capabilities"),
            (
                spaces.network && !apart("net"),
                "shares the machine's network",
            ),
            (
                spaces.processes && !apart("pid"),
                "sees the machine's processes",
            ),
            (
                some_space && !(apart("ipc") && apart("uts")),
                "shares the machine's memory segments or names",
            ),
        ]
        .into_iter()
        .filter_map(|(lacks, words)| lacks.then_some(words))
        .collect()
    }
}

/// Whether a process descends from another, or is it.
#[must_use]
pub fn descends(pid: u32, from: u32) -> bool {
    /// No application nests processes so deeply, and it ends a walk through ids that are given anew meanwhile.
    const DEEPEST: usize = 32;
    let parent = |pid: u32| -> Option<u32> {
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix("PPid:"))?;
        line.trim().parse().ok()
    };
    std::iter::successors(Some(pid), |pid| parent(*pid))
        .take(DEEPEST)
        .any(|pid| pid == from)
}

#[cfg(test)]
mod tests {
    use super::*;

    const STATUS: &str = "Name:\tacuity\nPPid:\t70\nUid:\t61000\t61000\t61000\t61000\nGid:\t61000\t61000\t61000\t61000\n\
                          Groups:\t\nCapPrm:\t0000000000000000\nCapEff:\t0000000000000000\nNoNewPrivs:\t1\nSeccomp:\t2\n";
    const EXPECTED: Expected = Expected {
        user: 61000,
        group: 61000,
        own_user: true,
        spaces: Spaces {
            network: true,
            processes: true,
        },
    };

    fn standing(status: &str) -> Standing {
        Standing {
            apart: ["ipc", "net", "pid", "uts"].map(String::from).to_vec(),
            ..Standing::read(status)
        }
    }

    #[test]
    fn each_thing_that_a_process_has_beyond_its_fence_is_named() {
        assert!(standing(STATUS).lacks(EXPECTED).is_empty());
        for (from, to, says) in [
            ("Uid:\t61000\t61000", "Uid:\t61000\t0", "another user id"),
            ("Uid:", "No:", "another user id"),
            ("Gid:\t61000", "Gid:\t0", "another group id"),
            ("Groups:\t", "Groups:\t60901", "groups beside its own"),
            ("NoNewPrivs:\t1", "NoNewPrivs:\t0", "gain privileges"),
            ("Seccomp:\t2", "Seccomp:\t0", "any system call"),
            (
                "CapEff:\t0000000000000000",
                "CapEff:\t0000000000000400",
                "capabilities",
            ),
            ("CapPrm:\t0000000000000000\n", "", "capabilities"),
        ] {
            let lacks = standing(&STATUS.replacen(from, to, 1)).lacks(EXPECTED);
            assert!(
                matches!(lacks.as_slice(), [one] if one.contains(says)),
                "{lacks:?}"
            );
        }
        for (space, says) in [
            ("net", "network"),
            ("pid", "processes"),
            ("ipc", "memory segments"),
            ("uts", "names"),
        ] {
            let mut standing = standing(STATUS);
            standing.apart.retain(|own| own != space);
            let lacks = standing.lacks(EXPECTED);
            assert!(
                matches!(lacks.as_slice(), [one] if one.contains(says)),
                "{lacks:?}"
            );
        }
    }

    #[test]
    fn without_root_neither_groups_nor_namespaces_that_were_not_given_are_asked_for() {
        let shared = Standing {
            apart: Vec::new(),
            ..Standing::read(&STATUS.replace("Groups:\t", "Groups:\t27 100"))
        };
        let expected = Expected {
            own_user: false,
            spaces: Spaces::default(),
            ..EXPECTED
        };
        assert!(shared.lacks(expected).is_empty());
    }

    #[test]
    fn a_process_shares_every_namespace_with_itself_and_descends_from_its_parent() {
        let own = std::process::id();
        assert_eq!(Standing::of(own).unwrap().apart, Vec::<String>::new());
        assert!(descends(own, own));
        assert!(descends(own, std::os::unix::process::parent_id()));
        assert!(!descends(std::os::unix::process::parent_id(), own));
    }
}
