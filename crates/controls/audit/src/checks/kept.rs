//! Judges `report.*.to`: the report of the newest period that is over was made and kept, and says the same when it is
//! counted again.

use std::sync::Arc;

use avouch_evidence::{Audience, BoxFuture, Check, ClaimId, Ctx, Seen};
use jiff::{SignedDuration, Timestamp};

use super::reports::difference;

/// A report is made within so long of its period's end.
const GRACE: SignedDuration = SignedDuration::from_hours(1);

/// Finds what was kept, and counts it again.
pub trait Keeping: Send + Sync {
    /// Each kept report's claim.
    fn claims(&self) -> Vec<ClaimId>;
    /// The reports of the newest period that is over.
    fn kept<'a>(&'a self, claim: &'a ClaimId) -> BoxFuture<'a, Result<Kept, String>>;
}

/// The reports of one period, for each reader.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// The period.
    pub period: String,
    /// When it was over.
    pub over: Timestamp,
    /// For each reader: who it is, the sheet as kept, and the sheet as counted again.
    pub readers: Vec<(String, Option<String>, String)>,
}

/// The check of kept reports.
pub struct KeptReports {
    keeping: Arc<dyn Keeping>,
}

impl KeptReports {
    /// Looks for these.
    #[must_use]
    pub fn new(keeping: Arc<dyn Keeping>) -> Self {
        Self { keeping }
    }
}

impl Check for KeptReports {
    fn name(&self) -> &str {
        "reports kept"
    }

    fn claims(&self) -> Vec<ClaimId> {
        self.keeping.claims()
    }

    fn dated(&self) -> bool {
        true
    }

    fn run<'a>(&'a self, ctx: &'a Ctx) -> BoxFuture<'a, Vec<Seen>> {
        Box::pin(async move {
            let mut seen = Vec::new();
            for claim in self.keeping.claims() {
                let kept = self.keeping.kept(&claim).await;
                seen.push(judge(&claim, &kept, (ctx.clock)()));
            }
            seen
        })
    }
}

/// Broken where one is missing past its time, or differs; unproven while one may still come, or nothing can be read.
fn judge(claim: &ClaimId, kept: &Result<Kept, String>, now: Timestamp) -> Seen {
    let kept = match kept {
        Ok(kept) => kept,
        Err(why) => {
            return Seen::unproven(claim, format!("What is kept cannot be looked at: {why}."));
        }
    };
    let Kept {
        period,
        over,
        readers,
    } = kept;
    for (reader, sheet, again) in readers {
        match sheet {
            None if now.duration_since(*over) <= GRACE => {
                return Seen::unproven(
                    claim,
                    format!(
                        "The report of {period} for {reader} may still be made: the period was over at {over}."
                    ),
                );
            }
            None => {
                return Seen::broken(
                    claim,
                    format!(
                        "The report of {period} for {reader} is not there, though the period was over at {over}."
                    ),
                );
            }
            Some(sheet) if sheet != again => {
                return Seen::broken(
                    claim,
                    format!(
                        "The report of {period} that was kept for {reader} is not what is counted again: {}.",
                        difference(sheet, again)
                    ),
                )
                .for_audience(Audience::Supplier);
            }
            Some(_) => {}
        }
    }
    Seen::held(
        claim,
        format!(
            "{} of {period}, which was over at {over}, kept as made; counted again, each says the same.",
            match readers.len() {
                1 => "1 report".to_owned(),
                reports => format!("{reports} reports"),
            }
        ),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use avouch_evidence::Verdict;

    #[track_caller]
    fn check(sheet: Option<&str>, now: &str, verdict: Verdict, says: &str) {
        let kept = Kept {
            period: "2026-10".to_owned(),
            over: "2026-11-01T00:00:00Z".parse().unwrap(),
            readers: vec![
                (
                    "everybody".to_owned(),
                    Some("a,1".to_owned()),
                    "a,1".to_owned(),
                ),
                (
                    "riverside".to_owned(),
                    sheet.map(ToOwned::to_owned),
                    "a,1\nb,2".to_owned(),
                ),
            ],
        };
        let claim = ClaimId::new("report.use.to");
        let seen = judge(&claim, &Ok(kept), now.parse().unwrap());
        assert_eq!(seen.verdict, verdict, "{}", seen.observed);
        assert!(seen.observed.contains(says), "{}", seen.observed);
    }

    #[test]
    fn a_report_of_a_period_that_is_over_is_kept_and_says_the_same_again() {
        let later = "2026-11-02T00:00:00Z";
        check(
            Some("a,1\nb,2"),
            later,
            Verdict::Held,
            "2 reports of 2026-10",
        );
        check(Some("a,1\nb,3"), later, Verdict::Broken, "says `b,3`");
        check(None, later, Verdict::Broken, "for riverside is not there");
        check(
            None,
            "2026-11-01T01:00:00Z",
            Verdict::Unproven,
            "may still be made",
        );
    }

    #[test]
    fn what_cannot_be_looked_at_proves_nothing() {
        let claim = ClaimId::new("report.use.to");
        let seen = judge(&claim, &Err("gone".to_owned()), Timestamp::UNIX_EPOCH);
        assert_eq!(seen.verdict, Verdict::Unproven);
    }
}
