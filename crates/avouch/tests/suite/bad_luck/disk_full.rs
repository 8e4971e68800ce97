//! The disk fills up: nothing is done that is not written down, the trail says why, and work goes on once there is room.

use avouch_evidence::{Answer, Ask};
use jiff::Timestamp;

use crate::harness::{
    Browser, Disk, Entry, Options, Place, Service, eventually, kill, named, not_tried, run,
};

/// Twice what the example tenants take, with a debug build's programs.
const MEBIBYTES: u32 = 512;

#[test]
fn on_a_full_disk_nothing_is_done_unseen_and_work_goes_on_once_there_is_room() {
    if let Err(why) = Disk::is_possible() {
        not_tried("a full disk", why);
        return;
    }
    let place = Place::on(|at| Disk::in_memory(at, MEBIBYTES));
    let service = Service::start_at(place, Options::default());
    let mut browser = Browser::new(&service);
    browser.sign_in("riverside", &service.user("riverside", "member"));
    browser.enter("riverside", &entry(1, 0)).unwrap();

    service.place().disk().fill();
    // What was set aside before, such as a page of a file, is used up first; looking does it soonest.
    eventually("a refusal", 300, || {
        for _ in 0..50 {
            browser.get("riverside", "/wards/1");
        }
        Some(save(&mut browser, &entry(2, 0))).filter(unavailable)
    });
    for period in 1..6 {
        let answer = save(&mut browser, &entry(2, period));
        assert!(unavailable(&answer), "{}", answer.text());
        assert!(
            answer.text().contains("could not be recorded") || answer.text().contains("try again"),
            "{}",
            answer.text()
        );
    }
    let answer = browser.get("riverside", "/wards/1");
    assert!(
        unavailable(&answer),
        "a page was shown unseen: {}",
        answer.text()
    );
    let member = service.user("riverside", "member");
    let answer = Browser::new(&service).submit("riverside", &member, &member.password);
    assert!(
        unavailable(&answer) && answer.text().contains("Back in a moment"),
        "signing in was answered {}: {}",
        answer.status,
        answer.text()
    );
    let email = "late@riverside.example";
    let add = [
        "user",
        "add",
        email,
        "--name",
        "Late",
        "--tenant",
        "riverside",
    ];
    for words in [&["check"][..], &add, &["backup", "run", "riverside"]] {
        let done = service.avouch(words).with(2);
        assert!(
            done.err.contains("not done") && done.err.contains("free some space"),
            "{done:?}"
        );
    }
    // A core that dies meanwhile comes back, at the latest when there is room.
    kill(named(&service.data(), "core").expect("a core"));

    let cleared = Timestamp::now();
    service.place().disk().clear();
    eventually("work to go on", 60, || {
        browser.enter("riverside", &entry(3, 0)).ok()
    });
    service.audited(&["--action", "system"], |row| {
        let at: Timestamp = row["at"].as_str().unwrap().parse().unwrap();
        // In the room that was kept for saying so.
        row["object"] == "disk"
            && row["reason"].as_str().unwrap().contains("the disk is full")
            && at < cleared
    });
    let people = service.ask(&["user", "list"]).to_string();
    assert!(!people.contains(email), "somebody was added unseen");
    let (made, meant) = (made(&service), meant(&service));
    assert!(
        made <= meant,
        "{made} entries were made, {meant} of them written down"
    );
    service.avouch(&["audit", "verify"]).with(0);
}

fn entry(ward: u32, period: u32) -> Entry {
    Entry {
        ward,
        day: jiff::civil::date(2001, 1, 1),
        period,
        midwives: 4,
    }
}

fn save(browser: &mut Browser, entry: &Entry) -> Answer {
    let path = format!("/wards/{}/assessments", entry.ward);
    let ask = Ask::form(path, &browser.gateway().origin("riverside"), entry.body());
    browser.send("riverside", ask).unwrap()
}

fn unavailable(answer: &Answer) -> bool {
    answer.status.as_u16() == 503
}

/// How many of the entries tried on a full disk are in the application's database.
fn made(service: &Service) -> usize {
    let database = service.data().join("tenants/riverside/data/acuity.db");
    // Counted in minutes.
    let day = "select id from assessment where ward = 2 and starts < unixepoch('2002-01-01') / 60";
    let database = database.to_str().unwrap();
    run("sqlite3", ["-cmd", ".timeout 10000", database, day])
        .lines()
        .count()
}

/// How many of them were meant, by the trail.
fn meant(service: &Service) -> usize {
    let by = service.user("riverside", "member").email;
    let words = ["--outcome", "intended", "--who", &by, "--limit", "1000"];
    let found = service.ask(&[&["audit", "search"], &words[..]].concat());
    let rows = found["rows"].as_array().unwrap().iter();
    rows.filter(|row| row["object"] == "POST /wards/2/assessments")
        .count()
}
