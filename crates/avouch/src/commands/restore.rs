//! `avouch restore`: prints the plan, and with `--execute` has it done.

use std::fs;
use std::os::unix::fs::{DirBuilderExt as _, symlink};
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::block_on;
use super::online::show;
use crate::cli::Global;
use crate::control::{self, Request};
use crate::fail::Fail;
use crate::text::{Shown, cell};

/// Asks for the plan or for the restore; a copy that was asked for is taken from where the service has put it.
///
/// # Errors
/// If there is nothing of that kind to restore, or anything did not work: the data are then as they were.
pub fn run(
    global: &Global,
    request: &Request,
    to: Option<PathBuf>,
    file: Option<PathBuf>,
) -> Result<u8, Fail> {
    if let Some(to) = &to {
        must_be_free(to)?;
    }
    let take = |from: &Path| match &to {
        Some(to) => take(from, file.as_deref(), to),
        None => Err(Fail::new(
            "the service offered a copy that was not asked for",
        )),
    };
    let value = block_on(control::ask_and_take(&global.data, request, take))?;
    show(global, &value, || text(&value));
    Ok(0)
}

/// The plan and what came of it, for a person.
fn text(value: &Value) -> String {
    let field = |name, shown| cell(value.get(name), shown);
    let plain = |name| field(name, Shown::Plain);
    let mut lines = vec![what(value), format!("To {}.", plain("to"))];
    if value.get("stops-the-application") == Some(&Value::Bool(true)) {
        lines.push(
            "The application stops meanwhile; the present data are kept aside, whole.".to_owned(),
        );
    }
    lines.push(match value.get("took-in-the-last-drill-ms") {
        Some(Value::Number(_)) => format!(
            "Reading it back and comparing it took {} in the last drill.",
            field("took-in-the-last-drill-ms", Shown::Took)
        ),
        _ => "It has not been drilled yet, so how long it takes is not known.".to_owned(),
    });
    match (value.get("executed"), value.get("aside")) {
        (Some(Value::Bool(true)), Some(_)) => lines.push(format!(
            "Done: the application was away for {}; the data before stand in {}.",
            field("away-ms", Shown::Took),
            plain("aside")
        )),
        (Some(Value::Bool(true)), None) => lines.push("Done.".to_owned()),
        _ => lines.push("Nothing was done. Add `--because TEXT --execute` to do it.".to_owned()),
    }
    if let Some(Value::String(from)) = value.get("restored-from") {
        lines.push(format!("It was restored from {from}."));
    }
    lines.extend(nearest(value));
    lines.join("\n") + "\n"
}

/// What is restored.
fn what(value: &Value) -> String {
    let plain = |name| cell(value.get(name), Shown::Plain);
    let Some(moment) = value.get("moment").filter(|moment| moment.is_object()) else {
        return format!(
            "Source `{}` of `{}`: the snapshot {} taken {}, {} rows, {} bytes, from `{}`.",
            plain("source"),
            plain("tenant"),
            plain("snapshot"),
            cell(value.get("taken"), Shown::When),
            plain("rows"),
            plain("bytes"),
            plain("from"),
        );
    };
    // A server's transactions say themselves when they ended.
    let apart = match moment.get("told-apart-ms").and_then(Value::as_u64) {
        Some(0) => String::new(),
        _ => format!(
            " The longest time between two looks at it was {}.",
            cell(moment.get("told-apart-ms"), Shown::Took)
        ),
    };
    format!(
        "Source `{}` of `{}`, as it was at {}, from `{}`: with every change that had been seen by then and none that had \
         not.{apart}",
        plain("source"),
        plain("tenant"),
        cell(moment.get("shown"), Shown::Plain),
        plain("from"),
    )
}

/// Which changes are nearest to a moment that was restored.
fn nearest(value: &Value) -> Option<String> {
    let change = |name| {
        value
            .get(name)
            .filter(|at| !at.is_null())
            .map(|at| cell(Some(at), Shown::Plain))
    };
    match (change("last-change"), change("next-change")) {
        (None, None) => None,
        (Some(last), None) => Some(format!(
            "The last change in it was seen at {last}; there was none after."
        )),
        (None, Some(next)) => Some(format!(
            "The first change that is not in it was seen at {next}."
        )),
        (Some(last), Some(next)) => Some(format!(
            "The last change in it was seen at {last}, the first that is not in it at {next}."
        )),
    }
}

fn must_be_free(folder: &Path) -> Result<(), Fail> {
    let occupied = match fs::read_dir(folder) {
        Ok(mut entries) => entries.next().is_some(),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => false,
        Err(error) => {
            return Err(Fail::new(format!("cannot look into `{}`", folder.display())).from(error));
        }
    };
    if occupied {
        return Err(Fail::new(format!("`{}` is not empty", folder.display()))
            .help("name an empty or new folder with `--to DIR`"));
    }
    Ok(())
}

/// Copies what was restored, or one file of it, into the operator's folder.
fn take(from: &Path, file: Option<&Path>, to: &Path) -> Result<(), Fail> {
    let failed = |path: &Path| {
        let path = path.display().to_string();
        move |error: std::io::Error| Fail::new(format!("`{path}` was not copied")).from(error)
    };
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(to)
        .map_err(failed(to))?;
    let Some(file) = file else {
        return copy(from, to);
    };
    // What lies in the copy is the tenant's: no link in it may lead out of it.
    let found = from
        .canonicalize()
        .and_then(|root| Ok((from.join(file).canonicalize()?, root)));
    match found {
        Ok((found, root)) if found.starts_with(&root) && found.is_file() => {
            let name = found.file_name().unwrap_or_default();
            fs::copy(&found, to.join(name)).map_err(failed(&found))?;
            Ok(())
        }
        _ => Err(Fail::new(format!(
            "there is no file `{}` in the snapshot",
            file.display()
        ))
        .help("leave `--file` out to look at all there is")),
    }
}

fn copy(from: &Path, to: &Path) -> Result<(), Fail> {
    let failed = |error: std::io::Error| {
        Fail::new(format!("`{}` was not copied", from.display())).from(error)
    };
    for entry in fs::read_dir(from).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let (path, target) = (entry.path(), to.join(entry.file_name()));
        let kind = entry.file_type().map_err(failed)?;
        if kind.is_dir() {
            fs::create_dir(&target).map_err(failed)?;
            copy(&path, &target)?;
        } else if kind.is_symlink() {
            symlink(fs::read_link(&path).map_err(failed)?, &target).map_err(failed)?;
        } else {
            fs::copy(&path, &target).map_err(failed)?;
        }
    }
    Ok(())
}
