//! Judges `audit.keep`: the ledger verifies, nothing is gone from it before its time, and nothing stays beyond it.

use std::sync::Arc;

use avouch_evidence::{BoxFuture, Check, ClaimId, Ctx, Seen};
use avouch_statement::Length;
use jiff::{SignedDuration, Timestamp, tz::TimeZone};

use super::trail::Contents;
use super::{Sweep, Trail};
use crate::KEEP;

/// How long past its time an entry may still be read: what is past is taken away once a day, while the clock is believed,
/// which after a long stop takes a day.
const GRACE: SignedDuration = SignedDuration::from_hours(3 * 24);

/// The check of what is kept.
pub struct Keep {
    trail: Arc<dyn Trail>,
    sweep: Arc<Sweep>,
    keep: Length,
}

/// What was seen of the ledger.
#[derive(Debug)]
struct Ledger {
    size: u64,
    contents: Contents,
    /// Entries that were read and held to the checkpoint in this round.
    read: u64,
    /// Every entry was at this time or later; `None` while the first time through is under way.
    whole_since: Option<Timestamp>,
    /// What does not fit.
    fault: Option<String>,
}

impl Keep {
    /// Looks at this trail, whose entries are to be kept this long; `sweep` remembers how far the rounds have come.
    #[must_use]
    pub fn new(trail: Arc<dyn Trail>, sweep: Arc<Sweep>, keep: Length) -> Self {
        Self { trail, sweep, keep }
    }

    async fn observe(&self, now: Timestamp) -> Result<Ledger, String> {
        let size = self.trail.size().await?;
        let progress = self.sweep.progress();
        let parts = progress.plan(size);
        let fitted = self.trail.verify(&parts, progress.earlier()).await?;
        let contents = match &fitted {
            Ok(_) => self.trail.contents(&parts).await?,
            Err(_) => Contents::default(),
        };
        let read = parts.iter().map(|part| part.end - part.start).sum();
        let (went, fault): (_, Option<String>) = match fitted {
            Ok(mark) => (progress.went(size, mark, now), None),
            Err(fault) => (progress, Some(fault)),
        };
        let whole_since = went.whole_since();
        self.sweep.set(went);
        Ok(Ledger {
            size,
            contents,
            read,
            whole_since,
            fault,
        })
    }
}

impl Check for Keep {
    fn name(&self) -> &str {
        "ledger kept whole"
    }

    fn claims(&self) -> Vec<ClaimId> {
        vec![ClaimId::new(KEEP)]
    }

    fn dated(&self) -> bool {
        true
    }

    fn run<'a>(&'a self, ctx: &'a Ctx) -> BoxFuture<'a, Vec<Seen>> {
        Box::pin(async move { vec![judge(&self.observe(ctx.now).await, self.keep, ctx.now)] })
    }
}

/// Broken if the ledger does not verify, if an entry cannot be opened that is not old enough, or if one can be that should
/// have gone.
///
/// Years and months are walked on the calendar in UTC.
fn judge(ledger: &Result<Ledger, String>, keep: Length, now: Timestamp) -> Seen {
    let claim = ClaimId::new(KEEP);
    let Ledger {
        size,
        contents,
        read,
        whole_since,
        fault,
    } = match ledger {
        Ok(ledger) => ledger,
        Err(why) => return Seen::unproven(&claim, format!("The ledger could not be read: {why}.")),
    };
    if let Some(fault) = fault {
        return Seen::broken(
            &claim,
            format!("The ledger of {size} entries does not verify: {fault}."),
        );
    }
    let Some(since) = contents.since else {
        return Seen::unproven(&claim, "The ledger is empty.");
    };
    let due = |at: Timestamp| {
        let due = at.to_zoned(TimeZone::UTC).checked_add(keep.span());
        due.map_or(Timestamp::MAX, |due| due.timestamp())
    };
    if let Some((index, at, why)) = &contents.lost
        && now < due(*at)
    {
        return Seen::broken(
            &claim,
            format!("Entry {index} is of {at}, less than {keep} ago, and is lost: {why}."),
        );
    }
    let overdue = |at: Timestamp| due(at).saturating_add(GRACE).unwrap_or(Timestamp::MAX) < now;
    if let Some((index, at)) = contents.oldest
        && overdue(at)
    {
        return Seen::broken(
            &claim,
            format!("Entry {index} is of {at}, more than {keep} ago, and can still be read."),
        );
    }
    if let Some(at) = contents.found
        && overdue(at)
    {
        return Seen::broken(
            &claim,
            format!("A search still finds an event of {at}, more than {keep} ago."),
        );
    }
    let date = since.strftime("%-d %B %Y");
    let gone = match &contents.lost {
        None => "nothing in them has been removed".to_owned(),
        Some(_) => format!("what was in those past {keep} has been removed"),
    };
    let through = match whole_since {
        _ if read >= size => "all were verified and opened now".to_owned(),
        Some(time) => format!("{read} were verified and opened now, and every one since {time}"),
        None => format!("{read} were verified and opened now, and the others in turn"),
    };
    Seen::held(
        &claim,
        format!("{size} entries since {date} are kept; {gone}; {through}."),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use avouch_evidence::Verdict;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn judged(contents: Contents, read: u64, whole_since: Option<&str>) -> Seen {
        let ledger = Ledger {
            size: 9,
            contents,
            read,
            whole_since: whole_since.map(at),
            fault: None,
        };
        let keep = "8 years".parse().unwrap();
        judge(&Ok(ledger), keep, at("2026-03-01T12:00:00Z"))
    }

    #[track_caller]
    fn check(contents: Contents, verdict: Verdict, says: &str) {
        let seen = judged(contents, 9, None);
        assert_eq!(seen.verdict, verdict, "{}", seen.observed);
        assert!(seen.observed.contains(says), "{}", seen.observed);
    }

    /// Entries since then, all of which can be opened.
    fn since(text: &str) -> Contents {
        Contents {
            since: Some(at(text)),
            lost: None,
            oldest: Some((0, at(text))),
            found: Some(at(text)),
        }
    }

    #[test]
    fn nothing_may_be_lost_before_its_time() {
        use Verdict::{Broken, Held, Unproven};
        check(
            since("2026-02-03T00:00:00Z"),
            Held,
            "9 entries since 3 February 2026 are kept; nothing in them has been removed; all were verified and opened now.",
        );
        let lost = |text| Contents {
            lost: Some((4, at(text), "its payload was taken away".to_owned())),
            oldest: Some((5, at("2018-03-02T00:00:00Z"))),
            found: None,
            ..since("2018-01-01T00:00:00Z")
        };
        check(
            lost("2018-03-01T12:00:00Z"),
            Held,
            "what was in those past 8 years has been removed",
        );
        check(
            lost("2018-03-01T12:00:01Z"),
            Broken,
            "Entry 4 is of 2018-03-01T12:00:01Z, less than 8 years ago, and is lost: its payload was taken away.",
        );
        check(Contents::default(), Unproven, "empty");
    }

    #[test]
    fn nothing_may_be_readable_for_long_past_its_time() {
        use Verdict::{Broken, Held};
        for (time, verdict) in [
            ("2018-02-26T12:00:00Z", Held),
            ("2018-02-26T11:59:59Z", Broken),
        ] {
            let readable = Contents {
                found: None,
                ..since(time)
            };
            let seen = judged(readable, 9, None);
            assert_eq!(seen.verdict, verdict, "{}", seen.observed);
            let found = Contents {
                oldest: None,
                ..since(time)
            };
            let seen = judged(found, 9, None);
            assert_eq!(seen.verdict, verdict, "{}", seen.observed);
        }
        check(
            since("2010-01-01T00:00:00Z"),
            Broken,
            "Entry 0 is of 2010-01-01T00:00:00Z, more than 8 years ago, and can still be read.",
        );
    }

    #[test]
    fn what_was_not_read_in_this_round_is_said() {
        for (whole_since, says) in [
            (
                None,
                "6 were verified and opened now, and the others in turn",
            ),
            (
                Some("2026-02-27T01:00:00Z"),
                "6 were verified and opened now, and every one since 2026-02-27T01:00:00Z",
            ),
        ] {
            let seen = judged(since("2026-02-03T00:00:00Z"), 6, whole_since);
            assert_eq!(seen.verdict, Verdict::Held);
            assert!(seen.observed.contains(says), "{}", seen.observed);
        }
    }

    #[test]
    fn a_ledger_that_does_not_verify_is_broken_whatever_can_be_read() {
        let ledger = Ledger {
            size: 9,
            contents: since("2026-02-03T00:00:00Z"),
            read: 9,
            whole_since: None,
            fault: Some("entry 3 does not fit".to_owned()),
        };
        let seen = judge(
            &Ok(ledger),
            "8 years".parse().unwrap(),
            Timestamp::UNIX_EPOCH,
        );
        assert_eq!(seen.verdict, Verdict::Broken);
        assert!(seen.observed.contains("entry 3"), "{}", seen.observed);
    }

    #[test]
    fn a_ledger_that_could_not_be_read_proves_nothing() {
        let seen = judge(
            &Err("busy".to_owned()),
            "8 years".parse().unwrap(),
            Timestamp::UNIX_EPOCH,
        );
        assert_eq!(seen.verdict, Verdict::Unproven);
    }
}
