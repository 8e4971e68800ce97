//! What is under way to each tenant's instance, from before it is sent until its body or its tunnel is over.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::time::Instant;

use crate::link::Quiet;

/// Of every tenant that anything went to.
#[derive(Debug, Default)]
pub(super) struct Uses(Mutex<HashMap<String, Arc<Mutex<Both>>>>);

/// People's, and the checks'.
#[derive(Debug, Default)]
struct Both {
    people: Side,
    checks: Side,
}

#[derive(Debug, Default)]
struct Side {
    open: u64,
    /// When the last was over.
    last: Option<Instant>,
}

impl Side {
    fn since(&self, now: Instant) -> Option<std::time::Duration> {
        match self.open {
            0 => self.last.map(|last| now.saturating_duration_since(last)),
            _ => Some(std::time::Duration::ZERO),
        }
    }
}

/// One thing under way; over when dropped.
#[derive(Debug)]
pub(super) struct Use {
    tenant: Arc<Mutex<Both>>,
    synthetic: bool,
}

impl Uses {
    /// Something begins. To be called before it is seen whether it may.
    pub(super) fn begin(&self, tenant: &str, synthetic: bool) -> Use {
        let mut all = self.all();
        let known = match all.get(tenant) {
            Some(known) => known.clone(),
            None => all.entry(tenant.to_owned()).or_default().clone(),
        };
        drop(all);
        let begun = Use {
            tenant: known,
            synthetic,
        };
        begun.change(|side| side.open += 1);
        begun
    }

    /// What is known of a tenant.
    pub(super) fn of(&self, tenant: &str, now: Instant) -> Quiet {
        let Some(known) = self.all().get(tenant).cloned() else {
            return Quiet::default();
        };
        let both = held(&known);
        Quiet {
            open: both.people.open + both.checks.open,
            people: both.people.since(now),
            checks: both.checks.since(now),
        }
    }

    fn all(&self) -> MutexGuard<'_, HashMap<String, Arc<Mutex<Both>>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Use {
    fn change(&self, change: impl FnOnce(&mut Side)) {
        let mut both = held(&self.tenant);
        if self.synthetic {
            change(&mut both.checks);
        } else {
            change(&mut both.people);
        }
    }
}

impl Drop for Use {
    fn drop(&mut self) {
        let now = Instant::now();
        self.change(|side| {
            side.open -= 1;
            side.last = Some(now);
        });
    }
}

fn held(both: &Mutex<Both>) -> MutexGuard<'_, Both> {
    both.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_tenant_is_quiet_only_from_when_the_last_of_all_is_over() {
        let (uses, now) = (Uses::default(), Instant::now());
        assert_eq!(uses.of("hillside", now), Quiet::default());
        let first = uses.begin("hillside", false);
        let second = uses.begin("hillside", false);
        let check = uses.begin("hillside", true);
        drop(first);
        let busy = uses.of("hillside", now);
        assert_eq!((busy.open, busy.people), (2, Some(Duration::ZERO)));
        drop(second);
        drop(check);
        let after = Instant::now() + Duration::from_secs(9);
        let quiet = uses.of("hillside", after);
        assert_eq!(quiet.open, 0);
        assert!(quiet.people >= Some(Duration::from_secs(9)), "{quiet:?}");
        assert!(quiet.checks <= quiet.people, "{quiet:?}");
        assert_eq!(uses.of("riverside", after), Quiet::default());
    }
}
