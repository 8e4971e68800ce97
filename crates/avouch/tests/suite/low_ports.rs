//! Ports that not everybody may listen on: the front gets them from a supervisor that is root, and keeps no right to more.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};

use crate::harness::{Options, Service, named, root};

/// Every set of capabilities that a thread could act by.
const SETS: [&str; 4] = ["CapInh:", "CapPrm:", "CapEff:", "CapAmb:"];

#[test]
fn a_low_port_is_served_by_a_front_that_holds_no_capability() {
    // Without root such a port is refused, unless this machine gives it to everybody.
    if !root("a port below 1024") {
        return;
    }
    let low = (600..1024)
        .rev()
        .map(|port| std::net::SocketAddr::from(([127, 0, 0, 1], port)))
        .find(|address| TcpListener::bind(address).is_ok())
        .expect("a low port that is free");
    let service = Service::start(Options {
        edits: vec![(
            "listen = [".to_owned(),
            format!("http = \"{low}\"\nlisten = ["),
        )],
        ..Options::default()
    });
    let mut stream = TcpStream::connect(low).unwrap();
    stream
        .write_all(b"GET / HTTP/1.1\r\nhost: acuity.localhost\r\nconnection: close\r\n\r\n")
        .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 30"), "{answer}");

    let front = named(&service.data(), "front").expect("the front");
    let mut threads = 0;
    for thread in fs::read_dir(format!("/proc/{front}/task")).unwrap() {
        let status = fs::read_to_string(thread.unwrap().path().join("status")).unwrap();
        for set in SETS {
            let line = status.lines().find(|line| line.starts_with(set)).unwrap();
            let bits = line.trim_start_matches(set).trim();
            assert!(bits.bytes().all(|digit| digit == b'0'), "{line}");
        }
        threads += 1;
    }
    assert!(threads > 1, "{threads} threads");
}
