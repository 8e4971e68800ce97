//! Backups and drills, joined to the supervisor's jobs and to the audit trail.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Weak};
use std::time::Duration;

use avouch_backup::drill::{Choice, Drill, Verdict};
use avouch_backup::keeper::{Backups, KeeperError, Owner};
use avouch_backup::records::Records;
use avouch_backup::settings::Destination;
use avouch_events::{Action, Event, Outcome};
use avouch_gateway::assertion::{self, Signer};
use avouch_gateway::link;
use avouch_gateway::secret::SecretBytes;
use avouch_keyring::Purpose;
use avouch_runtime::grant::{Grant, Kind};
use avouch_runtime::health;
use avouch_statement::TenantId;
use http_body_util::{BodyExt as _, Empty, Limited};
use tokio::net::UnixStream;
use tokio::time::Instant;

use super::asker::Asker;
use super::jobs::{Runner, Stage};
use super::state::Core;
use crate::fail::{Fail, chain};
use crate::statement_file::Statement;

/// How long the application may take to start on restored data.
const START: Duration = Duration::from_secs(60);
/// How long starting and answering may take together.
const LONGEST_QUESTION: Duration = Duration::from_secs(120);
/// The longest answer to a drill's question that is read.
const LONGEST_ANSWER: usize = 64 << 10;

/// The first drill that did not pass; the first of all if they did.
pub fn first_wrong(drilled: &[(Drill, Verdict)]) -> Option<&(Drill, Verdict)> {
    drilled
        .iter()
        .find(|(_, verdict)| *verdict != Verdict::Passed)
        .or(drilled.first())
}

/// The folders of every destination.
pub fn destinations(statement: &Statement, backups: &Path) -> Vec<PathBuf> {
    std::iter::once(backups.to_owned())
        .chain(
            statement
                .backup
                .destinations
                .iter()
                .filter_map(Destination::folder)
                .map(|folder| backups.join(folder)),
        )
        .collect()
}

/// Makes the keeper for a core that is being opened.
pub fn keeper(
    core: &Weak<Core>,
    statement: &Statement,
    runner: Arc<Runner>,
    records: Records,
    clock: avouch_evidence::Clock,
) -> Backups {
    let stage = Arc::new(Stage { core: core.clone() });
    let doubting = core.clone();
    let steady = Arc::new(move || {
        doubting
            .upgrade()
            .is_some_and(|core| core.steady.doubt(core.now()).is_none())
    });
    Backups::new(
        statement.backup.clone(),
        runner,
        stage.clone(),
        stage,
        records,
        clock,
        steady,
    )
}

/// Does what is due, again and again.
pub fn keep_running(core: &Arc<Core>) {
    let core = core.clone();
    tokio::spawn(async move {
        tokio::select! {
            () = core.backups.keep() => {}
            () = core.backups.keep_changes() => {}
            () = core.shutdown.cancelled() => {}
        }
    });
}

impl Core {
    /// Takes a backup of everything of an owner; what was intended and what came of it are events.
    ///
    /// # Errors
    /// If it cannot be recorded, or no sound copy came of it.
    pub async fn back_up(&self, owner: &Owner, by: &Asker) -> Result<(), Fail> {
        let begin = self.owned(owner, by, Action::Backup, "backup");
        self.record(begin.clone()).await.map_err(|error| {
            Fail::new("the backup cannot be recorded, so it is not taken").from(error)
        })?;
        let taken = self.backups.run(owner).await;
        self.outcome(
            begin,
            &taken
                .as_ref()
                .map(|()| "stored and read back")
                .map_err(|error| chain(error)),
        )
        .await;
        taken.map_err(|error| Fail::new(format!("the backup of `{owner}` failed")).from(error))
    }

    /// Rehearses restores of the newest snapshots of an owner; the first that did not pass, or the first.
    ///
    /// # Errors
    /// As [`Core::drills`].
    pub async fn drill(&self, owner: &Owner, by: &Asker) -> Result<(Drill, Verdict), Fail> {
        let drilled = self.drills(owner, by, &Choice::default()).await?;
        first_wrong(&drilled)
            .cloned()
            .ok_or_else(|| Fail::new(format!("the drill of `{owner}` was not run")))
    }

    /// Rehearses a restore of each of an owner's sources; what was intended and what came of it are events.
    ///
    /// # Errors
    /// If it cannot be recorded, or there is nothing to restore.
    pub async fn drills(
        &self,
        owner: &Owner,
        by: &Asker,
        choice: &Choice,
    ) -> Result<Vec<(Drill, Verdict)>, Fail> {
        let begin = self.owned(owner, by, Action::Drill, "drill");
        self.record(begin.clone()).await.map_err(|error| {
            Fail::new("the drill cannot be recorded, so it is not run").from(error)
        })?;
        let signed_for = Choice {
            by: Some(by.who.name.clone()),
            ..choice.clone()
        };
        let drilled: Result<_, KeeperError> = self.backups.drill(owner, &signed_for).await;
        let outcome = match &drilled {
            Ok(drilled) => match first_wrong(drilled) {
                Some((drill, verdict)) if *verdict != Verdict::Passed => {
                    Err(format!("{} {verdict}", drill.id))
                }
                _ => Ok(drilled
                    .iter()
                    .map(|(drill, _)| {
                        format!("{} passed in {:.1} s", drill.id, drill.took().as_secs_f64())
                    })
                    .collect::<Vec<_>>()
                    .join(", ")),
            },
            Err(error) => Err(chain(error)),
        };
        self.outcome(begin, &outcome).await;
        drilled
            .map_err(|error| Fail::new(format!("the drill of `{owner}` was not run")).from(error))
    }

    pub(super) fn owned(&self, owner: &Owner, by: &Asker, action: Action, object: &str) -> Event {
        let tenant = match owner {
            Owner::Tenant(tenant) => Some(tenant),
            Owner::Platform => None,
        };
        // One request may ask for several: each has a beginning and an end of its own.
        let now = self.now();
        let own = Asker {
            correlation: format!("{object}-{}", now.as_microsecond()),
            since: now,
            ..by.clone()
        };
        own.event(action, format!("{object} {owner}")).of(tenant)
    }

    pub(super) async fn outcome(
        &self,
        event: Event,
        outcome: &Result<impl ToString + Sync, String>,
    ) {
        let now = self.now();
        let event = match outcome {
            Ok(done) => event.ended(now, Outcome::Done, done.to_string()),
            Err(why) => event.ended(now, Outcome::Failed, why.clone()),
        };
        // Logged where it fails: the act is over, and its intent is on disk.
        let _ = self.record(event).await;
    }

    /// Starts the tenant's application on restored data, asks its health and the stated question, and stops it.
    ///
    /// # Errors
    /// In words, what did not work.
    pub async fn rehearse(&self, tenant: &TenantId, data: &Path) -> Result<String, String> {
        let known = self
            .tenants
            .get(tenant)
            .ok_or_else(|| format!("there is no tenant `{tenant}`"))?;
        let uid = self.tenant_uid(&known).map_err(|fail| fail.to_string())?;
        // The folders that the restore made are the jobs user's; the application needs its data and a place for its socket.
        let at = data.parent().ok_or("the restored data have no folder")?;
        let name = format!("drill-{tenant}");
        let said = |error: avouch_runtime::client::ClientError| chain(&error);
        for grant in self.stage_folders(at, data, uid) {
            self.supervisor.grant(grant).await.map_err(said)?;
        }
        self.supervisor
            .grant(self.key_set(at, uid))
            .await
            .map_err(said)?;
        let mut instance = self.instance_on(&name, tenant.as_str(), at, data, uid);
        instance.ends_with_core = true;
        let socket = instance.socket.clone();
        self.supervisor.start(instance).await.map_err(said)?;
        let answered = tokio::time::timeout(LONGEST_QUESTION, self.question(tenant, &socket))
            .await
            .unwrap_or_else(|_| Err("the application did not answer within 2 minutes".to_owned()));
        let stopped = self.supervisor.stop(&name).await.map_err(said);
        let answered = answered?;
        stopped?;
        Ok(answered)
    }

    fn stage_folders(&self, at: &Path, data: &Path, uid: u32) -> Vec<Grant> {
        let folder = |path: &Path, uid: u32, gid: u32, mode: u32, recursive: bool| Grant {
            path: path.to_owned(),
            uid,
            gid,
            mode,
            recursive,
            kind: Kind::Dir,
        };
        let jobs = self.ids.jobs;
        let mut grants: Vec<Grant> = at
            .ancestors()
            .take_while(|above| *above != self.layout.scratch())
            .map(|above| folder(above, jobs, self.ids.group(jobs), 0o711, false))
            .collect();
        grants.reverse();
        grants.push(folder(data, uid, self.ids.group(uid), 0o700, true));
        grants.push(folder(
            &at.join("run"),
            uid,
            self.ids.group(self.ids.front),
            0o2770,
            false,
        ));
        grants
    }

    async fn question(&self, tenant: &TenantId, socket: &Path) -> Result<String, String> {
        let app = &self.statement.app;
        let took = health::wait(socket, &app.health, Instant::now() + START)
            .await
            .map_err(|error| {
                format!(
                    "the application did not start on the restored data: {}",
                    chain(&error)
                )
            })?;
        let stream = UnixStream::connect(socket)
            .await
            .map_err(|error| format!("the application cannot be asked: {error}"))?;
        let (mut sender, connection) =
            hyper::client::conn::http1::handshake(hyper_util::rt::TokioIo::new(stream))
                .await
                .map_err(|error| error.to_string())?;
        let driver = tokio::spawn(connection);
        let request = http::Request::get(&app.question)
            .header(
                "host",
                format!("{tenant}.{}", self.statement.gateway.domain),
            )
            .header(assertion::HEADER, self.assert_check(tenant)?)
            .body(Empty::<bytes::Bytes>::new())
            .map_err(|error| error.to_string())?;
        let answer = sender
            .send_request(request)
            .await
            .map_err(|error| format!("the application did not answer {}: {error}", app.question))?;
        let status = answer.status();
        let body = Limited::new(answer.into_body(), LONGEST_ANSWER)
            .collect()
            .await
            .map_err(|error| error.to_string())?
            .to_bytes();
        driver.abort();
        if !status.is_success() {
            return Err(format!(
                "the application answered {} with {status}",
                app.question
            ));
        }
        Ok(format!(
            "started in {} ms and answered {} with {status}, {} bytes",
            took.as_millis(),
            app.question,
            body.len()
        ))
    }

    /// An assertion for a synthetic person, for asking an instance directly.
    fn assert_check(&self, tenant: &TenantId) -> Result<http::HeaderValue, String> {
        let seed = self
            .keyring
            .named(&Purpose::Assertion)
            .map_err(|error| chain(&error))?;
        let signer = Signer::new(
            &SecretBytes::new(seed.expose().to_vec()),
            &self.assertion_kid(),
            &self.statement.gateway.domain,
        )
        .map_err(|error| chain(&error))?;
        let person = link::Person {
            id: "drill".to_owned(),
            email: "drill@synthetic.invalid".to_owned(),
            name: "Rehearsed restore".to_owned(),
            role: link::Role::Member,
            synthetic: true,
        };
        signer
            .assert([0; 16], tenant.as_str(), &person, self.now())
            .ok_or_else(|| "the assertion cannot be written as a header".to_owned())
    }
}
