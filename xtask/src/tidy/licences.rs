//! What the product may be built from: licences that ask no more than to be named, and one TLS library.
//!
//! `deny.toml` has the same lists for cargo-deny, which also asks for advisories; this needs no network.

use super::Fault;

/// Licences under which a dependency may be used.
const ALLOWED: &[&str] = &[
    "0BSD",
    "Apache-2.0",
    "BSD-1-Clause",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "BSL-1.0",
    "CC0-1.0",
    "CDLA-Permissive-2.0",
    "ISC",
    "MIT",
    "MIT-0",
    "Unicode-3.0",
    "Unlicense",
    "Zlib",
];

/// Crates that one more licence is accepted for. MPL-2.0 covers the files of that crate only, which we do not change.
const EXCEPTIONS: &[(&str, &str)] = &[("option-ext", "MPL-2.0")];

/// Crates that are not built in: there is one TLS library (rustls) and one crypto provider (aws-lc-rs).
const BANNED: &[&str] = &["native-tls", "openssl", "openssl-sys", "ring"];

const LOCK: &str = "Cargo.lock";

/// Judges a listing with `name vVERSION …|LICENCE` on each line.
pub fn faults(listing: &str) -> Vec<Fault> {
    // A crate listed before carries `(*)` in place of what it needs.
    let mut lines: Vec<&str> = listing
        .lines()
        .map(|line| line.trim_end_matches(" (*)"))
        .filter(|line| !line.is_empty())
        .collect();
    lines.sort_unstable();
    lines.dedup();
    lines.into_iter().filter_map(judge).collect()
}

fn judge(line: &str) -> Option<Fault> {
    let (package, licence) = line.split_once('|')?;
    let name = package.split(' ').next().unwrap_or(package);
    if BANNED.contains(&name) {
        return Some(Fault::new(
            LOCK,
            1,
            format!("`{name}` is built in"),
            format!("turn off the feature that brings it: `cargo tree --target all -i {name}`"),
        ));
    }
    if is_allowed(name, licence) {
        return None;
    }
    let shown = if licence.is_empty() { "none" } else { licence };
    Some(Fault::new(
        LOCK,
        1,
        format!("`{package}` has the licence {shown}, which is not accepted"),
        "use another crate, or argue for the licence in `xtask/src/tidy/licences.rs` and `deny.toml`",
    ))
}

/// Whether a choice that the expression offers is allowed throughout. `/` is the old spelling of OR.
fn is_allowed(name: &str, expression: &str) -> bool {
    let spaced = expression
        .replace('(', " ( ")
        .replace(')', " ) ")
        .replace('/', " OR ");
    let mut words = spaced.split_whitespace().peekable();
    let held = any(name, &mut words);
    held && words.next().is_none()
}

type Words<'a> = std::iter::Peekable<std::str::SplitWhitespace<'a>>;

fn any(name: &str, words: &mut Words<'_>) -> bool {
    let mut held = all(name, words);
    while words.next_if_eq(&"OR").is_some() {
        held |= all(name, words);
    }
    held
}

fn all(name: &str, words: &mut Words<'_>) -> bool {
    let mut held = one(name, words);
    while words.next_if_eq(&"AND").is_some() {
        held &= one(name, words);
    }
    held
}

fn one(name: &str, words: &mut Words<'_>) -> bool {
    match words.next() {
        Some("(") => any(name, words) && words.next() == Some(")"),
        Some(licence) => {
            // An exception only ever permits more.
            if words.next_if_eq(&"WITH").is_some() {
                words.next();
            }
            ALLOWED.contains(&licence) || EXCEPTIONS.contains(&(name, licence))
        }
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(name: &str, expression: &str, allowed: bool) {
        assert_eq!(is_allowed(name, expression), allowed, "{expression}");
    }

    #[test]
    fn one_accepted_choice_is_enough() {
        check("a", "MIT OR GPL-3.0-only", true);
        check("a", "GPL-3.0-only/MIT", true);
        check("a", "LGPL-2.1-or-later OR GPL-3.0-only", false);
    }

    #[test]
    fn every_part_of_a_conjunction_has_to_be_accepted() {
        check("a", "(MIT OR Apache-2.0) AND Unicode-3.0", true);
        check("a", "(MIT OR Apache-2.0) AND GPL-3.0-only", false);
        check("a", "MIT AND (GPL-3.0-only OR ISC)", true);
    }

    #[test]
    fn an_exception_does_not_hide_the_licence_before_it() {
        check("a", "Apache-2.0 WITH LLVM-exception", true);
        check("a", "GPL-3.0-only WITH Classpath-exception-2.0", false);
    }

    #[test]
    fn a_licence_accepted_for_one_crate_is_refused_for_another() {
        check("option-ext", "MPL-2.0", true);
        check("a", "MPL-2.0", false);
    }

    #[test]
    fn no_licence_and_a_broken_expression_are_refused() {
        check("a", "", false);
        check("a", "(MIT", false);
        check("a", "MIT MIT", false);
    }

    #[test]
    fn a_second_tls_library_is_refused_whatever_its_licence() {
        let found = faults("ring v0.17.14|Apache-2.0 AND ISC\nserde v1.0.0|MIT\n");
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].what, "`ring` is built in");
    }

    #[test]
    fn a_refused_licence_is_named_once_with_its_crate() {
        let found = faults("a v1.0.0|GPL-3.0-only\na v1.0.0|GPL-3.0-only (*)\nb v1.0.0|MIT\n");
        assert_eq!(found.len(), 1);
        assert!(
            found[0]
                .what
                .contains("`a v1.0.0` has the licence GPL-3.0-only")
        );
    }
}
