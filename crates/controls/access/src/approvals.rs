//! A second person: what one asks for, somebody else approves, for one time and for an hour.
//!
//! Every row carries a seal, so a request that somebody wrote into the store, or an approval, is worth nothing.

use crate::{
    Access, AccessError, Forbidden, Person, PersonId, Role, Session,
    people::{Seals, framed},
    random,
};
use avouch_statement::TenantId;
use avouch_store::{micros, timestamp};
use jiff::{SignedDuration, Timestamp};
use sqlx::{Row as _, Sqlite, Transaction, sqlite::SqliteRow};

/// The name of the table's part of the schema, and the part.
pub(crate) const SCHEMA: (&str, &str) = (
    "approvals",
    "\
-- What somebody asked to do that a second person must approve. `seal` authenticates the whole row.
create table approval (
    id          text primary key,
    act         text not null,
    tenant      text,
    asked_by    text not null references person (id) on delete cascade,
    asked_at    integer not null,
    expires     integer not null,
    approved_by text,
    ended       integer,
    seal        blob not null
) strict, without rowid;
create index approval_by_person on approval (asked_by);
",
);

/// How long a request waits, and how long an approval then counts.
const LIFE: SignedDuration = SignedDuration::from_hours(1);

/// Something that somebody asked to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// Its id.
    pub id: String,
    /// What, in a few words.
    pub act: String,
    /// Whose data it is about.
    pub tenant: Option<TenantId>,
    /// Who asked.
    pub by: PersonId,
    /// When.
    pub at: Timestamp,
    /// Until when it may be approved, and once it is, done.
    pub expires: Timestamp,
    /// Who approved it.
    pub approved: Option<PersonId>,
    ended: Option<Timestamp>,
}

/// Whether somebody may go on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Second {
    /// Once, now: this one approved it, and it is used up.
    Approved(Request),
    /// Nobody has approved it yet.
    Waiting(Request),
    /// It was asked for just now.
    Asked(Request),
}

impl Access {
    /// Whether this person is one of those who may reach backups; everybody is where the statement says nothing.
    #[must_use]
    pub fn reaches_backups(&self, person: &Person) -> bool {
        let Some(reach) = &self.settings.reach else {
            return true;
        };
        match person.synthetic {
            true => self.stand_ins().contains(&person.id),
            false => reach.of.contains(&person.role),
        }
    }

    /// Uses an approval of this act up, or asks for one.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn second(
        &self,
        session: &Session,
        act: &str,
        tenant: Option<&TenantId>,
        now: Timestamp,
    ) -> Result<Second, AccessError> {
        let mut work = self.store.write().await?;
        let by = &session.person.id;
        let open = self.requests(&mut work, now).await?;
        let own = open.into_iter().find(|request| {
            request.by == *by && request.act == act && request.tenant.as_ref() == tenant
        });
        let second = match own {
            Some(mut request) if request.approved.is_some() => {
                request.ended = Some(now);
                self.write_request(&mut work, &request).await?;
                Second::Approved(request)
            }
            Some(request) => Second::Waiting(request),
            None => {
                let request = Request {
                    id: hex::encode(random::bytes::<8>()?),
                    act: act.to_owned(),
                    tenant: tenant.cloned(),
                    by: by.clone(),
                    at: now,
                    expires: now + LIFE,
                    approved: None,
                    ended: None,
                };
                self.write_request(&mut work, &request).await?;
                Second::Asked(request)
            }
        };
        work.commit().await?;
        Ok(second)
    }

    /// Approves what somebody else asked for.
    ///
    /// # Errors
    /// If there is no such request that waits within reach, it is the approver's own, or the store fails.
    pub async fn approve(
        &self,
        session: &Session,
        id: &str,
        now: Timestamp,
    ) -> Result<Request, AccessError> {
        let mut work = self.store.write().await?;
        let open = self.requests(&mut work, now).await?;
        let found = open.into_iter().find(|request| request.id == id);
        let waiting = found.filter(|request| {
            request.approved.is_none() && self.may_approve(&session.person, request)
        });
        let mut request = waiting.ok_or(AccessError::Absent)?;
        if request.by == session.person.id {
            return Err(Forbidden::OwnRequest.into());
        }
        request.approved = Some(session.person.id.clone());
        request.expires = now + LIFE;
        self.write_request(&mut work, &request).await?;
        work.commit().await?;
        Ok(request)
    }

    /// What waits for a second person, or for the first one to go on, within this person's reach.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn waiting(
        &self,
        session: &Session,
        now: Timestamp,
    ) -> Result<Vec<Request>, AccessError> {
        let mut work = self.store.write().await?;
        let mut open = self.requests(&mut work, now).await?;
        open.retain(|request| self.may_approve(&session.person, request));
        Ok(open)
    }

    /// Ends the requests that have run out, and says which.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn run_out(&self, now: Timestamp) -> Result<Vec<Request>, AccessError> {
        let mut work = self.store.write().await?;
        let rows = sqlx::query("select * from approval where ended is null and expires <= $1")
            .bind(micros(now))
            .fetch_all(&mut *work)
            .await?;
        let mut late = Vec::new();
        for row in rows {
            if let Some(mut request) = read(&row, &self.seals)? {
                request.ended = Some(now);
                self.write_request(&mut work, &request).await?;
                late.push(request);
            }
        }
        sqlx::query("delete from approval where ended <= $1")
            .bind(micros(now - SignedDuration::from_hours(24)))
            .execute(&mut *work)
            .await?;
        work.commit().await?;
        Ok(late)
    }

    /// How many rows there are, and the ids of those that were written by somebody else than Avouch.
    pub(crate) async fn forged_requests(&self) -> Result<(usize, Vec<String>), AccessError> {
        let rows = sqlx::query("select * from approval")
            .fetch_all(self.store.readers())
            .await?;
        let mut forged = Vec::new();
        for row in &rows {
            if read(row, &self.seals)?.is_none() {
                forged.push(row.try_get("id")?);
            }
        }
        Ok((rows.len(), forged))
    }

    fn may_approve(&self, person: &Person, request: &Request) -> bool {
        let within = match person.role {
            Role::Supplier => true,
            Role::Administrator | Role::Member => person.tenant == request.tenant,
        };
        within && self.reaches_backups(person)
    }

    /// Those that have neither ended nor run out, oldest first. A row whose seal does not hold is none.
    async fn requests(
        &self,
        work: &mut Transaction<'static, Sqlite>,
        now: Timestamp,
    ) -> Result<Vec<Request>, AccessError> {
        let sql =
            "select * from approval where ended is null and expires > $1 order by asked_at, id";
        let rows = sqlx::query(sql)
            .bind(micros(now))
            .fetch_all(&mut **work)
            .await?;
        let read = rows.iter().map(|row| read(row, &self.seals));
        Ok(read
            .collect::<Result<Vec<_>, _>>()?
            .into_iter()
            .flatten()
            .collect())
    }

    async fn write_request(
        &self,
        work: &mut Transaction<'static, Sqlite>,
        request: &Request,
    ) -> Result<(), AccessError> {
        sqlx::query(
            "insert or replace into approval (id, act, tenant, asked_by, asked_at, expires, approved_by, ended, seal) \
             values ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        )
        .bind(&request.id)
        .bind(&request.act)
        .bind(request.tenant.as_ref().map(TenantId::as_str))
        .bind(request.by.as_str())
        .bind(micros(request.at))
        .bind(micros(request.expires))
        .bind(request.approved.as_ref().map(PersonId::as_str))
        .bind(request.ended.map(micros))
        .bind(self.seals.sign(&bytes(request)))
        .execute(&mut **work)
        .await?;
        Ok(())
    }
}

/// The request in a row, if its seal holds.
fn read(row: &SqliteRow, seals: &Seals) -> Result<Option<Request>, AccessError> {
    let tenant: Option<String> = row.try_get("tenant")?;
    let tenant = tenant.map(|slug| slug.parse()).transpose();
    let ended: Option<i64> = row.try_get("ended")?;
    let approved: Option<String> = row.try_get("approved_by")?;
    let request = Request {
        id: row.try_get("id")?,
        act: row.try_get("act")?,
        tenant: tenant.map_err(|_| AccessError::Corrupt { what: "a tenant" })?,
        by: PersonId::new(row.try_get::<String, _>("asked_by")?),
        at: timestamp(row.try_get("asked_at")?)?,
        expires: timestamp(row.try_get("expires")?)?,
        approved: approved.map(PersonId::new),
        ended: ended.map(timestamp).transpose()?,
    };
    let seal: Vec<u8> = row.try_get("seal")?;
    Ok(seals.holds(&bytes(&request), &seal).then_some(request))
}

fn bytes(request: &Request) -> Vec<u8> {
    framed([
        Some("avouch/approval/1".to_owned()),
        Some(request.id.clone()),
        Some(request.act.clone()),
        request.tenant.as_ref().map(ToString::to_string),
        Some(request.by.to_string()),
        Some(micros(request.at).to_string()),
        Some(micros(request.expires).to_string()),
        request.approved.as_ref().map(ToString::to_string),
        request.ended.map(|at| micros(at).to_string()),
    ])
}
