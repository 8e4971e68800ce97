//! Followers that go on where others were ended, on a full disk, and with a clock that jumps.

use std::{fs, path::Path, path::PathBuf};

use jiff::{SignedDuration, Timestamp};

use super::Follower;
use crate::changes::{
    Beat, ChangesError,
    testing::{Place, SECOND, begun, facts, following, head, resumed, step},
};

const PAGE: u32 = 4096;
const HOUR: i64 = 3600 * SECOND;
const YEAR: i64 = 365 * 24 * HOUR;

fn row(place: &Place, n: u32) {
    place.sql(&format!("insert into line values ({n}, randomblob(5000))"));
}

#[tokio::test]
async fn who_follows_next_goes_on_where_the_log_of_the_database_was_left_and_misses_nothing() {
    let place = Place::new(PAGE);
    let clock = &place;
    let application = place.application();
    let mut follower = following(&place, clock).await;
    row(&place, 1);
    step(&mut follower).await;
    let first = place.now();
    drop(follower);
    place.pass(60 * SECOND);
    row(&place, 2);
    place.pass(60 * SECOND);
    let mut follower = resumed(&place, clock).await;
    let second = place.now();
    place.pass(SECOND);
    row(&place, 3);
    step(&mut follower).await;
    let third = place.now();
    drop(follower);
    drop(application);
    place.settle();
    for (moment, rows) in [(first, "1"), (second, "1 2"), (third, "1 2 3")] {
        assert_eq!(place.lines(moment), rows);
    }
    // When in the two minutes the second was written is not known, and is said.
    let [generation] = place.generations().try_into().unwrap();
    let [stall] = head(&generation).stalls.try_into().unwrap();
    assert!(
        stall.length() >= SignedDuration::from_secs(120),
        "{stall:?}"
    );
    assert!(stall.from <= first && stall.to <= second, "{stall:?}");
}

#[tokio::test]
async fn a_database_that_nobody_wrote_to_meanwhile_is_gone_on_with_without_a_gap() {
    let place = Place::new(PAGE);
    let clock = &place;
    let mut follower = following(&place, clock).await;
    for n in 1..=9 {
        row(&place, n);
        place.pass(9 * SECOND);
        step(&mut follower).await;
    }
    drop(follower);
    place.pass(10 * HOUR);
    // Elsewhere the log of the database is gone, as after the last who had it open went away.
    let moved = place.moved();
    let mut follower = resumed(&moved, clock).await;
    place.pass(2 * SECOND);
    step(&mut follower).await;
    // While it rests, what is stored is known to be all.
    let beat = Beat::read(&moved.what.folder).unwrap().unwrap();
    let [generation] = moved.generations().try_into().unwrap();
    let end = beat.closes.last().unwrap();
    assert_eq!(end.log, head(&generation).hash);
    assert_eq!(end.quiet, beat.up_to);
    place.pass(9 * SECOND);
    row(&moved, 10);
    step(&mut follower).await;
    let end = place.now();
    drop(follower);
    moved.settle();
    let [generation] = moved.generations().try_into().unwrap();
    assert_eq!(head(&generation).stalls, vec![]);
    assert_eq!(moved.lines(end), "1 2 3 4 5 6 7 8 9 10");
    let meanwhile = end - SignedDuration::from_hours(5);
    assert_eq!(moved.lines(meanwhile), "1 2 3 4 5 6 7 8 9");
}

#[tokio::test]
async fn a_database_that_was_written_to_unseen_is_not_gone_on_with() {
    let place = Place::new(PAGE);
    let clock = &place;
    for written in [
        "insert into line values (7, null)",
        "update line set fill = x'00' where n = 1",
        "vacuum",
    ] {
        let mut follower = following(&place, clock).await;
        place.sql("insert or replace into line values (1, randomblob(9000)), (2, zeroblob(9000))");
        step(&mut follower).await;
        drop(follower);
        let moved = place.moved();
        moved.sql(written);
        let follower = begun(&moved, clock).await;
        assert!(!follower.has_resumed(), "{written}");
        place.sql("delete from line");
    }
}

#[tokio::test]
async fn what_was_remembered_of_closed_files_is_known_to_who_goes_on() {
    let place = Place::new(PAGE);
    let clock = &place;
    let application = place.application();
    let mut follower = following(&place, clock).await;
    place.pass(HOUR);
    step(&mut follower).await;
    let before = Beat::read(&place.what.folder).unwrap().unwrap();
    row(&place, 1);
    step(&mut follower).await;
    drop(follower);
    let mut follower = resumed(&place, clock).await;
    place.pass(2 * SECOND);
    step(&mut follower).await;
    let after = Beat::read(&place.what.folder).unwrap().unwrap();
    assert!(after.closes.len() > before.closes.len());
    let rested = |beat: &Beat| beat.closes[0].quiet;
    assert_eq!(rested(&after), rested(&before));
    drop(application);
}

/// Makes the file of the database longer than any disk, without taking room.
fn stretch(place: &Place) {
    let file = fs::OpenOptions::new()
        .write(true)
        .open(&place.what.database);
    file.unwrap().set_len(1 << 43).unwrap();
}

#[tokio::test]
async fn no_image_is_begun_that_the_disk_has_no_room_for() {
    let place = Place::new(PAGE);
    let clock = &place;
    stretch(&place);
    let refused = Follower::begin(&place.what, clock).await.err().unwrap();
    let said = refused.to_string();
    assert!(matches!(refused, ChangesError::NoRoom { .. }), "{said}");
    assert!(said.contains("8796093022208 bytes are needed"), "{said}");
    let left: Vec<PathBuf> = fs::read_dir(place.what.folder.join("open"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    assert_eq!(left, Vec::<PathBuf>::new());
}

#[tokio::test]
async fn a_generation_that_there_is_room_for_goes_on_while_there_is_none_for_the_next() {
    let mut place = Place::new(PAGE);
    place.what.generation = std::time::Duration::from_secs(20);
    let place = place;
    let clock = &place;
    let mut follower = following(&place, clock).await;
    stretch(&place);
    place.pass(30 * SECOND);
    step(&mut follower).await;
    let beat = Beat::read(&place.what.folder).unwrap().unwrap();
    let trouble = beat.trouble.unwrap();
    assert!(trouble.contains("bytes are needed"), "{trouble}");
    row(&place, 1);
    step(&mut follower).await;
    let moment = place.now();
    drop(follower);
    place.settle();
    assert_eq!(place.generations().len(), 1);
    assert_eq!(place.lines(moment), "1");
}

fn name(generation: &Path) -> String {
    generation
        .file_name()
        .unwrap()
        .to_string_lossy()
        .into_owned()
}

#[tokio::test]
async fn the_names_of_generations_only_go_up_whatever_the_clock_does() {
    let mut place = Place::new(PAGE);
    let mut names = Vec::new();
    let mut complete: Vec<Timestamp> = Vec::new();
    for (n, jump) in [0, -HOUR, YEAR, -YEAR, -HOUR, HOUR].into_iter().enumerate() {
        place.pass(jump);
        let clock = &place;
        drop(following(&place, clock).await);
        place.settle();
        // So that the next cannot go on with it.
        row(&place, u32::try_from(n).unwrap());
        let newest = place.generations().pop().unwrap();
        names.push(name(&newest));
        complete.push(facts(&newest).complete);
    }
    assert!(names.is_sorted() && complete[1] < complete[0], "{names:?}");
    assert_eq!(names.len(), place.generations().len());
    // One that is stored elsewhere and not here comes before as well.
    let far = "29991122T000000.000000Z".to_owned();
    place.what.last = Some(far.clone());
    let clock = &place;
    drop(following(&place, clock).await);
    assert!(name(&place.generations().pop().unwrap()) > far);
}

#[tokio::test]
async fn a_clock_that_is_set_back_ends_a_follower_and_what_it_left_is_not_gone_on_with() {
    let place = Place::new(PAGE);
    let clock = &place;
    let application = place.application();
    let mut follower = following(&place, clock).await;
    row(&place, 1);
    step(&mut follower).await;
    place.pass(-HOUR);
    let ended = follower.look().await.unwrap_err();
    assert!(matches!(ended, ChangesError::Clock { .. }), "{ended}");
    drop(follower);
    let follower = begun(&place, clock).await;
    assert!(!follower.has_resumed());
    drop(application);
}

#[tokio::test]
async fn a_large_database_that_is_vacuumed_comes_back_as_before_and_after_and_is_followed_on() {
    let place = Place::new(PAGE);
    let clock = &place;
    place.sql(
        "with recursive numbers (n) as (select 1 union all select n + 1 from numbers where n < 8000) \
         insert into line select n, randomblob(3500) from numbers",
    );
    let mut follower = following(&place, clock).await;
    let large = place.generations().pop().unwrap();
    place.pass(SECOND);
    step(&mut follower).await;
    let whole = place.now();
    place.pass(SECOND);
    place.sql("delete from line where n > 10");
    step(&mut follower).await;
    let before = place.now();
    place.pass(SECOND);
    place.sql("vacuum");
    step(&mut follower).await;
    let after = place.now();
    // More lies here than would be kept of a database of a few pages.
    let rest = fs::File::create(large.join("rest")).unwrap();
    rest.set_len(1 << 30).unwrap();
    place.pass(120 * SECOND);
    follower.let_go().await.unwrap();
    step(&mut follower).await;
    let length = fs::metadata(&place.what.database).unwrap().len();
    assert!(length < 1 << 20, "{length}");
    place.pass(120 * SECOND);
    row(&place, 9000);
    step(&mut follower).await;
    let later = place.now();
    drop(follower);
    fs::remove_file(large.join("rest")).unwrap();
    place.settle();
    let count = |moment| place.lines(moment).split(' ').count();
    assert_eq!([whole, before, after, later].map(count), [8000, 10, 10, 11]);
}
