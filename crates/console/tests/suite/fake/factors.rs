//! The careless desk's second factors.

use avouch_console::second_factor::{
    Act, Confirmation, FactorOffer, HalfOutcome, HalfStep, OwnFactor, Permit, SecondFactors,
};
use avouch_console::second_person::{RequestRow, SecondPerson};
use avouch_console::{Actor, Answer, Secret, Target};

use super::{Fake, PASS, now};

/// The code that is taken.
pub const SIX: &str = "287082";
/// What the right password earns where it is not enough.
pub const HALF: &str = "half-token";

/// How it stands with everybody's second factor.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Factor {
    /// Nothing asks for one.
    #[default]
    Unneeded,
    /// It has to be shown.
    Wanted,
    /// It has to be set up.
    Missing,
}

fn offer() -> FactorOffer {
    FactorOffer {
        key: Secret::new("GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ".to_owned()),
        address: Secret::new(
            "otpauth://totp/Acuity:a@b?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ".to_owned(),
        ),
    }
}

fn codes() -> Vec<Secret> {
    (0..10)
        .map(|number| Secret::new(format!("abcd-efgh-jkmn-{number:04}")))
        .collect()
}

fn confirmed(code: &Secret) -> Confirmation {
    match code.reveal() {
        SIX => Confirmation::Taken(codes()),
        _ => Confirmation::Refused(offer()),
    }
}

impl SecondFactors for Fake {
    fn finish(&self, step: HalfStep) -> Answer<'_, HalfOutcome> {
        now(match (step.half.reveal(), step.code.reveal()) {
            (HALF, SIX) => HalfOutcome::Admitted {
                target: step.to.unwrap_or(Target::Console),
                pass: Secret::new(PASS.to_owned()),
            },
            (HALF, _) => HalfOutcome::Refused,
            _ => HalfOutcome::Late,
        })
    }

    fn offer_halfway<'a>(&'a self, half: &'a Secret) -> Answer<'a, Option<FactorOffer>> {
        now((half.reveal() == HALF).then(offer))
    }

    fn confirm_halfway(&self, step: HalfStep) -> Answer<'_, Confirmation> {
        now(match step.half.reveal() {
            HALF => confirmed(&step.code),
            _ => Confirmation::Late,
        })
    }

    fn own_factor<'a>(&'a self, _: &'a Actor) -> Answer<'a, OwnFactor> {
        now(OwnFactor {
            since: (self.factor == Factor::Wanted)
                .then(|| "2026-11-20T09:30:00Z".parse().expect("a fixed time")),
            demanded: self.factor == Factor::Missing,
            recovery_left: 9,
        })
    }

    fn offer_factor<'a>(&'a self, _: &'a Actor) -> Answer<'a, FactorOffer> {
        now(offer())
    }

    fn confirm_factor<'a>(&'a self, _: &'a Actor, code: Secret) -> Answer<'a, Confirmation> {
        now(confirmed(&code))
    }

    fn show_factor<'a>(&'a self, _: &'a Actor, code: Secret) -> Answer<'a, bool> {
        now(code.reveal() == SIX)
    }

    fn renew_recovery<'a>(&'a self, _: &'a Actor) -> Answer<'a, Vec<Secret>> {
        now(codes())
    }

    fn remove_own_factor<'a>(&'a self, _: &'a Actor) -> Answer<'a, ()> {
        now(())
    }

    fn remove_factor<'a>(&'a self, _: &'a Actor, _: &'a str) -> Answer<'a, ()> {
        now(())
    }

    fn permit<'a>(&'a self, _: &'a Actor, _: Act<'a>) -> Answer<'a, Permit> {
        now(match self.factor {
            Factor::Unneeded => Permit::Granted,
            Factor::Wanted => Permit::ShowFactor,
            Factor::Missing => Permit::SetUpFactor,
        })
    }
}

impl SecondPerson for Fake {
    fn requests<'a>(&'a self, _: &'a Actor) -> Answer<'a, Vec<RequestRow>> {
        let row = |id: &str, tenant: &str, own| RequestRow {
            id: id.to_owned(),
            act: format!("start a drill of {tenant}"),
            tenant: Some(tenant.to_owned()),
            by: "p3@example.test".to_owned(),
            until: "2026-11-22T08:00:00Z".parse().expect("a fixed time"),
            approved: false,
            own,
        };
        now(vec![
            row("r1", "riverside", false),
            row("r2", "riverside", true),
            row("l1", "lakeside", false),
        ])
    }

    fn approve<'a>(&'a self, _: &'a Actor, _: &'a str) -> Answer<'a, ()> {
        now(())
    }
}
