//! Judges `attested.NAME`: somebody who is still here has signed for the duty, and its review is not overdue.

use avouch_evidence::{Audience, BoxFuture, Check, ClaimId, Ctx, Seen, Verdict};
use jiff::civil::Date;

use crate::{Attested, today};

/// The check of one signature.
#[derive(Debug)]
pub struct AttestedCheck {
    name: String,
    record: Attested,
}

impl AttestedCheck {
    /// Looks at this record.
    #[must_use]
    pub fn new(record: Attested) -> Self {
        Self {
            name: format!("signature {}", record.name),
            record,
        }
    }
}

impl Check for AttestedCheck {
    fn name(&self) -> &str {
        &self.name
    }

    fn claims(&self) -> Vec<ClaimId> {
        vec![self.record.claim()]
    }

    fn dated(&self) -> bool {
        true
    }

    fn run<'a>(&'a self, ctx: &'a Ctx) -> BoxFuture<'a, Vec<Seen>> {
        let (verdict, observed) = judge(&self.record, today(ctx.now));
        let seen =
            Seen::new(&self.record.claim(), verdict, observed).for_audience(Audience::Public);
        Box::pin(std::future::ready(vec![seen]))
    }
}

/// Who carries the duty today, or why nobody does.
///
/// From the day on which the person's employment ends, only a successor's signature counts. The review
/// day is the last good one.
pub fn judge(record: &Attested, today: Date) -> (Verdict, String) {
    let role = &record.role;
    let (person, signed) = match (record.until, &record.successor) {
        (Some(until), None) if today >= until => {
            return (
                Verdict::Broken,
                format!(
                    "{} left on {until} and nobody has signed as {role} since.",
                    record.person
                ),
            );
        }
        (Some(until), Some(successor)) if today >= until => (&successor.person, successor.signed),
        _ => (&record.person, record.signed),
    };
    if today < signed {
        return (
            Verdict::Broken,
            format!("Nobody is {role} today: {person}'s signature is dated {signed}."),
        );
    }
    if today > record.review_by {
        return (
            Verdict::Broken,
            format!("The review of {role} was due by {}.", record.review_by),
        );
    }
    (
        Verdict::Held,
        format!(
            "On {today} {person} is {role}, signed on {signed}; review due by {}.",
            record.review_by
        ),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Successor;

    fn record(until: Option<&str>, successor: Option<&str>) -> Attested {
        Attested {
            name: "ig-lead".parse().unwrap(),
            role: "lead".to_owned(),
            person: "Ada".to_owned(),
            signed: "2026-01-01".parse().unwrap(),
            review_by: "2027-01-01".parse().unwrap(),
            until: until.map(|date| date.parse().unwrap()),
            successor: successor.map(|date| Successor {
                person: "Bo".to_owned(),
                signed: date.parse().unwrap(),
            }),
            example: false,
        }
    }

    #[test]
    fn a_duty_lapses_the_same_day_that_nobody_carries_it() {
        use Verdict::{Broken, Held};
        for (until, successor, now, verdict, says) in [
            (None, None, "2026-06-01T12:00:00Z", Held, "Ada is lead"),
            (
                None,
                None,
                "2025-12-31T12:00:00Z",
                Broken,
                "dated 2026-01-01",
            ),
            (
                None,
                None,
                "2027-01-01T23:59:59Z",
                Held,
                "review due by 2027-01-01",
            ),
            (
                None,
                None,
                "2027-01-02T00:00:00Z",
                Broken,
                "was due by 2027-01-01",
            ),
            (
                Some("2026-07-01"),
                None,
                "2026-06-30T22:59:59Z",
                Held,
                "Ada is lead",
            ),
            (
                Some("2026-07-01"),
                None,
                "2026-06-30T23:00:00Z",
                Broken,
                "Ada left on 2026-07-01",
            ),
            (
                Some("2026-07-01"),
                Some("2026-06-20"),
                "2026-07-01T12:00:00Z",
                Held,
                "Bo is lead",
            ),
            (
                Some("2026-07-01"),
                Some("2026-07-05"),
                "2026-07-01T12:00:00Z",
                Broken,
                "dated 2026-07-05",
            ),
        ] {
            let (found, observed) = judge(&record(until, successor), today(now.parse().unwrap()));
            assert_eq!(found, verdict, "{observed}");
            assert!(observed.contains(says), "{observed}");
        }
    }
}
