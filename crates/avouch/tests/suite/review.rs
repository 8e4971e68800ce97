//! A review of access: what is unusual is found at the stated time, and a named person looks at it.

use std::fs;
use std::io::Write as _;
use std::process::{Command, Stdio};

use http::StatusCode;
use jiff::{SignedDuration, Timestamp, tz::TimeZone};
use serde_json::Value;

use crate::harness::{Browser, Options, Service, avouch_binary, within};

/// An NHS number that is nobody's.
const COLLEAGUE: &str = "9434765919";

/// The line of the statement that has the review made at this minute.
fn line(at: Timestamp) -> String {
    let at = at.to_zoned(TimeZone::UTC);
    format!(
        "[audit.review]\nat = \"{:02}:{:02} UTC\"",
        at.hour(),
        at.minute()
    )
}

/// Says whose records are whose, as an operator does.
fn say(service: &Service, email: &str, lines: &str) -> i32 {
    let data = service.data();
    let mut child = Command::new(avouch_binary())
        .args(["--data", data.to_str().unwrap(), "user", "records", email])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut typed = child.stdin.take().unwrap();
    typed.write_all(lines.as_bytes()).unwrap();
    drop(typed);
    child.wait().unwrap().code().unwrap()
}

fn found(service: &Service) -> Vec<Value> {
    let answer = service.ask(&["audit", "unusual", "riverside", "--because", "a test"]);
    answer.as_array().unwrap().clone()
}

#[test]
fn a_colleagues_record_is_found_at_the_stated_time_and_somebody_else_explains_it() {
    // Half a day ago: nothing is due while people work, and what they do is reviewed after the statement says so.
    let earlier = line(Timestamp::now() - SignedDuration::from_hours(12));
    let stated = "[audit.review]\nat = \"06:00 Europe/London\"".to_owned();
    let mut service = Service::start(Options {
        edits: vec![(stated, earlier.clone())],
        ..Options::default()
    });
    let member = service.user("riverside", "member");
    let administrator = service.user("riverside", "administrator");
    assert_eq!(say(&service, &administrator.email, "own 943 476 5919\n"), 0);
    assert_ne!(say(&service, &administrator.email, "own 9434765918\n"), 0);
    assert_ne!(say(&service, &administrator.email, "mine 9434765919\n"), 0);
    let told = service.audited(&["--words", "user records"], |row| row["outcome"] == "done");
    // Without its spaces, too; fewer digits may stand in a time.
    let told = told.to_string().replace(' ', "");
    assert!(!told.contains(COLLEAGUE), "{told}");
    let mut browser = Browser::new(&service);
    browser.sign_in("riverside", &member);
    browser.get("riverside", &format!("/wards/1/assessments/{COLLEAGUE}"));
    // More than one event lists.
    for record in 3_000..3_299 {
        browser.get("riverside", &format!("/wards/1/assessments/{record}"));
    }
    assert_eq!(found(&service), Vec::<Value>::new());

    service.stop();
    let next = Timestamp::now() + SignedDuration::from_mins(1);
    let text = fs::read_to_string(service.statement()).unwrap();
    fs::write(service.statement(), text.replacen(&earlier, &line(next), 1)).unwrap();
    service.up().unwrap();
    let found = within(180, || {
        Some(found(&service)).filter(|found| !found.is_empty())
    });
    let found = found.expect("a finding");
    let of = |what: &str| {
        let all: Vec<&Value> = found.iter().filter(|it| it["what"] == what).collect();
        assert_eq!(all.len(), 1, "{what}: {found:?}");
        assert_eq!(all[0]["who"], member.email);
        all[0]["number"].clone()
    };
    assert_eq!(found.len(), 2, "{found:?}");
    let many = of("Opened the records of many people in a short time");
    let tied = of("Opened a colleague's record");

    let mut console = Browser::new(&service);
    console.sign_in("console", &administrator);
    let page = console.get("console", "/unusual").text();
    assert!(
        page.contains("Opened a colleague") && !page.contains(COLLEAGUE),
        "{page}"
    );
    // Whoever reads a finding is in the report on each record of it, and no event is too large to be written.
    let read = console.get("console", &format!("/unusual/{many}"));
    assert_eq!(read.status, StatusCode::OK, "{}", read.text());
    let words = format!("unusual access {many}");
    let words = ["--tenant", "riverside", "--words", &words];
    for (listed, one) in [(256, "3000"), (44, COLLEAGUE)] {
        service.audited(&words, |row| {
            let subjects = row["subjects"].as_array().unwrap();
            subjects.len() == listed && subjects.iter().any(|subject| subject == one)
        });
    }

    let path = format!("/unusual/{tied}");
    let page = console.get("console", &path).text();
    assert!(page.contains(COLLEAGUE), "{page}");
    let answer = [("answer", "explained"), ("because", "she asked him to")];
    let kept = console.post("console", &path, &answer);
    assert_eq!(kept.status, StatusCode::SEE_OTHER, "{}", kept.text());
    let all = self::found(&service);
    let looked = all.iter().find(|it| it["number"] == tied).unwrap();
    assert_eq!(
        (
            &looked["looked-at-by"],
            &looked["answer"],
            &looked["because"]
        ),
        (
            &administrator.email.into(),
            &"explained".into(),
            &"she asked him to".into()
        )
    );
    let again = console.post("console", &path, &answer);
    assert_eq!(again.status, StatusCode::NOT_FOUND);
    let mut supplier = Browser::new(&service);
    supplier.sign_in("console", &service.user("", "supplier"));
    let refused = supplier.get("console", "/unusual");
    assert_eq!(refused.status, StatusCode::FORBIDDEN);
}
