//! Changes that are followed, stored and removed by a keeper.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use avouch_backup::{
    changes::{Beat, Follow, follow},
    drill::{Choice, Verdict as Drilled, Which},
    keeper::KeeperError,
    records::Shipment,
};
use avouch_evidence::Verdict;
use jiff::{SignedDuration, Timestamp};

use crate::{
    stages::sql,
    world::{STATEMENT, World},
};

const WITHIN: &str = "backup.source.tenant-data.changes.within";

/// How long something may take that takes a second or two.
const PATIENCE: Duration = Duration::from_secs(60);

async fn world() -> World {
    let to = "to = [\"local\", \"offsite\"]";
    let followed = "to = [\"local\"]\nchanges = { within = \"14 d\", lose-at-most = \"1 h\" }";
    let world = World::stated(&STATEMENT.replace(to, followed), "2026-01-05T09:00:00Z").await;
    sql(&database(&world), "pragma journal_mode = wal").await;
    world
}

fn database(world: &World) -> PathBuf {
    world.home.path().join("riverside/live.db")
}

fn folder(world: &World) -> PathBuf {
    world.home.path().join("changes/tenant-data")
}

/// The generations that are complete here, oldest first.
fn generations(world: &World) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder(world)).map(|entries| entries.flatten().collect());
    let entries: Vec<fs::DirEntry> = entries.unwrap_or_default();
    let paths = entries.into_iter().map(|entry| entry.path());
    let mut found: Vec<_> = paths
        .filter(|path| path.join("base.json").is_file())
        .collect();
    found.sort();
    found
}

/// Waits until something is so.
async fn until(so: impl Fn() -> bool) {
    let mut looks = tokio::time::interval(Duration::from_millis(20));
    while !so() {
        looks.tick().await;
    }
}

/// Has the database followed, with generations that last so long, while something is done.
async fn followed(world: &World, generation: Duration, done: impl Future<Output = ()>) {
    let what = Follow {
        database: database(world),
        folder: folder(world),
        close_after: Duration::ZERO,
        generation,
        last: None,
        boot: None,
    };
    let clock = Timestamp::now;
    tokio::time::timeout(PATIENCE, async {
        tokio::select! {
            ended = follow(&what, &clock) => panic!("{ended}"),
            () = done => {}
        }
    })
    .await
    .unwrap();
}

/// Several generations, one after another.
async fn several(world: &World) {
    let before = generations(world).len();
    followed(
        world,
        Duration::ZERO,
        until(|| generations(world).len() > before + 2),
    )
    .await;
}

/// One more change that is seen and closed, in a generation that lasts.
async fn changed(world: &World) {
    let began = Timestamp::now();
    let beat_after = |after: Timestamp| {
        let beat = Beat::read(&folder(world)).unwrap();
        beat.filter(|beat| beat.generation.is_some() && beat.up_to > after)
    };
    let change = async {
        until(|| beat_after(began).is_some()).await;
        sql(
            &database(world),
            "insert into assessment (staff) values (1)",
        )
        .await;
        let written = Timestamp::now() + SignedDuration::from_secs(1);
        let closed = |beat: Beat| beat.closes.last().map(|end| &end.log) == beat.log.as_ref();
        until(|| beat_after(written).is_some_and(closed)).await;
    };
    followed(world, Duration::from_secs(86_400), change).await;
}

async fn ship(world: &World) -> Result<usize, KeeperError> {
    *world.now.lock().unwrap() = Timestamp::now();
    let source = world.backups.sources(&world.owner).next().unwrap().clone();
    let changes = source.changes.unwrap();
    world.backups.ship(&world.owner, &source, changes).await
}

async fn shipments(world: &World) -> Vec<Shipment> {
    let records = world.backups.records();
    let all = records.shipments("riverside", "tenant-data", "local");
    all.await.unwrap()
}

fn snapshots(world: &World) -> PathBuf {
    world
        .home
        .path()
        .join("backups/local/riverside.changes/snapshots")
}

fn name(path: &Path) -> String {
    path.file_name().unwrap().to_str().unwrap().to_owned()
}

fn alter(path: PathBuf) {
    let mut bytes = fs::read(&path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&path, bytes).unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_generation_that_is_altered_here_is_named_and_those_after_it_are_stored() {
    let world = world().await;
    several(&world).await;
    let all = generations(&world);
    alter(all[0].join("0000000001.log"));
    let error = ship(&world).await.unwrap_err();
    let said = error.to_string();
    assert!(
        matches!(&error, KeeperError::Unstored { count: 1, generation, .. } if *generation == name(&all[0])),
        "{said}"
    );
    assert!(said.contains("is not as it was written"), "{said}");
    let stored: Vec<String> = shipments(&world)
        .await
        .into_iter()
        .map(|one| one.generation)
        .collect();
    let expected: Vec<String> = all[1..].iter().map(|path| name(path)).collect();
    assert_eq!(stored, expected);
    assert!(all[0].is_dir(), "what is not stored stays");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_an_interrupted_removal_took_away_is_noted_and_breaks_nothing() {
    let world = world().await;
    changed(&world).await;
    assert_eq!(ship(&world).await.unwrap(), 1);
    changed(&world).await;
    assert_eq!(ship(&world).await.unwrap(), 1);
    let [first, second] = shipments(&world).await.try_into().unwrap();
    assert_eq!(first.generation, second.generation, "it was gone on with");
    // It was killed when it had deleted what is superseded, and had not said so.
    fs::remove_file(snapshots(&world).join(&first.id.0)).unwrap();
    let (verdict, observed) = world.verdicts().await.remove(WITHIN).unwrap();
    assert_eq!(verdict, Verdict::Held, "{observed}");
    several(&world).await;
    ship(&world).await.unwrap();
    for one in shipments(&world).await {
        assert!(snapshots(&world).join(&one.id.0).is_file(), "{one:?}");
    }
    // What is needed is missed all the same.
    let newest = shipments(&world).await.pop().unwrap();
    fs::remove_file(snapshots(&world).join(&newest.id.0)).unwrap();
    let (verdict, observed) = world.verdicts().await.remove(WITHIN).unwrap();
    assert_eq!(verdict, Verdict::Broken, "{observed}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_shipment_whose_old_parts_are_others_supersedes_nothing() {
    let world = world().await;
    changed(&world).await;
    ship(&world).await.unwrap();
    let sound = shipments(&world).await;
    changed(&world).await;
    let [generation] = generations(&world).try_into().unwrap();
    alter(generation.join("0000000001.log"));
    let error = ship(&world).await.unwrap_err();
    assert!(matches!(error, KeeperError::Unstored { .. }), "{error}");
    assert_eq!(shipments(&world).await, sound);
    alter(generation.join("0000000001.log"));
    alter(generation.join("base.db"));
    ship(&world).await.unwrap_err();
    assert_eq!(shipments(&world).await, sound);
    alter(generation.join("base.db"));
    assert_eq!(ship(&world).await.unwrap(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_drill_brings_back_any_moment_and_one_that_does_not_come_back_is_named() {
    let world = world().await;
    let any = Choice {
        which: Which::AnyMoment,
        ..Choice::default()
    };
    let nothing = world.backups.drill(&world.owner, &any).await.unwrap_err();
    assert!(matches!(nothing, KeeperError::NoSuch(_)), "{nothing}");
    changed(&world).await;
    ship(&world).await.unwrap();
    let [stored] = shipments(&world).await.try_into().unwrap();
    let [(drill, verdict)] = world
        .backups
        .drill(&world.owner, &any)
        .await
        .unwrap()
        .try_into()
        .unwrap();
    assert_eq!(verdict, Drilled::Passed, "{drill:?}");
    let moment = drill.moment.unwrap();
    assert!(stored.facts.complete <= moment && moment <= stored.up_to());
    let said: Vec<&str> = drill
        .steps
        .iter()
        .map(|step| step.outcome.as_deref().unwrap())
        .collect();
    assert!(
        said[1].contains("by the hashes of its log, and sound: rows "),
        "{said:?}"
    );
    assert!(said[2].contains("health 200"), "{said:?}");
    assert_eq!(
        drill.compared.unwrap().expected.len(),
        1,
        "it is asked the stated question"
    );

    let packs = world
        .home
        .path()
        .join("backups/local/riverside.changes/data");
    for shelf in fs::read_dir(packs).unwrap() {
        for pack in fs::read_dir(shelf.unwrap().path()).unwrap() {
            alter(pack.unwrap().path());
        }
    }
    let drilled = world.backups.drill(&world.owner, &any).await.unwrap();
    assert!(matches!(drilled[0].1, Drilled::Failed(_)), "{drilled:?}");
    let (verdict, observed) = world.verdicts().await.remove("backup.drill.every").unwrap();
    assert_eq!(verdict, Verdict::Broken, "{observed}");
    assert!(
        observed.contains("the last drill of a moment"),
        "{observed}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_drill_that_is_due_is_of_a_moment_as_well_as_of_the_newest_snapshot() {
    let world = world().await;
    changed(&world).await;
    ship(&world).await.unwrap();
    let now = Timestamp::now().to_string();
    world.tick(&now).await.unwrap();
    let drills = world.backups.records().drills("riverside").await.unwrap();
    let moments: Vec<bool> = drills
        .iter()
        .map(|(drill, _)| drill.moment.is_some())
        .collect();
    assert_eq!(moments, [false, true], "{drills:?}");
    assert!(
        drills
            .iter()
            .all(|(_, verdict)| *verdict == Drilled::Passed),
        "{drills:?}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_planned_moment_comes_back_though_what_it_was_planned_from_was_superseded_and_removed() {
    let world = world().await;
    changed(&world).await;
    ship(&world).await.unwrap();
    let [first] = shipments(&world).await.try_into().unwrap();
    let at = first.up_to().to_string();
    let plan = world.backups.plan_moment(&world.owner, None, None, &at);
    let plan = plan.await.unwrap();
    assert_eq!(plan.what.snapshot.id, first.id);
    changed(&world).await;
    ship(&world).await.unwrap();
    several(&world).await;
    ship(&world).await.unwrap();
    let still = snapshots(&world).join(&first.id.0);
    assert!(!still.exists(), "it is superseded");

    let restored = world.backups.restore(&world.owner, &plan).await.unwrap();
    let instead = restored.instead.clone().unwrap();
    let goes_on = format!("which goes on from the planned {}", first.id);
    assert!(instead.contains(&goes_on), "{instead}");
    assert_eq!(restored.compared.rows, 3);
    world.backups.done_with(restored).await.unwrap();

    // The whole generation is gone: nothing else shows that moment.
    let all = shipments(&world).await;
    let of_it: Vec<_> = all
        .iter()
        .filter(|one| one.generation == first.generation)
        .collect();
    assert_eq!(of_it.len(), 1);
    let way_later = Timestamp::now() + SignedDuration::from_hours(24 * 20);
    *world.now.lock().unwrap() = way_later;
    several(&world).await;
    let source = world.backups.sources(&world.owner).next().unwrap().clone();
    let changes = source.changes.unwrap();
    world
        .backups
        .ship(&world.owner, &source, changes)
        .await
        .unwrap();
    let refused = world
        .backups
        .restore(&world.owner, &plan)
        .await
        .err()
        .unwrap();
    assert!(
        refused
            .to_string()
            .contains("has had its time and was removed since; plan it again"),
        "{refused}"
    );
}
