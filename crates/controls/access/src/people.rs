//! People as they are stored, and their roles.
//!
//! Every row carries a seal over what it says. A row that somebody wrote into the file behind Avouch's back, to give
//! themselves a role or a password, is still there to be seen, but it opens nothing.

use crate::AccessError;
use avouch_keyring::Secret;
use avouch_statement::TenantId;
use avouch_store::{micros, timestamp};
use aws_lc_rs::hmac;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sqlx::{FromRow as _, Sqlite, Transaction, sqlite::SqliteRow};
use std::fmt;

/// A person, by 128 random bits in hexadecimal. It says nothing about them and is never used again.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PersonId(pub(crate) String);

impl PersonId {
    /// Takes an id as it came from outside; one that no person has is [`AccessError::Absent`] wherever it is used.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for PersonId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What a person may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// The supplier's administrator: every tenant's accounts, no tenant's data.
    Supplier,
    /// A tenant's administrator: the application, and the tenant's accounts.
    Administrator,
    /// A tenant's member: the application.
    Member,
}

impl Role {
    /// The word that is stored, and that the application is told.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Supplier => "supplier",
            Self::Administrator => "administrator",
            Self::Member => "member",
        }
    }

    fn parse(word: &str) -> Result<Self, AccessError> {
        [Self::Supplier, Self::Administrator, Self::Member]
            .into_iter()
            .find(|role| role.as_str() == word)
            .ok_or(AccessError::Corrupt { what: "a role" })
    }
}

/// Somebody with an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    /// Who.
    pub id: PersonId,
    /// The address they sign in with, as it was given.
    pub email: String,
    /// What they are called.
    pub name: String,
    /// What they may do.
    pub role: Role,
    /// Whose they are; `None` for the supplier's.
    pub tenant: Option<TenantId>,
    /// Exists only for checks.
    pub synthetic: bool,
    /// The id of who made the account, or `setup`.
    pub nominated_by: String,
    /// When.
    pub nominated_at: Timestamp,
    /// Since when they can sign in no longer.
    pub disabled: Option<Timestamp>,
    /// When they last signed in.
    pub signed_in: Option<Timestamp>,
    /// Since when they have a second factor.
    pub second_factor: Option<Timestamp>,
    /// When the supplier last made a way into it that the organisation should know of.
    pub entrusted: Option<Timestamp>,
    /// Whether the account says what Avouch wrote; if not, it opens nothing.
    pub intact: bool,
}

impl Person {
    /// Whether the account opens anything: neither closed nor altered.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.intact && self.disabled.is_none()
    }

    /// Until when the account opens no trail, because the supplier made a way into it; `None` if it may now.
    #[must_use]
    pub fn waits_until(&self, now: Timestamp) -> Option<Timestamp> {
        let until = self.entrusted? + crate::WAIT;
        (now < until).then_some(until)
    }
}

/// What a password was generated with, and its hash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Issued {
    pub(crate) hash: String,
    pub(crate) length: i64,
    pub(crate) alphabet: String,
}

/// A whole row of the table.
#[derive(Debug, Clone)]
pub(crate) struct Account {
    pub(crate) person: Person,
    pub(crate) email_key: String,
    pub(crate) password: Option<Issued>,
}

/// The columns that [`Account::read`] reads.
macro_rules! account_columns {
    () => {
        "person.id, person.email, person.email_key, person.name, person.role, person.tenant, person.synthetic, \
         person.nominated_by, person.nominated_at, person.disabled, person.signed_in, person.password, person.length, \
         person.alphabet, person.second_factor, person.entrusted, person.seal"
    };
}
pub(crate) use account_columns;

/// The key that seals rows.
pub(crate) struct Seals(hmac::Key);

impl Seals {
    pub(crate) fn new(key: &Secret<[u8; 32]>) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, key.expose()))
    }
}

impl Seals {
    pub(crate) fn sign(&self, bytes: &[u8]) -> Vec<u8> {
        hmac::sign(&self.0, bytes).as_ref().to_vec()
    }

    pub(crate) fn holds(&self, bytes: &[u8], seal: &[u8]) -> bool {
        hmac::verify(&self.0, bytes, seal).is_ok()
    }
}

/// Parts for a seal, each with its length in front, so that none runs into the next.
pub(crate) fn framed(parts: impl IntoIterator<Item = Option<String>>) -> Vec<u8> {
    let mut bytes = Vec::new();
    for part in parts {
        let length = part.as_ref().map_or(u64::MAX, |part| part.len() as u64);
        bytes.extend_from_slice(&length.to_be_bytes());
        bytes.extend_from_slice(part.unwrap_or_default().as_bytes());
    }
    bytes
}

impl Account {
    /// Whether this account may be used at all.
    pub(crate) fn is_open(&self) -> bool {
        self.person.is_open()
    }

    /// The account in a row of `account_columns!`, whether or not its seal holds.
    pub(crate) fn read(row: &SqliteRow, seals: &Seals) -> Result<Self, AccessError> {
        let stored = Stored::from_row(row)?;
        let time = |micros: Option<i64>| micros.map(timestamp).transpose();
        let password = match (stored.password, stored.length, stored.alphabet) {
            (Some(hash), Some(length), Some(alphabet)) => Some(Issued {
                hash,
                length,
                alphabet,
            }),
            _ => None,
        };
        let tenant = stored.tenant.map(|slug| slug.parse()).transpose();
        let person = Person {
            id: PersonId(stored.id),
            email: stored.email,
            name: stored.name,
            role: Role::parse(&stored.role)?,
            tenant: tenant.map_err(|_| AccessError::Corrupt { what: "a tenant" })?,
            synthetic: stored.synthetic,
            nominated_by: stored.nominated_by,
            nominated_at: timestamp(stored.nominated_at)?,
            disabled: time(stored.disabled)?,
            signed_in: time(stored.signed_in)?,
            second_factor: time(stored.second_factor)?,
            entrusted: time(stored.entrusted)?,
            intact: false,
        };
        let mut account = Self {
            person,
            email_key: stored.email_key,
            password,
        };
        account.person.intact = seals.holds(&account.sealed_bytes(), &stored.seal);
        Ok(account)
    }

    /// Writes a new row.
    pub(crate) async fn add(
        &self,
        work: &mut Transaction<'static, Sqlite>,
        seals: &Seals,
    ) -> Result<(), AccessError> {
        let sql = "insert into person (id, email, email_key, name, role, tenant, synthetic, nominated_by, nominated_at, \
                   disabled, signed_in, password, length, alphabet, second_factor, entrusted, seal) \
                   values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17)";
        match self.write(work, seals, sql).await {
            Err(sqlx::Error::Database(error)) if error.is_unique_violation() => {
                Err(AccessError::Taken)
            }
            Err(sqlx::Error::Database(error)) if error.is_foreign_key_violation() => {
                Err(AccessError::NoTenant)
            }
            written => Ok(written?),
        }
    }

    /// Writes the row anew, with a seal of its own: only ever of an account that was intact when it was read.
    pub(crate) async fn save(
        &self,
        work: &mut Transaction<'static, Sqlite>,
        seals: &Seals,
    ) -> Result<(), AccessError> {
        let sql = "update person set email = $2, email_key = $3, name = $4, role = $5, tenant = $6, synthetic = $7, \
                   nominated_by = $8, nominated_at = $9, disabled = $10, signed_in = $11, password = $12, length = $13, \
                   alphabet = $14, second_factor = $15, entrusted = $16, seal = $17 where id = $1";
        Ok(self.write(work, seals, sql).await?)
    }

    async fn write(
        &self,
        work: &mut Transaction<'static, Sqlite>,
        seals: &Seals,
        sql: &'static str,
    ) -> Result<(), sqlx::Error> {
        let Person {
            id,
            email,
            name,
            role,
            tenant,
            synthetic,
            nominated_by,
            nominated_at,
            disabled,
            signed_in,
            second_factor,
            entrusted,
            ..
        } = &self.person;
        let password = self.password.as_ref();
        sqlx::query(sql)
            .bind(id.as_str())
            .bind(email)
            .bind(&self.email_key)
            .bind(name)
            .bind(role.as_str())
            .bind(tenant.as_ref().map(TenantId::as_str))
            .bind(synthetic)
            .bind(nominated_by)
            .bind(micros(*nominated_at))
            .bind(disabled.map(micros))
            .bind(signed_in.map(micros))
            .bind(password.map(|password| &password.hash))
            .bind(password.map(|password| password.length))
            .bind(password.map(|password| &password.alphabet))
            .bind(second_factor.map(micros))
            .bind(entrusted.map(micros))
            .bind(seals.sign(&self.sealed_bytes()))
            .execute(&mut **work)
            .await?;
        Ok(())
    }

    /// What the seal covers: every column but `signed_in`.
    fn sealed_bytes(&self) -> Vec<u8> {
        let person = &self.person;
        let password = self.password.as_ref();
        let parts = [
            Some("avouch/account/1".to_owned()),
            Some(person.id.0.clone()),
            Some(person.email.clone()),
            Some(self.email_key.clone()),
            Some(person.name.clone()),
            Some(person.role.as_str().to_owned()),
            person.tenant.as_ref().map(ToString::to_string),
            Some(person.synthetic.to_string()),
            Some(person.nominated_by.clone()),
            Some(micros(person.nominated_at).to_string()),
            person.disabled.map(|at| micros(at).to_string()),
            password.map(|password| password.hash.clone()),
            password.map(|password| password.length.to_string()),
            password.map(|password| password.alphabet.clone()),
        ];
        // Not there before there were second factors, so that earlier seals hold.
        let second_factor = person
            .second_factor
            .map(|since| Some(micros(since).to_string()));
        // Nor before organisations decided who reads their trail; named, so that it stands for nothing else.
        let entrusted = person
            .entrusted
            .map(|at| Some(format!("entrusted {}", micros(at))));
        framed(parts.into_iter().chain(second_factor).chain(entrusted))
    }
}

#[derive(sqlx::FromRow)]
struct Stored {
    id: String,
    email: String,
    email_key: String,
    name: String,
    role: String,
    tenant: Option<String>,
    synthetic: bool,
    nominated_by: String,
    nominated_at: i64,
    disabled: Option<i64>,
    signed_in: Option<i64>,
    password: Option<String>,
    length: Option<i64>,
    alphabet: Option<String>,
    second_factor: Option<i64>,
    entrusted: Option<i64>,
    seal: Vec<u8>,
}
