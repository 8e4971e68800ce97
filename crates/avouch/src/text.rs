//! What commands print for a person: sentences that wrap, and columns that fit the terminal.

use std::io::IsTerminal as _;

use comfy_table::{ContentArrangement, Table, presets};
use jiff::Timestamp;
use serde_json::Value;

/// How wide a text is made when it goes to no terminal, characters.
const PAGE: usize = 100;

/// How a field of an answer is shown.
#[derive(Debug, Clone, Copy)]
pub enum Shown {
    /// As it is.
    Plain,
    /// An instant, to the second, in UTC.
    When,
    /// A number of bytes.
    Bytes,
    /// A number of milliseconds.
    Took,
}

/// One column: its heading, the field it shows, and how.
#[derive(Debug, Clone, Copy)]
pub struct Column<'a>(pub &'a str, pub &'a str, pub Shown);

/// How many characters fit on a line.
pub fn width() -> usize {
    match terminal_size::terminal_size() {
        Some((terminal_size::Width(width), _)) if std::io::stdout().is_terminal() => {
            usize::from(width).clamp(40, 140)
        }
        _ => PAGE,
    }
}

/// `text`, each line of it begun with `indent`, and the first with `first`.
pub fn wrapped(text: &str, first: &str, indent: &str) -> String {
    let options = textwrap::Options::new(width())
        .initial_indent(first)
        .subsequent_indent(indent)
        .word_splitter(textwrap::WordSplitter::NoHyphenation)
        .break_words(false);
    let mut wrapped = textwrap::fill(text, options);
    wrapped.push('\n');
    wrapped
}

/// Rows under headings, in columns as wide as they need and the terminal allows.
pub fn table(columns: &[Column<'_>], rows: &[Value]) -> String {
    if rows.is_empty() {
        return "nothing\n".to_owned();
    }
    let mut table = Table::new();
    table
        .load_preset(presets::NOTHING)
        .set_content_arrangement(ContentArrangement::Dynamic)
        .set_header(columns.iter().map(|Column(heading, _, _)| *heading));
    // Into a pipe each row stays one line, so that it can be searched and cut.
    if std::io::stdout().is_terminal() {
        table.set_width(u16::try_from(width()).unwrap_or(u16::MAX));
    }
    for row in rows {
        table.add_row(
            columns
                .iter()
                .map(|Column(_, field, shown)| cell(row.get(field), *shown)),
        );
    }
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    table
        .lines()
        .map(|line| format!("{}\n", line.trim_end()))
        .collect()
}

/// One field, as a person reads it.
pub fn cell(value: Option<&Value>, shown: Shown) -> String {
    match (shown, value) {
        (_, None | Some(Value::Null)) => "–".to_owned(),
        (Shown::When, Some(Value::String(at))) => {
            at.parse::<Timestamp>().map_or_else(|_| at.clone(), instant)
        }
        (Shown::Bytes, Some(Value::Number(bytes))) => {
            bytes.as_u64().map_or_else(|| bytes.to_string(), size)
        }
        (Shown::Took, Some(Value::Number(millis))) => {
            millis.as_u64().map_or_else(|| millis.to_string(), took)
        }
        (_, Some(Value::String(text))) => text.clone(),
        (_, Some(Value::Bool(true))) => "yes".to_owned(),
        (_, Some(Value::Bool(false))) => "no".to_owned(),
        (_, Some(Value::Array(items))) => items
            .iter()
            .map(|item| cell(Some(item), shown))
            .collect::<Vec<_>>()
            .join(", "),
        (_, Some(other)) => other.to_string(),
    }
}

/// An instant to the second, in UTC.
fn instant(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M:%SZ").to_string()
}

/// A number of bytes in the largest unit that keeps it at one or more.
pub fn size(bytes: u64) -> String {
    let (mut whole, mut rest, mut unit) = (bytes, 0, "B");
    for larger in ["KiB", "MiB", "GiB", "TiB"] {
        if whole < 1024 {
            break;
        }
        (rest, whole, unit) = (whole % 1024 * 10 / 1024, whole / 1024, larger);
    }
    match unit {
        "B" => format!("{whole} B"),
        _ => format!("{whole}.{rest} {unit}"),
    }
}

/// A number of milliseconds in the unit that a person would say.
fn took(millis: u64) -> String {
    match millis {
        0..1_000 => format!("{millis} ms"),
        1_000..120_000 => format!("{}.{} s", millis / 1_000, millis % 1_000 / 100),
        _ => format!("{} min", millis / 60_000),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_field_is_shown_as_a_person_would_say_it() {
        let shown = [
            (json!(999), Shown::Took, "999 ms"),
            (json!(61_500), Shown::Took, "61.5 s"),
            (json!(3_600_000), Shown::Took, "60 min"),
            (json!(1023), Shown::Bytes, "1023 B"),
            (json!(1536), Shown::Bytes, "1.5 KiB"),
            (json!(3_221_225_472_u64), Shown::Bytes, "3.0 GiB"),
            (
                json!("2026-01-31T04:00:00.123Z"),
                Shown::When,
                "2026-01-31 04:00:00Z",
            ),
            (json!("soon"), Shown::When, "soon"),
            (json!(["a", "b"]), Shown::Plain, "a, b"),
            (json!(true), Shown::Plain, "yes"),
            (Value::Null, Shown::Plain, "–"),
        ];
        for (value, how, text) in shown {
            assert_eq!(cell(Some(&value), how), text);
        }
    }

    #[test]
    fn a_row_piped_on_is_one_line_however_long() {
        let columns = [
            Column("who", "who", Shown::Plain),
            Column("what", "what", Shown::Plain),
        ];
        let rows = [
            json!({ "who": "Ann", "what": "a ".repeat(200) }),
            json!({ "who": "Bartholomew" }),
        ];
        let text = table(&columns, &rows);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 3);
        assert!(lines[0].starts_with("who"));
        assert!(lines[2].starts_with("Bartholomew") && lines[2].ends_with('–'));
    }

    #[test]
    fn a_sentence_wraps_under_its_beginning() {
        let text = wrapped(&"word ".repeat(60), "held  ", "      ");
        let lines: Vec<&str> = text.lines().collect();
        assert!(lines.len() > 2);
        assert!(lines[0].starts_with("held  word"));
        assert!(
            lines[1..]
                .iter()
                .all(|line| line.starts_with("      word") && line.len() <= PAGE)
        );
    }
}
