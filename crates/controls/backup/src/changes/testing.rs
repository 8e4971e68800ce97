//! A real database, written to by the `sqlite3` program in a process of its own, and a clock that goes on by itself.

use std::{
    io::{BufRead, BufReader, Write},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::atomic::{AtomicI64, Ordering},
    time::Duration,
};

use jiff::{SignedDuration, Timestamp};
use tempfile::TempDir;

use super::{
    ChangesError, Facts, Follow,
    follow::Follower,
    leftovers,
    log::Head,
    rebuild::{each, rebuild},
    reckoning::Clock,
};

/// One second of the test's clock, in its microseconds.
pub(super) const SECOND: i64 = 1_000_000;

/// A database and a folder for its changes.
pub(super) struct Place {
    home: TempDir,
    pub what: Follow,
    /// What passes.
    micros: AtomicI64,
    /// By how much the clock on the wall was set.
    set: AtomicI64,
}

impl Clock for Place {
    fn now(&self) -> Timestamp {
        Self::now(self)
    }

    fn count(&self) -> SignedDuration {
        SignedDuration::from_micros(self.micros.load(Ordering::Relaxed))
    }
}

impl Place {
    /// A database in WAL mode with an empty table `line`.
    pub fn new(page_size: u32) -> Self {
        let home = TempDir::new().unwrap();
        let what = Follow {
            database: home.path().join("live.db"),
            folder: home.path().join("changes"),
            close_after: Duration::from_secs(5),
            generation: Duration::from_secs(86_400),
            last: None,
            boot: Some("this run".to_owned()),
        };
        let place = Self {
            home,
            what,
            micros: AtomicI64::new(1_800_000_000 * SECOND),
            set: AtomicI64::new(0),
        };
        place.sql(&format!(
            "pragma page_size = {page_size}; pragma journal_mode = wal; create table line (n integer primary key, fill blob);"
        ));
        place
    }

    /// The time, a millisecond later at each look, and finer than is kept.
    pub fn now(&self) -> Timestamp {
        let micros = self.micros.fetch_add(1000, Ordering::Relaxed);
        let micros = micros + self.set.load(Ordering::Relaxed);
        Timestamp::from_nanosecond(i128::from(micros) * 1000 + 465).unwrap()
    }

    pub fn pass(&self, micros: i64) {
        self.micros.fetch_add(micros, Ordering::Relaxed);
    }

    /// Sets the clock on the wall forward, or back.
    pub fn set(&self, micros: i64) {
        self.set.fetch_add(micros, Ordering::Relaxed);
    }

    /// An application that has the database open until this is dropped, so that its log stays.
    pub fn application(&self) -> Application {
        let mut child = Command::new("sqlite3")
            .arg(&self.what.database)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let words = b"pragma wal_autocheckpoint = 0;\nselect count(*) from line;\n";
        child.stdin.as_mut().unwrap().write_all(words).unwrap();
        let mut lines = BufReader::new(child.stdout.as_mut().unwrap()).lines();
        assert_eq!(lines.next().unwrap().unwrap(), "0");
        lines.next().unwrap().unwrap();
        Application(child)
    }

    pub fn sql(&self, sql: &str) -> String {
        ask(&self.what.database, sql)
    }

    /// The same database and changes elsewhere, without the log of the database: all of it is in its file.
    pub fn moved(&self) -> Self {
        let moved = Self::new(512);
        for ending in ["-wal", "-shm", ""] {
            let file = |place: &Self| place.what.database.with_extension(format!("db{ending}"));
            std::fs::remove_file(file(&moved)).ok();
            if ending != "-shm" && file(self).exists() {
                std::fs::copy(file(self), file(&moved)).unwrap();
            }
        }
        moved.sql("pragma wal_checkpoint(truncate)");
        let copied = Command::new("cp")
            .arg("-r")
            .args([&self.what.folder, &moved.what.folder])
            .status();
        assert!(copied.unwrap().success());
        moved
    }

    /// Everything in a database, as text.
    pub fn dump(&self) -> String {
        self.sql(".dump")
    }

    pub fn generations(&self) -> Vec<PathBuf> {
        let mut found: Vec<_> = std::fs::read_dir(&self.what.folder)
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .filter(|path| path.join(super::FACTS).is_file())
            .collect();
        found.sort();
        found
    }

    /// Rebuilds the database as it was at a moment, from the newest generation that can; its path.
    pub fn rebuilt(&self, at: Timestamp) -> PathBuf {
        let generation = self
            .generations()
            .into_iter()
            .rev()
            .find(|generation| facts(generation).complete <= at)
            .unwrap();
        self.from(&generation, at)
    }

    pub fn from(&self, generation: &Path, at: Timestamp) -> PathBuf {
        let into = self
            .home
            .path()
            .join(format!("rebuilt-{}", self.now().as_microsecond()));
        std::fs::create_dir(&into).unwrap();
        rebuild(generation, &head(generation), at, &into).unwrap();
        let database = into.join("live.db");
        assert_eq!(ask(&database, "pragma integrity_check"), "ok\n");
        database
    }

    /// The numbers in the table at a moment.
    pub fn lines(&self, at: Timestamp) -> String {
        ask(&self.rebuilt(at), "select group_concat(n, ' ') from line")
            .trim()
            .to_owned()
    }

    /// Closes what a follower that has ended left open.
    pub fn settle(&self) {
        leftovers::clear(&self.what.folder).unwrap();
    }
}

/// A process that has a database open.
pub(super) struct Application(Child);

impl Drop for Application {
    fn drop(&mut self) {
        drop(self.0.stdin.take());
        self.0.wait().unwrap();
    }
}

/// A follower that begins. A process that another test was just starting may hold the one before's lock for a moment.
pub(super) async fn begun<'a>(place: &'a Place, clock: &'a dyn Clock) -> Follower<'a> {
    loop {
        match Follower::begin(&place.what, clock).await {
            Err(ChangesError::Io { act: "lock", .. }) => tokio::task::yield_now().await,
            begun => return begun.unwrap(),
        }
    }
}

/// A follower whose first image is complete.
pub(super) async fn following<'a>(place: &'a Place, clock: &'a dyn Clock) -> Follower<'a> {
    let mut follower = begun(place, clock).await;
    let before = place.generations().len();
    while place.generations().len() == before {
        step(&mut follower).await;
    }
    follower
}

/// A follower that goes on with what another left.
pub(super) async fn resumed<'a>(place: &'a Place, clock: &'a dyn Clock) -> Follower<'a> {
    let before = place.generations();
    let mut follower = begun(place, clock).await;
    assert!(follower.has_resumed());
    step(&mut follower).await;
    assert_eq!(place.generations(), before);
    follower
}

pub(super) async fn step(follower: &mut Follower<'_>) {
    follower.look().await.unwrap();
    follower.tend().await.unwrap();
}

pub(super) fn ask(database: &Path, sql: &str) -> String {
    let done = Command::new("sqlite3")
        .args(["-cmd", ".timeout 10000"])
        .arg(database)
        .arg(sql)
        .output()
        .unwrap();
    assert!(
        done.status.success(),
        "{}",
        String::from_utf8_lossy(&done.stderr)
    );
    String::from_utf8(done.stdout).unwrap()
}

pub(super) fn facts(generation: &Path) -> Facts {
    leftovers::facts(generation).unwrap().unwrap()
}

pub(super) fn head(generation: &Path) -> Head {
    each(generation, &facts(generation), |_| Ok(())).unwrap()
}
