use avouch_statement::Unit;

use super::*;
use crate::{
    changes::{Beat, Close, Noted, moments::Found},
    records::testing::shipment,
};

const TOLERATED: SignedDuration = SignedDuration::from_mins(5);

fn place() -> Slug {
    "local".parse().unwrap()
}

fn at(text: &str) -> Timestamp {
    format!("2026-11-21T{text}Z").parse().unwrap()
}

fn newest() -> Shipment {
    shipment("2026-11-21T10:00:00Z", "2026-11-21T12:00:00Z")
}

/// The word of a follower at ten past twelve: after the newest stored file nothing had changed until `quiet`.
fn asked(awake: bool, quiet: &str) -> Asked {
    let beat = Beat {
        generation: Some(newest().generation),
        log: None,
        up_to: at("12:09:59"),
        closes: vec![Close {
            log: newest().head.hash,
            quiet: at(quiet),
        }],
        count: 7,
        trouble: None,
    };
    Asked {
        word: Word {
            beat: Some(beat),
            awake,
            kept: None,
        },
        at: at("12:10:00"),
        trouble: None,
        by: None,
    }
}

#[track_caller]
fn lost(asked: &Asked, verdict: Verdict, says: &str) {
    let judged = lose_at_most(Length::new(5, Unit::Minute), &place(), &newest(), asked);
    assert_eq!(judged.0, verdict, "{}", judged.1);
    assert!(judged.1.contains(says), "{}", judged.1);
}

#[test]
fn an_idle_database_loses_nothing_while_its_follower_is_awake() {
    lost(&asked(true, "12:09:59"), Verdict::Held, "1.0 s before");
}

#[test]
fn the_first_change_after_a_long_rest_loses_only_what_came_after_the_rest() {
    lost(&asked(true, "12:08:00"), Verdict::Held, "120.0 s before");
}

#[test]
fn what_was_committed_and_is_not_stored_in_time_is_lost() {
    lost(&asked(true, "12:00:01"), Verdict::Broken, "599.0 s before");
    // The word is of other files than the newest that is stored.
    let mut other = asked(true, "12:09:59");
    other.word.beat.as_mut().unwrap().closes.clear();
    lost(&other, Verdict::Broken, "600.0 s before");
}

#[test]
fn the_silence_of_a_follower_is_not_idleness() {
    let mut silent = asked(false, "12:09:59");
    lost(&silent, Verdict::Broken, "does not answer");
    silent.word.beat = None;
    silent.trouble = Some("there is no room".to_owned());
    lost(
        &silent,
        Verdict::Broken,
        "does not answer: there is no room",
    );
}

#[test]
fn what_a_follower_cannot_do_is_said() {
    let mut cramped = asked(true, "12:09:59");
    cramped.word.beat.as_mut().unwrap().trouble = Some("no new image can be made".to_owned());
    lost(
        &cramped,
        Verdict::Held,
        "awake, but no new image can be made",
    );
}

fn stored() -> Stored {
    Stored {
        recorded: vec![newest()],
        generations: vec![newest()],
        findings: vec![],
        listed: vec![newest().id],
        read: at("12:00:00"),
        first: Some(newest().facts.complete),
    }
}

#[track_caller]
fn judged(stored: &Stored, asked: &Asked, verdict: Verdict, says: &str) {
    let since = "2026-11-07T12:00:00Z".parse().unwrap();
    let judged = within(&place(), stored, asked, since, TOLERATED);
    assert_eq!(judged.0, verdict, "{}", judged.1);
    assert!(judged.1.contains(says), "{}", judged.1);
}

#[track_caller]
fn kept(change: impl FnOnce(&mut Stored), verdict: Verdict, says: &str) {
    let mut stored = stored();
    change(&mut stored);
    judged(&stored, &asked(true, "12:09:59"), verdict, says);
}

#[test]
fn what_is_stored_and_sound_holds_the_window_since_its_beginning() {
    kept(
        |_| {},
        Verdict::Held,
        "any moment from 2026-11-21T10:00:00Z to 2026-11-21T12:09:59Z",
    );
}

#[test]
fn anything_altered_missing_or_removed_too_early_breaks_it() {
    kept(
        |stored| {
            stored
                .findings
                .push(Finding("data/ab has been altered".to_owned()))
        },
        Verdict::Broken,
        "data/ab",
    );
    kept(
        |stored| stored.listed.clear(),
        Verdict::Broken,
        "are missing",
    );
    kept(
        |stored| stored.first = "2026-11-10T12:00:00Z".parse().ok(),
        Verdict::Broken,
        "is gone",
    );
}

#[test]
fn a_superseded_shipment_that_an_interrupted_removal_took_is_not_missed() {
    kept(
        |stored| {
            let mut earlier = newest();
            earlier.id = SnapshotId("earlier".to_owned());
            stored.recorded.insert(0, earlier);
        },
        Verdict::Held,
        "",
    );
}

#[test]
fn a_follower_that_is_dead_breaks_it() {
    let dead = asked(false, "12:09:59");
    judged(
        &stored(),
        &dead,
        Verdict::Broken,
        "no moment after 2026-11-21T12:00:00Z can be restored yet, 600.0 s before the trial; the follower does not answer",
    );
}

fn two() -> Vec<Shipment> {
    let before = shipment("2026-11-21T08:00:00Z", "2026-11-21T09:00:00Z");
    vec![before, newest()]
}

#[test]
fn a_gap_breaks_it_until_the_window_has_gone_past_it() {
    let mut stored = stored();
    stored.generations = two();
    stored.first = None;
    let asked = asked(true, "12:09:59");
    judged(
        &stored,
        &asked,
        Verdict::Broken,
        "no moment between 2026-11-21T09:00:00Z and 2026-11-21T10:00:00Z can be restored",
    );
    let judged = within(&place(), &stored, &asked, at("10:00:00"), TOLERATED);
    assert_eq!(judged.0, Verdict::Held, "{}", judged.1);
}

#[test]
fn whatever_moment_restoring_refuses_in_the_window_breaks_it_and_no_other_does() {
    let mut followed = two();
    followed[1].facts.follows = Some(followed[0].head.hash.clone());
    let mut near = two();
    near[0].head.up_to = Some(at("09:57:00"));
    let mut stalled = followed.clone();
    stalled[1].head.stalls.push(Stall {
        from: at("11:00:00"),
        to: at("11:06:00"),
    });
    for (generations, sound) in [
        (two(), false),
        (followed, true),
        (near, true),
        (stalled, false),
    ] {
        for awake in [true, false] {
            let asked = asked(awake, "12:09:59");
            let mut stored = stored();
            stored.generations = generations.clone();
            stored.first = None;
            let verdict = within(&place(), &stored, &asked, at("08:00:00"), TOLERATED).0;
            let quiet = asked.word.quiet_since(generations.last().unwrap());
            let reach = reach(&generations, quiet, TOLERATED, None).unwrap();
            // Every second from the window's beginning to what is tolerated before the trial.
            let mut moment = at("08:00:00");
            let mut refused = 0;
            while moment < asked.at - TOLERATED {
                refused += usize::from(!matches!(reach.find(moment), Found::In(..)));
                moment += SignedDuration::from_secs(1);
            }
            assert_eq!(refused == 0, sound && awake);
            assert_eq!(verdict == Verdict::Held, sound && awake);
        }
    }
}

#[test]
fn a_clock_that_was_set_and_is_not_put_right_breaks_it_and_put_right_it_is_a_gap() {
    let by = |began: &str| Reckoning {
        boot: "a".to_owned(),
        began: at(began),
    };
    let mut stored = stored();
    stored.generations = two();
    for (one, began) in stored.generations.iter_mut().zip(["07:00:00", "06:00:00"]) {
        one.head.clocks = vec![Noted {
            from: None,
            by: by(began),
        }];
    }
    stored.first = Some(at("08:00:00"));
    let mut asked = asked(true, "12:09:59");
    asked.by = Some(by("05:00:00"));
    let set = "all that is stored was noted by a clock that was set since";
    judged(&stored, &asked, Verdict::Broken, set);
    asked.by = Some(by("06:00:00"));
    judged(
        &stored,
        &asked,
        Verdict::Broken,
        "before 2026-11-21T10:00:00Z is gone, or was noted by a clock that was set since",
    );
    // A few seconds at the first start of a machine are tolerated.
    stored.first = Some(at("09:55:00"));
    stored.generations.remove(0);
    judged(
        &stored,
        &asked,
        Verdict::Held,
        "any moment from 2026-11-21T10:00:00Z",
    );
}
