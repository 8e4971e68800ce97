//! Where an organisation alone decides who reads its trail, the supplier's people do not make themselves its administrators.
//!
//! While an organisation has an administrator who can sign in, the supplier makes it no other, and no password for one and
//! takes no second factor away: that administrator does. Where there is nobody who could, the supplier may, and the account
//! then opens no trail for a day. What such an account makes in that day opens none for a day either.

use crate::{
    Access, AccessError, Administrator, Forbidden, PersonId, Role,
    people::{Account, account_columns},
};
use avouch_statement::TenantId;
use jiff::{SignedDuration, Timestamp};
use sqlx::{Sqlite, Transaction};

/// For how long an account opens no trail once the supplier made a way into it.
pub const WAIT: SignedDuration = SignedDuration::from_hours(24);

/// When the supplier last made a way into an account; covered by its seal.
pub(crate) const SCHEMA: (&str, &str) = (
    "custody",
    "alter table person add column entrusted integer;",
);

impl Access {
    /// Until when the account opens no trail, if it does not now.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn waits_until(
        &self,
        id: &PersonId,
        now: Timestamp,
    ) -> Result<Option<Timestamp>, AccessError> {
        let sql = concat!("select ", account_columns!(), " from person where id = $1");
        let row = sqlx::query(sql)
            .bind(id.as_str())
            .fetch_optional(self.store.readers())
            .await?;
        let account = row
            .map(|row| Account::read(&row, &self.seals))
            .transpose()?;
        Ok(account.and_then(|account| account.person.waits_until(now)))
    }

    /// What would come of the supplier's making a new password for each of the organisation's administrators: whether it
    /// would be refused, or the account would open no trail yet. Whatever comes of it is undone.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn supplier_kept_out(
        &self,
        tenant: &TenantId,
        now: Timestamp,
    ) -> Result<Vec<(PersonId, bool)>, AccessError> {
        let mut work = self.store.write().await?;
        let mut kept_out = Vec::new();
        for mut account in self.administrators(&mut work, tenant).await? {
            let id = account.person.id.clone();
            let by = Administrator::supposed_supplier();
            let entrusted = self.entrust(&mut work, &by, &mut account, now).await;
            let out = match entrusted {
                Ok(()) => account.person.waits_until(now).is_some(),
                Err(AccessError::Forbidden(Forbidden::Theirs)) => true,
                Err(error) => return Err(error),
            };
            kept_out.push((id, out));
        }
        Ok(kept_out)
    }

    /// Sees to it that nobody reads an organisation's trail by what this administrator makes: refuses it, or marks the
    /// account.
    pub(crate) async fn entrust(
        &self,
        work: &mut Transaction<'static, Sqlite>,
        by: &Administrator,
        account: &mut Account,
        now: Timestamp,
    ) -> Result<(), AccessError> {
        let person = &account.person;
        let tenant = match (&person.tenant, person.role) {
            (Some(tenant), Role::Administrator) if self.settings.custody => tenant,
            _ => return Ok(()),
        };
        let marked = if by.is_supplier() {
            let others = self.administrators(work, tenant).await?;
            if others.iter().any(|other| other.person.id != person.id) {
                return Err(Forbidden::Theirs.into());
            }
            true
        } else {
            // Whoever waits gives nobody else what they do not have; for their own account, nothing begins anew.
            !by.is(&person.id) && self.waits(work, by, tenant, now).await?
        };
        if marked {
            account.person.entrusted = Some(now);
        }
        Ok(())
    }

    /// Whether this administrator is one of the organisation's whose account opens no trail yet.
    async fn waits(
        &self,
        work: &mut Transaction<'static, Sqlite>,
        by: &Administrator,
        tenant: &TenantId,
        now: Timestamp,
    ) -> Result<bool, AccessError> {
        let all = self.administrators(work, tenant).await?;
        Ok(all
            .iter()
            .any(|one| by.is(&one.person.id) && one.person.waits_until(now).is_some()))
    }

    /// The organisation's administrators who can sign in.
    async fn administrators(
        &self,
        work: &mut Transaction<'static, Sqlite>,
        tenant: &TenantId,
    ) -> Result<Vec<Account>, AccessError> {
        let sql = concat!(
            "select ",
            account_columns!(),
            " from person where tenant = $1 and role = 'administrator' and synthetic = 0 and password is not null"
        );
        let rows = sqlx::query(sql)
            .bind(tenant.as_str())
            .fetch_all(&mut **work)
            .await?;
        let accounts = rows.iter().map(|row| Account::read(row, &self.seals));
        let mut accounts = accounts.collect::<Result<Vec<_>, _>>()?;
        accounts.retain(Account::is_open);
        Ok(accounts)
    }
}
