//! A flood from somebody without an account: it takes no more of the disk than is stated, nothing of it goes uncounted, and
//! the checks still see what they ask for.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;

use serde_json::Value;

use crate::harness::{Options, Raw, Service, eventually};

/// A word in the path of every request of the flood.
const WORD: &str = "floodwater";
/// Events that one address may leave in a minute.
const EACH_ADDRESS: u64 = 600;

#[test]
fn a_flood_without_a_sign_in_is_counted_and_neither_fills_the_disk_nor_drowns_a_check() {
    let service = Service::start(Options::default());
    let (sent, checked) = (AtomicU64::new(0), AtomicBool::new(false));
    let started = minute();
    let ended = thread::scope(|scope| {
        for flood in 0..2 {
            let (service, sent, checked) = (&service, &sent, &checked);
            scope.spawn(move || {
                // Until every minute's room is long used up, and for as long as the check takes.
                for turn in 0.. {
                    if sent.load(Ordering::Relaxed) > 2 * EACH_ADDRESS
                        && checked.load(Ordering::Relaxed)
                    {
                        return;
                    }
                    sent.fetch_add(rush(service, flood, turn), Ordering::Relaxed);
                }
            });
        }
        eventually("the flood to use up its room", 120, || {
            (sent.load(Ordering::Relaxed) > EACH_ADDRESS).then_some(())
        });
        let check = service.avouch(&["check", "audit.before-effect"]);
        checked.store(true, Ordering::Relaxed);
        check.with(0);
        minute()
    });
    let minutes = u64::try_from(ended - started).unwrap() + 2;
    let sent = sent.load(Ordering::Relaxed);

    let written = || total(&service, &["--outcome", "refused", "--words", WORD]);
    let counted = || {
        let words = ["--words", "requests without", "--limit", "1000"];
        let search = [&["audit", "search"], &words[..]].concat();
        let found = service.ask(&search);
        let rows = found["rows"].as_array().unwrap().iter();
        let told = rows.filter(|row| row["object"] == "requests without a sign-in");
        for row in told.clone() {
            let kinds = row["parameters"]["kinds"].as_str().unwrap();
            assert!(kinds.contains("no session here: "), "{row}");
            assert_eq!(row["parameters"]["addresses"], "1", "{row}");
        }
        told.map(times).sum::<u64>()
    };
    eventually("every request of the flood to be counted", 120, || {
        (written() + counted() >= sent).then_some(())
    });
    assert!(
        written() <= EACH_ADDRESS * minutes,
        "{} events of one address in {minutes} minutes",
        written()
    );
}

/// Some requests over one connection: without a session, with one that was made up, and with a mark that was made up. Every
/// second connection is to a name that nobody has.
fn rush(service: &Service, flood: u64, turn: u64) -> u64 {
    let label = match turn % 2 {
        0 => "riverside".to_owned(),
        _ => format!("nobody-{flood}-{turn}"),
    };
    let host = format!("{label}.acuity.localhost");
    let mut raw = Raw::connect(service, &host);
    let made_up = format!("{flood:021}{turn:022}");
    let lines = [
        String::new(),
        format!("cookie: __Host-avouch={made_up}\r\n"),
        format!("avouch-mark: {made_up}\r\n"),
    ];
    for lines in lines.iter().cycle().take(30) {
        let request = format!("GET /{WORD} HTTP/1.1\r\nhost: {host}\r\n{lines}\r\n");
        let answer = raw.send(request).rest();
        assert!(answer.starts_with("HTTP/1.1 303"), "{answer}");
    }
    30
}

fn total(service: &Service, words: &[&str]) -> u64 {
    let found = service.ask(&[&["audit", "search"], words].concat());
    found["total"].as_u64().unwrap()
}

fn times(row: &Value) -> u64 {
    row["parameters"]["times"]
        .as_str()
        .unwrap()
        .parse()
        .unwrap()
}

/// Minutes since 1970.
fn minute() -> i64 {
    jiff::Timestamp::now().as_second() / 60
}
