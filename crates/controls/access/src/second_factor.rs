//! The second factor: a code from an application that the person has, or a recovery code; each is taken once.
//!
//! It is offered, and confirmed by a first code; from then on a password alone is not enough. The statement may demand one
//! of a role: then a right password leads to setting one up. An administrator takes somebody else's away, who then sets up
//! another.

pub(crate) mod kept;
mod recovery;
pub(crate) mod totp;

pub use recovery::RecoveryCodes;

use crate::{
    Access, AccessError, Administrator, Forbidden, Guest, Person, PersonId, Session, TokenDigest,
    endings,
    people::{Account, account_columns},
    throttle::{self, Turn},
};
use avouch_keyring::Secret;
use avouch_store::micros;
use jiff::{SignedDuration, Timestamp};
use kept::Factor;
use sqlx::{Sqlite, Transaction};
use totp::Key;

/// How long a code counts for somebody who has a second factor of their own accord.
const AGAIN_AFTER: SignedDuration = SignedDuration::from_mins(15);

/// A second factor that is offered, to be shown to the person this once.
#[derive(Debug, Clone)]
pub struct Offer {
    key: Key,
    email: String,
}

/// Why a code was not taken: for the audit trail. Whoever typed it gets one answer to all of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CodeRefusal {
    /// It is neither the code of now nor an unused recovery code.
    Wrong,
    /// It was taken before, or is older than one that was.
    Again,
    /// There were too many wrong ones.
    Throttled,
    /// There is no second factor, or not the one that was set up.
    Missing,
    /// The password was given too long ago, or the session has ended.
    Late,
}

/// Whether the second factor was shown lately enough for something dangerous.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shown {
    /// There is none, and none is demanded.
    Unneeded,
    /// It was.
    Fresh,
    /// It is to be shown again.
    Stale,
    /// One is demanded, and is to be set up.
    Absent,
}

impl CodeRefusal {
    /// In a few words, for an event.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Wrong => "the code is wrong",
            Self::Again => "the code was used before",
            Self::Throttled => "too many wrong codes",
            Self::Missing => "the second factor is missing or was changed outside Avouch",
            Self::Late => "the password was given too long ago",
        }
    }
}

impl Offer {
    /// What to type into the application.
    #[must_use]
    pub fn key(&self) -> Secret<String> {
        self.key.text()
    }

    /// What the picture says, under the service's name. Source: the Key URI Format of Google Authenticator.
    #[must_use]
    pub fn address(&self, service: &str) -> Secret<String> {
        let (service, email) = (escaped(service), escaped(&self.email));
        let key = self.key.text();
        Secret::new(format!(
            "otpauth://totp/{service}:{email}?secret={}&issuer={service}&algorithm=SHA1&digits=6&period=30",
            key.expose()
        ))
    }
}

impl Access {
    /// Whether this person may not do without.
    pub fn demands(&self, person: &Person) -> bool {
        match person.synthetic {
            true => self.stand_ins().contains(&person.id),
            false => self
                .settings
                .second_factor
                .as_ref()
                .is_some_and(|promised| promised.of.contains(&person.role)),
        }
    }

    /// Whether the second factor was shown lately enough in this session.
    #[must_use]
    pub fn shown(&self, session: &Session, now: Timestamp) -> Shown {
        let person = &session.person;
        let demanded = self.demands(person);
        let again_after = self
            .settings
            .second_factor
            .as_ref()
            .map_or(AGAIN_AFTER, |promised| promised.again_after);
        match (person.second_factor, session.verified) {
            (None, _) if demanded => Shown::Absent,
            (None, _) => Shown::Unneeded,
            (Some(_), Some(at)) if now.duration_since(at).abs() < again_after => Shown::Fresh,
            (Some(_), _) => Shown::Stale,
        }
    }

    /// The same for what only those must show it for of whom the statement demands one.
    #[must_use]
    pub fn shown_for_act(&self, session: &Session, now: Timestamp) -> Shown {
        match self.demands(&session.person) {
            true => self.shown(session, now),
            false => Shown::Unneeded,
        }
    }

    /// Offers a second factor to whoever has this session.
    ///
    /// # Errors
    /// If they have one, or the store fails.
    pub async fn offer(&self, session: &Session) -> Result<Offer, AccessError> {
        let mut work = self.store.write().await?;
        let offer = self.offer_to(&mut work, &session.person.id).await?;
        work.commit().await?;
        Ok(offer)
    }

    /// Confirms what was offered by its first code. The session counts as having shown it.
    ///
    /// # Errors
    /// If the store fails; a code that is not taken is not an error.
    pub async fn confirm(
        &self,
        session: &Session,
        token: &TokenDigest,
        typed: &Secret<String>,
        client: &str,
        now: Timestamp,
    ) -> Result<Result<RecoveryCodes, CodeRefusal>, AccessError> {
        let id = &session.person.id;
        let Some(mut work) = self.may_show(id, client, now).await? else {
            return Ok(Err(CodeRefusal::Throttled));
        };
        let confirmed = self.confirm_for(&mut work, id, typed, client, now).await?;
        self.shown_in(work, token, now, confirmed).await
    }

    /// Takes a code again in a session that is under way.
    ///
    /// # Errors
    /// If the store fails; a code that is not taken is not an error.
    pub async fn show_again(
        &self,
        session: &Session,
        token: &TokenDigest,
        typed: &Secret<String>,
        client: &str,
        now: Timestamp,
    ) -> Result<Result<(), CodeRefusal>, AccessError> {
        let id = &session.person.id;
        let Some(mut work) = self.may_show(id, client, now).await? else {
            return Ok(Err(CodeRefusal::Throttled));
        };
        let taken = self.take(&mut work, id, typed, client, now).await?;
        self.shown_in(work, token, now, taken).await
    }

    /// Begins to take a code in a session; `None` if there were too many wrong ones.
    async fn may_show(
        &self,
        id: &PersonId,
        client: &str,
        now: Timestamp,
    ) -> Result<Option<Transaction<'static, Sqlite>>, AccessError> {
        match self.turn(id, client, now).await? {
            true => Ok(Some(self.store.write().await?)),
            false => Ok(None),
        }
    }

    /// The session counts as having shown the second factor, if the code was taken.
    async fn shown_in<T>(
        &self,
        mut work: Transaction<'static, Sqlite>,
        token: &TokenDigest,
        now: Timestamp,
        taken: Result<T, CodeRefusal>,
    ) -> Result<Result<T, CodeRefusal>, AccessError> {
        if taken.is_ok() {
            sqlx::query("update session set verified = $2 where token_digest = $1")
                .bind(token.0.as_slice())
                .bind(micros(now))
                .execute(&mut *work)
                .await?;
        }
        self.commit(work).await?;
        Ok(taken)
    }

    /// Makes new recovery codes; the old ones are dead.
    ///
    /// # Errors
    /// If the second factor was not shown lately, is missing, or the store fails.
    pub async fn renew_recovery(
        &self,
        session: &Session,
        now: Timestamp,
    ) -> Result<RecoveryCodes, AccessError> {
        if self.shown(session, now) != Shown::Fresh {
            return Err(Forbidden::Stale.into());
        }
        let codes = RecoveryCodes::draw()?;
        let mut work = self.store.write().await?;
        let mut factor = self
            .factor(&mut work, &session.person.id)
            .await?
            .ok_or(AccessError::Altered)?;
        factor.recovery = codes.digests();
        self.keep_factor(&mut work, &session.person.id, &factor)
            .await?;
        work.commit().await?;
        Ok(codes)
    }

    /// Takes one's own second factor away, where none is demanded.
    ///
    /// # Errors
    /// If it was not shown lately, one is demanded, or the store fails.
    pub async fn remove_own_factor(
        &self,
        session: &Session,
        now: Timestamp,
    ) -> Result<(), AccessError> {
        if self.demands(&session.person) {
            return Err(Forbidden::Demanded.into());
        }
        if self.shown(session, now) != Shown::Fresh {
            return Err(Forbidden::Stale.into());
        }
        self.take_away(&self.operator(), &session.person.id, now)
            .await
    }

    /// Takes somebody else's second factor away, and ends their sessions.
    ///
    /// # Errors
    /// If there is no such person within reach, it is the administrator's own, or the store fails.
    pub async fn remove_factor(
        &self,
        by: &Administrator,
        id: &PersonId,
        now: Timestamp,
    ) -> Result<(), AccessError> {
        if by.is(id) {
            return Err(Forbidden::OwnFactor.into());
        }
        self.take_away(by, id, now).await
    }

    async fn take_away(
        &self,
        by: &Administrator,
        id: &PersonId,
        now: Timestamp,
    ) -> Result<(), AccessError> {
        let mut work = self.store.write().await?;
        let mut account = self.find(&mut work, by, id).await?;
        if !account.person.intact {
            return Err(AccessError::Altered);
        }
        self.entrust(&mut work, by, &mut account, now).await?;
        account.person.second_factor = None;
        account.save(&mut work, &self.seals).await?;
        kept::forget(&mut work, id).await?;
        let ended = endings::of_person(&mut work, id).await?;
        self.commit(work).await?;
        self.tell(&ended).await;
        Ok(())
    }

    /// Gives a guest a second factor, as if they had set it up.
    pub(crate) async fn enrol(
        &self,
        guest: &Guest,
        now: Timestamp,
    ) -> Result<(Key, RecoveryCodes), AccessError> {
        let (key, recovery) = (Key::draw()?, RecoveryCodes::draw()?);
        let factor = Factor {
            key: key.clone(),
            confirmed: true,
            newest: i64::MIN,
            recovery: recovery.digests(),
        };
        let mut work = self.store.write().await?;
        let mut account = self.find(&mut work, &self.operator(), &guest.id).await?;
        account.person.second_factor = Some(now);
        account.save(&mut work, &self.seals).await?;
        self.keep_factor(&mut work, &guest.id, &factor).await?;
        self.commit(work).await?;
        Ok((key, recovery))
    }

    /// Offers a fresh second factor in place of one that was offered and not confirmed.
    pub(crate) async fn offer_to(
        &self,
        work: &mut Transaction<'static, Sqlite>,
        id: &PersonId,
    ) -> Result<Offer, AccessError> {
        let account = self.find(work, &self.operator(), id).await?;
        if account.person.second_factor.is_some() {
            return Err(Forbidden::Enrolled.into());
        }
        let factor = Factor {
            key: Key::draw()?,
            confirmed: false,
            newest: i64::MIN,
            recovery: Vec::new(),
        };
        self.keep_factor(work, id, &factor).await?;
        Ok(Offer {
            key: factor.key,
            email: account.person.email,
        })
    }

    /// What was offered and not confirmed, to be shown once more.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn offered(&self, person: &Person) -> Result<Option<Offer>, AccessError> {
        let mut work = self.store.write().await?;
        let factor = self.factor(&mut work, &person.id).await?;
        Ok(factor
            .filter(|factor| !factor.confirmed)
            .map(|factor| Offer {
                key: factor.key,
                email: person.email.clone(),
            }))
    }

    /// How many recovery codes this person has left.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn recovery_left(&self, person: &Person) -> Result<usize, AccessError> {
        let mut work = self.store.write().await?;
        let factor = self.factor(&mut work, &person.id).await?;
        Ok(factor.map_or(0, |factor| factor.recovery.len()))
    }

    pub(crate) async fn confirm_for(
        &self,
        work: &mut Transaction<'static, Sqlite>,
        id: &PersonId,
        typed: &Secret<String>,
        client: &str,
        now: Timestamp,
    ) -> Result<Result<RecoveryCodes, CodeRefusal>, AccessError> {
        let mut account = self.find(work, &self.operator(), id).await?;
        let offered = self.factor(work, id).await?;
        let offered = offered.filter(|factor| !factor.confirmed && account.is_open());
        let Some(mut factor) = offered.filter(|_| account.person.second_factor.is_none()) else {
            return Ok(Err(CodeRefusal::Missing));
        };
        let Some(step) = factor.key.step_of(typed.expose(), now) else {
            return Ok(Err(CodeRefusal::Wrong));
        };
        let codes = RecoveryCodes::draw()?;
        factor.confirmed = true;
        factor.newest = step;
        factor.recovery = codes.digests();
        account.person.second_factor = Some(now);
        account.save(work, &self.seals).await?;
        self.keep_factor(work, id, &factor).await?;
        throttle::succeeded(work, &counted_as(id), client, now).await?;
        Ok(Ok(codes))
    }

    /// Takes a code, once.
    pub(crate) async fn take(
        &self,
        work: &mut Transaction<'static, Sqlite>,
        id: &PersonId,
        typed: &Secret<String>,
        client: &str,
        now: Timestamp,
    ) -> Result<Result<(), CodeRefusal>, AccessError> {
        let confirmed = self
            .factor(work, id)
            .await?
            .filter(|factor| factor.confirmed);
        let Some(mut factor) = confirmed else {
            return Ok(Err(CodeRefusal::Missing));
        };
        match factor.key.step_of(typed.expose(), now) {
            Some(step) if step > factor.newest => factor.newest = step,
            Some(_) => return Ok(Err(CodeRefusal::Again)),
            None => {
                let digest = recovery::digest(typed.expose());
                let before = factor.recovery.len();
                factor.recovery.retain(|kept| Some(*kept) != digest);
                if factor.recovery.len() == before {
                    return Ok(Err(CodeRefusal::Wrong));
                }
            }
        }
        self.keep_factor(work, id, &factor).await?;
        throttle::succeeded(work, &counted_as(id), client, now).await?;
        Ok(Ok(()))
    }

    /// Takes a turn at guessing this person's code, if there is one left.
    pub(crate) async fn turn(
        &self,
        id: &PersonId,
        client: &str,
        now: Timestamp,
    ) -> Result<bool, AccessError> {
        let turn = self.take_turn(&counted_as(id), client, now).await?;
        Ok(turn == Turn::Taken)
    }

    /// The account as it is now.
    pub(crate) async fn account(
        &self,
        work: &mut Transaction<'static, Sqlite>,
        id: &PersonId,
    ) -> Result<Option<Account>, AccessError> {
        let row = sqlx::query(concat!(
            "select ",
            account_columns!(),
            " from person where id = $1"
        ))
        .bind(id.as_str())
        .fetch_optional(&mut **work)
        .await?;
        row.map(|row| Account::read(&row, &self.seals)).transpose()
    }
}

/// Guesses at codes are counted apart from guesses at passwords.
fn counted_as(id: &PersonId) -> String {
    format!("second factor of {id}")
}

/// Source: RFC 3986, 2.1.
fn escaped(text: &str) -> String {
    text.bytes()
        .map(
            |byte| match byte.is_ascii_alphanumeric() || b"-._~@".contains(&byte) {
                true => char::from(byte).to_string(),
                false => format!("%{byte:02X}"),
            },
        )
        .collect()
}
