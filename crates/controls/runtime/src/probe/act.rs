//! How each act is tried.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::net::{SocketAddr as UnixAddr, UnixStream};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use nix::errno::Errno;
use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};
use nix::sys::ptrace;
use nix::sys::signal::kill;
use nix::unistd::{Pid, Uid, setuid};

use super::{Act, Outcome};

/// A connection that is neither made nor refused within this is neither.
const PATIENCE: Duration = Duration::from_secs(2);

pub(super) fn attempt(act: &Act) -> Outcome {
    let result = match act {
        Act::ReadFile(path) => read_byte(path),
        Act::ListFolder(path) => std::fs::read_dir(path).map(drop),
        Act::OpenForWriting(path) => OpenOptions::new().write(true).open(path).map(drop),
        Act::MakeFileIn(path) => make_file(path),
        Act::Execute(path) => execute(path),
        Act::ConnectUnix(path) => UnixStream::connect(path).map(drop),
        Act::ConnectAbstract(name) => UnixAddr::from_abstract_name(name)
            .and_then(|address| UnixStream::connect_addr(&address))
            .map(drop),
        Act::ConnectTcp(address) => TcpStream::connect_timeout(address, PATIENCE).map(drop),
        Act::ListenTcp(address) => TcpListener::bind(address).map(drop),
        Act::SendUdp(address) => send(*address),
        Act::Signal(pid) => kill(Pid::from_raw(*pid), None).map_err(io::Error::from),
        Act::SignalAnybody => kill(Pid::from_raw(-1), None).map_err(io::Error::from),
        Act::Trace => ptrace::traceme().map_err(io::Error::from),
        Act::MakeNamespace => unshare(CloneFlags::CLONE_NEWUSER).map_err(io::Error::from),
        // What is read is not kept: being able to open and read a byte is the finding.
        Act::ReadMemory(pid) => File::open(format!("/proc/{pid}/mem")).map(drop),
        Act::ReadEnvironment(pid) => read_byte(Path::new(&format!("/proc/{pid}/environ"))),
        Act::Mount(path) => mount_at(path),
        Act::BecomeRoot => setuid(Uid::from_raw(0)).map_err(io::Error::from),
    };
    match result {
        Ok(()) => Outcome::Succeeded,
        // The standard library's own timeout has no number of the kernel's.
        Err(error) => Outcome::Failed(error.raw_os_error().unwrap_or(Errno::ETIMEDOUT as i32)),
    }
}

fn read_byte(path: &Path) -> io::Result<()> {
    File::open(path)?.read(&mut [0]).map(drop)
}

fn make_file(folder: &Path) -> io::Result<()> {
    let path = folder.join(format!("probe-{}", std::process::id()));
    OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(&path)?;
    std::fs::remove_file(path)
}

/// The program is not waited for longer than it takes to start; its end does not matter.
fn execute(path: &Path) -> io::Result<()> {
    let mut started = Command::new(path)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()?;
    started.kill()?;
    started.wait().map(drop)
}

fn send(address: SocketAddr) -> io::Result<()> {
    UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0))?
        .send_to(b"?", address)
        .map(drop)
}

fn mount_at(path: &Path) -> io::Result<()> {
    mount(
        Some("probe"),
        path,
        Some("tmpfs"),
        MsFlags::empty(),
        None::<&str>,
    )
    .map_err(io::Error::from)
}
