//! Judges `audit.keep`: the ledger verifies, and nothing is gone from it before its time.

use std::sync::Arc;

use avouch_evidence::{BoxFuture, Check, ClaimId, Ctx, Seen};
use avouch_statement::Length;
use jiff::{Timestamp, tz::TimeZone};

use super::{Sweep, Trail};
use crate::KEEP;

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
    oldest: Option<(u64, Timestamp)>,
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
        let oldest = self.trail.oldest().await?;
        let progress = self.sweep.progress();
        let parts = progress.plan(size);
        let fitted = self.trail.verify(&parts, progress.earlier()).await?;
        let read = parts.iter().map(|part| part.end - part.start).sum();
        let (went, fault): (_, Option<String>) = match fitted {
            Ok(mark) => (progress.went(size, mark, now), None),
            Err(fault) => (progress, Some(fault)),
        };
        let whole_since = went.whole_since();
        self.sweep.set(went);
        Ok(Ledger {
            size,
            oldest,
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

    fn run<'a>(&'a self, ctx: &'a Ctx) -> BoxFuture<'a, Vec<Seen>> {
        Box::pin(async move { vec![judge(&self.observe(ctx.now).await, self.keep, ctx.now)] })
    }
}

/// Broken if the ledger does not verify, or if an entry is gone that was not yet old enough.
///
/// What was pruned lay before the oldest entry that is left, so that one must itself be past its time.
/// Years and months are walked on the calendar in UTC.
fn judge(ledger: &Result<Ledger, String>, keep: Length, now: Timestamp) -> Seen {
    let claim = ClaimId::new(KEEP);
    let Ledger {
        size,
        oldest,
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
    let Some((first, since)) = oldest else {
        return match size {
            0 => Seen::unproven(&claim, "The ledger is empty."),
            _ => Seen::broken(&claim, format!("None of the {size} entries can be read.")),
        };
    };
    let due = since
        .to_zoned(TimeZone::UTC)
        .checked_add(keep.span())
        .map(|due| due.timestamp());
    let early = *first > 0 && due.map_or(true, |due| now < due);
    if early {
        return Seen::broken(
            &claim,
            format!(
                "{first} entries are gone, and the oldest that is left is of {since}: less than {keep} ago."
            ),
        );
    }
    let date = since.strftime("%-d %B %Y");
    let gone = match first {
        0 => "none has been removed".to_owned(),
        some => format!("the {some} before them were past {keep}"),
    };
    let through = match whole_since {
        _ if read >= size => "all were verified now".to_owned(),
        Some(time) => format!("{read} were verified now, and every one since {time}"),
        None => format!("{read} were verified now, and the others in turn"),
    };
    Seen::held(
        &claim,
        format!(
            "{} entries since {date} are kept; {gone}; {through}.",
            size - first
        ),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use avouch_evidence::Verdict;

    #[track_caller]
    fn check(
        size: u64,
        oldest: Option<(u64, &str)>,
        fault: Option<&str>,
        verdict: Verdict,
        says: &str,
    ) {
        let ledger = Ledger {
            size,
            oldest: oldest.map(|(index, at)| (index, at.parse().unwrap())),
            read: size,
            whole_since: None,
            fault: fault.map(str::to_owned),
        };
        let now = "2026-03-01T12:00:00Z".parse().unwrap();
        let seen = judge(&Ok(ledger), "8 years".parse().unwrap(), now);
        assert_eq!(seen.verdict, verdict, "{}", seen.observed);
        assert!(seen.observed.contains(says), "{}", seen.observed);
    }

    #[test]
    fn nothing_may_be_gone_before_its_time() {
        use Verdict::{Broken, Held, Unproven};
        check(
            9,
            Some((0, "2026-02-03T00:00:00Z")),
            None,
            Held,
            "9 entries since 3 February 2026 are kept; none has been removed; all were verified now.",
        );
        check(
            9,
            Some((4, "2018-03-01T12:00:00Z")),
            None,
            Held,
            "5 entries since 1 March 2018 are kept; the 4 before them were past 8 years",
        );
        check(
            9,
            Some((4, "2018-03-01T12:00:01Z")),
            None,
            Broken,
            "4 entries are gone",
        );
        check(
            9,
            Some((1, "2026-02-03T00:00:00Z")),
            None,
            Broken,
            "less than 8 years ago",
        );
        check(
            9,
            Some((0, "2026-02-03T00:00:00Z")),
            Some("entry 3 does not fit"),
            Broken,
            "entry 3",
        );
        check(9, None, None, Broken, "None of the 9");
        check(0, None, None, Unproven, "empty");
    }

    #[test]
    fn what_was_not_read_in_this_round_is_said() {
        for (whole_since, says) in [
            (None, "60 were verified now, and the others in turn"),
            (
                Some("2026-02-27T01:00:00Z"),
                "60 were verified now, and every one since 2026-02-27T01:00:00Z",
            ),
        ] {
            let ledger = Ledger {
                size: 90,
                oldest: Some((0, "2026-02-03T00:00:00Z".parse().unwrap())),
                read: 60,
                whole_since: whole_since.map(|time: &str| time.parse().unwrap()),
                fault: None,
            };
            let now = "2026-03-01T12:00:00Z".parse().unwrap();
            let seen = judge(&Ok(ledger), "8 years".parse().unwrap(), now);
            assert_eq!(seen.verdict, Verdict::Held);
            assert!(seen.observed.contains(says), "{}", seen.observed);
        }
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
