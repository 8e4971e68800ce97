//! Puts the one stylesheet, which `make web` makes, where the crate can embed it.

use std::path::{Path, PathBuf};
use std::{env, fs, io};

fn main() -> io::Result<()> {
    let made = folder("CARGO_MANIFEST_DIR")?.join("../../web/dist/avouch.css");
    cargo_reruns_when(&made)?;
    let wanted = folder("OUT_DIR")?.join("avouch.css");
    fs::copy(&made, wanted).map_err(|cause| {
        io::Error::new(
            cause.kind(),
            format!("no stylesheet at {}: run `make web` first", made.display()),
        )
    })?;
    Ok(())
}

fn folder(variable: &str) -> io::Result<PathBuf> {
    env::var_os(variable)
        .map(PathBuf::from)
        .ok_or_else(|| io::Error::other(format!("cargo sets {variable}; build with cargo")))
}

/// Cargo reads build instructions from standard output.
fn cargo_reruns_when(made: &Path) -> io::Result<()> {
    use io::Write as _;
    writeln!(io::stdout(), "cargo::rerun-if-changed={}", made.display())
}
