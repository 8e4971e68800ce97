//! A keeper with jobs run in this process and the clock in hand.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
};

use avouch_backup::{
    checks,
    drill::{Book, Rehearsal, Signed},
    far::Credential,
    job::{self, JobError, Outcome},
    keeper::{Access, Backups, Jobs, KeeperError, Owner, Who},
    records::Records,
    repository::Password,
    settings::{self, Destination, Settings},
};
use avouch_evidence::{BoxFuture, Ctx, Gateway, People, Verdict};
use avouch_statement::{Document, Reading, Slug, Source, TenantId};
use avouch_store::Store;
use jiff::Timestamp;
use serde::{Serialize, de::DeserializeOwned};
use tempfile::TempDir;

use crate::{password, stages::sql};

pub const STATEMENT: &str = r#"
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

fn settings(statement: &str) -> Settings {
    let source = Source::new("avouch.toml", statement);
    let reading = Reading::new(&source);
    let document = Document::parse(&reading);
    let settings =
        settings::read(&mut document.table(&reading).table("backup", "{ }").unwrap()).unwrap();
    reading.finish().unwrap();
    settings
}

/// What another process would read of this.
fn as_written<T: Serialize + DeserializeOwned>(said: &T) -> T {
    serde_json::from_slice(&serde_json::to_vec(said).unwrap()).unwrap()
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
                    .enable_time()
                    .build()
                    .unwrap();
                let input: job::Input = as_written(&input);
                let done = runtime.block_on(job::run(input.spec, input.password.as_ref(), None));
                as_written::<job::Answer>(&done.into()).into()
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

    fn discard<'a>(&'a self, scratch: PathBuf) -> BoxFuture<'a, Result<(), JobError>> {
        fs::remove_dir_all(scratch).unwrap();
        Box::pin(async { Ok(()) })
    }

    fn password(&self, _: &Owner, _: &Slug) -> Result<Password, JobError> {
        Ok(password())
    }

    fn credential(&self, _: &Destination) -> Result<Credential, JobError> {
        Err(JobError::NoKey)
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

/// An application that answers if its database is there, and says what lies beside it.
struct App;

impl Rehearsal for App {
    fn rehearse<'a>(
        &'a self,
        _: &'a TenantId,
        data: &'a Path,
    ) -> BoxFuture<'a, Result<String, String>> {
        let found = data.join("live.db").is_file();
        let letters = fs::read_dir(data.join("letters")).map_or(0, Iterator::count);
        Box::pin(async move {
            if found {
                Ok(format!("health 200, {letters} letters"))
            } else {
                Err("no database".to_owned())
            }
        })
    }
}

/// A book of which nothing is lost.
#[derive(Default)]
struct Pages(Mutex<Vec<Signed>>);

impl Book for Pages {
    fn write<'a>(&'a self, signed: &'a Signed) -> BoxFuture<'a, Result<u64, String>> {
        let mut pages = self.0.lock().unwrap();
        pages.push(signed.clone());
        let entry = pages.len() as u64 - 1;
        Box::pin(async move { Ok(entry) })
    }

    fn read(&self, entry: u64) -> BoxFuture<'_, Option<Signed>> {
        let entry = usize::try_from(entry).unwrap();
        let found = self.0.lock().unwrap().get(entry).cloned();
        Box::pin(async move { found })
    }
}

struct Nobody;

impl People for Nobody {
    fn session<'a>(&'a self, _: &'a TenantId, _: &'a str) -> BoxFuture<'a, Result<String, String>> {
        Box::pin(async { Err("nobody is here".to_owned()) })
    }
}

pub struct World {
    pub home: TempDir,
    pub now: Arc<Mutex<Timestamp>>,
    /// Whether the clock may be believed.
    pub steady: Arc<AtomicBool>,
    pub backups: Arc<Backups>,
    pub owner: Owner,
}

impl World {
    pub async fn new(now: &str) -> Self {
        Self::stated(STATEMENT, now).await
    }

    pub async fn stated(statement: &str, now: &str) -> Self {
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
        let steady = Arc::new(AtomicBool::new(true));
        let believed = {
            let steady = Arc::clone(&steady);
            Arc::new(move || steady.load(Ordering::SeqCst))
        };
        let jobs = Arc::new(Here(home.path().to_owned()));
        let backups = Backups::new(
            settings(statement),
            jobs,
            Arc::new(App),
            Arc::new(Pages::default()),
            records,
            clock,
            believed,
        );
        Self {
            home,
            now,
            steady,
            backups: Arc::new(backups),
            owner: Owner::Tenant("riverside".parse().unwrap()),
        }
    }

    pub async fn tick(&self, now: &str) -> Result<(), KeeperError> {
        *self.now.lock().unwrap() = now.parse().unwrap();
        self.backups.tick(&self.owner).await
    }

    pub async fn verdicts(&self) -> BTreeMap<String, (Verdict, String)> {
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

    pub async fn broken(&self) -> Vec<String> {
        self.verdicts()
            .await
            .into_iter()
            .filter(|(_, (v, _))| *v == Verdict::Broken)
            .map(|(id, _)| id)
            .collect()
    }
}
