use std::{fs, os::unix::fs::MetadataExt, path::Path, process::Command};

use avouch_backup::{
    repository::{Flips, Password, Repository, RepositoryError, files, readable},
    retention::{self, Rule, Snapshot},
    schedule::At,
};
use avouch_statement::{Length, Unit};
use tempfile::TempDir;

use crate::{label, password, same_trees, tree};

fn stored() -> (TempDir, Repository) {
    let home = TempDir::new().unwrap();
    tree(&home.path().join("source"));
    let repository =
        Repository::open_or_init(&home.path().join("repository"), &password()).unwrap();
    repository
        .store(&home.path().join("source"), &label("2026-01-05"))
        .unwrap();
    (home, repository)
}

fn restic(repository: &Path, arguments: &[&str]) -> String {
    let said = Command::new("restic")
        .args(["--no-cache", "--repo"])
        .arg(repository)
        .args(arguments)
        .env("RESTIC_PASSWORD", "5f".repeat(32))
        .output()
        .expect("restic from Debian is installed by `make test`");
    let text =
        String::from_utf8_lossy(&said.stdout).into_owned() + &String::from_utf8_lossy(&said.stderr);
    assert!(said.status.success(), "restic {arguments:?}: {text}");
    text
}

#[test]
fn what_is_restored_is_what_was_stored() {
    let (home, repository) = stored();
    let snapshot = repository.list().unwrap().remove(0);
    assert_eq!(snapshot.listed().label, label("2026-01-05"));
    let verified = repository.verify(snapshot).unwrap();
    let into = home.path().join("restored");
    let restored = repository.restore(&verified, &into).unwrap();
    same_trees(&home.path().join("source"), &into);
    assert_eq!(restored.bytes, (3 << 20) + 22);
    assert_eq!(
        fs::metadata(into.join("empty")).unwrap().mode() & 0o777,
        0o640
    );
    let modified = |root: &Path| {
        fs::metadata(root.join("large"))
            .unwrap()
            .modified()
            .unwrap()
    };
    assert_eq!(modified(&into), modified(&home.path().join("source")));
    assert_eq!(fs::metadata(into.join("deep/second")).unwrap().nlink(), 2);

    let again = repository.restore(&verified, &into).unwrap_err();
    assert!(matches!(again, RepositoryError::Occupied(_)), "{again}");
}

#[test]
fn stock_restic_lists_checks_and_restores_the_same_repository() {
    let (home, repository) = stored();
    drop(repository);
    let path = home.path().join("repository");
    let listed = restic(&path, &["snapshots"]);
    assert!(
        listed.contains("owner=riverside") && listed.contains("grade=daily"),
        "{listed}"
    );
    restic(&path, &["check", "--read-data"]);
    let into = home.path().join("by-restic");
    restic(
        &path,
        &["restore", "latest", "--target", into.to_str().unwrap()],
    );
    same_trees(&home.path().join("source"), &into.join("backup"));
    let config = restic(&path, &["cat", "config"]);
    assert!(config.contains("\"version\": 2"), "{config}");
}

#[test]
fn one_flipped_bit_in_any_stored_file_is_found_and_named() {
    let (home, repository) = stored();
    assert_eq!(repository.verify_all().unwrap(), vec![]);
    drop(repository);
    let path = home.path().join("repository");
    for kind in ["data", "index", "snapshots"] {
        let mut folders = vec![path.join(kind)];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).unwrap() {
                let file = entry.unwrap().path();
                if file.is_dir() {
                    folders.push(file);
                    continue;
                }
                let sound = fs::read(&file).unwrap();
                let mut altered = sound.clone();
                let middle = altered.len() / 2;
                altered[middle] ^= 0x10;
                fs::write(&file, &altered).unwrap();
                let repository = Repository::open(&path, &password()).unwrap();
                let found = repository.verify_all().unwrap();
                let name = file.file_name().unwrap().to_string_lossy().into_owned();
                assert!(
                    found.iter().any(|finding| finding.0.contains(&name)),
                    "{name}: {found:?}"
                );
                drop(repository);
                fs::write(&file, &sound).unwrap();
            }
        }
    }
    let repository = Repository::open(&path, &password()).unwrap();
    assert_eq!(repository.verify_all().unwrap(), vec![], "mended");
}

#[test]
fn a_damaged_snapshot_is_never_called_verified() {
    let (home, repository) = stored();
    drop(repository);
    let path = home.path().join("repository");
    let largest = files(&path.join("data"))
        .unwrap()
        .into_iter()
        .max_by_key(|path| fs::metadata(path).unwrap().len())
        .unwrap();
    let mut altered = fs::read(&largest).unwrap();
    let middle = altered.len() / 2;
    altered[middle] ^= 1;
    fs::write(&largest, altered).unwrap();
    let repository = Repository::open(&path, &password()).unwrap();
    let snapshot = repository.list().unwrap().remove(0);
    let refused = repository.verify(snapshot).unwrap_err();
    assert!(
        matches!(refused, RepositoryError::Damaged { .. }),
        "{refused}"
    );
}

#[test]
fn another_password_opens_nothing() {
    let (home, repository) = stored();
    drop(repository);
    let wrong = Password::new("5e".repeat(32));
    let refused = Repository::open(&home.path().join("repository"), &wrong).unwrap_err();
    assert!(matches!(refused, RepositoryError::WrongKey(_)), "{refused}");
    assert!(
        !format!("{wrong:?} {refused}").contains("5e5e"),
        "a password is never shown"
    );
}

#[test]
fn what_is_stored_cannot_be_read_without_the_key() {
    let (home, _repository) = stored();
    let found = |folder: &str, marker: &[u8]| {
        let paths = files(&home.path().join(folder)).unwrap();
        readable(&paths, &[b"no such text".to_vec(), marker.to_vec()])
            .unwrap()
            .is_some()
    };
    let marker = b"MARKER-7f3a9c-in-clear";
    assert!(found("source", marker), "the marker is in the source");
    assert!(!found("repository", marker));
    assert!(!found("repository", b"deep"), "nor the names of files");
}

#[test]
fn a_sample_has_all_that_is_no_pack_and_stays_within_its_bound() {
    let (home, repository) = stored();
    let path = home.path().join("repository");
    fs::write(path.join("data/stray"), b"left here").unwrap();
    let small = repository.sample(1).unwrap();
    let names = |paths: &[std::path::PathBuf]| -> Vec<String> {
        let folder = |path: &std::path::PathBuf| {
            let within = path.strip_prefix(path_of(&home)).unwrap();
            within
                .components()
                .next()
                .unwrap()
                .as_os_str()
                .to_string_lossy()
                .into_owned()
        };
        let mut names: Vec<String> = paths.iter().map(folder).collect();
        names.sort();
        names
    };
    fn path_of(home: &TempDir) -> std::path::PathBuf {
        home.path().join("repository")
    }
    // Two packs are stored, one of data and one of trees; the smallest sample has one of them, and what lies astray.
    assert_eq!(
        names(&small.paths),
        ["config", "data", "data", "index", "keys", "snapshots"]
    );
    let whole = repository.sample(1 << 30).unwrap();
    assert_eq!(whole.paths.len(), small.paths.len() + 1);
    assert_eq!(whole.bytes, whole.of);
    assert!(small.bytes < whole.bytes);
}

#[test]
fn one_bit_flipped_in_a_copy_is_refused_and_the_repository_is_left_as_it_was() {
    let (home, repository) = stored();
    let before = avouch_backup::job::fingerprint(&home.path().join("repository")).unwrap();
    let flips = repository
        .flip_in_copies(&home.path().join("scratch"), 1 << 30)
        .unwrap();
    assert_eq!(
        flips,
        Flips {
            tried: 2,
            refused: 2
        }
    );
    let after = avouch_backup::job::fingerprint(&home.path().join("repository")).unwrap();
    assert_eq!(after, before);
}

#[test]
fn a_repository_in_use_is_left_alone() {
    let (home, _repository) = stored();
    let refused = Repository::open(&home.path().join("repository"), &password()).unwrap_err();
    assert!(
        matches!(refused, RepositoryError::Busy(_)) && refused.retry_is_safe(),
        "{refused}"
    );
}

#[test]
fn a_start_that_was_cut_off_is_started_again() {
    let home = TempDir::new().unwrap();
    let path = home.path().join("repository");
    drop(Repository::open_or_init(&path, &password()).unwrap());
    fs::remove_file(path.join("config")).unwrap();
    let repository = Repository::open_or_init(&path, &password()).unwrap();
    assert_eq!(fs::read_dir(path.join("keys")).unwrap().count(), 1);
    assert_eq!(repository.list().unwrap(), vec![]);
}

#[test]
fn a_repository_that_lost_its_config_is_not_started_afresh() {
    let (home, repository) = stored();
    drop(repository);
    let path = home.path().join("repository");
    fs::remove_file(path.join("config")).unwrap();
    let refused = Repository::open_or_init(&path, &password()).unwrap_err();
    assert!(matches!(refused, RepositoryError::Headless(_)), "{refused}");
}

#[test]
fn data_without_its_snapshot_is_not_listed_and_goes_with_the_next_pruning() {
    let (home, repository) = stored();
    // What a run leaves that is killed before its last step: packs and index are there, the snapshot is not.
    fs::write(home.path().join("source/more"), vec![7; 1 << 20]).unwrap();
    let cut = repository
        .store(&home.path().join("source"), &label("2026-01-06"))
        .unwrap();
    fs::remove_file(
        home.path()
            .join("repository/snapshots")
            .join(&cut.listed().id.0),
    )
    .unwrap();
    assert_eq!(repository.list().unwrap().len(), 1);
    assert_eq!(repository.verify_all().unwrap(), vec![]);
}

#[test]
fn only_what_retention_has_ended_is_deleted_and_the_rest_stays_sound() {
    let (home, repository) = stored();
    fs::write(home.path().join("source/large"), vec![9; 2 << 20]).unwrap();
    repository
        .store(&home.path().join("source"), &label("2026-03-10"))
        .unwrap();
    let rule = Rule {
        daily: Length::new(14, Unit::Day),
        weekly: Some(Length::new(2, Unit::Month)),
        monthly: None,
    };
    let at = At::parse("04:00 Europe/London").unwrap();
    let facts: Vec<Snapshot> = repository
        .list()
        .unwrap()
        .iter()
        .map(|s| Snapshot {
            id: s.listed().id.clone(),
            taken: s.listed().label.taken,
            day: s.listed().label.day,
            grades: s.listed().label.grades.clone(),
            verified: true,
        })
        .collect();
    let decisions = retention::plan(&facts, &rule, &at, "2026-03-10T05:00:00Z".parse().unwrap());
    let proofs: Vec<_> = retention::removable(&decisions).cloned().collect();
    assert_eq!(proofs.len(), 1);
    repository.remove(&proofs).unwrap();
    let left = repository.list().unwrap();
    assert_eq!(left.len(), 1);
    assert_eq!(left[0].listed().label.day.to_string(), "2026-03-10");
    assert_eq!(repository.verify_all().unwrap(), vec![]);
    drop(repository);
    restic(&home.path().join("repository"), &["check", "--read-data"]);
}
