//! Starts the roles, keeps them and the instances running, runs jobs, and ends them all.
//!
//! One thread, on purpose: the kernel ties a child's life to the *thread* that started it, so
//! that everything dies with this process. A process that an application starts for itself and
//! moves to a session of its own is killed when the application ends; it can outlive the
//! application only if this supervisor is killed by force at the same time.

mod bounds;
mod child;
mod count;
mod holder;
mod job;
mod kept;
mod link;
mod orphans;

use std::collections::BTreeMap;
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::time::Duration;

use tokio::runtime::{Handle, RuntimeFlavor};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

use crate::confine::{BaseSystem, Confinement};
use crate::grant::Grounds;
use crate::ids::Ids;
use crate::layout::Layout;
use crate::protocol::{
    FromSupervisor, InstanceSpec, JobResult, LineError, Looked, Status, ToSupervisor,
};
use crate::standing::{Standing, descends};
use bounds::Bounds;
use child::Living;
use count::Runs;
pub use holder::Holder;
use kept::{Kept, What};
use link::Link;

/// How long a process may take to end by itself, unless the plan says otherwise.
pub const GRACE: Duration = Duration::from_secs(10);

/// What to run.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The program with the `confine` command.
    pub avouch: PathBuf,
    /// The data folder.
    pub layout: Layout,
    /// Who runs as whom.
    pub ids: Ids,
    /// Backup destinations outside the data folder, in which the core may have folders made.
    pub destinations: Vec<PathBuf>,
    /// The places of the system that what the core asks for may reach, such as
    /// [`Confinement::base_system`].
    pub system: BaseSystem,
    /// What of the system jobs may reach beside that, such as the programs and sockets of stated database servers.
    pub tools: BaseSystem,
    /// The environment variables that the core may set.
    pub environment: Vec<String>,
    /// Started at once, in this order, and ended in the reverse order.
    pub roles: Vec<Role>,
    /// What carries a job's connections, by the name of the place that they go to.
    pub carriers: BTreeMap<String, Carrier>,
    /// Hands the master key to the core, if it comes from outside.
    pub holder: Option<Holder>,
    /// How long a process may take to end by itself, such as [`GRACE`].
    pub grace: Duration,
}

/// A process of the service itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Role {
    /// Its name in messages.
    pub name: String,
    /// The program by its whole path, and its arguments.
    pub command: Vec<String>,
    /// What it may reach.
    pub confinement: Confinement,
    /// Whether it speaks with the supervisor, over its standard input. One role does.
    pub linked: bool,
}

/// A process that connects to one place on the network, for the job that it was started for: see [`crate::carry`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Carrier {
    /// The program by its whole path, and its arguments.
    pub command: Vec<String>,
    /// What it may reach.
    pub confinement: Confinement,
}

/// Why the service ended by itself, or never began.
#[derive(Debug, thiserror::Error)]
pub enum SupervisorError {
    /// A child's life would be tied to a thread that may end.
    #[error("the supervisor needs a runtime with one thread")]
    Threads,
    /// The process could not be set up to see its children and signals.
    #[error("cannot watch signals and child processes")]
    Watch(#[source] std::io::Error),
    /// The key holder could not be started.
    #[error("the key holder cannot be started")]
    Holder(#[source] std::io::Error),
    /// A role gave up before everything was ready; it has said why on standard error.
    #[error("`{name}` could not start ({status})")]
    Role {
        /// The role.
        name: String,
        /// How it ended.
        status: Status,
    },
}

/// Something that happened, to be dealt with in turn.
enum Event {
    Ended {
        name: String,
        run: u64,
        status: Status,
        stderr: String,
    },
    Due {
        name: String,
        run: u64,
    },
    Overdue {
        name: String,
        run: u64,
    },
    Job {
        id: u64,
        result: JobResult,
    },
    Answer(FromSupervisor),
}

struct Supervisor<R> {
    plan: Plan,
    grounds: Grounds,
    bounds: Bounds,
    began: Instant,
    living: Living,
    kept: BTreeMap<String, Kept>,
    jobs: BTreeMap<u64, watch::Sender<bool>>,
    /// What ran and has ended.
    ran: Runs,
    link: Option<Link>,
    /// Where the linked role asks for the master key: its standard output.
    keys: Option<OwnedFd>,
    events: mpsc::UnboundedSender<Event>,
    /// Counts runs, so that what is late about one is not taken for another.
    runs: u64,
    on_ready: Option<R>,
    stopping: bool,
    failed: Option<SupervisorError>,
}

/// Runs the plan until SIGTERM, SIGINT or SIGHUP, then ends everything gracefully. `on_ready`
/// gets the core's first ready line.
///
/// # Errors
/// When a role gives up (exits with a code other than 0) before everything was ready. All has
/// then been ended.
pub async fn run<R: FnOnce(&str)>(plan: Plan, on_ready: R) -> Result<(), SupervisorError> {
    if Handle::current().runtime_flavor() != RuntimeFlavor::CurrentThread {
        return Err(SupervisorError::Threads);
    }
    nix::sys::prctl::set_child_subreaper(true)
        .map_err(|errno| SupervisorError::Watch(errno.into()))?;
    let mut signals = Vec::new();
    for kind in [
        SignalKind::terminate(),
        SignalKind::interrupt(),
        SignalKind::hangup(),
        SignalKind::child(),
    ] {
        signals.push(signal(kind).map_err(SupervisorError::Watch)?);
    }
    let [mut terminate, mut interrupt, mut hangup, mut child] =
        <[_; 4]>::try_from(signals).map_err(|_| SupervisorError::Threads)?;

    let (events, mut happened) = mpsc::unbounded_channel();
    let grounds = Grounds::new(&plan.layout, &plan.destinations, plan.ids);
    let living = Living::default();
    let keys = plan
        .holder
        .as_ref()
        .map(|holder| holder::start(holder, &living))
        .transpose()
        .map_err(SupervisorError::Holder)?;
    let mut supervisor = Supervisor {
        grounds,
        bounds: Bounds::new(&plan),
        began: Instant::now(),
        living,
        kept: BTreeMap::new(),
        jobs: BTreeMap::new(),
        ran: Runs::default(),
        link: None,
        keys,
        events,
        runs: 0,
        on_ready: Some(on_ready),
        stopping: false,
        failed: None,
        plan,
    };
    for role in supervisor.plan.roles.clone() {
        supervisor.keep(role.name.clone(), What::Role(role));
    }
    while !supervisor.is_over() {
        tokio::select! {
            Some(event) = happened.recv() => supervisor.handle(event),
            message = link::next(&mut supervisor.link) => supervisor.hear(message),
            _ = terminate.recv() => supervisor.stop_all(),
            _ = interrupt.recv() => supervisor.stop_all(),
            _ = hangup.recv() => supervisor.stop_all(),
            _ = child.recv() => orphans::end(&supervisor.living),
        }
    }
    orphans::end(&supervisor.living);
    supervisor.failed.map_or(Ok(()), Err)
}

impl<R: FnOnce(&str)> Supervisor<R> {
    fn is_over(&self) -> bool {
        self.stopping && self.kept.is_empty() && self.jobs.is_empty()
    }

    fn handle(&mut self, event: Event) {
        match event {
            Event::Ended {
                name,
                run,
                status,
                stderr,
            } => self.ended(&name, run, status, &stderr),
            Event::Due { name, run } => {
                if self
                    .kept
                    .get(&name)
                    .is_some_and(|kept| kept.is_waiting(run))
                {
                    self.start(&name);
                }
            }
            Event::Overdue { name, run } => {
                if let Some(kept) = self.kept.get(&name) {
                    kept.force(run);
                }
            }
            Event::Job { id, result } => {
                self.jobs.remove(&id);
                orphans::end(&self.living);
                self.tell(FromSupervisor::JobDone { id, result });
                self.stop_next();
            }
            Event::Answer(answer) => self.tell(answer),
        }
    }

    fn hear(&mut self, message: Result<Option<ToSupervisor>, LineError>) {
        match message {
            Ok(Some(message)) => self.obey(message),
            Ok(None) => self.link = None,
            Err(error) => {
                // A core that cannot be understood may ask for anything: it starts afresh.
                tracing::error!(%error, "the core sent what is no message; it is ended and started afresh");
                self.link = None;
                self.kept
                    .values()
                    .filter(|kept| kept.is_linked())
                    .for_each(Kept::kill);
            }
        }
    }

    fn obey(&mut self, message: ToSupervisor) {
        match message {
            ToSupervisor::Start { instance } => self.start_instance(instance),
            ToSupervisor::Stop { name } => {
                if self.is_instance(&name) {
                    self.stop(&name, None);
                } else {
                    self.tell(FromSupervisor::Stopped { name });
                }
            }
            ToSupervisor::Kill { name } => {
                if let (true, Some(kept)) = (self.is_instance(&name), self.kept.get(&name)) {
                    kept.kill();
                }
            }
            ToSupervisor::Run { job } => {
                let (stop, stopped) = watch::channel(self.stopping);
                self.jobs.insert(job.id, stop);
                let place = job::Place {
                    avouch: self.plan.avouch.clone(),
                    bounds: self.bounds.clone(),
                    grounds: self.grounds.clone(),
                    carriers: self.plan.carriers.clone(),
                    living: self.living.clone(),
                    grace: self.plan.grace,
                };
                let events = self.events.clone();
                tokio::spawn(async move {
                    let id = job.id;
                    let result = job::run(job, &place, stopped).await;
                    events.send(Event::Job { id, result }).ok();
                });
            }
            ToSupervisor::Grant { id, grant } => {
                self.apart(id, move |grounds| grounds.grant(&grant));
            }
            ToSupervisor::Move { id, change } => {
                self.apart(id, move |grounds| grounds.change(&change));
            }
            ToSupervisor::Remove { id, path } => {
                self.apart(id, move |grounds| grounds.remove(&path));
            }
            ToSupervisor::Count { id, within } => {
                let count = self.count(within);
                self.tell(FromSupervisor::Counted { id, count });
            }
            ToSupervisor::Ready { line } => {
                if let Some(on_ready) = self.on_ready.take() {
                    on_ready(&line);
                }
            }
            ToSupervisor::Look { id, name, pid } => {
                let found = self.look(&name, pid);
                self.tell(FromSupervisor::Looked { id, found });
            }
        }
    }

    /// Looks at a process that answers in an instance's place; at no other of the machine's.
    fn look(&self, name: &str, pid: u32) -> Looked {
        let started = self.kept.get(name).and_then(Kept::pid);
        match (Standing::of(pid), started) {
            (Err(error), _) => Looked::Unseen(error.to_string()),
            (Ok(standing), Some(started)) if self.is_instance(name) && descends(pid, started) => {
                Looked::Own(standing)
            }
            (Ok(_), _) => Looked::Foreign,
        }
    }

    /// Does what may take long (a large tree) beside the loop, so that restarts do not wait.
    fn apart(
        &self,
        id: u64,
        act: impl FnOnce(&Grounds) -> Result<(), crate::grant::GrantError> + Send + 'static,
    ) {
        let grounds = self.grounds.clone();
        let events = self.events.clone();
        tokio::task::spawn_blocking(move || {
            let refused = act(&grounds).err().map(|error| chain(&error));
            events
                .send(Event::Answer(FromSupervisor::Granted { id, refused }))
                .ok();
        });
    }

    fn start_instance(&mut self, instance: InstanceSpec) {
        let name = instance.name.clone();
        if let Err(reason) = self.check(&instance) {
            self.tell(FromSupervisor::Refused { name, reason });
            return;
        }
        match self.kept.get(&name) {
            None => self.keep(name, What::Instance(instance)),
            Some(kept) if kept.runs(&instance) => {
                if let (Some(pid), Some(since)) = (kept.pid(), kept.since()) {
                    let ran = since.elapsed();
                    self.tell(FromSupervisor::Started { name, pid, ran });
                }
            }
            Some(_) => self.stop(&name, Some(instance)),
        }
    }

    fn check(&self, instance: &InstanceSpec) -> Result<(), String> {
        if self.stopping {
            return Err("everything is being stopped".to_owned());
        }
        if self.kept.contains_key(&instance.name) && !self.is_instance(&instance.name) {
            return Err("a role has this name".to_owned());
        }
        self.bounds
            .instance(&instance.command, &instance.confinement)
            .map_err(|error| chain(&error))
    }

    fn is_instance(&self, name: &str) -> bool {
        self.kept
            .get(name)
            .is_some_and(|kept| matches!(kept.what, What::Instance(_)))
    }

    fn tell(&self, message: FromSupervisor) {
        if let Some(link) = &self.link {
            link.tell(message);
        }
    }

    /// Asks everything to end: first what serves, at last the role that records what happened.
    fn stop_all(&mut self) {
        if self.stopping {
            return;
        }
        self.stopping = true;
        self.tell(FromSupervisor::Stopping);
        self.jobs.values().for_each(|stop| {
            stop.send(true).ok();
        });
        let others: Vec<String> = self
            .kept
            .iter()
            .filter(|(_, kept)| !kept.is_linked())
            .map(|(name, _)| name.clone())
            .collect();
        others.iter().for_each(|name| self.stop(name, None));
        self.stop_next();
    }

    /// Once only the linked role is left, ends it too.
    fn stop_next(&mut self) {
        if !self.stopping || !self.jobs.is_empty() || !self.kept.values().all(Kept::is_linked) {
            return;
        }
        let left: Vec<String> = self.kept.keys().cloned().collect();
        left.iter().for_each(|name| self.stop(name, None));
    }
}

/// An error and its causes in one line, for a message to the core.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(source) = cause {
        text.push_str(": ");
        text.push_str(&source.to_string());
        cause = source.source();
    }
    text
}
