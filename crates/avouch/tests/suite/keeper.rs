//! A keeper on another machine: what it keeps when the service's own machine has been taken over, and how it is seen to.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::PathBuf;
use std::process::Command;

use serde_json::Value;

use crate::harness::{Done, Keeper, Options, Service, eventually, root, run};
use crate::sabotage::{flip, flip_at};

const CLAIM: &str = "backup.destination.far.append-only";

/// A service whose tenants' data go to a keeper as well, and whose first backups are there.
fn kept() -> (Service, Keeper) {
    let mut service = Service::start(Options::default());
    service.stop();
    let keeper = Keeper::start();
    let text = fs::read_to_string(service.statement()).unwrap();
    let named = format!(
        "[[backup.destination]]\nname = \"far\"\nurl = \"keeper://{}/acuity\"\nkey = \"{}\"\ncredential = \"far.token\"\n\n[[backup.destination]]",
        keeper.address(),
        keeper.key
    );
    let text = text.replacen("[[backup.destination]]", &named, 1).replacen(
        "to = [\"local\", \"offsite\"]",
        "to = [\"local\", \"far\"]",
        1,
    );
    fs::write(service.statement(), text).unwrap();
    let token = keeper.add("acuity", "far", &service.statement());
    fs::write(service.data().join("keys/far.token"), token).unwrap();
    service
        .up()
        .unwrap_or_else(|log| panic!("it does not start with a keeper:\n{log}"));
    for tenant in ["riverside", "hillside"] {
        service.avouch(&["backup", "run", tenant]).with(0);
    }
    (service, keeper)
}

/// How the claims about backups stand that are not held, with what was seen.
fn amiss(service: &Service) -> Vec<(String, String, String)> {
    let report = service
        .avouch(&[
            "--json",
            "check",
            "backup.*",
            "backup.*.*.*",
            "backup.source.*.keep.*",
        ])
        .json();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    report["claims"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|claim| claim["status"] != "held")
        .map(|claim| {
            let seen = claim["checks"]
                .as_array()
                .unwrap()
                .iter()
                .map(|check| text(&check["observed"]))
                .collect::<Vec<_>>();
            (text(&claim["id"]), text(&claim["status"]), seen.join("; "))
        })
        .collect()
}

#[track_caller]
fn all_held(service: &Service, when: &str) {
    eventually(when, 120, || {
        let amiss = amiss(service);
        if !amiss.is_empty() {
            println!("{when}: {amiss:?}");
        }
        amiss.is_empty().then_some(())
    });
}

/// Exactly these claims have turned, each to this, and one of them says so.
#[track_caller]
fn turned(service: &Service, turns: &[(&str, &str)], says: &str) {
    let found = amiss(service);
    let short: Vec<(&str, &str)> = found
        .iter()
        .map(|(id, status, _)| (id.as_str(), status.as_str()))
        .collect();
    let mut turns = turns.to_vec();
    turns.sort_unstable();
    let mut sorted = short.clone();
    sorted.sort_unstable();
    assert_eq!(sorted, turns, "{found:?}");
    assert!(
        found.iter().any(|(_, _, seen)| seen.contains(says)),
        "{found:?}"
    );
}

/// A file of a tenant's repository at the keeper.
fn pack(keeper: &Keeper) -> PathBuf {
    let found = run(
        "find",
        [
            keeper
                .state()
                .join("services/acuity/riverside/received/data")
                .to_str()
                .unwrap(),
            "-type",
            "f",
        ],
    );
    found.lines().next().unwrap().into()
}

#[test]
fn what_is_wrong_with_a_keeper_turns_the_claim_that_says_so_and_mending_turns_it_back() {
    if !root("a keeper on a machine of its own") {
        return;
    }
    let (service, mut keeper) = kept();
    all_held(&service, "with a keeper");

    // The keeper is stopped: nothing about that copy is known any more.
    keeper.stop();
    let of_the_source = |verdict: &'static str| {
        ["at", "to", "keep.daily", "keep.weekly", "keep.monthly"]
            .map(|part| (format!("backup.source.tenant-data.{part}"), verdict))
    };
    let silent = of_the_source("unproven");
    let mut turns: Vec<(&str, &str)> = silent.iter().map(|(id, to)| (id.as_str(), *to)).collect();
    turns.extend([(CLAIM, "unproven"), ("backup.encryption", "unproven")]);
    turned(&service, &turns, "cannot be reached");
    keeper.again();
    all_held(&service, "with the keeper back");

    // It lets snapshots be deleted.
    keeper.lenient();
    let seen = eventually("the lenient one to be seen", 60, || {
        let found = amiss(&service);
        found
            .iter()
            .any(|(_, status, _)| status == "broken")
            .then_some(found)
    });
    assert_eq!(seen.len(), 1, "{seen:?}");
    assert_eq!((seen[0].0.as_str(), seen[0].1.as_str()), (CLAIM, "broken"));
    assert!(
        seen[0]
            .2
            .contains("it let itself be made to delete snapshots/"),
        "{seen:?}"
    );
    keeper.stop();
    keeper.again();
    all_held(&service, "with the real keeper again");

    // One bit of a file on its disk turns over.
    let pack = pack(&keeper);
    let at = flip(&pack);
    let found = service.avouch(&["backup", "verify"]);
    assert_ne!(found.code, 0, "{found:?}");
    turned(
        &service,
        &[("backup.source.tenant-data.to", "broken")],
        "has been altered",
    );
    flip_at(&pack, at);
    service.avouch(&["backup", "verify"]).with(0);
    all_held(&service, "with the bit turned back");
}

/// Whoever has taken over the service's machine has the credential and the key of every repository.
#[test]
fn ransomware_on_the_services_machine_takes_nothing_from_the_keeper() {
    if !root("a keeper on a machine of its own") {
        return;
    }
    let (mut service, keeper) = kept();
    all_held(&service, "with a keeper");
    let shelf = keeper.state().join("services/acuity/riverside");
    let password = fs::read_to_string(shelf.join("password")).unwrap();
    let token = fs::read_to_string(service.data().join("keys/far.token")).unwrap();
    let remote = format!(
        "https://acuity:{token}@{}/acuity/riverside/",
        keeper.address()
    );
    let restic = |repository: &str, words: &[&str]| -> Done {
        Command::new("restic")
            .args(["--no-cache", "--insecure-tls", "--repo", repository])
            .args(words)
            .env("RESTIC_PASSWORD", &password)
            .output()
            .unwrap()
            .into()
    };
    let over = format!("rest:{remote}");

    // Everything within reach of the machine is encrypted over, and what is at the keeper is tried with every tool.
    service.crash();
    for folder in ["backups", "tenants"] {
        run(
            "find",
            [
                service.data().join(folder).to_str().unwrap(),
                "-type",
                "f",
                "-exec",
                "dd",
                "if=/dev/urandom",
                "of={}",
                "bs=1k",
                "count=4",
                "status=none",
                ";",
            ],
        );
    }
    let before = listed(&shelf);
    let junk = service.place().join("junk");
    fs::write(&junk, vec![7; 1 << 20]).unwrap();
    restic(
        &over,
        &[
            "backup",
            "--time",
            "2001-01-01 00:00:00",
            junk.to_str().unwrap(),
        ],
    );
    restic(
        &over,
        &[
            "backup",
            "--time",
            "2038-01-01 00:00:00",
            junk.to_str().unwrap(),
        ],
    );
    for file in &before {
        let (kind, name) = (
            file.split('/').next().unwrap(),
            file.rsplit('/').next().unwrap(),
        );
        let url = match kind {
            "config" => format!("{remote}config"),
            kind => format!("{remote}{kind}/{name}"),
        };
        for act in [
            &["-X", "DELETE"][..],
            &["--data-binary", "encrypted"],
            &["-X", "PUT", "--data-binary", "x"],
        ] {
            run(
                "curl",
                [
                    &["--silent", "--insecure", "--output", "/dev/null"],
                    act,
                    &[&url],
                ]
                .concat(),
            );
        }
    }
    let after = listed(&shelf);
    let gone: Vec<_> = before.iter().filter(|file| !after.contains(file)).collect();
    assert!(gone.is_empty(), "{gone:?}");

    // What the keeper had read back before is whole, by the stock program, and holds the tenant's data.
    let kept = shelf.join("kept");
    let sound = restic(kept.to_str().unwrap(), &["check", "--read-data"]);
    assert_eq!(sound.code, 0, "{sound:?}");
    let to = service.place().join("rescued");
    let snapshots = restic(
        kept.to_str().unwrap(),
        &["snapshots", "--json", "--tag", "avouch"],
    );
    let snapshots: Value = serde_json::from_str(&snapshots.out).unwrap();
    let oldest = snapshots[0]["id"].as_str().unwrap();
    let rescued = restic(
        kept.to_str().unwrap(),
        &["restore", oldest, "--target", to.to_str().unwrap()],
    );
    assert_eq!(rescued.code, 0, "{rescued:?}");
    let database = run("find", [to.to_str().unwrap(), "-name", "acuity.db"]);
    let rows = run(
        "sqlite3",
        [database.trim(), "select count(*) from assessment"],
    );
    assert!(rows.trim().parse::<u32>().unwrap() > 0);
    assert_ne!(
        fs::metadata(&kept).unwrap().uid(),
        0,
        "the keeper runs as a user of its own"
    );
}

/// The files of a repository as its writer sees them.
fn listed(shelf: &std::path::Path) -> Vec<String> {
    let received = shelf.join("received");
    let found = run(
        "find",
        [received.to_str().unwrap(), "-type", "f", "-printf", "%P\\n"],
    );
    let mut files: Vec<String> = found
        .lines()
        .filter(|file| !file.starts_with("locks/"))
        .map(str::to_owned)
        .collect();
    files.sort();
    files
}
