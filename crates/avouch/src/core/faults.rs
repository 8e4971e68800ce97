//! Faults that people report, and their answers: sealed under the key of whoever's they are.

use avouch_keyring::KeyId;
use avouch_statement::TenantId;
use avouch_store::{StoreError, micros, timestamp};
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

/// What the supplier's team answers, beside what it answers.
pub const ANSWERS: (&str, &str) = (
    "fault-answer",
    "create table fault_answer (
    number integer primary key,
    at integer not null,
    closed integer not null,
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

/// A row of a fault, and of its answer if there is one.
type Row = (
    i64,
    i64,
    String,
    String,
    String,
    Vec<u8>,
    Option<i64>,
    Option<bool>,
    Option<Vec<u8>>,
);

/// A fault that was reported.
pub struct Fault {
    pub number: u64,
    pub at: Timestamp,
    pub tenant: Option<TenantId>,
    pub person: String,
    pub name: String,
    pub words: String,
    pub answer: Option<Answer>,
}

/// What the supplier's team said to it last.
pub struct Answer {
    pub at: Timestamp,
    /// Whether nothing is left to be done.
    pub closed: bool,
    pub words: String,
}

/// What the words are sealed for, so that they stand for no other row's.
fn bound_to(at: i64, person: &str) -> Vec<u8> {
    format!("fault\n{at}\n{person}").into_bytes()
}

/// The same of an answer.
fn answer_bound_to(at: i64, number: u64) -> Vec<u8> {
    format!("fault-answer\n{at}\n{number}").into_bytes()
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
        let rows: Vec<Row> = sqlx::query_as(
            "select fault.number, fault.at, tenant, person, name, fault.words, fault_answer.at, closed, fault_answer.words
             from fault left join fault_answer using (number)
             where $1 is null or tenant = $1 order by fault.number desc limit $2",
        )
        .bind(tenant.map(TenantId::as_str))
        .bind(SHOWN)
        .fetch_all(self.store.readers())
        .await
        .map_err(|error| unread().from(error))?;
        let mut faults = Vec::new();
        for row in rows {
            faults.extend(self.opened(row).map_err(|error| unread().from(error))?);
        }
        Ok(faults)
    }

    /// One row in clear; `None` if its key was destroyed.
    fn opened(&self, row: Row) -> Result<Option<Fault>, StoreError> {
        let (number, at, whose, person, name, words, answered, closed, answer) = row;
        let (number, tenant) = (number.unsigned_abs(), whose.parse::<TenantId>().ok());
        let open = |aad: &[u8], words: &[u8]| {
            let opened = self
                .keyring
                .open_sealed(&owner(tenant.as_ref()), aad, words);
            opened
                .ok()
                .map(|words| String::from_utf8_lossy(&words).into_owned())
        };
        let Some(words) = open(&bound_to(at, &person), &words) else {
            return Ok(None);
        };
        let answer = match (answered, closed, answer) {
            (Some(at), Some(closed), Some(sealed)) => Some((at, closed, sealed)),
            _ => None,
        };
        let answer = answer
            .and_then(|(at, closed, sealed)| {
                let words = open(&answer_bound_to(at, number), &sealed)?;
                Some(timestamp(at).map(|at| Answer { at, closed, words }))
            })
            .transpose()?;
        Ok(Some(Fault {
            number,
            at: timestamp(at)?,
            tenant,
            person,
            name,
            words,
            answer,
        }))
    }

    /// Keeps what the supplier's team answers to a fault, in the place of what it answered before.
    ///
    /// # Errors
    /// If it cannot be sealed or stored.
    pub async fn answer_fault(
        &self,
        (number, tenant): (u64, Option<&TenantId>),
        words: &str,
        closed: bool,
        now: Timestamp,
    ) -> Result<(), Fail> {
        let unkept = || Fail::new("the answer cannot be kept");
        let at = micros(now);
        let words = self
            .keyring
            .seal(
                &owner(tenant),
                &answer_bound_to(at, number),
                words.as_bytes(),
            )
            .map_err(|error| unkept().from(error))?;
        let mut work = self
            .store
            .write()
            .await
            .map_err(|error| unkept().from(error))?;
        sqlx::query("insert or replace into fault_answer (number, at, closed, words) values ($1, $2, $3, $4)")
            .bind(number.cast_signed())
            .bind(at)
            .bind(closed)
            .bind(words)
            .execute(&mut *work)
            .await
            .map_err(|error| unkept().from(error))?;
        work.commit().await.map_err(|error| unkept().from(error))
    }

    /// Takes all faults of a tenant away, with their answers.
    ///
    /// # Errors
    /// If the store does not.
    pub async fn faults_erase(&self, tenant: &TenantId) -> Result<(), Fail> {
        let theirs: Vec<i64> = sqlx::query_scalar("select number from fault where tenant = $1")
            .bind(tenant.as_str())
            .fetch_all(self.store.readers())
            .await
            .map_err(|error| Fail::new("the faults cannot be read").from(error))?;
        self.forget_faults(&theirs).await
    }

    /// Takes faults away, with their answers: those of a check, which nobody reported, or of a tenant that ends.
    ///
    /// # Errors
    /// If the store does not.
    pub async fn forget_faults(&self, numbers: &[i64]) -> Result<(), Fail> {
        let left = || Fail::new("the faults are not taken away");
        let mut work = self
            .store
            .write()
            .await
            .map_err(|error| left().from(error))?;
        for number in numbers {
            for gone in [
                "delete from fault_answer where number = $1",
                "delete from fault where number = $1",
            ] {
                sqlx::query(gone)
                    .bind(number)
                    .execute(&mut *work)
                    .await
                    .map_err(|error| left().from(error))?;
            }
        }
        work.commit().await.map_err(|error| left().from(error))
    }
}
