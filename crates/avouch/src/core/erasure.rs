//! The end of a tenant: planned, done in an order in which a crash leaves nothing readable, and written down.

use std::sync::Arc;

use avouch_backup::keeper::Owner;
use avouch_events::{Action, Actor, Erased, Event, Outcome, Query};
use avouch_ledger::LogKey;
use avouch_statement::TenantId;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::state::Core;
use crate::fail::{Fail, chain};

/// What came of an erasure.
struct Done {
    accounts: u64,
    destinations: Vec<String>,
    out_of_reach: Vec<String>,
    erased: Erased,
}

impl Core {
    /// What would be erased; nothing is.
    ///
    /// # Errors
    /// If there is no such tenant, or it cannot be looked at.
    pub async fn erasure_plan(&self, id: &TenantId) -> Result<Value, Fail> {
        let tenant = self
            .tenants
            .get(id)
            .ok_or_else(|| Fail::new(format!("there is no tenant `{id}`")))?;
        let people = self
            .access
            .list(&self.access.operator())
            .await
            .map_err(|error| Fail::new("the people cannot be listed").from(error))?
            .into_iter()
            .filter(|person| person.tenant.as_ref() == Some(id))
            .count();
        let theirs = Query {
            tenant: Some(Some(id.to_string())),
            limit: 1,
            ..Query::default()
        };
        let events = self
            .index
            .search(&theirs)
            .await
            .map_err(|error| Fail::new("the tenant's events cannot be counted").from(error))?;
        let snapshots = self
            .backups
            .records()
            .snapshots(id.as_str())
            .await
            .map_err(|error| Fail::new("the snapshots cannot be listed").from(error))?;
        Ok(json!({
            "executed": false, "tenant": id, "name": tenant.name, "people": people,
            "events": events.total, "more-events": events.more_than_counted,
            "snapshots": snapshots.len(), "folder": self.layout.tenant(id.as_str()),
        }))
    }

    /// Erases a tenant: from here on nobody can enter, and what is left of its data anywhere cannot be read.
    ///
    /// # Errors
    /// If a part could not be erased. The keys go first; what is left is erased at the next start, or by asking again.
    pub async fn erase_tenant(&self, id: &TenantId, because: &str) -> Result<Value, Fail> {
        if self.tenants.get(id).is_none() {
            return Err(Fail::new(format!("there is no tenant `{id}`"))
                .help("`avouch tenant list` shows them"));
        }
        self.streams
            .of(Some(id))
            .map_err(|error| Fail::new("the tenant's stream cannot be written down").from(error))?;
        self.tenants.destroy(&self.store, id).await?;
        let done = self.erase_rest(id).await?;
        let at = self.now();
        let entry = self.erased(id, because, &done).await?;
        self.ledger
            .publish()
            .await
            .map_err(|error| Fail::new("the erasure's entry is not signed yet").from(error))?;
        let record = record(&self.signer, &self.log_name(), id, at, entry, &done)?;
        Ok(json!({
            "executed": true, "tenant": id, "people": done.accounts, "payloads": done.erased.payloads,
            "destinations": done.destinations, "out-of-reach": done.out_of_reach, "entry": entry, "record": record,
        }))
    }

    /// Goes on with erasures that a crash or a failure cut off: the stream's name is what goes last.
    pub async fn finish_erasures(self: &Arc<Self>) {
        for id in self.tenants.destroyed(&self.store).await {
            if self.streams.find(&id).is_none() {
                continue;
            }
            let finished = match self.erase_rest(&id).await {
                Ok(done) => {
                    let why = "it was begun before the last start";
                    self.erased(&id, why, &done).await.map(|_| ())
                }
                Err(fail) => Err(fail),
            };
            if let Err(fail) = finished {
                tracing::error!(%fail, tenant = %id, "a tenant's data are not erased whole");
            }
        }
    }

    async fn erase_rest(&self, id: &TenantId) -> Result<Done, Fail> {
        let name = id.as_str();
        let left = |what: &'static str| Fail::new(format!("{what} of `{name}` are not erased"));
        self.keyring
            .shred(id)
            .map_err(|error| left("the keys").from(error))?;
        let _held = self.capacity.hold(id).await;
        if let Err(error) = self.supervisor.stop(name).await {
            tracing::info!(error = chain(&error), tenant = name, "it did not run");
        }
        let accounts = self
            .access
            .erase(id)
            .await
            .map_err(|error| left("the accounts").from(error))?;
        self.status.erase(&self.store, id).await?;
        self.faults_erase(id).await?;
        self.erase_reports(id).await?;
        self.localities
            .tidy(&self.store)
            .await
            .map_err(|error| left("the localities").from(error))?;
        self.erase_reviews(id)
            .await
            .map_err(|error| left("the reviews").from(error))?;
        self.shares
            .end(&self.store, id, None)
            .await
            .map_err(|error| left("the shares of the trail").from(error))?;
        self.supervisor
            .remove(self.layout.tenant(name))
            .await
            .map_err(|error| left("the data").from(error))?;
        let destinations = self
            .backups
            .erase(&Owner::Tenant(id.clone()))
            .await
            .map_err(|error| left("the backups").from(error))?;
        self.store
            .compact()
            .await
            .map_err(|error| left("the store's pages").from(error))?;
        let erased =
            avouch_events::erase(&self.ledger, &self.index, &self.keyring, &self.streams, id)
                .await
                .map_err(|error| left("the events").from(error))?;
        Ok(Done {
            accounts,
            destinations,
            out_of_reach: self.backups.out_of_reach(),
            erased,
        })
    }

    /// Writes down, in the platform's own stream, that a tenant was erased; the entry's number.
    async fn erased(&self, id: &TenantId, because: &str, done: &Done) -> Result<u64, Fail> {
        let who = Actor::platform();
        let object = format!("tenant {id} erased");
        let event = Event::new(self.now(), who, Action::System, object, Outcome::Done)
            .because(because)
            .with("tenant", id.as_str())
            .with("accounts", done.accounts.to_string())
            .with("payloads", done.erased.payloads.to_string())
            .with("repositories", done.destinations.join(", "))
            .with("out-of-reach", done.out_of_reach.join(", "))
            .with(
                "stream",
                done.erased.stream.map(hex::encode).unwrap_or_default(),
            );
        let recorded = self.record(event).await.map_err(|error| {
            Fail::new("it was erased, and that is not written down").from(error)
        })?;
        Ok(recorded.index)
    }
}

/// What the operator hands to who asked for the erasure: a note signed with the ledger's key.
fn record(
    key: &LogKey,
    log: &str,
    id: &TenantId,
    at: Timestamp,
    entry: u64,
    done: &Done,
) -> Result<String, Fail> {
    let elsewhere = match done.out_of_reach.as_slice() {
        [] => String::new(),
        keepers => format!(
            "Copies at {} stay readable there until their time has come, or until whoever runs them removes them.\n",
            keepers.join(", ")
        ),
    };
    let text = format!(
        "erasure of {id}\nlog {log}\nentry {entry}\nat {at}\n\
         The keys were destroyed, and {accounts} accounts with their sessions, the folder of its application, its\n\
         repositories ({destinations}) and {payloads} sealed payloads of the log removed.\n{elsewhere}",
        accounts = done.accounts,
        destinations = done.destinations.join(", "),
        payloads = done.erased.payloads,
    );
    key.sign_text(&text)
        .map_err(|error| Fail::new("the record of the erasure cannot be signed").from(error))
}
