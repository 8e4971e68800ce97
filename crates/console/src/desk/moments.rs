//! What the console asks about restoring a tenant as it was at a moment.

use super::views::{Owned, Progress};
use super::{Actor, Answer};

/// The moments of one tenant that can be restored.
pub struct WindowRow {
    /// The tenant's slug.
    pub tenant: String,
    /// Which of its sources.
    pub source: String,
    /// The first moment, by the clock of the zone.
    pub from: String,
    /// The last that is stored so far.
    pub to: String,
    /// The zone in which moments are given.
    pub zone: String,
    /// The longest time in which moments cannot be told apart.
    pub told_apart: String,
    /// The times between in which no moment can be had; empty if there are none.
    pub gaps: String,
}

impl Owned for WindowRow {
    fn tenant(&self) -> Option<&str> {
        Some(&self.tenant)
    }
}

/// What is to be restored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MomentAsk {
    /// The tenant's slug.
    pub tenant: String,
    /// Which of its sources.
    pub source: String,
    /// The moment: a date and a time of day by the clock of the source's zone.
    pub when: String,
    /// Why; the tenant sees it in its trail.
    pub because: String,
}

/// What a restore would do.
pub struct MomentPlan {
    /// The moment, with its zone.
    pub shown: String,
    /// The destination that it is read from.
    pub from: String,
    /// What it takes the place of.
    pub place: String,
    /// The longest time between two looks at the database then.
    pub told_apart: String,
}

/// How a restore is going.
pub struct MomentView {
    /// The tenant's slug.
    pub tenant: String,
    /// The moment, with its zone.
    pub shown: String,
    /// How it is going.
    pub progress: Progress,
    /// What came of it; empty until it ends.
    pub seen: String,
}

/// Restores of moments, as the console sees them. Whoever implements it audits what it does.
pub trait Moments: Send + Sync + 'static {
    /// What can be restored, within the actor's scope.
    fn windows<'a>(&'a self, actor: &'a Actor) -> Answer<'a, Vec<WindowRow>>;
    /// What a restore would do; or why it cannot be done, in words for who asks.
    fn plan_moment<'a>(
        &'a self,
        actor: &'a Actor,
        asked: &'a MomentAsk,
    ) -> Answer<'a, Result<MomentPlan, String>>;
    /// Begins it, and gives its number; or says why it cannot be done.
    fn restore_moment<'a>(
        &'a self,
        actor: &'a Actor,
        asked: &'a MomentAsk,
    ) -> Answer<'a, Result<u64, String>>;
    /// How one is going that was begun since the service started.
    fn restoring<'a>(&'a self, actor: &'a Actor, number: u64) -> Answer<'a, Option<MomentView>>;
}
