//! Follows the machine's record of logins to the server, and writes each line of it down.
//!
//! The core reads it as its own user, so only what that user may read. What was told is read back from the trail at each start.

use std::fs::{self, Metadata};
use std::io::{ErrorKind, Read as _};
use std::net::IpAddr;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use avouch_audit::Logins;
use avouch_audit::logins::{Began, Digest, Followed, News, Snapshot};
use avouch_events::{Action, Actor, Event, Outcome, Query, Role, Row};
use jiff::Timestamp;
use tokio::sync::watch;

use super::reading::PAGE;
use super::state::Core;
use crate::fail::chain;

/// How often it is looked at.
const EVERY: Duration = Duration::from_secs(1);
/// A record that is larger is not read; the machine sets it aside long before.
const LARGEST: u64 = 64 << 20;
/// So many of the newest events are read back at a start.
const REMEMBERED: usize = 50_000;

/// The parameters of its events.
const RECORD: &str = "record";
const FILE: &str = "file";
const PLACE: &str = "place";
const RECORD_IS: &str = "record-is";
pub(super) const LINE: &str = "line";
pub(super) const TERMINAL: &str = "terminal";
pub(super) const NOTED: &str = "noted";

/// Who follows the record.
pub struct ServerLogins {
    /// What is followed.
    pub settings: Logins,
    /// When all that the record had was seen to be told.
    followed: watch::Sender<Option<Timestamp>>,
}

impl ServerLogins {
    /// Follows nothing yet.
    pub fn new(settings: &Logins) -> Arc<Self> {
        Arc::new(Self {
            settings: settings.clone(),
            followed: watch::Sender::new(None),
        })
    }

    /// When all that the record had was last seen to be told; changes with each look.
    pub fn followed(&self) -> watch::Receiver<Option<Timestamp>> {
        self.followed.subscribe()
    }

    /// Follows it until the core stops.
    pub fn keep_following(self: &Arc<Self>, core: &Arc<Core>) {
        let (following, core) = (self.clone(), core.clone());
        tokio::spawn(async move {
            let shutdown = core.shutdown.clone();
            tokio::select! {
                () = following.follow(&core) => {}
                () = shutdown.cancelled() => {}
            }
        });
    }

    async fn follow(&self, core: &Core) {
        let mut followed = loop {
            match self.remembered(core).await {
                Ok(followed) => break followed,
                Err(why) => tracing::warn!(why, "what was told of logins is not known yet"),
            }
            tokio::time::sleep(EVERY).await;
        };
        let (mut told, mut trouble) = (None, None);
        loop {
            let result = self.look(core, &mut followed, &mut told).await;
            let now = result.err();
            if now != trouble {
                self.say(core, now.as_deref()).await;
                trouble = now;
            }
            tokio::time::sleep(EVERY).await;
        }
    }

    /// Tells what is new; `told` is the state of the file of which everything is told.
    async fn look(
        &self,
        core: &Core,
        followed: &mut Followed,
        told: &mut Option<Stamp>,
    ) -> Result<(), String> {
        let path = self.settings.record.clone();
        let stamp = Stamp::of(&path)?;
        let at = core.now();
        if told.as_ref() != Some(&stamp) {
            *told = None;
            let read = tokio::task::spawn_blocking(move || snapshot(&path));
            let now = read.await.map_err(|error| error.to_string())??;
            let news = followed.news(now.as_ref(), || aside(&self.settings.record));
            for news in news {
                if let Some(event) = self.event(core.now(), &news) {
                    core.record(event).await.map_err(|error| chain(&error))?;
                }
                followed.take(&news);
            }
            if now.is_none() {
                return Err("there is no such file".to_owned());
            }
            *told = Some(stamp);
        }
        self.followed.send_replace(Some(at));
        Ok(())
    }

    /// What the trail has of the record.
    async fn remembered(&self, core: &Core) -> Result<Followed, String> {
        let mut rows = Vec::new();
        let mut query = told();
        loop {
            let page = core.index.search(&query).await;
            let page = page.map_err(|error| chain(&error))?;
            if query.before.is_none() && page.indexed < page.size {
                return Err("the index of the trail is being made anew".to_owned());
            }
            rows.extend(page.rows);
            query.before = page.next;
            if query.before.is_none() || rows.len() >= REMEMBERED {
                break;
            }
        }
        let mut followed = Followed::default();
        for row in rows.iter().rev().filter(|row| self.is_ours(row)) {
            if let Some(news) = news(&row.event) {
                followed.take(&news);
            }
        }
        Ok(followed)
    }

    /// Whether an event tells of this record.
    pub fn is_ours(&self, row: &Row) -> bool {
        let record = row.event.parameters.get(RECORD);
        record.is_some_and(|record| Path::new(record) == self.settings.record)
    }

    /// That the record cannot be read, or can be again.
    async fn say(&self, core: &Core, trouble: Option<&str>) {
        let record = format!("logins in {}", self.settings.record.display());
        let (outcome, reason) = match trouble {
            Some(why) => (
                Outcome::Failed,
                format!("logins to the server are not told: {why}"),
            ),
            None => (
                Outcome::Done,
                "logins to the server are told again".to_owned(),
            ),
        };
        tracing::warn!(record, reason, "the machine's record of logins");
        // Logged where it fails; the check of logins sees it, too.
        let _ = core.say(&record, outcome, reason).await;
    }

    /// The event of what there is to tell, if there is one.
    fn event(&self, now: Timestamp, news: &News) -> Option<Event> {
        let record = self.settings.record.display().to_string();
        let event = match news {
            News::Again { .. } => return None,
            News::Line {
                file,
                number,
                digest,
                login,
            } => {
                let name = match login.account.as_str() {
                    "" => "unknown",
                    account => account,
                };
                let who = Actor {
                    id: String::new(),
                    name: name.to_owned(),
                    role: Role::Server,
                };
                let what = format!("{} {}", login.kind, login.terminal);
                let what = what.trim_end();
                let event = Event::new(now, who, Action::ServerLogin, what, Outcome::Done)
                    .with(FILE, file.to_string())
                    .with(PLACE, number.to_string())
                    .with(LINE, digest.to_string())
                    .with(TERMINAL, &login.terminal)
                    .with(NOTED, login.at.to_string())
                    .with("process", login.process.to_string());
                match login.from.parse::<IpAddr>() {
                    Ok(address) => event.from(address.to_string()),
                    Err(_) if login.from.is_empty() => event,
                    Err(_) => event.with("host", &login.from),
                }
            }
            News::Begun { file, why } => {
                let file = file.map_or_else(String::new, |file| file.to_string());
                let outcome = match why {
                    Began::Lost { .. } => Outcome::Failed,
                    Began::Rotated | Began::Restored => Outcome::Done,
                };
                let reason = match why {
                    Began::Rotated => "it was set aside whole and begun anew".to_owned(),
                    Began::Restored => "it holds again what it held before".to_owned(),
                    Began::Lost { had, kept } => format!(
                        "{kept} of the {had} lines that were read from it are in their place, so it was altered, shortened or removed"
                    ),
                };
                let what = format!("record {record}");
                Event::new(now, Actor::platform(), Action::ServerLogin, what, outcome)
                    .because(reason)
                    .with(FILE, file)
                    .with(RECORD_IS, is(*why))
            }
        };
        Some(event.with(RECORD, record))
    }
}

/// What finds the events of logins to the server, newest first.
pub fn told() -> Query {
    Query {
        tenant: Some(None),
        action: Some(Action::ServerLogin.to_string()),
        limit: PAGE,
        ..Query::default()
    }
}

/// Why the record begins anew, in one word.
const fn is(why: Began) -> &'static str {
    match why {
        Began::Rotated => "set-aside",
        Began::Lost { .. } => "altered",
        Began::Restored => "restored",
    }
}

/// Why the record begins anew, if an event tells that. How much was lost stands in its reason.
pub fn began(event: &Event) -> Option<Began> {
    let lost = Began::Lost { had: 0, kept: 0 };
    let word = event.parameters.get(RECORD_IS)?;
    [Began::Rotated, lost, Began::Restored]
        .into_iter()
        .find(|why| is(*why) == word.as_str())
}

/// What an event has told.
fn news(event: &Event) -> Option<News> {
    let parameter = |name: &str| event.parameters.get(name).map(String::as_str);
    let file = parameter(FILE)?.parse().ok();
    if let Some(why) = began(event) {
        return Some(News::Begun { file, why });
    }
    Some(News::Again {
        file: file?,
        number: parameter(PLACE)?.parse().ok()?,
        digest: Digest::read(parameter(LINE)?)?,
    })
}

/// By which it is seen that a file has not changed.
#[derive(Debug, PartialEq, Eq)]
struct Stamp(Option<[i128; 4]>);

impl Stamp {
    fn of(path: &Path) -> Result<Self, String> {
        let nanoseconds =
            |seconds: i64, more: i64| i128::from(seconds) * 1_000_000_000 + i128::from(more);
        match fs::metadata(path) {
            Ok(found) => Ok(Self(Some([
                found.ino().into(),
                found.len().into(),
                nanoseconds(found.mtime(), found.mtime_nsec()),
                nanoseconds(found.ctime(), found.ctime_nsec()),
            ]))),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(Self(None)),
            Err(error) => Err(error.to_string()),
        }
    }
}

/// The record as it is now; none if there is no such file.
pub fn snapshot(path: &Path) -> Result<Option<Snapshot>, String> {
    let opened = match fs::File::open(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        opened => opened.map_err(|error| error.to_string())?,
    };
    let found = opened.metadata().map_err(|error| error.to_string())?;
    if !Metadata::is_file(&found) {
        return Err("it is no ordinary file".to_owned());
    }
    if found.len() > LARGEST {
        return Err(format!(
            "it is larger than {} MiB: have the machine set it aside",
            LARGEST >> 20
        ));
    }
    let mut bytes = Vec::new();
    let read = opened.take(LARGEST).read_to_end(&mut bytes);
    read.map_err(|error| error.to_string())?;
    Ok(Some(Snapshot {
        file: found.ino(),
        bytes,
    }))
}

/// The files beside the record that bear its name with something after it: `wtmp.1`, `wtmp-20260105`. What cannot be read
/// explains nothing.
fn aside(record: &Path) -> Vec<Snapshot> {
    let Some((folder, name)) = record.parent().zip(record.file_name()) else {
        return Vec::new();
    };
    let beside = |path: &PathBuf| {
        let other = path.file_name().unwrap_or_default().as_encoded_bytes();
        let rest = other.strip_prefix(name.as_encoded_bytes());
        rest.is_some_and(|rest| rest.starts_with(b".") || rest.starts_with(b"-"))
    };
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let files = entries.map(|entry| entry.path()).filter(beside);
    files
        .filter_map(|path| snapshot(&path).ok().flatten())
        .collect()
}
