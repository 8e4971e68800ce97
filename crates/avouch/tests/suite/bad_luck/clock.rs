//! A clock that was set wrong: nothing is removed and nothing lapses by it, and the trail says that it is doubted.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use http::StatusCode;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Span, Timestamp};
use serde_json::Value;

use crate::custody::issued;
use crate::harness::{Browser, Options, Service, User, eventually, example, kill, named};
use crate::sabotage::replace;
use crate::walk::person_in;

/// The claims of the demo's statement that are judged by the date.
const DATED: [&str; 10] = [
    "attested.ig-lead",
    "audit.keep",
    "audit.review",
    "backup.drill.every",
    "backup.source.platform.at",
    "backup.source.platform.keep.daily",
    "backup.source.tenant-data.at",
    "backup.source.tenant-data.keep.daily",
    "inherited.data-centre",
    "status.keep",
];

/// Has the core die and come back under a clock so far from the right one, as does whatever is started from then on.
fn set_clock(service: &Service, shift: &str) {
    let data = service.data();
    for program in ["bin/avouch", "bin/acuity"].map(|name| data.join(name)) {
        fs::write(program.with_extension("shift"), shift).unwrap();
        let truly = program.with_extension("true");
        if !truly.exists() {
            fs::copy(&program, truly).unwrap();
            replace(&program, &example("late"));
        }
    }
    let before = named(&data, "core").expect("a core");
    kill(before);
    eventually("another core", 60, || {
        named(&data, "core").filter(|pid| *pid != before)
    });
    eventually("the core to answer", 90, || {
        (service.avouch(&["tenant", "list"]).code == 0).then_some(())
    });
}

/// What is kept of Avouch's own state.
fn kept(service: &Service) -> BTreeSet<String> {
    let listed = service.ask(&["backup", "list"]);
    let rows = listed["rows"].as_array().unwrap().iter();
    rows.filter(|row| row["owner"] == "platform")
        .map(|row| row["snapshot"].as_str().unwrap().to_owned())
        .collect()
}

/// How often a core has written down that it doubts the clock.
fn doubts(service: &Service) -> usize {
    let words = ["audit", "search", "--limit", "1000", "--action", "system"];
    let found = service.ask(&words);
    let rows = found["rows"].as_array().unwrap().iter();
    rows.filter(|row| row["object"] == "clock" && row["outcome"] == "failed")
        .count()
}

#[track_caller]
fn doubted(service: &Service, times: usize) {
    eventually("the clock to be doubted", 15, || {
        (doubts(service) == times).then_some(())
    });
}

/// Every claim that is not held: how it stands, and why.
fn not_held(service: &Service, claims: &[&str]) -> BTreeMap<String, (String, String)> {
    let report = service
        .avouch(&[&["--json", "check"], claims].concat())
        .json();
    let text = |claim: &Value, name: &str| claim[name].as_str().unwrap().to_owned();
    let claims = report["claims"].as_array().unwrap().iter();
    claims
        .filter(|claim| claim["status"] != "held")
        .map(|claim| {
            let stands = (text(claim, "status"), text(claim, "why"));
            (text(claim, "id"), stands)
        })
        .collect()
}

#[test]
fn a_clock_an_hour_behind_is_doubted_until_it_is_right_and_people_go_on_working() {
    let service = Service::start(Options::default());
    service.avouch(&["backup", "run", "platform"]).with(0);
    let before = kept(&service);
    set_clock(&service, "-1h");
    doubted(&service, 1);
    assert!(kept(&service).is_superset(&before));
    let (status, why) = not_held(&service, &["attested.ig-lead"])
        .remove("attested.ig-lead")
        .expect("nothing is judged by a date that nobody believes");
    assert_eq!(status, "unproven", "{why}");
    assert!(why.contains("min behind the last time"), "{why}");
    let member = service.user("riverside", "member");
    // The front finds the new core by itself.
    eventually("a member to be let in", 60, || {
        Browser::new(&service)
            .can_enter("riverside", &member)
            .then_some(())
    });
    // Somebody compares it with another, which must show the same.
    let believe = |time: Timestamp| {
        let (time, why) = (time.to_string(), "the one in the hall");
        service.avouch(&["clock", "believe", &time, "--because", why])
    };
    let truly = Timestamp::now();
    let refused = believe(truly).with(2);
    assert!(refused.err.contains("min behind the other"), "{refused:?}");
    assert_ne!(service.ask(&["clock", "show"])["doubt"], Value::Null);
    believe(truly - SignedDuration::from_hours(1)).with(0);
    assert_eq!(service.ask(&["clock", "show"])["doubt"], Value::Null);
    assert_eq!(not_held(&service, &["attested.ig-lead"]), BTreeMap::new());
    let said = service.audited(&["--words", "clock believe"], |row| {
        row["outcome"] == "done"
    });
    assert_eq!(
        said["parameters"]["because"], "the one in the hall",
        "{said}"
    );
    set_clock(&service, "+0h");
    assert_eq!(not_held(&service, &["attested.ig-lead"]), BTreeMap::new());
    assert_eq!(doubts(&service), 1);
    service.avouch(&["audit", "verify"]).with(0);
}

/// All in the past, since the browsers that look in go by the right clock. Three days ahead is believed, and so a share ends by
/// it and the mark goes ahead; twelve more are not, nor is the way back.
#[test]
fn a_clock_in_doubt_opens_no_trail_again_and_ends_nobodys_wait() {
    let service = Service::start(Options::default());
    let (supplier, mut owner) = (
        service.user("", "supplier"),
        service.user("riverside", "administrator"),
    );
    let people = |user: &User| {
        let mut somebody = None;
        eventually("somebody to be let into the console", 60, || {
            let mut browser = Browser::new(&service);
            browser
                .can_enter("console", user)
                .then(|| somebody = Some(browser))
        });
        somebody.unwrap()
    };
    let read = |user: &User, expected: StatusCode, says: &str| {
        let trail = people(user).get("console", "/trail?of=riverside&why=a+fault");
        assert_eq!(trail.status, expected, "{}", trail.text());
        assert!(trail.text().contains(says), "{}", trail.text());
    };
    let closed = |user: &User| read(user, StatusCode::FORBIDDEN, "decides who reads its trail");

    set_clock(&service, "-20d");
    doubted(&service, 1);
    let then = Timestamp::now() - SignedDuration::from_hours(20 * 24);
    let believe = [
        "clock",
        "believe",
        &then.to_string(),
        "--because",
        "the one in the hall",
    ];
    service.avouch(&believe).with(0);
    let last = then + SignedDuration::from_hours(24);
    let share = [
        ("email", supplier.email.as_str()),
        ("last", &last.strftime("%d/%m/%Y").to_string()),
        ("because", "a fault"),
    ];
    let shared = people(&owner).post("console", "/sharing", &share);
    assert_eq!(shared.status, StatusCode::SEE_OTHER, "{}", shared.text());
    read(&supplier, StatusCode::OK, "share the trail");

    set_clock(&service, "-17d");
    closed(&supplier);
    let mut engineer = people(&supplier);
    let list = engineer.get("console", "/people").text();
    let reset = format!("{}/reset", person_in(&list, "Ade Administrator"));
    let made = engineer.post("console", &reset, &[]);
    assert_eq!(made.status, StatusCode::OK, "{}", made.text());
    owner.password = issued(&made.text());
    let waits = |user: &User| read(user, StatusCode::FORBIDDEN, "Not yet");
    waits(&owner);

    set_clock(&service, "-5d");
    doubted(&service, 2);
    waits(&owner);
    let another = [
        ("name", "Bea Second"),
        ("email", "bea@riverside.example"),
        ("role", "administrator"),
        ("tenant", "riverside"),
    ];
    let refused = people(&owner).post("console", "/people", &another);
    assert_eq!(refused.status, StatusCode::FORBIDDEN, "{}", refused.text());

    set_clock(&service, "-20d");
    doubted(&service, 3);
    closed(&supplier);
    waits(&owner);
    assert_eq!(not_held(&service, &["audit.custody"]), BTreeMap::new());
}

/// Three days ahead is within what is believed, and so what removes by the date is seen at work. A year ahead is not.
#[test]
fn a_clock_a_year_ahead_removes_nothing_and_breaks_nothing_however_often_the_core_starts_under_it()
{
    let keep = "keep = { daily = \"14 d\", weekly = \"2 months\", monthly = \"2 years\" }";
    let two_days = (keep.to_owned(), "keep = { daily = \"2 d\" }".to_owned());
    let today = Timestamp::now().to_zoned(TimeZone::UTC).date();
    // Within the year by which the clock is wrong.
    let review = today.checked_add(Span::new().days(200)).unwrap();
    let service = Service::start(Options {
        edits: vec![
            two_days.clone(),
            two_days,
            (
                "review-by = 2028-06-01".to_owned(),
                format!("review-by = {review}"),
            ),
        ],
        ..Options::default()
    });
    service.avouch(&["backup", "run", "platform"]).with(0);
    let first = kept(&service);
    assert!(!first.is_empty());

    set_clock(&service, "+3d");
    service.avouch(&["backup", "run", "platform"]).with(0);
    let second = kept(&service);
    assert!(
        !second.is_empty() && second.is_disjoint(&first),
        "what is past its two days stays: {first:?}, {second:?}"
    );
    assert_eq!(doubts(&service), 0);

    for start in 1..=2 {
        set_clock(&service, "+368d");
        doubted(&service, start);
        service.avouch(&["backup", "run", "platform"]).with(0);
        let now = kept(&service);
        assert!(
            now.is_superset(&second) && now.len() > second.len(),
            "start {start}: snapshots were removed by a clock that nobody believes: {second:?}, {now:?}"
        );
    }
    let stand = not_held(&service, &[]);
    let turned: Vec<&str> = stand.keys().map(String::as_str).collect();
    assert_eq!(turned, DATED, "{stand:#?}");
    for (claim, (status, why)) in &stand {
        assert_eq!(status, "unproven", "{claim}: {why}");
        assert!(why.contains("The clock is in doubt"), "{claim}: {why}");
    }

    // Put right, it is believed at once: what was written down under the wrong clock is no mark.
    set_clock(&service, "+3d");
    let claims = ["attested.*", "inherited.*", "audit.keep"];
    assert_eq!(not_held(&service, &claims), BTreeMap::new());
    service.avouch(&["backup", "run", "platform"]).with(0);
    assert_eq!(doubts(&service), 2);
    service.avouch(&["audit", "verify"]).with(0);
}
