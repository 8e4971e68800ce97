//! Faults that people report, and their answers: sealed under the key of whoever's they are.

use avouch_keyring::KeyId;
use avouch_statement::TenantId;
use avouch_store::{StoreError, micros, timestamp};
use jiff::{SignedDuration, Timestamp};

use super::state::Core;
use crate::fail::Fail;

/// One person may report so many in a day.
const MOST: i64 = 20;
/// So many stand on one page.
const PAGE: u32 = 50;

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

/// One's own faults are looked for by whose they are.
pub const LOOKUP: (&str, &str) = (
    "fault-lookup",
    "create index fault_of_person on fault (person, at); create index fault_of_tenant on fault (tenant, number);",
);

/// What is read of a fault, and of its answer if there is one.
macro_rules! columns {
    () => {
        "select fault.number as number, fault.at as at, fault.tenant as tenant, fault.person as person, \
         fault.name as name, fault.words as words, fault_answer.at as answered, fault_answer.closed as closed, \
         fault_answer.words as answer"
    };
}

/// Whose faults are read.
#[derive(Debug, Clone, Copy)]
pub enum Whose<'a> {
    Everybody,
    Tenant(&'a TenantId),
    /// One person's own, by the id of their account.
    Person(&'a str),
}

/// A page of faults.
pub struct Faults {
    pub faults: Vec<Fault>,
    /// Whether there is a page after it.
    pub more: bool,
}

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
    /// Keeps a fault, and gives its number; `None` if this person reported as many in the last day as one may.
    ///
    /// # Errors
    /// If it cannot be sealed or stored.
    pub async fn keep_fault(&self, new: &New<'_>) -> Result<Option<u64>, Fail> {
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
        // Counted by the statement that inserts, so that several at once are no more than one after the other.
        let number: Option<i64> = sqlx::query_scalar(
            "insert into fault (at, tenant, person, name, words) select $1, $2, $3, $4, $5
             where (select count(*) from fault where person = $3 and at > $6) < $7 returning number",
        )
        .bind(at)
        .bind(new.tenant.map(TenantId::as_str).unwrap_or_default())
        .bind(new.person)
        .bind(new.name)
        .bind(words)
        .bind(micros(new.at - SignedDuration::from_hours(24)))
        .bind(MOST)
        .fetch_optional(&mut *work)
        .await
        .map_err(|error| unkept().from(error))?;
        work.commit().await.map_err(|error| unkept().from(error))?;
        Ok(number.map(i64::unsigned_abs))
    }

    /// A page of faults, counted from 0: those that are open before those that are closed, and of each organisation its
    /// newest before anybody's older, so that none hides another's.
    ///
    /// # Errors
    /// If the store cannot be read. Words whose key was destroyed are left out with their row.
    pub async fn faults(&self, whose: Whose<'_>, page: u64) -> Result<Faults, Fail> {
        let unread = || Fail::new("the faults cannot be read");
        let (tenant, person) = match whose {
            Whose::Everybody => (None, None),
            Whose::Tenant(tenant) => (Some(tenant.as_str()), None),
            Whose::Person(person) => (None, Some(person)),
        };
        let before = i64::try_from(page).unwrap_or(i64::MAX);
        let mut rows: Vec<Row> = sqlx::query_as(concat!(
            "select number, at, tenant, person, name, words, answered, closed, answer from (",
            columns!(),
            ", row_number() over (partition by coalesce(closed, 0), tenant order by fault.number desc) as place
             from fault left join fault_answer using (number)
             where ($1 is null or tenant = $1) and ($2 is null or person = $2))
             order by coalesce(closed, 0), place, number desc limit $3 offset $4",
        ))
        .bind(tenant)
        .bind(person)
        .bind(i64::from(PAGE) + 1)
        .bind(before.saturating_mul(PAGE.into()))
        .fetch_all(self.store.readers())
        .await
        .map_err(|error| unread().from(error))?;
        let more = rows.len() > PAGE as usize;
        rows.truncate(PAGE as usize);
        let mut faults = Vec::new();
        for row in rows {
            faults.extend(self.opened(row).map_err(|error| unread().from(error))?);
        }
        Ok(Faults { faults, more })
    }

    /// One fault, by its number.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub async fn fault(&self, number: u64) -> Result<Option<Fault>, Fail> {
        let unread = || Fail::new("the fault cannot be read");
        let row: Option<Row> = sqlx::query_as(concat!(
            columns!(),
            " from fault left join fault_answer using (number) where fault.number = $1"
        ))
        .bind(i64::try_from(number).unwrap_or(-1))
        .fetch_optional(self.store.readers())
        .await
        .map_err(|error| unread().from(error))?;
        let fault = row.map(|row| self.opened(row)).transpose();
        Ok(fault.map_err(|error| unread().from(error))?.flatten())
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

    /// Takes away what was reported, and answered last, before this.
    ///
    /// # Errors
    /// If the store does not.
    pub async fn forget_faults_before(&self, before: Timestamp) -> Result<(), Fail> {
        let past: Vec<i64> = sqlx::query_scalar(
            "select number from fault left join fault_answer using (number)
             where max(fault.at, coalesce(fault_answer.at, fault.at)) < $1",
        )
        .bind(micros(before))
        .fetch_all(self.store.readers())
        .await
        .map_err(|error| Fail::new("the faults cannot be read").from(error))?;
        match past.as_slice() {
            [] => Ok(()),
            past => self.forget_faults(past).await,
        }
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
