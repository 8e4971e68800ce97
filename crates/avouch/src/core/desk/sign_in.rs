//! Signing in: the password earns a pass, the pass a code, the code a session. Each step leaves an event.

use avouch_access::{Refusal, SignedIn, StateDigest, TokenDigest, Tried, Turned};
use avouch_console::views::{Entry, Exchange, SignInAttempt, SignInOutcome};
use avouch_console::{DeskError, Moment, Secret, Target};
use avouch_events::{Action, Actor, Event, Outcome};

use super::{Reception, unable, visitor};
use crate::core::admission::{actor, session_mark};
use crate::core::strangers::Sort;

impl Reception {
    pub(super) async fn try_sign_in(
        &self,
        attempt: SignInAttempt,
    ) -> Result<SignInOutcome, DeskError> {
        let core = &self.core;
        let password = avouch_keyring::Secret::new(attempt.password.reveal().to_owned());
        let tried = core
            .access
            .sign_in(&attempt.email, &password, &attempt.client, core.now())
            .await
            .map_err(unable)?;
        match tried {
            Err(refusal) => {
                // The address that was typed may be a password typed into the wrong field, so it is not kept.
                let event = visitor(Actor::nobody(), &attempt.client, &attempt.moment)
                    .event(Action::SignIn, "sign in")
                    .ended(core.now(), Outcome::Refused, refusal.as_str());
                self.note_stranger(Sort::SignIn, event).await?;
                Ok(match refusal {
                    // A locked account answers like a wrong password; only a client's own flood is told to wait.
                    Refusal::Wrong | Refusal::AccountThrottled => SignInOutcome::Failed,
                    Refusal::ClientThrottled => SignInOutcome::Throttled {
                        retry_after: u32::try_from(
                            self.core.access.settings().lockout.within.as_secs(),
                        )
                        .unwrap_or(u32::MAX),
                    },
                })
            }
            Ok(Tried::In(signed_in)) => {
                self.admit(signed_in, attempt.to, &attempt.client, &attempt.moment)
                    .await
            }
            Ok(Tried::Half { person, token }) => {
                let what = "give the password, before the second factor";
                let event = visitor(actor(&person), &attempt.client, &attempt.moment)
                    .event(Action::SignIn, what)
                    .of(person.tenant.as_ref());
                self.note_over(event, Outcome::Done, "").await?;
                Ok(SignInOutcome::Half {
                    half: Secret::new(token.expose().clone()),
                    set_up: person.second_factor.is_some(),
                })
            }
        }
    }

    pub(super) async fn admit(
        &self,
        signed_in: SignedIn,
        to: Option<Target>,
        client: &str,
        moment: &Moment,
    ) -> Result<SignInOutcome, DeskError> {
        let core = &self.core;
        let own = signed_in.person.tenant.clone();
        let asker = visitor(actor(&signed_in.person), client, moment);
        let target = match (to, &own) {
            (Some(Target::Tenant(wanted)), Some(own)) if wanted == own.as_str() => {
                Target::Tenant(wanted)
            }
            (Some(Target::Tenant(_)), _) => {
                let event = asker.event(Action::SignIn, "sign in").of(own.as_ref());
                let why = "the right password, at another organisation's door";
                self.note_over(event, Outcome::Refused, why).await?;
                return Ok(SignInOutcome::Failed);
            }
            (Some(Target::Console) | None, None) => Target::Console,
            (Some(Target::Console), Some(_)) => Target::Console,
            (None, Some(own)) => Target::Tenant(own.to_string()),
        };
        let event = asker
            .event(Action::SignIn, format!("sign in to {}", target.label()))
            .of(own.as_ref());
        self.note_over(event, Outcome::Done, "").await?;
        let pass = core
            .access
            .pass(&signed_in, &self.host(&target), core.now())
            .await
            .map_err(unable)?;
        Ok(SignInOutcome::Admitted {
            target,
            pass: Secret::new(pass.expose().clone()),
        })
    }

    pub(super) async fn exchange(&self, exchange: Exchange) -> Result<Option<Secret>, DeskError> {
        let core = &self.core;
        let host = self.host(&exchange.target);
        let pass = avouch_keyring::Secret::new(exchange.pass.reveal().to_owned());
        let browser = StateDigest(exchange.browser.0);
        let exchanged = core.access.code(&pass, &host, &browser, core.now()).await;
        match exchanged.map_err(unable)? {
            Ok(code) => Ok(Some(Secret::new(code.expose().clone()))),
            Err(turned) => {
                let what = format!("go on to {host}");
                self.turned_away(what, turned, &exchange.client, &exchange.moment)
                    .await?;
                Ok(None)
            }
        }
    }

    pub(super) async fn admit_to(&self, entry: Entry) -> Result<Option<Secret>, DeskError> {
        let core = &self.core;
        let code = avouch_keyring::Secret::new(entry.code.reveal().to_owned());
        let entered = core
            .access
            .enter(
                &code,
                &entry.host,
                entry.browser.map(|state| StateDigest(state.0)).as_ref(),
                entry.before.map(|before| TokenDigest(before.0)).as_ref(),
                core.now(),
            )
            .await
            .map_err(unable)?;
        let what = format!("enter {}", entry.host);
        match entered {
            Ok(opened) => {
                let person = &opened.session.person;
                let event = visitor(actor(person), &entry.client, &entry.moment)
                    .event(Action::SignIn, what)
                    .of(person.tenant.as_ref())
                    .within(session_mark(&opened.session));
                self.note_over(event, Outcome::Done, "").await?;
                Ok(Some(Secret::new(opened.token.expose().clone())))
            }
            Err(turned) => {
                self.turned_away(what, turned, &entry.client, &entry.moment)
                    .await?;
                Ok(None)
            }
        }
    }

    /// Records that a pass or a code opened nothing, in the trail of whose it was.
    async fn turned_away(
        &self,
        what: String,
        turned: Turned,
        client: &str,
        moment: &Moment,
    ) -> Result<(), DeskError> {
        let person = turned.person.as_ref();
        let event = visitor(person.map_or_else(Actor::nobody, actor), client, moment)
            .event(Action::SignIn, what)
            .of(person.and_then(|person| person.tenant.as_ref()))
            .ended(self.core.now(), Outcome::Refused, turned.why.as_str());
        self.note_stranger(Sort::SignIn, event).await
    }

    /// Records what a stranger was refused; where there is no room for an event of its own it is only counted, so that
    /// nobody without an account can fill the disk.
    pub(super) async fn note_stranger(&self, sort: Sort, event: Event) -> Result<(), DeskError> {
        if self.core.strangers.write(sort, &event, self.core.now()) {
            self.note(event).await
        } else {
            Ok(())
        }
    }
}
