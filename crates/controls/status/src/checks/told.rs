//! Judges `status.told-within`: a fault is told in time to whom it concerns, and to nobody else.

use std::sync::Arc;
use std::time::Duration;

use avouch_evidence::{Ask, Audience, BoxFuture, Check, ClaimId, Ctx, Seen, Verdict};
use avouch_statement::{Length, TenantId};
use jiff::{SignedDuration, Timestamp};
use tokio::time::Instant;

use super::{Entry, History, PAGE, Rehearsals, marker, words};
use crate::settings::TOLD_WITHIN;

/// No rehearsal is waited for longer, however late people may be told: a check has three minutes.
const LONGEST: Duration = Duration::from_secs(120);
/// How often the page is looked at.
const PAUSE: Duration = Duration::from_millis(100);
/// What stands above what is over.
const OVER: &str = "What was wrong before";

/// The check of what people are told.
pub struct ToldCheck {
    within: Length,
    rehearsals: Arc<dyn Rehearsals>,
    history: Arc<dyn History>,
    /// There is one rehearsal at a time.
    turn: tokio::sync::Mutex<()>,
}

/// How long each step of a rehearsal took.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Rehearsed {
    told: Duration,
    updated: Duration,
    ended: Duration,
}

/// What a rehearsal came to.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Observed {
    /// It was told, updated and ended.
    Told(Rehearsed),
    /// Something was not told in time, or to somebody whom it does not concern.
    Wrong(String),
    /// It was waited for as long as can be, and may still be told in time.
    Open(String),
}

impl ToldCheck {
    /// Rehearses, and compares what was told of real faults.
    #[must_use]
    pub fn new(within: Length, rehearsals: Arc<dyn Rehearsals>, history: Arc<dyn History>) -> Self {
        Self {
            within,
            rehearsals,
            history,
            turn: tokio::sync::Mutex::new(()),
        }
    }

    /// Something was not told while it was waited for.
    fn missed(&self, what: &str) -> Observed {
        let waited = self.promised().min(LONGEST);
        let text = format!("{what} was not told within {} s", waited.as_secs());
        if waited < self.promised() {
            Observed::Open(text)
        } else {
            Observed::Wrong(text)
        }
    }

    fn promised(&self) -> Duration {
        Duration::from_secs(self.within.bounds().0.unsigned_abs())
    }

    async fn observe(&self, ctx: &Ctx) -> Result<(Observed, Vec<Entry>), String> {
        let _turn = self.turn.lock().await;
        let (tenant, other) = match ctx.tenants.as_slice() {
            [] => return Err("no tenant is served".to_owned()),
            [only] => (only, None),
            [first, second, ..] => (first, Some(second)),
        };
        let observed = self.rehearse(ctx, tenant, other).await;
        self.rehearsals.forget().await;
        let since = ctx.now.checked_sub(SignedDuration::from_hours(24 * 30));
        let entries = self.history.entries(since.unwrap_or(ctx.now)).await?;
        Ok((observed?, entries))
    }

    async fn rehearse(
        &self,
        ctx: &Ctx,
        tenant: &TenantId,
        other: Option<&TenantId>,
    ) -> Result<Observed, String> {
        let (title, update) = (
            format!("Rehearsal {}", marker()?),
            format!("Update {}", marker()?),
        );
        let cookie = cookie(ctx, tenant).await?;
        let page = || read(ctx, tenant.as_str(), Some(&cookie));
        let limit = self.promised().min(LONGEST);
        // Before anything is wrong, the page has to be there at all.
        if let Err(why) = page().await {
            return Ok(Observed::Wrong(format!(
                "the status page is not there: {why}"
            )));
        }
        self.rehearsals.begin(tenant, &title).await?;
        let Some(told) = until(limit, || async {
            page().await.is_ok_and(|page| now(&page).contains(&title))
        })
        .await
        else {
            return Ok(self.missed("it"));
        };
        let mut elsewhere = vec![("", None), (tenant.as_str(), None)];
        let theirs = match other {
            Some(other) => Some((other, self::cookie(ctx, other).await?)),
            None => None,
        };
        if let Some((other, cookie)) = &theirs {
            elsewhere.push((other.as_str(), Some(cookie)));
        }
        for (label, cookie) in elsewhere {
            let page = match read(ctx, label, cookie.map(String::as_str)).await {
                Ok(page) => page,
                Err(why) => {
                    return Ok(Observed::Wrong(format!(
                        "a status page is not there for somebody else: {why}"
                    )));
                }
            };
            if page.contains(&title) {
                let why = "it was told to somebody whom it does not concern";
                return Ok(Observed::Wrong(why.to_owned()));
            }
        }
        self.rehearsals.say(&update).await?;
        let Some(updated) = until(limit, || async {
            page().await.is_ok_and(|page| now(&page).contains(&update))
        })
        .await
        else {
            return Ok(self.missed("an update"));
        };
        self.rehearsals.mend().await?;
        let over = until(limit, || async {
            page()
                .await
                .is_ok_and(|page| !now(&page).contains(&title) && page.contains(&title))
        });
        let Some(ended) = over.await else {
            return Ok(self.missed("its end"));
        };
        Ok(Observed::Told(Rehearsed {
            told,
            updated,
            ended,
        }))
    }
}

/// The part of the page that is about the present.
fn now(page: &str) -> &str {
    page.split_once(OVER).map_or("", |(now, _)| now)
}

/// Waits until this holds, and says how long that took; nothing if it took too long.
async fn until<F: Future<Output = bool>>(
    limit: Duration,
    holds: impl Fn() -> F,
) -> Option<Duration> {
    let began = Instant::now();
    loop {
        if holds().await {
            return Some(began.elapsed());
        }
        if began.elapsed() >= limit {
            return None;
        }
        tokio::time::sleep(PAUSE).await;
    }
}

async fn cookie(ctx: &Ctx, tenant: &TenantId) -> Result<String, String> {
    let host = ctx.gateway.host(tenant.as_str());
    ctx.people.session(tenant, &host).await
}

/// The page, as this host shows it.
async fn read(ctx: &Ctx, label: &str, cookie: Option<&str>) -> Result<String, String> {
    let mut ask = Ask::get(PAGE);
    if let Some(cookie) = cookie {
        ask = ask.with("cookie", cookie);
    }
    let answer = ctx.gateway.send(label, ask).await;
    let answer = answer.map_err(|error| words(&error))?;
    match answer.status.is_success() {
        true => Ok(answer.text()),
        false => Err(format!("it was answered with {}", answer.status)),
    }
}

impl Check for ToldCheck {
    fn name(&self) -> &str {
        "rehearsed fault"
    }

    fn claims(&self) -> Vec<ClaimId> {
        vec![ClaimId::new(TOLD_WITHIN)]
    }

    fn run<'a>(&'a self, ctx: &'a Ctx) -> BoxFuture<'a, Vec<Seen>> {
        Box::pin(async move {
            let claim = ClaimId::new(TOLD_WITHIN);
            let (verdict, text) = match self.observe(ctx).await {
                Ok((observed, entries)) => judge(self.promised(), &observed, &entries),
                Err(why) => (
                    Verdict::Unproven,
                    format!("No fault could be rehearsed: {why}."),
                ),
            };
            vec![Seen::new(&claim, verdict, text).for_audience(Audience::Public)]
        })
    }
}

/// A time equal to the promised one holds it.
fn judge(promised: Duration, observed: &Observed, entries: &[Entry]) -> (Verdict, String) {
    let times = match observed {
        Observed::Wrong(why) => {
            return (
                Verdict::Broken,
                format!("A fault was rehearsed, and {why}."),
            );
        }
        Observed::Open(why) => {
            return (
                Verdict::Unproven,
                format!("A fault was rehearsed, and {why}; no check waits longer."),
            );
        }
        Observed::Told(times) => times,
    };
    let real: Vec<(&Entry, SignedDuration)> = entries
        .iter()
        .filter(|entry| entry.seen && entry.ended.is_none())
        .map(|entry| (entry, late(entry.at, entry.began)))
        .collect();
    let worst = real.iter().max_by_key(|(_, late)| *late);
    if let Some((entry, late)) = worst
        && late.unsigned_abs() > promised
    {
        let text = format!(
            "Incident {} began at {} and was told {} s later; {} s are promised.",
            entry.number,
            entry.began,
            late.as_secs(),
            promised.as_secs()
        );
        return (Verdict::Broken, text);
    }
    let past = worst.map_or_else(
        || "No real fault was seen in the last 30 days.".to_owned(),
        |(_, late)| {
            format!(
                "Of {} real faults seen in the last 30 days, each was told within {} s.",
                real.len(),
                late.as_secs() + 1
            )
        },
    );
    let ms = |time: Duration| time.as_millis();
    let text = format!(
        "A rehearsed fault was told after {} ms, its update after {} ms and its end after {} ms, to whom it concerned and \
         nobody else; {} s are promised. {past}",
        ms(times.told),
        ms(times.updated),
        ms(times.ended),
        promised.as_secs()
    );
    (Verdict::Held, text)
}

/// How long after it began something was told; nothing if the clock was set back in between.
fn late(at: Timestamp, began: Timestamp) -> SignedDuration {
    at.duration_since(began).max(SignedDuration::ZERO)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PROMISED: Duration = Duration::from_secs(300);

    fn entry(began: i64, at: i64, seen: bool) -> Entry {
        let time = |second| Timestamp::from_second(second).unwrap();
        Entry {
            index: 1,
            at: time(at),
            number: 7,
            began: time(began),
            ended: None,
            seen,
        }
    }

    fn told() -> Observed {
        let time = Duration::from_millis(2_500);
        Observed::Told(Rehearsed {
            told: time,
            updated: time,
            ended: time,
        })
    }

    #[test]
    fn a_real_fault_that_was_told_late_breaks_it_whatever_a_rehearsal_says() {
        for (entries, verdict) in [
            (vec![], Verdict::Held),
            (vec![entry(0, 300, true)], Verdict::Held),
            (vec![entry(0, 301, true)], Verdict::Broken),
            (vec![entry(0, 9_000, false)], Verdict::Held),
            (vec![entry(900, 0, true)], Verdict::Held),
        ] {
            assert_eq!(judge(PROMISED, &told(), &entries).0, verdict, "{entries:?}");
        }
    }

    #[test]
    fn a_rehearsal_that_is_not_told_breaks_it_and_the_reason_is_said() {
        let why = || "it was not told".to_owned();
        let (verdict, text) = judge(PROMISED, &Observed::Wrong(why()), &[]);
        assert_eq!(verdict, Verdict::Broken);
        assert!(text.contains("it was not told."), "{text}");
        let open = judge(PROMISED, &Observed::Open(why()), &[]);
        assert_eq!(open.0, Verdict::Unproven);
    }
}
