//! Faults that people report: kept for the supplier, sealed under the key of whoever's they are.

use avouch_keyring::KeyId;
use avouch_statement::TenantId;
use avouch_store::{micros, timestamp};
use jiff::{SignedDuration, Timestamp};

use super::state::Core;
use crate::fail::Fail;

/// One person may report so many in a day.
const MOST: i64 = 20;
/// So many of the newest are shown.
const SHOWN: i64 = 200;

/// This part of the schema, and its name.
pub const SCHEMA: (&str, &str) = (
    "fault",
    "create table fault (
    number integer primary key autoincrement,
    at integer not null,
    tenant text not null,
    person text not null,
    name text not null,
    words blob not null
) strict;",
);

/// A fault that is being reported.
pub struct New<'a> {
    pub at: Timestamp,
    /// Whose; `None` for the supplier's own.
    pub tenant: Option<&'a TenantId>,
    pub person: &'a str,
    pub name: &'a str,
    pub words: &'a str,
}

/// A fault that was reported.
pub struct Fault {
    pub number: u64,
    pub at: Timestamp,
    pub tenant: Option<TenantId>,
    pub person: String,
    pub name: String,
    pub words: String,
}

/// What the words are sealed for, so that they stand for no other row's.
fn bound_to(at: i64, person: &str) -> Vec<u8> {
    format!("fault\n{at}\n{person}").into_bytes()
}

fn owner(tenant: Option<&TenantId>) -> KeyId {
    tenant.map_or(KeyId::Platform, |tenant| KeyId::Tenant(tenant.clone()))
}

impl Core {
    /// Keeps a fault, and gives its number.
    ///
    /// # Errors
    /// If it cannot be sealed or stored.
    pub async fn keep_fault(&self, new: &New<'_>) -> Result<u64, Fail> {
        let unkept = || Fail::new("the fault cannot be kept");
        let at = micros(new.at);
        let words = self
            .keyring
            .seal(
                &owner(new.tenant),
                &bound_to(at, new.person),
                new.words.as_bytes(),
            )
            .map_err(|error| unkept().from(error))?;
        let mut work = self
            .store
            .write()
            .await
            .map_err(|error| unkept().from(error))?;
        let number: i64 = sqlx::query_scalar(
            "insert into fault (at, tenant, person, name, words) values ($1, $2, $3, $4, $5) returning number",
        )
        .bind(at)
        .bind(new.tenant.map(TenantId::as_str).unwrap_or_default())
        .bind(new.person)
        .bind(new.name)
        .bind(words)
        .fetch_one(&mut *work)
        .await
        .map_err(|error| unkept().from(error))?;
        work.commit().await.map_err(|error| unkept().from(error))?;
        Ok(number.unsigned_abs())
    }

    /// Whether a person has reported as many in the last day as one may.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub async fn faults_lately(&self, person: &str, now: Timestamp) -> Result<bool, Fail> {
        let since = micros(now - SignedDuration::from_hours(24));
        let count: i64 =
            sqlx::query_scalar("select count(*) from fault where person = $1 and at > $2")
                .bind(person)
                .bind(since)
                .fetch_one(self.store.readers())
                .await
                .map_err(|error| Fail::new("the faults cannot be counted").from(error))?;
        Ok(count >= MOST)
    }

    /// The newest faults of a tenant, or everybody's.
    ///
    /// # Errors
    /// If the store cannot be read. Words whose key was destroyed are left out with their row.
    pub async fn faults(&self, tenant: Option<&TenantId>) -> Result<Vec<Fault>, Fail> {
        let unread = || Fail::new("the faults cannot be read");
        let rows: Vec<(i64, i64, String, String, String, Vec<u8>)> = sqlx::query_as(
            "select number, at, tenant, person, name, words from fault where $1 is null or tenant = $1 order by number desc limit $2",
        )
        .bind(tenant.map(TenantId::as_str))
        .bind(SHOWN)
        .fetch_all(self.store.readers())
        .await
        .map_err(|error| unread().from(error))?;
        let mut faults = Vec::new();
        for (number, at, whose, person, name, words) in rows {
            let tenant: Option<TenantId> = whose.parse().ok();
            let aad = bound_to(at, &person);
            let Ok(words) = self
                .keyring
                .open_sealed(&owner(tenant.as_ref()), &aad, &words)
            else {
                continue;
            };
            faults.push(Fault {
                number: number.unsigned_abs(),
                at: timestamp(at).map_err(|error| unread().from(error))?,
                tenant,
                person,
                name,
                words: String::from_utf8_lossy(&words).into_owned(),
            });
        }
        Ok(faults)
    }
}
