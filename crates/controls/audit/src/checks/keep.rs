//! Judges `audit.keep`: the ledger verifies, and nothing is gone from it before its time.

use std::sync::Arc;

use avouch_evidence::{BoxFuture, Check, ClaimId, Ctx, Seen};
use avouch_statement::Length;
use jiff::{Timestamp, tz::TimeZone};

use super::Trail;
use crate::KEEP;

/// The check of what is kept.
pub struct Keep {
    trail: Arc<dyn Trail>,
    keep: Length,
}

/// What was seen of the ledger.
#[derive(Debug)]
struct Ledger {
    size: u64,
    oldest: Option<(u64, Timestamp)>,
    /// What does not fit.
    fault: Option<String>,
}

impl Keep {
    /// Looks at this trail, whose entries are to be kept this long.
    #[must_use]
    pub fn new(trail: Arc<dyn Trail>, keep: Length) -> Self {
        Self { trail, keep }
    }

    async fn observe(&self) -> Result<Ledger, String> {
        Ok(Ledger {
            size: self.trail.size().await?,
            oldest: self.trail.oldest().await?,
            fault: self.trail.verify().await?,
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
        Box::pin(async move { vec![judge(&self.observe().await, self.keep, ctx.now)] })
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
    Seen::held(
        &claim,
        format!(
            "All {} entries since {date} are there and verify; {gone}.",
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
            "All 9 entries since 3 February 2026",
        );
        check(
            9,
            Some((4, "2018-03-01T12:00:00Z")),
            None,
            Held,
            "All 5 entries",
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
    fn a_ledger_that_could_not_be_read_proves_nothing() {
        let seen = judge(
            &Err("busy".to_owned()),
            "8 years".parse().unwrap(),
            Timestamp::UNIX_EPOCH,
        );
        assert_eq!(seen.verdict, Verdict::Unproven);
    }
}
