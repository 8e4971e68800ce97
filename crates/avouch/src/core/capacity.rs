//! Applications that nobody uses are stopped, and started again by the next request: who needs each, and whether it rests.
//!
//! An application rests, or is on its way there or back, only while no request is under way to it that the core let through;
//! of what streams after that, and of reads on an earlier word, the front is asked. So nothing is cut.

mod hours;
mod turning;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use avouch_evidence::Clock;
use avouch_gateway::link::Quiet;
use avouch_runtime::capacity::{Idle, Whose};
use avouch_statement::TenantId;
use jiff::Timestamp;
use tokio::sync::watch;
use tokio::time::Instant;

pub use hours::Ran;
pub use turning::{keep_noting, keep_running};

/// Every tenant's application.
pub struct Capacity {
    idle: Option<Idle>,
    clock: Clock,
    /// When the trail's newest entry before this core was made.
    unseen: Option<Timestamp>,
    tenants: Mutex<BTreeMap<TenantId, Entry>>,
}

/// Whether an application runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// It runs, or should.
    Awake,
    /// It is being stopped or started.
    Turning,
    /// It is stopped until somebody asks for it.
    Asleep,
    /// Somebody else stops and starts it.
    Held,
}

struct Entry {
    phase: watch::Sender<Phase>,
    holders: u32,
    /// Requests that were let through and have no outcome.
    under_way: u64,
    people: Used,
    own: Used,
}

/// Use of one kind.
#[derive(Debug, Default)]
struct Used {
    last: Option<(Instant, Timestamp)>,
    /// Since when, with a request or not, and whether the trail has it; nothing while it is not needed.
    began: Option<(Timestamp, bool, bool)>,
}

/// What the trail is to have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Note {
    Began(Whose, Timestamp, bool),
    Over(Whose, Timestamp),
}

/// What is to be done with an application before something goes there.
enum Turn {
    /// Nothing.
    Go,
    /// Whoever is told so starts it.
    Wake,
    /// Somebody starts or stops it.
    Wait(watch::Receiver<Phase>),
}

/// A request under way. The application does not rest before this is dropped.
#[derive(Default)]
pub struct Busy {
    whose: Option<(Arc<Capacity>, TenantId, Whose)>,
    /// Whether the application was not there when it came.
    pub rests: bool,
}

/// An application that somebody else stops and starts. It is awake when this is dropped.
pub struct Held(Option<(Arc<Capacity>, TenantId)>);

impl Capacity {
    /// Nothing is known of any application. `unseen` is when the trail's newest entry was made.
    pub fn new(idle: Option<Idle>, clock: Clock, unseen: Option<Timestamp>) -> Self {
        Self {
            idle,
            clock,
            unseen,
            tenants: Mutex::default(),
        }
    }

    /// A request for this application begins.
    pub fn enter(self: &Arc<Self>, tenant: &TenantId, whose: Whose) -> Busy {
        if self.idle.is_none() {
            return Busy::default();
        }
        let now = self.moment();
        let mut tenants = self.tenants();
        let entry = tenants.entry(tenant.clone()).or_default();
        entry.under_way += 1;
        entry.of(whose).touch(now, true);
        Busy {
            rests: entry.rests(),
            whose: Some((self.clone(), tenant.clone(), whose)),
        }
    }

    /// This application was used just now.
    pub fn touch(&self, tenant: &TenantId, whose: Whose) {
        if self.idle.is_some() {
            let now = self.moment();
            let mut tenants = self.tenants();
            let entry = tenants.entry(tenant.clone()).or_default();
            entry.of(whose).touch(now, true);
        }
    }

    /// Whether it is stopped on purpose, or on its way there or back: that it does not answer means nothing.
    pub fn rests(&self, tenant: &TenantId) -> bool {
        self.tenants().get(tenant).is_some_and(Entry::rests)
    }

    /// Those that are stopped.
    pub fn asleep(&self) -> Vec<TenantId> {
        let tenants = self.tenants();
        let asleep = tenants
            .iter()
            .filter(|(_, entry)| *entry.phase.borrow() == Phase::Asleep);
        asleep.map(|(tenant, _)| tenant.clone()).collect()
    }

    /// Leaves stopping and starting this application to the caller.
    pub async fn hold(self: &Arc<Self>, tenant: &TenantId) -> Held {
        if self.idle.is_none() {
            return Held(None);
        }
        loop {
            let mut turning = {
                let mut tenants = self.tenants();
                let entry = tenants.entry(tenant.clone()).or_default();
                if *entry.phase.borrow() != Phase::Turning {
                    entry.holders += 1;
                    entry.phase.send_replace(Phase::Held);
                    return Held(Some((self.clone(), tenant.clone())));
                }
                entry.phase.subscribe()
            };
            turned(&mut turning).await;
        }
    }

    fn turn(&self, tenant: &TenantId) -> Turn {
        let mut tenants = self.tenants();
        let entry = tenants.entry(tenant.clone()).or_default();
        let phase = *entry.phase.borrow();
        match phase {
            Phase::Awake | Phase::Held => Turn::Go,
            Phase::Turning => Turn::Wait(entry.phase.subscribe()),
            Phase::Asleep => {
                entry.phase.send_replace(Phase::Turning);
                Turn::Wake
            }
        }
    }

    /// It has turned. One of a tenant that is gone has nowhere to turn to.
    fn set(&self, tenant: &TenantId, phase: Phase) {
        if let Some(entry) = self.tenants().get(tenant) {
            entry.phase.send_replace(phase);
        }
    }

    /// What the trail does not have yet, and which applications somebody does not need any more: these turn now.
    fn due(
        &self,
        idle: &Idle,
        known: &[TenantId],
        now: Instant,
    ) -> (Vec<(TenantId, Note)>, Vec<TenantId>) {
        let mut tenants = self.tenants();
        tenants.retain(|tenant, _| known.contains(tenant));
        for tenant in known {
            tenants.entry(tenant.clone()).or_default();
        }
        let (mut notes, mut turn) = (Vec::new(), Vec::new());
        for (tenant, entry) in tenants.iter_mut() {
            let begun = entry.begun();
            notes.extend(begun.into_iter().map(|note| (tenant.clone(), note)));
            if *entry.phase.borrow() == Phase::Awake && entry.under_way == 0 {
                let [people, own] = [Whose::People, Whose::Own].map(|whose| {
                    let used = entry.of(whose);
                    (used.is_over(idle.tail(whose), now), used.began.is_some())
                });
                if people == (true, true) || own == (true, true) || (people.0 && own.0) {
                    entry.phase.send_replace(Phase::Turning);
                    turn.push(tenant.clone());
                }
            }
        }
        (notes, turn)
    }

    /// Takes what the fronts know of one that turns: what the trail is to have of it, and whether it is to be stopped. If
    /// not, it goes on.
    fn settle(
        &self,
        idle: &Idle,
        tenant: &TenantId,
        quiet: Option<Quiet>,
        now: (Instant, Timestamp),
    ) -> (Vec<Note>, bool) {
        let mut tenants = self.tenants();
        let Some(entry) = tenants.get_mut(tenant) else {
            return (Vec::new(), false);
        };
        let known = quiet.unwrap_or_default();
        for (whose, since) in [(Whose::People, known.people), (Whose::Own, known.checks)] {
            let tail = idle.tail(whose);
            if let Some(since) = since.filter(|since| *since < tail) {
                entry.of(whose).touch_before(now, since);
            }
        }
        let mut notes = entry.begun();
        let mut over = true;
        for whose in [Whose::People, Whose::Own] {
            let used = entry.of(whose);
            if used.is_over(idle.tail(whose), now.0) {
                let began = used.began.take();
                let last = used.last.filter(|_| began.is_some());
                notes.extend(last.map(|(_, last)| Note::Over(whose, last)));
            } else {
                over = false;
            }
        }
        let stop = over && entry.under_way == 0 && quiet.is_some_and(|quiet| quiet.open == 0);
        if !stop {
            entry.phase.send_replace(Phase::Awake);
        }
        (notes, stop)
    }

    /// Whether nobody has come since it was seen to be unused.
    fn is_unused(&self, tenant: &TenantId) -> bool {
        let tenants = self.tenants();
        tenants
            .get(tenant)
            .is_some_and(|entry| entry.under_way == 0)
    }

    fn moment(&self) -> (Instant, Timestamp) {
        (Instant::now(), (self.clock)())
    }

    fn tenants(&self) -> MutexGuard<'_, BTreeMap<TenantId, Entry>> {
        self.tenants.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for Entry {
    fn default() -> Self {
        Self {
            phase: watch::Sender::new(Phase::Awake),
            holders: 0,
            under_way: 0,
            people: Used::default(),
            own: Used::default(),
        }
    }
}

impl Entry {
    fn of(&mut self, whose: Whose) -> &mut Used {
        match whose {
            Whose::People => &mut self.people,
            Whose::Own => &mut self.own,
        }
    }

    fn rests(&self) -> bool {
        matches!(*self.phase.borrow(), Phase::Turning | Phase::Asleep)
    }

    /// Beginnings that the trail does not have; from now on it has them.
    fn begun(&mut self) -> Vec<Note> {
        let both = [Whose::People, Whose::Own].map(|whose| {
            let (since, request, told) = self.of(whose).began.as_mut()?;
            (!std::mem::replace(told, true)).then_some(Note::Began(whose, *since, *request))
        });
        both.into_iter().flatten().collect()
    }
}

impl Used {
    fn touch(&mut self, now: (Instant, Timestamp), request: bool) {
        self.last = Some(now);
        self.began.get_or_insert((now.1, request, false));
    }

    /// Something was over so long before now.
    fn touch_before(&mut self, (now, time): (Instant, Timestamp), since: Duration) {
        let before = now.checked_sub(since).zip(time.checked_sub(since).ok());
        if let Some(before) = before
            && self.last.is_none_or(|(last, _)| last < before.0)
        {
            self.touch(before, false);
        }
    }

    fn is_over(&self, tail: Duration, now: Instant) -> bool {
        self.last
            .is_none_or(|(last, _)| now.saturating_duration_since(last) >= tail)
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        let Some((capacity, tenant, whose)) = self.whose.take() else {
            return;
        };
        let now = capacity.moment();
        if let Some(entry) = capacity.tenants().get_mut(&tenant) {
            entry.under_way = entry.under_way.saturating_sub(1);
            entry.of(whose).touch(now, true);
        }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let Some((capacity, tenant)) = self.0.take() else {
            return;
        };
        let now = capacity.moment();
        if let Some(entry) = capacity.tenants().get_mut(&tenant) {
            entry.holders = entry.holders.saturating_sub(1);
            entry.own.touch(now, true);
            if entry.holders == 0 {
                entry.phase.send_replace(Phase::Awake);
            }
        }
    }
}

/// Returns when it has turned.
async fn turned(turning: &mut watch::Receiver<Phase>) {
    // A tenant that is gone turns no more.
    let _ = turning.wait_for(|phase| *phase != Phase::Turning).await;
}

#[cfg(test)]
mod tests;
