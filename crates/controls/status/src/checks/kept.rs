//! Judges `status.keep`: what was wrong is kept as the trail has it, and no longer than is said.

use std::sync::Arc;

use avouch_evidence::{Audience, BoxFuture, Check, ClaimId, Ctx, Seen, Verdict};
use avouch_statement::Length;
use jiff::{SignedDuration, Timestamp};

use super::{Entry, History, Kept};
use crate::settings::KEEP;

/// What has ended goes within a day.
const SLACK: SignedDuration = SignedDuration::from_hours(24);

/// The check of what is kept.
pub struct KeptCheck {
    keep: Length,
    history: Arc<dyn History>,
}

impl KeptCheck {
    /// Compares the trail with what is kept.
    #[must_use]
    pub fn new(keep: Length, history: Arc<dyn History>) -> Self {
        Self { keep, history }
    }

    async fn observe(&self, now: Timestamp) -> Result<(Vec<Entry>, Vec<Kept>), String> {
        let (least, _) = self.keep.bounds();
        let since = now.checked_sub(SignedDuration::from_secs(least));
        let entries = self
            .history
            .entries(since.unwrap_or(Timestamp::MIN))
            .await?;
        // Read last: what the trail has was kept before.
        Ok((entries, self.history.kept().await?))
    }
}

impl Check for KeptCheck {
    fn name(&self) -> &str {
        "incidents in the trail"
    }

    fn claims(&self) -> Vec<ClaimId> {
        vec![ClaimId::new(KEEP)]
    }

    fn dated(&self) -> bool {
        true
    }

    fn run<'a>(&'a self, ctx: &'a Ctx) -> BoxFuture<'a, Vec<Seen>> {
        Box::pin(async move {
            let claim = ClaimId::new(KEEP);
            let (verdict, text) = match self.observe(ctx.now).await {
                Ok((entries, kept)) => judge(self.keep, ctx.now, &entries, &kept),
                Err(why) => (
                    Verdict::Unproven,
                    format!("What is kept could not be compared: {why}."),
                ),
            };
            vec![Seen::new(&claim, verdict, text).for_audience(Audience::Public)]
        })
    }
}

fn judge(keep: Length, now: Timestamp, entries: &[Entry], kept: &[Kept]) -> (Verdict, String) {
    for entry in entries {
        let Some(kept) = kept.iter().find(|kept| kept.number == entry.number) else {
            let text = format!(
                "Incident {}, in entry {} of the trail, is not kept.",
                entry.number, entry.index
            );
            return (Verdict::Broken, text);
        };
        // The store keeps microseconds.
        let micros = |at: Option<Timestamp>| at.map(Timestamp::as_microsecond);
        let ended_otherwise = entry.ended.is_some() && micros(entry.ended) != micros(kept.ended);
        if micros(Some(entry.began)) != micros(Some(kept.began)) || ended_otherwise {
            let text = format!(
                "Incident {} is kept with other times than entry {} of the trail has.",
                entry.number, entry.index
            );
            return (Verdict::Broken, text);
        }
    }
    let (_, most) = keep.bounds();
    let oldest = now
        .checked_sub(SignedDuration::from_secs(most) + SLACK)
        .unwrap_or(Timestamp::MIN);
    let stale = |kept: &&Kept| kept.ended.is_some_and(|ended| ended < oldest);
    if let Some(kept) = kept.iter().find(stale) {
        let text = format!("Incident {} should have been taken away.", kept.number);
        return (Verdict::Broken, text);
    }
    let text = format!(
        "{} beginnings and ends in the trail, {} incidents kept, none of them older than {keep}.",
        entries.len(),
        kept.len()
    );
    (Verdict::Held, text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use avouch_statement::Unit;

    const KEPT_FOR: Length = Length::new(30, Unit::Day);
    const DAY: i64 = 86_400;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn entry(ended: Option<i64>) -> Entry {
        Entry {
            index: 40,
            at: at(100),
            number: 3,
            began: at(90),
            ended: ended.map(at),
            seen: true,
        }
    }

    fn kept(began: i64, ended: Option<i64>) -> Vec<Kept> {
        vec![Kept {
            number: 3,
            began: at(began),
            ended: ended.map(at),
        }]
    }

    #[test]
    fn each_entry_is_kept_with_the_same_times() {
        for (entries, kept, verdict) in [
            (vec![], vec![], Verdict::Held),
            (vec![entry(None)], kept(90, None), Verdict::Held),
            (vec![entry(None)], kept(90, Some(120)), Verdict::Held),
            (vec![entry(Some(120))], kept(90, Some(120)), Verdict::Held),
            (vec![entry(Some(120))], kept(90, None), Verdict::Broken),
            (vec![entry(Some(120))], kept(90, Some(95)), Verdict::Broken),
            (vec![entry(None)], kept(91, None), Verdict::Broken),
            (vec![entry(None)], vec![], Verdict::Broken),
        ] {
            assert_eq!(judge(KEPT_FOR, at(200), &entries, &kept).0, verdict);
        }
    }

    #[test]
    fn what_ended_longer_ago_than_is_said_is_gone_within_a_day_and_what_lasts_stays() {
        for (ended, now, verdict) in [
            (Some(100), 100 + 31 * DAY, Verdict::Held),
            (Some(100), 101 + 31 * DAY, Verdict::Broken),
            (None, 900 * DAY, Verdict::Held),
        ] {
            assert_eq!(judge(KEPT_FOR, at(now), &[], &kept(90, ended)).0, verdict);
        }
    }
}
