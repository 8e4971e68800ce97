//! Takes out of the one stylesheet, which `make web` makes, what the gateway's own pages wear. A page carries it within,
//! because it must show while everything else is down.

use std::path::PathBuf;
use std::{env, fs, io};

/// The selectors that are kept, each as nhsuk-frontend writes it.
const WORN: [&str; 20] = [
    "html",
    "*",
    ":before",
    ":after",
    "body",
    "a",
    "a:visited",
    "a:hover",
    "a:active",
    "a:focus",
    "p",
    ".nhsuk-header",
    ".nhsuk-header__container",
    ".nhsuk-width-container",
    ".nhsuk-main-wrapper",
    ".nhsuk-main-wrapper>:first-child",
    ".nhsuk-main-wrapper>:last-child",
    ".nhsuk-heading-l",
    ".nhsuk-body-s",
    ".nhsuk-u-text-break-word",
];

fn main() -> io::Result<()> {
    let made = folder("CARGO_MANIFEST_DIR")?.join("../../../web/dist/avouch.css");
    tell_cargo(&format!("rerun-if-changed={}", made.display()))?;
    let whole = fs::read_to_string(&made).map_err(|cause| {
        io::Error::new(
            cause.kind(),
            format!("no stylesheet at {}: run `make web` first", made.display()),
        )
    })?;
    let mut found = Vec::new();
    let worn = worn(&whole, &mut found);
    if let Some(gone) = WORN.iter().find(|selector| !found.contains(*selector)) {
        return Err(io::Error::other(format!(
            "the stylesheet has no rule for `{gone}`: nhsuk-frontend changed, so look at the gateway's build.rs"
        )));
    }
    fs::write(folder("OUT_DIR")?.join("page.css"), worn)
}

/// The rules of `css` for what is worn, those for screens of some width among them.
fn worn(mut css: &str, found: &mut Vec<&'static str>) -> String {
    let mut kept = String::new();
    while let Some((before, rest)) = css.split_once('{') {
        // A statement without a block, like `@charset`, ends before the next rule.
        let name = before.rsplit(';').next().unwrap_or(before).trim();
        let (block, after) = block(rest);
        css = after;
        if name.starts_with('@') {
            let inner = match name.contains("min-width") {
                true => worn(block, found),
                false => String::new(),
            };
            if !inner.is_empty() {
                kept.push_str(&format!("{name}{{{inner}}}"));
            }
            continue;
        }
        let selectors: Vec<&str> = WORN
            .into_iter()
            .filter(|known| name.split(',').any(|selector| selector.trim() == *known))
            .collect();
        if !selectors.is_empty() {
            kept.push_str(&format!("{}{{{block}}}", selectors.join(",")));
        }
        found.extend(selectors);
    }
    kept
}

/// What stands before the brace that closes, and what after.
fn block(rest: &str) -> (&str, &str) {
    let mut open = 1_u32;
    for (at, brace) in rest.match_indices(['{', '}']) {
        open = if brace == "{" { open + 1 } else { open - 1 };
        if open == 0 {
            let (block, after) = rest.split_at(at);
            return (block, after.strip_prefix('}').unwrap_or(after));
        }
    }
    (rest, "")
}

fn folder(variable: &str) -> io::Result<PathBuf> {
    env::var_os(variable)
        .map(PathBuf::from)
        .ok_or_else(|| io::Error::other(format!("cargo sets {variable}; build with cargo")))
}

/// Cargo reads build instructions from standard output.
fn tell_cargo(what: &str) -> io::Result<()> {
    use io::Write as _;
    writeln!(io::stdout(), "cargo::{what}")
}
