//! Judges `keys.escrow`: there are sheets for the master key of now, as many as stated, and they were tried in time.

use crate::{
    Keyring,
    escrow::{Escrow, Record},
    settings::EscrowSettings,
};
use avouch_evidence::{BoxFuture, Check, Ctx, Seen, Verdict};
use avouch_statement::{Audience, ClaimId};
use jiff::{Timestamp, tz::TimeZone};
use std::sync::Arc;

/// The check of the sheets of this keyring's folder.
pub struct EscrowCheck {
    keyring: Arc<Keyring>,
    stated: EscrowSettings,
}

impl EscrowCheck {
    /// Holds what is in the keyring's folder against what is stated.
    #[must_use]
    pub fn new(keyring: Arc<Keyring>, stated: EscrowSettings) -> Self {
        Self { keyring, stated }
    }
}

impl Check for EscrowCheck {
    fn name(&self) -> &str {
        "the master key on paper"
    }

    fn claims(&self) -> Vec<ClaimId> {
        vec![claim()]
    }

    fn dated(&self) -> bool {
        true
    }

    fn run<'a>(&'a self, ctx: &'a Ctx) -> BoxFuture<'a, Vec<Seen>> {
        Box::pin(async move {
            let (verdict, observed) = match self.keyring.escrow_of() {
                Ok(escrow) => judge(&escrow, &self.stated, (ctx.clock)()),
                Err(error) => (Verdict::Unproven, error.to_string()),
            };
            vec![Seen::new(&claim(), verdict, observed).for_audience(Audience::Supplier)]
        })
    }
}

fn claim() -> ClaimId {
    ClaimId::new("keys.escrow")
}

fn judge(escrow: &Escrow, stated: &EscrowSettings, now: Timestamp) -> (Verdict, String) {
    let broken = |observed: String| (Verdict::Broken, observed);
    let (sheets, needed) = (stated.sheets, stated.needed);
    let print = format!("print them with `avouch key escrow --sheets {sheets} --needed {needed}`");
    let record = match escrow {
        Escrow::None => return broken(format!("there are no sheets: {print}")),
        Escrow::Altered => {
            return broken(format!(
                "what the sheets open was altered in the folder of keys, so they may open nothing: {print}"
            ));
        }
        Escrow::Outdated(record) => {
            return broken(format!(
                "the master key was changed after the sheets of set {} were printed, and they open nothing now: {print}",
                record.set
            ));
        }
        Escrow::Good(record) => record,
    };
    if (record.sheets, record.needed) != (sheets, needed) {
        return broken(format!(
            "of the sheets that were printed {} of {} are needed: {print}",
            record.needed, record.sheets
        ));
    }
    let (last, what) = match record.rehearsed {
        Some(at) => (at, "were last tried"),
        None => (record.made, "were printed, and not tried since,"),
    };
    let days = now.duration_since(last).as_hours().div_euclid(24);
    let said = format!("the sheets of set {} {what} {days} days ago", record.set);
    match due(record, stated) {
        _ if last > now => (
            Verdict::Unproven,
            format!(
                "the sheets of set {} {what} in the future by this clock",
                record.set
            ),
        ),
        Some(due) if now < due => (Verdict::Held, said),
        _ => broken(format!("{said}: try them with `avouch key rehearse`")),
    }
}

/// By when they have to be tried.
fn due(record: &Record, stated: &EscrowSettings) -> Option<Timestamp> {
    let last = record.rehearsed.unwrap_or(record.made);
    let last = last.to_zoned(TimeZone::UTC);
    let due = last.checked_add(stated.rehearsed.span()).ok()?;
    Some(due.timestamp())
}

#[cfg(test)]
mod tests {
    use super::*;
    use avouch_statement::{Length, Unit};

    #[test]
    fn sheets_are_good_until_a_year_after_they_were_last_tried_and_no_longer() {
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        let stated = EscrowSettings {
            sheets: 5,
            needed: 3,
            rehearsed: Length::new(12, Unit::Month),
        };
        let record = |rehearsed: Option<&str>| {
            Record::of(
                ("0a0b0c0d", 5, 3),
                at("2026-01-31T12:00:00Z"),
                rehearsed.map(at),
            )
        };
        let good = |rehearsed| Escrow::Good(record(rehearsed));
        let fewer = EscrowSettings {
            needed: 2,
            ..stated
        };
        for (escrow, stated, now, verdict) in [
            (
                Escrow::None,
                stated,
                "2026-02-01T00:00:00Z",
                Verdict::Broken,
            ),
            (
                Escrow::Altered,
                stated,
                "2026-02-01T00:00:00Z",
                Verdict::Broken,
            ),
            (
                Escrow::Outdated(record(None)),
                stated,
                "2026-02-01T00:00:00Z",
                Verdict::Broken,
            ),
            (good(None), stated, "2027-01-31T11:59:59Z", Verdict::Held),
            (good(None), stated, "2027-01-31T12:00:00Z", Verdict::Broken),
            (
                good(Some("2026-06-30T12:00:00Z")),
                stated,
                "2027-06-30T11:59:59Z",
                Verdict::Held,
            ),
            (
                good(Some("2026-06-30T12:00:00Z")),
                stated,
                "2027-06-30T12:00:00Z",
                Verdict::Broken,
            ),
            (good(None), fewer, "2026-02-01T00:00:00Z", Verdict::Broken),
            (
                good(None),
                stated,
                "2026-01-30T00:00:00Z",
                Verdict::Unproven,
            ),
        ] {
            let (judged, observed) = judge(&escrow, &stated, at(now));
            assert_eq!(judged, verdict, "{now}: {observed}");
        }
    }
}
