//! Judges `audit.export.NAME.within`: whoever receives the trail has it, and has it in time.

use std::sync::Arc;

use avouch_evidence::{BoxFuture, Check, ClaimId, Ctx, Seen};
use avouch_statement::Audience;
use jiff::Timestamp;

use crate::Export;

/// Looks at how far the receivers have got.
pub trait Exports: Send + Sync {
    /// How far this one has.
    fn look<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Delivery, String>>;
}

/// How far a receiver has got.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// Entries that it was given, or that are none of its business.
    pub done: u64,
    /// Entries that the ledger has.
    pub size: u64,
    /// When the oldest of the others was recorded.
    pub oldest: Option<Timestamp>,
    /// Entries that it refused.
    pub aside: Vec<u64>,
    /// Why it takes nothing just now.
    pub trouble: Option<String>,
    /// What it says of the newest entry that it took.
    pub back: Back,
}

/// What a receiver says of an entry that it took.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Back {
    /// It has it.
    There(u64),
    /// It has it not.
    Missing(u64),
    /// It was not asked, and why.
    NotAsked(String),
}

/// The check of exports.
pub struct ExportedCheck {
    exports: Vec<Export>,
    looks: Arc<dyn Exports>,
}

impl ExportedCheck {
    /// Looks at these.
    #[must_use]
    pub fn new(exports: Vec<Export>, looks: Arc<dyn Exports>) -> Self {
        Self { exports, looks }
    }
}

impl Check for ExportedCheck {
    fn name(&self) -> &str {
        "looking at how far the receivers of the trail have got"
    }

    fn claims(&self) -> Vec<ClaimId> {
        let claims = self
            .exports
            .iter()
            .map(|export| ClaimId::new(export.claim()));
        claims.collect()
    }

    fn dated(&self) -> bool {
        true
    }

    fn run<'a>(&'a self, ctx: &'a Ctx) -> BoxFuture<'a, Vec<Seen>> {
        Box::pin(async move {
            let mut seen = Vec::new();
            for export in &self.exports {
                let delivery = self.looks.look(export.name.as_str()).await;
                seen.push(judge(export, &delivery, (ctx.clock)()));
            }
            seen
        })
    }
}

/// Broken if an entry waits too long, was refused, or is not where it was taken to.
fn judge(export: &Export, delivery: &Result<Delivery, String>, now: Timestamp) -> Seen {
    let claim = ClaimId::new(export.claim());
    let seen = match delivery {
        Err(why) => Seen::unproven(
            &claim,
            format!("It was not seen how far it has got: {why}."),
        ),
        Ok(delivery) => judged(export, &claim, delivery, now),
    };
    // Where the receiver is, and what is wrong with it, is the supplier's.
    seen.for_audience(Audience::Supplier)
}

fn judged(export: &Export, claim: &ClaimId, delivery: &Delivery, now: Timestamp) -> Seen {
    let Delivery {
        done,
        size,
        oldest,
        aside,
        trouble,
        back,
    } = delivery;
    let waiting = size.saturating_sub(*done);
    if let Some(oldest) =
        oldest.filter(|oldest| now.duration_since(*oldest) > export.within.duration())
    {
        let why = trouble.as_deref().unwrap_or("it is behind");
        return Seen::broken(
            claim,
            format!("{waiting} entries have not been taken, the oldest since {oldest}: {why}."),
        );
    }
    if let Some(first) = aside.first() {
        return Seen::broken(
            claim,
            format!(
                "{} entries were refused by the receiver and are set aside, the first of them {first}.",
                aside.len()
            ),
        );
    }
    let read = match back {
        Back::Missing(index) => {
            return Seen::broken(
                claim,
                format!("Entry {index} was taken by the receiver, and it does not have it."),
            );
        }
        Back::There(index) => format!("entry {index} was found there"),
        Back::NotAsked(why) => format!("none was looked for there: {why}"),
    };
    Seen::held(
        claim,
        format!(
            "{done} of {size} entries are dealt with, none of the others is older than {}; {read}.",
            export.within
        ),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use avouch_evidence::Verdict;

    use crate::Receiver;

    fn export() -> Export {
        Export {
            name: "siem".parse().unwrap(),
            to: Receiver::Syslog {
                host: "siem.test".to_owned(),
                port: 6514,
            },
            within: "5 min".parse().unwrap(),
            tenants: vec![],
            authority: None,
            secret: None,
        }
    }

    #[track_caller]
    fn check(change: impl FnOnce(&mut Delivery), verdict: Verdict, says: &str) {
        let now: Timestamp = "2026-01-05T12:00:00Z".parse().unwrap();
        let mut delivery = Delivery {
            done: 38,
            size: 40,
            oldest: Some("2026-01-05T11:55:00Z".parse().unwrap()),
            aside: vec![],
            trouble: Some("the receiver cannot be reached".to_owned()),
            back: Back::There(37),
        };
        change(&mut delivery);
        let seen = judge(&export(), &Ok(delivery), now);
        assert_eq!(seen.verdict, verdict, "{}", seen.observed);
        assert!(seen.observed.contains(says), "{}", seen.observed);
        assert_eq!(seen.audience, Audience::Supplier);
    }

    #[test]
    fn an_entry_may_wait_as_long_as_is_promised_and_no_longer() {
        check(|_| {}, Verdict::Held, "38 of 40 entries are dealt with");
        check(
            |delivery| delivery.oldest = Some("2026-01-05T11:54:59Z".parse().unwrap()),
            Verdict::Broken,
            "2 entries have not been taken, the oldest since 2026-01-05T11:54:59Z: the receiver cannot be reached.",
        );
        check(
            |delivery| delivery.oldest = None,
            Verdict::Held,
            "entry 37 was found there",
        );
    }

    #[test]
    fn what_was_refused_or_is_not_there_breaks_the_promise() {
        check(
            |delivery| delivery.aside = vec![4, 9],
            Verdict::Broken,
            "2 entries were refused by the receiver and are set aside, the first of them 4",
        );
        check(
            |delivery| delivery.back = Back::Missing(37),
            Verdict::Broken,
            "Entry 37 was taken by the receiver, and it does not have it",
        );
        check(
            |delivery| delivery.back = Back::NotAsked("it does not let us search".to_owned()),
            Verdict::Held,
            "none was looked for there",
        );
        let unseen = judge(&export(), &Err("no disk".to_owned()), Timestamp::UNIX_EPOCH);
        assert_eq!(unseen.verdict, Verdict::Unproven);
    }
}
