//! Stands before a program and tells it another time: for the tests of wrong clocks.
//!
//! It reads `shift` beside itself (`-1h`, `+365d`), has Debian's `libfaketime` loaded, and becomes the program of its own
//! name with `.true` behind it.

use std::io::Write as _;
use std::os::unix::process::CommandExt as _;
use std::process::{Command, ExitCode};

/// Where Debian and Ubuntu put the library, by architecture.
const PLACES: [&str; 3] = [
    "/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1",
    "/usr/lib/aarch64-linux-gnu/faketime/libfaketimeMT.so.1",
    "/usr/lib/faketime/libfaketimeMT.so.1",
];

fn main() -> ExitCode {
    match run() {
        Ok(never) => match never {},
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "late: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> std::io::Result<std::convert::Infallible> {
    let own = std::path::PathBuf::from(std::env::args_os().next().unwrap_or_default());
    let shift = std::fs::read_to_string(own.with_extension("shift"))?;
    let library = PLACES
        .iter()
        .find(|place| std::path::Path::new(place).exists())
        .copied()
        .unwrap_or_default();
    let error = Command::new(own.with_extension("true"))
        .args(std::env::args_os().skip(1))
        .env("LD_PRELOAD", library)
        .env("FAKETIME", shift.trim())
        // Only the time of day jumps; and no memory is shared, for which there is no place in a confinement.
        .env("FAKETIME_DONT_FAKE_MONOTONIC", "1")
        .env("DONT_FAKE_MONOTONIC", "1")
        .env("FAKETIME_DISABLE_SHM", "1")
        .exec();
    Err(error)
}
