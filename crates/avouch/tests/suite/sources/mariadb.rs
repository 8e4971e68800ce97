//! Databases of a MariaDB server.

use std::fs;
use std::io::Write as _;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};

use nix::sys::signal::Signal;

use super::server::{BACKUP, Home, Running};
use super::{judged, settled, with_source};
use crate::harness::{Done, Service, eventually};

const CLAIM: &str = "backup.source.bookings.kind";
const TENANTS: [&str; 2] = ["riverside", "hillside"];
/// Accounts in each database, and what all of them come to however much is moved between them.
const ACCOUNTS: i64 = 500;
const SUM: i64 = ACCOUNTS * 100;

/// A server with a database for each tenant.
struct Mariadb {
    home: Home,
    running: Running,
}

impl Mariadb {
    fn start() -> Self {
        // The package of the server alone makes no user for it.
        let home = Home::new("nobody");
        let data = home.within("data", 0o700);
        home.within("socket", 0o755);
        let made = home
            .command("mariadb-install-db")
            .arg("--no-defaults")
            .arg(format!("--datadir={}", data.display()))
            .args(["--auth-root-authentication-method=normal", "--skip-test-db"])
            .output()
            .unwrap();
        Done::from(made).with(0);
        let running = Self::run(&home);
        let server = Self { home, running };
        server.ready();
        server.sql("mysql", &format!("create user backup@localhost identified by '{BACKUP}'; grant select, show view, trigger, event, lock tables, reload on *.* to backup@localhost; create user app@localhost account lock"));
        for tenant in TENANTS {
            server.sql("mysql", &format!("create database bookings_{tenant}"));
            server.fill(tenant);
        }
        server
    }

    fn run(home: &Home) -> Running {
        let mut command = home.command("/usr/sbin/mariadbd");
        command
            .arg("--no-defaults")
            .arg(format!("--datadir={}", home.join("data").display()))
            .arg(format!("--socket={}", home.join("socket/sock").display()))
            .arg(format!("--pid-file={}", home.join("data/pid").display()))
            .args([
                "--skip-networking",
                "--innodb-flush-log-at-trx-commit=0",
                "--innodb-use-native-aio=0",
            ]);
        Running::new(command, &home.join("log"))
    }

    /// Starts it again after it has ended.
    fn again(&mut self) {
        self.running = Self::run(&self.home);
        self.ready();
    }

    fn ready(&self) {
        eventually("the server to answer", 60, || {
            let done = self.client("mysql").args(["-e", "select 1"]).output();
            done.unwrap().status.success().then_some(())
        });
    }

    fn fill(&self, tenant: &str) {
        self.sql(
            &format!("bookings_{tenant}"),
            &format!(
                "create table account (id int primary key, amount bigint not null, note text) engine=InnoDB; \
                 grant all privileges on bookings_{tenant}.* to app@localhost; \
                 insert into account select seq, 100, concat(repeat('x', 1000), '\\'),(') from seq_1_to_{ACCOUNTS}; \
                 create table `Moved` (id bigint auto_increment primary key, `from` int references account (id), `to` int references account (id)) engine=InnoDB; \
                 create table `empty` (id int); \
                 insert into Moved (`from`, `to`) values (1, 2); \
                 create definer=app@localhost view total as select sum(amount) from account; \
                 create definer=app@localhost procedure twice(n int) select 2 * n"
            ),
        );
    }

    fn client(&self, database: &str) -> Command {
        let mut command = Command::new("mariadb");
        command
            .arg("--no-defaults")
            .arg(format!(
                "--socket={}",
                self.home.join("socket/sock").display()
            ))
            .args(["--user=root", "--batch", "--skip-column-names", database]);
        command
    }

    #[track_caller]
    fn sql(&self, database: &str, sql: &str) -> String {
        let done = self.client(database).args(["-e", sql]).output().unwrap();
        Done::from(done).with(0).out.trim().to_owned()
    }

    fn service(&self) -> Service {
        let (options, jobs) = with_source(&format!(
            "name = \"bookings\"\nkind = \"mariadb\"\ndatabase = \"bookings_$TENANT\"\nsocket = \"{}\"\nuser = \"backup\"\ncredentials = \"{}\"\nexpect = [\"select sum(amount) = {SUM} from account\"]",
            self.home.join("socket/sock").display(),
            self.home.join("backup.cnf").display(),
        ));
        self.home.secret(
            "backup.cnf",
            &format!("[client]\npassword={BACKUP}\n"),
            jobs,
        );
        Service::start(options)
    }

    /// Moves amounts between accounts until told to stop, and says how often that was.
    fn load(&self, database: &str, stop: &AtomicBool) -> i64 {
        let mut moving = self
            .client(database)
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
                "begin; update account set amount = amount - 1 where id = {from}; update account set amount = amount + 1 where id = {into}; insert into Moved (`from`, `to`) values ({from}, {into}); commit;"
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
fn a_database_of_mariadb_under_load_comes_back_as_it_was_at_one_instant() {
    let server = Mariadb::start();
    let service = server.service();
    settled(&service, CLAIM);
    let stop = AtomicBool::new(false);
    let (to, moved) = std::thread::scope(|scope| {
        let loading = scope.spawn(|| server.load("bookings_riverside", &stop));
        eventually("the load to begin", 30, || {
            (server.sql("bookings_riverside", "select count(*) > 50 from Moved") == "1")
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
    assert!(seen.contains("read in one transaction"), "{seen}");

    // The server's own client agrees.
    let dump = fs::read_to_string(to.join("bookings_riverside.sql")).unwrap();
    let mut filling = server
        .client("mysql")
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    filling
        .stdin
        .take()
        .unwrap()
        .write_all(
            dump.replace("`bookings_riverside`", "`looked_at`")
                .as_bytes(),
        )
        .unwrap();
    assert!(filling.wait().unwrap().success());
    assert_eq!(
        server.sql("looked_at", "select sum(amount) from account"),
        SUM.to_string()
    );
    let then: i64 = server
        .sql("looked_at", "select count(*) from Moved")
        .parse()
        .unwrap();
    assert!(
        0 < then && then < moved,
        "{then} of {moved} moves were made when it was dumped"
    );
    assert!(!fs::read_to_string(service.log()).unwrap().contains(BACKUP));
}

#[test]
fn what_keeps_a_mariadb_database_from_being_dumped_breaks_its_claim_and_is_named() {
    let mut server = Mariadb::start();
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

    server.sql(
        "mysql",
        "set password for backup@localhost = password('another')",
    );
    fails("Access denied for user");
    server.sql(
        "mysql",
        &format!("set password for backup@localhost = password('{BACKUP}')"),
    );
    mended();

    server.sql(
        "mysql",
        "drop database bookings_riverside; create database bookings_riverside",
    );
    fails("it has no table");
    server.fill("riverside");
    mended();

    // A table without transactions: writers wait, and it is of one instant all the same.
    server.sql(
        "bookings_riverside",
        "create table old (id int) engine=MyISAM; insert into old values (1), (2)",
    );
    mended();

    // In the middle of the dump: it waits for a table, and the server is killed.
    server.sql("bookings_riverside", "drop table old");
    let mut holding = server
        .client("bookings_riverside")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut hold = holding.stdin.take().unwrap();
    writeln!(hold, "lock tables account write;").unwrap();
    let waits = "select count(*) > 0 from information_schema.processlist where user = 'backup' and state like 'Waiting for table%'";
    std::thread::scope(|scope| {
        let running = scope.spawn(|| service.avouch(&["backup", "run", "riverside"]));
        eventually("the dump to wait", 60, || {
            (server.sql("mysql", waits) == "1").then_some(())
        });
        server.running.end(Signal::SIGKILL);
        running.join().unwrap().with(2);
    });
    drop(hold);
    let _ = holding.wait();
    judged(&service, CLAIM, "broken");
    fails("connect");
    server.again();
    mended();
}
