//! Starts that cannot be: each says in a sentence why not, and what to do.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::MetadataExt as _;
use std::process::Command;

use crate::harness::{Done, Options, Place, Service, avouch, root, shared};

/// Starts on this place's statement and data, for what must fail.
#[track_caller]
fn up(place: &Place) -> Done {
    let (statement, data) = (place.join("avouch.toml"), place.join("data"));
    avouch([
        "-c",
        statement.to_str().unwrap(),
        "--data",
        data.to_str().unwrap(),
        "--json",
        "up",
        "--demo",
    ])
}

fn placed() -> Place {
    let place = Place::new();
    place.statement(&[]);
    place
}

/// A refusal is an `error:` that names the thing, and a way out.
#[track_caller]
fn refused(done: &Done, says: &[&str]) {
    assert_eq!((done.code, done.out.as_str()), (2, ""), "{done:?}");
    let sentence = done
        .err
        .lines()
        .find(|line| line.starts_with("error: "))
        .unwrap_or_else(|| panic!("{done:?}"));
    for words in says {
        assert!(
            done.err.contains(words),
            "`{words}` is not in: {sentence}\n{}",
            done.err
        );
    }
}

#[test]
fn a_port_in_use_is_named_and_nothing_is_left_running() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let place = Place::new();
    place.statement(&[(
        "domain = \"acuity.localhost\"".to_owned(),
        format!("domain = \"acuity.localhost\"\nlisten = [\"{address}\"]"),
    )]);
    let done = up(&place);
    refused(&done, &[&address.to_string()]);
    assert!(done.err.contains("in use"), "{}", done.err);
    let left = crate::harness::under(&place.join("data"));
    assert!(left.is_empty(), "{left:?}");
}

/// Where there is a ledger, it says why a start came to nothing.
#[test]
fn a_start_that_a_port_in_use_ends_is_in_the_trail_with_its_reason() {
    let mut service = Service::start(Options::default());
    service.stop();
    let taken = TcpListener::bind(service.address()).unwrap();
    let log = service.up().unwrap_err();
    let address = service.address().to_string();
    assert!(log.contains(&address) && log.contains("in use"), "{log}");
    service.ended(40);
    drop(taken);
    service.up().unwrap();
    let told = service.audited(&["--action", "system", "--outcome", "failed"], |row| {
        row["object"] == "front"
    });
    let reason = told["reason"].as_str().unwrap();
    assert!(
        reason.contains(&address) && reason.contains("in use"),
        "{reason}"
    );
    service.avouch(&["audit", "verify"]).with(0);
}

#[test]
fn a_second_start_on_the_same_folder_is_refused_and_the_first_goes_on() {
    let service = shared();
    let (statement, data) = (service.statement(), service.data());
    let done = avouch([
        "-c",
        statement.to_str().unwrap(),
        "--data",
        data.to_str().unwrap(),
        "up",
    ]);
    refused(
        &done,
        &[
            "is in use by process",
            &service.supervisor().to_string(),
            "--data",
        ],
    );
    service.ask(&["tenant", "list"]);
}

#[test]
fn a_folder_with_somebody_elses_files_is_not_touched() {
    let place = placed();
    let data = place.join("data");
    fs::create_dir(&data).unwrap();
    fs::write(data.join("thesis.txt"), "do not lose this").unwrap();
    let before = fs::metadata(&data).unwrap();
    refused(&up(&place), &[data.to_str().unwrap(), "--data"]);
    let after = fs::metadata(&data).unwrap();
    assert_eq!(
        (before.mode(), before.uid(), before.mtime_nsec()),
        (after.mode(), after.uid(), after.mtime_nsec())
    );
    let names: Vec<_> = fs::read_dir(&data)
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    assert_eq!(names, ["thesis.txt"]);
}

#[test]
fn a_folder_of_a_newer_version_is_refused() {
    let mut service = Service::start(Options::default());
    service.stop();
    let version = service.data().join("VERSION");
    let written = fs::read_to_string(&version).unwrap();
    fs::write(&version, "999\n").unwrap();
    refused(&up(service.place()), &["999", "newer"]);
    fs::write(&version, written).unwrap();
    service.up().unwrap();
}

#[test]
fn an_application_that_is_not_there_is_named() {
    let place = Place::new();
    place.statement(&[(
        "command = [\"acuity\"".to_owned(),
        "command = [\"acuiti\"".to_owned(),
    )]);
    refused(&up(&place), &["`acuiti`", "[app] command"]);
}

#[test]
fn a_command_without_a_service_says_how_to_start_one() {
    let place = placed();
    let data = place.join("data");
    let done = avouch(["--data", data.to_str().unwrap(), "tenant", "list"]).with(2);
    assert!(
        done.err.contains("no service runs on") && done.err.contains("avouch up"),
        "{}",
        done.err
    );
}

#[test]
fn nobody_but_root_and_the_services_own_user_may_command_it() {
    let service = shared();
    if !root("commands as another user") {
        return;
    }
    let data = service.data();
    let ours = data.join("bin/avouch");
    let words = [
        "--reuid=65534",
        "--regid=65534",
        "--clear-groups",
        ours.to_str().unwrap(),
        "--data",
        data.to_str().unwrap(),
        "tenant",
        "list",
    ];
    let output = Command::new("setpriv").args(words).output().unwrap();
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    assert!(output.stdout.is_empty(), "{output:?}");
}

#[test]
fn a_word_that_is_no_command_is_answered_with_those_that_are() {
    let done = avouch(["chekc"]).with(2);
    assert!(done.err.contains("check"), "{}", done.err);
}
