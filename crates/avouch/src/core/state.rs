//! What the core holds, and how it is opened.

use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use avouch_access::Access;
use avouch_backup::keeper::Backups;
use avouch_backup::records::Records;
use avouch_events::{Index, Opener, Outcome, Recorder, Streams};
use avouch_evidence::{Clock, InForce};
use avouch_gateway::link::CoreEnd;
use avouch_keyring::{Keyring, Purpose};
use avouch_ledger::{Ledger, LogKey, Options, Reader, Recovered};
use avouch_runtime::client::SupervisorClient;
use avouch_runtime::ids::Ids;
use avouch_runtime::layout::Layout;
use avouch_statement::Source;
use avouch_store::Store;
use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

use super::authority::Authority;
use super::believed::Believed;
use super::capacity::Capacity;
use super::jobs::Runner;
use super::joins::{Exports, Witnesses};
use super::localities::Localities;
use super::logins::ServerLogins;
use super::marks::Marks;
use super::releases::Running;
use super::rounds::Rounds;
use super::shares::Shares;
use super::status::Statuses;
use super::steady::Steady;
use super::strangers::Strangers;
use super::suites::Suites;
use super::tenants::Tenants;
use super::ties::Ties;
use crate::fail::{Fail, chain};
use crate::statement_file::{self, Statement};

/// How often the index takes in what was recorded; a search does not wait for it.
const INDEXED: std::time::Duration = std::time::Duration::from_secs(1);

/// Everything that the core holds.
pub struct Core {
    pub statement: Statement,
    pub digest: String,
    /// What customers read of the statement, and its digests, to which every round commits.
    pub promise: String,
    pub in_force: InForce,
    pub clock: Clock,
    pub started: Timestamp,
    pub steady: Steady,
    pub believed: Believed,
    pub layout: Layout,
    pub ids: Ids,
    pub keyring: Arc<Keyring>,
    /// Where the master key comes from.
    pub master: avouch_keyring::Source,
    pub store: Store,
    pub ledger: Ledger,
    pub reader: Reader,
    pub recorder: Recorder,
    pub opener: Opener,
    pub streams: Arc<Streams>,
    pub index: Index,
    pub access: Arc<Access>,
    pub authority: Authority,
    pub supervisor: SupervisorClient,
    pub tenants: Arc<Tenants>,
    /// Whose application rests.
    pub capacity: Arc<Capacity>,
    pub rounds: Rounds,
    /// How far the rounds have gone through the ledger.
    pub sweep: Arc<avouch_audit::checks::Sweep>,
    pub backups: Arc<Backups>,
    pub runner: Arc<Runner>,
    /// Signs packs; the ledger signs its checkpoints with a copy of it.
    pub signer: LogKey,
    /// Connections by day and negotiated suite.
    pub suites: Arc<Suites>,
    pub shutdown: CancellationToken,
    /// What somebody without a sign-in may leave in the trail.
    pub strangers: Strangers,
    /// By which the checks' own requests are known.
    pub marks: Arc<Marks>,
    /// Who signs, on other machines, that the ledger was not rewritten.
    pub witnesses: Option<Arc<Witnesses>>,
    /// Where each person belongs.
    pub localities: Localities,
    /// With whom trails are shared.
    pub shares: Shares,
    /// Whose records are people's own, and their families'.
    pub ties: Ties,
    /// The application that lies ready to run.
    pub running: Running,
    /// Who receives the trail as it is written.
    pub exports: Arc<Exports>,
    /// Who logs in to the server itself, where that is followed.
    pub logins: Option<Arc<ServerLogins>>,
    /// How the service is, and what people are told of it.
    pub status: Statuses,
    /// The link to the front, for closing the tunnels of a session that ends.
    pub link: CoreEnd,
    /// Whether the disk was full at the last event.
    pub(super) full: AtomicBool,
}

impl Core {
    /// Opens everything in the data folder, and catches up with what the ledger has.
    ///
    /// # Errors
    /// If a part cannot be opened.
    pub async fn open(
        data: &Path,
        supervisor: SupervisorClient,
        shutdown: CancellationToken,
    ) -> Result<Arc<Self>, Fail> {
        let layout = Layout::new(data);
        let clock = crate::clock();
        let started = clock();
        let statement = kept_statement(&layout)?;
        let ids = ids_of(&layout, statement.runtime.user_ids)?;
        let master = statement
            .keys
            .master
            .source(&layout.keys())
            .map_err(|error| Fail::new("there is nobody to ask for the master key").from(error))?;
        let keyring = Arc::new(
            Keyring::unlock(&layout.core().join("keys"), &master)
                .map_err(|error| Fail::new("the keys cannot be unlocked").from(error))?,
        );
        let store = Store::open(&layout.core().join("store.db"))
            .await
            .map_err(|error| Fail::new("the store cannot be opened").from(error))?;
        for (part, schema) in [
            super::kept_reports::SCHEMA,
            super::faults::SCHEMA,
            super::faults::ANSWERS,
            super::faults::LOOKUP,
            super::reviews::SCHEMA,
        ] {
            store.execute_schema(part, schema).await.map_err(|error| {
                Fail::new(format!("the part `{part}` of the store cannot be opened")).from(error)
            })?;
        }
        let signer = log_key(&statement, &keyring)?;
        let ledger = open_ledger(&layout, signer.clone())?;
        publish_key(&layout, &ledger)?;
        let reader = ledger.reader();
        let streams = Arc::new(
            Streams::open(&layout.core().join("streams"))
                .map_err(|error| Fail::new("the list of streams cannot be read").from(error))?,
        );
        let opener = Opener::new(keyring.clone(), streams.clone());
        let index = Index::open(
            &layout.core().join("events.db"),
            reader.clone(),
            opener.clone(),
        )
        .await
        .map_err(|error| Fail::new("the event index cannot be made").from(error))?;
        let following = index.clone();
        tokio::spawn(async move { following.follow(INDEXED).await });
        let recorder = Recorder::new(ledger.clone(), keyring.clone(), streams.clone(), None);
        let seal = keyring
            .named(&Purpose::Accounts)
            .map_err(|error| Fail::new("the accounts' key cannot be had").from(error))?;
        let status = Statuses::open(&store).await?;
        let suites = Arc::new(Suites::open(&store).await?);
        let localities = Localities::open(&store, &seal).await?;
        let ties = Ties::open(&store, &seal).await?;
        let shares = Shares::open(&store, &seal).await?;
        let running = Running::read(&statement, &layout)?;
        let access = Access::open(
            store.clone(),
            statement.access.clone(),
            &seal,
            keyring.clone(),
        )
        .await
        .map_err(|error| Fail::new("the accounts cannot be opened").from(error))?;
        let link = CoreEnd::default();
        let fronts = link.clone();
        access.when_sessions_end(move |ended| {
            for ended in ended {
                fronts.revoke(super::admission::tag_of(ended));
            }
            let fronts = fronts.clone();
            Box::pin(async move { fronts.followed().await })
        });
        let newest = reader
            .size()
            .checked_sub(1)
            .and_then(|index| reader.read(index).ok())
            .map(|stored| stored.leaf.time);
        let capacity = Arc::new(Capacity::new(statement.app.idle, clock.clone(), newest));
        let believed = Believed::within(&layout.core());
        let authority = Authority::open(&layout, &keyring, &statement.gateway.domain, started)?;
        let tenants = Arc::new(Tenants::open(&store).await?);
        let rounds = Rounds::open(&store, &reader, &opener, &statement).await?;
        let witnesses = statement
            .audit
            .witnessed
            .as_ref()
            .map(|settings| Witnesses::new(settings, reader.clone()))
            .transpose()?;
        let logins = statement.audit.logins.as_ref().map(ServerLogins::new);
        let exports = Exports::open(&statement, &layout, &reader, &opener)?;
        let known = tenants.clone();
        let runner = Arc::new(Runner {
            supervisor: supervisor.clone(),
            destinations: super::backups::destinations(&statement, &layout.backups()),
            layout: layout.clone(),
            ids,
            keyring: keyring.clone(),
            tenants: Arc::new(move || {
                known
                    .all()
                    .into_iter()
                    .map(|tenant| (tenant.id, tenant.number))
                    .collect()
            }),
        });
        let records = Records::open(store.clone())
            .await
            .map_err(|error| Fail::new("the records of backups cannot be opened").from(error))?;
        let digest = statement.source.digest();
        let (promise, in_force) = statement
            .promise()
            .text()
            .map_err(|error| Fail::new("the promise cannot be written").from(error))?;
        let clock_of = clock.clone();
        let sweep = Arc::new(avouch_audit::checks::Sweep::open(
            &layout.core().join("sweep"),
        ));
        let core = Arc::new_cyclic(|core| Self {
            digest,
            promise,
            in_force,
            clock,
            started,
            layout,
            ids,
            keyring,
            master,
            store,
            reader,
            ledger,
            recorder,
            opener,
            streams,
            index,
            access: Arc::new(access),
            steady: Steady::new(started, believed.read().or(newest)),
            believed,
            authority,
            supervisor,
            tenants,
            capacity,
            rounds,
            sweep,
            backups: Arc::new(super::backups::keeper(
                core,
                &statement,
                runner.clone(),
                records,
                clock_of,
            )),
            runner,
            signer,
            suites,
            shutdown,
            strangers: Strangers::default(),
            marks: Arc::default(),
            witnesses,
            exports,
            localities,
            ties,
            shares,
            running,
            logins,
            status,
            link,
            full: AtomicBool::new(false),
            statement,
        });
        let recovered = core.ledger.recovered();
        if *recovered != Recovered::default() {
            core.say("ledger", Outcome::Done, format!("what a crash left was put in order: {} bytes that were never acknowledged were taken off the journal, {} files were derived anew", recovered.cut_off, recovered.rewritten.len())).await.map_err(|error| Fail::new("the start cannot be recorded").from(error))?;
        }
        if let Some(doubt) = core.doubt() {
            core.say_doubt(&doubt)
                .await
                .map_err(|error| Fail::new("the start cannot be recorded").from(error))?;
        }
        core.say_start(newest)
            .await
            .map_err(|error| Fail::new("the start cannot be recorded").from(error))?;
        Ok(core)
    }

    /// What time it is.
    pub fn now(&self) -> Timestamp {
        (self.clock)()
    }

    /// `https://host[:port]` of a label under the domain; the domain itself for an empty label.
    pub fn origin(&self, label: &str) -> String {
        let domain = &self.statement.gateway.domain;
        let host = if label.is_empty() {
            domain.clone()
        } else {
            format!("{label}.{domain}")
        };
        match self.statement.gateway.port() {
            443 => format!("https://{host}"),
            port => format!("https://{host}:{port}"),
        }
    }

    /// Returns when the supervisor has gone: everything ends with it.
    pub async fn supervisor_gone(&self) {
        let Ok(mut events) = self.supervisor.subscribe() else {
            return;
        };
        loop {
            match events.recv().await {
                Err(tokio::sync::broadcast::error::RecvError::Closed) => return,
                Ok(avouch_runtime::protocol::FromSupervisor::Stopping) => return,
                _ => {}
            }
        }
    }

    /// Writes down what was too much to write down one by one.
    pub async fn tell_of_strangers(&self) {
        for event in self.strangers.untold(self.now()) {
            // What is not recorded is said where it failed.
            let _ = self.record(event).await;
        }
    }

    /// Writes down what connections negotiated since the last time.
    pub async fn keep_suites(&self) {
        if let Err(error) = self.suites.keep(&self.store).await {
            tracing::warn!(
                error = chain(&error),
                "what connections negotiated was not written down"
            );
        }
    }

    /// Leaves everything in order.
    pub async fn close(&self) {
        self.tell_of_strangers().await;
        self.keep_suites().await;
        // What was believed until now is what the next start goes by.
        let _ = self.doubt();
        let _ = self.say("stop", Outcome::Done, "told to stop").await;
        if let Err(error) = self.ledger.publish().await {
            tracing::warn!(
                error = chain(&error),
                "the last checkpoint was not published; the next start does it"
            );
        }
        self.store.close().await;
    }
}

fn kept_statement(layout: &Layout) -> Result<Statement, Fail> {
    let path = layout.core().join("statement/statement.toml");
    let text = std::fs::read_to_string(&path)
        .map_err(|error| Fail::new("the kept statement cannot be read").from(error))?;
    statement_file::read(Source::new("statement.toml", text))
        .map_err(|faults| Fail::new(faults.to_string()))
}

/// The key that signs the ledger's checkpoints.
///
/// # Errors
/// If it cannot be had.
pub fn log_key(statement: &Statement, keyring: &Keyring) -> Result<LogKey, Fail> {
    let seed = keyring
        .named(&Purpose::LedgerSigning)
        .map_err(|error| Fail::new("the ledger's key cannot be had").from(error))?;
    let origin = format!("{}/ledger", statement.gateway.domain);
    LogKey::from_seed(&origin, seed.expose())
        .map_err(|error| Fail::new("the ledger's key cannot be used").from(error))
}

fn open_ledger(layout: &Layout, key: LogKey) -> Result<Ledger, Fail> {
    Ledger::open(&layout.core().join("ledger"), key, &Options::default())
        .map_err(|error| Fail::new("the ledger cannot be opened").from(error))
}

/// The public key, where commands and people can read it.
fn publish_key(layout: &Layout, ledger: &Ledger) -> Result<(), Fail> {
    std::fs::write(
        layout.run().join("log.vkey"),
        format!("{}\n", ledger.vkey()),
    )
    .map_err(|error| Fail::new("the ledger's public key cannot be written").from(error))
}

/// The user ids of this service. Only root gives each role its own, and what root made is root's.
fn ids_of(layout: &Layout, user_ids: u32) -> Result<Ids, Fail> {
    let found = std::fs::metadata(layout.data())
        .map_err(|error| Fail::new("the data folder cannot be looked at").from(error))?;
    Ok(if found.uid() == 0 {
        Ids::separate(user_ids)
    } else {
        Ids::here(user_ids)
    })
}
