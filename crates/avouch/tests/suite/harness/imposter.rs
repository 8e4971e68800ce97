//! Has somebody stand in the place of the core's pages, as the core's own user.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::MetadataExt as _;
use std::process::{Child, Command, Stdio};

use super::wire::renew;
use super::{Service, eventually, example};

/// Somebody in the core's place.
pub struct Imposter {
    child: Child,
}

/// Puts him there, and has the front start anew, because it keeps connections that it has.
///
/// `deed` is what he does: see `examples/imposter.rs`.
pub fn impersonate(service: &Service, deed: &[&str]) -> Imposter {
    let socket = service.data().join("run/console.sock");
    let (aside, program) = (
        socket.with_extension("true"),
        service.place().join("imposter"),
    );
    let owner = fs::metadata(&socket).unwrap();
    let (uid, gid) = (
        format!("--reuid={}", owner.uid()),
        format!("--regid={}", owner.gid()),
    );
    fs::rename(&socket, &aside).unwrap();
    // Where the core's user, who may not look into the checkout, can run it.
    fs::copy(example("imposter"), &program).unwrap();
    let mut command = Command::new(if nix::unistd::geteuid().is_root() {
        "setpriv"
    } else {
        "env"
    });
    if nix::unistd::geteuid().is_root() {
        command.args([uid.as_str(), gid.as_str(), "--clear-groups"]);
    }
    let mut child = command
        .arg(program)
        .args([&socket, &aside])
        .args(deed)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap())
        .read_line(&mut line)
        .unwrap();
    assert_eq!(line, "ready\n");
    renew(service);
    Imposter { child }
}

impl Imposter {
    /// Sends him away.
    pub fn leave(mut self, service: &Service) {
        let socket = service.data().join("run/console.sock");
        self.child.kill().unwrap();
        eventually("the imposter to go", 10, || self.child.try_wait().unwrap());
        fs::rename(socket.with_extension("true"), &socket).unwrap();
        renew(service);
    }
}
