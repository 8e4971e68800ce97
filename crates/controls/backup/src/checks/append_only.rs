//! Judges `backup.destination.*.append-only`: a keeper lets nothing be taken away, and has read back what it has.

use avouch_statement::Verdict;
use jiff::{SignedDuration, Timestamp};

use super::Judged;
use crate::{far::Receipt, job::Attempted, records::Taken};

/// A snapshot is read back soon after it came; one that was not in this time is not going to be.
const READ_BACK: SignedDuration = SignedDuration::from_hours(1);
/// A keeper reads everything once a day; one that has not for two does not.
const THROUGH: SignedDuration = SignedDuration::from_hours(48);
/// Clocks that differ by more count days differently.
const APART: SignedDuration = SignedDuration::from_mins(5);

/// Anything that the keeper let go, or does not have, breaks it.
pub(super) fn judge(place: &str, seen: &Attempted, recorded: &[Taken], now: Timestamp) -> Judged {
    let broken = |text: String| (Verdict::Broken, format!("{place}: {text}"));
    let attempts = &seen.tried.attempts;
    if let Some(first) = attempts.iter().find(|attempt| !attempt.withstood) {
        return broken(format!(
            "it let itself be made to {}; the file was put back",
            first.what
        ));
    }
    if attempts.is_empty() {
        return (
            Verdict::Unproven,
            format!("{place}: there is nothing yet to try it on"),
        );
    }
    let receipt = match &seen.receipt {
        Ok(receipt) => receipt,
        Err(why) => return broken(why.clone()),
    };
    if let Some(first) = receipt.findings.first() {
        return broken(format!(
            "the keeper has {} findings, the first: {first}",
            receipt.findings.len()
        ));
    }
    if let Some(why) = lacking(receipt, recorded) {
        return broken(why);
    }
    if let Some(at) = receipt
        .read_through
        .filter(|at| receipt.at.duration_since(*at) > THROUGH)
    {
        return broken(format!("the keeper has not read what it has since {at}"));
    }
    let apart = receipt.at.duration_since(now).abs();
    if apart > APART {
        return (
            Verdict::Unproven,
            format!(
                "{place}: the keeper's clock and this machine's differ by {} min; see which is right",
                apart.as_mins()
            ),
        );
    }
    let verified = receipt
        .snapshots
        .iter()
        .filter(|snapshot| snapshot.verified.is_some())
        .count();
    (
        Verdict::Held,
        format!(
            "{place}: {} attempts to delete, overwrite or shorten were refused; the keeper has read back {verified} of \
             {} backups ({} of {} bytes are used)",
            attempts.len(),
            receipt.snapshots.len(),
            receipt.bytes.0,
            receipt.bytes.1,
        ),
    )
}

/// What the keeper should have, and has not, or has not read back.
fn lacking(receipt: &Receipt, recorded: &[Taken]) -> Option<String> {
    for taken in recorded.iter().filter(|taken| taken.verified <= receipt.at) {
        let there = receipt
            .snapshots
            .iter()
            .find(|there| there.id == taken.snapshot.id);
        match there {
            None => {
                return Some(format!(
                    "the keeper does not have the backup of {}",
                    taken.snapshot.day
                ));
            }
            Some(there)
                if there.verified.is_none()
                    && receipt.at.duration_since(there.received) > READ_BACK =>
            {
                return Some(format!(
                    "the keeper has not read back the backup of {}",
                    taken.snapshot.day
                ));
            }
            Some(_) => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::{super::testing::taken, *};
    use crate::far::{Attempt, Received, Tried};

    const NOW: &str = "2026-01-05T12:00:00Z";

    fn sound() -> Attempted {
        let at = |text: &str| text.parse().unwrap();
        let attempt = |what: &str| Attempt {
            what: what.to_owned(),
            withstood: true,
        };
        Attempted {
            tried: Tried {
                attempts: vec![attempt("delete data/7f"), attempt("shorten data/7f")],
            },
            receipt: Ok(Receipt {
                service: "acuity".to_owned(),
                repository: "riverside".to_owned(),
                nonce: String::new(),
                at: at(NOW),
                snapshots: vec![Received {
                    id: taken("2026-01-05").snapshot.id,
                    received: at("2026-01-05T04:00:09Z"),
                    verified: Some(at("2026-01-05T04:00:30Z")),
                }],
                findings: vec![],
                read_through: Some(at("2026-01-05T01:00:00Z")),
                bytes: (100, 1000),
            }),
        }
    }

    #[track_caller]
    fn check(change: impl FnOnce(&mut Attempted), verdict: Verdict, says: &str) {
        let mut seen = sound();
        change(&mut seen);
        let judged = judge("far", &seen, &[taken("2026-01-05")], NOW.parse().unwrap());
        assert_eq!(judged.0, verdict, "{}", judged.1);
        assert!(judged.1.contains(says), "{}", judged.1);
    }

    #[test]
    fn one_thing_that_is_let_go_breaks_it() {
        check(|_| {}, Verdict::Held, "2 attempts");
        check(
            |seen| seen.tried.attempts[1].withstood = false,
            Verdict::Broken,
            "made to shorten data/7f",
        );
        check(
            |seen| seen.tried.attempts.clear(),
            Verdict::Unproven,
            "nothing yet to try",
        );
    }

    #[test]
    fn the_keepers_word_must_be_signed_complete_and_recent() {
        let receipt = |seen: &mut Attempted, change: &dyn Fn(&mut Receipt)| {
            change(seen.receipt.as_mut().unwrap());
        };
        check(
            |seen| seen.receipt = Err("its receipt is not signed".to_owned()),
            Verdict::Broken,
            "not signed",
        );
        check(
            |seen| {
                receipt(seen, &|it| {
                    it.findings.push("data/ab has been altered".to_owned())
                })
            },
            Verdict::Broken,
            "data/ab has been altered",
        );
        check(
            |seen| receipt(seen, &|it| it.snapshots.clear()),
            Verdict::Broken,
            "does not have the backup of 2026-01-05",
        );
        check(
            |seen| receipt(seen, &|it| it.snapshots[0].verified = None),
            Verdict::Broken,
            "has not read back the backup of 2026-01-05",
        );
        check(
            |seen| {
                receipt(seen, &|it| {
                    it.snapshots[0].verified = None;
                    it.snapshots[0].received = "2026-01-05T11:59:00Z".parse().unwrap();
                });
            },
            Verdict::Held,
            "read back 0 of 1",
        );
        check(
            |seen| {
                receipt(seen, &|it| {
                    it.read_through = "2026-01-01T00:00:00Z".parse().ok()
                })
            },
            Verdict::Broken,
            "has not read what it has since",
        );
        check(
            |seen| receipt(seen, &|it| it.at = "2026-01-05T13:00:00Z".parse().unwrap()),
            Verdict::Unproven,
            "differ by 60 min",
        );
    }
}
