//! Judges `audit.custody`: somebody of the supplier's reads an organisation's trail while it is shared with them, and never
//! else.

use std::sync::Arc;

use avouch_evidence::{BoxFuture, Check, ClaimId, Ctx, Seen};
use avouch_statement::TenantId;

use super::{Line, Stage, Trail, marker};
use crate::CUSTODY;

/// Lets somebody of the supplier's, made up for it, ask for an organisation's trail.
pub trait Reading: Send + Sync {
    /// Asks in each of these situations in turn, by every way there is, as whoever is called that.
    fn asked<'a>(
        &'a self,
        tenant: &'a TenantId,
        who: &'a str,
        because: &'a str,
    ) -> BoxFuture<'a, Result<Vec<Asked>, String>>;

    /// Tries what must not come about, as whoever is called that and has asked before.
    fn barred<'a>(
        &'a self,
        tenant: &'a TenantId,
        who: &'a str,
        because: &'a str,
    ) -> BoxFuture<'a, Result<Vec<Barred>, String>>;
}

/// Whether the trail is shared with whoever asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shared {
    /// It never was.
    Never,
    /// It is.
    Now,
    /// It was taken back.
    TakenBack,
    /// It is past its end.
    Ended,
}

/// One question, and what came of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Asked {
    /// When it was asked.
    pub shared: Shared,
    /// For what, in words.
    pub what: &'static str,
    /// Whether it was answered, and not refused.
    pub answered: bool,
}

/// Something that must not come about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Barred {
    /// What somebody of the supplier's would have done, in words.
    pub what: &'static str,
    /// Whether it came about.
    pub came_about: bool,
}

/// The check of custody.
pub struct CustodyCheck {
    trail: Arc<dyn Trail>,
    reading: Arc<dyn Reading>,
}

/// What came of the questions, and what the organisation's trail says of whoever asked.
#[derive(Debug)]
struct Observed {
    asked: Vec<Asked>,
    barred: Vec<Barred>,
    refused: usize,
    done: usize,
}

impl CustodyCheck {
    /// Has questions asked, and looks for them in `trail`.
    #[must_use]
    pub fn new(trail: Arc<dyn Trail>, reading: Arc<dyn Reading>) -> Self {
        Self { trail, reading }
    }

    async fn observe(&self, tenant: &TenantId) -> Result<Observed, String> {
        let who = format!("check-{}", marker()?);
        let because = "whether a trail is its owner's alone";
        let size = self.trail.size().await?;
        let asked = self.reading.asked(tenant, &who, because).await?;
        let lines = self.trail.since(size).await?;
        let barred = self.reading.barred(tenant, &who, because).await?;
        let told = |stage| {
            let of_it = lines.iter().filter(|line| tells(line, tenant, &who));
            of_it.filter(|line| line.stage == stage).count()
        };
        Ok(Observed {
            asked,
            barred,
            refused: told(Stage::Refused),
            done: told(Stage::Done),
        })
    }
}

/// Whether an entry of the organisation's own trail is that of one of the questions.
fn tells(line: &Line, tenant: &TenantId, who: &str) -> bool {
    line.tenant.as_ref() == Some(tenant)
        && matches!(line.action.as_str(), "search" | "export")
        && line.who.as_deref() == Some(who)
}

impl Observed {
    fn fault(&self) -> Option<String> {
        let words = |shared| match shared {
            Shared::Never => "with whom nothing was shared",
            Shared::Now => "with whom the trail was shared",
            Shared::TakenBack => "after the share was taken back",
            Shared::Ended => "after the share's end",
        };
        let wrong = |it: &&Asked| it.answered != (it.shared == Shared::Now);
        if let Some(wrong) = self.asked.iter().find(wrong) {
            return Some(format!(
                "somebody of the supplier's {} asked for {} and was {}",
                words(wrong.shared),
                wrong.what,
                if wrong.answered {
                    "answered"
                } else {
                    "refused"
                }
            ));
        }
        if let Some(came) = self.barred.iter().find(|it| it.came_about) {
            return Some(format!("somebody of the supplier's {}", came.what));
        }
        let count = |answered| {
            let asked = self.asked.iter();
            asked.filter(|it| it.answered == answered).count()
        };
        [
            ("refused", false, self.refused),
            ("answered", true, self.done),
        ]
        .into_iter()
        .find(|(_, answered, told)| count(*answered) != *told)
        .map(|(what, answered, told)| {
            format!(
                "{} questions were {what}, and the organisation's trail tells of {told}",
                count(answered)
            )
        })
    }
}

impl Check for CustodyCheck {
    fn name(&self) -> &str {
        "custody of the trail"
    }

    fn claims(&self) -> Vec<ClaimId> {
        vec![ClaimId::new(CUSTODY)]
    }

    fn run<'a>(&'a self, ctx: &'a Ctx) -> BoxFuture<'a, Vec<Seen>> {
        Box::pin(async move {
            let mut seen = Vec::new();
            for tenant in &ctx.tenants {
                seen.push(judge(&self.observe(tenant).await).of(tenant));
            }
            if seen.is_empty() {
                seen.push(judge(&Err("no tenant is served".to_owned())));
            }
            seen
        })
    }
}

fn judge(observed: &Result<Observed, String>) -> Seen {
    let claim = ClaimId::new(CUSTODY);
    let observed = match observed {
        Ok(observed) if observed.asked.is_empty() || observed.barred.is_empty() => {
            return Seen::unproven(&claim, "Nothing was asked.");
        }
        Ok(observed) => observed,
        Err(why) => return Seen::unproven(&claim, format!("Custody could not be tried: {why}.")),
    };
    match observed.fault() {
        Some(fault) => Seen::broken(&claim, format!("Tried: {fault}.")),
        None => Seen::held(
            &claim,
            format!(
                "Somebody of the supplier's asked {} times for the trail, the trail with proofs, a report and the pack: {} were \
                 answered, all of them while the trail was shared with them, and {} were refused. Each is in the organisation's \
                 trail. {} ways around that led nowhere.",
                observed.asked.len(),
                observed.done,
                observed.refused,
                observed.barred.len()
            ),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::super::trail::testing::line;
    use super::*;
    use avouch_evidence::Verdict;

    /// Makes something untrue of what was observed.
    type Spoil = fn(&mut Observed);

    fn observed() -> Observed {
        let asked = [
            (Shared::Never, false),
            (Shared::Now, true),
            (Shared::TakenBack, false),
            (Shared::Ended, false),
        ];
        Observed {
            asked: asked
                .map(|(shared, answered)| Asked {
                    shared,
                    what: "the trail",
                    answered,
                })
                .into(),
            barred: vec![Barred {
                what: "shared the trail themselves",
                came_about: false,
            }],
            refused: 3,
            done: 1,
        }
    }

    #[test]
    fn a_trail_that_is_read_while_it_is_shared_and_never_else_holds() {
        assert_eq!(judge(&Ok(observed())).verdict, Verdict::Held);
        let spoils: [(&str, Spoil); 7] = [
            ("supplier's shared the trail themselves", |it| {
                it.barred[0].came_about = true;
            }),
            (
                "nothing was shared asked for the trail and was answered",
                |it| {
                    it.asked[0].answered = true;
                },
            ),
            (
                "the trail was shared asked for the trail and was refused",
                |it| {
                    it.asked[1].answered = false;
                },
            ),
            ("taken back", |it| it.asked[2].answered = true),
            ("share's end", |it| it.asked[3].answered = true),
            (
                "3 questions were refused, and the organisation's trail tells of 2",
                |it| {
                    it.refused = 2;
                },
            ),
            (
                "1 questions were answered, and the organisation's trail tells of 0",
                |it| {
                    it.done = 0;
                },
            ),
        ];
        for (told, spoil) in spoils {
            let mut observed = observed();
            spoil(&mut observed);
            let seen = judge(&Ok(observed));
            assert_eq!(seen.verdict, Verdict::Broken, "{told}");
            assert!(seen.observed.contains(told), "{}", seen.observed);
        }
    }

    #[test]
    fn an_entry_counts_only_in_the_organisations_own_trail_and_of_whoever_asked() {
        let riverside: TenantId = "riverside".parse().unwrap();
        let mut entry = line(7, Stage::Refused);
        assert!(!tells(&entry, &riverside, "p1"), "it is no reading");
        "search".clone_into(&mut entry.action);
        assert!(tells(&entry, &riverside, "p1"));
        assert!(!tells(&entry, &riverside, "p2"));
        entry.tenant = None;
        assert!(!tells(&entry, &riverside, "p1"));
    }

    #[test]
    fn what_could_not_be_tried_proves_nothing() {
        for nothing in [
            Err("no tenant is served".to_owned()),
            Ok(Observed {
                asked: Vec::new(),
                ..observed()
            }),
            Ok(Observed {
                barred: Vec::new(),
                ..observed()
            }),
        ] {
            assert_eq!(judge(&nothing).verdict, Verdict::Unproven);
        }
    }
}
