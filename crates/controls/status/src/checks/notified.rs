//! Judges `status.notify`: the relay answers, and nothing waits longer for it than is promised.

use std::sync::Arc;

use avouch_evidence::{Audience, BoxFuture, Check, ClaimId, Ctx, Seen, Verdict};
use avouch_statement::Length;
use jiff::{SignedDuration, Timestamp};

use crate::notify::NOTIFY;

/// What leaves by the relay.
pub trait Post: Send + Sync {
    /// Whether the relay answers now; the error says why not.
    fn greeted(&self) -> BoxFuture<'_, Result<(), String>>;
    /// When the oldest was told that the relay has not taken.
    fn waiting(&self) -> Option<Timestamp>;
    /// When a letter was given up last.
    fn given_up(&self) -> Option<Timestamp>;
}

/// For so long a letter that was given up breaks the promise.
const REMEMBERED: SignedDuration = SignedDuration::from_hours(24 * 30);

/// The check of letters to the supplier's team.
pub struct NotifiedCheck {
    within: Length,
    post: Arc<dyn Post>,
}

impl NotifiedCheck {
    /// Greets the relay, and looks at what waits for it.
    #[must_use]
    pub fn new(within: Length, post: Arc<dyn Post>) -> Self {
        Self { within, post }
    }
}

impl Check for NotifiedCheck {
    fn name(&self) -> &str {
        "mail relay"
    }

    fn claims(&self) -> Vec<ClaimId> {
        vec![ClaimId::new(NOTIFY)]
    }

    fn dated(&self) -> bool {
        true
    }

    fn run<'a>(&'a self, ctx: &'a Ctx) -> BoxFuture<'a, Vec<Seen>> {
        Box::pin(async move {
            let greeted = self.post.greeted().await;
            let waiting = self.post.waiting();
            let now = (ctx.clock)();
            let late = (waiting, self.post.given_up());
            let (verdict, text) = judge(self.within, now, greeted.as_ref().err(), late);
            let claim = ClaimId::new(NOTIFY);
            vec![Seen::new(&claim, verdict, text).for_audience(Audience::Supplier)]
        })
    }
}

/// A wait equal to the promised one holds it.
fn judge(
    within: Length,
    now: Timestamp,
    away: Option<&String>,
    (waiting, given_up): (Option<Timestamp>, Option<Timestamp>),
) -> (Verdict, String) {
    if let Some(why) = away {
        return (
            Verdict::Broken,
            format!("The mail relay takes nothing: {why}."),
        );
    }
    if let Some(at) = given_up.filter(|at| now.duration_since(*at) <= REMEMBERED) {
        let text =
            format!("A letter waited for a day for the mail relay and was given up at {at}.");
        return (Verdict::Broken, text);
    }
    let waited = waiting.map(|since| now.duration_since(since));
    match waited {
        Some(waited) if waited > SignedDuration::from_secs(within.bounds().0) => (
            Verdict::Broken,
            format!(
                "Something was told {} s ago that the mail relay has not taken; {within} are promised.",
                waited.as_secs()
            ),
        ),
        _ => (
            Verdict::Held,
            format!(
                "The mail relay answers over TLS, and nothing has waited for it longer than {within}."
            ),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use avouch_statement::Unit;

    #[test]
    fn a_relay_that_is_away_and_a_letter_that_waits_too_long_or_was_given_up_break_it() {
        let (minute, away) = (Length::new(1, Unit::Minute), "refused".to_owned());
        let at = |second| Timestamp::from_second(second).unwrap();
        let month = 30 * 86_400;
        for (away, waiting, given_up, verdict) in [
            (None, None, None, Verdict::Held),
            (None, Some(40), None, Verdict::Held),
            (None, Some(39), None, Verdict::Broken),
            (None, None, Some(100 - month), Verdict::Broken),
            (None, None, Some(99 - month), Verdict::Held),
            (Some(&away), None, None, Verdict::Broken),
        ] {
            let late = (waiting.map(at), given_up.map(at));
            assert_eq!(judge(minute, at(100), away, late).0, verdict);
        }
    }
}
