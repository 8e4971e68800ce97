//! Judges `tenancy.isolation` by request: one tenant's sign-in opens nothing of another's.

mod attack;
mod judge;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use avouch_evidence::{BoxFuture, Check, ClaimId, Ctx, Seen};
use avouch_statement::TenantId;

use crate::ISOLATION;
use crate::checks::crawl::Known;
use judge::Tried;

/// How many other tenants' sign-ins are tried on a tenant in one round; the others have their turn in later hours.
pub const MOST_ATTACKERS: usize = 3;

/// Does this path open a record, by the statement's record rules?
pub type IsRecord = Arc<dyn Fn(&str) -> bool + Send + Sync>;

/// The check by request.
pub struct Segregation {
    from: String,
    is_record: IsRecord,
    turns: Arc<Turns>,
}

/// What earlier rounds opened of each tenant, so that later ones open the rest. Kept by whoever keeps the tenants.
#[derive(Debug, Default)]
pub struct Turns(Mutex<BTreeMap<TenantId, Known>>);

impl Turns {
    fn known(&self) -> MutexGuard<'_, BTreeMap<TenantId, Known>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Segregation {
    /// Follows links from `from`; `is_record` tells which of the pages are records.
    #[must_use]
    pub fn new(from: String, is_record: IsRecord, turns: Arc<Turns>) -> Self {
        Self {
            from,
            is_record,
            turns,
        }
    }
}

impl Check for Segregation {
    fn name(&self) -> &str {
        "another tenant's sign-in"
    }

    fn claims(&self) -> Vec<ClaimId> {
        vec![ClaimId::new(ISOLATION)]
    }

    fn run<'a>(&'a self, ctx: &'a Ctx) -> BoxFuture<'a, Vec<Seen>> {
        Box::pin(async move {
            let claim = ClaimId::new(ISOLATION);
            if ctx.tenants.len() < 2 {
                let seen = "Fewer than two tenants are served: there is no other sign-in to try.";
                return vec![Seen::unproven(&claim, seen)];
            }
            // Two rounds at once: the later one begins afresh.
            let mut known = std::mem::take(&mut *self.turns.known());
            let visits = attack::visit(ctx, &self.from, &self.is_record, &mut known).await;
            *self.turns.known() = known;
            let turn = usize::try_from(ctx.now.as_second() / 3600).unwrap_or(0);
            let mut seen = Vec::new();
            for (owner, visit) in &visits {
                let tried = match visit {
                    Err(why) => Err(why.clone()),
                    Ok(visit) => attacked(ctx, owner, visit, &visits, turn).await,
                };
                seen.push(judge::judge(&tried).of(owner));
            }
            seen
        })
    }
}

type Visits = Vec<(TenantId, Result<attack::Visit, String>)>;

async fn attacked(
    ctx: &Ctx,
    owner: &TenantId,
    visit: &attack::Visit,
    visits: &Visits,
    turn: usize,
) -> Result<Tried, String> {
    let mut tried = Tried {
        pages: visit.pages.shown.len(),
        records: visit.records.len(),
        known: visit.pages.known.len(),
        unopened: visit.pages.unopened,
        attackers: 0,
        attempts: attack::without_session(visit),
    };
    let own = visits
        .iter()
        .position(|(tenant, _)| tenant == owner)
        .unwrap_or(0);
    for distance in distances(visits.len(), turn) {
        let Some((attacker, other)) = visits.get((own + distance) % visits.len()) else {
            continue;
        };
        let other = other
            .as_ref()
            .map_err(|_| "another tenant's synthetic person could not open a page".to_owned())?;
        tried.attackers += 1;
        tried
            .attempts
            .extend(attack::with_session(ctx, (owner, visit), (attacker, other)).await);
    }
    Ok(tried)
}

/// Which of the other tenants, counted onwards from the owner, have their turn.
fn distances(tenants: usize, turn: usize) -> Vec<usize> {
    let others = tenants.saturating_sub(1);
    (0..others.min(MOST_ATTACKERS))
        .map(|step| 1 + (turn * MOST_ATTACKERS + step) % others)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_other_tenant_has_its_turn_and_none_attacks_itself() {
        for tenants in 2..12 {
            let mut met = BTreeSet::new();
            for turn in 0..tenants {
                let now = distances(tenants, turn);
                assert_eq!(now.len(), (tenants - 1).min(MOST_ATTACKERS));
                met.extend(now);
            }
            assert_eq!(met, (1..tenants).collect(), "{tenants} tenants");
        }
    }
}
