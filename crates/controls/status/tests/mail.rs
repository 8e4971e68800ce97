//! Letters by a real relay: over TLS however it begins, to nobody but whom the statement means, and never in the clear.

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
use avouch_status::{Begins, Notify, Relay};
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

    /// Writes one letter; whether the relay took it.
    async fn is_written_to(&self, tls: Begins, authority: &[u8], password: &str) -> bool {
        let notify = Notify {
            relay: Relay {
                host: "localhost".to_owned(),
                port: self.port,
                tls,
            },
            from: "status@a.test".to_owned(),
            to: vec!["one@a.test".to_owned(), "two@a.test".to_owned()],
            user: Some(USER.to_owned()),
            secret: None,
            authority: None,
        };
        let mailer = Mailer::new(&notify, authority, Some(password), "acuity.test").unwrap();
        let letter = Letter {
            id: "incident-1-began@acuity.test".to_owned(),
            at: Timestamp::from_second(1_800_000_000).unwrap(),
            subject: "Wrong at Acuity: it’s silent",
            text: "For riverside.\n",
        };
        let greeted = mailer.greet().await.unwrap_or(false);
        let taken = mailer.send(&letter).await.is_ok();
        assert_eq!(greeted, taken, "a greeting says what a letter would meet");
        taken
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

#[tokio::test]
async fn a_letter_is_taken_over_tls_however_it_begins() {
    for (begins, tls) in [
        ("at-once", Begins::AtOnce),
        ("by-command", Begins::ByCommand),
    ] {
        let relay = Running::start(begins);
        let authority = relay.authority();
        assert!(relay.is_written_to(tls, &authority, PASSWORD).await);
        let letters = relay.letters();
        let letter = letters.first().unwrap();
        for words in [
            "To: one@a.test, two@a.test",
            "Message-ID: <incident-1-began@acuity.test>",
            "Date: Fri, 15 Jan 2027 08:00:00 +0000",
            "For riverside.",
        ] {
            assert!(letter.contains(words), "{begins}: {words}: {letter}");
        }
    }
}

#[tokio::test]
async fn nothing_is_sent_in_the_clear_to_another_relay_or_with_another_password() {
    let clear = Running::start("never");
    let authority = clear.authority();
    assert!(
        !clear
            .is_written_to(Begins::ByCommand, &authority, PASSWORD)
            .await
    );
    let relay = Running::start("at-once");
    let (own, other) = (relay.authority(), clear.authority());
    assert!(!relay.is_written_to(Begins::AtOnce, &other, PASSWORD).await);
    assert!(!relay.is_written_to(Begins::AtOnce, &own, "wrong").await);
    assert!(clear.letters().is_empty() && relay.letters().is_empty());
}
