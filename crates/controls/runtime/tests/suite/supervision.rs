//! The supervisor as a process, driven through a core that hands every message on to the test.

use std::io::Read;
use std::os::unix::net::UnixStream as Held;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use avouch_evidence::Verdict;
use avouch_runtime::checks::{Canary, RestartWithin};
use avouch_runtime::client::SupervisorClient;
use avouch_runtime::confine::Confinement;
use avouch_runtime::grant::{Grant, Kind};
use avouch_runtime::health;
use avouch_runtime::ids::Ids;
use avouch_runtime::layout::Layout;
use avouch_runtime::protocol::{Bytes, FromSupervisor, InstanceSpec, Job, Secret, Status};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::UnixListener;
use tokio::process::{Child, Command};
use tokio::sync::broadcast::Receiver;
use tokio::time::{Instant, timeout};

use crate::world::{World, open_to};

const IDS: Ids = Ids::separate(61_000);
const TENANT: u32 = 61_000;
/// Nothing here takes long; this only keeps a broken test from hanging.
const PATIENCE: Duration = Duration::from_secs(30);

struct Service {
    _world: World,
    layout: Layout,
    process: Child,
    core: UnixListener,
    client: SupervisorClient,
    events: Receiver<FromSupervisor>,
}

impl Service {
    async fn start() -> Self {
        let (world, process, core) = launch();
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

    fn program(&self) -> String {
        self.layout
            .bin()
            .join("avouch")
            .to_string_lossy()
            .into_owned()
    }

    fn at(&self) -> PathBuf {
        self.layout.tenant("riverside")
    }

    fn confinement(&self) -> Confinement {
        let mut spec = Confinement::new(TENANT, TENANT, self.at().join("data"));
        spec.execute.push(self.layout.bin());
        spec.write.push(self.at().join("data"));
        spec.write.push(self.at().join("run"));
        spec
    }

    async fn folders(&self) {
        for grant in Layout::instance_folders(&self.at(), TENANT, &IDS) {
            self.client.grant(grant).await.unwrap();
        }
    }

    fn instance(&self, part: &[&str]) -> InstanceSpec {
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
    async fn serve(&mut self, part: &str) -> u32 {
        self.folders().await;
        let socket = self.layout.tenant_socket("riverside");
        let instance = self.instance(&[part, &socket.to_string_lossy()]);
        self.client.start(instance).await.unwrap();
        let pid = self.started("riverside").await;
        self.answers(&socket).await;
        pid
    }

    async fn answers(&self, socket: &Path) {
        health::wait(socket, "/health", Instant::now() + PATIENCE)
            .await
            .unwrap();
    }

    fn job(&self, part: &str) -> Job {
        Job {
            id: 0,
            command: vec![self.program(), part.to_owned()],
            confinement: Confinement {
                folder: "/".into(),
                write: vec![],
                ..self.confinement()
            },
            stdin: Secret::default(),
            timeout: PATIENCE,
            grants: vec![],
        }
    }

    async fn event(&mut self) -> FromSupervisor {
        timeout(PATIENCE, self.events.recv())
            .await
            .unwrap()
            .unwrap()
    }

    async fn started(&mut self, wanted: &str) -> u32 {
        loop {
            match self.event().await {
                FromSupervisor::Started { name, pid } if name == wanted => return pid,
                _ => {}
            }
        }
    }

    /// How `wanted` ended next, and how long until it is started again.
    async fn exited(&mut self, wanted: &str) -> (Status, Option<Duration>) {
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

    fn signal(&self, signal: Signal) {
        let pid = i32::try_from(self.process.id().unwrap()).unwrap();
        kill(Pid::from_raw(pid), signal).unwrap();
    }
}

fn launch() -> (World, Child, UnixListener) {
    let world = World::new();
    let bridge = world.path("bridge.sock");
    let core = UnixListener::bind(&bridge).unwrap();
    open_to(&bridge, 0o777);
    let process = Command::new(&world.program)
        .arg("supervise")
        .arg(world.path("data"))
        .arg("bridge")
        .arg(&bridge)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    (world, process, core)
}

async fn accept(core: &UnixListener) -> SupervisorClient {
    let (link, _) = timeout(PATIENCE, core.accept()).await.unwrap().unwrap();
    SupervisorClient::new(link)
}

/// A connection that ends when the process behind `socket` does.
struct Life(Held);

impl Life {
    fn of(socket: &Path) -> Self {
        Self(Held::connect(socket).unwrap())
    }

    async fn ends(mut self) {
        self.0.set_read_timeout(Some(PATIENCE)).unwrap();
        let ended = tokio::task::spawn_blocking(move || self.0.read(&mut [0]));
        assert!(matches!(ended.await.unwrap(), Ok(0) | Err(_)));
    }
}

#[tokio::test]
async fn a_killed_instance_is_back_at_once() {
    let mut service = Service::start().await;
    let first = service.serve("serve").await;
    let killed = Instant::now();
    service.client.kill("riverside").await.unwrap();
    let (status, again) = service.exited("riverside").await;
    assert_eq!((status, again), (Status::Signal(9), Some(Duration::ZERO)));
    let second = service.started("riverside").await;
    let restarted = killed.elapsed();
    assert_ne!(first, second);
    assert!(restarted < Duration::from_millis(100), "{restarted:?}");
    // The socket left by the first does not stand in the way.
    service
        .answers(&service.layout.tenant_socket("riverside"))
        .await;
}

#[tokio::test]
async fn an_instance_that_keeps_dying_is_waited_for_longer_and_reported() {
    let mut service = Service::start().await;
    service.folders().await;
    service
        .client
        .start(service.instance(&["crash"]))
        .await
        .unwrap();
    let mut waits = Vec::new();
    loop {
        match service.event().await {
            FromSupervisor::Exited {
                restart_in: Some(wait),
                ..
            } => waits.push(wait.as_millis()),
            FromSupervisor::CrashLoop { name } => {
                assert_eq!(name, "riverside");
                break;
            }
            _ => {}
        }
    }
    assert_eq!(waits, [0, 250, 500, 1000, 2000]);
}

#[tokio::test]
async fn starting_the_same_again_changes_nothing_and_a_change_replaces_it() {
    let mut service = Service::start().await;
    let pid = service.serve("serve").await;
    let socket = service
        .layout
        .tenant_socket("riverside")
        .to_string_lossy()
        .into_owned();
    let mut instance = service.instance(&["serve", &socket]);
    service.client.start(instance.clone()).await.unwrap();
    assert_eq!(service.started("riverside").await, pid);
    instance
        .confinement
        .env
        .insert("TENANT".to_owned(), "riverside".to_owned());
    service.client.start(instance).await.unwrap();
    assert_eq!(
        service.exited("riverside").await,
        (Status::Signal(15), None)
    );
    assert_ne!(service.started("riverside").await, pid);
}

#[tokio::test]
async fn one_that_does_not_end_when_asked_is_killed_after_its_grace() {
    let mut service = Service::start().await;
    service.serve("stubborn").await;
    service.client.stop("riverside").await.unwrap();
    assert_eq!(service.exited("riverside").await, (Status::Signal(9), None));
}

#[tokio::test]
async fn stopping_what_is_not_there_is_done_at_once() {
    let service = Service::start().await;
    let stopped = service.client.stop("nobody");
    timeout(PATIENCE, stopped).await.unwrap().unwrap();
}

/// The canary's own check, without the rest of a round, on a part that serves or does not.
async fn canary(part: &str, within: Duration) -> avouch_evidence::Seen {
    let service = Service::start().await;
    let folder = service.layout.scratch().join("canary");
    let uid = IDS.canary();
    let socket = folder.join("run/app.sock");
    let mut confinement = Confinement::new(uid, uid, folder.join("data"));
    confinement.execute.push(service.layout.bin());
    confinement.write.push(folder.join("run"));
    let canary = Canary {
        supervisor: service.client.clone(),
        instance: InstanceSpec {
            name: "canary".to_owned(),
            confinement,
            socket: socket.clone(),
            ends_with_core: true,
            ..service.instance(&[part, &socket.to_string_lossy()])
        },
        grants: Layout::instance_folders(&folder, uid, &IDS),
        folder: folder.clone(),
    };
    let seen = RestartWithin::new(within, canary).attempt().await;
    assert!(!folder.exists());
    seen
}

#[tokio::test]
async fn a_canary_that_comes_back_in_time_holds_the_claim() {
    let seen = canary("serve", Duration::from_secs(10)).await;
    assert_eq!(seen.verdict, Verdict::Held, "{}", seen.observed);
}

#[tokio::test]
async fn a_canary_that_is_not_back_in_time_breaks_the_claim() {
    let seen = canary("serve", Duration::from_nanos(1)).await;
    assert_eq!(seen.verdict, Verdict::Broken, "{}", seen.observed);
}

#[tokio::test]
async fn what_an_instance_started_in_another_group_ends_with_it() {
    let service = Service::start().await;
    service.folders().await;
    let socket = service.layout.tenant_socket("riverside");
    let child = service.at().join("run/child.sock");
    let part = [
        "family",
        &socket.to_string_lossy(),
        &child.to_string_lossy(),
    ];
    service.client.start(service.instance(&part)).await.unwrap();
    service.answers(&socket).await;
    service.answers(&child).await;
    let life = Life::of(&child);
    service.client.stop("riverside").await.unwrap();
    life.ends().await;
}

#[tokio::test]
async fn nothing_is_left_when_the_supervisor_is_killed() {
    let mut service = Service::start().await;
    service.serve("serve").await;
    let life = Life::of(&service.layout.tenant_socket("riverside"));
    service.signal(Signal::SIGKILL);
    service.process.wait().await.unwrap();
    life.ends().await;
    // The core ended too: its end of the link is closed.
    loop {
        match timeout(PATIENCE, service.events.recv()).await.unwrap() {
            Ok(_) => {}
            Err(closed) => {
                assert!(matches!(
                    closed,
                    tokio::sync::broadcast::error::RecvError::Closed
                ));
                break;
            }
        }
    }
}

#[tokio::test]
async fn asked_to_stop_it_tells_the_core_and_ends_everything() {
    let mut service = Service::start().await;
    service.serve("serve").await;
    let life = Life::of(&service.layout.tenant_socket("riverside"));
    service.signal(Signal::SIGTERM);
    while service.event().await != FromSupervisor::Stopping {}
    assert_eq!(
        service.exited("riverside").await,
        (Status::Signal(15), None)
    );
    life.ends().await;
    let ended = timeout(PATIENCE, service.process.wait())
        .await
        .unwrap()
        .unwrap();
    assert_eq!(ended.code(), Some(0));
}

#[tokio::test]
async fn a_core_that_died_is_back_and_finds_its_instances_running() {
    let mut service = Service::start().await;
    let pid = service.serve("serve").await;
    let socket = service
        .layout
        .tenant_socket("riverside")
        .to_string_lossy()
        .into_owned();
    let instance = service.instance(&["serve", &socket]);
    let passing = InstanceSpec {
        name: "canary".to_owned(),
        socket: service.at().join("run/canary.sock"),
        command: vec![
            service.program(),
            "serve".to_owned(),
            service
                .at()
                .join("run/canary.sock")
                .to_string_lossy()
                .into_owned(),
        ],
        ends_with_core: true,
        ..instance.clone()
    };
    service.client.start(passing.clone()).await.unwrap();
    service.started("canary").await;
    service.answers(&passing.socket).await;
    let canary = Life::of(&passing.socket);

    kill_core(&service);
    service.client = accept(&service.core).await;
    service.events = service.client.subscribe().unwrap();
    canary.ends().await;
    service.client.start(instance).await.unwrap();
    assert_eq!(service.started("riverside").await, pid);
}

/// Kills the core from outside.
fn kill_core(service: &Service) {
    let parent = service.process.id().unwrap().to_string();
    let core = std::fs::read_dir("/proc")
        .unwrap()
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<i32>().ok())
        .find(|pid| {
            let about =
                |file: &str| std::fs::read(format!("/proc/{pid}/{file}")).unwrap_or_default();
            let stat = String::from_utf8_lossy(&about("stat")).into_owned();
            let parents = stat
                .rsplit_once(')')
                .and_then(|(_, rest)| rest.split(' ').nth(2));
            let line = String::from_utf8_lossy(&about("cmdline")).into_owned();
            parents == Some(parent.as_str()) && line.contains("bridge")
        })
        .unwrap();
    kill(Pid::from_raw(core), Signal::SIGKILL).unwrap();
}

#[tokio::test]
async fn a_core_that_cannot_be_understood_is_started_afresh() {
    let (_world, _process, core) = launch();
    let (mut link, _) = timeout(PATIENCE, core.accept()).await.unwrap().unwrap();
    link.write_all(b"{\"do\":\"reboot\"}\n").await.unwrap();
    accept(&core).await;
}

#[tokio::test]
async fn the_first_ready_line_is_printed_once() {
    let mut service = Service::start().await;
    let mut printed = BufReader::new(service.process.stdout.take().unwrap()).lines();
    service
        .client
        .ready("{\"ready\":true}".to_owned())
        .await
        .unwrap();
    service.client.ready("again".to_owned()).await.unwrap();
    assert_eq!(
        printed.next_line().await.unwrap().as_deref(),
        Some("{\"ready\":true}")
    );
    service.signal(Signal::SIGTERM);
    assert_eq!(
        timeout(PATIENCE, printed.next_line())
            .await
            .unwrap()
            .unwrap(),
        None
    );
}

#[tokio::test]
async fn a_role_that_gives_up_before_all_is_ready_ends_the_service() {
    let world = World::new();
    let output = Command::new(&world.program)
        .arg("supervise")
        .arg(world.path("data"))
        .arg("crash")
        .output()
        .await
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(said, "`core` could not start (exit code 1)\n");
}

#[tokio::test]
async fn a_job_gets_its_secret_and_its_answer_comes_back() {
    let service = Service::start().await;
    let job = Job {
        stdin: Secret::new(b"\0secret".to_vec()),
        ..service.job("echo")
    };
    let result = service.client.run(job).await.unwrap();
    assert_eq!(result.status, Status::Code(3));
    assert_eq!(result.stdout, Bytes(b"\0secret".to_vec()));
    assert_eq!(result.stderr, "echoed\n");
}

#[tokio::test]
async fn a_job_that_takes_too_long_or_says_too_much_is_killed() {
    let service = Service::start().await;
    let late = Job {
        timeout: Duration::from_millis(50),
        ..service.job("linger")
    };
    assert_eq!(
        service.client.run(late).await.unwrap().status,
        Status::TimedOut
    );
    let flood = service.client.run(service.job("flood")).await.unwrap();
    assert_eq!(
        (flood.status, flood.stdout),
        (Status::OutputTooLong, Bytes::default())
    );
}

#[tokio::test]
async fn nothing_the_core_asks_for_runs_as_root_or_as_a_stranger() {
    let mut service = Service::start().await;
    service.folders().await;
    for id in [0, 1000] {
        let mut instance = service.instance(&["crash"]);
        instance.confinement.groups = vec![id];
        service.client.start(instance).await.unwrap();
        loop {
            match service.event().await {
                FromSupervisor::Refused { name, reason } => {
                    assert_eq!(name, "riverside");
                    assert_eq!(
                        reason,
                        format!("user or group {id} is not one of this service's")
                    );
                    break;
                }
                FromSupervisor::Started { name, .. } => assert_eq!(name, "core"),
                _ => {}
            }
        }
        let mut job = service.job("echo");
        job.confinement.uid = id;
        let result = service.client.run(job).await.unwrap();
        assert!(matches!(result.status, Status::Refused(_)), "{result:?}");
    }
}

#[tokio::test]
async fn a_refused_grant_says_why_and_stops_the_job_that_needs_it() {
    let service = Service::start().await;
    let grant = Grant {
        path: service.layout.core().join("keys/x"),
        uid: TENANT,
        gid: TENANT,
        mode: 0o700,
        recursive: false,
        kind: Kind::Dir,
    };
    let refused = service
        .client
        .grant(grant.clone())
        .await
        .unwrap_err()
        .to_string();
    assert!(
        refused.contains("is outside the folders declared at start"),
        "{refused}"
    );
    let job = Job {
        grants: vec![grant],
        ..service.job("echo")
    };
    let result = service.client.run(job).await.unwrap();
    assert!(matches!(result.status, Status::Refused(_)), "{result:?}");
}

#[tokio::test]
async fn a_role_cannot_be_stopped_or_replaced_by_name() {
    let mut service = Service::start().await;
    service.client.stop("core").await.unwrap();
    service.client.kill("core").await.unwrap();
    let instance = InstanceSpec {
        name: "core".to_owned(),
        ..service.instance(&["crash"])
    };
    service.client.start(instance).await.unwrap();
    loop {
        match service.event().await {
            FromSupervisor::Refused { name, reason } => {
                assert_eq!(
                    (name.as_str(), reason.as_str()),
                    ("core", "a role has this name")
                );
                break;
            }
            other => assert!(!matches!(other, FromSupervisor::Exited { .. }), "{other:?}"),
        }
    }
}
