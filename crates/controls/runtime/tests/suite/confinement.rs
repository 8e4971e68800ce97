//! What a confined process may and may not do.

use std::net::{TcpListener, UdpSocket};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixListener};
use std::process::{Child, Stdio};

use avouch_runtime::confine::{self, ConfineError, Confinement, Network, Ports};
use avouch_runtime::probe::{self, Act, Judged, Outcome};

use crate::world::{OWN, World, open_to};

/// Everything around a confined process that it must not reach, alive.
struct Surroundings {
    _tcp: TcpListener,
    _udp: UdpSocket,
    _abstract: UnixListener,
    _guarded: UnixListener,
    neighbour: Child,
    acts: Vec<Act>,
}

impl Drop for Surroundings {
    fn drop(&mut self) {
        self.neighbour.kill().ok();
        self.neighbour.wait().ok();
    }
}

/// Files are open to everybody, so that only the confinement can refuse them.
fn surroundings(world: &World) -> Surroundings {
    let secret = world.path("secret");
    std::fs::write(&secret, "of another tenant").unwrap();
    open_to(&secret, 0o666);
    let open = world.path("open");
    std::fs::create_dir(&open).unwrap();
    open_to(&open, 0o777);
    let tcp = TcpListener::bind("127.0.0.1:0").unwrap();
    let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
    let name = format!("avouch-{}", world.folder.path().display());
    let hidden = UnixListener::bind_addr(&SocketAddr::from_abstract_name(&name).unwrap()).unwrap();
    let guarded_folder = world.path("guarded");
    std::fs::create_dir(&guarded_folder).unwrap();
    open_to(&guarded_folder, 0o700);
    let guarded = UnixListener::bind(guarded_folder.join("app.sock")).unwrap();
    // Another process of the very same user, in a confinement of its own.
    let own_spec = world.confinement();
    let program = world.program.to_string_lossy().into_owned();
    let neighbour = confine::command(&world.program, &own_spec, &[program, "linger".to_owned()])
        .unwrap()
        .stdin(Stdio::null())
        .spawn()
        .unwrap();
    let pid = i32::try_from(neighbour.id()).unwrap();
    let acts = vec![
        Act::ReadFile(secret.clone()),
        Act::OpenForWriting(secret),
        Act::ListFolder(open.clone()),
        Act::MakeFileIn(open),
        Act::MakeFileIn("/tmp".into()),
        Act::ReadFile("/etc/passwd".into()),
        Act::ListFolder("/proc".into()),
        Act::Execute("/bin/sh".into()),
        Act::ConnectAbstract(name),
        Act::ConnectTcp(tcp.local_addr().unwrap()),
        Act::ConnectTcp(([192, 0, 2, 1], 80).into()),
        Act::ListenTcp(([127, 0, 0, 1], 0).into()),
        Act::Signal(pid),
        Act::Signal(i32::try_from(std::process::id()).unwrap()),
        Act::ReadMemory(pid),
        Act::ReadEnvironment(pid),
        Act::SignalAnybody,
        Act::Mount("/mnt".into()),
        Act::BecomeRoot,
        Act::MakeNamespace,
        Act::Trace,
    ];
    Surroundings {
        _tcp: tcp,
        _udp: udp,
        _abstract: hidden,
        _guarded: guarded,
        neighbour,
        acts,
    }
}

/// What needs root to be refused: without it the user id is the caller's.
fn for_root_only(world: &World, around: &Surroundings) -> Vec<Act> {
    vec![
        Act::ConnectUnix(world.path("guarded/app.sock")),
        Act::SendUdp(around._udp.local_addr().unwrap()),
    ]
}

#[test]
fn a_confined_process_is_refused_everything_around_it() {
    let world = World::new();
    let mut around = surroundings(&world);
    let more = for_root_only(&world, &around);
    around.acts.extend(more);
    let tried = world.probe(&world.confinement(), &around.acts, true);
    assert_eq!(
        probe::judge(&around.acts, &tried),
        Judged::Refused(around.acts.len()),
        "{tried:?}"
    );
}

#[test]
fn without_root_a_confined_process_is_refused_all_but_sockets_of_its_own_user() {
    let world = World::new();
    let around = surroundings(&world);
    let tried = world.probe(&world.confinement(), &around.acts, false);
    assert_eq!(
        probe::judge(&around.acts, &tried),
        Judged::Refused(around.acts.len()),
        "{tried:?}"
    );
}

#[test]
fn the_same_acts_succeed_for_one_who_is_not_confined() {
    let world = World::new();
    let mut around = surroundings(&world);
    let more = for_root_only(&world, &around);
    around.acts.extend(more);
    // Mounting would change this machine; there is no route to the address for documentation;
    // and root becomes root.
    around.acts.retain(|act| {
        !matches!(act, Act::Mount(_)) && *act != Act::ConnectTcp(([192, 0, 2, 1], 80).into())
    });
    // By another process, because being traced is for good.
    for tried in world.probe_unconfined(&around.acts) {
        assert_eq!(tried.outcome, Outcome::Succeeded, "{tried:?}");
    }
}

#[test]
fn a_confined_process_reaches_its_own_folder_and_can_start_itself() {
    let world = World::new();
    let spec = world.confinement();
    std::fs::write(world.path("own/data"), "mine").unwrap();
    open_to(&world.path("own/data"), 0o644);
    let acts = [
        Act::MakeFileIn(world.path("own")),
        Act::ReadFile(world.path("own/data")),
        Act::ListFolder(world.path("own")),
        Act::Execute(world.program.clone()),
        Act::OpenForWriting("/dev/null".into()),
        Act::ReadFile("/dev/urandom".into()),
    ];
    for root in [true, false] {
        for tried in world.probe(&spec, &acts, root) {
            assert_eq!(tried.outcome, Outcome::Succeeded, "{tried:?}");
        }
    }
}

#[test]
fn what_can_be_written_cannot_be_executed() {
    let world = World::new();
    let spec = world.confinement();
    let program = world.path("own/program");
    std::fs::copy(&world.program, &program).unwrap();
    let acts = [Act::Execute(program)];
    let tried = world.probe(&spec, &acts, true);
    assert_eq!(probe::judge(&acts, &tried), Judged::Refused(1), "{tried:?}");
}

#[test]
fn tcp_on_the_hosts_network_is_limited_to_the_listed_ports() {
    let world = World::new();
    let allowed = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let other = TcpListener::bind("127.0.0.1:0").unwrap();
    let other_address = other.local_addr().unwrap();
    let mut spec = world.confinement();
    spec.network = Network::Host {
        bind: Ports::Only(vec![allowed.port()]),
        connect: Ports::Only(vec![]),
    };
    let acts = [
        Act::ListenTcp(allowed),
        Act::ListenTcp(([127, 0, 0, 1], 0).into()),
        Act::ConnectTcp(other_address),
    ];
    let tried = world.probe(&spec, &acts, true);
    assert_eq!(tried[0].outcome, Outcome::Succeeded);
    assert_eq!(
        probe::judge(&acts[1..], &tried[1..]),
        Judged::Refused(2),
        "{tried:?}"
    );
    spec.network = Network::Host {
        bind: Ports::Only(vec![]),
        connect: Ports::Any,
    };
    let tried = world.probe(&spec, &acts, true);
    assert_eq!(tried[2].outcome, Outcome::Succeeded);
}

#[test]
fn only_the_stated_environment_is_given() {
    let world = World::new();
    let mut spec = world.confinement();
    spec.env.insert("TENANT".to_owned(), "riverside".to_owned());
    let output = world.run(&spec, &["environment"], b"", true);
    let seen: Vec<(String, String)> = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(seen, [("TENANT".to_owned(), "riverside".to_owned())]);
}

#[test]
fn inherited_descriptors_are_closed() {
    let world = World::new();
    let mut spec = world.confinement();
    spec.read.push("/proc".into());
    let spec = serde_json::to_string(&spec).unwrap();
    let secret = world.path("secret");
    std::fs::write(&secret, "").unwrap();
    let output = std::process::Command::new("/bin/bash")
        .args([
            "-c",
            "exec 9<\"$1\"; exec \"$0\" confine --spec \"$2\" -- \"$0\" descriptors",
        ])
        .args([&world.program, &secret])
        .arg(&spec)
        .output()
        .unwrap();
    let open: Vec<i32> = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(open, [0, 1, 2]);
}

#[track_caller]
fn refused(world: &World, spec: &Confinement, root: bool, message: &str) {
    let output = world.run(spec, &["environment"], b"", root);
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.starts_with(message), "{said}");
    assert!(output.stdout.is_empty());
}

#[test]
fn nothing_runs_when_a_step_fails() {
    let world = World::new();
    let spec = world.confinement();
    let as_root = Confinement {
        uid: 0,
        ..spec.clone()
    };
    refused(
        &world,
        &as_root,
        true,
        "a confined process never runs as root",
    );
    let roots_group = Confinement {
        groups: vec![0],
        ..spec.clone()
    };
    refused(
        &world,
        &roots_group,
        true,
        "a confined process never runs as root",
    );
    let absent = Confinement {
        read: vec!["/absent".into()],
        ..spec.clone()
    };
    refused(&world, &absent, true, "cannot open `/absent`");
    let parentless = Confinement {
        dies_with: Some(1),
        ..spec.clone()
    };
    refused(
        &world,
        &parentless,
        true,
        "process 1, which this one must not outlive",
    );
    let folder = Confinement {
        folder: "/root".into(),
        ..spec
    };
    refused(&world, &folder, true, "cannot open `/root`");
}

#[test]
fn without_root_no_other_user_can_be_taken() {
    let world = World::new();
    let spec = serde_json::to_string(&world.confinement()).unwrap();
    let output = {
        use std::os::unix::process::CommandExt;
        std::process::Command::new(&world.program)
            .args(["confine", "--spec", &spec, "--"])
            .arg(&world.program)
            .arg("environment")
            .uid(OWN + 1)
            .gid(OWN + 1)
            .output()
            .unwrap()
    };
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(
        said.starts_with("cannot run as user 61000: this process is user 61001"),
        "{said}"
    );
}

#[test]
fn a_process_with_threads_is_not_confined_by_half() {
    let world = World::new();
    let (done, wait) = std::sync::mpsc::channel::<()>();
    let other = std::thread::spawn(move || wait.recv());
    let refused = confine::enter(&world.confinement());
    drop(done);
    other.join().unwrap().unwrap_err();
    assert!(
        matches!(refused, Err(ConfineError::Threads(2..))),
        "{refused:?}"
    );
}
