//! The programs under test, built once.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// The binary that Cargo built for this suite.
pub fn avouch_binary() -> PathBuf {
    PathBuf::from(env!("CARGO_BIN_EXE_avouch"))
}

/// Where that binary and its neighbours are.
pub fn profile_folder() -> PathBuf {
    avouch_binary().parent().unwrap().to_owned()
}

/// An example program of this crate.
pub fn example(name: &str) -> PathBuf {
    build();
    profile_folder().join("examples").join(name)
}

/// Cargo builds this crate's binary for its own tests, but not the application beside it. Asked for as the tests
/// themselves were, so that what is built already with the same features is not built again with others.
pub fn build() {
    static BUILT: OnceLock<()> = OnceLock::new();
    BUILT.get_or_init(|| {
        let mut cargo = Command::new(env!("CARGO"));
        cargo
            .args([
                "build",
                "--quiet",
                "--locked",
                "--workspace",
                "--bins",
                "--examples",
            ])
            .current_dir(repository());
        if profile_folder().ends_with("release") {
            cargo.arg("--release");
        }
        assert!(cargo.status().unwrap().success(), "cargo build");
    });
}

/// Whether root runs the tests; notes what is not tried otherwise.
pub fn root(what: &str) -> bool {
    let root = nix::unistd::geteuid().is_root();
    if !root {
        not_tried(what, "only root can");
    }
    root
}

/// Notes what this machine does not let a test try: `make test` lists it at its end.
pub fn not_tried(what: &str, why: &str) {
    let notes = Path::new(env!("CARGO_TARGET_TMPDIR")).join("not-tried");
    let mut notes = std::fs::File::options()
        .create(true)
        .append(true)
        .open(notes)
        .unwrap();
    writeln!(notes, "{what}: {why}").unwrap();
}

/// The repository.
pub fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../..")
        .canonicalize()
        .unwrap()
}
