//! The data folder: whose it is, what is in it, and who holds it.

use std::os::unix::fs::{MetadataExt, chown};
use std::path::Path;

use avouch_runtime::ids::Ids;
use avouch_runtime::prepare::{PrepareError, Prepared, Program, prepare};

use crate::world::{World, open_to};

const IDS: Ids = Ids::separate(61_000);

fn prepare_at(world: &World, data: &Path) -> Result<Prepared, PrepareError> {
    let program = Program {
        name: "avouch".to_owned(),
        source: world.program.clone(),
    };
    prepare(data, &IDS, &[program])
}

#[test]
fn a_new_folder_gets_its_whole_layout() {
    let world = World::new();
    let data = world.path("data");
    let prepared = prepare_at(&world, &data).unwrap();
    let expected = [
        ("", 0, 0, 0o711),
        ("lock", 0, 0, 0o600),
        ("bin", 0, 0, 0o755),
        ("bin/avouch", 0, 0, 0o755),
        ("run", 60_900, 60_901, 0o2750),
        ("core", 60_900, 60_900, 0o700),
        ("core/ledger", 60_900, 60_900, 0o700),
        ("core/keys", 60_900, 60_900, 0o700),
        ("core/ca", 60_900, 60_900, 0o700),
        ("core/rounds", 60_900, 60_900, 0o700),
        ("keys", 60_900, 60_900, 0o700),
        ("tenants", 0, 0, 0o711),
        ("scratch", 0, 0, 0o711),
        ("backups", 0, 0, 0o711),
    ];
    for (name, uid, gid, mode) in expected {
        let found = std::fs::metadata(prepared.layout.data().join(name)).unwrap();
        assert_eq!(
            (found.uid(), found.gid(), found.mode() & 0o7777),
            (uid, gid, mode),
            "{name}"
        );
    }
    assert_eq!(
        std::fs::read_to_string(data.join("VERSION")).unwrap(),
        "1\n"
    );
}

#[test]
fn a_folder_is_taken_up_again_and_an_unchanged_program_is_left_alone() {
    let world = World::new();
    let data = world.path("data");
    drop(prepare_at(&world, &data).unwrap());
    let copied = std::fs::metadata(data.join("bin/avouch")).unwrap().ino();
    drop(prepare_at(&world, &data).unwrap());
    assert_eq!(
        std::fs::metadata(data.join("bin/avouch")).unwrap().ino(),
        copied
    );
    std::fs::write(data.join("bin/avouch"), "another build").unwrap();
    drop(prepare_at(&world, &data).unwrap());
    let source = std::fs::read(&world.program).unwrap();
    assert!(std::fs::read(data.join("bin/avouch")).unwrap() == source);
}

#[test]
fn a_folder_in_use_is_refused_with_its_holder() {
    let world = World::new();
    let held = prepare_at(&world, &world.path("data")).unwrap();
    let refused = prepare_at(&world, &world.path("data"))
        .unwrap_err()
        .to_string();
    let holder = format!("is in use by process {};", std::process::id());
    assert!(refused.contains(&holder), "{refused}");
    drop(held);
    drop(prepare_at(&world, &world.path("data")).unwrap());
}

#[test]
fn newer_data_is_refused_with_both_versions_and_left_alone() {
    let world = World::new();
    let data = world.path("data");
    std::fs::create_dir(&data).unwrap();
    std::fs::write(data.join("VERSION"), "7\n").unwrap();
    let refused = prepare_at(&world, &data).unwrap_err().to_string();
    assert!(
        refused.contains("data version 7, and this build knows version 1"),
        "{refused}"
    );
    assert_eq!(std::fs::read_dir(&data).unwrap().count(), 1);
    for nonsense in ["", "one\n", "0\n"] {
        std::fs::write(data.join("VERSION"), nonsense).unwrap();
        assert!(matches!(
            prepare_at(&world, &data),
            Err(PrepareError::Version(_))
        ));
    }
}

#[test]
fn somebody_elses_folder_is_refused_and_left_alone() {
    let world = World::new();
    let data = world.path("data");
    std::fs::create_dir(&data).unwrap();
    std::fs::write(data.join("thesis.tex"), "").unwrap();
    let refused = prepare_at(&world, &data).unwrap_err().to_string();
    assert!(
        refused.contains("holds `thesis.tex` but no data of Avouch"),
        "{refused}"
    );
    assert_eq!(std::fs::read_dir(&data).unwrap().count(), 1);

    std::fs::remove_file(data.join("thesis.tex")).unwrap();
    chown(&data, Some(1000), None).unwrap();
    let refused = prepare_at(&world, &data).unwrap_err().to_string();
    assert!(
        refused.contains("belongs to user 1000, not to user 0"),
        "{refused}"
    );
}

#[test]
fn a_folder_that_others_cannot_pass_through_to_is_refused_with_a_mend() {
    let world = World::new();
    let closed = world.path("closed");
    std::fs::create_dir(&closed).unwrap();
    open_to(&closed, 0o700);
    let refused = prepare_at(&world, &closed.join("data"))
        .unwrap_err()
        .to_string();
    let mend = format!(
        "run `chmod o+x {}`, or choose a folder such as",
        closed.display()
    );
    assert!(
        refused.contains("user 60900 cannot pass through"),
        "{refused}"
    );
    assert!(refused.contains(&mend), "{refused}");
}
