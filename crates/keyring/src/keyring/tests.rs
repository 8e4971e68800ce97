use super::*;
use crate::Source;
use avouch_statement::Slug;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;

struct Place {
    _folder: tempfile::TempDir,
    keys: PathBuf,
    source: Source,
    master: PathBuf,
}

impl Place {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let master = folder.path().join("outside/master.key");
        Self {
            keys: folder.path().join("keys"),
            source: Source::File {
                path: master.clone(),
            },
            master,
            _folder: folder,
        }
    }

    fn unlock(&self) -> Result<Keyring, KeyringError> {
        Keyring::unlock(&self.keys, &self.source)
    }
}

fn tenant(name: &str) -> TenantId {
    TenantId(slug(name))
}

fn slug(name: &str) -> Slug {
    name.parse().unwrap()
}

fn key_of(name: &str) -> KeyId {
    KeyId::Tenant(tenant(name))
}

fn repository(name: &str) -> Purpose {
    Purpose::Repository {
        tenant: tenant(name),
        destination: slug("offsite"),
    }
}

#[test]
fn keys_and_sealed_values_survive_a_restart() {
    let place = Place::new();
    let first = place.unlock().unwrap();
    let sealed = first
        .seal(&key_of("riverside"), b"event 7", b"opened a record")
        .unwrap();
    let password = first.named(&repository("riverside")).unwrap();
    let again = place.unlock().unwrap();
    assert_eq!(
        again
            .open_sealed(&key_of("riverside"), b"event 7", &sealed)
            .unwrap(),
        b"opened a record"
    );
    assert_eq!(
        again.named(&repository("riverside")).unwrap().expose(),
        password.expose()
    );
    assert_ne!(
        again.named(&Purpose::LedgerSigning).unwrap().expose(),
        again.named(&Purpose::Assertion).unwrap().expose()
    );
}

#[test]
fn a_key_of_another_form_is_made_once() {
    let place = Place::new();
    let make = || Ok::<_, KeyringError>(Secret::new(b"-----BEGIN".to_vec()));
    place
        .unlock()
        .unwrap()
        .named_or(&Purpose::Authority, make)
        .unwrap();
    let again = place.unlock().unwrap();
    let kept = again
        .named_or(&Purpose::Authority, || {
            panic!("made twice") as Result<_, KeyringError>
        })
        .unwrap();
    assert_eq!(kept.expose(), b"-----BEGIN");
}

#[test]
fn a_value_opens_only_for_its_owner_and_its_binding_and_unaltered() {
    let place = Place::new();
    let keyring = place.unlock().unwrap();
    let sealed = keyring
        .seal(&key_of("riverside"), b"event 7", b"opened a record")
        .unwrap();
    keyring.seal(&key_of("hillside"), b"event 7", b"").unwrap();
    keyring.seal(&KeyId::Platform, b"event 7", b"").unwrap();
    for (owner, aad) in [
        (key_of("riverside"), "event 8"),
        (key_of("hillside"), "event 7"),
        (KeyId::Platform, "event 7"),
    ] {
        let opened = keyring.open_sealed(&owner, aad.as_bytes(), &sealed);
        assert!(
            matches!(opened, Err(KeyringError::SealBroken { .. })),
            "{owner:?} {aad}: {opened:?}"
        );
    }
    for place in 0..sealed.len() {
        let mut altered = sealed.clone();
        altered[place] ^= 1;
        assert!(
            keyring
                .open_sealed(&key_of("riverside"), b"event 7", &altered)
                .is_err(),
            "byte {place}"
        );
    }
    for length in 0..sealed.len() {
        assert!(
            keyring
                .open_sealed(&key_of("riverside"), b"event 7", &sealed[..length])
                .is_err(),
            "length {length}"
        );
    }
}

#[test]
fn files_are_private_and_none_holds_a_live_key() {
    let place = Place::new();
    let keyring = place.unlock().unwrap();
    keyring.seal(&key_of("riverside"), b"", b"").unwrap();
    let password = keyring.named(&repository("riverside")).unwrap();
    let folder = place.keys.join("tenant/riverside");
    for path in [
        &place.master,
        &place.keys.join("root.key"),
        &folder.join("1.key"),
        &folder.join("repository-offsite.key"),
    ] {
        assert_eq!(
            fs::metadata(path).unwrap().permissions().mode() & 0o777,
            0o600,
            "{}",
            path.display()
        );
        let bytes = fs::read(path).unwrap();
        assert!(
            !bytes.windows(32).any(|window| window == password.expose()),
            "{}",
            path.display()
        );
        assert!(
            !String::from_utf8(bytes)
                .unwrap()
                .contains(&hex::encode(password.expose()))
        );
    }
    assert_eq!(
        fs::metadata(&folder).unwrap().permissions().mode() & 0o777,
        0o700
    );
}

#[test]
fn an_altered_wrapped_key_is_refused_by_its_name() {
    let place = Place::new();
    place
        .unlock()
        .unwrap()
        .named(&repository("riverside"))
        .unwrap();
    let path = place.keys.join("tenant/riverside/repository-offsite.key");
    let text = fs::read_to_string(&path).unwrap();
    let moved = place.keys.join("platform/repository-offsite.key");
    fs::create_dir(place.keys.join("platform")).unwrap();
    fs::write(&moved, &text).unwrap();
    let other = Purpose::PlatformRepository {
        destination: slug("offsite"),
    };
    let refused = place.unlock().unwrap().named(&other).unwrap_err();
    assert!(
        matches!(&refused, KeyringError::Tampered { path } if *path == moved),
        "{refused}"
    );

    let middle = text.len() / 2;
    let swapped = if text.as_bytes()[middle] == b'A' {
        "B"
    } else {
        "A"
    };
    fs::write(
        &path,
        format!("{}{swapped}{}", &text[..middle], &text[middle + 1..]),
    )
    .unwrap();
    let refused = place
        .unlock()
        .unwrap()
        .named(&repository("riverside"))
        .unwrap_err();
    assert!(
        refused
            .to_string()
            .contains("tenant/riverside/repository-offsite.key"),
        "{refused}"
    );
}

#[test]
fn a_wrong_a_missing_and_a_misshapen_master_each_say_so() {
    let place = Place::new();
    place.unlock().unwrap();
    let right = fs::read(&place.master).unwrap();

    Master::generate().unwrap().save(&place.master).unwrap();
    assert!(matches!(
        place.unlock(),
        Err(KeyringError::WrongMaster { .. })
    ));
    fs::write(&place.master, "correct horse").unwrap();
    assert!(matches!(
        place.unlock(),
        Err(KeyringError::MasterShape { .. })
    ));
    fs::remove_file(&place.master).unwrap();
    assert!(matches!(
        place.unlock(),
        Err(KeyringError::MasterMissing { .. })
    ));
    assert!(
        !place.master.exists(),
        "a second master was made over existing keys"
    );
    fs::write(&place.master, right).unwrap();
    place.unlock().unwrap();
    fs::remove_file(place.keys.join("root.key")).unwrap();
    fs::write(place.keys.join("ledger.key"), "").unwrap();
    assert!(matches!(place.unlock(), Err(KeyringError::Missing { .. })));
}

#[test]
fn rotation_seals_anew_and_still_opens_the_old() {
    let place = Place::new();
    let keyring = place.unlock().unwrap();
    let old = keyring.seal(&key_of("riverside"), b"", b"old").unwrap();
    keyring.rotate(&key_of("riverside")).unwrap();
    let new = keyring.seal(&key_of("riverside"), b"", b"new").unwrap();
    assert_eq!(
        (
            sealed::parse(&old).unwrap().0,
            sealed::parse(&new).unwrap().0
        ),
        (1, 2)
    );
    for keyring in [keyring, place.unlock().unwrap()] {
        assert_eq!(
            keyring
                .open_sealed(&key_of("riverside"), b"", &old)
                .unwrap(),
            b"old"
        );
        assert_eq!(
            keyring
                .open_sealed(&key_of("riverside"), b"", &new)
                .unwrap(),
            b"new"
        );
        assert_eq!(
            sealed::parse(&keyring.seal(&key_of("riverside"), b"", b"").unwrap())
                .unwrap()
                .0,
            2
        );
    }
}

#[test]
fn a_shredded_tenant_is_unreadable_for_good_and_its_neighbour_is_not() {
    let place = Place::new();
    let keyring = place.unlock().unwrap();
    let gone = keyring.seal(&key_of("riverside"), b"", b"gone").unwrap();
    let kept = keyring.seal(&key_of("hillside"), b"", b"kept").unwrap();
    keyring.named(&repository("riverside")).unwrap();
    keyring.shred(&tenant("riverside")).unwrap();
    for keyring in [keyring, place.unlock().unwrap()] {
        for refused in [
            keyring
                .open_sealed(&key_of("riverside"), b"", &gone)
                .unwrap_err(),
            keyring.seal(&key_of("riverside"), b"", b"").unwrap_err(),
            keyring.rotate(&key_of("riverside")).unwrap_err(),
            keyring.named(&repository("riverside")).unwrap_err(),
        ] {
            assert!(
                matches!(refused, KeyringError::Shredded { .. }),
                "{refused}"
            );
        }
        assert_eq!(
            keyring
                .open_sealed(&key_of("hillside"), b"", &kept)
                .unwrap(),
            b"kept"
        );
    }
    assert!(
        files::list(&place.keys.join("tenant/riverside"))
            .unwrap()
            .iter()
            .all(|path| !is_key(path))
    );
}

#[test]
fn shredding_that_was_cut_short_is_finished_at_the_next_start() {
    let place = Place::new();
    place
        .unlock()
        .unwrap()
        .seal(&key_of("riverside"), b"", b"")
        .unwrap();
    fs::write(place.keys.join("tenant/riverside").join(TOMBSTONE), "").unwrap();
    place.unlock().unwrap();
    assert!(!place.keys.join("tenant/riverside/1.key").exists());
}

#[test]
fn a_change_of_master_opens_everything_and_a_crash_at_any_point_is_finished() {
    let place = Place::new();
    let keyring = place.unlock().unwrap();
    let sealed = keyring.seal(&KeyId::Platform, b"", b"kept").unwrap();
    let old = fs::read(&place.master).unwrap();
    keyring.change_master(place.source.path().unwrap()).unwrap();
    let new = fs::read(&place.master).unwrap();
    assert_ne!(old, new);
    place.unlock().unwrap();

    // Cut short after the rewrap: the new master lies beside the old one.
    let next = files::beside(&place.master, "next");
    fs::write(&next, &new).unwrap();
    fs::write(&place.master, &old).unwrap();
    let again = place.unlock().unwrap();
    assert_eq!(
        again.open_sealed(&KeyId::Platform, b"", &sealed).unwrap(),
        b"kept"
    );
    assert_eq!(fs::read(&place.master).unwrap(), new);
    assert!(!next.exists());

    // Cut short before the rewrap: the one beside opens nothing yet, and the old one still does.
    Master::generate().unwrap().save(&next).unwrap();
    place.unlock().unwrap();
    assert_eq!(fs::read(&place.master).unwrap(), new);
}
