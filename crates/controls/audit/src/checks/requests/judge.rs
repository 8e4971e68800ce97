//! What the entries of a few requests amount to.

use avouch_evidence::{Audience, ClaimId, Seen};
use avouch_statement::TenantId;
use jiff::{SignedDuration, Timestamp};

use crate::BEFORE_EFFECT;
use crate::checks::{Line, Stage};

/// How far an entry's time may lie outside the time of its request: two processes, one clock.
const TOLERANCE: SignedDuration = SignedDuration::from_secs(2);

/// As whom a request was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum As {
    /// The tenant's own synthetic person.
    Own,
    /// Nobody.
    Nobody,
    /// Another tenant's synthetic person.
    Stranger,
}

/// One request, and its entries.
#[derive(Debug)]
pub struct Asked {
    /// As whom.
    pub person: As,
    /// Was it one that could change something?
    pub change: bool,
    /// The tenant whose host was asked.
    pub tenant: TenantId,
    /// When it was sent.
    pub from: Timestamp,
    /// When its answer was there.
    pub to: Timestamp,
    /// The answer's status.
    pub status: u16,
    /// Its entries when the answer was there.
    pub at_once: Vec<Line>,
    /// Its entries a little later.
    pub later: Vec<Line>,
}

/// Broken if a request's entries are missing, late, doubled or wrong; unproven unless a change was carried out.
pub fn judge(asked: &Result<Vec<Asked>, String>) -> Seen {
    let claim = ClaimId::new(BEFORE_EFFECT);
    let asked = match asked {
        Ok(asked) => asked,
        Err(why) => {
            return Seen::unproven(&claim, format!("The requests could not be tried: {why}."))
                .for_audience(Audience::Supplier);
        }
    };
    let faults: Vec<String> = asked
        .iter()
        .filter_map(|one| Some(format!("{}: {}", one.words(), one.fault()?)))
        .collect();
    if !faults.is_empty() {
        return Seen::broken(&claim, format!("{}.", faults.join("; ")))
            .for_audience(Audience::Supplier);
    }
    let intents = asked
        .iter()
        .filter(|one| one.later.iter().any(|line| line.stage == Stage::Intended) && one.change)
        .count();
    if intents == 0 {
        return Seen::unproven(
            &claim,
            "No change reached the application, so none showed its intent.",
        );
    }
    let tried: Vec<&str> = asked.iter().map(Asked::words).collect();
    Seen::held(
        &claim,
        format!(
            "{} requests were made ({}); each had exactly its entries on disk when its answer came, and the change's \
             intent came before its outcome.",
            asked.len(),
            tried.join(", ")
        ),
    )
}

impl Asked {
    const fn words(&self) -> &'static str {
        match (self.person, self.change) {
            (As::Own, false) => "reading a record that is not there",
            (As::Own, true) => "changing a record that is not there",
            (As::Nobody, _) => "reading without a sign-in",
            (As::Stranger, _) => "reading with another tenant's sign-in",
        }
    }

    /// What is wrong with its entries.
    fn fault(&self) -> Option<String> {
        let intents: Vec<&Line> = self
            .later
            .iter()
            .filter(|line| line.stage == Stage::Intended)
            .collect();
        let outcomes: Vec<&Line> = self
            .later
            .iter()
            .filter(|line| line.stage != Stage::Intended)
            .collect();
        let outcome = match outcomes.as_slice() {
            [outcome] => *outcome,
            several => {
                return Some(format!(
                    "{} entries say what came of it, not one",
                    several.len()
                ));
            }
        };
        // A change that was carried out needs its intent first; anything else needs its one entry at once.
        let carried_out = self.change && outcome.stage != Stage::Refused;
        let first = match (carried_out, intents.as_slice()) {
            (true, [intent]) => {
                if intent.index >= outcome.index || intent.at > outcome.at {
                    return Some("its outcome was written before its intent".to_owned());
                }
                if intent.correlation.is_empty() || intent.correlation != outcome.correlation {
                    return Some("nothing ties its intent to its outcome".to_owned());
                }
                *intent
            }
            (true, several) => {
                return Some(format!(
                    "{} entries say what was intended, not one",
                    several.len()
                ));
            }
            (false, []) => outcome,
            (false, _) => {
                return Some("it has an intent, though nothing was carried out".to_owned());
            }
        };
        if !self.at_once.iter().any(|line| line.index == first.index) {
            return Some("its entry was not on disk when the answer came".to_owned());
        }
        if outcome.status != Some(self.status) {
            return Some(format!(
                "it was answered {}, and the entry says {}",
                self.status,
                outcome
                    .status
                    .map_or("nothing".to_owned(), |status| status.to_string())
            ));
        }
        self.later
            .iter()
            .find_map(|line| self.lacks(line))
            .map(|what| format!("its entry lacks {what}"))
    }

    /// Which of who, tenant, action and time an entry lacks.
    fn lacks(&self, line: &Line) -> Option<&'static str> {
        let in_time = line.at.duration_since(self.from) >= -TOLERANCE
            && self.to.duration_since(line.at) >= -TOLERANCE;
        let who = line.who.as_ref().is_some_and(|who| !who.is_empty());
        [
            (who || self.person != As::Own, "who asked"),
            (line.tenant.as_ref() == Some(&self.tenant), "the tenant"),
            (!line.action.is_empty(), "what was done"),
            (in_time, "the right time"),
        ]
        .into_iter()
        .find_map(|(there, what)| (!there).then_some(what))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::trail::testing::{at, line};
    use avouch_evidence::Verdict;

    fn asked(person: As, change: bool, lines: Vec<Line>) -> Asked {
        Asked {
            person,
            change,
            tenant: "riverside".parse().unwrap(),
            from: at(14),
            to: at(16),
            status: 404,
            at_once: lines.clone(),
            later: lines,
        }
    }

    fn good() -> Vec<Asked> {
        let mut nobody = line(9, Stage::Refused);
        nobody.who = None;
        vec![
            asked(As::Own, false, vec![line(5, Stage::Done)]),
            asked(
                As::Own,
                true,
                vec![line(6, Stage::Intended), line(7, Stage::Done)],
            ),
            asked(As::Nobody, false, vec![nobody]),
            asked(As::Stranger, false, vec![line(10, Stage::Refused)]),
        ]
    }

    #[track_caller]
    fn check(change: impl FnOnce(&mut Vec<Asked>), verdict: Verdict, says: &str) {
        let mut asked = good();
        change(&mut asked);
        let seen = judge(&Ok(asked));
        assert_eq!(seen.verdict, verdict, "{}", seen.observed);
        assert!(seen.observed.contains(says), "{}", seen.observed);
    }

    #[test]
    fn every_request_has_exactly_its_entries() {
        use Verdict::{Broken, Held};
        check(|_| {}, Held, "4 requests");
        check(
            |a| a[0].later.clear(),
            Broken,
            "0 entries say what came of it",
        );
        check(
            |a| a[2].later.clear(),
            Broken,
            "without a sign-in: 0 entries",
        );
        check(
            |a| a[3].later.push(line(11, Stage::Done)),
            Broken,
            "2 entries say what came of it",
        );
        check(|a| a[0].later[0].who = None, Broken, "lacks who asked");
        check(|a| a[0].later[0].tenant = None, Broken, "lacks the tenant");
        check(
            |a| a[0].later[0].action.clear(),
            Broken,
            "lacks what was done",
        );
        check(
            |a| a[0].later[0].at = at(60),
            Broken,
            "lacks the right time",
        );
        check(
            |a| a[0].status = 200,
            Broken,
            "answered 200, and the entry says 404",
        );
    }

    #[test]
    fn the_entry_comes_before_the_effect() {
        use Verdict::{Broken, Held};
        check(
            |a| a[0].at_once.clear(),
            Broken,
            "not on disk when the answer came",
        );
        check(
            |a| a[1].at_once.clear(),
            Broken,
            "not on disk when the answer came",
        );
        check(|a| a[1].at_once.truncate(1), Held, "4 requests");
        check(
            |a| drop(a[1].later.remove(0)),
            Broken,
            "0 entries say what was intended",
        );
        check(|a| a[1].later[0].index = 8, Broken, "before its intent");
        check(
            |a| a[1].later[0].correlation = "c2".to_owned(),
            Broken,
            "nothing ties",
        );
        check(
            |a| a[0].later.insert(0, line(4, Stage::Intended)),
            Broken,
            "nothing was carried out",
        );
    }

    #[test]
    fn a_round_in_which_no_change_reached_the_application_proves_nothing() {
        check(
            |a| a[1] = asked(As::Own, true, vec![line(7, Stage::Refused)]),
            Verdict::Unproven,
            "No change reached",
        );
        assert_eq!(
            judge(&Err("no session".to_owned())).verdict,
            Verdict::Unproven
        );
    }
}
