//! A keeper as its writers reach it: over TLS, by our own jobs and by stock `restic`.

use std::{
    fs, io,
    net::{Shutdown, SocketAddr, TcpStream},
    os::unix::net::UnixStream,
    path::Path,
    process::Command,
    sync::Arc,
};

use avouch_backup::{
    far::{Address, Credential, Dial, Place, PublicKey},
    job::{self, Examination, JobError, Outcome, Spec},
    repository::Shelves,
    retention::{Grade, Rule},
    schedule::At,
    source::Source,
    vault::{Kept, Vault, serve},
};
use avouch_statement::{Length, Slug, Unit};
use jiff::Timestamp;
use tempfile::TempDir;
use tokio::{net::TcpListener, runtime::Runtime, sync::mpsc};

use crate::{password, proof::flip, stages::sql};

/// A keeper that serves, in a folder of its own.
struct Machine {
    home: TempDir,
    address: SocketAddr,
    vault: Arc<Vault>,
    token: String,
    runtime: Runtime,
}

/// What the keeper takes of the service.
const ROOM: u64 = 1 << 30;

/// Bytes that cannot be compressed.
const MORE: u64 = 1_000_000;

/// Puts them into a database.
const FILL: &str = "create table letter (body); insert into letter values (randomblob(1000000));";

fn service() -> Slug {
    "acuity".parse().unwrap()
}

impl Machine {
    fn start() -> Self {
        Self::start_as(&[])
    }

    /// One whose certificate is for these hosts too.
    fn start_as(names: &[&str]) -> Self {
        let home = TempDir::new().unwrap();
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        if !names.is_empty() {
            Vault::name(&home.path().join("keeper"), &names).unwrap();
        }
        let vault = Arc::new(Vault::open(&home.path().join("keeper")).unwrap());
        let kept = Kept {
            source: "tenant-data".to_owned(),
            rule: Rule {
                daily: Length::new(3, Unit::Day),
                weekly: None,
                monthly: None,
            },
            at: At::parse("04:00 UTC").unwrap(),
        };
        let token = vault.add(&service(), ROOM, vec![kept]).unwrap().unwrap();
        let runtime = Runtime::new().unwrap();
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let address = listener.local_addr().unwrap();
        let (come, _) = mpsc::unbounded_channel();
        let serving = serve(Arc::clone(&vault), listener, Arc::new(Timestamp::now), come);
        runtime.spawn(serving);
        Self {
            home,
            address,
            vault,
            token,
            runtime,
        }
    }

    fn place_as(&self, token: &str, key: PublicKey) -> Place {
        Place::Far {
            destination: "far".parse().unwrap(),
            address: Address::Keeper {
                host: "localhost".to_owned(),
                port: self.address.port(),
                service: service().to_string(),
                key,
            },
            repository: "riverside".to_owned(),
            credential: Credential::new(token),
        }
    }

    fn place(&self) -> Place {
        self.place_as(&self.token, self.vault.key())
    }

    fn run(&self, spec: Spec) -> Result<Outcome, JobError> {
        let dial = line_to(self.address);
        self.runtime
            .block_on(job::run(spec, Some(&password()), Some(&dial)))
    }

    /// Puts more into the database than can be compressed away.
    fn fill(&self) {
        self.runtime
            .block_on(sql(&self.home.path().join("live.db"), FILL));
    }

    /// Backs up a small database.
    fn store(&self) -> Outcome {
        let home = self.home.path();
        let taken: Timestamp = "2026-01-05T04:00:00Z".parse().unwrap();
        self.runtime.block_on(sql(
            &home.join("live.db"),
            "create table assessment (id integer primary key); insert into assessment values (null);",
        ));
        let staged = TempDir::new_in(home).unwrap().keep().join("copy");
        self.run(Spec::Snapshot {
            source: Source::Sqlite {
                path: home.join("live.db"),
            },
            into: staged.clone(),
            taken,
        })
        .unwrap();
        self.run(Spec::Store {
            staged,
            repository: self.place(),
            owner: "riverside".to_owned(),
            source: "tenant-data".to_owned(),
            day: "2026-01-05".parse().unwrap(),
            grades: vec![Grade::Daily],
        })
        .unwrap()
    }

    /// Reads the repository through, but for packs on these shelves.
    fn examine(&self, settled: Option<&Shelves>) -> Examination {
        let scratch = TempDir::new_in(self.home.path()).unwrap();
        let spec = Spec::Examine {
            repository: self.place(),
            scratch: scratch.path().to_owned(),
            settled: settled.cloned(),
        };
        match self.run(spec).unwrap() {
            Outcome::Examined(seen) => seen,
            other => panic!("{other:?}"),
        }
    }

    /// Asks for something to be removed; the status of the answer.
    fn delete(&self, file: &str) -> String {
        let said = Command::new("curl")
            .args([
                "--silent",
                "--insecure",
                "--request",
                "DELETE",
                "--output",
                "/dev/null",
            ])
            .args(["--write-out", "%{http_code}"])
            .arg(format!(
                "https://acuity:{}@localhost:{}/acuity/riverside/{file}",
                self.token,
                self.address.port()
            ))
            .output()
            .unwrap();
        String::from_utf8(said.stdout).unwrap()
    }

    fn restic(&self, words: &[&str]) -> (bool, String) {
        let said = Command::new("restic")
            .args(["--no-cache", "--cacert"])
            .arg(self.home.path().join("keeper/certificate.pem"))
            .arg("--repo")
            .arg(format!(
                "rest:https://acuity:{}@localhost:{}/acuity/riverside/",
                self.token,
                self.address.port()
            ))
            .args(words)
            .env("RESTIC_PASSWORD", "5f".repeat(32))
            .output()
            .expect("restic from Debian is installed by `make test`");
        let text = String::from_utf8_lossy(&said.stdout).into_owned()
            + &String::from_utf8_lossy(&said.stderr);
        (said.status.success(), text)
    }
}

/// A line as a carrier makes it.
fn line_to(address: SocketAddr) -> Dial {
    Arc::new(move || {
        let (ours, theirs) = UnixStream::pair()?;
        let far = TcpStream::connect(address)?;
        let (mut from, mut to) = (theirs.try_clone()?, far.try_clone()?);
        std::thread::spawn(move || {
            io::copy(&mut from, &mut to).ok();
            to.shutdown(Shutdown::Both).ok();
        });
        let (mut from, mut to) = (far, theirs);
        std::thread::spawn(move || {
            io::copy(&mut from, &mut to).ok();
            to.shutdown(Shutdown::Both).ok();
        });
        Ok(ours)
    })
}

#[test]
fn a_job_stores_lists_examines_and_restores_at_a_keeper() {
    let machine = Machine::start();
    let Outcome::Stored { snapshot, rows, .. } = machine.store() else {
        panic!("not stored");
    };
    assert_eq!(rows, 1);
    let repository = machine.place();
    let Outcome::Listed { snapshots } = machine.run(Spec::List { repository }).unwrap() else {
        panic!("not listed");
    };
    assert_eq!(snapshots, std::slice::from_ref(&snapshot));
    let seen = machine.examine(None);
    assert_eq!(seen.findings, vec![]);
    assert_eq!((seen.hashed, seen.shelves.len()), (None, 0));
    assert_eq!(seen.readable, None);
    assert!(
        seen.other_key_refused && seen.searched == seen.objects && seen.markers > 2,
        "{seen:?}"
    );
    assert!(
        seen.flips.tried > 0 && seen.flips.tried == seen.flips.refused,
        "{seen:?}"
    );
    let into = machine.home.path().join("restored");
    let restore = Spec::Restore {
        repository: machine.place(),
        snapshot: snapshot.id.clone(),
        into: into.clone(),
    };
    machine.run(restore).unwrap();
    assert!(into.join("data/live.db").is_file());
}

#[test]
fn what_was_read_at_a_keeper_is_not_fetched_again_until_its_turn() {
    let machine = Machine::start();
    // The largest pack is one of data then, not of the lists of files, which are read each time.
    machine.fill();
    machine.store();
    let all = machine.examine(Some(&Shelves::new()));
    assert_eq!(
        (all.hashed, all.shelves.len()),
        (Some(all.objects - 1), 256),
        "all but `config`"
    );
    let none = machine.examine(Some(&all.shelves));
    assert_eq!(none.shelves, Shelves::new());
    assert!(none.hashed < all.hashed, "{:?}", none.hashed);

    // Nothing of it shows in a listing; the keeper itself would find it within a day.
    let received = machine
        .home
        .path()
        .join("keeper/services/acuity/riverside/received");
    let turned = flip(&received);
    let unseen = machine.examine(Some(&all.shelves));
    assert_eq!(unseen.findings, vec![]);
    let mut due = all.shelves.clone();
    due.remove(&turned).unwrap();
    let seen = machine.examine(Some(&due));
    assert!(seen.findings[0].to_string().contains("has been altered"));
}

#[test]
fn the_room_at_a_keeper_is_what_it_still_takes_of_the_service() {
    let machine = Machine::start();
    let free = || {
        let repository = machine.place();
        match machine.run(Spec::Fingerprint { repository }).unwrap() {
            Outcome::Fingerprint { free, .. } => free.unwrap(),
            other => panic!("{other:?}"),
        }
    };
    let before = free();
    assert!(before <= ROOM && ROOM - before < MORE, "{before}");
    machine.fill();
    machine.store();
    assert!(free() <= ROOM - MORE);
}

#[test]
fn everything_that_the_writer_tries_is_withstood_and_the_keeper_signs_for_what_it_has() {
    let machine = Machine::start();
    let Outcome::Stored { snapshot, .. } = machine.store() else {
        panic!("not stored");
    };
    let known = machine.vault.service(&service()).unwrap().unwrap();
    let shelf = machine.vault.shelf(&known, &"riverside".parse().unwrap());
    let report = shelf
        .round(&machine.vault, &known, Timestamp::now(), true)
        .unwrap();
    assert_eq!(report.findings, Vec::<String>::new());
    let attempt = |key| {
        let spec = Spec::Attempt {
            repository: machine.place(),
            key,
        };
        match machine.run(spec).unwrap() {
            Outcome::Attempted(attempted) => attempted,
            other => panic!("{other:?}"),
        }
    };
    let attempted = attempt(machine.vault.key());
    assert_eq!(attempted.tried.attempts.len(), 15);
    assert!(
        attempted.tried.attempts.iter().all(|one| one.withstood),
        "{attempted:?}"
    );
    let receipt = attempted.receipt.unwrap();
    assert_eq!(receipt.snapshots[0].id, snapshot.id);
    assert!(receipt.snapshots[0].verified.is_some());
    let other = attempt("0f".repeat(32).parse().unwrap());
    assert!(other.receipt.unwrap_err().contains("not signed by the key"));
}

#[test]
fn who_is_not_let_in_or_not_the_pinned_keeper_is_named() {
    let machine = Machine::start();
    machine.store();
    let list = |place| machine.run(Spec::List { repository: place }).unwrap_err();
    let stranger = list(machine.place_as("another", machine.vault.key())).chain();
    assert!(stranger.contains("refuses the credential"), "{stranger}");
    let pinned = "0f".repeat(32).parse().unwrap();
    let imposter = list(machine.place_as(&machine.token, pinned)).chain();
    assert!(
        imposter.contains("does not hold the key that the statement pins"),
        "{imposter}"
    );
    assert!(!imposter.contains(&machine.token));

    let dead: Dial = Arc::new(|| Err(io::ErrorKind::ConnectionRefused.into()));
    let (repository, password) = (machine.place(), password());
    let listed = job::run(Spec::List { repository }, Some(&password), Some(&dead));
    let gone = machine.runtime.block_on(listed).unwrap_err();
    assert!(gone.retry_is_safe());
    assert!(
        gone.chain().contains("cannot be reached"),
        "{}",
        gone.chain()
    );
}

#[test]
fn stock_restic_writes_and_reads_at_a_keeper_and_removes_nothing() {
    let machine = Machine::start();
    machine.store();
    let (done, said) = machine.restic(&["backup", path(&machine.home.path().join("live.db"))]);
    assert!(done, "{said}");
    let (done, said) = machine.restic(&["check", "--read-data"]);
    assert!(done, "{said}");
    // Stock `restic` would try to remove them for minutes; a plain request is refused at once.
    let shelf = machine.home.path().join("keeper/services/acuity/riverside");
    for snapshot in fs::read_dir(shelf.join("received/snapshots")).unwrap() {
        let name = snapshot.unwrap().file_name().into_string().unwrap();
        let refused = machine.delete(&format!("snapshots/{name}"));
        assert_eq!(refused, "403");
    }
    let (done, listed) = machine.restic(&["snapshots", "--json"]);
    assert!(done, "{listed}");
    let listed: serde_json::Value = serde_json::from_str(&listed).unwrap();
    assert_eq!(listed.as_array().unwrap().len(), 2);
    let known = machine.vault.service(&service()).unwrap().unwrap();
    let shelf = machine.vault.shelf(&known, &"riverside".parse().unwrap());
    let report = shelf
        .round(&machine.vault, &known, Timestamp::now(), true)
        .unwrap();
    assert_eq!(report.verified.len(), 2, "{report:?}");
}

#[test]
fn a_stock_client_believes_a_keeper_by_the_names_that_it_was_given_and_by_no_other() {
    let machine = Machine::start_as(&["keeper.example.test", "192.0.2.7"]);
    let keeper = machine.home.path().join("keeper");
    let asked = |host: &str| {
        let port = machine.address.port();
        let done = Command::new("curl")
            .args(["--silent", "--output", "/dev/null", "--cacert"])
            .arg(keeper.join("certificate.pem"))
            .args(["--connect-to", &format!("{host}:{port}:127.0.0.1:{port}")])
            .arg(format!("https://{host}:{port}/acuity/riverside/config"))
            .status();
        done.unwrap().code()
    };
    for known in ["localhost", "keeper.example.test", "192.0.2.7"] {
        assert_eq!(asked(known), Some(0), "{known}");
    }
    // Source: curl manual, "EXIT CODES": 60, the peer's certificate cannot be authenticated.
    for strange in ["other.example.test", "192.0.2.8"] {
        assert_eq!(asked(strange), Some(60), "{strange}");
    }
    let certificate = || fs::read(keeper.join("certificate.pem")).unwrap();
    let before = certificate();
    let named = |names: &[&str]| {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        Vault::name(&keeper, &names)
    };
    named(&["192.0.2.7", "keeper.example.test"]).unwrap();
    assert_eq!(certificate(), before, "the same names change nothing");
    assert!(named(&["a host"]).is_err());
    assert_eq!(certificate(), before, "what is no name changes nothing");
    named(&["new.example.test"]).unwrap();
    let again = Vault::open(&keeper).unwrap();
    assert_eq!(again.key(), machine.vault.key(), "the key stays");
    assert_ne!(certificate(), before);
}

fn path(path: &Path) -> &str {
    path.to_str().unwrap()
}
