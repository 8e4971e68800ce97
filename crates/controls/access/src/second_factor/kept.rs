//! What is kept of somebody's second factor: sealed as one, so that nobody who can write the store can give themselves one.
//!
//! The account's own seal says since when there is one, so taking the row away does not take the second factor away: it
//! leaves an account that nobody can sign in with until an administrator has reset it.

use super::totp::Key;
use crate::{Access, AccessError, PersonId};
use avouch_keyring::{KeyId, Secret};
use serde::{Deserialize, Serialize};
use sqlx::{Row as _, Sqlite, Transaction};

/// The name of the tables' part of the schema.
pub(crate) const PART: &str = "second factors";

/// The tables, and what accounts, sessions and codes say of them.
pub(crate) const SCHEMA: &str = "\
-- Since when the account has a second factor; covered by its seal.
alter table person add column second_factor integer;
-- When the second factor was last shown by whoever has the session, or brings the code.
alter table session add column verified integer;
alter table code add column verified integer;
-- Second factors, each sealed: what the application and we both know, the newest code taken, recovery codes as digests.
create table second_factor (
    person text primary key references person (id) on delete cascade,
    sealed blob not null
) strict, without rowid;
-- Sign-ins whose password was right and whose second factor is still to come, by the SHA-256 of their token.
create table halfway (
    digest    blob primary key,
    person    text not null references person (id) on delete cascade,
    sign_in   blob not null,
    signed_in integer not null,
    expires   integer not null,
    verified  integer
) strict, without rowid;
create index halfway_by_person on halfway (person);
";

/// Somebody's second factor, or one that they were offered and have not confirmed.
#[derive(Debug, Clone)]
pub(crate) struct Factor {
    pub(crate) key: Key,
    /// Whether a first code was given.
    pub(crate) confirmed: bool,
    /// The step of the newest code that was taken: that one, and those before it, are never taken again.
    pub(crate) newest: i64,
    /// SHA-256 of each recovery code that was not used yet.
    pub(crate) recovery: Vec<[u8; 32]>,
}

/// As it is sealed.
#[derive(Serialize, Deserialize)]
struct Plain {
    key: [u8; 20],
    confirmed: bool,
    newest: i64,
    recovery: Vec<[u8; 32]>,
}

impl Access {
    /// The factor of this person; `None` if there is no row, or it is not what was sealed for them.
    pub(super) async fn factor(
        &self,
        work: &mut Transaction<'static, Sqlite>,
        person: &PersonId,
    ) -> Result<Option<Factor>, AccessError> {
        let row = sqlx::query("select sealed from second_factor where person = $1")
            .bind(person.as_str())
            .fetch_optional(&mut **work)
            .await?;
        let Some(row) = row else { return Ok(None) };
        let sealed: Vec<u8> = row.try_get("sealed")?;
        Ok(self.unsealed(person, &sealed))
    }

    /// Those who have a row that is what was sealed for them.
    pub(crate) async fn enrolled(&self) -> Result<Vec<PersonId>, AccessError> {
        let rows = sqlx::query("select person, sealed from second_factor")
            .fetch_all(self.store.readers())
            .await?;
        let mut enrolled = Vec::new();
        for row in rows {
            let person = PersonId::new(row.try_get::<String, _>("person")?);
            let sealed: Vec<u8> = row.try_get("sealed")?;
            if self
                .unsealed(&person, &sealed)
                .is_some_and(|factor| factor.confirmed)
            {
                enrolled.push(person);
            }
        }
        Ok(enrolled)
    }

    pub(super) async fn keep_factor(
        &self,
        work: &mut Transaction<'static, Sqlite>,
        person: &PersonId,
        factor: &Factor,
    ) -> Result<(), AccessError> {
        let plain = Plain {
            key: *factor.key.bytes(),
            confirmed: factor.confirmed,
            newest: factor.newest,
            recovery: factor.recovery.clone(),
        };
        let plain = Secret::new(serde_json::to_vec(&plain).map_err(|_| AccessError::Crypto {
            act: "write a second factor",
        })?);
        let sealed = self
            .keyring
            .seal(&KeyId::Platform, &bound(person), plain.expose())?;
        sqlx::query(
            "insert into second_factor (person, sealed) values ($1, $2) \
             on conflict (person) do update set sealed = excluded.sealed",
        )
        .bind(person.as_str())
        .bind(sealed)
        .execute(&mut **work)
        .await?;
        Ok(())
    }

    fn unsealed(&self, person: &PersonId, sealed: &[u8]) -> Option<Factor> {
        let plain = self
            .keyring
            .open_sealed(&KeyId::Platform, &bound(person), sealed);
        let plain = Secret::new(plain.ok()?);
        let plain: Plain = serde_json::from_slice(plain.expose()).ok()?;
        Some(Factor {
            key: Key::of(plain.key),
            confirmed: plain.confirmed,
            newest: plain.newest,
            recovery: plain.recovery,
        })
    }
}

/// Takes somebody's second factor away.
pub(super) async fn forget(
    work: &mut Transaction<'static, Sqlite>,
    person: &PersonId,
) -> Result<(), AccessError> {
    sqlx::query("delete from second_factor where person = $1")
        .bind(person.as_str())
        .execute(&mut **work)
        .await?;
    Ok(())
}

/// What the seal is bound to, so that nobody's second factor can be another's.
fn bound(person: &PersonId) -> Vec<u8> {
    format!("avouch/second-factor/1/{person}").into_bytes()
}
