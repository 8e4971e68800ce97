//! Jobs in processes of their own: confined by the supervisor to just the paths and the key of one task.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use avouch_backup::drill::Rehearsal;
use avouch_backup::far::{Credential, Place};
use avouch_backup::job::{Answer, Input, JobError, Outcome, Spec};
use avouch_backup::keeper::{Access, Jobs, Owner, Who};
use avouch_backup::repository::Password;
use avouch_backup::settings::{At, Destination};
use avouch_backup::source::Reach;
use avouch_evidence::BoxFuture;
use avouch_keyring::{Keyring, Purpose};
use avouch_runtime::client::{ClientError, SupervisorClient};
use avouch_runtime::confine::Confinement;
use avouch_runtime::grant::{Grant, Kind};
use avouch_runtime::ids::Ids;
use avouch_runtime::layout::Layout;
use avouch_runtime::protocol::{Job, JobResult, Secret};
use avouch_statement::{Slug, TenantId};

use crate::fail::chain;

/// A backup of a large tenant takes long; one that takes longer than this is stuck.
const TIMEOUT: Duration = Duration::from_secs(6 * 3600);

/// A follower runs until the core ends, which ends it.
const FOLLOWS: Duration = Duration::from_secs(366 * 24 * 3600);

/// Runs jobs through the supervisor.
pub struct Runner {
    pub supervisor: SupervisorClient,
    pub layout: Layout,
    pub ids: Ids,
    pub keyring: Arc<Keyring>,
    pub destinations: Vec<PathBuf>,
    pub tenants: Arc<dyn Fn() -> Vec<(TenantId, u32)> + Send + Sync>,
}

impl Runner {
    /// Runs this program confined, with `stdin` as its only input.
    ///
    /// # Errors
    /// If the supervisor is gone.
    pub async fn confined(
        &self,
        confinement: Confinement,
        command: &str,
        stdin: Vec<u8>,
        grants: Vec<Grant>,
        timeout: Duration,
    ) -> Result<JobResult, ClientError> {
        self.carried(confinement, command, stdin, grants, timeout, None)
            .await
    }

    /// The same with a line to one declared place on the network.
    async fn carried(
        &self,
        mut confinement: Confinement,
        command: &str,
        stdin: Vec<u8>,
        grants: Vec<Grant>,
        timeout: Duration,
        to: Option<&Slug>,
    ) -> Result<JobResult, ClientError> {
        let avouch = self.layout.bin().join("avouch").display().to_string();
        confinement.execute.push(self.layout.bin());
        let job = Job {
            id: 0,
            command: vec![avouch, command.to_owned()],
            confinement,
            stdin: Secret::new(stdin),
            timeout,
            grants,
            carried_to: to.map(ToString::to_string),
        };
        self.supervisor.run(job).await
    }

    fn uid(&self, who: &Who) -> Option<u32> {
        match who {
            Who::Jobs => Some(self.ids.jobs),
            Who::Owner(Owner::Platform) => Some(self.ids.core),
            Who::Owner(Owner::Tenant(tenant)) => {
                let (_, number) = (self.tenants)().into_iter().find(|(id, _)| id == tenant)?;
                self.ids.tenant(number)
            }
        }
    }

    /// What is made ready before a job: its scratch folder becomes its own, its repositories' folders are there.
    fn grants(&self, access: &Access, uid: u32) -> Vec<Grant> {
        let mut grants = Vec::new();
        for path in &access.write {
            if path.starts_with(self.layout.scratch()) {
                grants.push(self.folder(path, uid, 0o700, true));
            } else if path.starts_with(self.layout.tenants()) && path.ends_with("changes") {
                // The follower's; jobs read there what they ship.
                grants.push(Grant {
                    gid: self.ids.group(self.ids.jobs),
                    ..self.folder(path, uid, 0o750, false)
                });
            } else if let Some(root) = self.destinations.iter().find(|root| path.starts_with(root))
            {
                for above in path
                    .ancestors()
                    .skip(1)
                    .take_while(|above| above.starts_with(root) && above != root)
                    .collect::<Vec<_>>()
                    .into_iter()
                    .rev()
                {
                    grants.push(self.folder(
                        above,
                        if self.ids.are_separate() { 0 } else { uid },
                        0o711,
                        false,
                    ));
                }
                grants.push(self.folder(path, self.ids.jobs, 0o700, false));
            }
        }
        grants
    }

    fn folder(&self, path: &Path, uid: u32, mode: u32, recursive: bool) -> Grant {
        Grant {
            path: path.to_owned(),
            uid,
            gid: self.ids.group(uid),
            mode,
            recursive,
            kind: Kind::Dir,
        }
    }
}

impl Jobs for Runner {
    fn run<'a>(
        &'a self,
        who: Who,
        access: Access,
        input: Input,
    ) -> BoxFuture<'a, Result<Outcome, JobError>> {
        Box::pin(async move {
            let failed = |message: String| JobError::Process {
                message,
                retry: false,
            };
            let uid = self
                .uid(&who)
                .ok_or_else(|| failed("there is no such tenant".to_owned()))?;
            let folder = access
                .write
                .first()
                .or(access.read.first())
                .cloned()
                .unwrap_or_else(|| self.layout.scratch());
            let mut confinement = Confinement::new(uid, self.ids.group(uid), folder);
            confinement.read.extend(access.read.iter().cloned());
            confinement.write.extend(access.write.iter().cloned());
            let reach = Reach::of_job(&input.spec);
            confinement.execute.extend(reach.execute);
            confinement.read.extend(reach.read);
            confinement.write.extend(reach.write);
            let stdin = serde_json::to_vec(&input).map_err(|error| failed(error.to_string()))?;
            let grants = self.grants(&access, uid);
            let to = input.spec.place().and_then(Place::carried_to);
            let timeout = match &input.spec {
                Spec::Follow { .. } | Spec::FollowServer { .. } => FOLLOWS,
                _ => TIMEOUT,
            };
            let result = self
                .carried(confinement, "job", stdin, grants, timeout, to)
                .await
                .map_err(|error| failed(chain(&error)))?;
            if !result.status.is_success() {
                return Err(failed(format!(
                    "the job ended with {}: {}",
                    result.status,
                    result.stderr.trim()
                )));
            }
            let answer: Answer = serde_json::from_slice(&result.stdout.0)
                .map_err(|error| failed(format!("the job's answer cannot be read: {error}")))?;
            answer.into()
        })
    }

    fn scratch<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<PathBuf, JobError>> {
        Box::pin(async move {
            let path = self.layout.scratch().join(name);
            let failed = |error: ClientError| JobError::Process {
                message: chain(&error),
                retry: true,
            };
            self.supervisor.remove(path.clone()).await.map_err(failed)?;
            self.supervisor
                .grant(self.folder(&path, self.ids.jobs, 0o700, false))
                .await
                .map_err(failed)?;
            Ok(path)
        })
    }

    fn discard<'a>(&'a self, scratch: PathBuf) -> BoxFuture<'a, Result<(), JobError>> {
        Box::pin(async move {
            let left = |message: String| JobError::Process {
                message,
                retry: true,
            };
            let removed = self.supervisor.remove(scratch.clone()).await;
            removed.map_err(|error| left(chain(&error)))?;
            // The supervisor's word for it is not enough.
            match std::fs::symlink_metadata(&scratch) {
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
                Err(error) => Err(left(format!("`{}`: {error}", scratch.display()))),
                Ok(_) => Err(left(format!("`{}` is still there", scratch.display()))),
            }
        })
    }

    fn password(&self, owner: &Owner, destination: &Slug) -> Result<Password, JobError> {
        let purpose = match owner {
            Owner::Tenant(tenant) => Purpose::Repository {
                tenant: tenant.clone(),
                destination: destination.clone(),
            },
            Owner::Platform => Purpose::PlatformRepository {
                destination: destination.clone(),
            },
        };
        let key = self
            .keyring
            .named(&purpose)
            .map_err(|error| JobError::Process {
                message: chain(&error),
                retry: true,
            })?;
        Ok(Password::new(hex::encode(key.expose())))
    }

    fn credential(&self, destination: &Destination) -> Result<Credential, JobError> {
        let At::Far { credential, .. } = &destination.at else {
            return Err(JobError::NoCredential(destination.name.clone()));
        };
        let path = self.layout.keys().join(credential);
        let text = std::fs::read_to_string(&path).map_err(|source| JobError::Credential {
            destination: destination.name.clone(),
            path,
            source,
        })?;
        Ok(Credential::new(&text))
    }

    fn tenants(&self) -> Vec<TenantId> {
        (self.tenants)()
            .into_iter()
            .map(|(tenant, _)| tenant)
            .collect()
    }

    fn data(&self, owner: &Owner) -> PathBuf {
        match owner {
            Owner::Tenant(tenant) => self.layout.tenant_data(tenant.as_str()),
            Owner::Platform => self.layout.core(),
        }
    }

    fn backups(&self) -> PathBuf {
        self.layout.backups()
    }
}

/// The real application on restored data: started by the supervisor like any instance, in a scratch folder, with no network.
pub struct Stage {
    pub core: std::sync::Weak<super::state::Core>,
}

impl Rehearsal for Stage {
    fn rehearse<'a>(
        &'a self,
        tenant: &'a TenantId,
        data: &'a Path,
    ) -> BoxFuture<'a, Result<String, String>> {
        Box::pin(async move {
            let core = self.core.upgrade().ok_or("the core is stopping")?;
            core.rehearse(tenant, data).await
        })
    }
}
