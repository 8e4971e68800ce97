//! Real databases, followed while a process of its own writes to them.

use std::{
    fs,
    os::unix::fs::FileExt,
    path::Path,
    process::{Command, Stdio},
};

use super::{
    BASE, Beat, ChangesError,
    follow::Follower,
    log::Record,
    rebuild::{each, rebuild},
    segment,
    testing::{Place, SECOND, ask, facts, following, head, step},
};

const PAGE: u32 = 4096;

#[tokio::test]
async fn rows_up_to_the_chosen_moment_are_there_and_none_after() {
    let place = Place::new(PAGE);
    let clock = &place;
    let mut follower = following(&place, clock).await;
    let mut moments = Vec::new();
    for n in 1..=12 {
        place.sql(&format!("insert into line values ({n}, zeroblob(3000))"));
        step(&mut follower).await;
        moments.push(place.now());
        place.pass(SECOND);
    }
    drop(follower);
    place.settle();
    let mut expected = String::new();
    for (n, moment) in (1..).zip(moments) {
        expected = format!("{expected} {n}").trim().to_owned();
        assert_eq!(place.lines(moment), expected);
    }
}

#[tokio::test]
async fn no_page_is_lost_where_one_file_of_the_log_ends_and_the_next_begins() {
    let place = Place::new(PAGE);
    let clock = &place;
    place.sql(
        "with recursive numbers (n) as (select 1 union all select n + 1 from numbers where n < 3000) \
         insert into line select n, zeroblob(3500) from numbers",
    );
    let mut follower = following(&place, clock).await;
    // At one look more than one file holds, each page once; and then one page, after the file is over-full.
    for change in [
        "update line set fill = randomblob(3500)",
        "update line set fill = randomblob(3500) where n <= 2200",
        "update line set fill = randomblob(3500) where n = 7",
        "update line set fill = randomblob(3500) where n = 8",
    ] {
        place.sql(change);
        step(&mut follower).await;
    }
    let moment = place.now();
    drop(follower);
    place.settle();
    let all = "select n, hex(fill) from line order by n";
    let same = ask(&place.rebuilt(moment), all) == place.sql(all);
    assert!(same, "what was restored is not what was committed");
}

#[tokio::test]
async fn a_log_that_another_process_cuts_to_nothing_loses_no_row() {
    let place = Place::new(PAGE);
    let clock = &place;
    let mut follower = following(&place, clock).await;
    let cut = || {
        place
            .sql("pragma busy_timeout = 0; pragma wal_checkpoint(truncate)")
            .split_off(2)
    };
    let mut moments = Vec::new();
    for n in 1..=12 {
        place.sql(&format!("insert into line values ({n}, zeroblob(3000))"));
        step(&mut follower).await;
        // Refused while the follower needs what is in the log; done once it has let go.
        assert!(cut().starts_with("1|"));
        if n % 3 == 0 {
            follower.let_go().await.unwrap();
            assert!(cut().starts_with("0|"));
        }
        moments.push((n, place.now()));
        place.pass(2 * SECOND);
    }
    drop(follower);
    place.settle();
    for (n, moment) in moments {
        let expected: Vec<String> = (1..=n).map(|n: i32| n.to_string()).collect();
        assert_eq!(place.lines(moment), expected.join(" "));
    }
}

#[tokio::test]
async fn under_write_load_nothing_is_missed() {
    let place = Place::new(PAGE);
    let clock = &place;
    let mut follower = following(&place, clock).await;
    let script = place.what.folder.join("open/script");
    let lines: String = (1..=3000)
        .map(|n| format!("insert into line values ({n}, randomblob(3000));\n"))
        .collect();
    fs::write(&script, format!(".timeout 10000\n{lines}")).unwrap();
    let mut writer = Command::new("sqlite3")
        .arg(&place.what.database)
        .stdin(Stdio::from(fs::File::open(&script).unwrap()))
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    while writer.try_wait().unwrap().is_none() {
        place.pass(SECOND);
        step(&mut follower).await;
    }
    step(&mut follower).await;
    let end = place.now();
    let dump = place.dump();
    drop(follower);
    place.settle();
    assert!(ask(&place.rebuilt(end), ".dump") == dump);
}

#[tokio::test]
async fn the_log_is_let_go_before_it_grows_without_end() {
    let place = Place::new(PAGE);
    let clock = &place;
    let mut follower = following(&place, clock).await;
    // Each round writes some 5 MiB; kept whole, the log would have 40 MiB.
    for round in 0..8 {
        place.sql(&format!(
            "insert into line select {round} * 1000 + value, randomblob(3000) from generate_series(1, 1000)"
        ));
        place.pass(10 * SECOND);
        step(&mut follower).await;
    }
    let log = place.what.database.with_extension("db-wal");
    let length = fs::metadata(log).unwrap().len();
    assert!(length < 20 << 20, "{length} bytes");
}

#[tokio::test]
async fn a_database_that_shrinks_and_grows_is_as_it_was_at_each_moment() {
    let place = Place::new(PAGE);
    let clock = &place;
    let mut follower = following(&place, clock).await;
    let mut states = Vec::new();
    for change in [
        "insert into line select value, randomblob(2000) from generate_series(1, 300)",
        "delete from line where n > 5",
        "vacuum",
        "insert into line select value, randomblob(2000) from generate_series(400, 500)",
        "create table other (a text); insert into other values ('b'); drop table line",
        "vacuum",
    ] {
        place.sql(change);
        step(&mut follower).await;
        states.push((place.now(), place.dump(), place.sql("pragma page_count")));
        place.pass(SECOND);
    }
    drop(follower);
    place.settle();
    for (moment, dump, pages) in states {
        let rebuilt = place.rebuilt(moment);
        assert!(ask(&rebuilt, ".dump") == dump);
        assert_eq!(ask(&rebuilt, "pragma page_count"), pages);
    }
}

#[tokio::test]
async fn the_smallest_and_the_largest_pages_are_followed() {
    for page_size in [512, 65_536] {
        let place = Place::new(page_size);
        let clock = &place;
        let mut follower = following(&place, clock).await;
        place.sql("insert into line values (1, randomblob(200000))");
        step(&mut follower).await;
        let (moment, dump) = (place.now(), place.dump());
        drop(follower);
        place.settle();
        assert!(ask(&place.rebuilt(moment), ".dump") == dump);
    }
}

#[tokio::test]
async fn a_database_without_a_write_ahead_log_is_refused_in_words() {
    let place = Place::new(PAGE);
    place.sql("pragma journal_mode = delete");
    let clock = &place;
    let refused = Follower::begin(&place.what, clock).await.err().unwrap();
    assert!(
        refused
            .to_string()
            .contains("is not in WAL mode (it is in `delete`)"),
        "{refused}"
    );
}

#[tokio::test]
async fn what_a_killed_follower_wrote_half_is_left_out_and_the_rest_counts() {
    let place = Place::new(PAGE);
    let clock = &place;
    let mut follower = following(&place, clock).await;
    place.sql("insert into line values (1, null)");
    step(&mut follower).await;
    let first = place.now();
    place.pass(10 * SECOND);
    step(&mut follower).await;
    place.sql("insert into line values (2, null)");
    step(&mut follower).await;
    let second = place.now();
    drop(follower);
    let part = fs::read_dir(place.what.folder.join("open"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .find(|path| path.extension().is_some_and(|ending| ending == "log"))
        .unwrap();
    let length = fs::metadata(&part).unwrap().len();
    fs::OpenOptions::new()
        .write(true)
        .open(&part)
        .unwrap()
        // Into the last look, past the mark after it.
        .set_len(length - 64)
        .unwrap();
    place.settle();
    assert_eq!(place.lines(first), "1");
    assert_eq!(place.lines(second), "1");
}

#[tokio::test]
async fn whoever_follows_next_begins_with_an_image_of_its_own() {
    let place = Place::new(PAGE);
    let clock = &place;
    let mut follower = following(&place, clock).await;
    place.sql("insert into line values (1, null)");
    step(&mut follower).await;
    let first = place.now();
    drop(follower);
    place.sql("insert into line values (2, null)");
    let mut follower = following(&place, clock).await;
    place.sql("insert into line values (3, null)");
    step(&mut follower).await;
    let third = place.now();
    drop(follower);
    place.settle();
    assert_eq!(place.generations().len(), 2);
    assert_eq!(
        (place.lines(first), place.lines(third)),
        ("1".to_owned(), "1 2 3".to_owned())
    );
    let [_, newer] = place.generations().try_into().unwrap();
    let early = rebuild(&newer, &head(&newer), first, Path::new("/nowhere")).unwrap_err();
    assert!(matches!(early, ChangesError::Beyond { .. }), "{early}");
}

#[tokio::test]
async fn one_generation_takes_over_from_another_without_a_gap() {
    let mut place = Place::new(PAGE);
    place.what.generation = std::time::Duration::from_secs(20);
    let place = place;
    let clock = &place;
    let mut follower = following(&place, clock).await;
    let mut moments = Vec::new();
    let mut n = 0;
    while place.generations().len() < 4 {
        n += 1;
        place.sql(&format!("insert into line values ({n}, randomblob(5000))"));
        step(&mut follower).await;
        moments.push((n, place.now()));
        place.pass(SECOND);
    }
    drop(follower);
    place.settle();
    let generations = place.generations();
    for pair in generations.windows(2) {
        assert!(
            head(&pair[0]).up_to.unwrap()
                >= facts(&pair[1]).complete - jiff::SignedDuration::from_millis(5)
        );
    }
    for (n, moment) in moments {
        let expected: Vec<String> = (1..=n).map(|n: i32| n.to_string()).collect();
        assert_eq!(place.lines(moment), expected.join(" "));
    }
}

#[tokio::test]
async fn anything_altered_or_missing_is_refused_by_name() {
    let place = Place::new(PAGE);
    let clock = &place;
    let mut follower = following(&place, clock).await;
    for n in 1..=3 {
        place.sql(&format!("insert into line values ({n}, randomblob(5000))"));
        place.pass(10 * SECOND);
        step(&mut follower).await;
    }
    drop(follower);
    place.settle();
    let [generation] = place.generations().try_into().unwrap();
    let (end, at) = (head(&generation), place.now());
    let into = tempfile::tempdir().unwrap();
    for name in [BASE, &segment(1), &segment(3)] {
        let path = generation.join(name);
        let sound = fs::read(&path).unwrap();
        let mut wrong = sound.clone();
        wrong[100] ^= 1;
        for broken in [Some(wrong), None] {
            match broken {
                Some(wrong) => fs::write(&path, wrong).unwrap(),
                None => fs::remove_file(&path).unwrap(),
            }
            rebuild(&generation, &end, at, into.path()).unwrap_err();
            fs::remove_file(into.path().join("live.db")).ok();
        }
        fs::write(&path, sound).unwrap();
    }
    rebuild(&generation, &end, at, into.path()).unwrap();
}

#[tokio::test]
async fn a_log_whose_published_frames_are_altered_is_not_followed_on() {
    let place = Place::new(PAGE);
    let clock = &place;
    let mut follower = following(&place, clock).await;
    place.sql("insert into line values (1, null)");
    step(&mut follower).await;
    place.sql("insert into line values (2, null)");
    let log = place.what.database.with_extension("db-wal");
    let file = fs::OpenOptions::new().write(true).open(&log).unwrap();
    file.write_all_at(b"other", fs::metadata(&log).unwrap().len() - 100)
        .unwrap();
    let torn = follower.look().await.unwrap_err();
    assert!(matches!(torn, ChangesError::Torn { .. }), "{torn}");
}

#[tokio::test]
async fn a_file_put_in_the_place_of_the_database_ends_it() {
    let place = Place::new(PAGE);
    let clock = &place;
    let mut follower = following(&place, clock).await;
    let beside = place.what.database.with_extension("other");
    fs::copy(&place.what.database, &beside).unwrap();
    fs::rename(&beside, &place.what.database).unwrap();
    place.pass(2 * SECOND);
    follower.look().await.unwrap();
    let ended = follower.tend().await.unwrap_err();
    assert!(matches!(ended, ChangesError::Replaced(_)), "{ended}");
}

#[tokio::test]
async fn a_log_or_index_put_in_the_place_of_the_followed_one_ends_it() {
    for ending in ["db-wal", "db-shm"] {
        let place = Place::new(PAGE);
        let clock = &place;
        let mut follower = following(&place, clock).await;
        let file = place.what.database.with_extension(ending);
        let beside = place.what.database.with_extension("other");
        fs::copy(&file, &beside).unwrap();
        fs::rename(&beside, &file).unwrap();
        place.pass(2 * SECOND);
        follower.look().await.unwrap();
        let ended = follower.tend().await.unwrap_err();
        assert!(matches!(ended, ChangesError::Replaced(_)), "{ended}");
    }
}

#[tokio::test]
async fn its_word_says_how_far_it_has_seen() {
    let place = Place::new(PAGE);
    let clock = &place;
    let mut follower = following(&place, clock).await;
    place.pass(2 * SECOND);
    step(&mut follower).await;
    let quiet = Beat::read(&place.what.folder).unwrap().unwrap();
    let [generation] = place.generations().try_into().unwrap();
    let last = |beat: &Beat| beat.closes.last().unwrap().clone();
    // All that is there is closed, and nothing has changed since.
    assert_eq!(last(&quiet).log, head(&generation).hash);
    assert_eq!(last(&quiet).quiet, quiet.up_to);
    place.sql("insert into line values (1, null)");
    place.pass(2 * SECOND);
    step(&mut follower).await;
    let busy = Beat::read(&place.what.folder).unwrap().unwrap();
    assert!(busy.up_to > quiet.up_to);
    assert_eq!(
        last(&busy),
        last(&quiet),
        "until the look before the change"
    );
    assert_eq!(busy.count, quiet.count + 1);
    assert_eq!(
        busy.generation.as_deref(),
        generation.file_name().unwrap().to_str()
    );
    // Closed with the look that saw it, a change counts as stored.
    place.pass(10 * SECOND);
    place.sql("insert into line values (2, null)");
    step(&mut follower).await;
    let closed = Beat::read(&place.what.folder).unwrap().unwrap();
    assert_eq!(last(&closed).log, head(&generation).hash);
    assert_eq!(Some(last(&closed).quiet), head(&generation).up_to);
}

#[tokio::test]
async fn a_file_of_the_log_that_ends_among_the_pages_of_a_change_says_until_when_nothing_had_changed()
 {
    let place = Place::new(PAGE);
    let clock = &place;
    let mut follower = following(&place, clock).await;
    place.pass(7200 * SECOND);
    follower.look().await.unwrap();
    let rested = place.now();
    place.pass(2 * SECOND);
    place.sql(
        "with recursive numbers (n) as (select 1 union all select n + 1 from numbers where n < 3000) \
         insert into line select n, zeroblob(3500) from numbers",
    );
    follower.look().await.unwrap();
    let [generation] = place.generations().try_into().unwrap();
    let stored = head(&generation);
    assert_eq!(stored.changed, None, "the change is not stored whole yet");
    assert!(stored.up_to.unwrap() >= rested - jiff::SignedDuration::from_millis(10));
}

#[tokio::test]
async fn the_looks_in_a_log_are_in_the_order_of_time() {
    let place = Place::new(PAGE);
    let clock = &place;
    let mut follower = following(&place, clock).await;
    for n in 1..=20 {
        place.sql(&format!("insert into line values ({n}, zeroblob(900000))"));
        place.pass(3 * SECOND);
        follower.look().await.unwrap();
        // While it lets go it sees what was written meanwhile, and then it closes the file.
        place.sql(&format!("update line set fill = zeroblob(9) where n = {n}"));
        step(&mut follower).await;
    }
    drop(follower);
    place.settle();
    let [generation] = place.generations().try_into().unwrap();
    let mut before = None;
    each(&generation, &facts(&generation), |record| {
        if let Record::Seen(seen) = record {
            assert!(before <= Some(seen.from), "{before:?} {seen:?}");
            before = Some(seen.from);
        }
        Ok(())
    })
    .unwrap();
}
