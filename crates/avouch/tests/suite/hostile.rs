//! A tenant's application that somebody has taken over: it tries files, sockets, processes, the network, headers and
//! cookies against the other tenant, the core and the console, and gets nothing.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::OnceLock;

use avouch_evidence::Ask;
use avouch_runtime::probe::{self, Act, Judged, Outcome};
use serde_json::Value;

use crate::harness::{Browser, Options, Service, eventually, example, kill, named, root};

/// A service whose first tenant's program was taken over after it had started.
pub fn taken_over() -> &'static Service {
    static TAKEN: OnceLock<Service> = OnceLock::new();
    TAKEN.get_or_init(|| {
        let service = Service::start(Options::default());
        let data = service.data();
        let before = named(&data, "riverside").expect("the tenant's application");
        crate::sabotage::replace(&data.join("bin/acuity"), &example("spoilt"));
        kill(before);
        let mut browser = signed_in(&service, "riverside");
        eventually("the program that was taken over", 40, || {
            browser
                .send("riverside", Ask::get("/seen"))
                .ok()
                .filter(|answer| answer.text().contains("avouch-assertion"))
        });
        service
    })
}

fn signed_in(service: &Service, tenant: &str) -> Browser {
    let mut browser = Browser::new(service);
    browser.sign_in(tenant, &service.user(tenant, "member"));
    browser
}

/// Has the program try these acts, from within its confinement.
fn try_all(service: &Service, acts: &[Act]) -> Vec<probe::Tried> {
    let mut browser = signed_in(service, "riverside");
    let mut ask = Ask::form(
        "/acts",
        &browser.gateway().origin("riverside"),
        serde_json::to_vec(acts).unwrap(),
    );
    ask.headers.retain(|(name, _)| name != "content-type");
    let answer = browser
        .send("riverside", ask.with("content-type", "application/json"))
        .unwrap();
    assert_eq!(answer.status.as_u16(), 200, "{}", answer.text());
    serde_json::from_slice(&answer.body).unwrap()
}

#[track_caller]
fn refused(acts: Vec<Act>) {
    let tried = try_all(taken_over(), &acts);
    match probe::judge(&acts, &tried) {
        Judged::Refused(count) => assert_eq!(count, acts.len()),
        other => panic!("{other:?} of {tried:#?}"),
    }
}

#[test]
fn a_hostile_application_can_use_its_own_folder_so_refusals_mean_something() {
    let service = taken_over();
    let own = service.data().join("tenants/riverside/data");
    let tried = try_all(
        service,
        &[Act::ListFolder(own.clone()), Act::MakeFileIn(own)],
    );
    assert!(
        tried
            .iter()
            .all(|tried| tried.outcome == Outcome::Succeeded),
        "{tried:?}"
    );
}

#[test]
fn a_hostile_application_reads_and_writes_no_file_but_its_own() {
    let data = taken_over().data();
    let mut acts: Vec<Act> = [
        "tenants/hillside/data",
        "tenants/hillside",
        "core",
        "core/ledger",
        "keys",
        "backups",
        "scratch",
        "run",
        "tenants",
    ]
    .iter()
    .flat_map(|folder| {
        [
            Act::ListFolder(data.join(folder)),
            Act::MakeFileIn(data.join(folder)),
        ]
    })
    .collect();
    for file in [
        "tenants/hillside/data/acuity.db",
        "core/store.db",
        "core/ledger/checkpoint",
        "keys/master.key",
        "core/demo-users.json",
    ] {
        acts.extend([
            Act::ReadFile(data.join(file)),
            Act::OpenForWriting(data.join(file)),
        ]);
    }
    acts.extend(
        ["/etc/shadow", "/etc/passwd", "/proc/1/environ"]
            .map(|path| Act::ReadFile(PathBuf::from(path))),
    );
    acts.extend([
        Act::MakeFileIn(data.join("bin")),
        Act::MakeFileIn(PathBuf::from("/tmp")),
        Act::Execute(PathBuf::from("/bin/sh")),
    ]);
    refused(acts);
}

#[test]
fn a_hostile_application_reaches_no_socket_of_anybody_else() {
    // Without root, all ids are the caller's, and the claim's sentence says what that leaves open.
    if !root("the sockets of other roles and tenants") {
        return;
    }
    let data = taken_over().data();
    refused(
        [
            "tenants/hillside/run/app.sock",
            "run/control.sock",
            "run/link.sock",
            "run/console.sock",
        ]
        .iter()
        .map(|socket| Act::ConnectUnix(data.join(socket)))
        .collect(),
    );
}

#[test]
fn a_hostile_application_has_no_network() {
    let service = taken_over();
    let address = |text: &str| text.parse::<SocketAddr>().unwrap();
    refused(vec![
        Act::ConnectTcp(service.address()),
        Act::ConnectTcp(address("127.0.0.1:22")),
        Act::ConnectTcp(address("192.0.2.1:443")),
        Act::SendUdp(address("192.0.2.1:53")),
    ]);
}

#[test]
fn a_hostile_application_reaches_no_process_of_anybody_else_and_does_not_become_root() {
    let service = taken_over();
    let data = service.data();
    let mut acts: Vec<Act> = [
        named(&data, "core"),
        named(&data, "front"),
        named(&data, "hillside"),
        Some(service.supervisor()),
    ]
    .into_iter()
    .map(|pid| pid.expect("a running process"))
    .flat_map(|pid| [Act::ReadMemory(pid), Act::ReadEnvironment(pid)])
    .collect();
    acts.push(Act::Mount(data.join("tenants/riverside/data")));
    if root("becoming root, and signals to other roles") {
        acts.push(Act::BecomeRoot);
        acts.extend(
            [named(&data, "core"), named(&data, "hillside")]
                .into_iter()
                .flatten()
                .map(Act::Signal),
        );
    }
    refused(acts);
}

#[test]
fn a_hostile_application_sees_neither_the_session_nor_a_forged_identity() {
    let service = taken_over();
    let mut browser = signed_in(service, "riverside");
    let cookie = browser.cookie("riverside").unwrap();
    let token = cookie.split_once('=').unwrap().1.to_owned();
    // The browser has the mark of somebody who is signing in again, too.
    browser.get("riverside", "/.avouch/begin?path=%2F");
    let mut ask =
        Ask::get("/seen").with("cookie", "__Host-app-own=1; tossed=1; __host-avouch=other");
    for name in [
        "X-Forwarded-User",
        "X_Forwarded_User",
        "Remote-User",
        "Forwarded",
        "X-Real-IP",
        "X-User",
        "Tailscale-User-Login",
        "Avouch-Assertion",
    ] {
        ask = ask.with(name, "forged");
    }
    let answer = browser.send("riverside", ask).unwrap();
    let (text, seen) = (
        answer.text(),
        serde_json::from_slice::<Value>(&answer.body).unwrap(),
    );
    assert!(
        !text.contains(&token),
        "the session's token reached the application: {text}"
    );
    assert!(!text.contains("forged"), "{text}");
    assert!(!text.to_lowercase().contains("__host-avouch"), "{text}");
    assert_eq!(seen["cookie"], serde_json::json!(["own=1"]), "{text}");
    let assertions = seen["avouch-assertion"].as_array().unwrap();
    assert_eq!(assertions.len(), 1, "{text}");
    assert_eq!(
        assertions[0].as_str().unwrap().split('.').count(),
        3,
        "{text}"
    );
}

#[test]
fn a_hostile_application_sends_browsers_nothing_that_reaches_beyond_its_own_origin() {
    let service = taken_over();
    let mut browser = signed_in(service, "riverside");
    let answer = browser.get("riverside", "/lies");
    assert_eq!(answer.status.as_u16(), 200, "{}", answer.text());
    let cookies: Vec<&str> = answer
        .headers
        .get_all("set-cookie")
        .iter()
        .map(|value| value.to_str().unwrap())
        .collect();
    assert_eq!(
        cookies,
        [
            "__Host-app-wide=1; Path=/; Secure",
            "__Host-app-own=1; Path=/; Secure"
        ]
    );
    for name in [
        "clear-site-data",
        "alt-svc",
        "avouch-assertion",
        "avouch-host",
        "avouch-subject",
    ] {
        assert!(
            !answer.headers.contains_key(name),
            "{name}: {:?}",
            answer.headers
        );
    }
    let event = service.audited(&["--subject", "flood-0", "--tenant", "riverside"], |row| {
        row["object"] == "GET /lies"
    });
    let subjects = event["subjects"].as_array().unwrap();
    assert!(
        subjects.len() <= 257,
        "{} subjects in one event",
        subjects.len()
    );
    assert!(
        subjects
            .last()
            .unwrap()
            .as_str()
            .unwrap()
            .ends_with(" more"),
        "{:?}",
        subjects.last()
    );
}

#[test]
fn what_a_hostile_page_sends_from_its_own_origin_is_refused_everywhere_else() {
    let service = taken_over();
    let member = service.user("riverside", "administrator");
    let mut browser = Browser::new(service);
    browser.sign_in("riverside", &member);
    browser.sign_in("console", &member);
    let hostile = browser.gateway().origin("riverside");
    for (label, path) in [
        ("console", "/people"),
        ("console", "/.avouch/leave"),
        ("signin", "/"),
        ("hillside", "/wards/1/assessments"),
    ] {
        let answer = browser
            .send(label, Ask::form(path, &hostile, "a=1"))
            .unwrap();
        assert_eq!(
            answer.status.as_u16(),
            403,
            "{label}{path}: {}",
            answer.text()
        );
    }
    for label in ["console", "signin"] {
        let answer = browser
            .send(label, Ask::get("/").with("origin", hostile.clone()))
            .unwrap();
        assert!(
            !answer.headers.contains_key("access-control-allow-origin"),
            "{label}: {:?}",
            answer.headers
        );
    }
    let session = browser.cookie("riverside").unwrap();
    let mut thief = Browser::new(service);
    for label in ["console", "hillside"] {
        let answer = thief
            .send(label, Ask::get("/").with("cookie", session.clone()))
            .unwrap();
        assert_eq!(
            answer.status.as_u16(),
            303,
            "a tenant's session opened {label}"
        );
    }
}
