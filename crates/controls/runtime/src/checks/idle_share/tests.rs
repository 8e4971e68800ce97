//! What is judged of the hours.

use avouch_statement::{Length, Unit};

use super::*;
use crate::capacity::Need;

const IDLE: Idle = Idle {
    after: Length::new(10, Unit::Minute),
    share: 20,
};

fn minute(minutes: i64) -> Timestamp {
    let noon: Timestamp = "2026-01-05T12:00:00Z".parse().unwrap();
    noon + SignedDuration::from_mins(minutes)
}

/// One application that ran for an hour, and was needed for 48 minutes of it.
fn an_hour() -> Observed {
    let asked = [0, 20, 38].map(|at| Asked {
        at: minute(at),
        came: Came::Answered,
    });
    let ran = Ran {
        whole: Duration::from_secs(3600),
        now: true,
    };
    Observed {
        within: minute(0)..minute(60),
        count: Count {
            within: Duration::from_secs(3600),
            instances: [("hillside".to_owned(), ran)].into(),
            strays: Vec::new(),
        },
        books: vec![Book {
            name: "hillside".to_owned(),
            spans: Spans {
                ran: vec![minute(0)..minute(60)],
                people: vec![Need {
                    span: minute(0)..minute(48),
                    request: true,
                }],
                own: Vec::new(),
                forced: false,
            },
            asked: asked.to_vec(),
            asked_since: Some(minute(-1)),
        }],
        woken: None,
    }
}

#[track_caller]
fn check(change: impl FnOnce(&mut Observed), verdict: Verdict, says: &str) {
    let mut observed = an_hour();
    change(&mut observed);
    let (judged, sentence) = judge(&IDLE, &observed);
    assert_eq!(judged, verdict, "{sentence}");
    assert!(sentence.contains(says), "{sentence}");
    assert!(!sentence.contains("hillside"), "{sentence}");
}

#[test]
fn a_share_equal_to_the_promised_one_is_held_and_a_larger_one_is_broken() {
    check(|_| {}, Verdict::Held, "20.0% idle, of 20% promised");
    check(
        |seen| seen.books[0].spans.people[0].span.end = minute(47),
        Verdict::Broken,
        "21.7% idle, of 20% promised",
    );
}

#[test]
fn a_process_that_nobody_here_started_breaks_it() {
    check(
        |seen| seen.count.strays = vec![7],
        Verdict::Broken,
        "processes that it did not start: 1.",
    );
}

#[test]
fn one_that_was_stopped_must_come_back_for_a_request() {
    check(
        |seen| seen.woken = Some(Ok(Duration::from_millis(321))),
        Verdict::Held,
        "came after 321 ms",
    );
    check(
        |seen| seen.woken = Some(Err("it was answered with 502".to_owned())),
        Verdict::Broken,
        "did not come: it was answered with 502",
    );
}

#[test]
fn the_trail_and_the_supervisor_must_agree_but_for_a_few_seconds() {
    let ran = |seconds| {
        move |seen: &mut Observed| {
            let ran = seen.count.instances.get_mut("hillside").unwrap();
            ran.whole = Duration::from_secs(seconds);
        }
    };
    check(ran(3594), Verdict::Held, "promised");
    check(
        ran(3593),
        Verdict::Broken,
        "ran for 60.0 min, by the supervisor's own count",
    );
    check(
        |seen| seen.count.instances.clear(),
        Verdict::Broken,
        "count for 0.0 min",
    );
}

#[test]
fn every_request_lies_where_it_ran_and_was_needed_and_every_need_has_one() {
    let asked = |at, came| {
        move |seen: &mut Observed| {
            let at = minute(at);
            seen.books[0].asked.push(Asked { at, came });
        }
    };
    check(asked(47, Came::Answered), Verdict::Held, "promised");
    check(
        asked(50, Came::Through),
        Verdict::Broken,
        "has a request of 2026-01-05T12:50",
    );
    check(asked(50, Came::Nowhere), Verdict::Held, "promised");
    let short = |seen: &mut Observed| {
        seen.books[0].spans.ran[0].end = minute(30);
        seen.count.instances.get_mut("hillside").unwrap().whole = Duration::from_secs(1800);
    };
    check(short, Verdict::Broken, "has a request of 2026-01-05T12:38");
    check(
        |seen| seen.books[0].asked.clear(),
        Verdict::Broken,
        "needed from 2026-01-05T12:00:00Z, and has no request",
    );
    // What is older than the sample is not judged by it, and nor is what a tunnel began.
    check(
        |seen| {
            seen.books[0].asked.clear();
            seen.books[0].asked_since = Some(minute(1));
        },
        Verdict::Held,
        "promised",
    );
    check(
        |seen| {
            seen.books[0].asked.clear();
            seen.books[0].spans.people[0].request = false;
        },
        Verdict::Held,
        "promised",
    );
}

#[test]
fn an_end_by_force_breaks_it() {
    check(
        |seen| seen.books[0].spans.forced = true,
        Verdict::Broken,
        "only by force",
    );
}
