//! People and tenants, for administrators.

use avouch_access::{AccessError, Administrator, Forbidden, NewPerson as NewAccount, PersonId};
use avouch_console::views::{self, PersonRow, TenantRow};
use avouch_console::{Actor, DeskError, Role, Secret, Target};
use avouch_events::{Action, Outcome};

use super::asked::tenant_of;
use super::{Reception, asker, failed, shown, unable};
use crate::core::localities::Locality;

/// An account that something is done to.
pub(super) struct Account {
    /// In whose trail that belongs.
    pub tenant: Option<String>,
    /// By which it is asked for; empty if there is no such account in reach.
    email: String,
}

impl Account {
    /// How an event names it: what is done to somebody is found under their address, whoever did it.
    pub fn named<'a>(&'a self, id: &'a str) -> [(&'static str, &'a str); 2] {
        [("id", id), ("email", &self.email)]
    }
}

impl Reception {
    /// The proof that the person who asks was nominated: their session, as it is now.
    async fn administrator(&self, actor: &Actor) -> Result<Administrator, DeskError> {
        let host = self.host(&Target::Console);
        let session = self.session_of(actor.session, &host).await?;
        let session = session.ok_or(DeskError::Absent)?;
        self.core.access.administrator(&session).map_err(failed)
    }

    /// The same, for what makes a way into an account. While the clock is in doubt, an account that opens no trail yet makes
    /// none, since what it made would have to wait as well, and until when cannot be said.
    pub(super) async fn nominator(
        &self,
        actor: &Actor,
        operation: &str,
    ) -> Result<Administrator, DeskError> {
        if self.core.steady.doubt(self.core.now()).is_some() {
            let event = asker(actor).event(Action::Administration, operation);
            let event = event.of(tenant_of(actor).as_ref());
            self.of_the_trail(actor, event).await?;
        }
        self.administrator(actor).await
    }

    /// Does one act on accounts, with an event before and one after.
    pub(super) async fn manage<T>(
        &self,
        actor: &Actor,
        operation: &str,
        parameters: &[(&str, &str)],
        tenant: Option<&str>,
        act: impl Future<Output = Result<T, AccessError>>,
    ) -> Result<T, DeskError> {
        let tenant = tenant.and_then(|tenant| tenant.parse().ok());
        let mut event = asker(actor)
            .event(Action::Administration, operation)
            .of(tenant.as_ref());
        for (name, value) in parameters {
            event = event.with(name, *value);
        }
        self.note(event.clone()).await?;
        let done = act.await;
        let (outcome, reason) = match &done {
            Ok(_) => (Outcome::Done, "done".to_owned()),
            Err(
                error @ (AccessError::Forbidden(_)
                | AccessError::Taken
                | AccessError::Elsewhere
                | AccessError::TooManyTaken),
            ) => (Outcome::Refused, error.to_string()),
            Err(error) => (Outcome::Failed, error.to_string()),
        };
        self.note_over(event, outcome, reason).await?;
        done.map_err(|error| match error {
            AccessError::Absent => DeskError::Absent,
            AccessError::Taken => DeskError::EmailTaken,
            AccessError::Elsewhere => DeskError::EmailElsewhere,
            AccessError::TooManyTaken => DeskError::EmailsRefused,
            AccessError::Forbidden(Forbidden::Theirs) => DeskError::Theirs,
            other => unable(other),
        })
    }

    pub(super) async fn people_for(&self, actor: &Actor) -> Result<Vec<PersonRow>, DeskError> {
        let by = self.administrator(actor).await?;
        let people = self.core.access.list(&by).await.map_err(unable)?;
        Ok(people
            .into_iter()
            .map(|person| PersonRow {
                id: person.id.as_str().to_owned(),
                waits_until: person.waits_until(self.core.certain()),
                name: person.name,
                email: person.email,
                role: shown::role(person.role),
                tenant: person.tenant.as_ref().map(ToString::to_string),
                locality: self.core.localities.of(person.id.as_str()),
                disabled: person.disabled.is_some(),
                last_signed_in: person.signed_in,
                second_factor: person.second_factor,
            })
            .collect())
    }

    /// The account that something is done to.
    pub(super) async fn account(&self, actor: &Actor, id: &str) -> Result<Account, DeskError> {
        let people = self.people_for(actor).await?;
        let found = people.into_iter().find(|person| person.id == id);
        Ok(found.map_or_else(
            || Account {
                tenant: actor.person.tenant.clone(),
                email: String::new(),
            },
            |person| Account {
                tenant: person.tenant,
                email: person.email,
            },
        ))
    }

    pub(super) async fn add(
        &self,
        actor: &Actor,
        new: views::NewPerson,
    ) -> Result<Secret, DeskError> {
        let by = self.nominator(actor, "person add").await?;
        let role = match new.role {
            Role::Supplier => avouch_access::Role::Supplier,
            Role::Administrator => avouch_access::Role::Administrator,
            Role::Member => avouch_access::Role::Member,
        };
        let tenant = new
            .tenant
            .as_deref()
            .map(str::parse)
            .transpose()
            .map_err(|_| DeskError::Absent)?;
        let account = NewAccount {
            email: new.email.clone(),
            name: new.name.clone(),
            role,
            tenant,
        };
        let locality = locality(&new.locality)?;
        let act = async {
            let (made, password) = self
                .core
                .access
                .create(&by, account, self.core.latest())
                .await?;
            self.belongs(&made.id, &locality).await?;
            Ok((made, password))
        };
        let parameters = [
            ("email", new.email.as_str()),
            ("role", role.as_str()),
            ("locality", locality.as_str()),
        ];
        let (_, password) = self
            .manage(actor, "person add", &parameters, new.tenant.as_deref(), act)
            .await?;
        Ok(Secret::new(password.expose().to_owned()))
    }

    pub(super) async fn close_account(&self, actor: &Actor, id: &str) -> Result<(), DeskError> {
        let by = self.administrator(actor).await?;
        let person = PersonId::new(id);
        let account = self.account(actor, id).await?;
        let act = self.core.access.disable(&by, &person, self.core.now());
        let (parameters, tenant) = (account.named(id), account.tenant.as_deref());
        self.manage(actor, "person disable", &parameters, tenant, act)
            .await
    }

    pub(super) async fn place(
        &self,
        actor: &Actor,
        id: &str,
        typed: &str,
    ) -> Result<(), DeskError> {
        let reach = self.people_for(actor).await?;
        let person = reach.into_iter().find(|person| person.id == id);
        let person = person.ok_or(DeskError::Absent)?;
        let (locality, id) = (locality(typed)?, PersonId::new(id));
        let parameters = [
            ("id", id.as_str()),
            ("email", person.email.as_str()),
            ("locality", locality.as_str()),
        ];
        let act = self.belongs(&id, &locality);
        let tenant = person.tenant.as_deref();
        self.manage(actor, "person locality", &parameters, tenant, act)
            .await
    }

    async fn belongs(&self, id: &PersonId, locality: &Locality) -> Result<(), AccessError> {
        let (core, id) = (&self.core, id.as_str());
        Ok(core.localities.set(&core.store, id, locality).await?)
    }

    pub(super) async fn reset(&self, actor: &Actor, id: &str) -> Result<Secret, DeskError> {
        let by = self.nominator(actor, "person reset password").await?;
        let person = PersonId::new(id);
        let account = self.account(actor, id).await?;
        let act = self.core.access.reset(&by, &person, self.core.latest());
        let (parameters, tenant) = (account.named(id), account.tenant.as_deref());
        let password = self
            .manage(actor, "person reset password", &parameters, tenant, act)
            .await?;
        Ok(Secret::new(password.expose().to_owned()))
    }

    pub(super) async fn tenants_for(&self, actor: &Actor) -> Result<Vec<TenantRow>, DeskError> {
        let people = self.people_for(actor).await?;
        let mut rows = Vec::new();
        for tenant in self.core.tenants.all() {
            let slug = tenant.id.to_string();
            rows.push(TenantRow {
                people: u64::try_from(
                    people
                        .iter()
                        .filter(|person| person.tenant.as_ref() == Some(&slug) && !person.disabled)
                        .count(),
                )
                .unwrap_or(u64::MAX),
                running: self.core.answers(&tenant.id).await,
                name: tenant.name,
                slug,
            });
        }
        Ok(rows)
    }
}

fn locality(typed: &str) -> Result<Locality, DeskError> {
    Locality::read(typed).map_err(|fail| DeskError::Unfit(fail.to_string()))
}
