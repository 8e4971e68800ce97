//! Applications that nobody uses: stopped, brought back by whoever comes next, and never cut from somebody.

use std::fs::File;
use std::process::{Command, Stdio};
use std::time::Instant;

use avouch_evidence::Ask;
use http::StatusCode;
use nix::sys::signal::Signal;
use serde_json::Value;

use crate::harness::{
    Browser, Entry, Options, Raw, Service, eventually, example, kill, named, profile_folder,
    signal, within,
};
use crate::sabotage::replace;

const CLAIM: &str = "app.idle-share";
/// Longer than the stated minute, on a busy machine.
const SOON: u64 = 150;

/// A service whose first round of checks is over, so that none wakes anybody within the hour.
fn start() -> Service {
    let question = "question = \"/totals\"".to_owned();
    let stated = format!("idle-after = \"60 s\"\nidle-share = \"20%\"\n{question}");
    let service = Service::start(Options {
        edits: vec![(question, stated)],
        ..Options::default()
    });
    eventually("the first round of checks", SOON, || {
        let found = service.ask(&["audit", "search", "--words", "round 1"]);
        (found["total"] != 0).then_some(())
    });
    service
}

fn member(service: &Service, tenant: &str) -> Browser {
    let mut browser = Browser::new(service);
    browser.sign_in(tenant, &service.user(tenant, "member"));
    browser
}

fn runs(service: &Service, tenant: &str) -> bool {
    named(&service.data(), tenant).is_some()
}

/// Waits until these rest, all at once.
#[track_caller]
fn rest(service: &Service, tenants: &[&str]) {
    eventually("applications to be stopped", SOON, || {
        let run = tenants.iter().any(|tenant| runs(service, tenant));
        (!run).then_some(())
    });
    // The processes have gone; that they have is noted at once.
    for tenant in tenants {
        let words = ["--tenant", tenant, "--words", "instance process"];
        service.audited(&words, |row| row["object"] == "instance process ended");
    }
}

/// How the claim stands, and what was seen.
fn judged(service: &Service, claims: &[&str]) -> Vec<(String, String, String)> {
    let words = [&["--json", "check"], claims].concat();
    let report = service.avouch(&words).json();
    let claims = report["claims"].as_array().unwrap().iter();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    claims
        .map(|claim| {
            (
                text(&claim["id"]),
                text(&claim["status"]),
                claim.to_string(),
            )
        })
        .collect()
}

#[track_caller]
fn stands(service: &Service, status: &str, says: &str) {
    let mut last = String::new();
    let found = within(60, || {
        let (_, now, seen) = judged(service, &[CLAIM]).remove(0);
        last = seen;
        (now == status && last.contains(says)).then_some(())
    });
    assert!(found.is_some(), "not {status} with `{says}`: {last}");
}

/// Waits until this claim alone does not stand.
#[track_caller]
fn falls_alone(service: &Service) {
    let mut last = Vec::new();
    let found = within(60, || {
        last = judged(service, &[]);
        last.retain(|(_, status, _)| status != "held");
        (last.len() == 1 && last[0].0 == CLAIM).then_some(())
    });
    assert!(found.is_some(), "{last:?}");
}

/// Each waits for minutes in which nobody uses anything, so they wait together.
#[test]
fn applications_that_nobody_uses_rest_and_whoever_uses_one_is_never_cut() {
    let scenes = [
        whoever_is_next_brings_one_back_whatever_has_happened_meanwhile,
        what_still_streams_is_not_cut_though_nobody_has_asked_for_anything_since,
        what_runs_beside_or_ends_only_by_force_breaks_the_claim_until_it_is_mended,
    ];
    std::thread::scope(|scope| {
        for scene in scenes {
            scope.spawn(scene);
        }
    });
}

fn whoever_is_next_brings_one_back_whatever_has_happened_meanwhile() {
    let mut service = start();
    let mut theirs = member(&service, "riverside");
    let mut others = member(&service, "hillside");
    rest(&service, &["riverside", "hillside"]);

    // That it rests is no fault, and looking at that wakes nobody.
    let status = theirs.get("riverside", "/.avouch/status").text();
    assert!(status.contains("application answers"), "{status}");
    let mut engineer = Browser::new(&service);
    engineer.sign_in("console", &service.user("", "supplier"));
    let tenants = engineer.get("console", "/tenants");
    assert_eq!(tenants.status, StatusCode::OK);
    assert!(!runs(&service, "riverside") && !runs(&service, "hillside"));

    // Several at once, all signed in since before.
    let cookie = theirs.cookie("riverside").unwrap();
    let began = Instant::now();
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                let mut own = Browser::at(service.gateway());
                let ask = Ask::get("/").with("cookie", cookie.as_str());
                let answer = own.send("riverside", ask).unwrap();
                assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
            });
        }
    });
    println!("eight were answered after {:?}", began.elapsed());
    let entry = Entry {
        ward: 2,
        day: jiff::Zoned::now().date(),
        period: 1,
        midwives: 7,
    };
    let kept = others.enter("hillside", &entry).unwrap();
    assert_eq!(others.get("hillside", &kept).status, StatusCode::OK);
    stands(&service, "held", "None was stopped");

    // The core alone, and the front alone, are away while they rest.
    rest(&service, &["riverside"]);
    kill(named(&service.data(), "core").unwrap());
    eventually("the core to be back", 60, || {
        let answer = theirs.send("riverside", Ask::get("/")).ok()?;
        (answer.status == StatusCode::OK).then_some(())
    });
    rest(&service, &["riverside", "hillside"]);
    kill(named(&service.data(), "front").unwrap());
    eventually("the front to be back", 60, || {
        let answer = theirs.send("riverside", Ask::get("/")).ok()?;
        (answer.status == StatusCode::OK).then_some(())
    });

    // What lies in the folder of one that rests is backed up, and put back.
    assert!(!runs(&service, "hillside"));
    service.ask(&["backup", "run", "hillside"]);
    let why = ["--because", "to see that it comes back"];
    let words = [&["restore", "hillside", "--execute"], &why[..]].concat();
    service.ask(&words);
    assert_eq!(others.get("hillside", &kept).status, StatusCode::OK);

    rest(&service, &["riverside", "hillside"]);
    stands(&service, "held", "which came after");
    let hours = service.ask(&["report", "hours"]);
    let all = hours["rows"].as_array().unwrap().last().unwrap();
    assert_eq!(all["tenant"], "all", "{hours}");
    let seconds = |name: &str| all[name].as_u64().unwrap();
    assert!(seconds("needed-seconds") >= 240, "{hours}");
    assert!(
        seconds("ran-seconds") >= seconds("needed-seconds"),
        "{hours}"
    );
    println!("{}", service.avouch(&["report", "hours"]).out);
    for tenant in ["riverside", "hillside"] {
        let incidents = ["audit", "search", "--tenant", tenant, "--words", "incident"];
        let found = service.ask(&incidents);
        assert_eq!(found["total"], 0, "{found}");
    }

    rest(&service, &["hillside"]);
    service.ask(&[&["tenant", "remove", "hillside", "--execute"], &why[..]].concat());
    assert!(!service.data().join("tenants/hillside").exists());
    assert_eq!(theirs.get("riverside", "/").status, StatusCode::OK);
    service.stop();
}

fn what_still_streams_is_not_cut_though_nobody_has_asked_for_anything_since() {
    let service = start();
    let theirs = member(&service, "riverside");
    let mut others = member(&service, "hillside");
    rest(&service, &["riverside"]);
    replace(&service.data().join("bin/acuity"), &example("spoilt"));
    let head = |path: &str, more: &str| {
        format!(
            "GET {path} HTTP/1.1\r\nhost: {}\r\ncookie: {}\r\n{more}\r\n",
            theirs.gateway().host("riverside"),
            theirs.cookie("riverside").unwrap(),
        )
    };
    let host = "riverside.acuity.localhost";
    let mut drip = Raw::connect(&service, host);
    drip.send(head("/drip", ""));
    assert!(drip.head().starts_with("HTTP/1.1 200"));
    let mut tunnel = Raw::connect(&service, host);
    let upgrade = format!(
        "origin: {}\r\nconnection: Upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\n\
         sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n",
        theirs.gateway().origin("riverside"),
    );
    tunnel.send(head("/live", &upgrade));
    assert!(tunnel.head().starts_with("HTTP/1.1 101"));

    replace(
        &service.data().join("bin/acuity"),
        &profile_folder().join("acuity"),
    );

    // Somebody elsewhere asks for something later, and even there nobody is needed any more some time after.
    assert_eq!(others.get("hillside", "/").status, StatusCode::OK);
    rest(&service, &["hillside"]);
    assert!(
        runs(&service, "riverside"),
        "it was stopped under its users"
    );
    tunnel.send("hello");
    assert_eq!(tunnel.take(5), "hello");

    File::create(service.data().join("tenants/riverside/data/enough")).unwrap();
    let dripped = drip.rest();
    assert!(dripped.contains("the end"), "{dripped}");

    // The core that comes next does not know of the tunnel, and asks.
    kill(named(&service.data(), "core").unwrap());
    eventually("the core to be back", 60, || {
        let answer = others.send("hillside", Ask::get("/")).ok()?;
        (answer.status == StatusCode::OK).then_some(())
    });
    rest(&service, &["hillside"]);
    tunnel.send("again");
    assert_eq!(tunnel.take(5), "again");

    drop(tunnel);
    rest(&service, &["riverside"]);
}

fn what_runs_beside_or_ends_only_by_force_breaks_the_claim_until_it_is_mended() {
    let service = start();
    let mut theirs = member(&service, "riverside");
    rest(&service, &["riverside"]);
    stands(&service, "held", "which came after");

    let folder = service.place().join("beside");
    std::fs::create_dir(&folder).unwrap();
    let mut stray = Command::new(service.data().join("bin/acuity"))
        .args(["--tenant", "riverside", "--socket"])
        .arg(folder.join("app.sock"))
        .arg("--data")
        .arg(&folder)
        .stdin(Stdio::null())
        .spawn()
        .unwrap();
    stands(&service, "broken", "processes that it did not start: 1.");
    falls_alone(&service);
    stray.kill().unwrap();
    stray.wait().unwrap();
    stands(&service, "held", "promised");

    // It hears no request to end, and is ended by force.
    assert_eq!(theirs.get("riverside", "/").status, StatusCode::OK);
    rest(&service, &["hillside"]);
    signal(
        named(&service.data(), "riverside").unwrap(),
        Signal::SIGSTOP,
    );
    rest(&service, &["riverside"]);
    stands(&service, "broken", "only by force");
    falls_alone(&service);
    rest(&service, &["riverside"]);
    stands(&service, "held", "which came after");
}
