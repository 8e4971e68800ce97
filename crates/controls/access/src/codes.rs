//! How a sign-in reaches another host without its password or its token going there.
//!
//! The right password earns a pass, which stays at the host that saw the password and is good for one target. The target
//! marks the browser with a random state and sends it back with the state's digest; the pass then becomes a code, which
//! opens one session at that target in that browser. So a code that somebody was given for themselves signs nobody else in.

use crate::{
    Access, AccessError, NewSession, Person, SignedIn, TokenDigest,
    people::{Account, account_columns},
    random,
    sessions::Opening,
    sign_in::SignInId,
};
use avouch_keyring::Secret;
use avouch_store::{micros, timestamp};
use jiff::{SignedDuration, Timestamp};
use sqlx::{Row as _, Sqlite, Transaction, sqlite::SqliteRow};

/// Long enough for a few redirects on a slow line.
const LIFE: SignedDuration = SignedDuration::from_secs(60);

/// SHA-256 of the state with which a host has marked a browser.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StateDigest(pub [u8; 32]);

/// Why a pass or a code opens nothing: for the audit trail. Whoever handed it in gets one answer to all of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dead {
    /// There is none such.
    Unknown,
    /// It was handed in before.
    Used,
    /// It is more than a minute old.
    Late,
    /// It is for another host.
    Elsewhere,
    /// The browser is not the one that the host sent to sign in.
    OtherBrowser,
    /// The account has been closed since.
    Closed,
}

impl Dead {
    /// In a few words, for an event.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unknown => "there is no such code",
            Self::Used => "the code was used before",
            Self::Late => "the code is too old",
            Self::Elsewhere => "the code is for another host",
            Self::OtherBrowser => "the code was made for another browser",
            Self::Closed => "the account is closed",
        }
    }
}

/// A pass or a code that opens nothing, and whose it was where that is known.
#[derive(Debug, Clone)]
pub struct Turned {
    /// Why.
    pub why: Dead,
    /// Who signed in.
    pub person: Option<Person>,
}

impl Access {
    /// A pass to `target` (a host without its port) for whoever has just signed in: good once, for a minute.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn pass(
        &self,
        signed_in: &SignedIn,
        target: &str,
        now: Timestamp,
    ) -> Result<Secret<String>, AccessError> {
        let pass = Ticket {
            person: signed_in.person.id.as_str().to_owned(),
            sign_in: signed_in.id,
            signed_in: signed_in.at,
            verified: signed_in.verified,
            target: target.to_owned(),
            expires: now + LIFE,
            used: false,
            state: None,
        };
        let mut work = self.store.write().await?;
        let token = pass.write(&mut work).await?;
        work.commit().await?;
        Ok(token)
    }

    /// Exchanges a pass to `target` for a code there, for the browser that the target has marked.
    ///
    /// # Errors
    /// If the store fails; a pass that is not good is not an error.
    pub async fn code(
        &self,
        pass: &Secret<String>,
        target: &str,
        browser: &StateDigest,
        now: Timestamp,
    ) -> Result<Result<Secret<String>, Turned>, AccessError> {
        let mut work = self.store.write().await?;
        let spent = self.spend(&mut work, pass, target, As::Pass, now);
        let exchanged = match spent.await? {
            Err(turned) => Err(turned),
            Ok((pass, _)) => {
                let code = Ticket {
                    expires: now + LIFE,
                    state: Some(browser.0.to_vec()),
                    ..pass
                };
                Ok(code.write(&mut work).await?)
            }
        };
        work.commit().await?;
        Ok(exchanged)
    }

    /// Exchanges a code for a session at `host`, in the browser that the host has marked. A session that the browser had
    /// there before ends.
    ///
    /// A code that is handed in by another browser or at another host is used up all the same: it has been seen where it
    /// should not be.
    ///
    /// # Errors
    /// If the store fails; a code that is not good is not an error.
    pub async fn enter(
        &self,
        code: &Secret<String>,
        host: &str,
        browser: Option<&StateDigest>,
        before: Option<&TokenDigest>,
        now: Timestamp,
    ) -> Result<Result<NewSession, Turned>, AccessError> {
        let mut work = self.store.write().await?;
        let spent = self.spend(&mut work, code, host, As::Code(browser), now);
        let opened = match spent.await? {
            Err(turned) => Err(turned),
            Ok((code, person)) => {
                let opening = Opening::of(&person, code.sign_in, host, code.signed_in, now);
                let opening = opening.verified(code.verified);
                Ok(opening.write(&mut work).await?)
            }
        };
        let ended = match (&opened, before) {
            (Ok(_), Some(before)) => crate::endings::of_token(&mut work, before, host).await?,
            _ => Vec::new(),
        };
        self.commit(work).await?;
        self.tell(&ended).await;
        Ok(opened)
    }

    /// Uses a pass or a code up, and says whose it is if it is good at this host and now.
    async fn spend(
        &self,
        work: &mut Transaction<'static, Sqlite>,
        token: &Secret<String>,
        host: &str,
        handed_in: As<'_>,
        now: Timestamp,
    ) -> Result<Result<(Ticket, Person), Turned>, AccessError> {
        let digest = random::digest(token.expose());
        let sql = "select person, sign_in, signed_in, verified, target, expires, used, state from code where digest = $1";
        let row = sqlx::query(sql)
            .bind(digest.as_slice())
            .fetch_optional(&mut **work)
            .await?;
        let Some(row) = row else {
            let why = Dead::Unknown;
            return Ok(Err(Turned { why, person: None }));
        };
        sqlx::query("update code set used = $2 where digest = $1 and used is null")
            .bind(digest.as_slice())
            .bind(micros(now))
            .execute(&mut **work)
            .await?;
        let ticket = Ticket::read(&row)?;
        let holder = sqlx::query(concat!(
            "select ",
            account_columns!(),
            " from person where id = $1"
        ))
        .bind(&ticket.person)
        .fetch_one(&mut **work)
        .await?;
        let person = Account::read(&holder, &self.seals)?.person;
        Ok(match ticket.dead(host, handed_in, &person, now) {
            None => Ok((ticket, person)),
            Some(why) => Err(Turned {
                why,
                person: Some(person),
            }),
        })
    }
}

/// What somebody hands in.
#[derive(Clone, Copy)]
enum As<'a> {
    Pass,
    /// With the state of the browser that brings it, if it has one.
    Code(Option<&'a StateDigest>),
}

/// A row of the table: a pass, or a code.
struct Ticket {
    person: String,
    sign_in: SignInId,
    signed_in: Timestamp,
    verified: Option<Timestamp>,
    target: String,
    expires: Timestamp,
    used: bool,
    /// A code's.
    state: Option<Vec<u8>>,
}

impl Ticket {
    fn dead(&self, host: &str, handed_in: As<'_>, holder: &Person, now: Timestamp) -> Option<Dead> {
        let (same_kind, same_browser) = match (handed_in, &self.state) {
            (As::Pass, None) => (true, true),
            (As::Code(browser), Some(state)) => {
                (true, browser.is_some_and(|browser| browser.0 == **state))
            }
            _ => (false, false),
        };
        if !same_kind {
            Some(Dead::Unknown)
        } else if self.used {
            Some(Dead::Used)
        } else if now >= self.expires {
            Some(Dead::Late)
        } else if self.target != host {
            Some(Dead::Elsewhere)
        } else if !same_browser {
            Some(Dead::OtherBrowser)
        } else if !holder.is_open() {
            Some(Dead::Closed)
        } else {
            None
        }
    }

    fn read(row: &SqliteRow) -> Result<Self, AccessError> {
        let sign_in: Vec<u8> = row.try_get("sign_in")?;
        let used: Option<i64> = row.try_get("used")?;
        let verified: Option<i64> = row.try_get("verified")?;
        Ok(Self {
            person: row.try_get("person")?,
            sign_in: sign_in
                .try_into()
                .map_err(|_| AccessError::Corrupt { what: "a sign-in" })?,
            signed_in: timestamp(row.try_get("signed_in")?)?,
            verified: verified.map(timestamp).transpose()?,
            target: row.try_get("target")?,
            expires: timestamp(row.try_get("expires")?)?,
            used: used.is_some(),
            state: row.try_get("state")?,
        })
    }

    /// Writes it under a new token, which is told this once.
    async fn write(
        self,
        work: &mut Transaction<'static, Sqlite>,
    ) -> Result<Secret<String>, AccessError> {
        let token = random::token()?;
        sqlx::query(
            "insert into code (digest, person, sign_in, signed_in, target, expires, state, verified) \
             values ($1, $2, $3, $4, $5, $6, $7, $8)",
        )
        .bind(random::digest(token.expose()).as_slice())
        .bind(self.person)
        .bind(self.sign_in.as_slice())
        .bind(micros(self.signed_in))
        .bind(self.target)
        .bind(micros(self.expires))
        .bind(self.state)
        .bind(self.verified.map(micros))
        .execute(&mut **work)
        .await?;
        Ok(token)
    }
}
