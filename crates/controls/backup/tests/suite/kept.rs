//! The keeper over months, and what is seen of each loss.

use std::{fs, sync::atomic::Ordering};

use avouch_backup::{drill::Verdict as Drilled, keeper::KeeperError};
use avouch_evidence::Verdict;

use crate::world::World;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_first_day_is_backed_up_drilled_and_held_and_every_loss_is_seen() {
    let world = World::new("2026-01-05T09:00:00Z").await;
    assert!(
        world
            .verdicts()
            .await
            .values()
            .all(|(verdict, _)| *verdict == Verdict::Unproven),
        "silence is not held"
    );

    world.tick("2026-01-05T09:00:00Z").await.unwrap();
    let verdicts = world.verdicts().await;
    for (claim, (verdict, observed)) in &verdicts {
        assert_eq!(*verdict, Verdict::Held, "{claim}: {observed}");
    }
    assert_eq!(verdicts.len(), 9);
    let run = world
        .backups
        .records()
        .newest_run("riverside", "tenant-data")
        .await
        .unwrap()
        .unwrap();
    assert!(
        run.late && run.failure.is_none(),
        "what was missed is caught up and shown as late"
    );
    let drills = world.backups.records().drills("riverside").await.unwrap();
    assert!(
        drills.len() == 1 && drills[0].1 == Drilled::Passed,
        "{drills:?}"
    );
    assert_eq!(
        fs::read_dir(world.home.path().join("scratch"))
            .unwrap()
            .count(),
        0,
        "nothing restored is left behind"
    );

    let offsite = world.home.path().join("backups/elsewhere/riverside");
    let snapshot = fs::read_dir(offsite.join("snapshots"))
        .unwrap()
        .next()
        .unwrap()
        .unwrap()
        .path();
    let sound = fs::read(&snapshot).unwrap();
    fs::remove_file(&snapshot).unwrap();
    let keep = ["daily", "monthly", "weekly"]
        .map(|grade| format!("backup.source.tenant-data.keep.{grade}"));
    let mut lost = vec!["backup.source.tenant-data.at".to_owned()];
    lost.extend(keep);
    lost.push("backup.source.tenant-data.to".to_owned());
    assert_eq!(world.broken().await, lost);

    fs::write(&snapshot, &sound).unwrap();
    assert_eq!(world.broken().await, Vec::<String>::new(), "mended");

    fs::write(offsite.join("data/notes"), "owner=riverside").unwrap();
    assert_eq!(
        world.broken().await,
        ["backup.encryption", "backup.source.tenant-data.to"]
    );
    fs::remove_file(offsite.join("data/notes")).unwrap();

    let moved = offsite.with_extension("away");
    fs::rename(&offsite, &moved).unwrap();
    assert!(
        world
            .broken()
            .await
            .contains(&"backup.source.tenant-data.to".to_owned()),
        "the whole site is lost"
    );
    fs::rename(&moved, &offsite).unwrap();
    assert_eq!(world.broken().await, Vec::<String>::new(), "mended");

    *world.now.lock().unwrap() = "2026-01-06T07:00:00Z".parse().unwrap();
    let broken = world.broken().await;
    let skipped = [
        "backup.source.tenant-data.at",
        "backup.source.tenant-data.keep.daily",
    ];
    assert_eq!(broken, skipped, "a day that was skipped");
    *world.now.lock().unwrap() = "2026-04-06T03:00:00Z".parse().unwrap();
    assert!(
        world
            .broken()
            .await
            .contains(&"backup.drill.every".to_owned()),
        "a quarter without a drill"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn days_are_kept_as_stated_and_a_destination_that_failed_is_filled_without_a_second_copy_elsewhere()
 {
    let world = World::new("2026-01-05T04:00:01Z").await;
    for day in 5..9 {
        world
            .tick(&format!("2026-01-0{day}T04:00:01Z"))
            .await
            .unwrap();
    }
    let kept = |taken: &[avouch_backup::records::Taken], place: &str| -> Vec<String> {
        taken
            .iter()
            .filter(|t| t.destination == place)
            .map(|t| t.snapshot.day.to_string())
            .collect()
    };
    let taken = world
        .backups
        .records()
        .snapshots("riverside")
        .await
        .unwrap();
    // The 5th is the first of its week and month, and stays; the others are kept three days.
    assert_eq!(
        kept(&taken, "local"),
        ["2026-01-08", "2026-01-07", "2026-01-06", "2026-01-05"]
    );
    assert_eq!(
        taken[0].changes.unwrap().rows,
        0,
        "nothing changed, and that is said"
    );

    let offsite = world.home.path().join("backups/elsewhere");
    let away = offsite.with_extension("away");
    fs::rename(&offsite, &away).unwrap();
    fs::write(&offsite, b"not a folder").unwrap();
    let failed = world.tick("2026-01-09T04:00:01Z").await.unwrap_err();
    assert!(
        matches!(&failed, KeeperError::Incomplete { places, .. } if places == "offsite"),
        "{failed}"
    );
    world.tick("2026-01-09T04:02:00Z").await.unwrap();
    fs::remove_file(&offsite).unwrap();
    fs::rename(&away, &offsite).unwrap();
    world.tick("2026-01-09T04:10:00Z").await.unwrap();
    let taken = world
        .backups
        .records()
        .snapshots("riverside")
        .await
        .unwrap();
    let days = ["2026-01-09", "2026-01-08", "2026-01-07", "2026-01-05"];
    assert_eq!(kept(&taken, "local"), days);
    assert_eq!(kept(&taken, "offsite"), days);
    assert_eq!(world.broken().await, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_the_clock_is_in_doubt_backups_are_taken_and_nothing_is_removed() {
    let world = World::new("2026-01-05T04:00:01Z").await;
    let kept = async || {
        let taken = world.backups.records().snapshots("riverside").await;
        let taken = taken.unwrap().into_iter();
        let local = taken.filter(|t| t.destination == "local");
        local.map(|t| t.snapshot.day.day()).collect::<Vec<_>>()
    };
    for day in 5..9 {
        let now = format!("2026-01-0{day}T04:00:01Z");
        world.tick(&now).await.unwrap();
    }
    world.steady.store(false, Ordering::SeqCst);
    world.tick("2026-01-09T04:00:01Z").await.unwrap();
    assert_eq!(kept().await, [9, 8, 7, 6, 5]);
    world.backups.run(&world.owner).await.unwrap();
    world.steady.store(true, Ordering::SeqCst);
    world.tick("2026-01-09T04:10:00Z").await.unwrap();
    let mut days = kept().await;
    days.dedup();
    assert_eq!(days, [9, 8, 7, 5]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_source_that_cannot_be_read_breaks_the_claim_and_is_not_stored() {
    let world = World::new("2026-01-05T04:00:01Z").await;
    fs::remove_file(world.home.path().join("riverside/live.db")).unwrap();
    let failed = world.tick("2026-01-05T04:00:01Z").await.unwrap_err();
    assert!(failed.to_string().contains("was not backed up"), "{failed}");
    let turned = [
        "backup.source.tenant-data.at",
        "backup.source.tenant-data.kind",
    ];
    assert_eq!(world.broken().await, turned);
    assert!(!world.home.path().join("backups").exists());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_source_that_stops_being_a_database_breaks_its_kind_at_the_next_run_until_it_is_mended() {
    let world = World::new("2026-01-05T04:00:01Z").await;
    world.tick("2026-01-05T04:00:01Z").await.unwrap();
    assert_eq!(world.broken().await, Vec::<String>::new());

    let live = world.home.path().join("riverside/live.db");
    let sound = fs::read(&live).unwrap();
    for (content, says) in [
        (&b"not one page of a database, and long enough to be read as its head ................................."[..], "`live.db` is not a database"),
        (b"", "`live.db` is an empty database"),
    ] {
        fs::write(&live, content).unwrap();
        world.backups.run(&world.owner).await.unwrap_err();
        assert_eq!(world.broken().await, ["backup.source.tenant-data.kind"]);
        let (_, observed) = world.verdicts().await.remove("backup.source.tenant-data.kind").unwrap();
        assert!(observed.contains(says), "{observed}");
    }

    fs::write(&live, sound).unwrap();
    world.backups.run(&world.owner).await.unwrap();
    assert_eq!(world.broken().await, Vec::<String>::new(), "mended");
}
