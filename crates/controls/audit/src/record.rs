//! `[[record]]`: what counts as opening a record, and whose it is.
//!
//! Matching errs towards recording: a path is matched as it was written and as it reads once decoded, so that
//! another spelling of a record's path does not go unnamed.

use avouch_statement::{Slug, Spanned, Table};

/// One kind of record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordRule {
    /// Its name in the statement.
    pub name: Slug,
    /// Its path as written, such as `/wards/{ward}/assessments/{id}`.
    pub path: String,
    /// Its subject as written, such as `{id}`.
    pub subject: String,
}

impl RecordRule {
    /// A path that falls under this rule, with `value` in every place.
    #[must_use]
    pub fn at(&self, value: &str) -> String {
        parts(&self.path)
            .map(|part| format!("/{}", placeholder(part).map_or(part, |_| value)))
            .collect()
    }

    /// The subject that a path names, if the path is one of such a record.
    fn subject(&self, path: &[String]) -> Option<String> {
        let pattern: Vec<&str> = parts(&self.path).collect();
        if pattern.len() != path.len() {
            return None;
        }
        let mut subject = self.subject.clone();
        for (wanted, part) in pattern.iter().zip(path) {
            match placeholder(wanted) {
                Some(name) => subject = subject.replace(&format!("{{{name}}}"), part),
                None if wanted == part => {}
                None => return None,
            }
        }
        Some(subject)
    }
}

/// The subjects that a path names under these rules; the query does not matter.
#[must_use]
pub fn subjects(path: &str, rules: &[RecordRule]) -> Vec<String> {
    let mut found = Vec::new();
    for reading in readings(path) {
        for subject in rules.iter().filter_map(|rule| rule.subject(&reading)) {
            if !found.contains(&subject) {
                found.push(subject);
            }
        }
    }
    found
}

/// Does a path open a record?
#[must_use]
pub fn is_record(path: &str, rules: &[RecordRule]) -> bool {
    !subjects(path, rules).is_empty()
}

/// Reads `[[record]]` from the whole document. It claims nothing: it says what `[audit]` names in its entries.
pub fn read_records(root: &mut Table<'_>) -> Option<Vec<RecordRule>> {
    let mut rules = Some(Vec::new());
    for (name, mut entry) in root.entries("record") {
        let path = entry.need_text("path", "/wards/{ward}/assessments/{id}");
        let subject = entry.need_text("subject", "{id}");
        let rule = path
            .zip(subject)
            .and_then(|(path, subject)| rule(name, &entry, path, subject));
        entry.finish();
        rules = rules.zip(rule).map(|(mut rules, rule)| {
            rules.push(rule);
            rules
        });
    }
    rules
}

fn rule(
    name: Slug,
    entry: &Table<'_>,
    path: Spanned<String>,
    subject: Spanned<String>,
) -> Option<RecordRule> {
    let names: Vec<&str> = parts(&path.value).filter_map(placeholder).collect();
    let sound = path.value.starts_with('/')
        && parts(&path.value)
            .all(|part| placeholder(part).is_some() || !part.contains(['{', '}', '?', '#', '%']))
        && (1..names.len()).all(|at| {
            names
                .get(at)
                .is_some_and(|name| !names.iter().take(at).any(|n| n == name))
        });
    if !sound {
        entry.fault(
            path.at,
            "`path` must be a path whose changing parts are each in braces",
            "cannot be matched",
            "for example `path = \"/wards/{ward}/assessments/{id}\"`",
        );
        return None;
    }
    let mut left = subject.value.clone();
    for name in &names {
        left = left.replace(&format!("{{{name}}}"), "");
    }
    if left == subject.value || left.contains(['{', '}', ',']) {
        let known: Vec<String> = names.iter().map(|name| format!("`{{{name}}}`")).collect();
        entry.fault(
            subject.at,
            "`subject` must name changing parts of the path",
            "not one of them",
            format!("known here: {}", known.join(", ")),
        );
        return None;
    }
    Some(RecordRule {
        name,
        path: path.value,
        subject: subject.value,
    })
}

fn parts(path: &str) -> impl Iterator<Item = &str> {
    path.split('/').filter(|part| !part.is_empty())
}

fn placeholder(part: &str) -> Option<&str> {
    let name = part.strip_prefix('{')?.strip_suffix('}')?;
    let sound = !name.is_empty()
        && name
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b == b'_' || b == b'-');
    sound.then_some(name)
}

/// The ways in which an application may read a path: parts first and then decoded, or decoded first.
fn readings(path: &str) -> Vec<Vec<String>> {
    let path = path.split(['?', '#']).next().unwrap_or_default();
    let first = walked(parts(path).map(decoded));
    let second = walked(parts(&decoded(path)).map(str::to_owned));
    if first == second {
        vec![first]
    } else {
        vec![first, second]
    }
}

fn walked(parts: impl Iterator<Item = String>) -> Vec<String> {
    let mut walked = Vec::new();
    for part in parts {
        match part.as_str() {
            "." => {}
            ".." => {
                walked.pop();
            }
            _ => walked.push(part),
        }
    }
    walked
}

/// Undoes `%41`; what is not a sound escape stays as it is.
fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let escaped = (*first == b'%')
            .then(|| after.get(..2))
            .flatten()
            .and_then(|digits| hex::decode(digits).ok());
        match escaped {
            Some(byte) => {
                bytes.extend(byte);
                rest = after.get(2..).unwrap_or_default();
            }
            None => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use avouch_statement::{Document, Reading, Source};

    #[track_caller]
    fn parsed(path: &str, subject: &str) -> Result<Vec<RecordRule>, String> {
        let text = format!(
            "[[record]]\nname = \"assessment\"\npath = \"{path}\"\nsubject = \"{subject}\"\n"
        );
        let source = Source::new("avouch.toml", text);
        let reading = Reading::new(&source);
        let document = Document::parse(&reading);
        let mut root = document.table(&reading);
        let rules = read_records(&mut root);
        root.finish();
        let claims = reading
            .finish()
            .map_err(|faults| faults.list()[0].message.clone())?;
        assert!(claims.is_empty());
        Ok(rules.unwrap())
    }

    #[test]
    fn a_path_names_its_subject_in_every_spelling() {
        let rules = parsed("/wards/{ward}/assessments/{id}", "{ward}-{id}").unwrap();
        for (path, expected) in [
            ("/wards/3/assessments/77", Some("3-77")),
            ("/wards/3/assessments/77?print=1", Some("3-77")),
            ("/wards/3/assessments/77/", Some("3-77")),
            ("//wards/3//assessments/77", Some("3-77")),
            ("/wards/3/%61ssessments/%37%37", Some("3-77")),
            ("/wards/3%2Fassessments%2f77", Some("3-77")),
            ("/x/../wards/./3/assessments/77", Some("3-77")),
            ("/wards/3/assessments", None),
            ("/wards/3/assessments/77/print", None),
            ("/wards/3/assessment/77", None),
            ("/", None),
            ("", None),
        ] {
            assert_eq!(
                subjects(path, &rules).first().map(String::as_str),
                expected,
                "{path}"
            );
            assert_eq!(is_record(path, &rules), expected.is_some(), "{path}");
        }
        assert!(subjects("/wards/3/assessments/77", &[]).is_empty());
    }

    #[test]
    fn a_rule_can_make_a_path_of_its_own() {
        let rules = parsed("/wards/{ward}/assessments/{id}", "{id}").unwrap();
        assert_eq!(rules[0].at("42"), "/wards/42/assessments/42");
        assert_eq!(subjects(&rules[0].at("42"), &rules), ["42"]);
    }

    #[test]
    fn a_rule_that_could_not_name_a_subject_is_a_fault() {
        for (path, subject, message) in [
            (
                "wards/{ward}",
                "{ward}",
                "`path` must be a path whose changing parts are each in braces",
            ),
            (
                "/wards/{Ward}",
                "{Ward}",
                "`path` must be a path whose changing parts are each in braces",
            ),
            (
                "/wards/x{ward}",
                "{ward}",
                "`path` must be a path whose changing parts are each in braces",
            ),
            (
                "/wards/{id}/{id}",
                "{id}",
                "`path` must be a path whose changing parts are each in braces",
            ),
            (
                "/wards/{ward}",
                "{id}",
                "`subject` must name changing parts of the path",
            ),
            (
                "/wards/{ward}",
                "ward",
                "`subject` must name changing parts of the path",
            ),
            (
                "/wards/{ward}",
                "{ward}, {id}",
                "`subject` must name changing parts of the path",
            ),
        ] {
            assert_eq!(
                parsed(path, subject).unwrap_err(),
                message,
                "{path} {subject}"
            );
        }
    }
}
