//! Commands that ask the running core.

use std::path::Path;

use avouch_statement::{Coverage, Verdict, cover};
use serde_json::Value;

use super::block_on;
use super::views::View;
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
        Format::Pdf => {
            let pdf = report
                .pdf()
                .map_err(|error| Fail::new("the PDF cannot be made").from(error))?;
            print_pdf(&pdf, "avouch statement --format pdf > statement.pdf")?;
        }
    }
    Ok(0)
}

/// Writes a PDF to standard output: it is no text, and would garble a terminal. `example` sends it to a file.
pub fn print_pdf(bytes: &[u8], example: &str) -> Result<(), Fail> {
    use std::io::{IsTerminal as _, Write as _};
    let mut out = std::io::stdout().lock();
    if out.is_terminal() {
        return Err(Fail::new("a PDF cannot be shown on a terminal")
            .help(format!("send it to a file: `{example}`")));
    }
    out.write_all(bytes)
        .and_then(|()| out.flush())
        .map_err(|error| Fail::new("the PDF cannot be written").from(error))
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
pub fn simple(global: &Global, request: &Request, view: View) -> Result<u8, Fail> {
    let value = ask(global, request)?;
    show(global, &value, || view(&value));
    Ok(0)
}

/// The same for an act that can come out badly: `"held": false` is exit 1.
pub fn verified(global: &Global, request: &Request, view: View) -> Result<u8, Fail> {
    let value = ask(global, request)?;
    show(global, &value, || view(&value));
    Ok(u8::from(
        value.get("held").and_then(Value::as_bool) != Some(true),
    ))
}

fn ask(global: &Global, request: &Request) -> Result<Value, Fail> {
    block_on(control::ask(&global.data, request))
}

pub fn show(global: &Global, value: &Value, text: impl FnOnce() -> String) {
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
