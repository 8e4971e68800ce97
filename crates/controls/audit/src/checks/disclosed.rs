//! Judges `audit.subject-report`: who opened a record is answered with every access to it and nothing about anybody else.

use std::sync::Arc;
use std::time::Duration;

use avouch_evidence::{Ask, BoxFuture, Check, ClaimId, Ctx, Seen};
use avouch_statement::TenantId;
use jiff::{SignedDuration, Timestamp};

use super::{Trail, marker};
use crate::{RecordRule, SUBJECT_REPORT, subjects};

/// How far an entry's time may lie outside the time in which the record was opened: two processes, one clock.
const TOLERANCE: SignedDuration = SignedDuration::from_secs(2);
/// How often, and after what pause, the report is asked for until nothing is missing: 5 s in all.
const LOOKS: usize = 10;
const PAUSE: Duration = Duration::from_millis(500);

/// Gives out subject reports.
pub trait Disclosing: Send + Sync {
    /// The report on a subject's record at a tenant, as somebody gets it who asks with this reason.
    fn report<'a>(
        &'a self,
        tenant: &'a TenantId,
        subject: &'a str,
        because: &'a str,
    ) -> BoxFuture<'a, Result<Disclosed, String>>;
}

/// A subject report.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Disclosed {
    /// What it says, in any order.
    pub accesses: Vec<Access>,
    /// All of it, as it was given out.
    pub text: String,
}

/// One access, as a report says it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Access {
    /// When.
    pub at: Timestamp,
    /// Whose record.
    pub tenant: Option<String>,
    /// What was done.
    pub action: String,
    /// By whom, as shown.
    pub who: String,
    /// In what role.
    pub role: String,
    /// From where.
    pub source: String,
}

impl Disclosed {
    /// How many accesses to records it says, reports on them left out.
    fn records(&self) -> usize {
        let records = self.accesses.iter();
        records.filter(|it| it.action.starts_with(RECORD)).count()
    }
}

/// The check of subject reports.
pub struct DisclosedCheck {
    trail: Arc<dyn Trail>,
    disclosing: Arc<dyn Disclosing>,
    records: Vec<RecordRule>,
    staff_named: bool,
}

/// A record that was opened twice and changed once, one beside it that was opened, and the report on the first.
#[derive(Debug)]
struct Observed {
    tenant: TenantId,
    from: Timestamp,
    to: Timestamp,
    /// What names the record beside it.
    other: String,
    report: Disclosed,
    /// Whether the trail says that the report was asked for, and why.
    is_told: bool,
}

impl DisclosedCheck {
    /// Opens records that fall under the first of `records`, and asks who opened one.
    #[must_use]
    pub fn new(
        trail: Arc<dyn Trail>,
        disclosing: Arc<dyn Disclosing>,
        records: Vec<RecordRule>,
        staff_named: bool,
    ) -> Self {
        Self {
            trail,
            disclosing,
            records,
            staff_named,
        }
    }

    async fn observe(&self, ctx: &Ctx, tenant: &TenantId) -> Result<Observed, String> {
        let rule = self.records.first().ok_or("no record is named")?;
        let host = ctx.gateway.host(tenant.as_str());
        let cookie = ctx.people.session(tenant, &host).await?;
        let (own, other) = (marker()?, marker()?);
        let from = (ctx.clock)();
        for (record, change) in [(&own, false), (&own, true), (&other, false), (&own, false)] {
            let path = rule.at(record);
            let ask = if change {
                Ask::form(&path, &ctx.gateway.origin(tenant.as_str()), Vec::new())
            } else {
                Ask::get(&path)
            };
            let sent = ctx
                .gateway
                .send(tenant.as_str(), ask.with("cookie", &cookie));
            sent.await.map_err(|error| error.to_string())?;
        }
        let to = (ctx.clock)();
        let subject = subjects(&rule.at(&own), &self.records)
            .into_iter()
            .next()
            .ok_or("a record names nobody")?;
        let because = format!("whether reports are whole, check {own}");
        let size = self.trail.size().await?;
        let mut report = Err("it was not asked for".to_owned());
        for _ in 0..LOOKS {
            report = self.disclosing.report(tenant, &subject, &because).await;
            if report
                .as_ref()
                .is_ok_and(|it| it.records() >= EXPECTED.len())
            {
                break;
            }
            tokio::time::sleep(PAUSE).await;
        }
        let told = self.trail.since(size).await?;
        let is_told = told.iter().any(|line| {
            line.action == "search" && line.parameters.values().any(|value| *value == because)
        });
        Ok(Observed {
            tenant: tenant.clone(),
            from,
            to,
            other,
            report: report?,
            is_told,
        })
    }
}

/// What the actions on records begin with.
const RECORD: &str = "record-";
/// What a report on the record has to say was done, sorted.
const EXPECTED: [&str; 3] = ["record-changed", "record-opened", "record-opened"];

impl Observed {
    fn fault(&self, staff_named: bool) -> Option<String> {
        let Disclosed { accesses, text } = &self.report;
        // Asking for the report is an access of its own, which the next report says.
        let opened = accesses.iter().filter(|it| it.action.starts_with(RECORD));
        let mut actions: Vec<&str> = opened.map(|it| it.action.as_str()).collect();
        actions.sort_unstable();
        if actions != EXPECTED {
            return Some(format!(
                "a record was opened twice and changed once, and the report on it says: {}",
                if actions.is_empty() {
                    "nothing".to_owned()
                } else {
                    actions.join(", ")
                }
            ));
        }
        if text.contains(&self.other) {
            return Some("the report on one record speaks of another".to_owned());
        }
        let (from, to) = (self.from - TOLERANCE, self.to + TOLERANCE);
        for access in accesses {
            let lacks = [
                (
                    "the organisation",
                    access.tenant.as_deref() == Some(self.tenant.as_str()),
                ),
                ("a role", !access.role.is_empty()),
                ("an address", !access.source.is_empty()),
                ("the right time", (from..=to).contains(&access.at)),
                (
                    "the role in place of a name",
                    staff_named || access.who == access.role,
                ),
            ];
            if let Some((what, _)) = lacks.into_iter().find(|(_, is_there)| !is_there) {
                return Some(format!("an access in the report is without {what}"));
            }
        }
        (!self.is_told)
            .then(|| "that the report was asked for, and why, is not in the trail".to_owned())
    }
}

impl Check for DisclosedCheck {
    fn name(&self) -> &str {
        "subject reports"
    }

    fn claims(&self) -> Vec<ClaimId> {
        vec![ClaimId::new(SUBJECT_REPORT)]
    }

    fn run<'a>(&'a self, ctx: &'a Ctx) -> BoxFuture<'a, Vec<Seen>> {
        Box::pin(async move {
            let mut seen = Vec::new();
            for tenant in &ctx.tenants {
                let observed = self.observe(ctx, tenant).await;
                seen.push(judge(&observed, self.staff_named).of(tenant));
            }
            if seen.is_empty() {
                seen.push(judge(
                    &Err("no tenant is served".to_owned()),
                    self.staff_named,
                ));
            }
            seen
        })
    }
}

fn judge(observed: &Result<Observed, String>, staff_named: bool) -> Seen {
    let claim = ClaimId::new(SUBJECT_REPORT);
    match observed {
        Err(why) => Seen::unproven(&claim, format!("A report could not be tried: {why}.")),
        Ok(observed) => match observed.fault(staff_named) {
            Some(fault) => Seen::broken(&claim, format!("Tried on made-up records: {fault}.")),
            None => Seen::held(
                &claim,
                format!(
                    "A made-up record was opened twice and changed once, and one beside it was opened: the report on the \
                     first said these {} accesses, each with its time, organisation, role and address, and nothing of the \
                     other; that it was asked for is in the trail.",
                    EXPECTED.len()
                ),
            ),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use avouch_evidence::Verdict;

    /// Makes something untrue of what was observed.
    type Spoil = fn(&mut Observed);

    fn access(action: &str) -> Access {
        Access {
            at: "2026-01-01T12:00:01Z".parse().unwrap(),
            tenant: Some("riverside".to_owned()),
            action: action.to_owned(),
            who: "synthetic".to_owned(),
            role: "synthetic".to_owned(),
            source: "127.0.0.1".to_owned(),
        }
    }

    fn observed() -> Observed {
        Observed {
            tenant: "riverside".parse().unwrap(),
            from: "2026-01-01T12:00:00Z".parse().unwrap(),
            to: "2026-01-01T12:00:02Z".parse().unwrap(),
            other: "123456789012345".to_owned(),
            report: Disclosed {
                accesses: ["record-opened", "record-opened", "record-changed"]
                    .map(access)
                    .into(),
                text: "only of 100000000000000".to_owned(),
            },
            is_told: true,
        }
    }

    #[test]
    fn a_whole_report_holds() {
        assert_eq!(judge(&Ok(observed()), false).verdict, Verdict::Held);
        let mut named = observed();
        named.report.accesses[0].who = "ann@riverside.test".to_owned();
        assert_eq!(judge(&Ok(named), true).verdict, Verdict::Held);
        let mut again = observed();
        again.report.accesses.push(access("search"));
        assert_eq!(judge(&Ok(again), false).verdict, Verdict::Held);
    }

    #[test]
    fn what_is_missing_too_much_or_untold_breaks() {
        let spoils: [(&str, Spoil); 9] = [
            ("says: nothing", |it| it.report.accesses.clear()),
            ("says: record-changed, record-opened.", |it| {
                drop(it.report.accesses.remove(0))
            }),
            (
                "says: record-changed, record-opened, record-opened, record-opened",
                |it| {
                    it.report.accesses.push(access("record-opened"));
                },
            ),
            ("speaks of another", |it| {
                it.report.text.push_str("123456789012345")
            }),
            ("without the organisation", |it| {
                it.report.accesses[1].tenant = None
            }),
            ("without an address", |it| {
                it.report.accesses[1].source.clear()
            }),
            ("without the right time", |it| {
                it.report.accesses[2].at = "2026-01-01T11:00:00Z".parse().unwrap();
            }),
            ("in place of a name", |it| {
                it.report.accesses[2].who = "ann".to_owned()
            }),
            ("not in the trail", |it| it.is_told = false),
        ];
        for (told, spoil) in spoils {
            let mut observed = observed();
            spoil(&mut observed);
            let seen = judge(&Ok(observed), false);
            assert_eq!(seen.verdict, Verdict::Broken, "{told}");
            assert!(seen.observed.contains(told), "{}", seen.observed);
        }
    }

    #[test]
    fn what_could_not_be_tried_proves_nothing() {
        let seen = judge(&Err("no record is named".to_owned()), false);
        assert_eq!(seen.verdict, Verdict::Unproven);
    }
}
