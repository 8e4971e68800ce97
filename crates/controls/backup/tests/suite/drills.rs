//! Drills: of every source, of older snapshots, from every place.

use std::fs;

use avouch_backup::{
    drill::{Choice, Verdict as Drilled, Which},
    keeper::KeeperError,
    retention::SnapshotId,
};
use avouch_evidence::Verdict;

use crate::{
    stages::sql,
    world::{STATEMENT, World},
};

/// A second source of the same tenant, in a folder of its own.
const LETTERS: &str = r#"
[[backup.source]]
name = "letters"
kind = "files"
path = "$DATA/letters"
at = "04:00 Europe/London"
keep = { daily = "3 d" }
to = ["local"]
"#;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_source_is_drilled_and_the_application_has_all_its_data_in_each() {
    let world = World::stated(&format!("{STATEMENT}{LETTERS}"), "2026-01-05T04:00:01Z").await;
    let letters = world.home.path().join("riverside/letters");
    fs::create_dir(&letters).unwrap();
    fs::write(letters.join("one"), "Dear all").unwrap();
    world.tick("2026-01-05T04:00:01Z").await.unwrap();
    let drills = world.backups.records().drills("riverside").await.unwrap();
    let mut drilled: Vec<(&str, &Drilled, &str)> = drills
        .iter()
        .map(|(drill, verdict)| {
            let rehearsed = drill.steps[2].outcome.as_ref().unwrap();
            (drill.source.as_str(), verdict, rehearsed.as_str())
        })
        .collect();
    drilled.sort_by_key(|(source, ..)| *source);
    let all = "health 200, 1 letters";
    assert_eq!(
        drilled,
        [
            ("letters", &Drilled::Passed, all),
            ("tenant-data", &Drilled::Passed, all)
        ]
    );
    for (claim, (verdict, observed)) in world.verdicts().await {
        assert_eq!(verdict, Verdict::Held, "{claim}: {observed}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_drill_takes_what_it_is_told_and_otherwise_the_place_that_is_longest_untried() {
    let world = World::new("2026-01-05T04:00:01Z").await;
    world.tick("2026-01-05T04:00:01Z").await.unwrap();
    world.tick("2026-01-06T04:00:01Z").await.unwrap();
    let drill = async |which, from: Option<&str>| {
        let mut now = world.now.lock().unwrap().to_owned();
        now += jiff::SignedDuration::from_secs(1);
        *world.now.lock().unwrap() = now;
        let from = from.map(|from| from.parse().unwrap());
        let choice = Choice {
            which,
            from,
            by: None,
        };
        let mut drills = world.backups.drill(&world.owner, &choice).await.unwrap();
        let (drill, verdict) = drills.remove(0);
        assert_eq!(verdict, Drilled::Passed);
        drill
    };
    let first = drill(Which::Newest, None).await;
    assert_eq!(
        (first.destination.as_str(), first.older),
        ("offsite", false)
    );
    let second = drill(Which::Newest, None).await;
    assert_eq!(second.destination, "local", "in turn");
    let any = drill(Which::Random, Some("offsite")).await;
    assert_eq!((any.destination.as_str(), any.older), ("offsite", true));
    let id = any.snapshot.clone().unwrap();
    let given = drill(Which::Given(id.clone()), None).await;
    assert_eq!(given.snapshot, Some(id));

    let choice = Choice {
        which: Which::Given(SnapshotId("0000".to_owned())),
        ..Choice::default()
    };
    let refused = world
        .backups
        .drill(&world.owner, &choice)
        .await
        .unwrap_err();
    assert!(matches!(refused, KeeperError::NoSuch(_)), "{refused}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_older_backup_that_does_not_come_back_stays_seen_when_the_newest_does() {
    let world = World::new("2026-01-05T04:00:01Z").await;
    world.tick("2026-01-05T04:00:01Z").await.unwrap();
    sql(
        &world.home.path().join("riverside/live.db"),
        "insert into assessment values (3, 6);",
    )
    .await;
    world.tick("2026-01-06T04:00:01Z").await.unwrap();
    let choice = |which| Choice {
        which,
        from: Some("local".parse().unwrap()),
        by: None,
    };
    let older = world
        .backups
        .records()
        .snapshots("riverside")
        .await
        .unwrap();
    let older = older
        .iter()
        .rev()
        .find(|t| t.destination == "local")
        .unwrap();
    let snapshots = world.home.path().join("backups/local/riverside/snapshots");
    let path = snapshots.join(&older.snapshot.id.0);
    let sound = fs::read(&path).unwrap();
    fs::remove_file(&path).unwrap();
    world
        .backups
        .drill(&world.owner, &choice(Which::Random))
        .await
        .unwrap();
    fs::write(&path, sound).unwrap();
    world
        .backups
        .drill(&world.owner, &choice(Which::Newest))
        .await
        .unwrap();
    assert_eq!(world.broken().await, ["backup.drill.back-within"]);
    world
        .backups
        .drill(&world.owner, &choice(Which::Random))
        .await
        .unwrap();
    assert_eq!(world.broken().await, Vec::<String>::new(), "mended");
}
