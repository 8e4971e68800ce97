//! Second factors for the console: each step is recorded before it takes effect, and what was refused with its reason.

use avouch_access::{
    CodeRefusal, Offer, PersonId, RecoveryCodes, Session, Shown, Stopped, TokenDigest,
};
use avouch_backup::keeper::Owner;
use avouch_console::second_factor::{
    Act, Confirmation, FactorOffer, HalfOutcome, HalfStep, OwnFactor, Permit, SecondFactors,
};
use avouch_console::views::SignInOutcome;
use avouch_console::{Actor, Answer, DeskError, Moment, Secret, Target};
use avouch_events::{Action, Event, Outcome};
use avouch_keyring::Secret as Kept;

use super::{Reception, asker, tenant_of, unable, visitor};
use crate::core::admission::actor as named;
use crate::core::strangers::Sort;

const SHOW: &str = "show the second factor";
const SET_UP: &str = "set up a second factor";

impl Reception {
    /// The actor's session as it is now.
    pub(super) async fn own(&self, actor: &Actor) -> Result<(Session, TokenDigest), DeskError> {
        let host = self.host(&Target::Console);
        let session = self.session_of(actor.session, &host).await?;
        let session = session.ok_or(DeskError::Absent)?;
        Ok((session, TokenDigest(actor.session.0)))
    }

    /// Records that a code did not lead in.
    async fn stopped_half(
        &self,
        stopped: &Stopped,
        client: &str,
        moment: &Moment,
    ) -> Result<(), DeskError> {
        let who = stopped.person.as_ref();
        let named = who.map_or_else(avouch_events::Actor::nobody, named);
        let event = visitor(named, client, moment)
            .event(Action::SignIn, SHOW)
            .of(who.and_then(|person| person.tenant.as_ref()))
            .ended(self.core.now(), Outcome::Refused, stopped.why.as_str());
        match who {
            Some(_) => self.note(event).await,
            None => self.note_stranger(Sort::SignIn, event).await,
        }
    }

    async fn try_finish(&self, step: HalfStep) -> Result<HalfOutcome, DeskError> {
        let core = &self.core;
        let finished = core
            .access
            .finish(
                &kept(&step.half),
                &kept(&step.code),
                &step.client,
                core.now(),
            )
            .await
            .map_err(unable)?;
        match finished {
            Ok(signed_in) => {
                let outcome = self
                    .admit(signed_in, step.to, &step.client, &step.moment)
                    .await?;
                Ok(match outcome {
                    SignInOutcome::Admitted { target, pass } => {
                        HalfOutcome::Admitted { target, pass }
                    }
                    _ => HalfOutcome::Late,
                })
            }
            Err(stopped) => {
                self.stopped_half(&stopped, &step.client, &step.moment)
                    .await?;
                Ok(match stopped.why {
                    CodeRefusal::Late => HalfOutcome::Late,
                    _ => HalfOutcome::Refused,
                })
            }
        }
    }

    async fn try_confirm_halfway(&self, step: HalfStep) -> Result<Confirmation, DeskError> {
        let core = &self.core;
        let (half, code) = (kept(&step.half), kept(&step.code));
        let person = core
            .access
            .halfway(&half, core.now())
            .await
            .map_err(unable)?
            .map(|halfway| halfway.person);
        let event = person.as_ref().map(|person| {
            visitor(named(person), &step.client, &step.moment)
                .event(Action::Administration, SET_UP)
                .of(person.tenant.as_ref())
                .with("email", &person.email)
        });
        if let Some(event) = event.clone() {
            self.note(event).await?;
        }
        let confirmed = core
            .access
            .confirm_halfway(&half, &code, &step.client, core.now())
            .await
            .map_err(unable)?;
        match confirmed {
            Ok(codes) => {
                if let Some(event) = event {
                    self.note_over(event, Outcome::Done, "").await?;
                }
                Ok(Confirmation::Taken(told(&codes)))
            }
            Err(stopped) => {
                self.stopped_half(&stopped, &step.client, &step.moment)
                    .await?;
                let Some(person) = stopped.person else {
                    return Ok(Confirmation::Late);
                };
                self.again(&person).await
            }
        }
    }

    async fn try_confirm(&self, actor: &Actor, code: &Secret) -> Result<Confirmation, DeskError> {
        let (session, token) = self.own(actor).await?;
        let (access, now) = (&self.core.access, self.core.now());
        let event = own_event(actor, Action::Administration, SET_UP);
        self.note(event.clone()).await?;
        let confirmed = access
            .confirm(&session, &token, &kept(code), &actor.client, now)
            .await
            .map_err(unable)?;
        match confirmed {
            Ok(codes) => {
                self.note_over(event, Outcome::Done, "").await?;
                Ok(Confirmation::Taken(told(&codes)))
            }
            Err(why) => {
                self.note_over(event, Outcome::Refused, why.as_str())
                    .await?;
                self.again(&session.person).await
            }
        }
    }

    /// The same offer once more, if it still stands.
    async fn again(&self, person: &avouch_access::Person) -> Result<Confirmation, DeskError> {
        let offer = self.core.access.offered(person).await.map_err(unable)?;
        Ok(offer.map_or(Confirmation::Late, |offer| {
            Confirmation::Refused(self.offer(&offer))
        }))
    }

    fn offer(&self, offer: &Offer) -> FactorOffer {
        let address = offer.address(&self.core.statement.service.name);
        FactorOffer {
            key: Secret::new(offer.key().expose().clone()),
            address: Secret::new(address.expose().clone()),
        }
    }

    async fn may(&self, actor: &Actor, act: Act<'_>) -> Result<Permit, DeskError> {
        let (session, _) = self.own(actor).await?;
        let (access, now) = (&self.core.access, self.core.now());
        let reach = access.settings().reach.as_ref();
        let of_backups =
            matches!(act, Act::Backups | Act::Drill(_) | Act::Restore { .. }) && reach.is_some();
        let factor = match act {
            _ if of_backups => access.shown(&session, now),
            Act::OwnFactor => access.shown(&session, now),
            Act::Backups => Shown::Unneeded,
            _ => access.shown_for_act(&session, now),
        };
        let needed = of_backups || act == Act::OwnFactor;
        let (permit, why) = match factor {
            _ if of_backups && !access.reaches_backups(&session.person) => {
                (Permit::Refused, "not one of those who reach backups")
            }
            Shown::Unneeded if !needed => return Ok(Permit::Granted),
            Shown::Fresh => {
                let second = reach.is_some_and(|reach| reach.second_person);
                return match act {
                    Act::Drill(tenant) | Act::Restore { tenant, .. } if second => {
                        let tenant = tenant.parse().ok();
                        self.with_second(actor, &session, &self.words(act), tenant.as_ref())
                            .await
                    }
                    _ => Ok(Permit::Granted),
                };
            }
            Shown::Stale => (Permit::ShowFactor, "the second factor was not shown lately"),
            Shown::Absent | Shown::Unneeded => (Permit::SetUpFactor, "there is no second factor"),
        };
        let event = own_event(actor, Action::Request, &self.words(act));
        self.note_over(event, Outcome::Refused, why).await?;
        Ok(permit)
    }

    /// What was asked for, in the trail's words and a second person's.
    fn words(&self, act: Act<'_>) -> String {
        match act {
            Act::OwnFactor => "change the own second factor".to_owned(),
            Act::Accounts => "change accounts".to_owned(),
            Act::Pack(tenant) => format!("download the pack of {tenant}"),
            Act::Drill(tenant) => format!("start a drill of {tenant}"),
            Act::Restore {
                tenant,
                source,
                when,
            } => {
                let owner = tenant.parse().map(Owner::Tenant).ok();
                let shown = owner
                    .and_then(|owner| self.core.backups.moment_shown(&owner, source, when).ok());
                let shown = shown.as_deref().unwrap_or(when);
                format!("restore {tenant}, {source}, as it was at {shown}")
            }
            Act::Trail => "take events of the audit trail away".to_owned(),
            Act::Share => "share the audit trail".to_owned(),
            Act::Backups => "reach backups".to_owned(),
            Act::Approve => "approve as a second person".to_owned(),
        }
    }
}

impl SecondFactors for Reception {
    fn finish(&self, step: HalfStep) -> Answer<'_, HalfOutcome> {
        Box::pin(self.try_finish(step))
    }

    fn offer_halfway<'a>(&'a self, half: &'a Secret) -> Answer<'a, Option<FactorOffer>> {
        Box::pin(async move {
            let now = self.core.now();
            let offer = self.core.access.offer_halfway(&kept(half), now).await;
            Ok(offer.map_err(unable)?.map(|offer| self.offer(&offer)))
        })
    }

    fn confirm_halfway(&self, step: HalfStep) -> Answer<'_, Confirmation> {
        Box::pin(self.try_confirm_halfway(step))
    }

    fn own_factor<'a>(&'a self, actor: &'a Actor) -> Answer<'a, OwnFactor> {
        Box::pin(async move {
            let (session, _) = self.own(actor).await?;
            let left = self.core.access.recovery_left(&session.person).await;
            let left = left.map_err(unable)?;
            Ok(OwnFactor {
                since: session.person.second_factor,
                demanded: self.core.access.demands(&session.person),
                recovery_left: u64::try_from(left).unwrap_or(u64::MAX),
            })
        })
    }

    fn offer_factor<'a>(&'a self, actor: &'a Actor) -> Answer<'a, FactorOffer> {
        Box::pin(async move {
            let (session, _) = self.own(actor).await?;
            if session.person.second_factor.is_some() {
                return Err(DeskError::Absent);
            }
            let offer = self.core.access.offer(&session).await.map_err(unable)?;
            Ok(self.offer(&offer))
        })
    }

    fn confirm_factor<'a>(&'a self, actor: &'a Actor, code: Secret) -> Answer<'a, Confirmation> {
        Box::pin(async move { self.try_confirm(actor, &code).await })
    }

    fn show_factor<'a>(&'a self, actor: &'a Actor, code: Secret) -> Answer<'a, bool> {
        Box::pin(async move {
            let (session, token) = self.own(actor).await?;
            let (access, now) = (&self.core.access, self.core.now());
            let taken = access
                .show_again(&session, &token, &kept(&code), &actor.client, now)
                .await
                .map_err(unable)?;
            let (outcome, why) = match taken {
                Ok(()) => (Outcome::Done, ""),
                Err(why) => (Outcome::Refused, why.as_str()),
            };
            let event = own_event(actor, Action::SignIn, SHOW);
            self.note_over(event, outcome, why).await?;
            Ok(taken.is_ok())
        })
    }

    fn renew_recovery<'a>(&'a self, actor: &'a Actor) -> Answer<'a, Vec<Secret>> {
        Box::pin(async move {
            let (session, _) = self.own(actor).await?;
            let act = self.core.access.renew_recovery(&session, self.core.now());
            let tenant = actor.person.tenant.as_deref();
            let codes = self
                .manage(actor, "recovery codes", &own_account(actor), tenant, act)
                .await?;
            Ok(told(&codes))
        })
    }

    fn remove_own_factor<'a>(&'a self, actor: &'a Actor) -> Answer<'a, ()> {
        Box::pin(async move {
            let (session, _) = self.own(actor).await?;
            let act = self
                .core
                .access
                .remove_own_factor(&session, self.core.now());
            let tenant = actor.person.tenant.as_deref();
            let parameters = own_account(actor);
            self.manage(actor, "own second factor remove", &parameters, tenant, act)
                .await
        })
    }

    fn remove_factor<'a>(&'a self, actor: &'a Actor, id: &'a str) -> Answer<'a, ()> {
        Box::pin(async move {
            let by = self.nominator(actor, "person second factor remove").await?;
            let person = PersonId::new(id);
            let account = self.account(actor, id).await?;
            let act = self
                .core
                .access
                .remove_factor(&by, &person, self.core.latest());
            let (parameters, tenant) = (account.named(id), account.tenant.as_deref());
            self.manage(
                actor,
                "person second factor remove",
                &parameters,
                tenant,
                act,
            )
            .await
        })
    }

    fn permit<'a>(&'a self, actor: &'a Actor, act: Act<'a>) -> Answer<'a, Permit> {
        Box::pin(self.may(actor, act))
    }
}

/// An event of the actor's own second factor.
fn own_event(actor: &Actor, action: Action, what: &str) -> Event {
    asker(actor)
        .event(action, what)
        .of(tenant_of(actor).as_ref())
        .with("email", &actor.person.email)
}

/// How an event names the actor's own account.
fn own_account(actor: &Actor) -> [(&'static str, &str); 1] {
    [("email", &actor.person.email)]
}

fn kept(secret: &Secret) -> Kept<String> {
    Kept::new(secret.reveal().to_owned())
}

fn told(codes: &RecoveryCodes) -> Vec<Secret> {
    codes
        .expose()
        .map(|code| Secret::new(code.to_owned()))
        .collect()
}
