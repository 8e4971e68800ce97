//! Judges `audit.review`: planted accesses are found, each review was made, and what was found is looked at in time.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use avouch_evidence::{BoxFuture, Check, ClaimId, Ctx, Seen};
use avouch_statement::TenantId;
use jiff::{SignedDuration, Timestamp};

use super::marker;
use crate::review::{Found, Review, Rule, Tie};
use crate::{REVIEW, RecordRule, subjects};

/// How long after its time a review may be made: it reads a whole day.
const GRACE: SignedDuration = SignedDuration::from_hours(1);

/// Reviews, and synthetic people whose access is reviewed.
pub trait Reviewing: Send + Sync {
    /// What is kept of a tenant's reviews.
    fn kept<'a>(&'a self, tenant: &'a TenantId) -> BoxFuture<'a, Result<Kept, String>>;

    /// Lets two synthetic people of one unit pay their visits, and reviews what synthetic people did since.
    fn probe<'a>(
        &'a self,
        ctx: &'a Ctx,
        tenant: &'a TenantId,
        plan: &'a Plan,
    ) -> BoxFuture<'a, Result<Probed, String>>;
}

/// What is kept of a tenant's reviews.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Kept {
    /// When the tenant was made; nothing was due before.
    pub since: Option<Timestamp>,
    /// Up to when was reviewed.
    pub until: Option<Timestamp>,
    /// The first review that does not go on where the one before ended.
    pub gap: Option<Timestamp>,
    /// The first review of which not as much is kept as the ledger says, or something that cannot be read.
    pub unlike: Option<Timestamp>,
    /// When each finding was made that nobody has looked at, the oldest first.
    pub waiting: Vec<Timestamp>,
    /// Why the clock is not believed, if it is not: then no review is made.
    pub doubt: Option<String>,
}

/// What the reader and the colleague said of themselves, and what each of them opens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// The reader's own record.
    pub own: String,
    /// One of the reader's family.
    pub family: String,
    /// The colleague's own.
    pub colleague: String,
    /// The paths that the reader opens.
    pub reader: Vec<String>,
    /// The path that the colleague opens.
    pub shared: String,
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Probed {
    /// The reader's id.
    pub reader: String,
    /// The colleague's id.
    pub colleague: String,
    /// When the first visit began.
    pub from: Timestamp,
    /// When the last was over.
    pub to: Timestamp,
    /// What the review found.
    pub found: Vec<Found>,
}

/// The check of reviews.
pub struct ReviewCheck {
    reviewing: Arc<dyn Reviewing>,
    records: Vec<RecordRule>,
    review: Review,
}

/// What was seen of one tenant.
struct Observed {
    now: Timestamp,
    kept: Kept,
    /// Whose records the reader opened, and which of them the colleague opened too.
    subjects: BTreeSet<String>,
    shared: String,
    plan: Plan,
    probed: Probed,
}

/// What a rule found of a person: whose records.
type Findings = BTreeMap<(Rule, String), BTreeSet<String>>;

impl ReviewCheck {
    /// Opens records that fall under the first of `records`.
    #[must_use]
    pub fn new(reviewing: Arc<dyn Reviewing>, records: Vec<RecordRule>, review: Review) -> Self {
        Self {
            reviewing,
            records,
            review,
        }
    }

    async fn observe(&self, ctx: &Ctx, tenant: &TenantId) -> Result<Observed, String> {
        let rule = self.records.first().ok_or("no record is named")?;
        let subject = |path: &str| {
            let named = subjects(path, &self.records).into_iter().next();
            named.ok_or_else(|| "a record names nobody".to_owned())
        };
        let many = self.review.rules.many.map_or(0, |many| many.people + 1);
        let mut paths = Vec::new();
        for _ in 0..many.max(5) {
            paths.push(rule.at(&marker()?));
        }
        let named = paths.iter().map(|path| subject(path));
        let named = named.collect::<Result<Vec<String>, String>>()?;
        let [own, family, colleague, shared, ..] = named.as_slice() else {
            return Err("too few records were made up".to_owned());
        };
        let shared_path = paths.get(3).ok_or("too few records were made up")?;
        let plan = Plan {
            own: own.clone(),
            family: family.clone(),
            colleague: colleague.clone(),
            shared: shared_path.clone(),
            reader: paths.clone(),
        };
        let probed = self.reviewing.probe(ctx, tenant, &plan).await?;
        Ok(Observed {
            now: (ctx.clock)(),
            kept: self.reviewing.kept(tenant).await?,
            shared: shared.clone(),
            subjects: named.into_iter().collect(),
            plan,
            probed,
        })
    }
}

impl Check for ReviewCheck {
    fn name(&self) -> &str {
        "review of access to records"
    }

    fn claims(&self) -> Vec<ClaimId> {
        vec![ClaimId::new(REVIEW)]
    }

    fn dated(&self) -> bool {
        true
    }

    fn run<'a>(&'a self, ctx: &'a Ctx) -> BoxFuture<'a, Vec<Seen>> {
        Box::pin(async move {
            let mut seen = Vec::new();
            for tenant in &ctx.tenants {
                let observed = self.observe(ctx, tenant).await;
                seen.push(judge(&self.review, &observed).of(tenant));
            }
            if seen.is_empty() {
                seen.push(judge(&self.review, &Err("no tenant is served".to_owned())));
            }
            seen
        })
    }
}

fn judge(review: &Review, observed: &Result<Observed, String>) -> Seen {
    let claim = ClaimId::new(REVIEW);
    let observed = match observed {
        Ok(observed) => observed,
        Err(why) => return Seen::unproven(&claim, format!("A review could not be tried: {why}.")),
    };
    if let (Some(_), Some(doubt)) = (undone(review, observed), &observed.kept.doubt) {
        let why = format!("A review waits until the clock can be believed: {doubt}.");
        return Seen::unproven(&claim, why);
    }
    if let Some(fault) = undone(review, observed)
        .or_else(|| missing(review, observed))
        .or_else(|| unlike(review, observed))
    {
        return Seen::broken(&claim, format!("{fault}."));
    }
    let until = observed.kept.until.map_or_else(
        || "none was due yet".to_owned(),
        |until| format!("they go up to {until}"),
    );
    Seen::held(
        &claim,
        format!(
            "Two synthetic people opened {} made-up records, and the rules found the unusual ones and no others. All reviews \
             that were due are there ({until}), and {} that they found wait to be looked at, none for longer than {}.",
            observed.subjects.len(),
            observed.kept.waiting.len(),
            review.looked_at_within
        ),
    )
}

/// The review that was due and was not made.
fn undone(review: &Review, observed: &Observed) -> Option<String> {
    let Observed { now, kept, .. } = observed;
    let (_, due) = review.at.due_before(*now - GRACE)?;
    if kept.since.is_some_and(|since| due < since + GRACE) {
        return None;
    }
    match kept.until {
        Some(until) if until >= due => None,
        None => Some(format!("The review of {due} was not made, and no other")),
        Some(until) => Some(format!(
            "The review of {due} was not made; the last was that of {until}"
        )),
    }
}

/// What is missing of the reviews that were made, or was not looked at.
fn missing(review: &Review, observed: &Observed) -> Option<String> {
    let Observed { now, kept, .. } = observed;
    if let Some(gap) = kept.gap {
        return Some(format!(
            "What was before the review of {gap} was not reviewed"
        ));
    }
    if let Some(unlike) = kept.unlike {
        return Some(format!(
            "What is kept of the review of {unlike} is not what its entry in the ledger says"
        ));
    }
    let limit = *now - review.looked_at_within.duration();
    let late = kept.waiting.iter().filter(|made| **made < limit).count();
    let oldest = kept.waiting.first().filter(|_| late > 0)?;
    Some(format!(
        "{late} findings wait for longer than {} to be looked at, the oldest since {oldest}",
        review.looked_at_within
    ))
}

/// How what was found differs from what was planted.
fn unlike(review: &Review, observed: &Observed) -> Option<String> {
    let expected = expected(review, observed)?;
    let mut found = Findings::new();
    for it in &observed.probed.found {
        let known = found.entry((it.rule, it.who.clone())).or_default();
        known.extend(it.subjects.iter().cloned());
    }
    let rules = expected.keys().chain(found.keys());
    let wrong = rules
        .into_iter()
        .find(|key| expected.get(key) != found.get(key))?;
    let count = |of: &Findings| of.get(wrong).map_or(0, BTreeSet::len);
    Some(format!(
        "“{}” should have been found of {} made-up records, and was found of {}{}",
        wrong.0.words(),
        count(&expected),
        count(&found),
        if count(&expected) == count(&found) {
            ", which were others"
        } else {
            ""
        }
    ))
}

/// What the rules should find; `None` if the usual hours began or ended meanwhile.
fn expected(review: &Review, observed: &Observed) -> Option<Findings> {
    let Observed {
        subjects,
        shared,
        plan,
        probed,
        ..
    } = observed;
    let rules = &review.rules;
    let mut expected = Findings::new();
    let mut expect = |rule, who: &str, of: BTreeSet<String>| {
        expected.insert((rule, who.to_owned()), of);
    };
    let reader = probed.reader.as_str();
    for (stated, tie, subject) in [
        (rules.own, Tie::Own, &plan.own),
        (rules.family, Tie::Family, &plan.family),
        (rules.colleague, Tie::Colleague, &plan.colleague),
    ] {
        if stated {
            expect(Rule::Tied(tie), reader, BTreeSet::from([subject.clone()]));
        }
    }
    if rules.many.is_some() {
        expect(Rule::Many, reader, subjects.clone());
    }
    if let Some(hours) = rules.hours {
        let usual = |at: Timestamp| hours.hold(at.to_zoned(review.at.zone().clone()).time());
        match (usual(probed.from), usual(probed.to)) {
            (true, true) => {}
            (false, false) => {
                expect(Rule::Hours, reader, subjects.clone());
                let both = BTreeSet::from([shared.clone()]);
                expect(Rule::Hours, &probed.colleague, both);
            }
            _ => return None,
        }
    }
    if rules.unit.is_some() {
        let mut alone = subjects.clone();
        alone.remove(shared);
        expect(Rule::Unit, reader, alone);
    }
    Some(expected)
}

#[cfg(test)]
mod tests;
