//! Letters to the supplier's team, by a real relay that wants TLS and a password.

use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use nix::sys::signal::Signal;

use crate::harness::{Options, Place, Service, free, named, signal, within};

const CLAIM: &str = "status.notify";
const PASSWORD: &str = "marked-password-of-the-relay";

/// A relay, which does not run yet.
struct Relay {
    folder: tempfile::TempDir,
    port: u16,
    child: Option<Child>,
}

impl Relay {
    fn prepared() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        fs::write(folder.path().join("cert.pem"), made.cert.pem()).unwrap();
        let key = made.signing_key.serialize_pem();
        fs::write(folder.path().join("key.pem"), key).unwrap();
        Self {
            folder,
            port: free().port(),
            child: None,
        }
    }

    fn start(&mut self) {
        let script = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../controls/status/tests/relay.py"
        );
        let mut child = Command::new("/usr/bin/python3")
            .arg(script)
            .arg(self.folder.path())
            .args([&self.port.to_string(), "at-once", "status", PASSWORD])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap())
            .read_line(&mut line)
            .unwrap();
        assert_eq!(line.trim(), self.port.to_string());
        self.child = Some(child);
    }

    fn stop(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }

    /// Every letter that it took.
    fn letters(&self) -> Vec<String> {
        let Ok(found) = fs::read_dir(self.folder.path().join("letters/new")) else {
            return Vec::new();
        };
        found
            .map(|file| fs::read_to_string(file.unwrap().path()).unwrap())
            .collect()
    }

    /// Waits for a letter with all of this in it.
    #[track_caller]
    fn brings(&self, words: &[&str]) {
        let brought = within(60, || {
            let all = |letter: &String| words.iter().all(|word| letter.contains(word));
            self.letters().iter().any(all).then_some(())
        });
        assert!(brought.is_some(), "no {words:?} in {:?}", self.letters());
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.stop();
    }
}

/// A service whose team is written to by this relay.
fn start(relay: &Relay) -> Service {
    let place = Place::new();
    fs::create_dir_all(place.join("certs")).unwrap();
    let authority = place.join("certs/relay.pem");
    fs::copy(relay.folder.path().join("cert.pem"), authority).unwrap();
    let faults = "faults = \"every-user\"";
    let notify = format!(
        "notify = {{ relay = \"smtps://localhost:{}\", from = \"status@supplier.example\", \
         to = [\"team@supplier.example\"], user = \"status\", secret = \"mail.key\", \
         authority = \"certs/relay.pem\" }}\n{faults}",
        relay.port
    );
    let service = Service::start_at(
        place,
        Options {
            edits: vec![(faults.to_owned(), notify)],
            ..Options::default()
        },
    );
    let keys = service.data().join("keys");
    let (owner, secret): (_, PathBuf) = (fs::metadata(&keys).unwrap(), keys.join("mail.key"));
    fs::write(&secret, format!("{PASSWORD}\n")).unwrap();
    fs::set_permissions(&secret, fs::Permissions::from_mode(0o600)).unwrap();
    chown(&secret, Some(owner.uid()), Some(owner.gid())).unwrap();
    service
}

/// Waits until the claim stands like this.
#[track_caller]
fn stands(service: &Service, status: &str) {
    let mut last = String::new();
    let found = within(60, || {
        let report = service.avouch(&["--json", "check", CLAIM]).json();
        last = report.to_string();
        (report["claims"][0]["status"] == status).then_some(())
    });
    assert!(found.is_some(), "not {status}: {last}");
}

#[test]
fn the_team_is_written_to_once_of_each_beginning_and_end_and_after_the_relay_was_away() {
    let mut relay = Relay::prepared();
    relay.start();
    let mut service = start(&relay);
    stands(&service, "held");
    let application = named(&service.data(), "hillside").unwrap();
    signal(application, Signal::SIGSTOP);
    relay.brings(&[
        "Subject: Wrong at Acuity: The application does not answer",
        "To: team@supplier.example",
        "For hillside.",
        "https://console.acuity.localhost",
    ]);
    signal(application, Signal::SIGCONT);
    relay.brings(&["Subject: Over at Acuity", "For hillside."]);

    relay.stop();
    stands(&service, "broken");
    let application = named(&service.data(), "riverside").unwrap();
    signal(application, Signal::SIGSTOP);
    let words = ["--words", "status letters"];
    service.audited(&words, |row| row["outcome"] == "failed");
    relay.start();
    relay.brings(&["Subject: Wrong at Acuity", "For riverside."]);
    signal(application, Signal::SIGCONT);
    relay.brings(&["Subject: Over at Acuity", "For riverside."]);
    stands(&service, "held");

    let before = relay.letters().len();
    service.stop();
    service.up().unwrap();
    stands(&service, "held");
    assert_eq!(relay.letters().len(), before, "nothing is sent again");
    let ids: BTreeSet<String> = relay
        .letters()
        .iter()
        .map(|letter| letter.split("Message-ID: ").nth(1).unwrap())
        .map(|rest| rest.lines().next().unwrap().to_owned())
        .collect();
    assert_eq!(ids.len(), before, "no letter came twice");
    let log = fs::read_to_string(service.log()).unwrap();
    assert!(!log.contains(PASSWORD), "the password is in the log");
}
