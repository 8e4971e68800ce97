//! `avouch audit search|subject|export`: reading the trail. Each reading is itself in the trail, with its reason.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use avouch_events::export::Format;
use avouch_events::{Action, Outcome, SubjectError};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use clap::Args;
use jiff::civil::Date;
use jiff::{Timestamp, tz::TimeZone};
use serde_json::Value;

use super::online::print_pdf;
use super::{block_on, trails};
use crate::cli::Global;
use crate::control::{self, Request};
use crate::core::disclosure::Form;
use crate::core::reading;
use crate::fail::Fail;
use crate::text::{Column, Shown, cell, table, width, wrapped};
use crate::{print, talk};

/// What is looked for; all of it must fit.
#[derive(Debug, Args)]
pub struct Search {
    /// Part of who did it, or the whole of their id.
    #[arg(long)]
    who: Option<String>,
    /// The record it is about.
    #[arg(long)]
    subject: Option<String>,
    /// What was done, for example `record-opened`.
    #[arg(long)]
    action: Option<String>,
    /// Whose data it is about.
    #[arg(long)]
    tenant: Option<String>,
    /// What came of it: `intended`, `done`, `refused` or `failed`.
    #[arg(long)]
    outcome: Option<String>,
    /// The address it came from.
    #[arg(long, value_name = "ADDRESS")]
    source: Option<String>,
    /// The site or unit within the tenant.
    #[arg(long)]
    locality: Option<String>,
    /// Why it is asked; it is written down. The statement may demand it.
    #[arg(long, value_name = "WHY")]
    because: Option<String>,
    /// Words, or starts of words, of what was done, why, and with what.
    #[arg(long)]
    words: Option<String>,
    /// Not before this day or instant.
    #[arg(long, value_name = "WHEN", value_parser = first)]
    from: Option<Timestamp>,
    /// To the end of this day, or before this instant.
    #[arg(long, value_name = "WHEN", value_parser = last)]
    until: Option<Timestamp>,
    /// Only entries before this one: where the page before ended.
    #[arg(long, value_name = "ENTRY")]
    before: Option<u64>,
    /// At most so many rows.
    #[arg(long, default_value_t = 50)]
    limit: u16,
    /// As comma-separated values.
    #[arg(long, conflicts_with = "json")]
    csv: bool,
    /// Write every event that is found, each with its proof, to this file, for `avouch verify`.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["csv", "before"])]
    proofs: Option<PathBuf>,
}

/// Whose record, and why it is asked.
#[derive(Debug, Args)]
pub struct Subject {
    /// The NHS number, or what else records of this service are named by.
    subject: String,
    /// Ten digits that are no NHS number are meant.
    #[arg(long)]
    as_is: bool,
    /// Why it is asked; it is written down.
    #[arg(long, value_name = "WHY")]
    because: String,
    /// On whose behalf it is asked; it is written down.
    #[arg(long, value_name = "WHOM")]
    behalf: Option<String>,
    /// In this organisation only.
    #[arg(long)]
    tenant: Option<String>,
    /// Not before this day or instant.
    #[arg(long, value_name = "WHEN", value_parser = first)]
    from: Option<Timestamp>,
    /// To the end of this day, or before this instant.
    #[arg(long, value_name = "WHEN", value_parser = last)]
    until: Option<Timestamp>,
    /// How it is written.
    #[arg(long, value_enum, default_value_t = SubjectFormat::Text, conflicts_with = "json")]
    format: SubjectFormat,
}

/// How a subject report is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum SubjectFormat {
    /// For a person.
    Text,
    /// Comma-separated values.
    Csv,
    /// FHIR R4 AuditEvent, one a line.
    Fhir,
    /// A document.
    Pdf,
}

/// What leaves, in what format, and why.
#[derive(Debug, Args)]
pub struct Export {
    /// The format.
    #[arg(long, value_enum)]
    format: ExportFormat,
    /// Why it is exported; it is written down.
    #[arg(long, value_name = "WHY")]
    because: String,
    /// On whose behalf it is exported; it is written down.
    #[arg(long, value_name = "WHOM")]
    behalf: Option<String>,
    /// Of this organisation only.
    #[arg(long)]
    tenant: Option<String>,
    /// Not before this day or instant.
    #[arg(long, value_name = "WHEN", value_parser = first)]
    from: Option<Timestamp>,
    /// To the end of this day, or before this instant.
    #[arg(long, value_name = "WHEN", value_parser = last)]
    until: Option<Timestamp>,
    /// The file to write.
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
}

/// The format of an export.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum ExportFormat {
    /// FHIR R4 AuditEvent, one a line.
    Fhir,
    /// Comma-separated values.
    Csv,
    /// Elastic Common Schema, as the body of a `_bulk` request.
    Ecs,
    /// The events as they were recorded, one JSON object a line.
    Json,
}

/// Searches the trail, newest first.
pub fn search(global: &Global, asked: Search) -> Result<u8, Fail> {
    known("action", asked.action.as_deref(), &Action::ALL)?;
    known("outcome", asked.outcome.as_deref(), &Outcome::ALL)?;
    let csv = asked.csv;
    let request = Request::AuditSearch(reading::Search {
        who: asked.who,
        subject: asked.subject,
        action: asked.action,
        tenant: asked.tenant,
        outcome: asked.outcome,
        source: asked.source,
        locality: asked.locality,
        words: asked.words,
        from: asked.from,
        until: asked.until,
        before: asked.before,
        because: asked.because.map(reason).transpose()?.unwrap_or_default(),
        limit: asked.limit,
        format: csv.then_some(Format::Csv),
        proofs: asked.proofs.is_some(),
    });
    let answer = block_on(control::ask(&global.data, &request))?;
    if let Some(output) = asked.proofs {
        return trails::taken(global, &answer, &output);
    }
    if global.json {
        print(&answer.to_string());
        return Ok(0);
    }
    if csv {
        print(&(Format::Csv.head() + text(&answer)));
    } else {
        print(&found(&answer));
    }
    told(&answer);
    Ok(0)
}

/// Says who opened or changed somebody's record.
pub fn subject(global: &Global, asked: Subject) -> Result<u8, Fail> {
    let subject = match avouch_events::subject(&asked.subject) {
        Err(SubjectError::CheckDigit) if asked.as_is => asked.subject,
        Err(error) => {
            return Err(Fail::new("whose record is not clear").from(error).help(
                "look for a typing mistake; if another kind of number is meant, add `--as-is`",
            ));
        }
        Ok(subject) => subject,
    };
    let request = Request::AuditSubject(reading::Subject {
        subject,
        tenant: asked.tenant,
        because: reason(asked.because)?,
        behalf: asked.behalf,
        from: asked.from,
        until: asked.until,
        form: match asked.format {
            SubjectFormat::Text => None,
            SubjectFormat::Csv => Some(Form::Csv),
            SubjectFormat::Fhir => Some(Form::Fhir),
            SubjectFormat::Pdf => Some(Form::Pdf),
        },
    });
    let answer = block_on(control::ask(&global.data, &request))?;
    match asked.format {
        _ if global.json => print(&answer.to_string()),
        SubjectFormat::Text => print(&accesses(&answer)),
        SubjectFormat::Pdf => {
            print_pdf(
                &file(&answer)?,
                "avouch audit subject … --format pdf > record.pdf",
            )?;
        }
        SubjectFormat::Csv | SubjectFormat::Fhir => {
            print(&String::from_utf8_lossy(&file(&answer)?));
        }
    }
    Ok(0)
}

/// Writes events to a file, whole or not at all.
pub fn export(global: &Global, asked: Export) -> Result<u8, Fail> {
    let request = Request::AuditExport(reading::Export {
        format: match asked.format {
            ExportFormat::Fhir => Format::Fhir,
            ExportFormat::Csv => Format::Csv,
            ExportFormat::Ecs => Format::Ecs,
            ExportFormat::Json => Format::Json,
        },
        because: reason(asked.because)?,
        behalf: asked.behalf,
        tenant: asked.tenant,
        from: asked.from,
        until: asked.until,
    });
    let output = asked.output;
    let unwritten = |error: std::io::Error| {
        Fail::new(format!("cannot write `{}`", output.display())).from(error)
    };
    let folder = output
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    let mut file = tempfile::NamedTempFile::new_in(folder).map_err(unwritten)?;
    let answer = block_on(control::ask_parts(&global.data, &request, |part| {
        file.write_all(part.as_bytes()).map_err(unwritten)
    }))?;
    file.as_file().sync_all().map_err(unwritten)?;
    file.persist(&output)
        .map_err(|error| unwritten(error.error))?;
    if global.json {
        print(&answer.to_string());
    } else {
        let events = answer.get("events").and_then(Value::as_u64).unwrap_or(0);
        print(&format!("wrote {} ({events} events)", output.display()));
    }
    Ok(0)
}

/// Two lines for each event: when, what came of it and what it was; then who, on what and why.
fn found(answer: &Value) -> String {
    let rows = answer.get("rows").and_then(Value::as_array);
    let rows = rows.map_or(&[][..], Vec::as_slice);
    if rows.is_empty() {
        return "nothing\n".to_owned();
    }
    let options = textwrap::Options::new(width())
        .initial_indent("         ")
        .subsequent_indent("         ");
    let mut text = String::new();
    for row in rows {
        let field = |name| cell(row.get(name), Shown::Plain);
        text.push_str(&format!(
            "{:>7}  {}  {:<8}  {}\n",
            field("index"),
            cell(row.get("at"), Shown::When),
            field("outcome"),
            field("action"),
        ));
        let given = |before: &str, name| match row.get(name).and_then(Value::as_str) {
            None | Some("") => String::new(),
            Some(value) => format!("{before}{value}"),
        };
        let about = format!(
            "{} ({}{}{}): {}{}",
            field("who"),
            field("role"),
            given(" of ", "tenant"),
            given(" from ", "source"),
            field("object"),
            given("; ", "reason"),
        );
        text.push_str(&textwrap::fill(&about, &options));
        text.push('\n');
    }
    text
}

/// A report for a person.
fn accesses(answer: &Value) -> String {
    let field = |name| answer.get(name).and_then(Value::as_str).unwrap_or_default();
    let mut text = wrapped(
        &format!(
            "Who opened or changed the record of {} at {}, newest first, as of {}.",
            field("subject"),
            field("service"),
            field("made")
        ),
        "",
        "",
    );
    text.push('\n');
    let rows = answer.get("rows").and_then(Value::as_array);
    text.push_str(&table(
        &[
            Column("when", "at", Shown::When),
            Column("who", "who", Shown::Plain),
            Column("role", "role", Shown::Plain),
            Column("organisation", "tenant", Shown::Plain),
            Column("did", "action", Shown::Plain),
            Column("outcome", "outcome", Shown::Plain),
            Column("from", "source", Shown::Plain),
            Column("entry", "index", Shown::Plain),
        ],
        rows.map_or(&[][..], Vec::as_slice),
    ));
    if field("staff") == "role-only" {
        text.push_str("\nStaff are shown by their role, as the statement says.\n");
    }
    text
}

/// Says what a page leaves out.
fn told(answer: &Value) {
    let number = |name| answer.get(name).and_then(Value::as_u64);
    let more = answer.get("more").and_then(Value::as_bool) == Some(true);
    if let (Some(next), Some(total)) = (number("next"), number("total")) {
        talk(&format!(
            "{}{total} fit; the next page: --before {next}",
            if more { "More than " } else { "" }
        ));
    }
    if let (Some(indexed), Some(size)) = (number("indexed"), number("size"))
        && indexed < size
    {
        talk(&format!(
            "The index lags behind: the newest {} entries were not looked at.",
            size - indexed
        ));
    }
}

/// The file that came with an answer.
fn file(answer: &Value) -> Result<Vec<u8>, Fail> {
    let file = answer.get("file").and_then(Value::as_str);
    STANDARD
        .decode(file.unwrap_or_default())
        .map_err(|error| Fail::new("the service sent no file").from(error))
}

fn text(answer: &Value) -> &str {
    answer
        .get("text")
        .and_then(Value::as_str)
        .unwrap_or_default()
}

fn reason(because: String) -> Result<String, Fail> {
    if because.trim().is_empty() {
        return Err(Fail::new("`--because` is empty")
            .help("say why the evidence is read; it is written down"));
    }
    Ok(because)
}

/// Refuses a word that no event has: nothing would ever be found.
fn known(what: &str, word: Option<&str>, all: &[impl ToString]) -> Result<(), Fail> {
    let words: Vec<String> = all.iter().map(ToString::to_string).collect();
    match word {
        Some(word) if !words.iter().any(|known| known == word) => {
            Err(Fail::new(format!("there is no {what} `{word}`"))
                .help(format!("known are {}", words.join(", "))))
        }
        _ => Ok(()),
    }
}

/// The beginning of a day in the UK, or an instant.
fn first(text: &str) -> Result<Timestamp, String> {
    moment(text, Ok)
}

/// The end of a day in the UK, or an instant.
fn last(text: &str) -> Result<Timestamp, String> {
    moment(text, Date::tomorrow)
}

fn moment(
    text: &str,
    day: impl Fn(Date) -> Result<Date, jiff::Error>,
) -> Result<Timestamp, String> {
    if let Ok(instant) = text.parse() {
        return Ok(instant);
    }
    let wrong =
        |_| "write a day like 2026-11-22, or an instant like 2026-11-22T09:00:00Z".to_owned();
    let date: Date = text.parse().map_err(wrong)?;
    let zone = TimeZone::get("Europe/London").map_err(wrong)?;
    let zoned = day(date).and_then(|date| date.to_zoned(zone));
    zoned.map(|zoned| zoned.timestamp()).map_err(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_is_one_of_the_uk_and_lasts_until_the_next() {
        for (text, begins, ends) in [
            ("2026-01-31", "2026-01-31T00:00:00Z", "2026-02-01T00:00:00Z"),
            ("2026-06-01", "2026-05-31T23:00:00Z", "2026-06-01T23:00:00Z"),
            (
                "2026-06-01T10:00:00Z",
                "2026-06-01T10:00:00Z",
                "2026-06-01T10:00:00Z",
            ),
        ] {
            assert_eq!(first(text).unwrap().to_string(), begins);
            assert_eq!(last(text).unwrap().to_string(), ends);
        }
        for wrong in ["yesterday", "22/11/2026", "2026-02-30", ""] {
            first(wrong).unwrap_err();
        }
    }

    #[test]
    fn a_word_that_no_event_has_is_told_with_those_that_some_have() {
        known("outcome", Some("done"), &Outcome::ALL).unwrap();
        known("outcome", None, &Outcome::ALL).unwrap();
        known("outcome", Some("allowed"), &Outcome::ALL).unwrap_err();
    }
}
