//! Makes a ledger of very many events with the product's own recorder, and times what is asked of it.
//!
//! `many_events make FOLDER COUNT COPY` records COUNT events of one year in FOLDER, and writes the same rows to the file
//! COPY in the form that PostgreSQL's `copy` reads. `many_events open|index|subject|month|verify FOLDER` does what it says.
//! Each prints how long that took, the processor time of each event or question, and the most memory that it had.

#![expect(clippy::print_stdout, reason = "printing is what this program is for")]

use std::error::Error;
use std::fmt::Write as _;
use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use avouch_events::report::{
    Checks, Definition, Every, Group, Measure, Period, Readers, Wanted, indexed,
};
use avouch_events::{Action, Actor, Event, Index, Opener, Outcome, Query, Recorder, Role, Streams};
use avouch_keyring::{Keyring, Source};
use avouch_ledger::{Ledger, LogKey, Options, verify};
use jiff::{SignedDuration, Timestamp};

type Failed = Box<dyn Error + Send + Sync>;

const ORGANISATIONS: u64 = 50;
const PEOPLE: u64 = 2_000;
const PATIENTS: u64 = 100_000;
/// Sessions under way at any time, and requests in one.
const SESSIONS: usize = 60;
const REQUESTS: u64 = 25;
/// Events that go to disk together.
const GROUP: usize = 500;
/// How often a question is asked; the middle time is said.
const TIMES: usize = 21;
/// 2026-01-01 in UTC.
const BEGINNING: i64 = 1_767_225_600;
const YEAR: i64 = 365 * 24 * 3600;

#[tokio::main]
async fn main() -> Result<(), Failed> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["make", folder, count, copy] => make(Path::new(folder), count.parse()?, copy).await?,
        ["open", folder] => open(Path::new(folder))?,
        ["index", folder] => index(Path::new(folder)).await?,
        ["subject", folder] => subject(Path::new(folder)).await?,
        ["month", folder] => month(Path::new(folder)).await?,
        ["verify", folder] => check(Path::new(folder))?,
        _ => return Err(
            "usage: many_events make FOLDER COUNT COPY | open|index|subject|month|verify FOLDER"
                .into(),
        ),
    }
    println!("memory {} MiB", peak()?);
    Ok(())
}

async fn make(folder: &Path, count: u64, copy: &str) -> Result<(), Failed> {
    std::fs::create_dir_all(folder)?;
    let place = Place::open(folder)?;
    let recorder = Recorder::new(
        place.ledger.clone(),
        place.keyring.clone(),
        place.streams.clone(),
        None,
    );
    let mut rows = BufWriter::with_capacity(1 << 20, File::create(copy)?);
    let mut year = Year::new(count);
    // Of the recording alone, and not of thinking events up.
    let mut spent = Spent::default();
    let mut number = 0;
    while number < count {
        let group: Vec<Event> = year.by_ref().take(GROUP).collect();
        for event in &group {
            rows.write_all(row(number, event)?.as_bytes())?;
            number += 1;
        }
        let began = Began::now()?;
        recorder
            .record_all(group)
            .await
            .map_err(|(error, _)| error)?;
        spent.add(began.spent()?);
    }
    rows.flush()?;
    let began = Began::now()?;
    place.ledger.publish().await?;
    spent.add(began.spent()?);
    said("made", spent, number);
    Ok(())
}

fn open(folder: &Path) -> Result<(), Failed> {
    let began = Began::now()?;
    let place = Place::open(folder)?;
    said("opened", began.spent()?, place.ledger.reader().size());
    Ok(())
}

async fn index(folder: &Path) -> Result<(), Failed> {
    let place = Place::open(folder)?;
    let began = Began::now()?;
    let entries = place.index(folder).await?.catch_up().await?;
    said("indexed", began.spent()?, entries);
    Ok(())
}

async fn subject(folder: &Path) -> Result<(), Failed> {
    let place = Place::open(folder)?;
    let index = place.index(folder).await?;
    let query = Query {
        subject: Some(patient(4_711)),
        limit: 50,
        ..Query::default()
    };
    let mut found = 0;
    let mut times = Vec::new();
    let all = Began::now()?;
    for _ in 0..TIMES {
        let began = Instant::now();
        found = index.search(&query).await?.total;
        times.push(began.elapsed());
    }
    middle("subject", times, all.spent()?, found);
    Ok(())
}

async fn month(folder: &Path) -> Result<(), Failed> {
    let place = Place::open(folder)?;
    let index = place.index(folder).await?;
    let definition = Definition {
        name: "use".parse()?,
        title: "Use".to_owned(),
        measure: Measure::Use,
        group: Group::Organisation,
        every: Every::Month,
        readers: Readers::Supplier,
        to: Vec::new(),
    };
    let now = Timestamp::from_second(BEGINNING + YEAR)?;
    let wanted = Wanted {
        definition: &definition,
        period: Period::named(Every::Month, "2026-02")?,
        tenant: None,
        checks: Checks::LeftOut,
    };
    let mut requests = 0;
    let mut times = Vec::new();
    let all = Began::now()?;
    for _ in 0..TIMES {
        let began = Instant::now();
        let report = indexed(&index, &wanted, None, now).await?;
        times.push(began.elapsed());
        requests = report
            .lines
            .iter()
            .filter_map(|line| *line.values.first()?)
            .sum();
    }
    middle("month", times, all.spent()?, requests);
    Ok(())
}

fn check(folder: &Path) -> Result<(), Failed> {
    let key = key()?.vkey().parse()?;
    let began = Began::now()?;
    let report = verify::directory(&folder.join("ledger"), &key)?;
    said("verified", began.spent()?, report.checkpoint.size);
    Ok(())
}

struct Place {
    ledger: Ledger,
    keyring: Arc<Keyring>,
    streams: Arc<Streams>,
}

impl Place {
    fn open(folder: &Path) -> Result<Self, Failed> {
        let source = Source::File {
            path: folder.join("master.key"),
        };
        Ok(Self {
            ledger: Ledger::open(&folder.join("ledger"), key()?, &Options::default())?,
            keyring: Arc::new(Keyring::unlock(&folder.join("keys"), &source)?),
            streams: Arc::new(Streams::open(&folder.join("streams"))?),
        })
    }

    async fn index(&self, folder: &Path) -> Result<Index, Failed> {
        let opener = Opener::new(self.keyring.clone(), self.streams.clone());
        let file = folder.join("events.db");
        Ok(Index::open(&file, self.ledger.reader(), opener).await?)
    }
}

fn key() -> Result<LogKey, Failed> {
    Ok(LogKey::from_seed("bench.example.test/ledger", &[7; 32])?)
}

/// A year of events, evenly spread: people of many organisations in sessions that overlap.
struct Year {
    count: u64,
    next: u64,
    random: u64,
    sessions: Vec<Session>,
    /// The outcome of an intent, which follows it.
    outcome: Option<Event>,
}

#[derive(Clone, Default)]
struct Session {
    person: u64,
    tag: u64,
    left: u64,
}

impl Year {
    fn new(count: u64) -> Self {
        Self {
            count,
            next: 0,
            random: 0x9e37_79b9_7f4a_7c15,
            sessions: vec![Session::default(); SESSIONS],
            outcome: None,
        }
    }

    /// Xorshift: the same year each time.
    fn random(&mut self) -> u64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        self.random
    }

    fn session(&mut self) -> Session {
        let slot = usize::try_from(self.random() % SESSIONS as u64).unwrap_or(0);
        let (person, tag) = (self.random() % PEOPLE, self.random());
        let Some(session) = self.sessions.get_mut(slot) else {
            return Session::default();
        };
        if session.left == 0 {
            *session = Session {
                person,
                tag,
                left: REQUESTS,
            };
        }
        session.left -= 1;
        session.clone()
    }

    fn event(&mut self, at: Timestamp) -> Option<Event> {
        let session = self.session();
        let chance = self.random() % 100;
        let patient = patient(self.random() % PATIENTS);
        let organisation = session.person % ORGANISATIONS;
        let who = Actor {
            id: format!("{:026x}", session.person.wrapping_mul(0x1000_0000_01b3)),
            name: format!("person{}@trust-{organisation}.example", session.person),
            role: if session.person.is_multiple_of(10) {
                Role::Administrator
            } else {
                Role::Member
            },
        };
        let visit = self.random() % 40;
        let (action, object, status) = match chance {
            0..20 => (Action::Request, format!("GET /wards/{visit}"), 200),
            20..90 => (
                Action::RecordOpened,
                format!("GET /patients/{patient}/visits/{visit}"),
                200,
            ),
            _ => (
                Action::RecordChanged,
                format!("POST /patients/{patient}/visits"),
                303,
            ),
        };
        let mut event = Event::new(at, who, action, object, Outcome::Done)
            .of(format!("trust-{organisation}").parse().ok().as_ref())
            .because("answered")
            .from(format!("10.{organisation}.0.{}", session.person % 250));
        if action != Action::Request {
            event.subjects = vec![patient];
        }
        event.session = format!("{:016x}", session.tag);
        event.correlation = format!("{}-{}", at.as_microsecond(), self.next % 1_000);
        event.status = Some(status);
        event.micros = Some(800 + self.random() % 20_000);
        if action != Action::RecordChanged {
            return Some(event);
        }
        let mut intent = event.clone();
        (intent.outcome, intent.status, intent.micros) = (Outcome::Intended, None, None);
        intent.reason.clear();
        self.outcome = Some(event);
        Some(intent)
    }
}

impl Iterator for Year {
    type Item = Event;

    fn next(&mut self) -> Option<Event> {
        if self.next >= self.count {
            return None;
        }
        let micros = i128::from(self.next) * i128::from(YEAR) * 1_000_000 / i128::from(self.count);
        let since = SignedDuration::from_micros(i64::try_from(micros).ok()?);
        let at = Timestamp::from_second(BEGINNING).ok()? + since;
        self.next += 1;
        match self.outcome.take() {
            Some(mut outcome) => {
                outcome.at = at;
                Some(outcome)
            }
            None => self.event(at),
        }
    }
}

fn patient(number: u64) -> String {
    format!("{}", 4_000_000_000 + number * 7_919)
}

/// The event as a line of PostgreSQL's text form.
fn row(number: u64, event: &Event) -> Result<String, Failed> {
    let none = || "\\N".to_owned();
    let mut line = String::new();
    writeln!(
        line,
        "{number}\t{}\t{}\t{}\t{}\t{}\t{}\t{}\t{}\t{}\t{}\t{}\t{}\t{}\t{}\t{}\t{}",
        event.at,
        event.who.id,
        event.who.name,
        event.who.role,
        event.tenant.as_ref().map_or_else(none, ToString::to_string),
        event.action,
        event.object,
        event.subjects.first().cloned().unwrap_or_else(none),
        event.outcome,
        event.reason,
        event.source,
        event.session,
        event.status.map_or_else(none, |status| status.to_string()),
        event.micros.map_or_else(none, |micros| micros.to_string()),
        event.correlation,
        event.release,
    )?;
    Ok(line)
}

/// When something began, and the processor time that this program had had by then.
struct Began(Instant, Duration);

/// Time by the clock, and processor time of all threads.
#[derive(Default)]
struct Spent(Duration, Duration);

impl Began {
    fn now() -> Result<Self, Failed> {
        Ok(Self(Instant::now(), processor()?))
    }

    fn spent(&self) -> Result<Spent, Failed> {
        Ok(Spent(self.0.elapsed(), processor()?.saturating_sub(self.1)))
    }
}

impl Spent {
    fn add(&mut self, more: Self) {
        self.0 += more.0;
        self.1 += more.1;
    }
}

fn said(what: &str, Spent(took, processor): Spent, count: u64) {
    let took = took.as_secs_f64();
    let rate = count as f64 / took;
    let each = processor.as_secs_f64() * 1e6 / count as f64;
    println!("{what} {count} in {took:.3} s: {rate:.0} /s, processor {each:.2} us each");
}

fn middle(what: &str, mut times: Vec<Duration>, spent: Spent, count: u64) {
    times.sort();
    let middle = times.get(times.len() / 2).copied().unwrap_or_default();
    println!(
        "{what} {count} in {:.2} ms, processor {:.1} ms each",
        middle.as_secs_f64() * 1e3,
        spent.1.as_secs_f64() * 1e3 / times.len() as f64
    );
}

/// Processor time of this program so far, in user and in system mode. Linux counts it in hundredths of a second.
fn processor() -> Result<Duration, Failed> {
    let text = std::fs::read_to_string("/proc/self/stat")?;
    let (_, fields) = text.rsplit_once(')').ok_or("no name in stat")?;
    let times: Vec<u64> = fields
        .split_whitespace()
        .skip(11)
        .take(2)
        .map(str::parse)
        .collect::<Result<_, _>>()?;
    Ok(Duration::from_millis(times.iter().sum::<u64>() * 10))
}

/// The most memory that this process had, in MiB.
fn peak() -> Result<u64, Failed> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))
        .ok_or("no VmHWM")?;
    let kib: u64 = line.trim().trim_end_matches(" kB").trim().parse()?;
    Ok(kib / 1024)
}
