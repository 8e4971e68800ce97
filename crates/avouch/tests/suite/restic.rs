//! Whoever has a repository's password needs nothing of ours to get the data back: Debian's `restic` reads what was stored.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use avouch_keyring::{Keyring, Purpose, Source};

use crate::harness::{Place, Service, eventually, run, shared};

/// A repository at a destination, with its password from the service's keys.
pub struct Repository {
    pub folder: String,
    password: String,
}

/// Opens a tenant's, or the platform's.
pub fn repository(service: &Service, owner: &str, destination: &str) -> Repository {
    let data = service.data();
    let master = Source::File {
        path: data.join("keys/master.key"),
    };
    let keys = Keyring::unlock(&data.join("core/keys"), &master).unwrap();
    let place = destination.parse().unwrap();
    let purpose = match owner {
        "platform" => Purpose::PlatformRepository { destination: place },
        tenant => Purpose::Repository {
            tenant: tenant.parse().unwrap(),
            destination: place,
        },
    };
    let folder = data.join("backups").join(destination).join(owner);
    Repository {
        folder: folder.to_str().unwrap().to_owned(),
        password: hex::encode(keys.named(&purpose).unwrap().expose()),
    }
}

impl Repository {
    /// What `restic` says, if it succeeds. Without its locks, which would be another user's in the repository.
    pub fn restic(&self, words: &[&str]) -> Result<String, String> {
        let output = Command::new("restic")
            .args(["--no-cache", "--no-lock", "--repo", &self.folder])
            .args(words)
            .env("RESTIC_PASSWORD", &self.password)
            .output()
            .expect("restic from Debian is installed by `make test`");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        if output.status.success() {
            Ok(text(&output.stdout))
        } else {
            Err(text(&output.stdout) + &text(&output.stderr))
        }
    }

    fn listed(&self) -> BTreeSet<String> {
        let listed = self.restic(&["snapshots", "--json"]).unwrap();
        let listed: Vec<serde_json::Value> = serde_json::from_str(&listed).unwrap();
        let id = |one: &serde_json::Value| one["short_id"].as_str().unwrap().to_owned();
        listed.iter().map(id).collect()
    }
}

/// What the service says is at a destination.
fn told(service: &Service, destination: &str) -> BTreeSet<String> {
    let listed = service.ask(&["backup", "list"]);
    let rows = listed["rows"].as_array().unwrap().iter();
    rows.filter(|row| row["owner"] == "riverside" && row["destination"] == destination)
        .map(|row| row["snapshot"].as_str().unwrap().to_owned())
        .collect()
}

fn wards(database: &Path) -> String {
    run(
        "sqlite3",
        [
            database.to_str().unwrap(),
            "pragma integrity_check; select count(*), sum(number) from ward",
        ],
    )
}

#[test]
fn stock_restic_lists_checks_and_restores_what_a_running_service_stored_at_each_destination() {
    let service = shared();
    let place = Place::new();
    service.avouch(&["backup", "run", "riverside"]).with(0);
    let live = wards(&service.data().join("tenants/riverside/data/acuity.db"));
    assert!(live.starts_with("ok\n"), "{live}");
    for destination in ["local", "offsite"] {
        let repository = repository(service, "riverside", destination);
        // Other tests may take backups meanwhile.
        eventually("both to list the same", 60, || {
            let told = told(service, destination);
            (!told.is_empty() && repository.listed() == told).then_some(())
        });
        let mut last = String::new();
        eventually("a sound repository", 60, || {
            let checked = repository.restic(&["check", "--read-data"]);
            checked.map_err(|why| last = why).ok()
        });
        let into = place.join(destination);
        repository
            .restic(&["restore", "latest", "--target", into.to_str().unwrap()])
            .unwrap();
        let found = run("find", [into.to_str().unwrap(), "-name", "acuity.db"]);
        let database = found.lines().next().expect("a database");
        assert_eq!(wards(Path::new(database)), live, "{destination}");

        let stranger = Repository {
            password: "0".repeat(64),
            ..repository
        };
        assert!(stranger.restic(&["snapshots"]).is_err());
    }
}
