//! Counting: events in the order they happened, into the lines of one report.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use jiff::Timestamp;

use super::available::Minutes;
use super::period::{day, hour};
use super::{Checks, Column, Definition, Fact, Group, Line, Measure, Period, Report, Unit, Wanted};
use crate::index::kind::Answer;
use crate::{Action, Outcome, Role};

/// A report that is being counted.
#[derive(Debug)]
pub struct Tally<'a> {
    definition: &'a Definition,
    period: Period,
    tenant: Option<String>,
    checks: Checks,
    bounds: (Timestamp, Timestamp),
    lines: BTreeMap<String, Counted>,
    sessions: HashMap<i64, Session>,
}

/// What is counted on one line.
#[derive(Debug, Default)]
struct Counted {
    requests: u64,
    opened: u64,
    changed: u64,
    refused: u64,
    failed: u64,
    people: BTreeSet<String>,
    /// Each measured time, in the unit of the report.
    times: Vec<u64>,
    /// The same by the word of the browser.
    browser_times: Vec<u64>,
    minutes: Minutes,
}

/// A session so far.
#[derive(Debug)]
struct Session {
    line: String,
    first: Timestamp,
    last: Timestamp,
    began: Option<(String, Timestamp)>,
}

impl<'a> Tally<'a> {
    /// Begins counting a period, of one tenant's events or of everybody's.
    #[must_use]
    pub fn new(wanted: &Wanted<'a>) -> Self {
        Self {
            definition: wanted.definition,
            period: wanted.period,
            tenant: wanted.tenant.map(ToString::to_string),
            checks: wanted.checks,
            bounds: wanted.period.bounds(),
            lines: BTreeMap::new(),
            sessions: HashMap::new(),
        }
    }

    /// Counts one event, or several that are alike. They come in the order in which they happened.
    pub fn add(&mut self, event: &Fact<'_>) {
        if let Some((from, until)) = event.stopped
            && self.definition.measure.counts_stops()
        {
            self.not_running(from, until, event);
        }
        let theirs = self.tenant.is_none() || self.tenant.as_deref() == event.tenant;
        if !theirs
            || !self.is_real(event)
            || event.outcome == Outcome::Intended
            || event.at < self.bounds.0
            || event.at >= self.bounds.1
        {
            return;
        }
        match &self.definition.measure {
            Measure::SignIn => self.sign_in(event),
            Measure::Interaction {
                on,
                in_browser: true,
                ..
            } if event.action == Action::Timing => {
                if on.is(event.object) {
                    let times = &mut self.line(event).browser_times;
                    times.extend(event.micros.map(|micros| micros / 1_000));
                }
            }
            _ if !is_request(event) => {}
            Measure::Use => self.line(event).count(event),
            Measure::Answered { .. } => self.line(event).answered(event),
            Measure::Available { .. } => self.line(event).minutes.request(event),
            Measure::Sessions | Measure::Action { .. } => self.in_session(event),
            Measure::Interaction { on, .. } => {
                if on.is(event.object) {
                    let line = self.line(event);
                    line.count(event);
                    if !is_fault(event) {
                        line.times.extend(event.micros.map(|micros| micros / 1_000));
                    }
                }
            }
        }
    }

    /// Whether this is somebody's use of the service.
    fn is_real(&self, event: &Fact<'_>) -> bool {
        let probed = self.definition.measure.counts_stops();
        match (event.role, self.checks) {
            (Role::Platform | Role::LocalRoot | Role::Server, _) => false,
            (Role::Synthetic, Checks::Counted | Checks::Alone) => true,
            // What checks ask for tells as well as anything whether the service is there.
            (Role::Synthetic, Checks::LeftOut) => probed,
            (_, Checks::Alone) => false,
            // Strangers are turned away at the door: that is no use of the service.
            (Role::Nobody, _) => self.definition.measure == Measure::SignIn,
            (Role::Member | Role::Administrator | Role::Supplier, _) => true,
        }
    }

    /// Counts what lies within the period of a time in which nothing ran.
    fn not_running(&mut self, from: Timestamp, until: Timestamp, start: &Fact<'_>) {
        let last = Timestamp::from_nanosecond(self.bounds.1.as_nanosecond() - 1);
        let (from, until) = (from.max(self.bounds.0), until.min(last.unwrap_or(until)));
        if from <= until && self.checks != Checks::Alone {
            let label = match self.definition.group {
                Group::Organisation | Group::Locality | Group::Role | Group::Person => {
                    "not running".to_owned()
                }
                Group::Nothing | Group::Day | Group::Hour => self.label(start),
            };
            let line = self.lines.entry(label).or_default();
            line.minutes.down(from, until);
        }
    }

    fn sign_in(&mut self, event: &Fact<'_>) {
        if event.action == Action::SignIn {
            self.line(event).count(event);
        }
    }

    fn in_session(&mut self, event: &Fact<'_>) {
        let Some(session) = event.session else {
            return;
        };
        let label = self.label(event);
        let session = self.sessions.entry(session).or_insert_with(|| Session {
            line: label.clone(),
            first: event.at,
            last: event.at,
            began: None,
        });
        session.first = session.first.min(event.at);
        session.last = session.last.max(event.at);
        let Measure::Action { begins, ends } = &self.definition.measure else {
            return;
        };
        let answered = event.outcome == Outcome::Done;
        let mut finished = None;
        if answered && ends.is(event.object) {
            finished = session.began.take();
        }
        let mut abandoned = None;
        if answered && begins.is(event.object) {
            abandoned = session.began.replace((label, event.at));
        }
        if let Some((line, since)) = finished {
            let line = self.lines.entry(line).or_default();
            line.requests += 1;
            line.people.insert(event.who.to_owned());
            line.times.push(seconds(since, event.at));
        }
        if let Some((line, _)) = abandoned {
            self.lines.entry(line).or_default().failed += 1;
        }
    }

    /// The report of what was counted, made at `now`.
    #[must_use]
    pub fn finish(mut self, now: Timestamp) -> Report {
        self.end_sessions();
        let columns = columns(&self.definition.measure);
        let lines = self
            .lines
            .into_iter()
            .map(|(label, counted)| Line {
                label,
                values: counted.values(&self.definition.measure),
            })
            .collect();
        Report {
            report: self.definition.name.to_string(),
            title: self.definition.title.clone(),
            period: self.period.to_string(),
            from: self.bounds.0,
            until: self.bounds.1,
            complete: now >= self.bounds.1,
            tenant: self.tenant,
            by: self.definition.group.word().to_owned(),
            columns,
            lines,
            notes: notes(&self.definition.measure),
        }
    }

    fn end_sessions(&mut self) {
        for session in std::mem::take(&mut self.sessions).into_values() {
            match &self.definition.measure {
                Measure::Sessions => {
                    let line = self.lines.entry(session.line).or_default();
                    line.requests += 1;
                    line.times.push(seconds(session.first, session.last));
                }
                Measure::Action { .. } => {
                    if let Some((line, _)) = session.began {
                        self.lines.entry(line).or_default().failed += 1;
                    }
                }
                _ => {}
            }
        }
    }

    fn line(&mut self, event: &Fact<'_>) -> &mut Counted {
        let label = self.label(event);
        self.lines.entry(label).or_default()
    }

    fn label(&self, event: &Fact<'_>) -> String {
        match self.definition.group {
            Group::Nothing => "all".to_owned(),
            Group::Organisation => event
                .tenant
                .map_or_else(|| "none".to_owned(), ToString::to_string),
            Group::Locality if event.locality.is_empty() => "none stated".to_owned(),
            Group::Locality => event.locality.to_owned(),
            Group::Role => event.role.to_string(),
            Group::Person => event.who.to_owned(),
            Group::Day => day(event.at).to_string(),
            Group::Hour => format!("{:02}:00", hour(event.at)),
        }
    }
}

impl Counted {
    /// Counts a request by whether the service did its part.
    fn answered(&mut self, event: &Fact<'_>) {
        self.requests += event.events;
        if is_fault(event) {
            self.failed += event.events;
        }
    }

    fn count(&mut self, event: &Fact<'_>) {
        self.requests += event.events;
        match event.outcome {
            Outcome::Refused => self.refused += event.events,
            Outcome::Failed => self.failed += event.events,
            Outcome::Done | Outcome::Intended => {}
        }
        if event.outcome == Outcome::Done {
            match event.action {
                Action::RecordOpened => self.opened += event.events,
                Action::RecordChanged => self.changed += event.events,
                _ => {}
            }
        }
        if event.role != Role::Nobody && !self.people.contains(event.who) {
            self.people.insert(event.who.to_owned());
        }
    }

    fn values(mut self, measure: &Measure) -> Vec<Option<u64>> {
        self.times.sort_unstable();
        self.browser_times.sort_unstable();
        let people = u64::try_from(self.people.len()).ok();
        match measure {
            Measure::Use => vec![
                Some(self.requests),
                people,
                Some(self.opened),
                Some(self.changed),
                Some(self.refused),
                Some(self.failed),
            ],
            Measure::Sessions => vec![
                Some(self.requests),
                mean(&self.times),
                percentile(&self.times, 50),
                self.times.last().copied(),
            ],
            Measure::Interaction {
                within, in_browser, ..
            } => {
                let mut values = vec![
                    Some(self.requests),
                    percentile(&self.times, 50),
                    percentile(&self.times, 95),
                    percentile(&self.times, 99),
                    self.times.last().copied(),
                ];
                if let Some(within) = within {
                    let limit = within.seconds().unsigned_abs().saturating_mul(1_000);
                    let good = self.times.partition_point(|time| *time <= limit);
                    values.push(share(u64::try_from(good).unwrap_or(0), self.requests));
                }
                if *in_browser {
                    let times = &self.browser_times;
                    values.push(u64::try_from(times.len()).ok());
                    values.extend([50, 95, 99].map(|part| percentile(times, part)));
                }
                values
            }
            Measure::Action { .. } => vec![
                Some(self.requests),
                Some(self.failed),
                percentile(&self.times, 50),
                percentile(&self.times, 95),
                self.times.last().copied(),
            ],
            Measure::Answered { .. } => vec![
                Some(self.requests),
                Some(self.failed),
                share(self.requests - self.failed, self.requests),
            ],
            Measure::Available { .. } => {
                let (all, lost) = self.minutes.counted();
                vec![Some(all), Some(lost), share(all - lost, all)]
            }
            Measure::SignIn => vec![
                Some(self.requests),
                Some(self.refused),
                share(self.refused, self.requests),
            ],
        }
    }
}

/// Whether the service itself failed: it did not answer, or with an error of its own.
pub(super) fn is_fault(event: &Fact<'_>) -> bool {
    event.answer == Answer::Fault
}

fn is_request(event: &Fact<'_>) -> bool {
    event.tenant.is_some()
        && event.answer != Answer::None
        && matches!(
            event.action,
            Action::Request | Action::RecordOpened | Action::RecordChanged
        )
}

fn columns(measure: &Measure) -> Vec<Column> {
    let column = |heading: &str, unit| Column {
        heading: heading.to_owned(),
        unit,
    };
    let count = |heading| column(heading, Unit::Count);
    match measure {
        Measure::Use => [
            "Requests",
            "People",
            "Records opened",
            "Records changed",
            "Refused",
            "Failed",
        ]
        .map(count)
        .to_vec(),
        Measure::Sessions => vec![
            count("Sessions"),
            column("Mean length", Unit::Seconds),
            column("Median length", Unit::Seconds),
            column("Longest", Unit::Seconds),
        ],
        Measure::Interaction {
            within, in_browser, ..
        } => {
            let time = |heading| column(heading, Unit::Milliseconds);
            let mut columns = vec![
                count("Times"),
                time("Half within"),
                time("95% within"),
                time("99% within"),
                time("Longest"),
            ];
            if let Some(within) = within {
                columns.push(column(&format!("Within {within}"), Unit::Share));
            }
            if *in_browser {
                columns.extend([
                    count("In browsers: times"),
                    time("In browsers: half within"),
                    time("In browsers: 95% within"),
                    time("In browsers: 99% within"),
                ]);
            }
            columns
        }
        Measure::Action { .. } => vec![
            count("Finished"),
            count("Abandoned"),
            column("Half within", Unit::Seconds),
            column("95% within", Unit::Seconds),
            column("Longest", Unit::Seconds),
        ],
        Measure::Answered { .. } => vec![
            count("Requests"),
            count("Failed"),
            column("Answered", Unit::Share),
        ],
        Measure::Available { .. } => vec![
            count("Minutes"),
            count("Lost"),
            column("Available", Unit::Share),
        ],
        Measure::SignIn => vec![
            count("Attempts"),
            count("Refused"),
            column("Share refused", Unit::Share),
        ],
    }
}

fn notes(measure: &Measure) -> Vec<String> {
    let mut notes = vec![
        match measure {
            Measure::Available { .. } => {
                "Requests of people who are signed in are counted, and those of checks, which ask when nobody else does."
            }
            _ => "Only people who are signed in are counted, and nobody who exists only for checks.",
        }
        .to_owned(),
    ];
    notes.extend(match measure {
        Measure::Use => vec![],
        Measure::Sessions => vec![
            "A session's length is the time from its first request in the period to its last; a session of one request has none.".to_owned(),
        ],
        Measure::Interaction { on, in_browser, .. } => std::iter::once(format!(
            "Timed at the gateway, from the request's arrival to the answer's: `{on}`. A request that failed has no time, and is not within the limit."
        ))
        .chain(in_browser.then(|| {
            "In browsers: from sending a form, or from asking for a page, until the page that came of it was there, as each \
             browser said. A browser says so only if the application's page includes the script and somebody waits for the page."
                .to_owned()
        }))
        .collect(),
        Measure::Action { begins, ends } => vec![format!(
            "From `{begins}` to the next `{ends}` in the same session. One that was begun again, or not ended in the period, is abandoned."
        )],
        Measure::Answered { target } => {
            let mut notes = vec!["A request has failed when the service did not answer it, or answered with an error of its own.".to_owned()];
            notes.extend(target.map(|target| format!("The target is {}.", Unit::Share.shown(target))));
            notes
        }
        Measure::Available { target } => vec![
            "A minute is lost when half of its requests or more were not answered, or were answered with an error of the service's own; and when the service did not run, from the last entry of the ledger before to the start. Minutes in which it ran and nobody asked are not counted.".to_owned(),
            format!("Promised are {}.", Unit::Share.shown(*target)),
        ],
        Measure::SignIn => vec![
            "Attempts are counted whether they succeed or not. An attempt with an address that no account has belongs to no organisation.".to_owned(),
        ],
    });
    notes
}

fn seconds(from: Timestamp, until: Timestamp) -> u64 {
    u64::try_from(until.duration_since(from).as_secs()).unwrap_or(0)
}

/// The nearest-rank percentile of sorted times.
fn percentile(sorted: &[u64], percent: usize) -> Option<u64> {
    let rank = (sorted.len() * percent).div_ceil(100);
    sorted.get(rank.checked_sub(1)?).copied()
}

fn mean(times: &[u64]) -> Option<u64> {
    let count = u64::try_from(times.len()).ok().filter(|count| *count > 0)?;
    Some(times.iter().sum::<u64>() / count)
}

/// A share in hundredths of a per cent, rounded down: 99.999% is not 100%.
fn share(part: u64, whole: u64) -> Option<u64> {
    (part * 10_000).checked_div(whole)
}
