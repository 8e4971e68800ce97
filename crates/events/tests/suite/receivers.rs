//! Receivers that run beside the tests.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

/// A folder with a certificate for `localhost`.
pub struct Receiver {
    folder: TempDir,
    port: u16,
    child: Option<Child>,
}

impl Receiver {
    fn prepared() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let (certificate, key) = (made.cert.pem(), made.signing_key.serialize_pem());
        fs::write(folder.path().join("cert.pem"), &certificate).unwrap();
        fs::write(folder.path().join("key.pem"), &key).unwrap();
        fs::write(folder.path().join("server.pem"), certificate + &key).unwrap();
        let free = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        Self {
            folder,
            port: free.local_addr().unwrap().port(),
            child: None,
        }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    pub fn authority(&self) -> PathBuf {
        self.path("cert.pem")
    }

    pub fn stop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    /// How the receiver behaves from now on.
    pub fn mood(&self, mood: &str) {
        fs::write(self.path("mood.new"), mood).unwrap();
        fs::rename(self.path("mood.new"), self.path("mood")).unwrap();
    }

    pub fn cheer_up(&self) {
        fs::remove_file(self.path("mood")).unwrap();
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.stop();
    }
}

/// A strict receiver of `_bulk`, which does not run yet.
pub fn bulk() -> Receiver {
    Receiver::prepared()
}

impl Receiver {
    pub fn start_bulk(&mut self, secret: Option<&str>) {
        let script = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("../../crates/events/tests/receiver/bulk.py");
        let mut command = Command::new("python3");
        command
            .arg(script)
            .arg(self.folder.path())
            .args(["--port", &self.port.to_string()]);
        if let Some(secret) = secret {
            command.args(["--secret", secret]);
        }
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap())
            .read_line(&mut line)
            .unwrap();
        assert_eq!(line.trim(), self.port.to_string());
        self.child = Some(child);
    }

    /// What it stored: each document with its id, in the order of its coming.
    pub fn documents(&self) -> Vec<(String, Value)> {
        let faults = fs::read_to_string(self.path("faults")).unwrap_or_default();
        assert_eq!(faults, "", "what was sent does not fit the format");
        let text = fs::read_to_string(self.path("stored.ndjson")).unwrap_or_default();
        let read = |line: &str| {
            let line: Value = serde_json::from_str(line).unwrap();
            (
                line["_id"].as_str().unwrap().to_owned(),
                line["document"].clone(),
            )
        };
        text.lines().map(read).collect()
    }
}

/// Debian's rsyslog with one of its two TLS drivers, which does not run yet.
pub fn rsyslog(driver: &str) -> Receiver {
    let receiver = Receiver::prepared();
    let path = |name: &str| receiver.path(name).display().to_string();
    let (folder, certificate, key) = (path(""), path("cert.pem"), path("key.pem"));
    let text = format!(
        "global(workDirectory=\"{folder}\" maxMessageSize=\"8k\" defaultNetstreamDriverCAFile=\"{certificate}\" \
           defaultNetstreamDriverCertFile=\"{certificate}\" defaultNetstreamDriverKeyFile=\"{key}\")\n\
         module(load=\"imtcp\" streamDriver.name=\"{driver}\" streamDriver.mode=\"1\" streamDriver.authMode=\"anon\")\n\
         input(type=\"imtcp\" port=\"{}\" address=\"127.0.0.1\")\n\
         template(name=\"whole\" type=\"string\" string=\"%pri% %timestamp:::date-rfc3339% %hostname% %app-name% %msgid% \
           %structured-data% %msg%\\n\")\n\
         if $app-name == \"avouch\" then action(type=\"omfile\" file=\"{}\" template=\"whole\")\n",
        receiver.port,
        path("received")
    );
    fs::write(receiver.path("conf"), text).unwrap();
    receiver
}

impl Receiver {
    pub fn start_rsyslog(&mut self) {
        let child = Command::new("/usr/sbin/rsyslogd")
            .arg("-n")
            .arg("-f")
            .arg(self.path("conf"))
            .arg("-i")
            .arg(self.path("pid"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        self.child = Some(child);
    }

    /// The lines that it wrote, once there are so many.
    #[track_caller]
    pub fn received(&self, lines: usize) -> Vec<String> {
        let began = Instant::now();
        loop {
            let text = fs::read_to_string(self.path("received")).unwrap_or_default();
            let found: Vec<String> = text.lines().map(str::to_owned).collect();
            if found.len() >= lines {
                return found;
            }
            let waited = began.elapsed();
            assert!(waited < Duration::from_secs(60), "{} lines", found.len());
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}
