//! Marked secrets, given in every way that somebody might give one, and looked for in everything that was written.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use avouch_evidence::Ask;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};

use crate::harness::{Browser, Options, Place, Raw, Service, under};

/// A text, and which files under the data folder may have it.
struct Mark {
    text: String,
    may: &'static [&'static str],
}

/// The marks, and where they are looked for.
#[derive(Default)]
struct Marks(Vec<Mark>);

impl Marks {
    /// A secret that may be nowhere.
    fn secret(&mut self, text: impl Into<String>) -> String {
        self.kept(text, &[])
    }

    /// A text that may be in these files alone.
    fn kept(&mut self, text: impl Into<String>, may: &'static [&'static str]) -> String {
        let text = text.into();
        assert!(text.len() >= 12, "too short to be looked for");
        self.0.push(Mark {
            text: text.clone(),
            may,
        });
        text
    }

    /// Every mark as it might be spelled, one a line.
    fn spelled(&self, to: &Path) {
        let mut lines = Vec::new();
        for mark in &self.0 {
            lines.extend([
                mark.text.clone(),
                hex::encode(&mark.text),
                STANDARD.encode(&mark.text).trim_end_matches('=').to_owned(),
                URL_SAFE_NO_PAD.encode(&mark.text),
            ]);
        }
        fs::write(to, lines.join("\n")).unwrap();
    }

    /// Fails on a mark in a file below `folder` that may not have it.
    #[track_caller]
    fn absent_from(&self, patterns: &Path, folder: &Path) {
        // The programs are not written by anybody who knows a secret.
        let output = Command::new("grep")
            .args(["--recursive", "--text", "--only-matching", "--devices=skip"])
            .args(["--exclude-dir=bin", "--fixed-strings", "--file"])
            .args([patterns, folder])
            .output()
            .unwrap();
        // A file that goes while it is looked for has nothing to show.
        let said = String::from_utf8_lossy(&output.stderr);
        let gone = |line: &str| line.ends_with("No such file or directory");
        assert!(said.lines().all(gone), "{said}");
        let found = String::from_utf8_lossy(&output.stdout).into_owned();
        for line in found.lines() {
            let (file, spelling) = line.split_once(':').unwrap();
            let allowed = self
                .0
                .iter()
                .any(|mark| mark.text == spelling && mark.may.iter().any(|may| file.contains(may)));
            assert!(allowed, "{file} has {spelling}");
        }
    }
}

/// What a service keeps of every event's words, for searching.
const INDEX: &[&str] = &["core/events.db"];

#[test]
fn a_secret_given_in_any_way_is_written_nowhere_and_a_reason_only_where_it_is_searched() {
    let service = Service::start(Options::default());
    let mut marks = Marks::default();
    let member = service.user("riverside", "member");
    marks.secret(member.password.clone());
    let master = fs::read_to_string(service.data().join("keys/master.key")).unwrap();
    marks.kept(master.trim(), &["keys/master.key"]);

    typed(&service, &mut marks);
    sent(&service, &mut marks);
    malformed(&service, &mut marks);
    commanded(&service, &mut marks);

    // So that everything that can be written is.
    service.avouch(&["backup", "run", "riverside"]).with(0);
    service.avouch(&["backup", "run", "platform"]).with(0);
    let taken = Place::new();
    take(&service, &taken);
    let own = Place::new();
    let patterns = own.join("patterns");
    marks.spelled(&patterns);
    marks.absent_from(&patterns, &service.data());
    marks.absent_from(&patterns, &service.log());
    let told: Vec<String> = marks
        .0
        .iter()
        .filter(|mark| mark.may.is_empty() || mark.may == ["keys/master.key"])
        .map(|mark| mark.text.clone())
        .collect();
    fs::write(&patterns, told.join("\n")).unwrap();
    marks.absent_from(&patterns, taken.path());
    for process in under(&service.data()) {
        let folder = PathBuf::from(format!("/proc/{}", process.pid));
        for file in ["cmdline", "environ", "comm"] {
            let bytes = fs::read(folder.join(file)).unwrap_or_default();
            let text = String::from_utf8_lossy(&bytes);
            for mark in &marks.0 {
                assert!(!text.contains(&mark.text), "{file} of {:?}", process.words);
            }
        }
    }
}

/// Into fields, right ones and wrong ones.
fn typed(service: &Service, marks: &mut Marks) {
    let member = service.user("riverside", "member");
    let mut browser = Browser::new(service);
    browser.submit("riverside", &member, &marks.secret("marked-Wrong-Passw0rd"));
    let field = marks.secret("marked-Passw0rd-in-the-address-field");
    let code = marks.secret("marked-time-code-294817");
    let fields = [
        ("to", "riverside"),
        ("path", "/"),
        ("email", field.as_str()),
        ("password", "x"),
        ("code", code.as_str()),
    ];
    browser.post("signin", "/", &fields);
    let addressed = format!(
        "{}@example.test",
        marks.secret("marked-Passw0rd-before-an-at")
    );
    browser.post(
        "signin",
        "/",
        &[
            ("to", "riverside"),
            ("email", &addressed),
            ("password", "y"),
        ],
    );

    // The right way in: the pass, the one-time code and the session are secrets, too.
    let form = browser.get("riverside", "/");
    browser.follow(&form);
    let admitted = browser.submit("riverside", &member, &member.password);
    let entrance = browser.entrance(&admitted);
    let location = entrance.header("location").unwrap().to_owned();
    let (_, code) = location.split_once("code=").unwrap();
    marks.secret(code.split('&').next().unwrap());
    browser.follow(&entrance);
    let cookie = browser.cookie("riverside").unwrap();
    marks.secret(cookie.split_once('=').unwrap().1);
    // A code that was used, and a form of the application with a secret where figures go.
    browser.follow(&entrance);
    browser.get("riverside", "/.avouch/enter?code=marked-forged-code-4711");
    marks.secret("marked-forged-code-4711");
    let body = format!(
        "midwives={}&day=1",
        marks.secret("marked-in-a-form-of-the-app")
    );
    let ask = Ask::form(
        "/wards/1/assessments",
        &browser.gateway().origin("riverside"),
        body,
    );
    browser.send("riverside", ask).unwrap();
}

/// In every part of a request, by somebody who is signed in and by a stranger.
fn sent(service: &Service, marks: &mut Marks) {
    let member = service.user("riverside", "member");
    let mut inside = Browser::new(service);
    inside.sign_in("riverside", &member);
    let query = marks.secret("marked-token-in-a-query");
    let bearer = marks.secret("marked-bearer-token");
    let cookie = marks.secret("marked-cookie-of-somebody");
    let body = marks.secret("marked-body-to-nowhere");
    let host = service.gateway().origin("riverside");
    for browser in [&mut inside, &mut Browser::new(service)] {
        for label in ["riverside", "console", "signin", "", "nobody"] {
            let ask = Ask::get(format!("/?token={query}"))
                .with("authorization", format!("Bearer {bearer}"))
                .with("x-api-key", &bearer)
                .with("user-agent", format!("agent/{bearer}"))
                .with("referer", format!("https://elsewhere.test/?token={query}"))
                .with("cookie", format!("other={cookie}"));
            let _ = browser.send(label, ask);
            let ask = Ask::form(
                format!("/wards/1/assessments/5?token={query}"),
                &host,
                format!("a={body}"),
            );
            let _ = browser.send(label, ask);
        }
        let ask = Ask::get("/").with("cookie", format!("__Host-avouch={cookie}"));
        let _ = browser.send("riverside", ask);
        let tunnel = Ask::get(format!("/live?token={query}"))
            .with("connection", "upgrade")
            .with("upgrade", "websocket");
        let _ = browser.send("riverside", tunnel);
    }
}

/// In requests that are refused before anybody reads them.
fn malformed(service: &Service, marks: &mut Marks) {
    let host = "riverside.acuity.localhost";
    let secret = marks.secret("marked-in-a-broken-request");
    for request in [
        format!("GET /?token={secret} HTTP/1.1\r\nhost: {host}\r\nbroken {secret}\r\n\r\n"),
        format!("GET / HTTP/1.1\r\nhost: {host}\r\nx: {secret}\0\r\n\r\n"),
        format!("GET / HTTP/1.1\r\nhost: {host}\r\nhost: {secret}.test\r\n\r\n"),
        format!(
            "{} / HTTP/1.1\r\nhost: {host}\r\n\r\n",
            secret.replace('-', " ")
        ),
        format!(
            "POST / HTTP/1.1\r\nhost: {host}\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n{secret}"
        ),
        format!(
            "GET / HTTP/1.1\r\nhost: {host}\r\ncookie: {}\r\n\r\n",
            format!("a={secret}; ").repeat(2_000)
        ),
    ] {
        Raw::connect(service, host).send(request).status();
    }
}

/// On the command line, and in what it answers.
fn commanded(service: &Service, marks: &mut Marks) {
    let added = service.ask(&[
        "user",
        "add",
        "marked@example.test",
        "--name",
        "Marked",
        "--tenant",
        "riverside",
    ]);
    marks.secret(added["password"].as_str().unwrap());
    let reset = service.ask(&["user", "reset", "marked@example.test"]);
    marks.secret(reset["password"].as_str().unwrap());
    service
        .avouch(&["user", "disable", "marked@example.test"])
        .with(0);
    // What somebody says of their reasons is kept on purpose, sealed in the ledger; its words may be in the index.
    let why = marks.kept("marked-reason-for-a-restore", INDEX);
    service
        .avouch(&["restore", "riverside", "--because", &why, "--execute"])
        .with(0);
    let words = marks.kept("marked-words-of-a-search", INDEX);
    let because = marks.kept("marked-reason-for-a-search", INDEX);
    service.ask(&["audit", "search", "--words", &words, "--because", &because]);
    let whose = marks.kept("marked-subject-of-a-report", INDEX);
    service.ask(&["audit", "subject", &whose, "--because", &because]);
}

/// Takes everything away that leaves the service: exports in each format, a pack, the document.
fn take(service: &Service, to: &Place) {
    for format in ["json", "csv", "ecs", "fhir"] {
        let file = to.join(format);
        let file = file.to_str().unwrap();
        service.ask(&[
            "audit",
            "export",
            "--format",
            format,
            "--because",
            "to look through it",
            "-o",
            file,
        ]);
    }
    let pack = to.join("pack");
    service
        .avouch(&["pack", "riverside", "-o", pack.to_str().unwrap()])
        .with(0);
    let document = service
        .avouch(&["statement", "--format", "html"])
        .with(0)
        .out;
    fs::write(to.join("document"), document).unwrap();
    let searched = service
        .avouch(&["audit", "search", "--limit", "1000"])
        .with(0)
        .out;
    fs::write(to.join("searched"), searched).unwrap();
}
