//! What a list of attempts amounts to.

use avouch_evidence::{Audience, ClaimId, Seen};

use crate::ISOLATION;
use crate::checks::SAMPLE;

/// What was tried on one tenant's data.
#[derive(Debug)]
pub struct Tried {
    /// Pages of its own that its synthetic person opened.
    pub pages: usize,
    /// Pages that links are known to lead to.
    pub known: usize,
    /// Those of them that no round has opened so far.
    pub unopened: usize,
    /// Records among them.
    pub records: usize,
    /// How many other tenants' sign-ins were used.
    pub attackers: usize,
    /// Each attempt.
    pub attempts: Vec<Attempt>,
}

/// One attempt on one path.
#[derive(Debug)]
pub struct Attempt {
    /// `read` or `change`.
    pub act: &'static str,
    /// The path.
    pub path: String,
    /// Where, and as whom.
    pub place: Place,
    /// The status, or why there was no answer.
    pub status: Result<u16, String>,
    /// The status that gives nothing away: nobody's at the owner's host, an absent record's at the attacker's.
    pub expected: Result<u16, String>,
    /// Did exactly the owner's page come back?
    pub same_bytes: bool,
}

/// Where an attempt was made, and as whom.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// At the owner's host, without a sign-in.
    Nobody,
    /// At the owner's host, with another tenant's sign-in.
    Theirs,
    /// At the attacker's own host, where no link led to that path.
    Own {
        /// May the attacker have a record of its own there: is the id one that two tenants come by, and were not all
        /// the attacker's pages opened?
        may_be_own: bool,
    },
    /// At the attacker's own host, whose pages lead to the same path.
    Shared {
        /// Is the id in the path one that two tenants do not come by?
        unguessable: bool,
    },
}

/// Broken if one attempt got something or learnt something; unproven if one could not be made.
pub fn judge(tried: &Result<Tried, String>) -> Seen {
    let claim = ClaimId::new(ISOLATION);
    let tried = match tried {
        Ok(tried) => tried,
        Err(why) => {
            return Seen::unproven(&claim, format!("Nothing could be tried: {why}."))
                .for_audience(Audience::Supplier);
        }
    };
    let (mut leaks, mut unanswered) = (Vec::new(), Vec::new());
    for attempt in &tried.attempts {
        match leak(attempt) {
            Ok(None) => {}
            Ok(Some(leak)) => leaks.push(leak),
            Err(why) => unanswered.push(why),
        }
    }
    let count = tried.attempts.len();
    if let Some(first) = leaks.first() {
        return Seen::broken(
            &claim,
            format!(
                "{} of {count} attempts got through; the first: {first}.",
                leaks.len()
            ),
        )
        .for_audience(Audience::Supplier);
    }
    if let Some(first) = unanswered.first() {
        let observed = format!(
            "{} of {count} attempts had no answer; the first: {first}.",
            unanswered.len()
        );
        return Seen::unproven(&claim, observed).for_audience(Audience::Supplier);
    }
    if tried.attackers == 0 || tried.pages == 0 {
        return Seen::unproven(&claim, "Nothing was tried.");
    }
    let more = match (tried.known.saturating_sub(tried.pages), tried.unopened) {
        (0, _) => String::new(),
        (_, 0) => format!(
            " A round takes up to {SAMPLE} of them in turn; each has had its turn since the service started."
        ),
        (_, waiting) => format!(
            " A round takes up to {SAMPLE} of them in turn; {waiting} have not had theirs since the service started."
        ),
    };
    let records = match tried.records {
        0 => "no record yet".to_owned(),
        1 => "1 record".to_owned(),
        some => format!("{some} records"),
    };
    Seen::held(
        &claim,
        format!(
            "{} of this tenant's {} pages ({records} among them) were asked for in {count} attempts: without a sign-in, and with \
             sign-ins of {} other tenants, to read and to change. Each was answered as if nobody were signed in, or as if \
             the record did not exist.{more}",
            tried.pages,
            tried.known.max(tried.pages),
            tried.attackers
        ),
    )
}

/// What an attempt got that it should not have, if anything; the error is why nobody knows.
fn leak(attempt: &Attempt) -> Result<Option<String>, String> {
    let Attempt {
        act, path, place, ..
    } = attempt;
    let status = *attempt.status.as_ref().map_err(Clone::clone)?;
    let expected = *attempt.expected.as_ref().map_err(Clone::clone)?;
    let shown = (200..300).contains(&status);
    let as_whom = match place {
        Place::Nobody => "without a sign-in",
        Place::Theirs => "at this tenant's host with another tenant's sign-in",
        Place::Own { .. } | Place::Shared { .. } => "at another tenant's own host",
    };
    let what = if attempt.same_bytes {
        "this tenant's own page came back".to_owned()
    } else {
        match place {
            Place::Shared { unguessable: true } => "that tenant's pages lead to it".to_owned(),
            Place::Shared { unguessable: false } => return Ok(None),
            Place::Own { may_be_own: true } if shown => return Ok(None),
            _ if shown => format!("it was answered {status}"),
            _ if status >= 500 => {
                return Err(format!("`{act} {path}` {as_whom} was answered {status}"));
            }
            _ if status != expected => {
                format!("it was answered {status}, where {expected} would have given nothing away")
            }
            _ => return Ok(None),
        }
    };
    Ok(Some(format!("`{act} {path}` {as_whom}: {what}")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use avouch_evidence::Verdict;

    fn tried(place: Place, status: u16, expected: u16, same_bytes: bool) -> Tried {
        Tried {
            pages: 3,
            known: 3,
            unopened: 0,
            records: 1,
            attackers: 1,
            attempts: vec![Attempt {
                act: "read",
                path: "/wards/1/assessments/7".to_owned(),
                place,
                status: Ok(status),
                expected: Ok(expected),
                same_bytes,
            }],
        }
    }

    #[test]
    fn another_tenants_record_must_look_absent_and_its_host_must_look_signed_out() {
        use Place::{Nobody, Own, Theirs};
        use Verdict::{Broken, Held, Unproven};
        let own = Own { may_be_own: false };
        let cut = Own { may_be_own: true };
        let counted = Place::Shared { unguessable: false };
        let random = Place::Shared { unguessable: true };
        for (place, status, expected, same, verdict) in [
            (Nobody, 303, 303, false, Held),
            (Nobody, 200, 200, false, Broken),
            (Theirs, 303, 303, false, Held),
            (Theirs, 200, 303, true, Broken),
            (Theirs, 200, 303, false, Broken),
            (Theirs, 403, 303, false, Broken),
            (Theirs, 303, 303, true, Broken),
            (Theirs, 503, 303, false, Unproven),
            (own, 404, 404, false, Held),
            (own, 200, 404, false, Broken),
            (own, 403, 404, false, Broken),
            (own, 404, 404, true, Broken),
            (cut, 200, 404, false, Held),
            (cut, 200, 404, true, Broken),
            (counted, 200, 200, false, Held),
            (counted, 200, 200, true, Broken),
            (random, 200, 200, false, Broken),
        ] {
            let seen = judge(&Ok(tried(place, status, expected, same)));
            assert_eq!(
                seen.verdict, verdict,
                "{place:?} {status} {same}: {}",
                seen.observed
            );
        }
    }

    #[test]
    fn an_attempt_without_an_answer_proves_nothing() {
        let mut unanswered = tried(Place::Theirs, 303, 303, false);
        unanswered.attempts[0].status = Err("no whole answer".to_owned());
        assert_eq!(judge(&Ok(unanswered)).verdict, Verdict::Unproven);
        let mut alone = tried(Place::Nobody, 303, 303, false);
        alone.attackers = 0;
        assert_eq!(judge(&Ok(alone)).verdict, Verdict::Unproven);
        assert_eq!(
            judge(&Err("no session".to_owned())).verdict,
            Verdict::Unproven
        );
    }

    #[test]
    fn the_details_of_a_leak_are_the_suppliers() {
        let broken = judge(&Ok(tried(Place::Theirs, 200, 303, true)));
        assert_eq!(broken.audience, Audience::Supplier);
        assert!(broken.observed.contains("/wards/1/assessments/7"));
        let held = judge(&Ok(tried(Place::Theirs, 303, 303, false)));
        assert!(!held.observed.contains("/wards"), "{}", held.observed);
    }

    #[test]
    fn what_was_not_opened_is_said() {
        for (known, unopened, says) in [
            (3, 0, "3 of this tenant's 3 pages"),
            (90, 0, "each has had its turn"),
            (90, 50, "3 of this tenant's 90 pages"),
            (90, 50, "50 have not had theirs"),
        ] {
            let mut sample = tried(Place::Theirs, 303, 303, false);
            (sample.known, sample.unopened) = (known, unopened);
            let observed = judge(&Ok(sample)).observed;
            assert!(observed.contains(says), "{observed}");
        }
    }
}
