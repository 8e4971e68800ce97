use super::*;
use crate::{Asker, Keyring, KeyringError, Source};
use avouch_statement::{Length, Unit};
use std::{io::Seek as _, path::Path, sync::Arc, thread};

const HEX: &str = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";

/// A source whose holder lives as long as the source does.
fn source(origin: Origin, passphrase: Option<&str>) -> Source {
    let (ours, theirs) = UnixStream::pair().unwrap();
    let asker = Asker::new(&origin, ours);
    let passphrase = passphrase.map(|text| {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(text.as_bytes()).unwrap();
        file.rewind().unwrap();
        file
    });
    thread::spawn(move || hold(&origin, theirs, passphrase));
    Source::Holder(Arc::new(asker))
}

fn shell(script: &str, within: Length) -> Origin {
    let command = ["/bin/sh", "-c", script].map(str::to_owned).to_vec();
    Origin::Command { command, within }
}

#[track_caller]
fn not_given(folder: &Path, source: &Source, says: &str) {
    match Keyring::unlock(folder, source) {
        Err(KeyringError::NotGiven { why }) => assert!(why.contains(says), "{why}"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_a_command_prints_opens_the_keys_and_a_failing_one_is_named_with_its_exit_code() {
    let place = tempfile::tempdir().unwrap();
    let keys = place.path().join("keys");
    let minute = Length::new(1, Unit::Minute);
    let given = shell(&format!("echo {HEX}"), minute);
    Keyring::unlock(&keys, &source(given.clone(), None)).unwrap();
    for (script, within, says) in [
        ("echo secret >&2; exit 3", minute, "ended with exit code 3"),
        ("kill -9 $$", minute, "ended by signal 9"),
        ("echo short", minute, "is not a master key"),
        (
            "exec sleep 60",
            Length::new(1, Unit::Second),
            "did not end within 1 s",
        ),
    ] {
        not_given(&keys, &source(shell(script, within), None), says);
    }
    let other = source(
        shell(&format!("echo {}", HEX.replace('0', "9")), minute),
        None,
    );
    assert!(matches!(
        Keyring::unlock(&keys, &other),
        Err(KeyringError::WrongMaster { .. })
    ));
    Keyring::unlock(&keys, &source(given, None)).unwrap();
}

#[test]
fn a_passphrase_opens_the_keys_and_is_asked_for_once() {
    let place = tempfile::tempdir().unwrap();
    let keys = place.path().join("keys");
    not_given(
        &keys,
        &source(Origin::Passphrase, Some("too short\n")),
        "shorter than 15 characters",
    );
    not_given(
        &keys,
        &source(Origin::Passphrase, Some("")),
        "no passphrase came",
    );
    assert!(!keys.join("root.key").exists());

    let words = Some("four words and a bird\n");
    let first = source(Origin::Passphrase, words);
    Keyring::unlock(&keys, &first).unwrap();
    // A core that died asks the same holder again.
    Keyring::unlock(&keys, &first).unwrap();
    Keyring::unlock(&keys, &source(Origin::Passphrase, words)).unwrap();
    let wrong = source(Origin::Passphrase, Some("four words and a fish\n"));
    assert!(matches!(
        Keyring::unlock(&keys, &wrong),
        Err(KeyringError::WrongMaster { .. })
    ));
}

#[test]
fn a_credential_says_whether_it_lay_on_a_disk() {
    let disk = tempfile::tempdir_in("/var/tmp").unwrap();
    std::fs::write(disk.path().join("master"), format!("{HEX}\n")).unwrap();
    let read = credential::read_in(disk.path(), "master").unwrap();
    assert_eq!((read.place, read.hex.expose().as_str()), (Place::Disk, HEX));
    let memory = tempfile::tempdir_in("/dev/shm").unwrap();
    std::fs::write(memory.path().join("master"), HEX).unwrap();
    let read = credential::read_in(memory.path(), "master").unwrap();
    assert_eq!(read.place, Place::Memory);
    let absent = credential::read_in(memory.path(), "other").err().unwrap();
    assert!(absent.0.contains("`other` cannot be read"), "{absent:?}");
}

#[test]
fn a_holder_that_has_gone_is_said() {
    let place = tempfile::tempdir().unwrap();
    let (ours, theirs) = UnixStream::pair().unwrap();
    drop(theirs);
    let source = Source::Holder(Arc::new(Asker::new(&Origin::Passphrase, ours)));
    assert!(matches!(
        Keyring::unlock(&place.path().join("keys"), &source),
        Err(KeyringError::HolderGone { .. })
    ));
}

#[test]
fn keys_made_under_another_kind_of_master_are_not_opened_with_a_passphrase() {
    let place = tempfile::tempdir().unwrap();
    let keys = place.path().join("keys");
    let path = place.path().join("master.key");
    Keyring::unlock(&keys, &Source::File { path }).unwrap();
    not_given(
        &keys,
        &source(Origin::Passphrase, Some("four words and a bird\n")),
        "another kind of master key",
    );
}
