//! Judges `report.*`: what a report says is what the ledger says, counted again without the report's own source.

use std::sync::Arc;

use avouch_evidence::{Audience, BoxFuture, Check, ClaimId, Ctx, Seen};

/// Makes each report twice: the way people get it, and from the ledger alone.
pub trait Reporting: Send + Sync {
    /// Each report's claim.
    fn claims(&self) -> Vec<ClaimId>;
    /// Both counts of one report, for everybody and for each organisation that may read it.
    fn counted_twice<'a>(&'a self, claim: &'a ClaimId) -> BoxFuture<'a, Result<Recount, String>>;
}

/// Both counts of a report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recount {
    /// So many entries of the ledger were counted.
    pub entries: u64,
    /// What was counted in them: requests, sessions, attempts.
    pub counted: u64,
    /// Of which period.
    pub period: String,
    /// For each reader: who it is, the sheet as reported, and the sheet as counted again.
    pub readers: Vec<(String, Result<String, String>, String)>,
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

    fn run<'a>(&'a self, _ctx: &'a Ctx) -> BoxFuture<'a, Vec<Seen>> {
        Box::pin(async move {
            let mut seen = Vec::new();
            for claim in self.reporting.claims() {
                seen.push(judge(&claim, &self.reporting.counted_twice(&claim).await));
            }
            seen
        })
    }
}

/// Broken where a line differs; unproven where the ledger could not be counted.
fn judge(claim: &ClaimId, recount: &Result<Recount, String>) -> Seen {
    let recount = match recount {
        Ok(recount) => recount,
        Err(why) => {
            return Seen::unproven(
                claim,
                format!("The ledger could not be counted again: {why}."),
            );
        }
    };
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
    Seen::held(
        claim,
        format!(
            "The report of {}, of {} counted in the newest {} entries of the ledger, is the same for {} when they are counted again.",
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
fn difference(reported: &str, counted: &str) -> String {
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

    #[track_caller]
    fn check(reported: Result<&str, &str>, counted: &str, verdict: Verdict, says: &str) {
        let claim = ClaimId::new("report.use.every");
        let recount = Recount {
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
        };
        let seen = judge(&claim, &Ok(recount));
        assert_eq!(seen.verdict, verdict, "{}", seen.observed);
        assert!(seen.observed.contains(says), "{}", seen.observed);
    }

    #[test]
    fn a_report_must_say_what_the_ledger_says() {
        check(
            Ok("a,1\nb,2"),
            "a,1\nb,2",
            Verdict::Held,
            "of 3 counted in the newest 40 entries of the ledger, is the same for 2 readers",
        );
        check(
            Ok("a,1\nb,2"),
            "a,1\nb,3",
            Verdict::Broken,
            "says `b,2`, the ledger `b,3`",
        );
        check(Ok("a,1"), "a,1\nb,3", Verdict::Broken, "leaves out `b,3`");
        check(Ok("a,1\nb,2"), "a,1", Verdict::Broken, "the ledger nothing");
        check(
            Err("no index"),
            "a,1",
            Verdict::Broken,
            "cannot be made: no index",
        );
    }

    #[test]
    fn a_ledger_that_cannot_be_counted_proves_nothing() {
        let seen = judge(&ClaimId::new("report.use.every"), &Err("gone".to_owned()));
        assert_eq!(seen.verdict, Verdict::Unproven);
    }
}
