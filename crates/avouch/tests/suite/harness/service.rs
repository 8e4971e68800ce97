//! A started service: the real `avouch up --demo` in a folder of its own.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::os::unix::fs::{MetadataExt as _, chown};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{OnceLock, mpsc};
use std::time::Duration;

use avouch_evidence::Gateway;
use base64::Engine as _;
use nix::sys::signal::Signal;
use serde::Deserialize;
use serde_json::Value;

use super::command::{Done, avouch};
use super::guard::Guard;
use super::place::{Place, free_address, user_ids};
use super::processes::{kill, signal, under};
use super::{programs, wait};

/// A debug build on two busy cores makes tenants, backups and drills in this time.
const START: Duration = Duration::from_secs(180);
/// A service that was told to stop has this long.
const STOP: u64 = 40;

/// How a service is started.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Edits of the demo's statement, each `(from, to)`.
    pub edits: Vec<(String, String)>,
    /// Started by an ordinary user, though root runs the tests.
    pub ordinary: bool,
}

/// Somebody who can sign in.
#[derive(Debug, Clone, Deserialize)]
pub struct User {
    pub email: String,
    pub password: String,
    pub tenant: String,
    pub role: String,
}

/// A running service.
#[derive(Debug)]
pub struct Service {
    place: Place,
    options: Options,
    address: SocketAddr,
    running: Option<Running>,
    ready: Value,
}

#[derive(Debug)]
struct Running {
    child: Child,
    _guard: Guard,
}

/// The service that tests share which neither damage it nor depend on what else is in it.
pub fn shared() -> &'static Service {
    static SHARED: OnceLock<Service> = OnceLock::new();
    SHARED.get_or_init(|| Service::start(Options::default()))
}

impl Service {
    /// Starts a service and waits until it says that everything serves.
    #[track_caller]
    pub fn start(options: Options) -> Self {
        Self::start_at(Place::new(), options)
    }

    /// The same in this place.
    #[track_caller]
    pub fn start_at(place: Place, options: Options) -> Self {
        let address = free_address();
        place.statement(&wired(address, &options));
        let mut service = Self {
            place,
            options,
            address,
            running: None,
            ready: Value::Null,
        };
        service
            .up()
            .unwrap_or_else(|log| panic!("the service did not start:\n{log}"));
        service
    }

    /// Starts it again on what it left; the error is its log.
    pub fn up(&mut self) -> Result<(), String> {
        self.up_with(&["--json", "up", "--demo"])
    }

    /// The same without the demonstration's own tenants and people.
    pub fn up_plain(&mut self) -> Result<(), String> {
        self.up_with(&["--json", "up"])
    }

    fn up_with(&mut self, up: &[&str]) -> Result<(), String> {
        programs::build();
        let log = File::options()
            .create(true)
            .append(true)
            .open(self.log())
            .unwrap();
        let mut words: Vec<OsString> = Vec::new();
        if self.options.ordinary {
            words.extend(as_user(&self.place));
        }
        words.push(self.program().into());
        words.extend(self.arguments());
        words.extend(up.iter().map(OsString::from));
        let mut child = Command::new(&words[0])
            .args(&words[1..])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .unwrap();
        let guard = Guard::new(child.id(), self.place.path());
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        self.running = Some(Running {
            child,
            _guard: guard,
        });
        self.ready = first_line(lines).ok_or_else(|| self.tail())?;
        Ok(())
    }

    pub fn data(&self) -> PathBuf {
        self.place.join("data")
    }

    pub fn statement(&self) -> PathBuf {
        self.place.join("avouch.toml")
    }

    pub fn place(&self) -> &Place {
        &self.place
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Whether it was started and not ended since.
    pub fn runs(&self) -> bool {
        self.running.is_some()
    }

    /// The supervisor.
    pub fn supervisor(&self) -> i32 {
        self.running
            .as_ref()
            .expect("a running service")
            .child
            .id()
            .cast_signed()
    }

    /// The service as a client sees it, which believes only the service's own authority.
    pub fn gateway(&self) -> Gateway {
        Gateway::new(self.address, "acuity.localhost", &self.authority()).unwrap()
    }

    /// The authority's certificate, DER.
    pub fn authority(&self) -> Vec<u8> {
        let pem = fs::read_to_string(self.ready["ca"].as_str().unwrap()).unwrap();
        let text: String = pem
            .lines()
            .filter(|line| !line.starts_with("-----"))
            .collect();
        base64::engine::general_purpose::STANDARD
            .decode(text)
            .unwrap()
    }

    /// Somebody of this tenant (none for the supplier's) and role.
    #[track_caller]
    pub fn user(&self, tenant: &str, role: &str) -> User {
        let users: Vec<User> = serde_json::from_value(self.ready["users"].clone()).unwrap();
        let found = users
            .into_iter()
            .find(|user| user.tenant == tenant && user.role == role);
        found.unwrap_or_else(|| panic!("nobody is {role} at `{tenant}`: {}", self.ready))
    }

    /// Runs a command on this service.
    #[track_caller]
    pub fn avouch(&self, words: &[&str]) -> Done {
        let mut all = self.arguments();
        all.extend(words.iter().map(OsString::from));
        avouch(all)
    }

    /// Runs a command that must succeed, and reads what it printed.
    #[track_caller]
    pub fn ask(&self, words: &[&str]) -> Value {
        let mut all = vec!["--json"];
        all.extend(words);
        self.avouch(&all).with(0).json()
    }

    /// The newest event of a search of which this holds. The index follows the ledger, so it is looked at until it has it.
    #[track_caller]
    pub fn audited(&self, words: &[&str], holds: impl Fn(&Value) -> bool) -> Value {
        let all = [&["audit", "search", "--limit", "1000"], words].concat();
        let newest = || {
            self.ask(&all)["rows"]
                .as_array()
                .unwrap()
                .iter()
                .find(|row| holds(row))
                .cloned()
        };
        wait::within(15, newest).unwrap_or_else(|| panic!("no such event in {}", self.ask(&all)))
    }

    /// Tells it to stop and waits until nothing of it is left.
    #[track_caller]
    pub fn stop(&mut self) -> ExitStatus {
        signal(self.supervisor(), Signal::SIGTERM);
        let status = self.ended(STOP);
        let left = under(&self.data());
        assert!(left.is_empty(), "left after a stop: {left:?}");
        status
    }

    /// Kills the supervisor without warning and waits until everything else has gone by itself.
    #[track_caller]
    pub fn crash(&mut self) {
        kill(self.supervisor());
        self.ended(STOP);
        let data = self.data();
        let gone = || under(&data).is_empty().then_some(());
        if wait::within(STOP, gone).is_none() {
            let left = under(&data);
            self.sweep();
            panic!("left after the supervisor was killed: {left:?}");
        }
    }

    /// Everything ends at once, as when the power fails.
    pub fn end_at_once(&mut self) {
        kill(self.supervisor());
        let data = self.data();
        wait::eventually("everything to end", STOP, || {
            self.sweep();
            under(&data).is_empty().then_some(())
        });
        self.ended(STOP);
    }

    /// Waits for the supervisor's end.
    #[track_caller]
    pub fn ended(&mut self, seconds: u64) -> ExitStatus {
        let mut running = self.running.take().expect("a running service");
        match wait::within(seconds, || running.child.try_wait().unwrap()) {
            Some(status) => status,
            None => {
                kill(running.child.id().cast_signed());
                let _ = running.child.wait();
                self.sweep();
                panic!(
                    "the service did not end within {seconds} s:\n{}",
                    self.tail()
                );
            }
        }
    }

    /// The end of what it logged.
    pub fn tail(&self) -> String {
        let log = fs::read_to_string(self.log()).unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(40)..].join("\n")
    }

    pub fn log(&self) -> PathBuf {
        self.place.join("service.log")
    }

    /// The binary, where whoever starts it can reach it.
    fn program(&self) -> PathBuf {
        let built = programs::avouch_binary();
        if !self.options.ordinary {
            return built;
        }
        let folder = self.place.join("programs");
        if !folder.exists() {
            fs::create_dir(&folder).unwrap();
            for name in ["avouch", "acuity"] {
                fs::copy(built.with_file_name(name), folder.join(name)).unwrap();
            }
        }
        folder.join("avouch")
    }

    fn arguments(&self) -> Vec<OsString> {
        vec![
            "-c".into(),
            self.statement().into(),
            "--data".into(),
            self.data().into(),
        ]
    }

    /// Ends what a failed test left.
    fn sweep(&self) {
        for process in under(&self.data()) {
            kill(process.pid);
        }
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        if let Some(mut running) = self.running.take() {
            let pid = running.child.id().cast_signed();
            signal(pid, Signal::SIGTERM);
            if wait::within(STOP, || running.child.try_wait().unwrap()).is_none() {
                kill(pid);
                let _ = running.child.wait();
            }
        }
        self.sweep();
        if std::thread::panicking() {
            println!("the service's log ends:\n{}", self.tail());
        }
    }
}

/// What has a command run as an ordinary user, to whom the place then belongs.
fn as_user(place: &Place) -> Vec<OsString> {
    let owner = fs::metadata(place.path()).unwrap().uid();
    let user = if owner == 0 { user_ids() } else { owner };
    chown(place.path(), Some(user), Some(user)).unwrap();
    let ids = [format!("--reuid={user}"), format!("--regid={user}")];
    let words = ["setpriv", &ids[0], &ids[1], "--clear-groups"];
    words.map(OsString::from).into()
}

/// The edits of the statement that give a service its own address and user ids, and a schedule that is never due while
/// tests run: its slot was twelve hours ago.
fn wired(address: SocketAddr, options: &Options) -> Vec<(String, String)> {
    let slot = (jiff::Timestamp::now() - jiff::SignedDuration::from_hours(12))
        .to_zoned(jiff::tz::TimeZone::UTC);
    let at = format!("at = \"{:02}:{:02} UTC\"", slot.hour(), slot.minute());
    let pair = |from: &str, to: String| (from.to_owned(), to);
    let mut edits = vec![
        pair(
            "domain = \"acuity.localhost\"",
            format!("domain = \"acuity.localhost\"\nlisten = [\"{address}\"]"),
        ),
        pair(
            "restart-within = \"10 s\"",
            format!("restart-within = \"10 s\"\nuser-ids = {}", user_ids()),
        ),
        pair("at = \"04:00 Europe/London\"", at.clone()),
        pair("at = \"04:30 Europe/London\"", at),
    ];
    edits.extend(options.edits.iter().cloned());
    edits
}

/// The first line that a process prints, as JSON; nothing if it ends or takes too long first.
fn first_line(mut lines: std::io::Lines<impl std::io::BufRead + Send + 'static>) -> Option<Value> {
    let (send, receive) = mpsc::channel();
    std::thread::spawn(move || {
        if let Some(Ok(line)) = lines.next() {
            let _ = send.send(line);
        }
        // Whatever it prints later has a reader, so that it never waits for one.
        lines.for_each(drop);
    });
    serde_json::from_str(&receive.recv_timeout(START).ok()?).ok()
}
