//! The service that is sabotaged, and the tools that lie beside it.

use std::fs::{self, File};
use std::os::unix::fs::{FileExt as _, MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use crate::harness::{Options, Service, run};

/// A service of its own, because nothing that is done to it may touch another test.
pub struct Bench {
    pub service: Service,
}

impl Bench {
    pub fn new(options: Options) -> Self {
        Self {
            service: Service::start(options),
        }
    }

    pub fn data(&self, path: &str) -> PathBuf {
        self.service.data().join(path)
    }

    /// Runs SQL on the core's store, from outside.
    #[track_caller]
    pub fn store(&self, sql: &str) -> String {
        sql_on(&self.data("core/store.db"), sql)
    }

    /// Runs SQL on a tenant's own database.
    #[track_caller]
    pub fn tenant(&self, tenant: &str, sql: &str) -> String {
        sql_on(&self.data(&format!("tenants/{tenant}/data/acuity.db")), sql)
    }

    /// Runs SQL on the index of events.
    #[track_caller]
    pub fn index(&self, sql: &str) -> String {
        sql_on(&self.data("core/events.db"), sql)
    }

    /// Stops the service and starts it again.
    pub fn restart(&mut self) {
        self.service.stop();
        self.start();
    }

    /// Starts the service that was stopped.
    pub fn start(&mut self) {
        self.service
            .up()
            .unwrap_or_else(|log| panic!("the service did not start again:\n{log}"));
    }
}

/// Runs SQL in `sqlite3`, waiting for whoever writes at the moment.
#[track_caller]
fn sql_on(database: &Path, sql: &str) -> String {
    run(
        "sqlite3",
        ["-cmd", ".timeout 10000", database.to_str().unwrap(), sql],
    )
}

/// Changes a file's mode; the mode before.
pub fn chmod(path: &Path, mode: u32) -> u32 {
    let before = fs::metadata(path).unwrap().mode();
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    before & 0o7777
}

/// Turns over one bit in the middle of a file, in place, as a decaying disk would; says where, for turning it back.
pub fn flip(path: &Path) -> u64 {
    let middle = fs::metadata(path).unwrap().len() / 2;
    flip_at(path, middle);
    middle
}

/// Turns over one bit. Done twice, it is undone.
pub fn flip_at(path: &Path, at: u64) {
    let file = File::options().read(true).write(true).open(path).unwrap();
    let mut byte = [0];
    file.read_exact_at(&mut byte, at).unwrap();
    file.write_all_at(&[byte[0] ^ 1], at).unwrap();
}

/// Puts another program in a program's place, as an installer does; those that run go on with the old one.
pub fn replace(program: &Path, by: &Path) {
    let beside = program.with_extension("new");
    fs::copy(by, &beside).unwrap();
    chmod(&beside, 0o755);
    fs::rename(&beside, program).unwrap();
}

/// Every file beneath a folder.
pub fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path))
        } else {
            found.push(path)
        }
    }
    found.sort();
    found
}
