//! Databases of a PostgreSQL server.

use std::fs;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};

use nix::sys::signal::Signal;

use super::server::{BACKUP, Home, OWNER, Running};
use super::{judged, settled, with_source};
use crate::harness::{Done, Service, eventually};

const CLAIM: &str = "backup.source.bookings.kind";
const TENANTS: [&str; 2] = ["riverside", "hillside"];
/// Accounts in each database, and what all of them come to however much is moved between them.
const ACCOUNTS: i64 = 500;
pub(super) const SUM: i64 = ACCOUNTS * 100;

/// A server with a database for each tenant.
pub(super) struct Postgres {
    pub(super) home: Home,
    programs: PathBuf,
    pub(super) running: Running,
}

impl Postgres {
    pub(super) fn start() -> Self {
        let home = Home::new("postgres");
        let programs = fs::read_dir("/usr/lib/postgresql")
            .unwrap()
            .map(|version| version.unwrap().path().join("bin"))
            .find(|programs| programs.join("initdb").exists())
            .unwrap();
        let password = home.join("password");
        fs::write(&password, OWNER).unwrap();
        home.give(&password);
        home.within("socket", 0o755);
        let made = home
            .command(programs.join("initdb").to_str().unwrap())
            .args(["-D", home.join("data").to_str().unwrap()])
            .args(["--username=postgres", "--auth=scram-sha-256", "--no-sync"])
            .arg(format!("--pwfile={}", password.display()))
            .output()
            .unwrap();
        Done::from(made).with(0);
        let running = Self::run(&home, &programs);
        let server = Self {
            home,
            programs,
            running,
        };
        server.ready();
        server.sql("postgres", &format!("create role backup login password '{BACKUP}'; grant pg_read_all_data to backup; create role ward_app"));
        for tenant in TENANTS {
            server.sql("postgres", &format!("create database bookings_{tenant}"));
            server.fill(tenant);
        }
        server
    }

    fn run(home: &Home, programs: &std::path::Path) -> Running {
        let mut command = home.command(programs.join("postgres").to_str().unwrap());
        command
            .args(["-D", home.join("data").to_str().unwrap()])
            .args(["-c", "listen_addresses=", "-c", "fsync=off"])
            .args([
                "-c",
                &format!("unix_socket_directories={}", home.join("socket").display()),
            ]);
        Running::new(command, &home.join("log"))
    }

    /// Starts it again after it has ended.
    pub(super) fn again(&mut self) {
        self.running = Self::run(&self.home, &self.programs);
        self.ready();
    }

    fn ready(&self) {
        eventually("the server to answer", 60, || {
            let done = self
                .client("psql", "postgres")
                .args(["-c", "select 1"])
                .output()
                .unwrap();
            done.status.success().then_some(())
        });
    }

    fn fill(&self, tenant: &str) {
        self.sql(
            &format!("bookings_{tenant}"),
            &format!(
                "create table account (id int primary key, amount bigint not null, note text); \
                 alter table account owner to ward_app; \
                 insert into account select i, 100, repeat('x', 1000) from generate_series(1, {ACCOUNTS}) i; \
                 create table \"Moved\" (id bigserial primary key, \"from\" int references account, \"to\" int references account, at timestamptz default now()); \
                 create index on \"Moved\" (at); \
                 create view total as select sum(amount) from account; \
                 create materialized view slow as select count(*) from account; \
                 create table day (at date, n int) partition by range (at); \
                 create table day_1 partition of day for values from ('2026-01-01') to ('2027-01-01'); \
                 insert into day values ('2026-02-03', 1); \
                 create function double(int) returns int language sql as 'select 2 * $1'"
            ),
        );
    }

    pub(super) fn client(&self, program: &str, database: &str) -> Command {
        let mut command = Command::new(self.programs.join(program));
        command
            .env("PGPASSWORD", OWNER)
            .arg("--host")
            .arg(self.home.join("socket"))
            .args(["--username=postgres", "--dbname", database]);
        command
    }

    #[track_caller]
    pub(super) fn sql(&self, database: &str, sql: &str) -> String {
        let done = self
            .client("psql", database)
            .args(["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-c", sql])
            .output()
            .unwrap();
        Done::from(done).with(0).out.trim().to_owned()
    }

    /// The statement's lines for this server.
    fn source(&self) -> String {
        format!(
            "name = \"bookings\"\nkind = \"postgres\"\ndatabase = \"bookings_$TENANT\"\nsocket = \"{}\"\nuser = \"backup\"\ncredentials = \"{}\"\nexpect = [\"select sum(amount) = {SUM} from account\"]",
            self.home.join("socket").display(),
            self.home.join("backup.pgpass").display(),
        )
    }

    fn service(&self) -> Service {
        let (options, jobs) = with_source(&self.source());
        self.home
            .secret("backup.pgpass", &format!("*:*:*:backup:{BACKUP}\n"), jobs);
        Service::start(options)
    }

    /// Moves amounts between accounts until told to stop, and says how often that was.
    pub(super) fn load(&self, database: &str, stop: &AtomicBool) -> i64 {
        let mut moving = self
            .client("psql", database)
            .args(["-X", "-q"])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let mut to = moving.stdin.take().unwrap();
        let mut moved = 0;
        while !stop.load(Ordering::Relaxed) {
            let (from, into) = (1 + moved % ACCOUNTS, 1 + (moved * 7 + 3) % ACCOUNTS);
            writeln!(
                to,
                "begin; update account set amount = amount - 1 where id = {from}; update account set amount = amount + 1 where id = {into}; insert into \"Moved\" (\"from\", \"to\") values ({from}, {into}); commit;"
            )
            .unwrap();
            moved += 1;
        }
        drop(to);
        assert!(moving.wait().unwrap().success());
        moved
    }
}

#[test]
fn a_database_of_postgresql_under_load_comes_back_as_it_was_at_one_instant() {
    let server = Postgres::start();
    let service = server.service();
    settled(&service, CLAIM);
    let stop = AtomicBool::new(false);
    let (to, moved) = std::thread::scope(|scope| {
        let loading = scope.spawn(|| server.load("bookings_riverside", &stop));
        eventually("the load to begin", 30, || {
            (server.sql("bookings_riverside", "select count(*) > 50 from \"Moved\"") == "t")
                .then_some(())
        });
        service.avouch(&["backup", "run", "riverside"]).with(0);
        let drilled = service.ask(&["drill", "run", "riverside"]);
        assert!(drilled.to_string().contains("passed"), "{drilled}");
        let to = service.place().join("look");
        let words = [
            "restore",
            "riverside",
            "--source",
            "bookings",
            "--because",
            "a question",
            "--execute",
            "--to",
        ];
        service
            .avouch(&[&words[..], &[to.to_str().unwrap()]].concat())
            .with(0);
        stop.store(true, Ordering::Relaxed);
        (to, loading.join().unwrap())
    });
    let seen = judged(&service, CLAIM, "held");
    assert!(seen.contains("read in one snapshot"), "{seen}");

    // The server's own client agrees.
    server.sql("postgres", "create database looked_at");
    let done = server
        .client("pg_restore", "looked_at")
        .args(["--exit-on-error"])
        .arg(to.join("bookings_riverside.dump"))
        .output()
        .unwrap();
    Done::from(done).with(0);
    assert_eq!(
        server.sql("looked_at", "select sum(amount) from account"),
        SUM.to_string()
    );
    let then: i64 = server
        .sql("looked_at", "select count(*) from \"Moved\"")
        .parse()
        .unwrap();
    assert!(
        0 < then && then < moved,
        "{then} of {moved} moves were made when it was dumped"
    );
    let roles = fs::read_to_string(to.join("roles.sql")).unwrap();
    assert!(
        roles.contains("ROLE ward_app") && !roles.contains("SCRAM"),
        "{roles}"
    );
    // A password is nowhere but in the file that it was given in.
    assert!(!fs::read_to_string(service.log()).unwrap().contains(BACKUP));
}

#[test]
fn what_keeps_a_postgresql_database_from_being_dumped_breaks_its_claim_and_is_named() {
    let mut server = Postgres::start();
    let service = server.service();
    settled(&service, CLAIM);
    let fails = |says: &str| {
        let failed = service.avouch(&["backup", "run", "riverside"]).with(2);
        assert!(failed.err.contains(says), "{failed:?}");
        let seen = judged(&service, CLAIM, "broken");
        assert!(seen.contains(says), "{seen}");
    };
    let mended = || {
        service.avouch(&["backup", "run", "riverside"]).with(0);
        judged(&service, CLAIM, "held");
    };

    server.sql("postgres", "alter role backup password 'another'");
    fails("password authentication failed for user");
    server.sql(
        "postgres",
        &format!("alter role backup password '{BACKUP}'"),
    );
    mended();

    server.sql(
        "bookings_riverside",
        "drop schema public cascade; create schema public",
    );
    fails("it has no table");
    server.fill("riverside");
    mended();

    // What the statement expects of it is asked by a drill, and does not stand in the way of who needs the data.
    server.sql(
        "bookings_riverside",
        "update account set amount = 99 where id = 1",
    );
    service.avouch(&["backup", "run", "riverside"]).with(0);
    service.avouch(&["drill", "run", "riverside"]).with(1);
    let seen = judged(&service, CLAIM, "broken");
    assert!(seen.contains("is not answered by yes"), "{seen}");
    let to = service.place().join("short");
    let words = [
        "restore",
        "riverside",
        "--source",
        "bookings",
        "--because",
        "a question",
    ];
    service
        .avouch(&[&words[..], &["--execute", "--to", to.to_str().unwrap()]].concat())
        .with(0);
    server.sql(
        "bookings_riverside",
        "update account set amount = 100 where id = 1",
    );
    service.avouch(&["backup", "run", "riverside"]).with(0);
    service.avouch(&["drill", "run", "riverside"]).with(0);
    judged(&service, CLAIM, "held");

    // In the middle of the dump: it waits for a table, and the server is killed.
    let mut holding = server
        .client("psql", "bookings_riverside")
        .args(["-X", "-q"])
        .stdin(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut hold = holding.stdin.take().unwrap();
    writeln!(hold, "begin; lock table account in access exclusive mode;").unwrap();
    let waits = "select count(*) > 0 from pg_stat_activity where application_name = 'avouch' and wait_event_type = 'Lock'";
    std::thread::scope(|scope| {
        let running = scope.spawn(|| service.avouch(&["backup", "run", "riverside"]));
        eventually("the dump to wait", 60, || {
            (server.sql("postgres", waits) == "t").then_some(())
        });
        server.running.end(Signal::SIGQUIT);
        running.join().unwrap().with(2);
    });
    drop(hold);
    let _ = holding.wait();
    judged(&service, CLAIM, "broken");
    fails("No such file or directory");
    server.again();
    mended();

    // It is not the service's to put in place.
    let plan = service
        .avouch(&["restore", "riverside", "--source", "bookings"])
        .with(2);
    assert!(plan.err.contains("does not lie in a folder"), "{plan:?}");
}
