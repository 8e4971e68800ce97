//! Judges `audit.management`: each management action, refused ones too, leaves one entry with all five fields.
//!
//! Source: NCSC Cloud Security Principle 13, audit information.

use std::fmt;
use std::sync::Arc;

use avouch_evidence::{Audience, BoxFuture, Check, ClaimId, Ctx, Seen};
use jiff::{SignedDuration, Timestamp};

use super::{Line, Stage, Trail};
use crate::MANAGEMENT;

/// How far an entry's time may lie outside the time in which the actions were done.
const TOLERANCE: SignedDuration = SignedDuration::from_secs(2);

/// Does management actions that change nothing for anybody real.
pub trait Management: Send + Sync {
    /// Does a set of actions, some of which must be refused, and undoes what can be undone.
    ///
    /// The error says why the set could not be done, without a secret.
    fn operations(&self) -> BoxFuture<'_, Result<Vec<Performed>, String>>;
}

/// One action that was done or refused.
#[derive(Clone, PartialEq, Eq)]
pub struct Performed {
    /// What, such as `add a person`.
    pub operation: String,
    /// By which way.
    pub through: Through,
    /// Was it refused?
    pub refused: bool,
    /// A text that is in this action's object or parameters and in no other's.
    pub marker: String,
    /// What must be in no entry: passwords, codes and tokens that were given or made.
    pub secrets: Vec<String>,
}

/// The way by which an action is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Through {
    /// A page of the console.
    Console,
    /// A command.
    CommandLine,
}

impl fmt::Debug for Performed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Performed")
            .field("operation", &self.operation)
            .field("through", &self.through)
            .field("refused", &self.refused)
            .field("marker", &self.marker)
            .finish_non_exhaustive()
    }
}

/// The check of management actions.
pub struct ManagementCheck {
    trail: Arc<dyn Trail>,
    management: Arc<dyn Management>,
}

/// What was done, when, and what the ledger had of it.
struct Observed {
    performed: Vec<Performed>,
    from: Timestamp,
    to: Timestamp,
    lines: Vec<Line>,
}

impl ManagementCheck {
    /// Does the actions of `management` and looks for them in `trail`.
    #[must_use]
    pub fn new(trail: Arc<dyn Trail>, management: Arc<dyn Management>) -> Self {
        Self { trail, management }
    }

    async fn observe(&self, ctx: &Ctx) -> Result<Observed, String> {
        let size = self.trail.size().await?;
        let from = (ctx.clock)();
        let performed = self.management.operations().await?;
        let to = (ctx.clock)();
        let lines = self.trail.since(size).await?;
        Ok(Observed {
            performed,
            from,
            to,
            lines,
        })
    }
}

impl Check for ManagementCheck {
    fn name(&self) -> &str {
        "management actions"
    }

    fn claims(&self) -> Vec<ClaimId> {
        vec![ClaimId::new(MANAGEMENT)]
    }

    fn run<'a>(&'a self, ctx: &'a Ctx) -> BoxFuture<'a, Vec<Seen>> {
        Box::pin(async move { vec![judge(&self.observe(ctx).await)] })
    }
}

/// Broken if an action has no entry, two, or one without a field, or if a secret can be read; unproven unless
/// both ways, and both an accepted and a refused action, were tried.
fn judge(observed: &Result<Observed, String>) -> Seen {
    let claim = ClaimId::new(MANAGEMENT);
    let observed = match observed {
        Ok(observed) => observed,
        Err(why) => {
            return Seen::unproven(&claim, format!("The actions could not be tried: {why}."));
        }
    };
    let performed = &observed.performed;
    let faults: Vec<String> = performed
        .iter()
        .filter_map(|action| {
            let fault = fault(action, observed)?;
            Some(format!("`{}`: {fault}", action.operation))
        })
        .collect();
    if !faults.is_empty() {
        return Seen::broken(&claim, format!("{}.", faults.join("; ")))
            .for_audience(Audience::Supplier);
    }
    let some = |want: &dyn Fn(&Performed) -> bool| performed.iter().any(want);
    for (tried, what) in [
        (some(&|action| action.refused), "refused action"),
        (some(&|action| !action.refused), "accepted action"),
        (
            some(&|action| action.through == Through::Console),
            "action in the console",
        ),
        (
            some(&|action| action.through == Through::CommandLine),
            "action on the command line",
        ),
    ] {
        if !tried {
            return Seen::unproven(&claim, format!("No {what} was tried."));
        }
    }
    let refused = performed.iter().filter(|action| action.refused).count();
    let names: Vec<&str> = performed
        .iter()
        .map(|action| action.operation.as_str())
        .collect();
    Seen::held(
        &claim,
        format!(
            "{} actions ({}), {refused} of them refused, each left one entry with who, when, from where, parameters and \
             response; no secret could be read in them.",
            performed.len(),
            names.join(", ")
        ),
    )
    .for_audience(Audience::Supplier)
}

/// What is wrong with the entries of one action.
fn fault(action: &Performed, observed: &Observed) -> Option<String> {
    let readable = |line: &Line| format!("{line:?}");
    if observed.lines.iter().any(|line| {
        action
            .secrets
            .iter()
            .any(|secret| readable(line).contains(secret.as_str()))
    }) {
        return Some("a secret can be read in the ledger".to_owned());
    }
    let mine: Vec<&Line> = observed
        .lines
        .iter()
        .filter(|line| {
            line.object.contains(&action.marker)
                || line
                    .parameters
                    .values()
                    .any(|value| value.contains(&action.marker))
        })
        .collect();
    let line = match mine.as_slice() {
        [line] => line,
        several => return Some(format!("{} entries, not one", several.len())),
    };
    let in_time = line.at.duration_since(observed.from) >= -TOLERANCE
        && observed.to.duration_since(line.at) >= -TOLERANCE;
    for (there, what) in [
        (
            line.who.as_ref().is_some_and(|who| !who.is_empty()),
            "who did it",
        ),
        (in_time, "the right time"),
        (!line.source.is_empty(), "the address it came from"),
        (!line.parameters.is_empty(), "its parameters"),
        (
            !line.response.is_empty() || line.status.is_some(),
            "the response",
        ),
    ] {
        if !there {
            return Some(format!("its entry lacks {what}"));
        }
    }
    let expected = if action.refused {
        Stage::Refused
    } else {
        Stage::Done
    };
    (line.stage != expected).then(|| format!("its entry says {:?}, not {expected:?}", line.stage))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::trail::testing::{at, line};
    use avouch_evidence::Verdict;

    fn good() -> Observed {
        let action = |operation: &str, through, refused, marker: &str| Performed {
            operation: operation.to_owned(),
            through,
            refused,
            marker: marker.to_owned(),
            secrets: vec!["s3cret".to_owned()],
        };
        let entry = |index, marker: &str, stage| {
            let mut entry = line(index, stage);
            entry
                .parameters
                .insert("email".to_owned(), marker.to_owned());
            entry
        };
        Observed {
            performed: vec![
                action("add a person", Through::Console, false, "m1"),
                action("run a drill", Through::CommandLine, true, "m2"),
            ],
            from: at(10),
            to: at(20),
            lines: vec![
                entry(5, "m1", Stage::Done),
                line(6, Stage::Done),
                entry(7, "m2", Stage::Refused),
            ],
        }
    }

    #[track_caller]
    fn check(change: impl FnOnce(&mut Observed), verdict: Verdict, says: &str) {
        let mut observed = good();
        change(&mut observed);
        let seen = judge(&Ok(observed));
        assert_eq!(seen.verdict, verdict, "{}", seen.observed);
        assert!(seen.observed.contains(says), "{}", seen.observed);
    }

    #[test]
    fn an_action_leaves_one_entry_with_all_five_fields() {
        use Verdict::{Broken, Held};
        check(|_| {}, Held, "2 actions");
        check(|o| drop(o.lines.remove(0)), Broken, "0 entries, not one");
        check(
            |o| o.lines.push(o.lines[0].clone()),
            Broken,
            "2 entries, not one",
        );
        check(|o| o.lines[0].who = None, Broken, "lacks who");
        check(|o| o.lines[0].at = at(90), Broken, "lacks the right time");
        check(|o| o.lines[0].source.clear(), Broken, "lacks the address");
        check(
            |o| o.lines[2].stage = Stage::Done,
            Broken,
            "says Done, not Refused",
        );
        check(
            |o| {
                o.lines[0].response.clear();
                o.lines[0].status = None;
            },
            Broken,
            "lacks the response",
        );
        check(
            |o| {
                o.lines[0].parameters.clear();
                o.lines[0].object = "m1".to_owned();
            },
            Broken,
            "lacks its parameters",
        );
    }

    #[test]
    fn a_secret_in_any_entry_breaks_it_and_is_not_repeated() {
        let mut observed = good();
        observed.lines[1].response = "new password s3cret".to_owned();
        let seen = judge(&Ok(observed));
        assert_eq!(seen.verdict, Verdict::Broken);
        assert!(!seen.observed.contains("s3cret"));
        assert!(!format!("{:?}", good().performed).contains("s3cret"));
    }

    #[test]
    fn a_set_without_refusals_or_without_a_way_proves_nothing() {
        use Verdict::Unproven;
        check(
            |o| drop(o.performed.remove(1)),
            Unproven,
            "No refused action",
        );
        check(
            |o| o.performed[1].through = Through::Console,
            Unproven,
            "command line",
        );
        check(|o| o.performed.clear(), Unproven, "No refused action");
    }
}
