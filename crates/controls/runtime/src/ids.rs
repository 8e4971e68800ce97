//! Who runs as whom: the user ids of the roles, the jobs and the tenants.

use nix::unistd::{getegid, geteuid};
use serde::{Deserialize, Serialize};

/// Ids from [`Ids::tenants_from`] on that are this service's; beyond them are somebody else's.
const RANGE: u32 = 4096;
/// Room for this many tenants; the last ids of the range are the canary's and the drills'.
pub const MOST_TENANTS: u32 = RANGE - 2;
/// The core's id is this much below the tenants'.
pub const BELOW_TENANTS: u32 = 100;

/// The user ids in use. A group of the same number belongs to each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ids {
    /// Owner of keys, ledger and store.
    pub core: u32,
    /// Owner of the public listeners.
    pub front: u32,
    /// Owner of backups; runs backup, restore and drill.
    pub jobs: u32,
    /// Tenant `n` (counted from 0) runs as this plus `n`.
    pub tenants_from: u32,
    /// Without root all ids are the caller's, and this is the caller's group; `None` as root.
    pub callers_group: Option<u32>,
}

impl Ids {
    /// Separate ids: tenants counted from `tenants_from`, core, front and jobs from 100 below it.
    #[must_use]
    pub const fn separate(tenants_from: u32) -> Self {
        let core = tenants_from.saturating_sub(BELOW_TENANTS);
        Self {
            core,
            front: core + 1,
            jobs: core + 2,
            tenants_from,
            callers_group: None,
        }
    }

    /// The ids to use here: separate ones as root, otherwise the caller's for everything.
    #[must_use]
    pub fn here(tenants_from: u32) -> Self {
        if geteuid().is_root() {
            return Self::separate(tenants_from);
        }
        let own = geteuid().as_raw();
        Self {
            core: own,
            front: own,
            jobs: own,
            tenants_from: own,
            callers_group: Some(getegid().as_raw()),
        }
    }

    /// Whether every role and tenant has an id of its own.
    #[must_use]
    pub const fn are_separate(&self) -> bool {
        self.callers_group.is_none()
    }

    /// The user id of tenant `n`; `None` when there are more tenants than ids.
    #[must_use]
    pub fn tenant(&self, n: u32) -> Option<u32> {
        if self.are_separate() {
            (n < MOST_TENANTS)
                .then(|| self.tenants_from.checked_add(n))
                .flatten()
        } else {
            Some(self.tenants_from)
        }
    }

    /// The user id of the instance that is killed to see it come back.
    #[must_use]
    pub fn canary(&self) -> u32 {
        self.above_tenants(0)
    }

    /// The user id of an application started on restored data.
    #[must_use]
    pub fn drill(&self) -> u32 {
        self.above_tenants(1)
    }

    fn above_tenants(&self, n: u32) -> u32 {
        if self.are_separate() {
            self.tenants_from.saturating_add(MOST_TENANTS + n)
        } else {
            self.core
        }
    }

    /// The group that goes with a user id: the same number, or the caller's own group without root.
    #[must_use]
    pub fn group(&self, uid: u32) -> u32 {
        self.callers_group.unwrap_or(uid)
    }

    /// Whether `id` is a tenant's, a canary's or a drill's.
    #[must_use]
    pub fn is_tenant(&self, id: u32) -> bool {
        let tenants = self.tenants_from..self.tenants_from.saturating_add(RANGE);
        id != 0 && (tenants.contains(&id) || (!self.are_separate() && id == self.core))
    }

    /// Whether a process may be run as `id`, or in the group `id`. Root never is.
    #[must_use]
    pub fn may_run_as(&self, id: u32) -> bool {
        if let Some(group) = self.callers_group {
            return id == self.core || id == group;
        }
        id != 0 && (id == self.core || id == self.front || id == self.jobs || self.is_tenant(id))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn root_is_never_an_id_to_run_as() {
        assert!(!Ids::separate(0).may_run_as(0));
    }

    #[test]
    fn only_declared_ids_may_be_run_as() {
        let ids = Ids::separate(61_000);
        for id in [60_900, 60_901, 60_902, 61_000, 61_000 + RANGE - 1] {
            assert!(ids.may_run_as(id), "{id}");
        }
        for id in [0, 1, 1000, 60_899, 60_903, 60_999, 61_000 + RANGE, u32::MAX] {
            assert!(!ids.may_run_as(id), "{id}");
        }
    }

    #[test]
    fn tenants_beyond_the_range_have_no_id() {
        let ids = Ids::separate(61_000);
        assert_eq!(ids.tenant(1), Some(61_001));
        assert_eq!(ids.tenant(MOST_TENANTS), None);
        assert_ne!(ids.canary(), ids.drill());
        for id in [ids.canary(), ids.drill()] {
            assert!(ids.may_run_as(id) && ids.tenant(MOST_TENANTS - 1).unwrap() < id);
        }
    }
}
