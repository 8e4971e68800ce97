//! Backups with real repositories and real databases.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs,
    reason = "a test may stop at the first surprise"
)]

mod atomic;
mod changes;
mod drills;
mod keeper_machine;
mod kept;
mod proof;
mod repositories;
mod stages;
mod world;

use std::path::Path;

use avouch_backup::{
    repository::{Label, Password},
    retention::Grade,
};

/// A password as the keyring makes them.
pub fn password() -> Password {
    Password::new("5f".repeat(32))
}

pub fn label(day: &str) -> Label {
    Label {
        owner: "riverside".to_owned(),
        source: "tenant-data".to_owned(),
        taken: format!("{day}T04:00:02Z").parse().unwrap(),
        day: day.parse().unwrap(),
        grades: vec![Grade::Daily, Grade::Weekly],
        manifest: "ab".repeat(32),
    }
}

/// A small tree with what trees have: nesting, an empty file and folder, a link, a second name, modes, a larger file.
pub fn tree(root: &Path) {
    use std::{fs, os::unix::fs::PermissionsExt};
    fs::create_dir_all(root.join("deep/er")).unwrap();
    fs::create_dir_all(root.join("hollow")).unwrap();
    fs::write(root.join("empty"), b"").unwrap();
    fs::write(root.join("deep/er/note"), b"MARKER-7f3a9c-in-clear").unwrap();
    fs::hard_link(root.join("deep/er/note"), root.join("deep/second")).unwrap();
    std::os::unix::fs::symlink("deep/er/note", root.join("link")).unwrap();
    fs::set_permissions(root.join("empty"), fs::Permissions::from_mode(0o640)).unwrap();
    let mut seed = 1_u64;
    let large: Vec<u8> = (0..3 << 20)
        .map(|_| {
            seed = seed
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            (seed >> 56) as u8
        })
        .collect();
    fs::write(root.join("large"), large).unwrap();
}

#[track_caller]
pub fn same_trees(a: &Path, b: &Path) {
    let said = std::process::Command::new("diff")
        .arg("-r")
        .arg("--no-dereference")
        .args([a, b])
        .output()
        .unwrap();
    assert!(
        said.status.success(),
        "{}",
        String::from_utf8_lossy(&said.stdout)
    );
}
