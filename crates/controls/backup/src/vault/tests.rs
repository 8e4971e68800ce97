//! A keeper against whoever has taken over the machine that writes to it, with the repository's own key.

use std::{
    fs,
    path::{Path, PathBuf},
};

use aes256ctr_poly1305aes::{Aes256CtrPoly1305Aes, Nonce, aead::Aead as _};
use avouch_statement::{Length, Unit};
use jiff::{SignedDuration, Timestamp};
use sha2::{Digest as _, Sha256};
use tempfile::TempDir;

use super::{Denied, Kept, Report, Service, Shelf, Vault, reader, shelf::Part};
use crate::{
    far::FileKind,
    repository::{Label, Password, Repository, remote},
    retention::{Rule, SnapshotId},
    schedule::At,
};

const ROOM: u64 = 64 << 20;

/// A repository of a service, and its writer, who has the key.
struct Bench {
    home: TempDir,
    vault: Vault,
    service: Service,
    shelf: Shelf,
}

fn password() -> Password {
    Password::new("5f".repeat(32))
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

impl Bench {
    fn new() -> Self {
        let home = TempDir::new().unwrap();
        let vault = Vault::open(&home.path().join("keeper")).unwrap();
        let name = "acuity".parse().unwrap();
        let kept = vec![Kept {
            source: "tenant-data".to_owned(),
            rule: Rule {
                daily: Length::new(3, Unit::Day),
                weekly: None,
                monthly: None,
            },
            at: At::parse("04:00 UTC").unwrap(),
        }];
        vault.add(&name, ROOM, kept).unwrap().unwrap();
        let service = vault.service(&name).unwrap().unwrap();
        let shelf = vault.shelf(&service, &"riverside".parse().unwrap());
        shelf.create().unwrap();
        Self {
            home,
            vault,
            service,
            shelf,
        }
    }

    fn local(&self) -> PathBuf {
        self.home.path().join("repository")
    }

    /// Stores this text at the writer's, labelled as of this time.
    fn store(&self, text: &str, taken: Timestamp) -> SnapshotId {
        let tree = self.home.path().join("tree");
        fs::create_dir_all(&tree).unwrap();
        fs::write(tree.join("note"), text).unwrap();
        let label = Label {
            owner: "riverside".to_owned(),
            source: "tenant-data".to_owned(),
            taken,
            day: taken.to_zoned(jiff::tz::TimeZone::UTC).date(),
            grades: vec![],
            manifest: String::new(),
        };
        let repository = Repository::open_or_init(&self.local(), &password()).unwrap();
        let stored = repository.store(&tree, &label).unwrap();
        stored.listed().id.clone()
    }

    fn receive(
        &self,
        kind: FileKind,
        name: &str,
        bytes: &[u8],
        now: Timestamp,
    ) -> Result<(), Denied> {
        self.shelf
            .receive(&self.vault, &self.service, Part::Of(kind), name, bytes, now)
    }

    /// Sends everything that the keeper does not have, at this time by the keeper's clock.
    fn send(&self, now: Timestamp) {
        for kind in [
            FileKind::Key,
            FileKind::Config,
            FileKind::Pack,
            FileKind::Index,
            FileKind::Snapshot,
        ] {
            for path in files(&self.local().join(kind.folder())) {
                let name = match kind {
                    FileKind::Config => String::new(),
                    _ => path.file_name().unwrap().to_string_lossy().into_owned(),
                };
                match self.receive(kind, &name, &fs::read(&path).unwrap(), now) {
                    Ok(()) | Err(Denied::Exists) => {}
                    Err(denied) => panic!("{kind} {name}: {denied}"),
                }
            }
        }
        self.shelf.entrust(password().reveal()).unwrap();
    }

    fn round(&self, now: Timestamp) -> Report {
        self.shelf
            .round(&self.vault, &self.service, now, true)
            .unwrap()
    }

    /// What a file says that is restored from what is kept.
    fn restored(&self, id: &SnapshotId) -> String {
        let repository = Repository::open(&self.shelf.kept(), &password()).unwrap();
        let verified = repository.verify(repository.find(id).unwrap()).unwrap();
        let into = TempDir::new().unwrap();
        repository
            .restore(&verified, &into.path().join("to"))
            .unwrap();
        fs::read_to_string(into.path().join("to/note")).unwrap()
    }

    fn seal(&self, plain: &[u8]) -> Vec<u8> {
        let repository = Repository::open(&self.local(), &password()).unwrap();
        let key = repository.cipher_key().unwrap();
        let nonce = [7; 16];
        let sealed = Aes256CtrPoly1305Aes::new((&key).into())
            .encrypt(Nonce::from_slice(&nonce), plain)
            .unwrap();
        [nonce.to_vec(), sealed].concat()
    }
}

fn files(at: &Path) -> Vec<PathBuf> {
    if at.is_file() {
        return vec![at.to_owned()];
    }
    crate::repository::files(at).unwrap_or_default()
}

fn name(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

#[test]
fn what_is_there_is_neither_overwritten_nor_removed_and_what_was_altered_on_the_way_is_not_taken() {
    let bench = Bench::new();
    let now = at("2026-01-05T04:00:10Z");
    bench.store("good", now);
    bench.send(now);
    let pack = files(&bench.local().join("data")).remove(0);
    let id = pack.file_name().unwrap().to_string_lossy().into_owned();
    let again = bench
        .receive(FileKind::Pack, &id, b"other", now)
        .unwrap_err();
    assert!(matches!(again, Denied::Exists), "{again}");
    let other = "0f".repeat(32);
    let altered = bench
        .receive(FileKind::Pack, &other, b"other", now)
        .unwrap_err();
    assert!(matches!(altered, Denied::Altered), "{altered}");
    let key = bench
        .receive(FileKind::Key, &name(b"{}"), b"{}", now)
        .unwrap_err();
    assert!(matches!(key, Denied::Exists), "{key}");
    let config = bench
        .receive(FileKind::Config, "", b"other", now)
        .unwrap_err();
    assert!(matches!(config, Denied::Exists), "{config}");
    let removed = bench
        .shelf
        .remove(Part::Of(FileKind::Pack), &id)
        .unwrap_err();
    assert!(matches!(removed, Denied::Kept), "{removed}");
    let climbing = bench
        .receive(FileKind::Pack, "../../../key", b"other", now)
        .unwrap_err();
    assert!(matches!(climbing, Denied::Name), "{climbing}");
    let password = bench.shelf.entrust("another").unwrap_err();
    assert!(matches!(password, Denied::OtherPassword), "{password}");
}

#[test]
fn a_snapshot_counts_once_it_was_read_back_and_not_before() {
    let bench = Bench::new();
    let now = at("2026-01-05T04:00:10Z");
    let id = bench.store("good", now);
    bench.send(now);
    let word = || {
        bench
            .shelf
            .receipt(&bench.vault, &bench.service, "", now)
            .unwrap()
    };
    assert_eq!(word().snapshots[0].verified, None);
    let report = bench.round(at("2026-01-05T04:00:20Z"));
    assert_eq!(report.verified, std::slice::from_ref(&id));
    assert_eq!(report.findings, Vec::<String>::new());
    let there = &word().snapshots[0];
    assert_eq!(
        (there.received, there.verified),
        (now, Some(at("2026-01-05T04:00:20Z")))
    );
    assert_eq!(bench.restored(&id), "good");
}

#[test]
fn junk_with_dates_of_its_own_choice_pushes_no_good_snapshot_out() {
    let bench = Bench::new();
    let mut good = Vec::new();
    for day in 5..=7 {
        let now = at(&format!("2026-01-{day:02}T04:00:10Z"));
        good.push(bench.store(&format!("day {day}"), now));
        bench.send(now);
        bench.round(now);
    }
    // Taken over: many snapshots, said to be of days past and to come, all in one evening.
    let evening = at("2026-01-07T20:00:00Z");
    for number in 0..4 {
        let said = at("2026-01-01T04:00:00Z") + SignedDuration::from_hours(24 * number * 6);
        bench.store(&format!("junk {number}"), said);
        bench.send(evening);
    }
    let report = bench.round(evening);
    assert_eq!(report.removed, Vec::<SnapshotId>::new());
    for (id, day) in good.iter().zip(5..) {
        assert_eq!(bench.restored(id), format!("day {day}"));
    }
    // Each good one goes when its own three days are over, junk or no junk, and the newest whole one never.
    let report = bench.round(at("2026-01-08T06:30:00Z"));
    assert_eq!(report.removed, [good[0].clone()]);
    let report = bench.round(at("2026-03-01T06:30:00Z"));
    assert!(report.removed.contains(&good[2]), "{report:?}");
    let left = Repository::open(&bench.shelf.kept(), &password()).unwrap();
    assert_eq!(left.list().unwrap().len(), 1);
    assert_eq!(left.verify_all().unwrap(), vec![]);
    assert_eq!(files(&bench.shelf.received().join("snapshots")).len(), 1);
}

#[test]
fn nothing_is_removed_while_the_clock_is_in_doubt() {
    let bench = Bench::new();
    for day in [5, 6] {
        let now = at(&format!("2026-01-{day:02}T04:00:10Z"));
        bench.store(&format!("day {day}"), now);
        bench.send(now);
        bench.round(now);
    }
    let later = at("2027-01-05T06:30:00Z");
    let doubted = bench
        .shelf
        .round(&bench.vault, &bench.service, later, false)
        .unwrap();
    assert_eq!(doubted.removed, Vec::<SnapshotId>::new());
    assert_eq!(bench.round(later).removed.len(), 1);
}

#[test]
fn an_index_that_lies_about_good_chunks_is_never_kept() {
    let bench = Bench::new();
    let now = at("2026-01-05T04:00:10Z");
    let id = bench.store("good", now);
    bench.send(now);
    bench.round(now);

    // Whoever has the key says of every good chunk that it is in a pack of junk, and that the good packs are void.
    let index = files(&bench.local().join("index")).remove(0);
    let repository = Repository::open(&bench.local(), &password()).unwrap();
    let key = repository.cipher_key().unwrap();
    drop(repository);
    let sealed = fs::read(index).unwrap();
    let mut lie: serde_json::Value = reader::json(&key, &sealed).unwrap();
    let void = serde_json::json!({ "packs": [], "packs_to_delete": lie["packs"] });
    let junk = vec![9_u8; 200_000];
    bench
        .receive(FileKind::Pack, &name(&junk), &junk, now)
        .unwrap();
    for pack in lie["packs"].as_array_mut().unwrap() {
        pack["id"] = name(&junk).into();
    }
    for false_word in [lie, void] {
        let sealed = bench.seal(&serde_json::to_vec(&false_word).unwrap());
        bench
            .receive(FileKind::Index, &name(&sealed), &sealed, now)
            .unwrap();
    }
    let report = bench.round(at("2026-01-05T05:00:00Z"));
    let found = report.findings.join("\n");
    assert!(found.contains("is false about the pack"), "{found}");
    assert!(found.contains("declares packs void"), "{found}");
    assert_eq!(bench.restored(&id), "good");
    let kept = Repository::open(&bench.shelf.kept(), &password()).unwrap();
    assert_eq!(kept.verify_all().unwrap(), vec![]);
    drop(kept);

    // The writer, once it is rebuilt, is shown what is kept and nothing else.
    bench.shelf.reinstate().unwrap();
    assert_eq!(files(&bench.shelf.received().join("index")).len(), 1);
    assert_eq!(bench.restored(&id), "good");
}

#[test]
fn a_service_takes_up_no_more_room_than_it_was_given() {
    let bench = Bench::new();
    let now = at("2026-01-05T04:00:10Z");
    let id = bench.store("good", now);
    bench.send(now);
    bench.round(now);
    let mut number = 0_u64;
    let full = loop {
        let junk = [number.to_le_bytes().to_vec(), vec![1; 8 << 20]].concat();
        match bench.receive(FileKind::Pack, &name(&junk), &junk, now) {
            Ok(()) => number += 1,
            Err(denied) => break denied,
        }
    };
    assert!(matches!(full, Denied::Room { room: ROOM }), "{full}");
    assert!(number < 8);
    assert_eq!(bench.restored(&id), "good");
    // Junk that nothing needs is cleared away in time, and there is room again.
    bench.round(at("2026-01-13T04:00:00Z"));
    assert_eq!(bench.restored(&id), "good");
    bench
        .receive(FileKind::Pack, &name(b"room"), b"room", now)
        .unwrap();
}

#[test]
fn a_flipped_byte_on_the_keepers_own_disk_is_found_by_the_next_reading_through() {
    let bench = Bench::new();
    let now = at("2026-01-05T04:00:10Z");
    bench.store("good", now);
    bench.send(now);
    assert_eq!(bench.round(now).findings, Vec::<String>::new());
    let pack = files(&bench.shelf.kept().join("data")).remove(0);
    let mut bytes = fs::read(&pack).unwrap();
    bytes[9] ^= 1;
    fs::write(&pack, bytes).unwrap();
    let within = remote::within(FileKind::Pack, &pack.file_name().unwrap().to_string_lossy());
    let found = bench.round(at("2026-01-06T04:00:10Z")).findings.join("\n");
    let short = within.file_name().unwrap().to_string_lossy().into_owned();
    assert!(
        found.contains(&format!("data/{short} has been altered")),
        "{found}"
    );
}
