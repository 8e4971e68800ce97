//! The service's processes, as the system shows them.

use std::fs;
use std::path::Path;

use nix::sys::signal::Signal;
use nix::unistd::Pid;

/// A process of a service.
#[derive(Debug, Clone)]
pub struct Process {
    pub pid: i32,
    pub words: Vec<String>,
}

/// Every living process whose command line or program lies in this data folder.
pub fn under(data: &Path) -> Vec<Process> {
    let data = data.to_str().unwrap();
    let mut found: Vec<Process> = fs::read_dir("/proc")
        .unwrap()
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .filter_map(read)
        .filter(|process| {
            let program = fs::read_link(format!("/proc/{}/exe", process.pid)).unwrap_or_default();
            program.starts_with(data) || process.words.iter().any(|word| word.contains(data))
        })
        .filter(|process| process.pid != std::process::id().cast_signed())
        .collect();
    found.sort_by_key(|process| process.pid);
    found
}

/// The living process of a role (`core`, `front`), of a tenant's application, or of any `job`.
pub fn named(data: &Path, name: &str) -> Option<i32> {
    let socket = data.join(format!("tenants/{name}/run/app.sock"));
    let socket = socket.to_str().unwrap();
    let is = |process: &Process| {
        let words: Vec<&str> = process.words.iter().map(String::as_str).collect();
        let role = matches!(words.as_slice(), [_, "role", role, ..] if *role == name);
        let app = words.contains(&socket) && !words.contains(&"confine");
        let job = name == "job" && matches!(words.as_slice(), [_, "job", ..]);
        role || app || job
    };
    under(data).into_iter().find(is).map(|process| process.pid)
}

/// Kills without warning.
pub fn kill(pid: i32) {
    signal(pid, Signal::SIGKILL);
}

/// Sends a signal to one process; one that has gone is past caring.
pub fn signal(pid: i32, what: Signal) {
    let _ = nix::sys::signal::kill(Pid::from_raw(pid), what);
}

fn read(pid: i32) -> Option<Process> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, rest) = stat.rsplit_once(") ")?;
    if rest.starts_with('Z') {
        return None;
    }
    let line = fs::read(format!("/proc/{pid}/cmdline")).ok()?;
    let words = line
        .split(|byte| *byte == 0)
        .map(|word| String::from_utf8_lossy(word).into_owned())
        .collect();
    Some(Process { pid, words })
}
