//! The tenants: who they are, and the instance that serves each.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use avouch_events::Outcome;
use avouch_runtime::capacity::Whose;
use avouch_runtime::confine::Confinement;
use avouch_runtime::grant::{Grant, Kind};
use avouch_runtime::health;
use avouch_runtime::layout::Layout;
use avouch_runtime::protocol::InstanceSpec;
use avouch_statement::TenantId;
use avouch_store::{Store, micros};
use avouch_tenancy::checks::Turns;
use jiff::Timestamp;
use tokio::time::Instant;

use super::state::Core;
use crate::fail::Fail;

/// How long an application may take to start, before the whole start fails.
const START: Duration = Duration::from_secs(30);

/// The whole environment of an instance, by name. The supervisor lets the core set no other.
pub const INSTANCE_ENVIRONMENT: [&str; 5] = ["SOCKET", "DATA", "JWKS", "TENANT", "ISSUER"];

/// One tenant.
#[derive(Debug, Clone)]
pub struct Tenant {
    pub id: TenantId,
    pub name: String,
    /// The user that its application runs as; kept even where ids are not separate.
    pub number: u32,
}

/// All tenants, as they stand in the store.
#[derive(Debug)]
pub struct Tenants {
    known: RwLock<BTreeMap<TenantId, Tenant>>,
    /// Which of their pages the check of segregation has opened.
    pub turns: Arc<Turns>,
}

impl Tenants {
    /// Reads the tenants.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub async fn open(store: &Store) -> Result<Self, Fail> {
        let unread = |error: sqlx::Error| Fail::new("the tenants cannot be read").from(error);
        let rows: Vec<(String, String, i64)> =
            sqlx::query_as("select id, name, uid from tenant where status = 'active' order by id")
                .fetch_all(store.readers())
                .await
                .map_err(unread)?;
        let mut known = BTreeMap::new();
        for (id, name, number) in rows {
            let id: TenantId = id.parse().map_err(|error: avouch_statement::BadSlug| {
                Fail::new("a tenant's id cannot be read").from(error)
            })?;
            let number = u32::try_from(number)
                .map_err(|error| Fail::new("a tenant's number cannot be read").from(error))?;
            known.insert(id.clone(), Tenant { id, name, number });
        }
        Ok(Self {
            known: RwLock::new(known),
            turns: Arc::default(),
        })
    }

    /// Every tenant, by id.
    pub fn all(&self) -> Vec<Tenant> {
        self.known
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .values()
            .cloned()
            .collect()
    }

    /// Every tenant's id.
    pub fn ids(&self) -> Vec<TenantId> {
        self.known
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .keys()
            .cloned()
            .collect()
    }

    /// One tenant.
    pub fn get(&self, id: &TenantId) -> Option<Tenant> {
        self.known
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .get(id)
            .cloned()
    }

    /// Adds a tenant to the store; the caller has recorded the intent.
    ///
    /// # Errors
    /// If there is one of that id, or the store cannot be written.
    pub async fn add(
        &self,
        store: &Store,
        id: TenantId,
        name: &str,
        now: Timestamp,
    ) -> Result<Tenant, Fail> {
        if matches!(id.as_str(), "signin" | "console" | "statement" | "www") {
            return Err(Fail::new(format!(
                "`{id}` is the name of a host of the service itself"
            ))
            .help("choose another short name"));
        }
        if self.destroyed(store).await.contains(&id) {
            return Err(Fail::new(format!(
                "`{id}` was the name of a tenant whose data were erased; no other gets it"
            ))
            .help("choose another short name"));
        }
        if self.get(&id).is_some() {
            return Err(Fail::new(format!("there is a tenant `{id}` already")));
        }
        let unkept = |error: sqlx::Error| Fail::new("the tenant cannot be kept").from(error);
        let mut work = store.write().await.map_err(unkept)?;
        let number: i64 = sqlx::query_scalar("select coalesce(max(uid) + 1, 0) from tenant")
            .fetch_one(&mut *work)
            .await
            .map_err(unkept)?;
        sqlx::query(
            "insert into tenant (id, name, uid, created, status) values ($1, $2, $3, $4, 'active')",
        )
        .bind(id.as_str())
        .bind(name)
        .bind(number)
        .bind(micros(now))
        .execute(&mut *work)
        .await
        .map_err(unkept)?;
        work.commit().await.map_err(unkept)?;
        let number = u32::try_from(number)
            .map_err(|error| Fail::new("there are too many tenants").from(error))?;
        let tenant = Tenant {
            id: id.clone(),
            name: name.to_owned(),
            number,
        };
        self.known
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(id, tenant.clone());
        Ok(tenant)
    }
}

impl Tenants {
    /// Takes a tenant out of service, durably: whoever asks from here on finds none. Its name is not given again.
    ///
    /// # Errors
    /// If the store cannot be written.
    pub async fn destroy(&self, store: &Store, id: &TenantId) -> Result<(), Fail> {
        let unkept = |error: sqlx::Error| Fail::new("the tenant cannot be closed").from(error);
        let mut work = store.write().await.map_err(unkept)?;
        sqlx::query("update tenant set status = 'destroyed', name = '' where id = $1")
            .bind(id.as_str())
            .execute(&mut *work)
            .await
            .map_err(unkept)?;
        work.commit().await.map_err(unkept)?;
        self.known
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(id);
        Ok(())
    }

    /// Those whose data were erased, or are being.
    pub async fn destroyed(&self, store: &Store) -> Vec<TenantId> {
        let ids: Result<Vec<String>, sqlx::Error> =
            sqlx::query_scalar("select id from tenant where status = 'destroyed'")
                .fetch_all(store.readers())
                .await;
        match ids {
            Ok(ids) => ids.iter().filter_map(|id| id.parse().ok()).collect(),
            Err(error) => {
                tracing::error!(%error, "the tenants that were erased cannot be read");
                Vec::new()
            }
        }
    }
}

impl Core {
    /// Starts every tenant's application, and waits until each answers. One that does not answer takes no other down.
    ///
    /// # Errors
    /// If one cannot be started, or none answers.
    pub async fn tenants_start(&self) -> Result<(), Fail> {
        let tenants = self.tenants.all();
        for tenant in &tenants {
            self.tenant_begin(tenant).await?;
        }
        let waits = tenants.iter().map(|tenant| self.tenant_wait(tenant));
        let mut silent: Vec<Fail> = futures_util::future::join_all(waits)
            .await
            .into_iter()
            .filter_map(Result::err)
            .collect();
        if silent.len() == tenants.len()
            && let Some(fail) = silent.pop()
        {
            return Err(fail);
        }
        for fail in silent {
            tracing::error!(%fail, "the others are served without it");
            let said = self.say("start", Outcome::Failed, fail.to_string()).await;
            said.map_err(|error| Fail::new("the start cannot be recorded").from(error))?;
        }
        Ok(())
    }

    /// Makes a tenant's folders and has its application started.
    ///
    /// # Errors
    /// If the supervisor refuses.
    pub async fn tenant_begin(&self, tenant: &Tenant) -> Result<(), Fail> {
        let name = tenant.id.as_str();
        let refused = |error: avouch_runtime::client::ClientError| {
            Fail::new(format!("the application of `{name}` cannot be prepared")).from(error)
        };
        let uid = self.tenant_uid(tenant)?;
        let at = self.layout.tenant(name);
        self.capacity.touch(&tenant.id, Whose::Own);
        for grant in Layout::instance_folders(&at, uid, &self.ids) {
            self.supervisor.grant(grant).await.map_err(refused)?;
        }
        self.supervisor
            .grant(self.key_set(&at, uid))
            .await
            .map_err(refused)?;
        self.supervisor
            .start(self.instance(name, name, &at, uid))
            .await
            .map_err(refused)
    }

    /// Waits until a tenant's application answers.
    ///
    /// # Errors
    /// If it does not within 30 s.
    pub async fn tenant_wait(&self, tenant: &Tenant) -> Result<(), Fail> {
        let socket = self.layout.tenant_socket(tenant.id.as_str());
        let _busy = self.capacity.enter(&tenant.id, Whose::Own);
        health::wait(&socket, &self.statement.app.health, Instant::now() + START)
            .await
            .map(|_| ())
            .map_err(|error| {
                Fail::new(format!(
                    "the application of `{}` does not answer {}",
                    tenant.id, self.statement.app.health
                ))
                .from(error)
            })
    }

    /// Does a tenant's application answer now, or rest until somebody asks for it?
    pub async fn answers(&self, tenant: &TenantId) -> bool {
        let socket = self.layout.tenant_socket(tenant.as_str());
        // It may have been put to rest while it was asked.
        let rests = || self.capacity.rests(tenant);
        rests() || self.answers_at(&socket).await || rests()
    }

    /// The same of whatever should listen there.
    pub async fn answers_at(&self, socket: &Path) -> bool {
        health::wait(
            socket,
            &self.statement.app.health,
            Instant::now() + Duration::from_secs(1),
        )
        .await
        .is_ok()
    }

    /// The user that a tenant's application runs as.
    ///
    /// # Errors
    /// If there are more tenants than user ids.
    pub fn tenant_uid(&self, tenant: &Tenant) -> Result<u32, Fail> {
        self.ids
            .tenant(tenant.number)
            .ok_or_else(|| Fail::new("there are more tenants than user ids for them"))
    }

    /// How an instance is run: the stated command, with this folder's data, socket and key set, and nothing else.
    pub fn instance(&self, name: &str, tenant: &str, at: &Path, uid: u32) -> InstanceSpec {
        self.instance_on(name, tenant, at, &at.join("data"), uid)
    }

    /// The same with its data somewhere else than beneath `at`.
    pub fn instance_on(
        &self,
        name: &str,
        tenant: &str,
        at: &Path,
        data: &Path,
        uid: u32,
    ) -> InstanceSpec {
        let (socket, keys) = (at.join("run/app.sock"), at.join("run/jwks.json"));
        let mut confinement = self.instance_confinement(at, data, uid);
        let issuer = format!("https://{}", self.statement.gateway.domain);
        let [socket_path, data_path, keys_path] =
            [&socket, data, &keys].map(|path: &Path| path.display().to_string());
        let stated = [socket_path, data_path, keys_path, tenant.to_owned(), issuer];
        let values: Vec<(&str, String)> = INSTANCE_ENVIRONMENT.into_iter().zip(stated).collect();
        let mut command: Vec<String> = self
            .statement
            .app
            .command
            .iter()
            .map(|word| {
                values.iter().fold(word.clone(), |word, (name, value)| {
                    word.replace(&format!("${name}"), value)
                })
            })
            .collect();
        if let Some(program) = command.first_mut() {
            let file = Path::new(program.as_str())
                .file_name()
                .unwrap_or_default()
                .to_owned();
            *program = self.layout.bin().join(file).display().to_string();
        }
        confinement.env.extend(
            values
                .into_iter()
                .map(|(name, value)| (name.to_owned(), value)),
        );
        InstanceSpec {
            name: name.to_owned(),
            tenant: tenant.to_owned(),
            command,
            confinement,
            socket,
            health: self.statement.app.health.clone(),
            ends_with_core: false,
        }
    }

    /// What an instance may reach: its own data and socket, and nothing of anybody else's.
    pub fn instance_confinement(&self, at: &Path, data: &Path, uid: u32) -> Confinement {
        let mut confinement = Confinement::new(uid, self.ids.group(uid), data);
        // The front, whose group the socket's folder has, connects to the socket.
        confinement.umask = 0o007;
        confinement.execute.push(self.layout.bin());
        confinement.write.extend([data.to_owned(), at.join("run")]);
        confinement
    }

    /// The public keys of the identity assertion, as a file that an instance reads.
    pub fn key_set(&self, at: &Path, uid: u32) -> Grant {
        Grant {
            path: at.join("run/jwks.json"),
            uid: if self.ids.are_separate() { 0 } else { uid },
            gid: self.ids.group(uid),
            mode: 0o440,
            recursive: false,
            kind: Kind::File {
                contents: avouch_runtime::protocol::Bytes(self.jwks().into_bytes()),
            },
        }
    }
}
