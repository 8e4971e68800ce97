//! Letters to the supplier's team, by a real relay that wants TLS and a password.

use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use nix::sys::signal::Signal;

use crate::harness::{Browser, Options, Place, Service, free, named, signal, within};

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

    /// Waits until so many letters have come with all of this in them.
    #[track_caller]
    fn brings(&self, count: usize, words: &[&str]) {
        let brought = within(90, || {
            let all = |letter: &&String| words.iter().all(|word| letter.contains(word));
            (self.letters().iter().filter(all).count() == count).then_some(())
        });
        let letters = self.letters();
        assert!(brought.is_some(), "not {count} of {words:?} in {letters:?}");
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
fn the_team_is_written_to_once_of_each_beginning_and_end_and_after_the_relay_was_away_or_refused() {
    let mut relay = Relay::prepared();
    relay.start();
    let mut service = start(&relay);
    stands(&service, "held");
    let (hillside, riverside) = (
        named(&service.data(), "hillside").unwrap(),
        named(&service.data(), "riverside").unwrap(),
    );
    signal(hillside, Signal::SIGSTOP);
    relay.brings(
        1,
        &[
            "Subject: Wrong at Acuity: The application does not answer",
            "To: team@supplier.example",
            "For hillside.",
            "https://console.acuity.localhost",
        ],
    );
    signal(hillside, Signal::SIGCONT);
    relay.brings(1, &["Subject: Over at Acuity", "For hillside."]);

    relay.stop();
    stands(&service, "broken");
    signal(riverside, Signal::SIGSTOP);
    let words = ["--words", "status letters"];
    service.audited(&words, |row| row["outcome"] == "failed");
    // It is over before the first letter could be sent; there is one of its beginning all the same.
    signal(riverside, Signal::SIGCONT);
    let over = ["--tenant", "riverside", "--words", "incident ended"];
    service.audited(&over, |row| row["outcome"] == "done");
    relay.start();
    relay.brings(1, &["Subject: Wrong at Acuity", "For riverside."]);
    relay.brings(1, &["Subject: Over at Acuity", "For riverside."]);
    stands(&service, "held");

    // What it refuses is told, and keeps nothing else waiting.
    let refuse = relay.folder.path().join("refuse");
    fs::write(&refuse, "For riverside.").unwrap();
    signal(riverside, Signal::SIGSTOP);
    service.audited(&words, |row| row["outcome"] == "refused");
    signal(hillside, Signal::SIGSTOP);
    relay.brings(2, &["Subject: Wrong at Acuity", "For hillside."]);
    let mut console = Browser::new(&service);
    console.sign_in("console", &service.user("", "supplier"));
    let page = console.get("console", "/status").text();
    assert!(page.contains("has not taken it yet"), "{page}");
    fs::remove_file(&refuse).unwrap();
    for application in [riverside, hillside] {
        signal(application, Signal::SIGCONT);
    }
    for (of, stage) in [
        ("For riverside.", "Wrong"),
        ("For riverside.", "Over"),
        ("For hillside.", "Over"),
    ] {
        relay.brings(2, &[&format!("Subject: {stage} at Acuity"), of]);
    }
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
