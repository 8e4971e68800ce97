//! A running supervisor, driven through a core that hands every message on to the test.

use std::io::Read;
use std::os::unix::net::UnixStream as Held;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use avouch_runtime::client::SupervisorClient;
use avouch_runtime::confine::Confinement;
use avouch_runtime::health;
use avouch_runtime::ids::Ids;
use avouch_runtime::layout::Layout;
use avouch_runtime::protocol::{FromSupervisor, InstanceSpec, Job, Secret, Status};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio::net::UnixListener;
use tokio::process::{Child, Command};
use tokio::sync::broadcast::Receiver;
use tokio::time::{Instant, timeout};

use crate::world::{World, open_to};

pub const IDS: Ids = Ids::separate(61_000);
pub const TENANT: u32 = 61_000;
/// Nothing here takes long; this only keeps a broken test from hanging.
pub const PATIENCE: Duration = Duration::from_secs(30);

pub struct Service {
    _world: World,
    pub layout: Layout,
    pub process: Child,
    pub core: UnixListener,
    pub client: SupervisorClient,
    pub events: Receiver<FromSupervisor>,
}

impl Service {
    pub async fn start() -> Self {
        Self::start_as(0).await
    }

    pub async fn start_as(user: u32) -> Self {
        Self::started_by(launch(user)).await
    }

    /// The same with a place on the network declared: this port of the machine.
    pub async fn start_near(port: u16) -> Self {
        Self::started_by(launch_near(0, Some(port))).await
    }

    async fn started_by((world, process, core): (World, Child, UnixListener)) -> Self {
        let client = accept(&core).await;
        let events = client.subscribe().unwrap();
        Self {
            layout: Layout::new(world.path("data")),
            _world: world,
            process,
            core,
            client,
            events,
        }
    }

    pub fn program(&self) -> String {
        self.layout
            .bin()
            .join("avouch")
            .to_string_lossy()
            .into_owned()
    }

    pub fn at(&self) -> PathBuf {
        self.layout.tenant("riverside")
    }

    pub fn confinement(&self) -> Confinement {
        let mut spec = Confinement::new(TENANT, TENANT, self.at().join("data"));
        spec.execute.push(self.layout.bin());
        spec.write.push(self.at().join("data"));
        spec.write.push(self.at().join("run"));
        spec
    }

    pub async fn folders(&self) {
        for grant in Layout::instance_folders(&self.at(), TENANT, &IDS) {
            self.client.grant(grant).await.unwrap();
        }
    }

    pub fn instance(&self, part: &[&str]) -> InstanceSpec {
        let mut command = vec![self.program()];
        command.extend(part.iter().map(|&word| word.to_owned()));
        InstanceSpec {
            name: "riverside".to_owned(),
            tenant: "riverside".to_owned(),
            command,
            confinement: self.confinement(),
            socket: self.layout.tenant_socket("riverside"),
            health: "/health".to_owned(),
            ends_with_core: false,
        }
    }

    /// Starts an instance that serves, and returns its process id once it answers.
    pub async fn serve(&mut self, part: &str) -> u32 {
        self.folders().await;
        let socket = self.layout.tenant_socket("riverside");
        let instance = self.instance(&[part, &socket.to_string_lossy()]);
        self.client.start(instance).await.unwrap();
        let pid = self.started("riverside").await;
        self.answers(&socket).await;
        pid
    }

    pub async fn answers(&self, socket: &Path) {
        health::wait(socket, "/health", Instant::now() + PATIENCE)
            .await
            .unwrap();
    }

    pub fn job(&self, part: &str) -> Job {
        Job {
            id: 0,
            command: vec![self.program(), part.to_owned()],
            confinement: Confinement {
                folder: self.layout.scratch(),
                write: vec![],
                ..self.confinement()
            },
            stdin: Secret::default(),
            timeout: PATIENCE,
            grants: vec![],
            carried_to: None,
        }
    }

    pub async fn event(&mut self) -> FromSupervisor {
        timeout(PATIENCE, self.events.recv())
            .await
            .unwrap()
            .unwrap()
    }

    pub async fn started(&mut self, wanted: &str) -> u32 {
        loop {
            match self.event().await {
                FromSupervisor::Started { name, pid, .. } if name == wanted => return pid,
                _ => {}
            }
        }
    }

    /// How `wanted` ended next, and how long until it is started again.
    pub async fn exited(&mut self, wanted: &str) -> (Status, Option<Duration>) {
        loop {
            match self.event().await {
                FromSupervisor::Exited {
                    name,
                    status,
                    restart_in,
                    ..
                } if name == wanted => {
                    return (status, restart_in);
                }
                _ => {}
            }
        }
    }

    pub fn signal(&self, signal: Signal) {
        let pid = i32::try_from(self.process.id().unwrap()).unwrap();
        kill(Pid::from_raw(pid), signal).unwrap();
    }
}

pub fn launch(user: u32) -> (World, Child, UnixListener) {
    launch_near(user, None)
}

fn launch_near(user: u32, port: Option<u16>) -> (World, Child, UnixListener) {
    let world = World::new();
    let data = world.path("data");
    std::fs::create_dir(&data).unwrap();
    std::os::unix::fs::chown(&data, Some(user), Some(user)).unwrap();
    let bridge = world.path("bridge.sock");
    let core = UnixListener::bind(&bridge).unwrap();
    open_to(&bridge, 0o777);
    let process = Command::new(&world.program)
        .arg("supervise")
        .arg(&data)
        .arg("bridge")
        .arg(&bridge)
        .envs(port.map(|port| ("FAR_PORT", port.to_string())))
        .uid(user)
        .gid(user)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    (world, process, core)
}

pub async fn accept(core: &UnixListener) -> SupervisorClient {
    let (link, _) = timeout(PATIENCE, core.accept()).await.unwrap().unwrap();
    SupervisorClient::new(link)
}

/// A connection that ends when the process behind `socket` does.
pub struct Life(Held);

impl Life {
    pub fn of(socket: &Path) -> Self {
        Self(Held::connect(socket).unwrap())
    }

    pub async fn ends(mut self) {
        self.0.set_read_timeout(Some(PATIENCE)).unwrap();
        let ended = tokio::task::spawn_blocking(move || self.0.read(&mut [0]));
        assert!(matches!(ended.await.unwrap(), Ok(0) | Err(_)));
    }
}
