//! What is wrong with a text: every fault, in file order, each with its line and its mend.

use std::fmt;
use std::ops::Range;

use crate::Source;

/// One thing wrong: where, what, and what would be right.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The bytes at fault; empty at the place where something is missing.
    pub at: Range<usize>,
    /// What is wrong, as a sentence without a full stop.
    pub message: String,
    /// A few words under the marked text.
    pub label: String,
    /// What would be right.
    pub help: String,
}

/// All the faults of one text, in file order.
#[derive(Debug, Clone)]
pub struct Faults {
    source: Source,
    list: Vec<Fault>,
}

impl Faults {
    /// Sorts the faults into file order and drops repeats.
    #[must_use]
    pub fn new(source: Source, mut list: Vec<Fault>) -> Self {
        list.sort_by(|a, b| {
            (a.at.start, a.at.end, &a.message).cmp(&(b.at.start, b.at.end, &b.message))
        });
        list.dedup();
        Self { source, list }
    }

    /// The faults, in file order.
    #[must_use]
    pub fn list(&self) -> &[Fault] {
        &self.list
    }

    /// Each fault as `(line, column, message, help)`, for `--json`.
    pub fn places(&self) -> impl Iterator<Item = (usize, usize, &str, &str)> {
        self.list.iter().map(|fault| {
            let place = self.source.place(fault.at.start);
            (
                place.line,
                place.column,
                fault.message.as_str(),
                fault.help.as_str(),
            )
        })
    }
}

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for fault in &self.list {
            write_fault(f, &self.source, fault)?;
        }
        let count = self.list.len();
        write!(
            f,
            "{count} {} in {}; nothing was started",
            if count == 1 { "fault" } else { "faults" },
            self.source.name()
        )
    }
}

impl std::error::Error for Faults {}

fn write_fault(f: &mut fmt::Formatter<'_>, source: &Source, fault: &Fault) -> fmt::Result {
    let place = source.place(fault.at.start);
    let line = source.line(place.line);
    let gutter = " ".repeat(place.line.to_string().len());
    let room = line.chars().count().saturating_sub(place.column - 1);
    let width = source
        .text()
        .get(fault.at.clone())
        .map_or(1, |marked| {
            marked.lines().next().unwrap_or("").chars().count()
        })
        .clamp(1, room.max(1));
    writeln!(f, "error: {}", fault.message)?;
    writeln!(
        f,
        "{gutter}--> {}:{}:{}",
        source.name(),
        place.line,
        place.column
    )?;
    writeln!(f, "{gutter} |")?;
    writeln!(f, "{} | {line}", place.line)?;
    let marks = format!("{}{}", " ".repeat(place.column - 1), "^".repeat(width));
    if fault.label.is_empty() {
        writeln!(f, "{gutter} | {marks}")?;
    } else {
        writeln!(f, "{gutter} | {marks} {}", fault.label)?;
    }
    writeln!(f, "{gutter} |")?;
    writeln!(f, "{gutter} help: {}\n", fault.help)
}
