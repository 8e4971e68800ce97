//! Judges `app.idle-share`: applications run while they are needed, and little beyond.
//!
//! What ran is reckoned from the trail and counted by the supervisor; what was needed is reckoned from the trail and
//! compared with the requests that are there. Where the two do not agree, neither is believed.

use std::sync::Arc;
use std::time::Duration;

use avouch_evidence::{Ask, BoxFuture, Check, ClaimId, Ctx, Seen, Verdict};
use avouch_statement::TenantId;
use jiff::{SignedDuration, Timestamp};
use tokio::time::{Instant, sleep};

use crate::capacity::{Hours, IDLE_SHARE, Idle, Span, Spans};
use crate::protocol::{Count, Ran};

/// The supervisor is asked for so much.
const DAY: Duration = Duration::from_secs(24 * 3600);
/// What is noted follows what happens: two counts of one stretch may differ by so much, and each further stretch adds some.
const SLACK: SignedDuration = SignedDuration::from_secs(5);
const EACH: SignedDuration = SignedDuration::from_secs(1);
/// So often a difference is looked at again, after a pause.
const LOOKS: usize = 4;
const PAUSE: Duration = Duration::from_secs(1);

/// One application, by the trail.
#[derive(Debug, Clone, Default)]
pub struct Book {
    /// Its name at the supervisor.
    pub name: String,
    /// When it ran and was needed.
    pub spans: Spans,
    /// The newest requests of its people that the trail has, and from when on these are all.
    pub asked: Vec<Asked>,
    /// From when on.
    pub asked_since: Option<Timestamp>,
}

/// A request of somebody's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Asked {
    /// When its event was written.
    pub at: Timestamp,
    /// How far it came.
    pub came: Came,
}

/// How far a request came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Came {
    /// It was turned away.
    Nowhere,
    /// It was let through.
    Through,
    /// The application answered it.
    Answered,
}

/// What is known of applications.
pub trait Books: Send + Sync {
    /// What the trail has of each, in this time.
    fn books<'a>(&'a self, within: &'a Span) -> BoxFuture<'a, Result<Vec<Book>, String>>;
    /// What the supervisor counted in the time before now.
    fn count(&self, within: Duration) -> BoxFuture<'_, Result<Count, String>>;
    /// Whose application is stopped now.
    fn at_rest(&self) -> Vec<TenantId>;
}

/// Wakes one application that is stopped, and reckons the hours of the last day.
pub struct IdleShare {
    claim: ClaimId,
    idle: Idle,
    /// A page of the application.
    page: String,
    books: Arc<dyn Books>,
}

/// What was observed.
#[derive(Debug, Clone)]
struct Observed {
    within: Span,
    count: Count,
    books: Vec<Book>,
    /// What came of asking one that was stopped.
    woken: Option<Result<Duration, String>>,
}

impl IdleShare {
    /// Judges this promise; one that is stopped is asked for `page`.
    pub fn new(idle: Idle, page: impl Into<String>, books: Arc<dyn Books>) -> Self {
        Self {
            claim: ClaimId::new(IDLE_SHARE),
            idle,
            page: page.into(),
            books,
        }
    }

    /// Asks one of those that are stopped, each in its turn.
    async fn wake(&self, ctx: &Ctx) -> Option<Result<Duration, String>> {
        let mut resting = self.books.at_rest();
        let count = i64::try_from(resting.len())
            .ok()
            .filter(|count| *count > 0)?;
        let turn = (ctx.now.as_second() / 3600).rem_euclid(count);
        let tenant = resting.swap_remove(usize::try_from(turn).unwrap_or_default());
        Some(self.ask(ctx, &tenant).await)
    }

    async fn ask(&self, ctx: &Ctx, tenant: &TenantId) -> Result<Duration, String> {
        let host = ctx.gateway.host(tenant.as_str());
        let cookie = ctx.people.session(tenant, &host).await?;
        let began = Instant::now();
        let ask = Ask::get(&self.page).with("cookie", cookie);
        let answer = ctx.gateway.send(tenant.as_str(), ask).await;
        let answer = answer.map_err(|error| error.to_string())?;
        if answer.status.is_success() {
            Ok(began.elapsed())
        } else {
            Err(format!("it was answered with {}", answer.status))
        }
    }

    async fn observe(
        &self,
        ctx: &Ctx,
        woken: Option<Result<Duration, String>>,
    ) -> Result<Observed, String> {
        let count = self.books.count(DAY).await?;
        let now = (ctx.clock)();
        let from = now
            .checked_sub(count.within)
            .map_err(|error| error.to_string())?;
        let within = from..now;
        let books = self.books.books(&within).await?;
        Ok(Observed {
            within,
            count,
            books,
            woken,
        })
    }

    async fn attempt(&self, ctx: &Ctx) -> (Verdict, String) {
        let woken = self.wake(ctx).await;
        let mut looks = 1;
        loop {
            let (verdict, sentence) = match self.observe(ctx, woken.clone()).await {
                Ok(observed) => judge(&self.idle, &observed),
                Err(why) => (Verdict::Unproven, format!("Could not be reckoned: {why}.")),
            };
            if verdict == Verdict::Held || looks == LOOKS {
                return (verdict, sentence);
            }
            looks += 1;
            sleep(PAUSE).await;
        }
    }
}

impl Check for IdleShare {
    fn name(&self) -> &str {
        "idle-share"
    }

    fn claims(&self) -> Vec<ClaimId> {
        vec![self.claim.clone()]
    }

    fn dated(&self) -> bool {
        true
    }

    fn run<'a>(&'a self, ctx: &'a Ctx) -> BoxFuture<'a, Vec<Seen>> {
        Box::pin(async move {
            let (verdict, sentence) = self.attempt(ctx).await;
            vec![Seen::new(&self.claim, verdict, sentence)]
        })
    }
}

/// Compares the share that was for nobody with the promised one; an equal share holds it. No organisation is named, since
/// all of them read this.
fn judge(idle: &Idle, observed: &Observed) -> (Verdict, String) {
    let hours = observed
        .books
        .iter()
        .map(|book| book.spans.hours(&observed.within))
        .fold(Hours::default(), Hours::and);
    let share = hours.idle_share();
    let promised = f64::from(idle.share);
    if let Some(why) = fault(observed) {
        return (Verdict::Broken, why);
    }
    let shown = shown(observed, &hours);
    if share > promised {
        let sentence = format!("{shown} That is {share:.1}% idle, of {promised:.0}% promised.");
        return (Verdict::Broken, sentence);
    }
    let woken = match &observed.woken {
        Some(Ok(took)) => format!(
            " One that was stopped was asked for a page, which came after {} ms.",
            took.as_millis()
        ),
        _ => " None was stopped at the time of this check.".to_owned(),
    };
    let sentence = format!("{shown} That is {share:.1}% idle, of {promised:.0}% promised.{woken}");
    (Verdict::Held, sentence)
}

/// What is wrong, whatever the share.
fn fault(observed: &Observed) -> Option<String> {
    if !observed.count.strays.is_empty() {
        return Some(format!(
            "Beside what the supervisor started, the application runs in processes that it did not start: {}.",
            observed.count.strays.len()
        ));
    }
    if let Some(Err(why)) = &observed.woken {
        return Some(format!(
            "An application that was stopped was asked for a page, which did not come: {why}."
        ));
    }
    let counted = |book: &Book| {
        let seen = observed.count.instances.get(&book.name).copied();
        differs(book, seen.unwrap_or_default(), &observed.within)
    };
    let mut books = observed.books.iter();
    books.find_map(|book| counted(book).or_else(|| unneeded(book)))
}

/// Whether the supervisor counted otherwise than the trail has it.
fn differs(book: &Book, seen: Ran, within: &Span) -> Option<String> {
    let noted = book.spans.hours(within).ran;
    let whole = SignedDuration::try_from(seen.whole).unwrap_or(SignedDuration::MAX);
    let stretches = i32::try_from(book.spans.ran.len()).unwrap_or(i32::MAX);
    let allowed = SLACK.saturating_add(EACH.saturating_mul(stretches));
    ((noted.saturating_sub(whole)).abs() > allowed).then(|| {
        format!(
            "By the trail an application ran for {}, by the supervisor's own count for {}.",
            long(noted),
            long(whole)
        )
    })
}

/// Whether a request lies where it did not run or was not needed, or a need has no request, or it ended by force.
fn unneeded(book: &Book) -> Option<String> {
    if book.spans.forced {
        return Some(
            "An application that was told to end, when it was last, did so only by force."
                .to_owned(),
        );
    }
    let near = |span: &Span, at: Timestamp| {
        span.start.duration_since(at) <= SLACK && at.duration_since(span.end) <= SLACK
    };
    let needed = |asked: &Asked| {
        let mut needs = book.spans.people.iter();
        asked.came == Came::Nowhere || needs.any(|need| near(&need.span, asked.at))
    };
    let ran = |asked: &Asked| {
        let mut spans = book.spans.ran.iter();
        asked.came != Came::Answered || spans.any(|span| near(span, asked.at))
    };
    let mut asked = book.asked.iter();
    if let Some(lost) = asked.find(|asked| !needed(asked) || !ran(asked)) {
        return Some(format!(
            "The trail has a request of {} and not that the application ran and was needed then.",
            lost.at
        ));
    }
    let since = book.asked_since?;
    let groundless = book.spans.people.iter().find(|need| {
        let mut asked = book.asked.iter();
        need.request && need.span.start > since && !asked.any(|asked| near(&need.span, asked.at))
    });
    groundless.map(|need| {
        format!(
            "The trail says that an application was needed from {}, and has no request of that time.",
            need.span.start
        )
    })
}

fn shown(observed: &Observed, hours: &Hours) -> String {
    format!(
        "In the last {}, the applications of {} organisations ran for {}, by the trail and by the supervisor's own count: \
         {} while people needed them, {} for the service's own work, and {} for nobody.",
        long(observed.within.end.duration_since(observed.within.start)),
        observed.books.len(),
        long(hours.ran),
        long(hours.people),
        long(hours.own),
        long(hours.idle()),
    )
}

/// Hours, or minutes where it is less than two of them.
fn long(span: SignedDuration) -> String {
    let minutes = span.as_secs_f64() / 60.0;
    if minutes < 120.0 {
        format!("{minutes:.1} min")
    } else {
        format!("{:.1} h", minutes / 60.0)
    }
}

#[cfg(test)]
mod tests;
