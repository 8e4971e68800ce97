//! Rules for source files: each says what it is for, stays short, runs all its tests, takes the time from its caller,
//! and names no machine; and what verifies shares no code with what writes.

use super::Fault;

/// Where a second idea is looked for. Tests do not count: a table of cases is one idea.
const LONGEST: usize = 500;

/// Files that are longer, because one idea fills them.
const LONG: &[&str] = &["crates/statement/src/table.rs"];

/// The wall clock. Time is a value passed in, so that years can be simulated and no test waits.
const CLOCKS: &[(&str, &str)] = &[
    ("Timestamp", "now"),
    ("Zoned", "now"),
    ("SystemTime", "now"),
    ("thread", "sleep"),
];

/// Programs' entry points, which read the clock for everything below them.
const ENTRIES: &[&str] = &["crates/avouch/src/main.rs", "apps/acuity/src/main.rs"];

/// The folders whose code must not be the writer's.
const VERIFIERS: &[&str] = &["crates/ledger/src/verify/", "crates/evidence/src/verify/"];

/// Every rule for a Rust file.
pub fn rust(path: &str, text: &str) -> Vec<Fault> {
    let mut found = Vec::new();
    if !is_test(path) {
        found.extend(purpose(path, text));
        found.extend(length(path, text));
        found.extend(clock(path, text));
    }
    found.extend(skipped_tests(path, text));
    if VERIFIERS.iter().any(|folder| path.starts_with(folder)) {
        found.extend(independence(path, text));
    }
    found
}

/// No text names the folders of the machine it was written on.
pub fn machine_paths(path: &str, text: &str) -> Vec<Fault> {
    let folders = [concat!("/wo", "rk/"), concat!("/ho", "me/")];
    lines(text)
        .filter(|(_, line)| folders.iter().any(|folder| names(line, folder)))
        .map(|(number, _)| {
            Fault::new(
                path,
                number,
                "this is a path of one machine",
                "take the path from an argument, or make it relative to the repository",
            )
        })
        .collect()
}

/// Whether `line` has `folder` at the beginning of a path.
fn names(line: &str, folder: &str) -> bool {
    line.match_indices(folder).any(|(at, _)| {
        let before = line.get(..at).and_then(|before| before.chars().next_back());
        !before.is_some_and(|c| c.is_alphanumeric() || "/._-{}$".contains(c))
    })
}

fn is_test(path: &str) -> bool {
    path.contains("/tests/") || path.ends_with("/tests.rs") || path.ends_with("_tests.rs")
}

fn purpose(path: &str, text: &str) -> Option<Fault> {
    (!text.starts_with("//!")).then(|| {
        Fault::new(
            path,
            1,
            "the file does not say what it is for",
            "begin it with `//!` and one sentence",
        )
    })
}

fn length(path: &str, text: &str) -> Option<Fault> {
    let count = product(text).lines().count();
    (count > LONGEST && !LONG.contains(&path)).then(|| {
        Fault::new(
            path,
            count,
            format!("{count} lines; {LONGEST} is where two ideas share a file"),
            "move the second idea to a file of its own, or list the file in `xtask/src/tidy/sources.rs` and say why",
        )
    })
}

fn skipped_tests(path: &str, text: &str) -> Vec<Fault> {
    lines(text)
        .filter(|(_, line)| line.trim_start().starts_with("#[ignore"))
        .map(|(number, _)| {
            Fault::new(
                path,
                number,
                "this test is never run",
                "make it fit for every run, or remove it",
            )
        })
        .collect()
}

fn clock(path: &str, text: &str) -> Vec<Fault> {
    if path.contains("/examples/") || ENTRIES.contains(&path) {
        return Vec::new();
    }
    code(text)
        .filter(|(_, line)| reads_clock(line))
        .map(|(number, _)| {
            Fault::new(
                path,
                number,
                "this reads the wall clock",
                "take the time, or a clock, as an argument",
            )
        })
        .collect()
}

fn reads_clock(line: &str) -> bool {
    CLOCKS
        .iter()
        .any(|(owner, act)| line.contains(&format!("{owner}::{act}")))
}

/// A verifier uses its own folder, crates from outside, and the ledger's verifier; its tests may use the writer.
fn independence(path: &str, text: &str) -> Vec<Fault> {
    let above = if path.ends_with("/mod.rs") {
        "super::"
    } else {
        "super::super::"
    };
    code(text)
        .filter(|(_, line)| {
            line.contains(above) || reaches(line, "crate::") || reaches(line, "avouch_")
        })
        .map(|(number, _)| {
            Fault::new(
                path,
                number,
                "the verifier uses code of a writer, so one mistake could hide in both",
                "write it anew from the format's description",
            )
        })
        .collect()
}

/// Whether something after `root` is not a verifier's.
fn reaches(line: &str, root: &str) -> bool {
    line.match_indices(root).any(|(at, _)| {
        let after = line.get(at + root.len()..).unwrap_or_default();
        !after.starts_with("verify") && !after.starts_with("ledger::verify")
    })
}

/// Lines that do something in the product.
fn code(text: &str) -> impl Iterator<Item = (usize, &str)> {
    lines(product(text)).filter(|(_, line)| !line.trim_start().starts_with("//"))
}

/// The file without its unit tests, which stand last.
fn product(text: &str) -> &str {
    text.split("#[cfg(test)]\nmod tests {")
        .next()
        .unwrap_or(text)
}

fn lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    (1..).zip(text.lines())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(found: &[Fault], expected: &[usize]) {
        let found: Vec<usize> = found.iter().map(|fault| fault.line).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn a_file_says_what_it_is_for() {
        check(&rust("crates/a/src/b.rs", "use std::fs;\n"), &[1]);
        check(&rust("crates/a/src/b.rs", "//! Says.\n"), &[]);
        check(&rust("crates/a/tests/suite/b.rs", "use std::fs;\n"), &[]);
    }

    #[test]
    fn a_long_file_is_refused_unless_it_holds_tests() {
        let long = format!("//! Says.\n{}", "//\n".repeat(LONGEST));
        check(&rust("crates/a/src/b.rs", &long), &[LONGEST + 1]);
        check(&rust("crates/a/src/b/tests.rs", &long), &[]);
    }

    #[test]
    fn a_test_that_is_never_run_is_refused() {
        let text = "//! Says.\n#[test]\n#[ignore = \"slow\"]\nfn a() {}\n";
        check(&rust("crates/a/src/b.rs", text), &[3]);
    }

    #[test]
    fn a_path_of_one_machine_is_refused() {
        let here = concat!("see /wo", "rk/main/x\n");
        check(&machine_paths("README.md", here), &[1]);
        let not_a_root = concat!("$HERE/wo", "rk/main and net/wo", "rk/a\n");
        check(&machine_paths("README.md", not_a_root), &[]);
    }

    #[test]
    fn only_an_entry_point_reads_the_wall_clock() {
        let text = "//! Says.\n// SystemTime::now is banned\nlet now = jiff::Timestamp::now();\n";
        check(&rust("crates/a/src/b.rs", text), &[3]);
        check(&rust("crates/avouch/src/main.rs", text), &[]);
        check(&rust("crates/a/examples/b.rs", text), &[]);
    }

    #[test]
    fn a_unit_test_may_read_the_wall_clock() {
        let text = "//! Says.\n#[cfg(test)]\nmod tests {\n    let now = Timestamp::now();\n}\n";
        check(&rust("crates/a/src/b.rs", text), &[]);
    }

    #[test]
    fn a_verifier_that_uses_the_writers_code_is_refused() {
        let text =
            "//! Says.\nuse crate::tree::root;\nuse super::note;\nuse crate::verify::tree;\n";
        check(&rust("crates/ledger/src/verify/leaf.rs", text), &[2]);
        check(&rust("crates/ledger/src/leaf.rs", text), &[]);
    }

    #[test]
    fn a_verifiers_tests_may_use_the_writer_for_samples() {
        let text = "//! Says.\n#[cfg(test)]\nmod tests {\n    use crate::tree::root;\n}\n";
        check(&rust("crates/ledger/src/verify/leaf.rs", text), &[]);
    }

    #[test]
    fn the_packs_verifier_may_use_the_ledgers_verifier_only() {
        let text = "//! Says.\nuse avouch_ledger::verify as ledger;\nuse avouch_ledger::Leaf;\nuse super::super::Round;\n";
        check(&rust("crates/evidence/src/verify/report.rs", text), &[3, 4]);
    }

    #[test]
    fn the_entry_of_a_verifier_does_not_look_above_itself() {
        let text = "//! Says.\nuse super::Round;\n";
        check(&rust("crates/evidence/src/verify/mod.rs", text), &[2]);
    }
}
