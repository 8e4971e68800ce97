//! Half way in: the password was right, and the second factor is still to come.

use crate::{
    Access, AccessError, CodeRefusal, Offer, Person, PersonId, RecoveryCodes, SignedIn, random,
    sign_in::SignInId,
};
use avouch_keyring::Secret;
use avouch_store::{micros, timestamp};
use jiff::{SignedDuration, Timestamp};
use sqlx::{Row as _, Sqlite, Transaction, sqlite::SqliteRow};

/// Long enough to find a telephone, and to set an application up on it.
const LIFE: SignedDuration = SignedDuration::from_mins(10);

/// What a right password did not do alone.
#[derive(Debug, Clone)]
pub struct Halfway {
    /// Who.
    pub person: Person,
    /// What is still to come.
    pub wants: Wanted,
    at: Timestamp,
    id: SignInId,
    verified: Option<Timestamp>,
}

/// What is still to come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wanted {
    /// A code.
    Code,
    /// A second factor, to be set up.
    Enrolment,
    /// Nothing more: it was set up just now.
    Nothing,
}

/// A second factor that did not let somebody in, and who they are where that is known.
#[derive(Debug, Clone)]
pub struct Stopped {
    /// Why.
    pub why: CodeRefusal,
    /// Who gave the password.
    pub person: Option<Person>,
}

impl Access {
    /// Where this token has come to; `None` if it is no longer good.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn halfway(
        &self,
        token: &Secret<String>,
        now: Timestamp,
    ) -> Result<Option<Halfway>, AccessError> {
        let mut work = self.store.write().await?;
        self.read_halfway(&mut work, token, now).await
    }

    /// Offers a second factor to somebody half way in who has none; `None` if the token is no longer good, or they have.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn offer_halfway(
        &self,
        token: &Secret<String>,
        now: Timestamp,
    ) -> Result<Option<Offer>, AccessError> {
        let mut work = self.store.write().await?;
        let halfway = self.read_halfway(&mut work, token, now).await?;
        let Some(halfway) = halfway.filter(|halfway| halfway.wants == Wanted::Enrolment) else {
            return Ok(None);
        };
        let offer = self.offer_to(&mut work, &halfway.person.id).await?;
        work.commit().await?;
        Ok(Some(offer))
    }

    /// Confirms what was offered half way by its first code.
    ///
    /// # Errors
    /// If the store fails; a code that is not taken is not an error.
    pub async fn confirm_halfway(
        &self,
        token: &Secret<String>,
        typed: &Secret<String>,
        client: &str,
        now: Timestamp,
    ) -> Result<Result<RecoveryCodes, Stopped>, AccessError> {
        let person = match self.to_try(token, client, now).await? {
            Ok(halfway) => halfway.person,
            Err(stopped) => return Ok(Err(stopped)),
        };
        let mut work = self.store.write().await?;
        let confirmed = self
            .confirm_for(&mut work, &person.id, typed, client, now)
            .await?;
        if confirmed.is_ok() {
            sqlx::query("update halfway set verified = $2 where digest = $1")
                .bind(random::digest(token.expose()).as_slice())
                .bind(micros(now))
                .execute(&mut *work)
                .await?;
        }
        self.commit(work).await?;
        Ok(confirmed.map_err(|why| Stopped {
            why,
            person: Some(person),
        }))
    }

    /// Signs somebody in who is half way, by a code; without one if they have set their second factor up just now.
    ///
    /// # Errors
    /// If the store fails; a code that is not taken is not an error.
    pub async fn finish(
        &self,
        token: &Secret<String>,
        typed: &Secret<String>,
        client: &str,
        now: Timestamp,
    ) -> Result<Result<SignedIn, Stopped>, AccessError> {
        let halfway = match self.to_try(token, client, now).await? {
            Ok(halfway) => halfway,
            Err(stopped) => return Ok(Err(stopped)),
        };
        let mut work = self.store.write().await?;
        let account = self.account(&mut work, &halfway.person.id).await?;
        let stopped = |why| Stopped {
            why,
            person: Some(halfway.person.clone()),
        };
        // Again, now that nobody else can write: the token may have been used, or the account closed, meanwhile.
        let still = self.read_halfway(&mut work, token, now).await?;
        let (Some(still), Some(mut account)) = (still, account) else {
            return Ok(Err(stopped(CodeRefusal::Late)));
        };
        let verified = match still.verified {
            Some(at) => at,
            None => {
                let taken = self
                    .take(&mut work, &still.person.id, typed, client, now)
                    .await?;
                match taken {
                    Ok(()) => now,
                    Err(why) => return Ok(Err(stopped(why))),
                }
            }
        };
        sqlx::query("delete from halfway where digest = $1")
            .bind(random::digest(token.expose()).as_slice())
            .execute(&mut *work)
            .await?;
        account.person.signed_in = Some(now);
        account.save(&mut work, &self.seals).await?;
        self.commit(work).await?;
        Ok(Ok(SignedIn {
            person: account.person,
            at: still.at,
            verified: Some(verified),
            id: still.id,
        }))
    }

    /// The token's holder, if it is good and they have guesses left. Nothing more to come takes no guess.
    async fn to_try(
        &self,
        token: &Secret<String>,
        client: &str,
        now: Timestamp,
    ) -> Result<Result<Halfway, Stopped>, AccessError> {
        let Some(halfway) = self.halfway(token, now).await? else {
            return Ok(Err(Stopped {
                why: CodeRefusal::Late,
                person: None,
            }));
        };
        let free = halfway.wants == Wanted::Nothing;
        if free || self.turn(&halfway.person.id, client, now).await? {
            return Ok(Ok(halfway));
        }
        Ok(Err(Stopped {
            why: CodeRefusal::Throttled,
            person: Some(halfway.person),
        }))
    }

    async fn read_halfway(
        &self,
        work: &mut Transaction<'static, Sqlite>,
        token: &Secret<String>,
        now: Timestamp,
    ) -> Result<Option<Halfway>, AccessError> {
        let sql = "select person, sign_in, signed_in, verified from halfway where digest = $1 and expires > $2";
        let row = sqlx::query(sql)
            .bind(random::digest(token.expose()).as_slice())
            .bind(micros(now))
            .fetch_optional(&mut **work)
            .await?;
        let Some(row) = row else { return Ok(None) };
        let person = PersonId::new(row.try_get::<String, _>("person")?);
        let account = self.account(work, &person).await?;
        match account.filter(|account| account.is_open()) {
            Some(account) => read(&row, account.person).map(Some),
            None => Ok(None),
        }
    }
}

/// Notes that a password was right at `now`; the token is told this once.
pub(crate) async fn begin(
    work: &mut Transaction<'static, Sqlite>,
    person: &PersonId,
    now: Timestamp,
) -> Result<Secret<String>, AccessError> {
    let token = random::token()?;
    sqlx::query(
        "insert into halfway (digest, person, sign_in, signed_in, expires) values ($1, $2, $3, $4, $5)",
    )
    .bind(random::digest(token.expose()).as_slice())
    .bind(person.as_str())
    .bind(random::bytes::<16>()?.as_slice())
    .bind(micros(now))
    .bind(micros(now + LIFE))
    .execute(&mut **work)
    .await?;
    Ok(token)
}

fn read(row: &SqliteRow, person: Person) -> Result<Halfway, AccessError> {
    let sign_in: Vec<u8> = row.try_get("sign_in")?;
    let verified: Option<i64> = row.try_get("verified")?;
    let wants = match (verified, person.second_factor) {
        (Some(_), _) => Wanted::Nothing,
        (None, Some(_)) => Wanted::Code,
        (None, None) => Wanted::Enrolment,
    };
    Ok(Halfway {
        person,
        wants,
        at: timestamp(row.try_get("signed_in")?)?,
        id: sign_in
            .try_into()
            .map_err(|_| AccessError::Corrupt { what: "a sign-in" })?,
        verified: verified.map(timestamp).transpose()?,
    })
}
