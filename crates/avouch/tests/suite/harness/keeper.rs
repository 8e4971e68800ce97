//! A keeper on a machine of its own: another user, in a network of its own, with a cable to this one.

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use base64::Engine as _;
use serde_json::Value;

use super::command::{Done, run};
use super::place::{Place, user_ids};
use super::programs::avouch_binary;

/// Where it listens.
const PORT: u16 = 7390;
/// Where it listens while somebody else has its place.
const BEHIND: u16 = 7391;

/// The machine, with what runs on it.
#[derive(Debug)]
pub struct Keeper {
    name: String,
    user: u32,
    place: Place,
    address: SocketAddr,
    running: Vec<Child>,
    pub key: String,
}

impl Keeper {
    /// A machine with a keeper that serves.
    pub fn start() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("avk{}x{number}", std::process::id());
        // A net of four addresses for the cable alone, of those for test beds (RFC 2544).
        let net = (std::process::id() * 8 + number) % 0x4000 * 4;
        let at = |host: u32| format!("198.18.{}.{}", (net + host) >> 8, (net + host) & 0xff);
        let (here, there) = (at(1), at(2));
        ip(&["netns", "add", &name]);
        let (near, far) = (format!("{name}a"), format!("{name}b"));
        ip(&[
            "link", "add", &near, "type", "veth", "peer", "name", &far, "netns", &name,
        ]);
        ip(&["address", "add", &format!("{here}/30"), "dev", &near]);
        ip(&["link", "set", &near, "up"]);
        ip(&[
            "-n",
            &name,
            "address",
            "add",
            &format!("{there}/30"),
            "dev",
            &far,
        ]);
        ip(&["-n", &name, "link", "set", &far, "up"]);
        ip(&["-n", &name, "link", "set", "lo", "up"]);

        let (place, user) = (Place::new(), user_ids());
        let state = place.join("state");
        fs::create_dir(&state).unwrap();
        chown(&state, Some(user), Some(user)).unwrap();
        let program = place.join("avouch");
        fs::copy(avouch_binary(), &program).unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
        let mut keeper = Self {
            name,
            user,
            place,
            address: format!("{there}:{PORT}").parse().unwrap(),
            running: Vec::new(),
            key: String::new(),
        };
        keeper.serve(PORT);
        keeper
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Everything that it keeps.
    pub fn state(&self) -> PathBuf {
        self.place.join("state")
    }

    /// Starts it again after it was stopped.
    pub fn again(&mut self) {
        self.serve(PORT);
    }

    /// Ends everything on the machine.
    pub fn stop(&mut self) {
        for mut child in self.running.drain(..) {
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    /// Lets a service write there, by its statement; its credential.
    pub fn add(&self, service: &str, destination: &str, statement: &Path) -> String {
        let copy = self.place.join("statement.toml");
        fs::copy(statement, &copy).unwrap();
        fs::set_permissions(&copy, fs::Permissions::from_mode(0o644)).unwrap();
        let statement = copy.to_str().unwrap();
        let words = ["--json", "-c", statement, "keeper", "--state"];
        let more = [
            "add",
            service,
            "--destination",
            destination,
            "--room",
            "1 GiB",
        ];
        let mut command = self.command();
        command.args(words).arg(self.state()).args(more);
        let done = Done::from(command.output().unwrap()).with(0);
        done.json()["token"].as_str().unwrap().to_owned()
    }

    /// Puts a proxy in the keeper's place that has its key, and deletes snapshots for whoever asks; all else it hands on.
    pub fn lenient(&mut self) {
        self.stop();
        self.serve(BEHIND);
        let (state, host) = (self.state(), self.address.ip());
        let seed = fs::read_to_string(state.join("key")).unwrap();
        let prefix = "302e020100300506032b657004220420";
        let der: Vec<u8> = (0..prefix.len() + 64)
            .step_by(2)
            .map(|at| {
                let text = format!("{prefix}{}", seed.trim());
                u8::from_str_radix(&text[at..at + 2], 16).unwrap()
            })
            .collect();
        let key = base64::engine::general_purpose::STANDARD.encode(der);
        let (pem, conf) = (self.place.join("key.pem"), self.place.join("nginx.conf"));
        fs::write(
            &pem,
            format!("-----BEGIN PRIVATE KEY-----\n{key}\n-----END PRIVATE KEY-----\n"),
        )
        .unwrap();
        let folder = self.place.path().display();
        let configuration = format!(
            "daemon off; master_process off; pid {folder}/nginx.pid; error_log stderr;
             events {{}}
             http {{
               access_log off; client_max_body_size 64m;
               client_body_temp_path {folder}/t1; proxy_temp_path {folder}/t2; fastcgi_temp_path {folder}/t3;
               uwsgi_temp_path {folder}/t4; scgi_temp_path {folder}/t5;
               server {{
                 listen {host}:{PORT} ssl; ssl_protocols TLSv1.3;
                 ssl_certificate {state}/certificate.pem; ssl_certificate_key {pem};
                 proxy_ssl_verify off; proxy_ssl_protocols TLSv1.3;
                 location / {{ proxy_pass https://{host}:{BEHIND}; }}
                 location ~ ^/[^/]+/[^/]+/snapshots/ {{
                   error_page 418 = @delete;
                   if ($request_method = DELETE) {{ return 418; }}
                   proxy_pass https://{host}:{BEHIND};
                 }}
                 location @delete {{
                   rewrite ^/([^/]+)/([^/]+)/(.*)$ /$1/$2/received/$3 break;
                   root {state}/services; dav_methods DELETE;
                 }}
               }}
             }}",
            state = state.display(),
            pem = pem.display(),
        );
        fs::write(&conf, configuration).unwrap();
        let log = File::create(self.place.join("nginx.log")).unwrap();
        let child = Command::new("ip")
            .args(["netns", "exec", &self.name, "nginx", "-p"])
            .arg(self.place.path())
            .arg("-c")
            .arg(&conf)
            .stdin(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        self.running.push(child);
    }

    fn serve(&mut self, port: u16) {
        let listen = format!("{}:{port}", self.address.ip());
        let log = File::options()
            .create(true)
            .append(true)
            .open(self.place.join("keeper.log"))
            .unwrap();
        let mut child = self
            .command()
            .args(["--json", "keeper", "--state"])
            .arg(self.state())
            .args(["run", "--listen", &listen])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap())
            .read_line(&mut line)
            .unwrap();
        self.running.push(child);
        let ready: Value = serde_json::from_str(&line)
            .unwrap_or_else(|_| panic!("the keeper did not start: {}", self.log()));
        self.key = ready["key"].as_str().unwrap().to_owned();
    }

    fn log(&self) -> String {
        fs::read_to_string(self.place.join("keeper.log")).unwrap_or_default()
    }

    /// This program on that machine, as its user.
    fn command(&self) -> Command {
        let ids = [
            format!("--reuid={0}", self.user),
            format!("--regid={0}", self.user),
        ];
        let mut command = Command::new("ip");
        command
            .args([
                "netns",
                "exec",
                &self.name,
                "setpriv",
                &ids[0],
                &ids[1],
                "--clear-groups",
            ])
            .arg(self.place.join("avouch"))
            .env_remove("AVOUCH_LOG");
        command
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        self.stop();
        let _ = Command::new("ip")
            .args(["netns", "delete", &self.name])
            .status();
        if std::thread::panicking() {
            println!("the keeper's log ends:\n{}", self.log());
        }
    }
}

#[track_caller]
fn ip(words: &[&str]) {
    run("ip", words);
}
