//! The core's handle on the supervisor.

use std::collections::HashMap;
use std::os::fd::AsFd as _;
use std::os::unix::net::UnixStream as Pair;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::io::BufReader;
use tokio::net::UnixStream;
use tokio::sync::{broadcast, mpsc, oneshot};

use crate::grant::{Change, Grant};
use crate::protocol::{
    self, Count, FromSupervisor, InstanceSpec, Job, JobResult, Looked, ToSupervisor,
};

/// Events kept for a subscriber that is busy; one that lags further is told so.
const REMEMBERED: usize = 1024;

/// Why the supervisor did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// It is gone, and so this process ends too.
    #[error("the supervisor is gone")]
    Lost,
    /// It refused.
    #[error("the supervisor refused: {0}")]
    Refused(String),
    /// Standard input is not the link to a supervisor.
    #[error("standard input is not the link to a supervisor; start this with `avouch up`")]
    NoLink(#[source] std::io::Error),
}

/// Speaks with the supervisor. Cheap to clone.
#[derive(Clone)]
pub struct SupervisorClient {
    say: mpsc::Sender<ToSupervisor>,
    events: broadcast::WeakSender<FromSupervisor>,
    waiting: Arc<Mutex<Waiting>>,
}

#[derive(Default)]
struct Waiting {
    last: u64,
    /// Once lost, nobody waits any more.
    lost: bool,
    jobs: HashMap<u64, oneshot::Sender<JobResult>>,
    grants: HashMap<u64, oneshot::Sender<Option<String>>>,
    counts: HashMap<u64, oneshot::Sender<Count>>,
    stops: HashMap<String, Vec<oneshot::Sender<()>>>,
    looks: HashMap<u64, oneshot::Sender<Looked>>,
}

impl SupervisorClient {
    /// Takes the link that the supervisor gave as standard input. Once per process.
    ///
    /// # Errors
    /// When standard input is no socket.
    pub fn from_stdin() -> Result<Self, ClientError> {
        let end = std::io::stdin()
            .as_fd()
            .try_clone_to_owned()
            .map_err(ClientError::NoLink)?;
        let end = Pair::from(end);
        end.peer_addr().map_err(ClientError::NoLink)?;
        end.set_nonblocking(true).map_err(ClientError::NoLink)?;
        Ok(Self::new(
            UnixStream::from_std(end).map_err(ClientError::NoLink)?,
        ))
    }

    /// Speaks over `link`. Must be called within a tokio runtime.
    #[must_use]
    pub fn new(link: UnixStream) -> Self {
        let (reader, mut writer) = link.into_split();
        let (say, mut said) = mpsc::channel(16);
        let (events, _) = broadcast::channel(REMEMBERED);
        let waiting = Arc::new(Mutex::new(Waiting::default()));
        let client = Self {
            say,
            events: events.downgrade(),
            waiting: Arc::clone(&waiting),
        };
        tokio::spawn(async move {
            while let Some(message) = said.recv().await {
                if let Err(error) = protocol::write(&mut writer, &message).await {
                    tracing::error!(%error, "the supervisor cannot be reached: nothing is started or stopped until this process is started again");
                    return;
                }
            }
        });
        tokio::spawn(async move {
            let mut reader = BufReader::new(reader);
            while let Ok(Some(message)) = protocol::read(&mut reader).await {
                answer(&waiting, &message);
                events.send(message).ok();
            }
            let mut waiting = waiting.lock().unwrap_or_else(PoisonError::into_inner);
            *waiting = Waiting {
                lost: true,
                ..Waiting::default()
            };
        });
        client
    }

    /// Every event from now on. The channel closes when the supervisor is gone.
    ///
    /// # Errors
    /// When it is gone already.
    pub fn subscribe(&self) -> Result<broadcast::Receiver<FromSupervisor>, ClientError> {
        Ok(self.events.upgrade().ok_or(ClientError::Lost)?.subscribe())
    }

    /// Has an instance started and kept running. What comes of it are events.
    ///
    /// # Errors
    /// When the supervisor is gone.
    pub async fn start(&self, instance: InstanceSpec) -> Result<(), ClientError> {
        self.say(ToSupervisor::Start { instance }).await
    }

    /// Has an instance stopped, and waits until it is gone. One that is not there is no error.
    ///
    /// # Errors
    /// When the supervisor is gone.
    pub async fn stop(&self, name: &str) -> Result<(), ClientError> {
        let name = name.to_owned();
        let (done, gone) = oneshot::channel();
        self.wait_as(|waiting, _| waiting.stops.entry(name.clone()).or_default().push(done))?;
        self.say(ToSupervisor::Stop { name }).await?;
        gone.await.map_err(|_| ClientError::Lost)
    }

    /// Has an instance killed, which the supervisor will start again.
    ///
    /// # Errors
    /// When the supervisor is gone.
    pub async fn kill(&self, name: &str) -> Result<(), ClientError> {
        self.say(ToSupervisor::Kill {
            name: name.to_owned(),
        })
        .await
    }

    /// Has a job run, and waits for what comes of it. Its id is given here.
    ///
    /// # Errors
    /// When the supervisor is gone. A job that fails or is refused is no error.
    pub async fn run(&self, mut job: Job) -> Result<JobResult, ClientError> {
        let (done, result) = oneshot::channel();
        job.id = self.wait_as(|waiting, id| {
            waiting.jobs.insert(id, done);
        })?;
        self.say(ToSupervisor::Run { job }).await?;
        result.await.map_err(|_| ClientError::Lost)
    }

    /// Has a folder or file made, and waits until it is.
    ///
    /// # Errors
    /// When it is refused, or the supervisor is gone.
    pub async fn grant(&self, grant: Grant) -> Result<(), ClientError> {
        self.ask(|id| ToSupervisor::Grant { id, grant }).await
    }

    /// Has a folder given another place, and waits until that is on disk.
    ///
    /// # Errors
    /// When it is refused, or the supervisor is gone.
    pub async fn change(&self, change: Change) -> Result<(), ClientError> {
        self.ask(|id| ToSupervisor::Move { id, change }).await
    }

    /// Has a job's working folder removed, and waits until it is.
    ///
    /// # Errors
    /// When it is refused, or the supervisor is gone.
    pub async fn remove(&self, path: PathBuf) -> Result<(), ClientError> {
        self.ask(|id| ToSupervisor::Remove { id, path }).await
    }

    /// Has the process looked at that answers in an instance's place.
    ///
    /// # Errors
    /// When the supervisor is gone.
    pub async fn look(&self, name: &str, pid: u32) -> Result<Looked, ClientError> {
        let (done, looked) = oneshot::channel();
        let id = self.wait_as(|waiting, id| {
            waiting.looks.insert(id, done);
        })?;
        let name = name.to_owned();
        self.say(ToSupervisor::Look { id, name, pid }).await?;
        looked.await.map_err(|_| ClientError::Lost)
    }

    /// What has run within so long before now, as the supervisor itself counts it; of at most the last day.
    ///
    /// # Errors
    /// When the supervisor is gone.
    pub async fn count(&self, within: Duration) -> Result<Count, ClientError> {
        let (done, counted) = oneshot::channel();
        let id = self.wait_as(|waiting, id| {
            waiting.counts.insert(id, done);
        })?;
        self.say(ToSupervisor::Count { id, within }).await?;
        counted.await.map_err(|_| ClientError::Lost)
    }

    /// Tells that everything serves. The first line told is printed by `avouch up`.
    ///
    /// # Errors
    /// When the supervisor is gone.
    pub async fn ready(&self, line: String) -> Result<(), ClientError> {
        self.say(ToSupervisor::Ready { line }).await
    }

    async fn ask(&self, message: impl FnOnce(u64) -> ToSupervisor) -> Result<(), ClientError> {
        let (done, refused) = oneshot::channel();
        let id = self.wait_as(|waiting, id| {
            waiting.grants.insert(id, done);
        })?;
        self.say(message(id)).await?;
        match refused.await.map_err(|_| ClientError::Lost)? {
            None => Ok(()),
            Some(reason) => Err(ClientError::Refused(reason)),
        }
    }

    fn wait_as(&self, enter: impl FnOnce(&mut Waiting, u64)) -> Result<u64, ClientError> {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if waiting.lost {
            return Err(ClientError::Lost);
        }
        waiting.last += 1;
        let id = waiting.last;
        enter(&mut waiting, id);
        Ok(id)
    }

    async fn say(&self, message: ToSupervisor) -> Result<(), ClientError> {
        self.say.send(message).await.map_err(|_| ClientError::Lost)
    }
}

fn answer(waiting: &Mutex<Waiting>, message: &FromSupervisor) {
    let mut waiting = waiting.lock().unwrap_or_else(PoisonError::into_inner);
    match message {
        FromSupervisor::JobDone { id, result } => {
            if let Some(done) = waiting.jobs.remove(id) {
                done.send(result.clone()).ok();
            }
        }
        FromSupervisor::Granted { id, refused } => {
            if let Some(done) = waiting.grants.remove(id) {
                done.send(refused.clone()).ok();
            }
        }
        FromSupervisor::Looked { id, found } => {
            if let Some(done) = waiting.looks.remove(id) {
                done.send(found.clone()).ok();
            }
        }
        FromSupervisor::Counted { id, count } => {
            if let Some(done) = waiting.counts.remove(id) {
                done.send(count.clone()).ok();
            }
        }
        FromSupervisor::Stopped { name } => {
            for done in waiting.stops.remove(name).unwrap_or_default() {
                done.send(()).ok();
            }
        }
        _ => {}
    }
}
