//! Accounts: made, changed and closed only by nominated administrators, each within their reach.

use crate::{
    Access, AccessError, Forbidden, Password, Person, PersonId, Role, Session,
    email::Email,
    endings,
    password::ALPHABET_NAME,
    people::{Account, Issued, account_columns},
    random,
};
use avouch_statement::TenantId;
use avouch_store::micros;
use jiff::{SignedDuration, Timestamp};
use sqlx::{Sqlite, Transaction};

/// Who nominated the first accounts: nobody in the system could.
const SETUP: &str = "setup";

/// How often a tenant's administrators, all together, may learn that an address is in use beyond their reach. A slip of the
/// hand costs one; a list of addresses cannot be tried out.
const REFUSALS: i64 = 10;

/// Within how long.
pub(crate) const REFUSALS_WITHIN: SignedDuration = SignedDuration::from_hours(24);

/// Proof that the holder was nominated, and how far they reach. Made from a live session only.
#[derive(Debug, Clone)]
pub struct Administrator {
    id: PersonId,
    reach: Reach,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Reach {
    Tenant(TenantId),
    Everyone,
}

/// Somebody to be given an account.
#[derive(Debug, Clone)]
pub struct NewPerson {
    /// The address they will sign in with.
    pub email: String,
    /// What they are called.
    pub name: String,
    /// What they may do.
    pub role: Role,
    /// Whose they are; `None` for the supplier's.
    pub tenant: Option<TenantId>,
}

impl Administrator {
    /// An administrator of one tenant who was never nominated, for trying how far one reaches.
    pub(crate) fn supposed(tenant: TenantId) -> Self {
        Self {
            id: PersonId(String::from("checks")),
            reach: Reach::Tenant(tenant),
        }
    }

    /// Somebody of the supplier's who was never nominated, for trying what they could make.
    pub(crate) fn supposed_supplier() -> Self {
        Self {
            id: PersonId(String::from("checks")),
            reach: Reach::Everyone,
        }
    }

    /// Whether they are one of the supplier's people, and not the operator at the machine.
    pub(crate) fn is_supplier(&self) -> bool {
        self.reach == Reach::Everyone && self.id.as_str() != SETUP
    }

    /// Whether this is their own id.
    pub(crate) fn is(&self, id: &PersonId) -> bool {
        self.id == *id
    }

    fn reaches(&self, tenant: Option<&TenantId>) -> bool {
        match &self.reach {
            Reach::Everyone => true,
            Reach::Tenant(own) => tenant == Some(own),
        }
    }
}

impl Access {
    /// The administrator whose session this is.
    ///
    /// # Errors
    /// If it is a member's.
    pub fn administrator(&self, session: &Session) -> Result<Administrator, Forbidden> {
        let reach = match (session.person.role, &session.person.tenant) {
            (Role::Supplier, None) => Reach::Everyone,
            (Role::Administrator, Some(tenant)) => Reach::Tenant(tenant.clone()),
            _ => return Err(Forbidden::NotAdministrator),
        };
        Ok(Administrator {
            id: session.person.id.clone(),
            reach,
        })
    }

    /// The operator at the machine, who could read and write every file anyway: reaches everybody, and is named `setup`.
    #[must_use]
    pub fn operator(&self) -> Administrator {
        Administrator {
            id: PersonId::new(SETUP),
            reach: Reach::Everyone,
        }
    }

    /// Makes one of the first accounts, before there is anybody who could. Only the operator at the machine reaches this.
    ///
    /// # Errors
    /// As [`Access::create`].
    pub async fn set_up(
        &self,
        new: NewPerson,
        now: Timestamp,
    ) -> Result<(Person, Password), AccessError> {
        self.insert(&self.operator(), new, now).await
    }

    /// Makes an account with a generated password, which is returned this once and kept nowhere.
    ///
    /// # Errors
    /// If it is beyond the administrator's reach, the address is taken, too many were, or what was given does not fit.
    pub async fn create(
        &self,
        by: &Administrator,
        new: NewPerson,
        now: Timestamp,
    ) -> Result<(Person, Password), AccessError> {
        if !by.reaches(new.tenant.as_ref()) {
            return Err(Forbidden::BeyondReach.into());
        }
        self.insert(by, new, now).await
    }

    /// Closes an account: it cannot sign in, and its sessions end now.
    ///
    /// # Errors
    /// If there is no such person within reach, or it is the administrator's own.
    pub async fn disable(
        &self,
        by: &Administrator,
        id: &PersonId,
        now: Timestamp,
    ) -> Result<(), AccessError> {
        if by.is(id) {
            return Err(Forbidden::Own.into());
        }
        let mut work = self.store.write().await?;
        let mut account = self.find(&mut work, by, id).await?;
        account.person.disabled = account.person.disabled.or(Some(now));
        if account.person.intact {
            account.save(&mut work, &self.seals).await?;
        }
        let ended = endings::of_person(&mut work, id).await?;
        self.commit(work).await?;
        self.tell(&ended).await;
        Ok(())
    }

    /// Opens a closed account again, with a new password.
    ///
    /// # Errors
    /// As [`Access::reset`].
    pub async fn enable(
        &self,
        by: &Administrator,
        id: &PersonId,
        now: Timestamp,
    ) -> Result<Password, AccessError> {
        self.renew(by, id, now, |account| account.person.disabled = None)
            .await
    }

    /// Makes a new password, which is returned this once. The old one is dead, and so are the person's sessions.
    ///
    /// # Errors
    /// If there is no such person within reach, or the organisation's own administrators do this.
    pub async fn reset(
        &self,
        by: &Administrator,
        id: &PersonId,
        now: Timestamp,
    ) -> Result<Password, AccessError> {
        self.renew(by, id, now, |_| ()).await
    }

    /// Everybody within reach who is not synthetic, by address.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn list(&self, by: &Administrator) -> Result<Vec<Person>, AccessError> {
        let accounts = self.accounts().await?;
        let people = accounts.into_iter().map(|account| account.person);
        Ok(people
            .filter(|person| !person.synthetic && by.reaches(person.tenant.as_ref()))
            .collect())
    }

    /// Every account there is, by address.
    pub(crate) async fn accounts(&self) -> Result<Vec<Account>, AccessError> {
        let rows = sqlx::query(concat!(
            "select ",
            account_columns!(),
            " from person order by email_key"
        ))
        .fetch_all(self.store.readers())
        .await?;
        rows.iter()
            .map(|row| Account::read(row, &self.seals))
            .collect()
    }

    async fn renew(
        &self,
        by: &Administrator,
        id: &PersonId,
        now: Timestamp,
        change: impl FnOnce(&mut Account) + Send,
    ) -> Result<Password, AccessError> {
        let (password, issued) = self.issue().await?;
        let mut work = self.store.write().await?;
        let mut account = self.find(&mut work, by, id).await?;
        if !account.person.intact {
            return Err(AccessError::Altered);
        }
        self.entrust(&mut work, by, &mut account, now).await?;
        account.password = Some(issued);
        change(&mut account);
        account.save(&mut work, &self.seals).await?;
        let ended = endings::of_person(&mut work, id).await?;
        self.commit(work).await?;
        self.tell(&ended).await;
        Ok(password)
    }

    /// A new password, and what is kept of it.
    pub(crate) async fn issue(&self) -> Result<(Password, Issued), AccessError> {
        let length = self.settings.length;
        let password = Password::generate(length)?;
        let hash = self.hasher.hash(&password).await?;
        let issued = Issued {
            hash,
            length: length as i64,
            alphabet: ALPHABET_NAME.to_owned(),
        };
        Ok((password, issued))
    }

    async fn insert(
        &self,
        by: &Administrator,
        new: NewPerson,
        now: Timestamp,
    ) -> Result<(Person, Password), AccessError> {
        let email = Email::parse(&new.email)?;
        let name = new.name.trim();
        if !(1..=100).contains(&name.chars().count()) || name.chars().any(char::is_control) {
            return Err(AccessError::BadName);
        }
        if (new.role == Role::Supplier) != new.tenant.is_none() {
            return Err(AccessError::BadRole);
        }
        let person = Person {
            id: PersonId(hex::encode(random::bytes::<16>()?)),
            email: email.shown,
            name: name.to_owned(),
            role: new.role,
            tenant: new.tenant,
            synthetic: false,
            nominated_by: by.id.as_str().to_owned(),
            nominated_at: now,
            disabled: None,
            signed_in: None,
            second_factor: None,
            entrusted: None,
            intact: true,
        };
        let (password, issued) = self.issue().await?;
        let mut account = Account {
            person,
            email_key: email.key,
            password: Some(issued),
        };
        let mut work = self.store.write().await?;
        self.entrust(&mut work, by, &mut account, now).await?;
        if let Reach::Tenant(tenant) = &by.reach {
            refusals_left(&mut work, tenant, now).await?;
        }
        match (account.add(&mut work, &self.seals).await, &by.reach) {
            (Err(AccessError::Taken), Reach::Tenant(tenant)) => {
                let refusal = self
                    .taken(&mut work, tenant, &account.email_key, now)
                    .await?;
                work.commit().await?;
                Err(refusal)
            }
            (Err(error), _) => Err(error),
            (Ok(()), _) => {
                self.commit(work).await?;
                Ok((account.person, password))
            }
        }
    }

    /// What an administrator of one tenant is told of an address that is taken. That it is somebody's beyond their tenant is
    /// counted.
    async fn taken(
        &self,
        work: &mut Transaction<'static, Sqlite>,
        tenant: &TenantId,
        email_key: &str,
        now: Timestamp,
    ) -> Result<AccessError, AccessError> {
        let sql = "select exists (select 1 from person where email_key = $1 and tenant = $2)";
        let own: bool = sqlx::query_scalar(sql)
            .bind(email_key)
            .bind(tenant.as_str())
            .fetch_one(&mut **work)
            .await?;
        if own {
            return Ok(AccessError::Taken);
        }
        sqlx::query("insert into refused_address (tenant, at) values ($1, $2)")
            .bind(tenant.as_str())
            .bind(micros(now))
            .execute(&mut **work)
            .await?;
        Ok(AccessError::Elsewhere)
    }

    /// The account, if there is one within reach; one beyond it looks absent.
    pub(crate) async fn find(
        &self,
        work: &mut Transaction<'static, Sqlite>,
        by: &Administrator,
        id: &PersonId,
    ) -> Result<Account, AccessError> {
        let row = sqlx::query(concat!(
            "select ",
            account_columns!(),
            " from person where id = $1"
        ))
        .bind(id.as_str())
        .fetch_optional(&mut **work)
        .await?
        .ok_or(AccessError::Absent)?;
        let account = Account::read(&row, &self.seals)?;
        match by.reaches(account.person.tenant.as_ref()) {
            true => Ok(account),
            false => Err(AccessError::Absent),
        }
    }

    /// Commits, and forgets what was read before.
    pub(crate) async fn commit(
        &self,
        work: Transaction<'static, Sqlite>,
    ) -> Result<(), AccessError> {
        work.commit().await?;
        self.cache.forget();
        Ok(())
    }
}

/// Refuses while the tenant's administrators have learnt of as many addresses as they may, whether or not this one is taken.
async fn refusals_left(
    work: &mut Transaction<'static, Sqlite>,
    tenant: &TenantId,
    now: Timestamp,
) -> Result<(), AccessError> {
    let sql = "select count(*) from refused_address where tenant = $1 and at > $2";
    let count: i64 = sqlx::query_scalar(sql)
        .bind(tenant.as_str())
        .bind(micros(now - REFUSALS_WITHIN))
        .fetch_one(&mut **work)
        .await?;
    if count < REFUSALS {
        Ok(())
    } else {
        Err(AccessError::TooManyTaken)
    }
}
