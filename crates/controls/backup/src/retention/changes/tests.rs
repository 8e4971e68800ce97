//! What goes and what stays, whatever the clock does.

use std::collections::BTreeSet;

use super::*;
use crate::{
    changes::{Noted, moments::Found},
    records::testing::shipment,
    repository::Label,
};

const TOLERATED: SignedDuration = SignedDuration::from_mins(5);

fn listed(id: &str, generation: &str, taken: &str, bytes: u64) -> Listed {
    let taken: Timestamp = taken.parse().unwrap();
    Listed {
        id: SnapshotId(id.to_owned()),
        label: Label {
            owner: "riverside".to_owned(),
            source: generation.to_owned(),
            taken,
            day: "2026-11-01".parse().unwrap(),
            grades: vec![],
            manifest: String::new(),
        },
        bytes,
        added: 0,
    }
}

#[track_caller]
fn check(listed: &[Listed], unverified: &[&str], first: &str, now: &str, gone: &[&str]) {
    let verified: Vec<_> = listed
        .iter()
        .map(|one| one.id.clone())
        .filter(|id| !unverified.contains(&id.0.as_str()))
        .collect();
    let found = ended(listed, &verified, "data", first, now.parse().unwrap());
    let found: Vec<_> = found.iter().map(|proof| proof.id().0.as_str()).collect();
    assert_eq!(found, gone);
}

#[test]
fn a_longer_shipment_of_the_same_generation_supersedes_the_shorter() {
    let one = [
        listed("a", "data.1", "2026-11-01T10:00:00Z", 100),
        listed("b", "data.1", "2026-11-01T10:05:00Z", 110),
        listed("c", "data.1", "2026-11-01T10:10:00Z", 120),
    ];
    check(&one, &[], "1", "2026-11-01T10:10:00Z", &["a", "b"]);
    // One that was not read back supersedes nothing.
    check(&one, &["c"], "1", "2026-11-01T10:10:00Z", &["a"]);
    check(&one, &["a", "b", "c"], "1", "2026-11-01T10:10:00Z", &[]);
    // Nor does it stay beside one that has all of it.
    check(&one, &["a"], "1", "2026-11-01T10:10:00Z", &["a", "b"]);
}

#[test]
fn the_longest_stays_though_the_clock_was_set_back_before_it_was_stored() {
    let one = [
        listed("a", "data.1", "2026-11-01T11:00:00Z", 100),
        listed("b", "data.1", "2026-11-01T12:00:00Z", 110),
        listed("c", "data.1", "2026-11-01T09:00:00Z", 120),
    ];
    check(&one, &[], "1", "2026-11-01T12:00:00Z", &["a", "b"]);
    // What is dated after now waits.
    check(&one, &[], "1", "2026-11-01T11:30:00Z", &["a"]);
}

#[test]
fn of_two_that_are_as_long_one_stays() {
    let two = [
        listed("a", "data.1", "2026-11-01T10:00:00Z", 100),
        listed("b", "data.1", "2026-11-01T10:05:00Z", 100),
    ];
    check(&two, &[], "1", "2026-11-02T10:00:00Z", &["a"]);
    check(&two, &["b"], "1", "2026-11-02T10:00:00Z", &["b"]);
}

#[test]
fn what_is_before_the_first_that_is_needed_goes_and_another_sources_ends_nothing() {
    let all = [
        listed("a", "data.1", "2026-11-01T10:00:00Z", 100),
        listed("b", "data.2", "2026-11-02T10:00:00Z", 100),
        listed("c", "data.3", "2026-11-09T10:00:00Z", 100),
        listed("d", "other.1", "2026-11-01T10:00:00Z", 100),
    ];
    check(&all, &[], "2", "2026-11-05T10:00:00Z", &["a"]);
    check(&all, &["a"], "2", "2026-11-05T10:00:00Z", &["a"]);
    check(&all, &[], "", "2026-11-05T10:00:00Z", &[]);
    // Nor what is dated after now, wherever it stands.
    check(&all, &[], "4", "2026-11-05T10:00:00Z", &["a", "b"]);
}

fn stored(times: &[(&str, &str)]) -> Vec<Shipment> {
    let day = |time: &str| format!("2026-11-21T{time}Z");
    let mut all: Vec<Shipment> = times
        .iter()
        .map(|(complete, up_to)| shipment(&day(complete), &day(up_to)))
        .collect();
    for (number, one) in (1..).zip(&mut all) {
        one.generation = format!("{number}");
    }
    all
}

fn at(time: &str) -> Timestamp {
    format!("2026-11-21T{time}Z").parse().unwrap()
}

#[test]
fn a_generation_is_needed_until_the_next_shows_every_moment_of_the_window() {
    let three = stored(&[
        ("08:00:00", "10:00:00"),
        ("10:00:10", "12:00:00"),
        ("12:00:10", "14:00:00"),
    ]);
    let first = |since: &str| needed(&three, at(since), None)[0].generation.clone();
    assert_eq!(first("10:00:09"), "1");
    assert_eq!(first("10:00:10"), "2");
    assert_eq!(first("12:00:09"), "2");
    assert_eq!(first("12:00:10"), "3");
    assert_eq!(first("23:00:00"), "3", "the newest stays for ever");
    assert_eq!(needed(&[], at("10:00:00"), None), &[]);
}

/// Generations by a clock that goes right, that was set back, that was ahead and put right, and with gaps.
fn courses() -> Vec<Vec<Shipment>> {
    let mut followed = stored(&[("10:00:00", "10:01:00"), ("10:01:00", "10:02:00")]);
    followed[1].facts.follows = Some(followed[0].head.hash.clone());
    let paused = stored(&[("10:00:00", "10:00:50"), ("10:01:05", "10:02:00")]);
    let back = stored(&[
        ("10:01:00", "10:02:00"),
        ("10:00:00", "10:00:30"),
        ("10:02:10", "10:02:40"),
    ]);
    let mut ahead = stored(&[
        ("10:00:00", "10:00:40"),
        ("10:02:00", "10:02:20"),
        ("10:01:05", "10:02:50"),
    ]);
    for (one, began) in ahead.iter_mut().zip(["08:00:00", "08:01:00", "08:00:00"]) {
        let by = Reckoning {
            boot: "a".to_owned(),
            began: at(began),
        };
        one.head.clocks = vec![Noted { from: None, by }];
    }
    vec![followed, paused, back, ahead]
}

#[test]
fn whatever_moment_can_be_had_to_the_second_is_kept() {
    for course in courses() {
        let right = course.last().and_then(|last| last.head.clocks.first());
        let present = right.map(|noted| noted.by.clone());
        for judged_by in [None, present.as_ref()] {
            let reach = reach(&course, None, TOLERATED, judged_by).unwrap();
            for since in 0..200 {
                let since = at("10:00:00") + SignedDuration::from_secs(since);
                let kept: BTreeSet<&str> = needed(&course, since, judged_by)
                    .iter()
                    .map(|one| one.generation.as_str())
                    .collect();
                for later in 0..200 {
                    let moment = since + SignedDuration::from_secs(later);
                    if let Found::In(found, _) = reach.find(moment) {
                        let of_it = found.generation.as_str();
                        assert!(
                            kept.contains(of_it),
                            "{since} {moment}: {of_it} of {kept:?}"
                        );
                    }
                }
            }
        }
    }
}

#[test]
fn nothing_goes_because_the_clock_that_noted_it_is_doubted() {
    let [.., ahead] = courses().try_into().map(|all: [_; 4]| all).unwrap();
    // By a clock that is wrong now, all but the second was noted wrongly.
    let wrong = ahead[1].head.clocks[0].by.clone();
    let kept = needed(&ahead, at("10:00:00"), Some(&wrong));
    assert_eq!(kept.len(), 3);
}
