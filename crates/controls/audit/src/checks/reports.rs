//! Judges `report.*`: what a report says is what the ledger says, counted again without the report's own source.

use std::sync::Arc;

use avouch_evidence::{Audience, BoxFuture, Check, ClaimId, Ctx, Seen};

/// Makes requests that are known beforehand, and each report twice: the way people get it, and from the ledger alone.
pub trait Reporting: Send + Sync {
    /// Each report's claim.
    fn claims(&self) -> Vec<ClaimId>;
    /// Both counts of every report, for everybody and for each organisation that may read it.
    fn counted_twice<'a>(&'a self, ctx: &'a Ctx) -> BoxFuture<'a, Result<Vec<Recount>, String>>;
}

/// Both counts of a report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recount {
    /// The report's claim.
    pub claim: ClaimId,
    /// So many entries of the ledger were counted.
    pub entries: u64,
    /// What was counted in them: requests, sessions, attempts.
    pub counted: u64,
    /// Of which period.
    pub period: String,
    /// For each reader: who it is, the sheet as reported, and the sheet as counted again.
    pub readers: Vec<(String, Result<String, String>, String)>,
    /// What the check asked for itself, for each reader of whom it did.
    pub known: Vec<Known>,
}

/// What a check asked for, and what a report says of that.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Known {
    /// Of whose application.
    pub reader: String,
    /// What was asked for.
    pub made: u64,
    /// What the report counted of it.
    pub counted: u64,
}

impl Recount {
    /// Whether both counts are the same, and have what was asked for.
    #[must_use]
    pub fn agrees(&self) -> bool {
        let same = |(_, reported, counted): &(String, Result<String, String>, String)| {
            reported.as_ref() == Ok(counted)
        };
        self.readers.iter().all(same) && self.known.iter().all(|known| known.made == known.counted)
    }
}

/// The check of reports.
pub struct Reports {
    reporting: Arc<dyn Reporting>,
}

impl Reports {
    /// Counts these again.
    #[must_use]
    pub fn new(reporting: Arc<dyn Reporting>) -> Self {
        Self { reporting }
    }
}

impl Check for Reports {
    fn name(&self) -> &str {
        "reports counted again"
    }

    fn claims(&self) -> Vec<ClaimId> {
        self.reporting.claims()
    }

    fn run<'a>(&'a self, ctx: &'a Ctx) -> BoxFuture<'a, Vec<Seen>> {
        Box::pin(async move {
            match self.reporting.counted_twice(ctx).await {
                Ok(recounts) => recounts.iter().map(judge).collect(),
                Err(why) => unread(&self.reporting.claims(), &why),
            }
        })
    }
}

/// A ledger that cannot be counted proves nothing.
fn unread(claims: &[ClaimId], why: &str) -> Vec<Seen> {
    let why = format!("The ledger could not be counted again: {why}.");
    claims
        .iter()
        .map(|claim| Seen::unproven(claim, why.clone()))
        .collect()
}

/// Broken where a line differs, or a request that was made is not counted; unproven where there was nothing to count.
fn judge(recount: &Recount) -> Seen {
    let claim = &recount.claim;
    for (reader, reported, counted) in &recount.readers {
        let reported = match reported {
            Ok(reported) => reported,
            Err(why) => {
                return Seen::broken(
                    claim,
                    format!("The report for {reader} cannot be made: {why}."),
                )
                .for_audience(Audience::Supplier);
            }
        };
        if reported != counted {
            return Seen::broken(
                claim,
                format!(
                    "For {reader}, of {}: {}.",
                    recount.period,
                    difference(reported, counted)
                ),
            )
            .for_audience(Audience::Supplier);
        }
    }
    for known in &recount.known {
        if known.made != known.counted {
            return Seen::broken(
                claim,
                format!(
                    "For {}: of {} that the check had just made, the report counts {}.",
                    known.reader, known.made, known.counted
                ),
            )
            .for_audience(Audience::Supplier);
        }
    }
    let made: u64 = recount.known.iter().map(|known| known.made).sum();
    if recount.counted == 0 && made == 0 {
        return Seen::unproven(
            claim,
            format!(
                "The newest {} entries of the ledger have nothing that this report of {} counts, so there was nothing to compare.",
                recount.entries, recount.period
            ),
        );
    }
    let known = match made {
        0 => String::new(),
        made => format!(
            " {made} that the check had just made itself are counted, no more and no fewer."
        ),
    };
    Seen::held(
        claim,
        format!(
            "The report of {}, of {} counted in the newest {} entries of the ledger, is the same for {} when they are counted again.{known}",
            recount.period,
            recount.counted,
            recount.entries,
            match recount.readers.len() {
                1 => "1 reader".to_owned(),
                readers => format!("{readers} readers"),
            },
        ),
    )
}

/// The first line that differs.
pub(super) fn difference(reported: &str, counted: &str) -> String {
    let (mut reported, mut counted) = (reported.lines(), counted.lines());
    loop {
        match (reported.next(), counted.next()) {
            (Some(left), Some(right)) if left == right => {}
            (Some(left), Some(right)) => {
                return format!("the report says `{left}`, the ledger `{right}`");
            }
            (Some(left), None) => return format!("the report says `{left}`, the ledger nothing"),
            (None, Some(right)) => return format!("the report leaves out `{right}`"),
            (None, None) => return "the two differ".to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use avouch_evidence::Verdict;

    fn recount(reported: Result<&str, &str>, counted: &str) -> Recount {
        Recount {
            claim: ClaimId::new("report.use.every"),
            entries: 40,
            counted: 3,
            period: "2026-11".to_owned(),
            readers: vec![
                (
                    "riverside".to_owned(),
                    Ok("a,1\r\n".to_owned()),
                    "a,1\r\n".to_owned(),
                ),
                (
                    "everybody".to_owned(),
                    reported.map(ToOwned::to_owned).map_err(ToOwned::to_owned),
                    counted.to_owned(),
                ),
            ],
            known: Vec::new(),
        }
    }

    #[track_caller]
    fn check(recount: &Recount, verdict: Verdict, says: &str) {
        let seen = judge(recount);
        assert_eq!(seen.verdict, verdict, "{}", seen.observed);
        assert!(seen.observed.contains(says), "{}", seen.observed);
        assert_eq!(recount.agrees(), verdict != Verdict::Broken);
    }

    #[test]
    fn a_report_must_say_what_the_ledger_says() {
        for (reported, counted, verdict, says) in [
            (
                Ok("a,1\nb,2"),
                "a,1\nb,2",
                Verdict::Held,
                "of 3 counted in the newest 40 entries of the ledger, is the same for 2 readers",
            ),
            (
                Ok("a,1\nb,2"),
                "a,1\nb,3",
                Verdict::Broken,
                "says `b,2`, the ledger `b,3`",
            ),
            (Ok("a,1"), "a,1\nb,3", Verdict::Broken, "leaves out `b,3`"),
            (Ok("a,1\nb,2"), "a,1", Verdict::Broken, "the ledger nothing"),
            (
                Err("no index"),
                "a,1",
                Verdict::Broken,
                "cannot be made: no index",
            ),
        ] {
            check(&recount(reported, counted), verdict, says);
        }
    }

    #[test]
    fn what_the_check_asked_for_itself_must_be_counted_no_more_and_no_fewer() {
        for (counted, verdict, says) in [
            (4, Verdict::Held, "4 that the check had just made itself"),
            (
                3,
                Verdict::Broken,
                "of 4 that the check had just made, the report counts 3",
            ),
            (5, Verdict::Broken, "the report counts 5"),
        ] {
            let mut recount = recount(Ok("a,1"), "a,1");
            recount.known = vec![Known {
                reader: "riverside".to_owned(),
                made: 4,
                counted,
            }];
            check(&recount, verdict, says);
        }
    }

    #[test]
    fn nothing_to_compare_and_a_ledger_that_cannot_be_counted_prove_nothing() {
        let mut nothing = recount(Ok("a"), "a");
        nothing.counted = 0;
        check(&nothing, Verdict::Unproven, "nothing to compare");
        let claims = [nothing.claim.clone()];
        let seen = unread(&claims, "gone");
        assert_eq!(seen.len(), 1);
        assert_eq!(seen[0].verdict, Verdict::Unproven);
    }
}
