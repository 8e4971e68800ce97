//! People who exist only for checks: one member for each tenant, and guests who are made for one check and taken away.
//!
//! They are marked in the store, in every event and in the identity that applications are told. Their sessions end after
//! two minutes. Only they can be given a session that looks as if it had been used earlier, so the limits can be tried
//! without waiting and without touching anybody's session.

use crate::{
    Access, AccessError, NewSession, Password, Person, PersonId, Role,
    email::Email,
    people::{Account, Issued, account_columns},
    random,
    sessions::Opening,
    throttle,
};
use avouch_statement::TenantId;
use jiff::{SignedDuration, Timestamp};
use sqlx::{Sqlite, Transaction};

/// How long a synthetic person's session lasts.
pub(crate) const LIFE: SignedDuration = SignedDuration::from_secs(120);

/// Domain of their addresses; nobody can have mail there (RFC 2606).
const DOMAIN: &str = "synthetic.invalid";

/// How old a session is made to look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Worn {
    /// Signed in this long ago.
    pub created: SignedDuration,
    /// Last used this long ago.
    pub used: SignedDuration,
}

/// A synthetic account with a password of its own, until it is dismissed.
#[derive(Debug)]
pub struct Guest {
    /// Who.
    pub id: PersonId,
    /// The address to sign in with.
    pub email: String,
    /// The password.
    pub password: Password,
}

impl Access {
    /// A session at `host` for the tenant's synthetic member, worn as given.
    ///
    /// # Errors
    /// If there is no such tenant, or the store fails.
    pub async fn synthetic_session(
        &self,
        tenant: &TenantId,
        host: &str,
        worn: Worn,
        now: Timestamp,
    ) -> Result<NewSession, AccessError> {
        let mut work = self.store.write().await?;
        let member = self.member(&mut work, tenant, now).await?;
        let opened = Opening::of(&member, random::bytes()?, host, now - worn.created, now)
            .unused_since(now - worn.used)
            .write(&mut work)
            .await?;
        self.commit(work).await?;
        Ok(opened)
    }

    /// A synthetic member of the tenant who can sign in by the form, until [`Access::dismiss`].
    ///
    /// # Errors
    /// If there is no such tenant, or the store fails.
    pub async fn guest(&self, tenant: &TenantId, now: Timestamp) -> Result<Guest, AccessError> {
        let (password, issued) = self.issue().await?;
        let account = synthetic(
            &format!("guest-{}", hex::encode(random::bytes::<16>()?)),
            tenant,
            Some(issued),
            now,
        )?;
        let mut work = self.store.write().await?;
        account.add(&mut work, &self.seals).await?;
        self.commit(work).await?;
        let Person { id, email, .. } = account.person;
        Ok(Guest {
            id,
            email,
            password,
        })
    }

    /// A session at `host` for a guest, as if they had signed in now.
    ///
    /// # Errors
    /// If the guest has been dismissed, or the store fails.
    pub async fn guest_session(
        &self,
        guest: &Guest,
        host: &str,
        now: Timestamp,
    ) -> Result<NewSession, AccessError> {
        self.guest_session_shown(guest, host, None, now).await
    }

    /// The same, whose second factor was last shown at `verified`.
    pub(crate) async fn guest_session_shown(
        &self,
        guest: &Guest,
        host: &str,
        verified: Option<Timestamp>,
        now: Timestamp,
    ) -> Result<NewSession, AccessError> {
        let mut work = self.store.write().await?;
        let row = sqlx::query(concat!(
            "select ",
            account_columns!(),
            " from person where id = $1 and synthetic = 1"
        ))
        .bind(guest.id.as_str())
        .fetch_optional(&mut *work)
        .await?
        .ok_or(AccessError::Absent)?;
        let person = Account::read(&row, &self.seals)?.person;
        let opened = Opening::of(&person, random::bytes()?, host, now, now)
            .verified(verified)
            .write(&mut work)
            .await?;
        self.commit(work).await?;
        Ok(opened)
    }

    /// Tries to register a guest's address again, in capitals and at this tenant. Whatever comes of it is undone.
    pub(crate) async fn register_again(
        &self,
        guest: &Guest,
        tenant: &TenantId,
        now: Timestamp,
    ) -> Result<(), AccessError> {
        let email = Email::parse(&guest.email.to_uppercase())?;
        let mut again = synthetic("again", tenant, None, now)?;
        again.person.email = email.shown;
        again.email_key = email.key;
        let mut work = self.store.write().await?;
        again.add(&mut work, &self.seals).await
    }

    /// Takes a guest away with all that was counted against their address.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn dismiss(&self, guest: &Guest) -> Result<(), AccessError> {
        let mut work = self.store.write().await?;
        throttle::forget(&mut work, &guest.email).await?;
        sqlx::query("delete from person where id = $1 and synthetic = 1")
            .bind(guest.id.as_str())
            .execute(&mut *work)
            .await?;
        self.stand_ins().remove(&guest.id);
        self.commit(work).await
    }

    /// Demands a second factor of a guest, as the statement does of those whom it names, until [`Access::dismiss`].
    pub(crate) fn demand_of(&self, guest: &Guest) {
        self.stand_ins().insert(guest.id.clone());
    }

    /// The tenant's standing synthetic member, made on first use. It has no password.
    async fn member(
        &self,
        work: &mut Transaction<'static, Sqlite>,
        tenant: &TenantId,
        now: Timestamp,
    ) -> Result<Person, AccessError> {
        let account = synthetic("member", tenant, None, now)?;
        let row = sqlx::query(concat!(
            "select ",
            account_columns!(),
            " from person where email_key = $1"
        ))
        .bind(&account.email_key)
        .fetch_optional(&mut **work)
        .await?;
        match row {
            Some(row) => Ok(Account::read(&row, &self.seals)?.person),
            None => {
                account.add(work, &self.seals).await?;
                Ok(account.person)
            }
        }
    }
}

fn synthetic(
    name: &str,
    tenant: &TenantId,
    password: Option<Issued>,
    now: Timestamp,
) -> Result<Account, AccessError> {
    let email = format!("{name}@{tenant}.{DOMAIN}");
    let person = Person {
        id: PersonId(hex::encode(random::bytes::<16>()?)),
        email: email.clone(),
        name: String::from("Synthetic member, for checks"),
        role: Role::Member,
        tenant: Some(tenant.clone()),
        synthetic: true,
        nominated_by: String::from("checks"),
        nominated_at: now,
        disabled: None,
        signed_in: None,
        second_factor: None,
        entrusted: None,
        intact: true,
    };
    Ok(Account {
        person,
        email_key: email,
        password,
    })
}
