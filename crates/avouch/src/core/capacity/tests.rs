//! When an application is put to rest, and when it is not.

use super::*;
use avouch_statement::{Length, Unit};

const IDLE: Idle = Idle {
    after: Length::new(1, Unit::Minute),
    share: 20,
};

fn hillside() -> TenantId {
    "hillside".parse().unwrap()
}

fn capacity() -> Arc<Capacity> {
    let clock: Clock = Arc::new(|| "2026-01-05T12:00:00Z".parse().unwrap());
    Arc::new(Capacity::new(Some(IDLE), clock, None))
}

/// What is due so many seconds from now, at which the application then turns or not.
fn due(capacity: &Capacity, seconds: u64) -> (Vec<Note>, bool) {
    let (notes, turning) = capacity.due(&IDLE, &[hillside()], from_now(seconds).0);
    let notes = notes.into_iter().map(|(_, note)| note).collect();
    (notes, !turning.is_empty())
}

fn from_now(seconds: u64) -> (Instant, Timestamp) {
    let time: Timestamp = "2026-01-05T12:00:00Z".parse().unwrap();
    let later = Duration::from_secs(seconds);
    (Instant::now() + later, time + later)
}

/// What the fronts know so many seconds from now.
fn settle(capacity: &Capacity, seconds: u64, quiet: Option<Quiet>) -> (Vec<Note>, bool) {
    capacity.settle(&IDLE, &hillside(), quiet, from_now(seconds))
}

fn quiet(open: u64, people: Option<u64>) -> Option<Quiet> {
    Some(Quiet {
        open,
        people: people.map(Duration::from_secs),
        checks: None,
    })
}

#[test]
fn what_nobody_has_used_for_the_stated_time_is_stopped_and_the_trail_has_both() {
    let capacity = capacity();
    let since = from_now(0).1;
    drop(capacity.enter(&hillside(), Whose::People));
    let begun = vec![Note::Began(Whose::People, since, true)];
    assert_eq!(due(&capacity, 59), (begun, false));
    assert_eq!(due(&capacity, 61), (vec![], true));
    assert!(capacity.rests(&hillside()));
    // Nothing else turns it meanwhile.
    assert_eq!(due(&capacity, 62), (vec![], false));
    let over = vec![Note::Over(Whose::People, since)];
    assert_eq!(settle(&capacity, 62, quiet(0, None)), (over, true));
    capacity.set(&hillside(), Phase::Asleep);
    assert_eq!(capacity.asleep(), [hillside()]);
    assert!(capacity.enter(&hillside(), Whose::People).rests);
    assert!(matches!(capacity.turn(&hillside()), Turn::Wake));
    assert!(matches!(capacity.turn(&hillside()), Turn::Wait(_)));
    capacity.set(&hillside(), Phase::Awake);
    assert!(matches!(capacity.turn(&hillside()), Turn::Go));
}

#[test]
fn a_request_under_way_keeps_it_awake_however_long_it_takes() {
    let capacity = capacity();
    let busy = capacity.enter(&hillside(), Whose::People);
    assert!(!due(&capacity, 3_600).1);
    drop(busy);
    assert!(due(&capacity, 3_600).1);
}

#[test]
fn one_who_comes_while_the_fronts_are_asked_stops_the_stop() {
    let capacity = capacity();
    assert!(due(&capacity, 61).1);
    let busy = capacity.enter(&hillside(), Whose::People);
    assert!(busy.rests, "it waits");
    assert!(!settle(&capacity, 0, quiet(0, None)).1);
    assert!(!capacity.rests(&hillside()));
}

#[test]
fn what_still_streams_counts_as_use_until_it_is_over() {
    let capacity = capacity();
    capacity.touch(&hillside(), Whose::People);
    assert!(due(&capacity, 61).1);
    assert!(!settle(&capacity, 61, quiet(1, Some(0))).1);
    assert!(!due(&capacity, 120).1, "a minute after it streamed last");
    assert!(due(&capacity, 122).1);
    // It was over half a minute before.
    assert!(!settle(&capacity, 122, quiet(0, Some(30))).1);
    assert!(due(&capacity, 153).1);
    let (notes, stop) = settle(&capacity, 153, quiet(0, Some(61)));
    assert!(stop);
    let last = from_now(92).1;
    assert_eq!(notes, [Note::Over(Whose::People, last)]);
}

#[test]
fn a_tunnel_that_an_earlier_core_let_through_is_a_need_of_its_own() {
    let capacity = capacity();
    assert!(due(&capacity, 0).1);
    let since = from_now(0).1;
    let (notes, stop) = settle(&capacity, 0, quiet(1, Some(0)));
    assert_eq!(notes, [Note::Began(Whose::People, since, false)]);
    assert!(!stop);
}

#[test]
fn nothing_is_stopped_while_no_front_says_that_nothing_streams() {
    let capacity = capacity();
    assert!(due(&capacity, 61).1);
    assert!(!settle(&capacity, 61, None).1);
    assert!(!capacity.rests(&hillside()));
}

#[test]
fn the_services_own_work_counts_for_less_long_and_apart() {
    let capacity = capacity();
    capacity.touch(&hillside(), Whose::People);
    capacity.touch(&hillside(), Whose::Own);
    due(&capacity, 0);
    assert!(due(&capacity, 21).1, "the work is over");
    let since = from_now(0).1;
    let (notes, stop) = settle(&capacity, 21, quiet(0, None));
    assert_eq!(notes, [Note::Over(Whose::Own, since)]);
    assert!(!stop, "somebody needs it");
    assert!(!due(&capacity, 22).1);
}

#[tokio::test]
async fn whoever_holds_it_stops_and_starts_it_alone() {
    let capacity = capacity();
    let held = capacity.hold(&hillside()).await;
    let second = capacity.hold(&hillside()).await;
    assert!(!due(&capacity, 3_600).1);
    assert!(matches!(capacity.turn(&hillside()), Turn::Go));
    drop(held);
    assert!(!due(&capacity, 3_600).1);
    drop(second);
    assert!(due(&capacity, 3_600).1);
    let waiting = tokio::spawn({
        let capacity = capacity.clone();
        async move { drop(capacity.hold(&hillside()).await) }
    });
    capacity.set(&hillside(), Phase::Asleep);
    waiting.await.unwrap();
    assert!(!capacity.rests(&hillside()), "it is awake after that");
}

#[test]
fn where_nothing_is_stated_nothing_ever_rests() {
    let clock: Clock = Arc::new(|| Timestamp::UNIX_EPOCH);
    let capacity = Arc::new(Capacity::new(None, clock, None));
    assert!(!capacity.enter(&hillside(), Whose::People).rests);
    assert!(!capacity.rests(&hillside()) && capacity.asleep().is_empty());
}
