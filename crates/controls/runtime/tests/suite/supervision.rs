//! What the supervisor keeps running, brings back and ends.

use std::time::Duration;

use avouch_runtime::ids::Ids;
use avouch_runtime::layout::Layout;
use avouch_runtime::protocol::{FromSupervisor, InstanceSpec, Status};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::process::Command;
use tokio::time::{Instant, timeout};

use crate::world::World;

use crate::service::{Life, PATIENCE, Service, TENANT, accept, launch};

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
    // Usually a few milliseconds; machines that run tests are busy.
    assert!(restarted < Duration::from_secs(1), "{restarted:?}");
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

#[tokio::test]
async fn without_root_everything_runs_as_the_caller() {
    let mut service = Service::start_as(TENANT).await;
    let ids = Ids {
        core: TENANT,
        front: TENANT,
        jobs: TENANT,
        tenants_from: TENANT,
        callers_group: Some(TENANT),
    };
    for grant in Layout::instance_folders(&service.at(), TENANT, &ids) {
        service.client.grant(grant).await.unwrap();
    }
    let socket = service.layout.tenant_socket("riverside");
    let instance = service.instance(&["serve", &socket.to_string_lossy()]);
    service.client.start(instance).await.unwrap();
    service.answers(&socket).await;
    let owner = std::os::unix::fs::MetadataExt::uid(&std::fs::metadata(&socket).unwrap());
    assert_eq!(owner, TENANT);
    service.client.kill("riverside").await.unwrap();
    assert_eq!(service.exited("riverside").await.0, Status::Signal(9));
    service.answers(&socket).await;
    let result = service.client.run(service.job("echo")).await.unwrap();
    assert_eq!(result.status, Status::Code(3), "{}", result.stderr);
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
    let (_world, _process, core) = launch(0);
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
