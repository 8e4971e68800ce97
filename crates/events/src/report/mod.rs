//! Reports that the statement names: what happened in a calendar period, counted from the events and nothing else.
//!
//! A report is a pure function of its definition, its period and the events, so that the same period gives the same
//! figures again, from the index or from the ledger itself. People who exist only for checks are never counted.

mod available;
mod fact;
mod feed;
mod period;
mod picture;
mod settings;
mod sheet;
mod tally;
#[cfg(test)]
mod tests;

pub use available::{BEFORE, START};
pub use fact::Fact;
pub use feed::{indexed, recorded};
pub use period::{BadPeriod, Every, Period};
pub use picture::picture;
pub use settings::read;
pub use sheet::csv;
pub use tally::Tally;

use std::fmt;

use avouch_statement::{Length, Pattern, Slug, TenantId};
use serde::{Deserialize, Serialize};

/// A report, as the statement defines it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Definition {
    /// Its name.
    pub name: Slug,
    /// What people call it.
    pub title: String,
    /// What is measured.
    pub measure: Measure,
    /// One line for each of what.
    pub group: Group,
    /// The period that one report is about.
    pub every: Every,
    /// Who may read it.
    pub readers: Readers,
    /// For whom one is made and kept when a period is over; for nobody if it is only counted when asked for.
    pub to: Vec<Recipient>,
}

/// For whom a report is made and kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Recipient {
    /// Each organisation's administrators, of their own organisation.
    Administrators,
    /// The supplier's people, of all together.
    Supplier,
}

/// Which report is wanted.
#[derive(Debug, Clone, Copy)]
pub struct Wanted<'a> {
    /// What it is.
    pub definition: &'a Definition,
    /// Of which period.
    pub period: Period,
    /// Counted from this tenant's events alone.
    pub tenant: Option<&'a TenantId>,
    /// Whether the requests of checks count.
    pub checks: Checks,
}

/// Whether the requests of those who exist only for checks count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Checks {
    /// Never: what people read.
    LeftOut,
    /// Like everybody's: when the counting itself is tried.
    Counted,
    /// They alone: when a check knows what it has asked for.
    Alone,
}

/// What is measured.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Measure {
    /// Requests, people, records opened and changed, refusals.
    Use,
    /// Sessions and their length: from a session's first request in the period to its last.
    Sessions,
    /// How long the answers to a named request took, measured at the gateway and, where stated, in the browser.
    Interaction {
        /// The request.
        on: Transaction,
        /// The time that an answer should be given in.
        within: Option<Length>,
        /// Whether browsers are asked, too, how long it took until the page was there.
        in_browser: bool,
    },
    /// How long people took from one request to another in the same session.
    Action {
        /// Where the action begins: its last occurrence before the end counts.
        begins: Transaction,
        /// Where it ends: the first that was answered well.
        ends: Transaction,
    },
    /// The share of requests that were answered without a fault of the service.
    Answered {
        /// The share that is aimed at, in hundredths of a per cent.
        target: Option<u64>,
    },
    /// The share of minutes in which the service answered, of those in which somebody asked or it did not run.
    Available {
        /// The share that is promised, in hundredths of a per cent.
        target: u64,
    },
    /// Attempts to sign in, and how many were refused.
    SignIn,
}

/// A request that the statement names: a method and a path pattern.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transaction {
    method: String,
    path: Pattern,
    text: String,
}

/// One line for each of what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Group {
    /// One line for all.
    Nothing,
    /// For each tenant.
    Organisation,
    /// For each site or unit.
    Locality,
    /// For each role.
    Role,
    /// For each person.
    Person,
    /// For each calendar day.
    Day,
    /// For each hour of the day.
    Hour,
}

/// Who may read a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Readers {
    /// The supplier's people, who see every line.
    Supplier,
    /// Each organisation as well, counted from its own events alone.
    EachOrganisation,
}

/// A report of one period.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// The definition's name.
    pub report: String,
    /// What people call it.
    pub title: String,
    /// The period's name: `2026-11-22`, `2026-W47`, `2026-11`, `2026-Q4` or `2026`.
    pub period: String,
    /// Its first instant, UTC.
    pub from: jiff::Timestamp,
    /// The first instant after it, UTC.
    pub until: jiff::Timestamp,
    /// Whether the period was over when the report was made.
    pub complete: bool,
    /// Whose events were counted; `None` for everybody's.
    pub tenant: Option<String>,
    /// What the lines are: `organisation`, `day`; empty when there is one line.
    pub by: String,
    /// The columns.
    pub columns: Vec<Column>,
    /// The lines, in the order of their labels.
    pub lines: Vec<Line>,
    /// What a reader has to know to read the figures right.
    pub notes: Vec<String>,
}

/// A column: its heading, and what its numbers are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Column {
    /// Its heading.
    pub heading: String,
    /// What its numbers are.
    pub unit: Unit,
}

/// What a number is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Unit {
    /// A number of things.
    Count,
    /// A length of time in milliseconds.
    Milliseconds,
    /// A length of time in seconds.
    Seconds,
    /// A share in hundredths of a per cent.
    Share,
}

/// A line: its label, and a number for each column; `None` where nothing was measured.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// Which organisation, day and so on.
    pub label: String,
    /// The numbers.
    pub values: Vec<Option<u64>>,
}

impl Report {
    /// The headings, the first of them for what each line is about.
    #[must_use]
    pub fn headings(&self) -> Vec<String> {
        let mut letters = self.by.chars();
        let by = letters.next().map_or_else(
            || "Of".to_owned(),
            |first| first.to_uppercase().chain(letters).collect(),
        );
        std::iter::once(by)
            .chain(self.columns.iter().map(|column| column.heading.clone()))
            .collect()
    }

    /// The lines as a person reads them, each under the headings, with units.
    #[must_use]
    pub fn cells(&self) -> Vec<Vec<String>> {
        let shown = |(value, column): (&Option<u64>, &Column)| {
            value.map_or_else(|| "none".to_owned(), |value| column.unit.shown(value))
        };
        self.lines
            .iter()
            .map(|line| {
                let values = line.values.iter().zip(&self.columns).map(shown);
                std::iter::once(line.label.clone()).chain(values).collect()
            })
            .collect()
    }

    /// What was counted, on all lines together: the sum of the first column.
    #[must_use]
    pub fn all(&self) -> u64 {
        self.lines
            .iter()
            .filter_map(|line| line.values.first().copied().flatten())
            .sum()
    }
}

impl Recipient {
    /// Who it is, in a sentence.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::Administrators => "each organisation's administrators",
            Self::Supplier => "the supplier's people",
        }
    }
}

impl Transaction {
    /// The method.
    #[must_use]
    pub fn method(&self) -> &str {
        &self.method
    }

    /// A path of this request with `value` in every place, if it has any.
    #[must_use]
    pub fn path_with(&self, value: &str) -> Option<String> {
        let (_, path) = self.text.split_once(' ')?;
        let parts = path
            .trim_start()
            .split('/')
            .skip(1)
            .map(|part| if part.starts_with('{') { value } else { part });
        path.contains('{')
            .then(|| parts.fold(String::new(), |path, part| path + "/" + part))
    }

    /// Reads `METHOD /path/{part}`.
    ///
    /// # Errors
    /// In a few words, what is wrong with it.
    pub fn parse(text: &str) -> Result<Self, String> {
        let (method, path) = text
            .split_once(' ')
            .ok_or_else(|| "it has no method and path".to_owned())?;
        if method.is_empty() || !method.bytes().all(|byte| byte.is_ascii_uppercase()) {
            return Err(format!("`{method}` is no method"));
        }
        Ok(Self {
            method: method.to_owned(),
            path: Pattern::parse(path.trim_start()).map_err(|error| error.to_string())?,
            text: text.to_owned(),
        })
    }

    /// Whether an event's object is this request.
    #[must_use]
    pub fn is(&self, object: &str) -> bool {
        object.split_once(' ').is_some_and(|(method, target)| {
            let path = target.split('?').next().unwrap_or_default();
            method == self.method && self.path.matches(path).is_some()
        })
    }
}

impl fmt::Display for Transaction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Measure {
    /// Whether it needs no more of an event than what it was, whose, and in which hour.
    const fn is_count(&self) -> bool {
        match self {
            Self::Use | Self::Answered { .. } | Self::SignIn => true,
            Self::Sessions
            | Self::Interaction { .. }
            | Self::Action { .. }
            | Self::Available { .. } => false,
        }
    }

    /// Whether the time counts in which nothing ran: what tells of that is an event of the platform's, which may have come
    /// after the period. Such a report also counts what the checks asked, since it tells whether the service is there.
    const fn counts_stops(&self) -> bool {
        matches!(self, Self::Available { .. })
    }
}

impl Group {
    /// Whether its lines are times.
    const fn is_time(self) -> bool {
        matches!(self, Self::Day | Self::Hour)
    }

    /// What the lines are called.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Nothing => "",
            Self::Organisation => "organisation",
            Self::Locality => "locality",
            Self::Role => "role",
            Self::Person => "person",
            Self::Day => "day",
            Self::Hour => "hour",
        }
    }
}

impl Unit {
    /// A number as a person reads it, with its unit.
    #[must_use]
    pub fn shown(self, value: u64) -> String {
        match self {
            Self::Count => value.to_string(),
            Self::Milliseconds if value < 10_000 => format!("{value} ms"),
            Self::Milliseconds => format!("{}.{} s", value / 1_000, value % 1_000 / 100),
            Self::Seconds if value < 120 => format!("{value} s"),
            Self::Seconds => format!("{} min {} s", value / 60, value % 60),
            Self::Share => format!("{}.{:02}%", value / 100, value % 100),
        }
    }

    /// What follows a heading where the numbers stand alone.
    #[must_use]
    pub const fn suffix(self) -> &'static str {
        match self {
            Self::Count => "",
            Self::Milliseconds => " (ms)",
            Self::Seconds => " (s)",
            Self::Share => " (%)",
        }
    }
}
