//! The keeper over months, with jobs run in this process and the clock in hand.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
};

use avouch_backup::{
    checks,
    drill::{Rehearsal, Verdict as Drilled},
    job::{self, JobError, Outcome},
    keeper::{Access, Backups, Jobs, KeeperError, Owner, Who},
    records::Records,
    repository::Password,
    settings::{self, Settings},
};
use avouch_evidence::{BoxFuture, Ctx, Gateway, People, Verdict};
use avouch_statement::{Document, Reading, Slug, Source, TenantId};
use avouch_store::Store;
use jiff::Timestamp;
use tempfile::TempDir;

use crate::{password, stages::sql};

const STATEMENT: &str = r#"
[backup]
encryption = "aes-256"
[[backup.destination]]
name = "offsite"
url = "file:elsewhere"
[[backup.source]]
name = "tenant-data"
kind = "sqlite"
path = "$DATA/live.db"
at = "04:00 Europe/London"
keep = { daily = "3 d", weekly = "2 months", monthly = "2 years" }
to = ["local", "offsite"]
[backup.drill]
every = "quarter"
back-within = "15 min"
expect = ["select count(*) > 0 from assessment"]
"#;

fn settings() -> Settings {
    let source = Source::new("avouch.toml", STATEMENT);
    let reading = Reading::new(&source);
    let document = Document::parse(&reading);
    let settings = settings::read(&mut document.table(&reading).table("backup").unwrap()).unwrap();
    reading.finish().unwrap();
    settings
}

/// Runs jobs here, as the caller.
struct Here(PathBuf);

impl Jobs for Here {
    fn run<'a>(
        &'a self,
        _: Who,
        _: Access,
        input: job::Input,
    ) -> BoxFuture<'a, Result<Outcome, JobError>> {
        Box::pin(async move {
            tokio::task::spawn_blocking(move || {
                let runtime = tokio::runtime::Builder::new_current_thread()
                    .build()
                    .unwrap();
                runtime.block_on(job::run(input.spec, input.password.as_ref()))
            })
            .await
            .unwrap()
        })
    }

    fn scratch<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<PathBuf, JobError>> {
        let path = self.0.join("scratch").join(name);
        fs::create_dir_all(&path).unwrap();
        Box::pin(async move { Ok(path) })
    }

    fn discard<'a>(&'a self, scratch: PathBuf) -> BoxFuture<'a, ()> {
        fs::remove_dir_all(scratch).unwrap();
        Box::pin(async {})
    }

    fn password(&self, _: &Owner, _: &Slug) -> Result<Password, JobError> {
        Ok(password())
    }

    fn tenants(&self) -> Vec<TenantId> {
        vec!["riverside".parse().unwrap()]
    }

    fn data(&self, owner: &Owner) -> PathBuf {
        self.0.join(owner.to_string())
    }

    fn backups(&self) -> PathBuf {
        self.0.join("backups")
    }
}

/// An application that answers if its database is there.
struct App;

impl Rehearsal for App {
    fn rehearse<'a>(
        &'a self,
        _: &'a TenantId,
        data: &'a Path,
    ) -> BoxFuture<'a, Result<String, String>> {
        let found = data.join("live.db").is_file();
        Box::pin(async move {
            if found {
                Ok("health 200".to_owned())
            } else {
                Err("no database".to_owned())
            }
        })
    }
}

struct Nobody;

impl People for Nobody {
    fn session<'a>(&'a self, _: &'a TenantId, _: &'a str) -> BoxFuture<'a, Result<String, String>> {
        Box::pin(async { Err("nobody is here".to_owned()) })
    }
}

struct World {
    home: TempDir,
    now: Arc<Mutex<Timestamp>>,
    backups: Arc<Backups>,
    owner: Owner,
}

impl World {
    async fn new(now: &str) -> Self {
        let home = TempDir::new().unwrap();
        fs::create_dir_all(home.path().join("riverside")).unwrap();
        let create = "create table assessment (id integer primary key, staff integer);
                      insert into assessment values (1, 4), (2, 5);";
        sql(&home.path().join("riverside/live.db"), create).await;
        let records = Records::open(Store::open(&home.path().join("store.db")).await.unwrap())
            .await
            .unwrap();
        let now = Arc::new(Mutex::new(now.parse().unwrap()));
        let clock = {
            let now = Arc::clone(&now);
            Arc::new(move || *now.lock().unwrap())
        };
        let jobs = Arc::new(Here(home.path().to_owned()));
        let backups = Backups::new(
            settings(),
            jobs,
            Arc::new(App),
            records,
            clock,
            Arc::new(|| true),
        );
        Self {
            home,
            now,
            backups: Arc::new(backups),
            owner: Owner::Tenant("riverside".parse().unwrap()),
        }
    }

    async fn tick(&self, now: &str) -> Result<(), KeeperError> {
        *self.now.lock().unwrap() = now.parse().unwrap();
        self.backups.tick(&self.owner).await
    }

    async fn verdicts(&self) -> BTreeMap<String, (Verdict, String)> {
        let now = *self.now.lock().unwrap();
        let authority =
            rcgen::generate_simple_self_signed(["acuity.localhost".to_owned()]).unwrap();
        let ctx = Ctx {
            now,
            clock: Arc::new(move || now),
            statement: String::new(),
            tenants: vec![],
            gateway: Gateway::new(
                "127.0.0.1:1".parse().unwrap(),
                "acuity.localhost",
                authority.cert.der(),
            )
            .unwrap(),
            people: Arc::new(Nobody),
        };
        let mut worst = BTreeMap::new();
        for check in checks::all(&self.backups) {
            for seen in check.run(&ctx).await {
                let entry = worst
                    .entry(seen.claim.to_string())
                    .or_insert((Verdict::Held, String::new()));
                if seen.verdict >= entry.0 {
                    *entry = (seen.verdict, seen.observed);
                }
            }
        }
        worst
    }

    async fn broken(&self) -> Vec<String> {
        self.verdicts()
            .await
            .into_iter()
            .filter(|(_, (v, _))| *v == Verdict::Broken)
            .map(|(id, _)| id)
            .collect()
    }
}

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
