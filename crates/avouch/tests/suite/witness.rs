//! A witness as a customer runs it, and what anybody reads of the log: tiles, proofs, checkpoints that were kept.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use http::StatusCode;
use serde_json::Value;

use crate::harness::{Browser, Options, Place, Service, avouch, avouch_binary, run, shared};

/// What the ledger's own tests work with.
fn ledger_tests() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../ledger/tests")
}

/// What another program signed with a log's key: an exchange, and another history of the same log.
fn vectors() -> Value {
    let file = ledger_tests().join("data/witness.json");
    serde_json::from_str(&fs::read_to_string(file).unwrap()).unwrap()
}

/// A running witness; killed without warning when it goes.
pub struct Witness {
    child: Child,
    pub url: String,
    pub key: String,
}

impl Witness {
    pub fn start(place: &Place, log: &str) -> Self {
        let mut child = Command::new(avouch_binary())
            .args(["--json", "witness", "--name", "witness.example.test/w"])
            .arg("--key")
            .arg(place.join("witness.key"))
            .arg("--state")
            .arg(place.join("state"))
            .args(["--log", log, "--listen", "127.0.0.1:0"])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap())
            .read_line(&mut line)
            .unwrap();
        let ready: Value = serde_json::from_str(&line).unwrap();
        assert_eq!(ready["ready"], true, "{ready}");
        let text = |name: &str| ready[name].as_str().unwrap().to_owned();
        Self {
            child,
            url: text("url"),
            key: text("key"),
        }
    }

    /// Has the statement of a service that is stopped name this witness, as `trust`.
    pub fn named_by(&self, service: &Service) {
        let text = fs::read_to_string(service.statement()).unwrap();
        let audit = "keep = \"8 years\"\n";
        assert!(text.contains(audit));
        let named = format!(
            "{audit}witnessed = {{ by = 1, within = \"1 h\" }}\n\n[[audit.witness]]\nname = \"trust\"\nurl = \"{}\"\nkey = \"{}\"\n",
            self.url, self.key
        );
        fs::write(service.statement(), text.replacen(audit, &named, 1)).unwrap();
    }

    /// Posts a body; gives status, type and answer.
    fn add(&self, place: &Place, body: &Value) -> (String, String) {
        let (sent, got) = (place.join("sent"), place.join("got"));
        fs::write(&sent, body.as_str().unwrap()).unwrap();
        let told = run(
            "curl",
            [
                "--silent",
                "--write-out",
                "%{http_code} %{content_type}",
                "--output",
                got.to_str().unwrap(),
                "--data-binary",
                &format!("@{}", sent.display()),
                &format!("{}/add-checkpoint", self.url),
            ],
        );
        (told, fs::read_to_string(got).unwrap())
    }
}

impl Drop for Witness {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

const TEXT: &str = "text/plain; charset=utf-8";

#[test]
fn a_witness_that_is_killed_goes_on_where_it_was_and_never_signs_another_history() {
    let (place, vectors) = (Place::new(), vectors());
    let log = vectors["log"].as_str().unwrap();
    let witness = Witness::start(&place, log);
    let own_line = "\u{2014} witness.example.test/w ";
    for request in ["first_request", "request"] {
        let (told, answer) = witness.add(&place, &vectors[request]);
        assert_eq!(told, format!("200 {TEXT}"), "{answer}");
        assert!(answer.starts_with(own_line), "{answer}");
    }
    let key = witness.key.clone();
    let second = avouch([
        "witness",
        "--key",
        place.join("witness.key").to_str().unwrap(),
        "--state",
        place.join("state").to_str().unwrap(),
        "--log",
        log,
    ])
    .with(2);
    assert!(second.err.contains("in use"), "{}", second.err);

    drop(witness);
    let witness = Witness::start(&place, log);
    assert_eq!(witness.key, key, "the key is read back");
    for rewritten in ["rewritten", "rewritten_and_grown"] {
        let (told, answer) = witness.add(&place, &vectors[rewritten]);
        assert_eq!(told, format!("422 {TEXT}"), "{answer}");
    }
    drop(witness);
    let witness = Witness::start(&place, log);
    let (told, _) = witness.add(&place, &vectors["rewritten"]);
    assert_eq!(told, format!("422 {TEXT}"), "for ever");
    let (told, answer) = witness.add(&place, &vectors["first_request"]);
    assert_eq!(
        (told.as_str(), answer.as_str()),
        ("409 text/x.tlog.size", "300\n")
    );
    let (told, _) = witness.add(&place, &vectors["next"]);
    assert_eq!(told, format!("200 {TEXT}"));

    let origin = "b0b23dede690d19d0d251f922cdf4e08a64541396dda59d00cec84771bda4492";
    let latest = run(
        "curl",
        ["--silent", &format!("{}/{origin}/checkpoint", witness.url)],
    );
    assert_eq!(latest.lines().nth(1), Some("301"), "{latest}");
    assert!(
        latest.lines().last().unwrap().starts_with(own_line),
        "{latest}"
    );
    let refused = fs::read_dir(place.join("state").join("refused").join(origin)).unwrap();
    assert_eq!(refused.count(), 2, "what was refused is kept as evidence");
}

#[test]
fn a_witness_without_a_key_says_how_one_is_made() {
    let place = Place::new();
    let log = vectors()["log"].as_str().unwrap().to_owned();
    let key = place.join("witness.key");
    let state = place.join("state");
    let said = avouch([
        "witness",
        "--key",
        key.to_str().unwrap(),
        "--state",
        state.to_str().unwrap(),
        "--log",
        &log,
    ])
    .with(2);
    assert!(said.err.contains("--name"), "{}", said.err);
    assert!(!key.exists());
}

/// A policy with the service's log in it.
fn policy(service: &Service, name: &str) -> PathBuf {
    let key = fs::read_to_string(service.data().join("run/log.vkey")).unwrap();
    let policy = service.place().join(name);
    fs::write(&policy, format!("log {}\n", key.trim())).unwrap();
    policy
}

/// What the verifier in another language says, and whether it is content.
pub fn second(arguments: &[&Path]) -> (bool, String) {
    let script = ledger_tests().join("independent/verify.py");
    let output = Command::new("python3")
        .arg(script)
        .args(arguments)
        .output()
        .unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    (output.status.success(), said)
}

#[test]
fn an_entrys_proof_verifies_offline_by_two_verifiers_and_an_altered_one_by_neither() {
    let service = shared();
    let policy = policy(service, "proof-policy");
    let file = service.place().join("entry.tlog-proof");
    let (path, trust) = (file.to_str().unwrap(), policy.to_str().unwrap());
    service.ask(&["audit", "prove", "3", "-o", path]);
    let shown = avouch(["--json", "verify", path, "--policy", trust])
        .with(0)
        .json();
    assert_eq!(
        (&shown["verified"], &shown["index"]),
        (&true.into(), &3.into())
    );
    let (content, said) = second(&[&policy, &file]);
    assert!(content, "{said}");
    let commitment = shown["commitment"].as_str().unwrap();
    assert!(
        said.contains(&format!("commitment {commitment},")),
        "{said}"
    );

    let sound = fs::read_to_string(&file).unwrap();
    fs::write(&file, sound.replacen("index 3", "index 4", 1)).unwrap();
    let refused = avouch(["verify", path, "--policy", trust]).with(1);
    assert!(refused.err.contains("refused"), "{}", refused.err);
    let (content, said) = second(&[&policy, &file]);
    assert!(!content, "{said}");

    // Who trusts nobody has verified nothing.
    fs::write(&file, sound).unwrap();
    avouch(["verify", path]).with(2);
}

#[test]
fn the_log_is_read_over_https_and_shown_to_go_on_from_the_checkpoint_that_was_read() {
    let service = shared();
    let policy = policy(service, "log-policy");
    let mut browser = Browser::new(service);
    let checkpoint = browser.get("", "/log/checkpoint");
    assert_eq!(checkpoint.status, StatusCode::OK);
    assert_eq!(checkpoint.header("content-type"), Some(TEXT));
    let size: u64 = checkpoint.text().lines().nth(1).unwrap().parse().unwrap();
    assert!(size > 0);
    let level = if size < 256 {
        format!("/log/tile/0/000.p/{size}")
    } else {
        "/log/tile/0/000".to_owned()
    };
    let tile = browser.get("", &level);
    assert_eq!(tile.status, StatusCode::OK, "{level}");
    assert_eq!(
        tile.header("content-type"),
        Some("application/octet-stream")
    );
    assert!(tile.header("cache-control").unwrap().contains("immutable"));
    for absent in ["/log/tile/5/000", "/log/reserve", "/log/tile/0/0"] {
        assert_eq!(
            browser.get("", absent).status,
            StatusCode::NOT_FOUND,
            "{absent}"
        );
    }

    let kept = service.place().join("kept.checkpoint");
    fs::write(&kept, checkpoint.text()).unwrap();
    let file = service.place().join("since.proof");
    let (path, since) = (file.to_str().unwrap(), kept.to_str().unwrap());
    service.ask(&["audit", "prove", "--since", since, "-o", path]);
    let trust = policy.to_str().unwrap();
    let shown = avouch([
        "--json", "verify", path, "--policy", trust, "--since", since,
    ])
    .with(0)
    .json();
    assert_eq!(shown["since"], size);
    assert!(shown["size"].as_u64().unwrap() >= size);
    let (content, said) = second(&[&policy, &file, &kept]);
    assert!(content, "{said}");
}

/// How the claim about witnesses stands, and what was seen.
fn witnessed(service: &Service) -> (String, String) {
    let report = service
        .avouch(&["--json", "check", "audit.witnessed"])
        .json();
    let claim = &report["claims"][0];
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    (
        text(&claim["status"]),
        text(&claim["checks"][0]["observed"]),
    )
}

/// Whoever holds the disk holds the log's key too: the service itself signs the shorter history.
#[test]
fn a_ledger_that_was_cut_back_is_signed_by_its_own_key_and_contradicted_by_its_witness() {
    let mut service = Service::start(Options::default());
    let log = fs::read_to_string(service.data().join("run/log.vkey")).unwrap();
    service.stop();
    let (ledger, kept) = (
        service.data().join("core/ledger"),
        service.place().join("kept"),
    );
    let copy = |from: &Path, to: &Path| {
        let (from, to) = (from.to_str().unwrap(), to.to_str().unwrap());
        run("cp", ["--archive", from, to]);
    };
    copy(&ledger, &kept);

    let place = Place::new();
    let witness = Witness::start(&place, log.trim());
    witness.named_by(&service);
    service.up().unwrap();
    let (status, seen) = witnessed(&service);
    assert_eq!(status, "held", "{seen}");
    assert!(seen.starts_with("1 of 1 signed"), "{seen}");

    service.stop();
    let whole = service.place().join("whole");
    fs::rename(&ledger, &whole).unwrap();
    copy(&kept, &ledger);
    for ending in ["", "-wal", "-shm"] {
        let _ = fs::remove_file(service.data().join(format!("core/events.db{ending}")));
    }
    service.up().unwrap();
    let (status, seen) = witnessed(&service);
    assert_eq!(status, "broken", "{seen}");
    assert!(seen.starts_with("trust: "), "{seen}");

    // What was said since the witness last signed was said in the other history, and is nowhere else.
    service.stop();
    fs::remove_dir_all(&ledger).unwrap();
    fs::rename(&whole, &ledger).unwrap();
    for ending in ["", "-wal", "-shm"] {
        let _ = fs::remove_file(service.data().join(format!("core/events.db{ending}")));
    }
    service.up().unwrap();
    let (status, seen) = witnessed(&service);
    assert_eq!(status, "held", "mended: {seen}");
}
