//! Followers under a clock that is set, and on a machine that is suspended.

use jiff::{SignedDuration, Timestamp};

use crate::{
    changes::{
        ChangesError,
        moments::{Found, reach},
        testing::{Place, SECOND, begun, facts, following, head, resumed, step},
    },
    records::Shipment,
    retention::SnapshotId,
};

const PAGE: u32 = 4096;
const MINUTE: i64 = 60 * SECOND;
const HOUR: i64 = 60 * MINUTE;
const TOLERATED: SignedDuration = SignedDuration::from_mins(5);

fn place() -> Place {
    let mut place = Place::new(PAGE);
    place.what.boot = Some("this run".to_owned());
    place
}

fn row(place: &Place, n: u32) {
    place.sql(&format!("insert into line values ({n}, randomblob(5000))"));
}

/// What would be stored of what lies there.
fn stored(place: &Place) -> Vec<Shipment> {
    let shipment = |generation: &std::path::PathBuf| Shipment {
        destination: "local".to_owned(),
        id: SnapshotId(generation.display().to_string()),
        generation: generation.file_name().unwrap().display().to_string(),
        segments: 1,
        head: head(generation),
        facts: facts(generation),
        verified: Timestamp::UNIX_EPOCH,
    };
    place.generations().iter().map(shipment).collect()
}

#[track_caller]
fn ended(error: ChangesError) {
    assert!(matches!(error, ChangesError::Clock { .. }), "{error}");
}

#[tokio::test]
async fn while_the_clock_was_ahead_no_moment_can_be_had_and_none_gives_the_data_of_another() {
    let place = place();
    let mut follower = following(&place, &place).await;
    row(&place, 1);
    step(&mut follower).await;
    place.pass(10 * MINUTE);
    let before = place.now();
    step(&mut follower).await;
    place.pass(MINUTE);
    place.set(HOUR);
    ended(follower.look().await.unwrap_err());
    drop(follower);

    // Ahead for half an hour, in which something is written.
    let mut follower = following(&place, &place).await;
    place.pass(10 * MINUTE);
    row(&place, 2);
    step(&mut follower).await;
    place.pass(20 * MINUTE);
    step(&mut follower).await;
    place.set(-HOUR);
    ended(follower.look().await.unwrap_err());
    let wrong = before + SignedDuration::from_mins(25);
    drop(follower);

    let mut follower = following(&place, &place).await;
    let after = place.now();
    place.pass(2 * HOUR);
    step(&mut follower).await;
    row(&place, 3);
    step(&mut follower).await;
    drop(follower);
    place.settle();

    let stored = stored(&place);
    let [first, _, last] = &*stored else {
        panic!("{stored:?}")
    };
    let reach = reach(&stored, None, TOLERATED, None).unwrap();
    assert!(matches!(reach.find(before), Found::In(one, _) if one == first));
    assert!(matches!(reach.find(wrong), Found::Between(..)), "{reach:?}");
    assert_eq!(reach.gaps.len(), 1);
    for moment in [after, after + SignedDuration::from_mins(50)] {
        assert!(matches!(reach.find(moment), Found::In(one, _) if one == last));
    }
    assert_eq!(place.lines(after + SignedDuration::from_mins(50)), "1 2");
}

#[tokio::test]
async fn what_was_followed_before_the_clock_was_set_is_not_gone_on_with() {
    for (set, gone_on_with) in [(SECOND, true), (HOUR, false), (-3 * SECOND, false)] {
        let place = place();
        let application = place.application();
        let mut follower = following(&place, &place).await;
        row(&place, 1);
        step(&mut follower).await;
        drop(follower);
        place.pass(10 * SECOND);
        place.set(set);
        let follower = begun(&place, &place).await;
        assert_eq!(follower.has_resumed(), gone_on_with, "{set}");
        drop(application);
    }
}

#[tokio::test]
async fn a_machine_that_was_suspended_or_started_again_is_gone_on_with() {
    let mut place = place();
    let application = place.application();
    let mut follower = following(&place, &place).await;
    row(&place, 1);
    step(&mut follower).await;
    place.pass(8 * HOUR);
    step(&mut follower).await;
    drop(follower);
    place.what.boot = Some("the next run".to_owned());
    place.pass(HOUR);
    // Its count begins anew.
    place.set(HOUR);
    let mut follower = resumed(&place, &place).await;
    row(&place, 2);
    step(&mut follower).await;
    drop(follower);
    drop(application);
    place.settle();
    let [one] = stored(&place).try_into().unwrap();
    let boots: Vec<&str> = one
        .head
        .clocks
        .iter()
        .map(|one| one.by.boot.as_str())
        .collect();
    assert_eq!(boots, ["this run", "the next run"]);
    assert_eq!(place.lines(place.now()), "1 2");
}
