//! A folder that unprivileged users can pass through, and the stand-in program.

use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use avouch_runtime::confine::{self, Confinement};
use avouch_runtime::probe::{Act, Tried};
use tempfile::TempDir;

/// A user with no other part in these tests.
pub const OWN: u32 = 61_000;

pub struct World {
    pub folder: TempDir,
    pub program: PathBuf,
}

impl World {
    pub fn new() -> Self {
        assert!(nix::unistd::geteuid().is_root(), "these tests need root");
        let folder = tempfile::tempdir().unwrap();
        open_to(folder.path(), 0o711);
        let program = folder.path().join("stand_in");
        // By another process: a program still open for writing here, in a child that another
        // test is just starting, could not be run.
        let copied = Command::new("cp").arg(stand_in()).arg(&program).status();
        assert!(copied.unwrap().success());
        open_to(&program, 0o755);
        Self { folder, program }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A confinement with a folder of its own.
    pub fn confinement(&self) -> Confinement {
        let own = self.path("own");
        std::fs::create_dir_all(&own).unwrap();
        std::os::unix::fs::chown(&own, Some(OWN), Some(OWN)).unwrap();
        let mut spec = Confinement::new(OWN, OWN, &own);
        spec.execute.push(self.program.clone());
        spec.write.push(own);
        spec
    }

    /// Runs a part confined, started by root or by the confined user itself.
    pub fn run(&self, spec: &Confinement, part: &[&str], input: &[u8], root: bool) -> Output {
        let mut words = vec![self.program.to_string_lossy().into_owned()];
        words.extend(part.iter().map(|&word| word.to_owned()));
        let mut starting = confine::command(&self.program, spec, &words).unwrap();
        if !root {
            starting.uid(spec.uid).gid(spec.gid);
        }
        feed(&mut starting, input)
    }

    pub fn probe(&self, spec: &Confinement, acts: &[Act], root: bool) -> Vec<Tried> {
        let acts = serde_json::to_vec(acts).unwrap();
        let output = self.run(spec, &["probe"], &acts, root);
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        serde_json::from_slice(&output.stdout).unwrap()
    }

    /// Tries the acts as root, with nothing that confines.
    pub fn probe_unconfined(&self, acts: &[Act]) -> Vec<Tried> {
        let acts = serde_json::to_vec(acts).unwrap();
        let output = feed(Command::new(&self.program).arg("probe"), &acts);
        assert!(output.status.success(), "{output:?}");
        serde_json::from_slice(&output.stdout).unwrap()
    }
}

pub fn open_to(path: &Path, mode: u32) {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}

/// The example that cargo builds beside this test.
pub fn stand_in() -> PathBuf {
    let own = std::env::current_exe().unwrap();
    let path = own
        .parent()
        .unwrap()
        .parent()
        .unwrap()
        .join("examples/stand_in");
    assert!(
        path.exists(),
        "build {} with `cargo build --examples`",
        path.display()
    );
    path
}

fn feed(starting: &mut Command, input: &[u8]) -> Output {
    let mut child = starting
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // One that fails before it reads has said why on standard error.
    child.stdin.take().unwrap().write_all(input).ok();
    child.wait_with_output().unwrap()
}
