//! What is stored, looked after from day to day: read again in turn, and with room for more.

use std::{fs, path::Path};

use avouch_backup::{
    job::{self, Examination, Outcome, Spec},
    repository::Shelves,
};
use avouch_evidence::Verdict;

use crate::{
    password,
    stages::sql,
    world::{STATEMENT, World},
};

const READ: &str = "backup.read-all-within";
const ROOM: &str = "backup.room-for";
const TO: &str = "backup.source.tenant-data.to";

/// A megabyte that cannot be compressed.
const MORE: &str = "insert into assessment (staff) values (randomblob(1000000))";

fn stated(line: &str) -> String {
    STATEMENT.replacen("[backup]", &format!("[backup]\n{line}"), 1)
}

/// Examines a repository without those of its packs that are settled.
async fn examine(world: &World, repository: &Path, settled: &Shelves) -> Examination {
    let scratch = world.home.path().join("scratch/examine");
    fs::create_dir_all(&scratch).unwrap();
    let spec = Spec::Examine {
        repository: repository.to_owned().into(),
        scratch: scratch.clone(),
        settled: Some(settled.clone()),
    };
    let outcome = job::run(spec, Some(&password()), None).await.unwrap();
    fs::remove_dir_all(scratch).unwrap();
    match outcome {
        Outcome::Examined(seen) => seen,
        other => panic!("{other:?}"),
    }
}

/// Turns over a bit of the largest pack; the shelf that it is on.
pub fn flip(repository: &Path) -> String {
    let folders = fs::read_dir(repository.join("data")).unwrap();
    let packs = folders.flat_map(|folder| fs::read_dir(folder.unwrap().path()).unwrap());
    let largest = packs
        .map(|pack| pack.unwrap())
        .max_by_key(|pack| pack.metadata().unwrap().len())
        .unwrap()
        .path();
    let mut bytes = fs::read(&largest).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&largest, bytes).unwrap();
    let shelf = largest.parent().unwrap().file_name().unwrap();
    shelf.to_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pack_that_was_read_is_left_until_its_turn_or_until_somebody_writes_to_it() {
    let world = World::new("2026-01-05T04:00:01Z").await;
    // The largest pack is one of data then, not of the lists of files, which are read each time.
    sql(&world.home.path().join("riverside/live.db"), MORE).await;
    world.tick("2026-01-05T04:00:01Z").await.unwrap();
    let repository = world.home.path().join("backups/local/riverside");

    let all = examine(&world, &repository, &Shelves::new()).await;
    assert_eq!(
        (all.hashed, all.shelves.len()),
        (Some(all.objects - 1), 256),
        "all but `config`"
    );
    let none = examine(&world, &repository, &all.shelves).await;
    assert_eq!(none.shelves, Shelves::new());
    assert!(none.hashed < all.hashed, "{:?}", none.hashed);

    flip(&repository);
    let written = examine(&world, &repository, &all.shelves).await;
    assert_eq!(written.shelves.len(), 1, "what was written to is read");
    assert!(written.findings[0].to_string().contains("has been altered"));

    // A disk that decays changes no time: as if that had been seen when it was read.
    let mut decayed = all.shelves.clone();
    decayed.extend(written.shelves.clone());
    let unseen = examine(&world, &repository, &decayed).await;
    assert_eq!(unseen.findings, []);
    let turn = written.shelves.keys().next().unwrap();
    decayed.remove(turn);
    let seen = examine(&world, &repository, &decayed).await;
    assert!(seen.findings[0].to_string().contains("has been altered"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everything_is_read_again_within_the_stated_time_while_somebody_looks() {
    let world = World::stated(&stated("read-all-within = \"5 d\""), "2026-01-05T04:00:01Z").await;
    let unproven = world.verdicts().await.remove(READ).unwrap();
    assert_eq!(unproven.0, Verdict::Unproven, "{}", unproven.1);
    for day in 5..12 {
        world
            .tick(&format!("2026-01-{day:02}T04:00:01Z"))
            .await
            .unwrap();
        assert_eq!(world.broken().await, Vec::<String>::new());
    }
    let (held, observed) = world.verdicts().await.remove(READ).unwrap();
    assert_eq!(held, Verdict::Held, "{observed}");
    assert!(!observed.contains("since 2026-01-05"), "{observed}");

    let repository = world.home.path().join("backups/local/riverside");
    flip(&repository);
    assert!(world.broken().await.contains(&TO.to_owned()), "at once");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_destination_that_will_be_full_too_soon_breaks_the_claim() {
    // A megabyte a day: any disk that tests run on has room for a year, and none for a hundred thousand.
    for (room, verdict) in [
        ("1 years", Verdict::Held),
        ("100000 years", Verdict::Broken),
    ] {
        let line = format!("room-for = \"{room}\"");
        let world = World::stated(&stated(&line), "2026-01-05T04:00:01Z").await;
        world.tick("2026-01-05T04:00:01Z").await.unwrap();
        let young = world.verdicts().await.remove(ROOM).unwrap();
        assert_eq!(young.0, Verdict::Unproven, "{}", young.1);
        for day in 6..8 {
            sql(&world.home.path().join("riverside/live.db"), MORE).await;
            world
                .tick(&format!("2026-01-{day:02}T04:00:01Z"))
                .await
                .unwrap();
        }
        let (judged, observed) = world.verdicts().await.remove(ROOM).unwrap();
        assert_eq!(judged, verdict, "{observed}");
    }
}
