//! Rules for `Cargo.toml`: lints and versions are the workspace's, every dependency has a reason, and crates point
//! one way.

use std::ops::Range;

use toml::de::{DeTable, DeValue};

use super::Fault;

/// Which of our crates each may use. One that is not here may use all: the binary joins them.
const DIRECTION: &[(&str, &[&str])] = &[
    ("acuity", &[]),
    ("avouch-console", &[]),
    ("avouch-events", &["keyring", "ledger", "statement"]),
    ("avouch-evidence", &["ledger", "statement"]),
    ("avouch-keyring", &["evidence", "statement"]),
    ("avouch-ledger", &[]),
    ("avouch-statement", &[]),
    ("avouch-store", &[]),
    ("xtask", &[]),
];

/// What every control may use. Another control is not here: the needing side owns a trait, and the binary joins them.
const FOR_CONTROLS: &[&str] = &[
    "events",
    "evidence",
    "keyring",
    "ledger",
    "statement",
    "store",
];

const TABLES: [&str; 3] = ["dependencies", "dev-dependencies", "build-dependencies"];

/// The workspace's manifest: each dependency from outside stands in a block that begins with a comment.
pub fn root(path: &str, text: &str) -> Vec<Fault> {
    let mut found = Vec::new();
    let mut inside = false;
    let mut explained = false;
    for (line, content) in (1..).zip(text.lines()) {
        let content = content.trim();
        if content.starts_with('[') {
            inside = content == "[workspace.dependencies]";
            explained = false;
        } else if content.is_empty() {
            explained = false;
        } else if content.starts_with('#') {
            explained = true;
        } else if inside && !explained {
            let name = content.split(['=', ' ', '.']).next().unwrap_or(content);
            found.push(Fault::new(
                path,
                line,
                format!("nothing says why `{name}` is needed"),
                "put it below a comment with the reason, without an empty line between",
            ));
        }
    }
    found
}

/// A crate's manifest.
pub fn member(path: &str, text: &str) -> Vec<Fault> {
    let manifest = match DeTable::parse(text) {
        Ok(manifest) => manifest.into_inner(),
        Err(cause) => {
            let why = cause.message().to_owned();
            return vec![Fault::new(path, 1, why, "make it TOML")];
        }
    };
    let mut found = Vec::new();
    let lints = table(&manifest, "lints");
    if !lints.is_some_and(|lints| is_true(lints, "workspace")) {
        found.push(Fault::new(
            path,
            1,
            "the lints are not the workspace's",
            "add `[lints]` with `workspace = true`",
        ));
    }
    let name = table(&manifest, "package")
        .and_then(|package| package.get("name")?.get_ref().as_str())
        .unwrap_or_default();
    for dependencies in TABLES.iter().filter_map(|kind| table(&manifest, kind)) {
        for (dependency, value) in dependencies {
            let line = line_of(text, dependency.span());
            found.extend(judge(
                path,
                line,
                name,
                dependency.get_ref(),
                value.get_ref(),
            ));
        }
    }
    found
}

fn judge(path: &str, line: usize, name: &str, dependency: &str, value: &DeValue<'_>) -> Vec<Fault> {
    let mut found = Vec::new();
    if !value
        .as_table()
        .is_some_and(|value| is_true(value, "workspace"))
    {
        found.push(Fault::new(
            path,
            line,
            format!("`{dependency}` has a version of its own"),
            format!("name it in the workspace's Cargo.toml with its reason, and write `{dependency}.workspace = true`"),
        ));
    }
    if !may_use(path, name, dependency) {
        found.push(Fault::new(
            path,
            line,
            format!("`{name}` may not use `{dependency}`"),
            "let it own a small trait, and join the two in the binary; ARCHITECTURE.md says which way crates point",
        ));
    }
    found
}

fn may_use(path: &str, name: &str, dependency: &str) -> bool {
    let Some(dependency) = dependency.strip_prefix("avouch-") else {
        return true;
    };
    if path.starts_with("crates/controls/") {
        return FOR_CONTROLS.contains(&dependency);
    }
    DIRECTION
        .iter()
        .find(|(from, _)| *from == name)
        .is_none_or(|(_, to)| to.contains(&dependency))
}

fn table<'t>(of: &'t DeTable<'_>, key: &str) -> Option<&'t DeTable<'t>> {
    of.get(key)?.get_ref().as_table()
}

fn is_true(of: &DeTable<'_>, key: &str) -> bool {
    of.get(key).and_then(|value| value.get_ref().as_bool()) == Some(true)
}

fn line_of(text: &str, span: Range<usize>) -> usize {
    let before = text.get(..span.start).unwrap_or(text);
    before.matches('\n').count() + 1
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = "[lints]\nworkspace = true\n";

    #[track_caller]
    fn check(path: &str, text: &str, expected: &[(usize, &str)]) {
        let found = member(path, text);
        let found: Vec<(usize, &str)> = found
            .iter()
            .map(|fault| (fault.line, fault.what.as_str()))
            .collect();
        assert_eq!(found, expected);
    }

    fn manifest(name: &str, dependencies: &str) -> String {
        format!("[package]\nname = \"{name}\"\n{HEAD}[dependencies]\n{dependencies}\n")
    }

    #[test]
    fn a_crate_without_the_workspaces_lints_is_refused() {
        let text = "[package]\nname = \"avouch-store\"\n";
        check(
            "crates/store/Cargo.toml",
            text,
            &[(1, "the lints are not the workspace's")],
        );
    }

    #[test]
    fn a_version_outside_the_workspaces_manifest_is_refused() {
        let text = manifest("avouch-store", "serde = \"1\"");
        check(
            "crates/store/Cargo.toml",
            &text,
            &[(6, "`serde` has a version of its own")],
        );
    }

    #[test]
    fn the_statement_uses_no_crate_of_ours() {
        let text = manifest("avouch-statement", "avouch-ledger.workspace = true");
        let expected = "`avouch-statement` may not use `avouch-ledger`";
        check("crates/statement/Cargo.toml", &text, &[(6, expected)]);
    }

    #[test]
    fn a_control_does_not_know_another_control() {
        let text = manifest(
            "avouch-gateway",
            "avouch-evidence.workspace = true\navouch-access.workspace = true",
        );
        let expected = "`avouch-gateway` may not use `avouch-access`";
        check(
            "crates/controls/gateway/Cargo.toml",
            &text,
            &[(7, expected)],
        );
    }

    #[test]
    fn the_binary_joins_everything() {
        let text = manifest("avouch", "avouch-access.workspace = true");
        check("crates/avouch/Cargo.toml", &text, &[]);
    }

    #[test]
    fn a_dependency_needs_a_reason_in_its_block() {
        let text = "[workspace.dependencies]\n# Pages.\naxum = \"1\"\ntower = \"1\"\n\nserde = \"1\"\n[profile.dev]\ndebug = true\n";
        let found = root("Cargo.toml", text);
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].line, 6);
        assert_eq!(found[0].what, "nothing says why `serde` is needed");
    }
}
