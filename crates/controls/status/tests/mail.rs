//! Letters by a real relay: over TLS from the first byte, to nobody but whom the statement means.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test may stop at the first surprise"
)]

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};

use avouch_status::mail::{Letter, Mailer};
use avouch_status::{Notify, Relay};
use jiff::Timestamp;

const USER: &str = "status";
const PASSWORD: &str = "right";

/// A relay that runs, with a certificate for `localhost`.
struct Running {
    folder: tempfile::TempDir,
    port: u16,
    child: Child,
}

impl Running {
    /// `begins` is how it has TLS begin.
    fn start(begins: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        fs::write(folder.path().join("cert.pem"), made.cert.pem()).unwrap();
        let key = made.signing_key.serialize_pem();
        fs::write(folder.path().join("key.pem"), key).unwrap();
        let free = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let port = free.local_addr().unwrap().port();
        drop(free);
        let mut child = Command::new("/usr/bin/python3")
            .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/relay.py"))
            .arg(folder.path())
            .args([&port.to_string(), begins, USER, PASSWORD])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap())
            .read_line(&mut line)
            .unwrap();
        assert_eq!(line.trim(), port.to_string());
        Self {
            folder,
            port,
            child,
        }
    }

    fn authority(&self) -> Vec<u8> {
        fs::read(self.folder.path().join("cert.pem")).unwrap()
    }

    fn letters(&self) -> Vec<String> {
        let Ok(found) = fs::read_dir(self.folder.path().join("letters/new")) else {
            return Vec::new();
        };
        found
            .map(|file| fs::read_to_string(file.unwrap().path()).unwrap())
            .collect()
    }

    fn mailer(&self, authority: &[u8], password: &str) -> Mailer {
        let notify = Notify {
            relay: Relay {
                host: "localhost".to_owned(),
                port: self.port,
            },
            from: "status@a.test".to_owned(),
            to: vec!["one@a.test".to_owned(), "two@a.test".to_owned()],
            user: Some(USER.to_owned()),
            secret: None,
            authority: None,
        };
        Mailer::new(&notify, authority, Some(password), "acuity.test").unwrap()
    }

    /// Writes one letter; whether the relay took it.
    async fn is_written_to(&self, authority: &[u8], password: &str) -> bool {
        let mailer = self.mailer(authority, password);
        let greeted = mailer.greet().await.unwrap_or(false);
        let taken = mailer.send(&letter("For riverside.\n")).await.is_ok();
        assert_eq!(greeted, taken, "a greeting says what a letter would meet");
        taken
    }
}

fn letter(text: &str) -> Letter<'_> {
    Letter {
        id: "incident-1-began@acuity.test".to_owned(),
        at: Timestamp::from_second(1_800_000_000).unwrap(),
        subject: "Wrong at Acuity: it’s silent",
        text,
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

#[tokio::test]
async fn a_letter_is_taken_over_tls() {
    let relay = Running::start("at-once");
    let authority = relay.authority();
    assert!(relay.is_written_to(&authority, PASSWORD).await);
    let letters = relay.letters();
    let letter = letters.first().unwrap();
    for words in [
        "To: one@a.test, two@a.test",
        "Message-ID: <incident-1-began@acuity.test>",
        "Date: Fri, 15 Jan 2027 08:00:00 +0000",
        "For riverside.",
    ] {
        assert!(letter.contains(words), "{words}: {letter}");
    }
}

#[tokio::test]
async fn nothing_is_sent_to_a_relay_that_begins_in_the_clear_to_another_or_with_another_password() {
    for begins in ["never", "by-command"] {
        let clear = Running::start(begins);
        let authority = clear.authority();
        assert!(!clear.is_written_to(&authority, PASSWORD).await, "{begins}");
        assert!(clear.letters().is_empty(), "{begins}");
    }
    let (relay, another) = (Running::start("at-once"), Running::start("at-once"));
    let (own, other) = (relay.authority(), another.authority());
    assert!(!relay.is_written_to(&other, PASSWORD).await);
    assert!(!relay.is_written_to(&own, "wrong").await);
    assert!(relay.letters().is_empty());
}

#[tokio::test]
async fn a_refusal_of_one_letter_is_told_from_a_relay_that_is_not_there() {
    let relay = Running::start("at-once");
    fs::write(relay.folder.path().join("refuse"), "hillside").unwrap();
    let mailer = relay.mailer(&relay.authority(), PASSWORD);
    let refused = mailer.send(&letter("For hillside.")).await.unwrap_err();
    assert!(refused.is_of_this_letter(), "{refused:?}");
    mailer.send(&letter("For riverside.")).await.unwrap();
    assert_eq!(relay.letters().len(), 1);
    drop(relay);
    let away = mailer.send(&letter("For riverside.")).await.unwrap_err();
    assert!(!away.is_of_this_letter(), "{away:?}");
}
