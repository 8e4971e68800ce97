//! Stands in for `avouch` and for applications in this crate's tests: a real process to confine,
//! to supervise and to kill. Its first argument says what it does.

use std::collections::BTreeMap;
use std::error::Error;
use std::io::{Read, Write};
use std::os::fd::AsFd;
use std::os::unix::net::{UnixListener, UnixStream};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::Duration;

use avouch_runtime::confine::{self, BaseSystem, Confinement, Network, Ports, Processes};
use avouch_runtime::ids::Ids;
use avouch_runtime::prepare::{Program, prepare};
use avouch_runtime::probe;
use avouch_runtime::supervisor::{self, Carrier, Plan, Role};

type Done = Result<ExitCode, Box<dyn Error>>;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let done = match words.as_slice() {
        ["confine", "--spec", spec, "--", command @ ..] => confined(spec, command),
        ["probe"] => probes(),
        ["environment"] => environment(),
        ["descriptors"] => descriptors(),
        ["serve", socket] => serve(Path::new(socket)),
        ["family", socket, child] => family(Path::new(socket), child),
        ["stubborn", socket] => stubborn(Path::new(socket)),
        ["echo"] => echo(),
        ["flood"] => flood(),
        ["linger"] => linger(),
        ["crash"] => Ok(ExitCode::from(1)),
        ["dial"] => dial(),
        ["carry", port] => carry(port),
        ["bridge", socket] => bridge(Path::new(socket)),
        ["supervise", data, role @ ..] => supervise(Path::new(data), role),
        _ => Err("no such part to play".into()),
    };
    done.unwrap_or_else(|error| {
        let mut text = error.to_string();
        let mut cause = error.source();
        while let Some(source) = cause {
            text.push_str(": ");
            text.push_str(&source.to_string());
            cause = source.source();
        }
        writeln!(std::io::stderr(), "{text}").ok();
        ExitCode::from(2)
    })
}

fn confined(spec: &str, command: &[&str]) -> Done {
    let spec: Confinement = serde_json::from_str(spec)?;
    let command: Vec<String> = command.iter().map(|&word| word.to_owned()).collect();
    match confine::exec(&spec, &command)? {}
}

/// Reads acts from standard input, tries them, and writes what came of them.
fn probes() -> Done {
    let acts: Vec<probe::Act> = serde_json::from_reader(std::io::stdin())?;
    serde_json::to_writer(std::io::stdout(), &probe::run(&acts))?;
    Ok(ExitCode::SUCCESS)
}

fn environment() -> Done {
    let all: Vec<(String, String)> = std::env::vars().collect();
    serde_json::to_writer(std::io::stdout(), &all)?;
    Ok(ExitCode::SUCCESS)
}

/// Writes the numbers of its open descriptors, but for the one that lists them.
fn descriptors() -> Done {
    let mut open: Vec<i32> = std::fs::read_dir("/proc/self/fd")?
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .collect();
    open.sort_unstable();
    open.pop();
    serde_json::to_writer(std::io::stdout(), &open)?;
    Ok(ExitCode::SUCCESS)
}

/// Answers every request with 200. A client that asks nothing is kept until this process ends.
fn serve(socket: &Path) -> Done {
    let listener = UnixListener::bind(socket)?;
    for stream in listener.incoming() {
        let mut stream = stream?;
        std::thread::spawn(move || {
            let mut asked = [0; 1024];
            if stream.read(&mut asked).is_ok_and(|length| length > 0) {
                stream
                    .write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
                    .ok();
            }
        });
    }
    Ok(ExitCode::SUCCESS)
}

/// Serves, and has a child in another process group that serves too.
fn family(socket: &Path, child: &str) -> Done {
    if Path::new(child).exists() {
        std::fs::remove_file(child)?;
    }
    Command::new(std::env::current_exe().or_else(|_| own_path())?)
        .args(["serve", child])
        .process_group(0)
        .spawn()?;
    serve(socket)
}

/// Without `/proc` a program knows itself only by how it was called.
fn own_path() -> std::io::Result<PathBuf> {
    std::env::args()
        .next()
        .map(PathBuf::from)
        .ok_or_else(|| std::io::ErrorKind::NotFound.into())
}

fn runtime() -> std::io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
}

/// Serves, and does not end when asked to.
fn stubborn(socket: &Path) -> Done {
    runtime()?.block_on(async {
        let _deaf = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
        let socket = socket.to_owned();
        tokio::task::spawn_blocking(move || serve(&socket).map_err(|error| error.to_string()))
            .await??;
        Ok(ExitCode::SUCCESS)
    })
}

fn echo() -> Done {
    let mut said = Vec::new();
    std::io::stdin().read_to_end(&mut said)?;
    std::io::stdout().write_all(&said)?;
    writeln!(std::io::stderr(), "echoed")?;
    Ok(ExitCode::from(3))
}

/// A job that connects to its place by its carrier, tries to get there without it, and says what came of both.
fn dial() -> Done {
    let mut told = String::new();
    std::io::stdin().read_line(&mut told)?;
    let port: u16 = told.trim().parse()?;
    let alone = std::net::TcpStream::connect(("127.0.0.1", port)).is_ok();
    let mut carried = avouch_runtime::carry::dial(std::io::stdin())?;
    let mut answer = [0; 5];
    carried.read_exact(&mut answer)?;
    writeln!(
        std::io::stdout(),
        "{alone} {}",
        String::from_utf8_lossy(&answer)
    )?;
    Ok(ExitCode::SUCCESS)
}

fn carry(port: &str) -> Done {
    let channel = UnixStream::from(std::io::stdin().as_fd().try_clone_to_owned()?);
    runtime()?.block_on(avouch_runtime::carry::carry(
        channel,
        "127.0.0.1",
        port.parse()?,
    ))?;
    Ok(ExitCode::SUCCESS)
}

fn flood() -> Done {
    loop {
        std::io::stdout().write_all(&[b'x'; 65536])?;
    }
}

fn linger() -> Done {
    loop {
        std::thread::park();
    }
}

/// The core's part: hands every byte on between the supervisor and a test at `socket`. Asked to
/// end it does not, so that nothing that was said before is lost.
fn bridge(socket: &Path) -> Done {
    let runtime = runtime()?;
    let _deaf = runtime.block_on(async {
        tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())
    })?;
    let link = UnixStream::from(std::io::stdin().as_fd().try_clone_to_owned()?);
    let test = UnixStream::connect(socket)?;
    let (mut from_link, mut to_test) = (link.try_clone()?, test.try_clone()?);
    std::thread::spawn(move || {
        std::io::copy(&mut from_link, &mut to_test).ok();
        std::process::exit(0);
    });
    std::io::copy(&mut &test, &mut &link)?;
    linger()
}

/// One place on the network: where a test listens, if it says so.
fn carriers(ids: &Ids, layout: &avouch_runtime::layout::Layout) -> BTreeMap<String, Carrier> {
    let Ok(port) = std::env::var("FAR_PORT") else {
        return BTreeMap::new();
    };
    let mut confinement = Confinement::new(ids.jobs, ids.group(ids.jobs), layout.bin());
    confinement.execute.push(layout.bin());
    confinement.network = Network::Host {
        bind: Ports::Only(vec![]),
        connect: Ports::Only(port.parse().into_iter().collect()),
    };
    let avouch = layout.bin().join("avouch").to_string_lossy().into_owned();
    let command = vec![avouch, "carry".to_owned(), port];
    BTreeMap::from([(
        "far".to_owned(),
        Carrier {
            command,
            confinement,
        },
    )])
}

/// The supervisor, with one linked role: this program, playing `role`.
fn supervise(data: &Path, role: &[&str]) -> Done {
    let ids = Ids::here(61_000);
    let own = Program {
        name: "avouch".to_owned(),
        source: std::env::current_exe()?,
    };
    let prepared = prepare(data, &ids, &[own])?;
    let avouch = prepared.programs.first().ok_or("no program")?.clone();
    let mut confinement = Confinement::new(ids.core, ids.group(ids.core), prepared.layout.core());
    confinement.execute.push(prepared.layout.bin());
    confinement.processes = Processes::Shared;
    confinement.network = Network::Host {
        bind: Ports::Only(vec![]),
        connect: Ports::Any,
    };
    let command = std::iter::once(avouch.to_string_lossy().into_owned())
        .chain(role.iter().map(|&word| word.to_owned()))
        .collect();
    let plan = Plan {
        avouch,
        layout: prepared.layout.clone(),
        ids,
        destinations: Vec::new(),
        system: Confinement::base_system(),
        tools: BaseSystem::default(),
        environment: vec!["TENANT".to_owned()],
        roles: vec![Role {
            name: "core".to_owned(),
            command,
            confinement,
            linked: true,
        }],
        carriers: carriers(&ids, &prepared.layout),
        holder: None,
        grace: Duration::from_millis(500),
    };
    let told = |line: &str| {
        writeln!(std::io::stdout(), "{line}").ok();
    };
    runtime()?.block_on(supervisor::run(plan, told))?;
    Ok(ExitCode::SUCCESS)
}
