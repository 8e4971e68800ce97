//! Commands that ask the running core.

use std::path::Path;

use avouch_statement::{Coverage, Verdict, cover};
use serde_json::Value;

use super::block_on;
use crate::cli::{Format, Global};
use crate::control::{self, Request};
use crate::document::{Report, coverage_lines};
use crate::fail::Fail;
use crate::{print, requirements, statement_file, talk};

/// Runs the checks: 0 all held, 1 something broken or unproven.
pub fn check(global: &Global, claims: Vec<String>) -> Result<u8, Fail> {
    let value = ask(global, &Request::Check { claims })?;
    let report: Report = read(value.clone())?;
    show(global, &value, || report.lines());
    Ok(u8::from(
        report.claims.iter().any(|claim| claim.status != "held"),
    ))
}

/// The statement as a document: with how each claim stands, if the service runs.
pub fn statement(global: &Global, format: Format) -> Result<u8, Fail> {
    let report: Report = match ask(global, &Request::Statement) {
        Ok(value) => read(value)?,
        Err(_) => {
            let statement = statement_file::load(&global.statement)?;
            talk("The service does not run here, so no claim is shown as held.");
            Report::new(
                &statement.service,
                &statement.source.digest(),
                crate::clock()(),
                &statement.claims,
                &[],
                |_| None,
            )
        }
    };
    match format {
        _ if global.json => print(&json(&report)?),
        Format::Json => print(&json(&report)?),
        Format::Md => print(&report.markdown()),
        Format::Html => print(&report.html()),
    }
    Ok(0)
}

/// Requirement by requirement: 0 all met, 1 something not.
pub fn coverage(global: &Global, set: &str) -> Result<u8, Fail> {
    let wanted = requirements::named(set)?;
    let coverage: Coverage = match ask(
        global,
        &Request::Coverage {
            set: set.to_owned(),
        },
    ) {
        Ok(value) => read(value)?,
        Err(_) => {
            let statement = statement_file::load(&global.statement)?;
            talk(
                "The service does not run here: this is coverage on paper, and nothing is met until it is proven.",
            );
            cover(&wanted, &statement.claims, |_| Verdict::Unproven)
        }
    };
    if global.json {
        print(&json(&coverage)?);
    } else {
        print(&coverage_lines(&coverage));
    }
    Ok(u8::from(
        coverage
            .requirements
            .iter()
            .any(|requirement| !requirement.why.is_empty()),
    ))
}

/// Writes a pack to a file, whole or not at all.
pub fn pack(global: &Global, tenant: String, output: &Path) -> Result<u8, Fail> {
    let value = ask(global, &Request::Pack { tenant })?;
    let Some(text) = value.get("pack").and_then(Value::as_str) else {
        return Err(Fail::new("the service sent no pack"));
    };
    let unwritten = |error: std::io::Error| {
        Fail::new(format!("cannot write `{}`", output.display())).from(error)
    };
    let folder = output
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    let mut file = tempfile::NamedTempFile::new_in(folder).map_err(unwritten)?;
    std::io::Write::write_all(&mut file, text.as_bytes()).map_err(unwritten)?;
    file.as_file().sync_all().map_err(unwritten)?;
    file.persist(output)
        .map_err(|error| unwritten(error.error))?;
    let summary = value.get("summary").cloned().unwrap_or_default();
    show(global, &summary, || {
        format!("wrote {} ({} bytes)", output.display(), text.len())
    });
    Ok(0)
}

/// Anything whose answer is data to be shown.
pub fn simple(global: &Global, request: &Request) -> Result<u8, Fail> {
    let value = ask(global, request)?;
    show(global, &value, || table(&value));
    Ok(0)
}

/// The same for an act that can come out badly: `"held": false` is exit 1.
pub fn verified(global: &Global, request: &Request) -> Result<u8, Fail> {
    let value = ask(global, request)?;
    show(global, &value, || table(&value));
    Ok(u8::from(
        value.get("held").and_then(Value::as_bool) != Some(true),
    ))
}

fn ask(global: &Global, request: &Request) -> Result<Value, Fail> {
    block_on(control::ask(&global.data, request))
}

fn show(global: &Global, value: &Value, text: impl FnOnce() -> String) {
    if global.json {
        print(&value.to_string())
    } else {
        print(&text())
    }
}

fn read<T: serde::de::DeserializeOwned>(value: Value) -> Result<T, Fail> {
    serde_json::from_value(value).map_err(|error| {
        Fail::new("the service answered something that this version does not know").from(error)
    })
}

fn json(value: &impl serde::Serialize) -> Result<String, Fail> {
    serde_json::to_string(value).map_err(|error| Fail::new("cannot be written as JSON").from(error))
}

/// A list of objects as aligned columns; an object as `name: value` lines.
fn table(value: &Value) -> String {
    let Some(rows) = value
        .as_array()
        .or_else(|| value.get("rows").and_then(Value::as_array))
    else {
        return lines(value, "");
    };
    let Some(Value::Object(first)) = rows.first() else {
        return "nothing".to_owned();
    };
    let names: Vec<&String> = first.keys().collect();
    let cells: Vec<Vec<String>> =
        std::iter::once(names.iter().map(|name| (*name).clone()).collect())
            .chain(rows.iter().map(|row| {
                names
                    .iter()
                    .map(|name| cell(row.get(name.as_str()).unwrap_or(&Value::Null)))
                    .collect()
            }))
            .collect();
    let widths: Vec<usize> = (0..names.len())
        .map(|column| {
            cells
                .iter()
                .filter_map(|row| row.get(column))
                .map(|cell| cell.chars().count())
                .max()
                .unwrap_or(0)
        })
        .collect();
    let mut text = String::new();
    for row in cells {
        let padded: Vec<String> = row
            .iter()
            .zip(&widths)
            .map(|(cell, width)| format!("{cell:<width$}"))
            .collect();
        text.push_str(padded.join("  ").trim_end());
        text.push('\n');
    }
    text
}

fn lines(value: &Value, indent: &str) -> String {
    let Value::Object(fields) = value else {
        return format!("{indent}{}\n", cell(value));
    };
    let mut text = String::new();
    for (name, value) in fields {
        match value {
            Value::Array(rows) if rows.iter().any(Value::is_object) => {
                text.push_str(&format!("{indent}{name}:\n"));
                for row in table(value).lines() {
                    text.push_str(&format!("{indent}  {row}\n"));
                }
            }
            Value::Object(_) => text.push_str(&format!(
                "{indent}{name}:\n{}",
                lines(value, &format!("{indent}  "))
            )),
            other => text.push_str(&format!("{indent}{name}: {}\n", cell(other))),
        }
    }
    text
}

fn cell(value: &Value) -> String {
    match value {
        Value::Null => "-".to_owned(),
        Value::String(text) => text.clone(),
        Value::Array(items) => items.iter().map(cell).collect::<Vec<_>>().join(", "),
        other => other.to_string(),
    }
}
