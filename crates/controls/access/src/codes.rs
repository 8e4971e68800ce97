//! One-time codes: how a sign-in reaches another host without its password or its token going there.

use crate::{
    Access, AccessError, NewSession, SignedIn,
    people::{Account, account_columns},
    random,
    sessions::Opening,
    sign_in::SignInId,
};
use avouch_keyring::Secret;
use avouch_store::{micros, timestamp};
use jiff::{SignedDuration, Timestamp};
use sqlx::{Row as _, sqlite::SqliteRow};

/// Long enough for one redirect on a slow line.
const LIFE: SignedDuration = SignedDuration::from_secs(60);

impl Access {
    /// A code that opens one session for this sign-in at `target` (a host without its port), once, within a minute.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn code(
        &self,
        signed_in: &SignedIn,
        target: &str,
        now: Timestamp,
    ) -> Result<Secret<String>, AccessError> {
        let code = random::token()?;
        let mut work = self.store.write().await?;
        sqlx::query("insert into code (digest, person, sign_in, signed_in, target, expires) values ($1, $2, $3, $4, $5, $6)")
            .bind(random::digest(code.expose()).as_slice())
            .bind(signed_in.person.id.as_str())
            .bind(signed_in.id.as_slice())
            .bind(micros(signed_in.at))
            .bind(target)
            .bind(micros(now + LIFE))
            .execute(&mut *work)
            .await?;
        work.commit().await?;
        Ok(code)
    }

    /// Exchanges a code for a session at `host`. `None` if there is no such code, or it was used, is too old, or is for
    /// another host, or the account has been closed since.
    ///
    /// A code that is handed in at the wrong host is used up all the same: it has been seen where it should not be.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn enter(
        &self,
        code: &Secret<String>,
        host: &str,
        now: Timestamp,
    ) -> Result<Option<NewSession>, AccessError> {
        let mut work = self.store.write().await?;
        let spent = sqlx::query(
            "update code set used = $2 where digest = $1 and used is null \
             returning person, sign_in, signed_in, target, expires",
        )
        .bind(random::digest(code.expose()).as_slice())
        .bind(micros(now))
        .fetch_optional(&mut *work)
        .await?;
        let Some(spent) = spent else { return Ok(None) };
        let spent = Spent::read(&spent)?;
        let holder = sqlx::query(concat!(
            "select ",
            account_columns!(),
            " from person where id = $1"
        ))
        .bind(&spent.person)
        .fetch_optional(&mut *work)
        .await?;
        let holder = holder
            .map(|row| Account::read(&row, &self.seals))
            .transpose()?;
        let opened = match holder.filter(Account::is_open) {
            Some(Account { person, .. }) if spent.target == host && now < spent.expires => Some(
                Opening::of(&person, spent.sign_in, host, spent.signed_in, now)
                    .write(&mut work)
                    .await?,
            ),
            _ => None,
        };
        self.commit(work).await?;
        Ok(opened)
    }
}

struct Spent {
    person: String,
    sign_in: SignInId,
    signed_in: Timestamp,
    target: String,
    expires: Timestamp,
}

impl Spent {
    fn read(row: &SqliteRow) -> Result<Self, AccessError> {
        let sign_in: Vec<u8> = row.try_get("sign_in")?;
        Ok(Self {
            person: row.try_get("person")?,
            sign_in: sign_in
                .try_into()
                .map_err(|_| AccessError::Corrupt { what: "a sign-in" })?,
            signed_in: timestamp(row.try_get("signed_in")?)?,
            target: row.try_get("target")?,
            expires: timestamp(row.try_get("expires")?)?,
        })
    }
}
