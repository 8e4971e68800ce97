//! The rules, each a pure function from text to faults; only this file reads the repository.

mod licences;
mod manifests;
mod sources;

use std::fmt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{fs, io};

/// A rule that a line breaks, and how to mend it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Fault {
    path: String,
    line: usize,
    what: String,
    mend: String,
}

impl Fault {
    fn new(path: &str, line: usize, what: impl Into<String>, mend: impl Into<String>) -> Self {
        Self {
            path: path.to_owned(),
            line,
            what: what.into(),
            mend: mend.into(),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}:{}: {}\n  help: {}",
            self.path, self.line, self.what, self.mend
        )
    }
}

/// Every fault of the repository at `root`, by file and line.
///
/// # Errors
///
/// If a file cannot be read, or cargo cannot list what the workspace is built from.
pub fn faults(root: &Path) -> io::Result<Vec<Fault>> {
    let mut found = Vec::new();
    for path in files(root)? {
        let name = shown(root, &path);
        let bytes = fs::read(&path).map_err(|cause| {
            io::Error::new(cause.kind(), format!("cannot read {name}: {cause}"))
        })?;
        let text = String::from_utf8_lossy(&bytes);
        found.extend(sources::machine_paths(&name, &text));
        if name.ends_with(".rs") {
            found.extend(sources::rust(&name, &text));
        }
        if name == "Cargo.toml" {
            found.extend(manifests::root(&name, &text));
        } else if name.ends_with("/Cargo.toml") {
            found.extend(manifests::member(&name, &text));
        }
    }
    found.extend(licences::faults(&dependencies(root)?));
    found.sort();
    Ok(found)
}

/// What every crate is built from, on every platform: `name vVERSION …|LICENCE` on each line.
fn dependencies(root: &Path) -> io::Result<String> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args(["tree", "--locked", "--workspace", "--target", "all"])
        .args(["--edges", "normal,build,dev", "--prefix", "none"])
        .args(["--format", "{p}|{l}"])
        .current_dir(root)
        .output()?;
    if !output.status.success() {
        let why = String::from_utf8_lossy(&output.stderr).into_owned();
        return Err(io::Error::other(format!("cargo tree failed: {why}")));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

fn files(root: &Path) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder)? {
            let path = entry?.path();
            let name = path.file_name().and_then(|name| name.to_str());
            if path.is_dir() {
                let made = ["target", "node_modules", ".git", "dist", "shots"];
                if !name.is_some_and(|name| made.contains(&name)) {
                    folders.push(path);
                }
            } else if name.is_some_and(is_text) {
                found.push(path);
            }
        }
    }
    Ok(found)
}

fn is_text(name: &str) -> bool {
    let endings = [
        ".rs", ".toml", ".md", ".sh", ".mjs", ".css", ".html", ".sql", ".lua", ".json",
    ];
    !name.contains('.') || endings.iter().any(|ending| name.ends_with(ending))
}

fn shown(root: &Path, path: &Path) -> String {
    path.strip_prefix(root)
        .unwrap_or(path)
        .display()
        .to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_shows_its_place_and_its_mend() {
        let fault = Fault::new("a/b.rs", 3, "too long", "split it");
        assert_eq!(fault.to_string(), "a/b.rs:3: too long\n  help: split it");
    }

    #[test]
    fn scripts_without_an_ending_are_read_and_pictures_are_not() {
        assert!(is_text("Makefile"));
        assert!(is_text("lib.rs"));
        assert!(!is_text("ward.png"));
    }
}
