//! How the service is: looked at every second, told to the front, kept in the store, and written down.

mod post;
mod rehearsal;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use avouch_events::{Action, Actor, Event, Outcome};
use avouch_gateway::link;
use avouch_statement::TenantId;
use avouch_status::{About, Book, Incident, Then, Turn, Watch, records};
use avouch_store::Store;
use jiff::{SignedDuration, Timestamp};
use tokio::sync::oneshot;

pub use self::post::Office;
use self::post::Post;
use self::rehearsal::Rehearsal;
pub use self::rehearsal::Stage;
use super::state::Core;
use crate::fail::{Fail, chain};

/// How often everything is looked at, and the front hears that the core is there.
const LOOK: Duration = Duration::from_secs(1);
/// How long applications may take to start before it is told that they do not answer.
const START: Duration = Duration::from_secs(5);
/// How often the store hears that the service runs.
const BEAT: SignedDuration = SignedDuration::from_secs(20);
/// A service that has not said for so long that it runs did not run.
const GAP: SignedDuration = SignedDuration::from_secs(60);
/// How often what is too old is taken away.
const TIDY: SignedDuration = SignedDuration::from_hours(1);
/// The page shows so many, and so many characters of them: they go to the front in one message.
const SHOWN: usize = 100;
const LONGEST: usize = 200_000;

/// What is seen of the service, and what people are told of it.
pub struct Statuses {
    state: Mutex<State>,
    /// What the supplier's team is written.
    pub post: Post,
}

struct State {
    book: Book,
    watches: BTreeMap<Watched, (Watch, Option<u64>)>,
    /// What the store has not taken yet.
    unkept: BTreeSet<u64>,
    rehearsal: Option<Rehearsal>,
    /// What the front was told last; `None` once it is not so any more.
    told: Option<Arc<link::Status>>,
    looked: Option<Timestamp>,
    beaten: Option<Timestamp>,
    tidied: Option<Timestamp>,
}

/// Something that is looked at.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Watched {
    /// Whether what happens can be written down.
    Disk,
    /// A tenant's application.
    Tenant(TenantId),
    /// A check's made-up application, as if it were this tenant's.
    Rehearsal(TenantId),
}

impl Watched {
    fn about(&self) -> About {
        match self {
            Self::Disk => About::Everybody,
            Self::Tenant(tenant) => About::Tenant(tenant.clone()),
            Self::Rehearsal(tenant) => About::Rehearsal(tenant.clone()),
        }
    }
}

/// What is wrong when something is down, and when it is up again.
const DISK: &str = "Nothing can be written down, so nothing can be opened or saved";
const SILENT: &str = "The application does not answer";
const STOPPED: &str = "The service did not run";

impl Statuses {
    /// Reads what was kept.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub async fn open(store: &Store) -> Result<Self, Fail> {
        let found = records::open(store)
            .await
            .map_err(|error| Fail::new("what was wrong before cannot be read").from(error))?;
        let (last, beaten) = found.beat.map_or((0, None), |(last, at)| (last, Some(at)));
        let mut watches = BTreeMap::new();
        for incident in &found.incidents {
            if incident.seen && incident.ended.is_none() {
                let watched = match &incident.about {
                    About::Tenant(tenant) => Watched::Tenant(tenant.clone()),
                    About::Everybody | About::Rehearsal(_) => Watched::Disk,
                };
                let watch = Watch::down(incident.began);
                watches.insert(watched, (watch, Some(incident.number)));
            }
        }
        Ok(Self {
            state: Mutex::new(State {
                book: Book::new(found.incidents, last),
                watches,
                unkept: BTreeSet::new(),
                rehearsal: None,
                told: None,
                looked: beaten,
                beaten,
                tidied: None,
            }),
            post: Post::default(),
        })
    }

    /// Everything that is kept and was told, what lasts first.
    pub fn all(&self) -> Vec<Incident> {
        let state = self.state();
        let kept = |incident: &&Incident| !matches!(incident.about, About::Rehearsal(_));
        state.book.all().filter(kept).cloned().collect()
    }

    /// A number for something that somebody is about to say.
    pub fn number(&self) -> u64 {
        self.state().book.number()
    }

    /// Says that something is wrong.
    pub fn begin(&self, incident: Incident) {
        self.state().put(incident);
    }

    /// Says something of it; its newer form, unless there is none that lasts.
    pub fn say(&self, number: u64, text: &str, now: Timestamp, then: Then) -> Option<Incident> {
        let mut state = self.state();
        let said = state.book.say(number, text, now, then)?;
        state.put(said.clone());
        Some(said)
    }

    /// Takes away what concerned one tenant alone.
    ///
    /// # Errors
    /// If the store does not.
    pub async fn erase(&self, store: &Store, tenant: &TenantId) -> Result<(), Fail> {
        let gone = {
            let mut state = self.state();
            state.told = None;
            state.watches.remove(&Watched::Tenant(tenant.clone()));
            state
                .book
                .forget(|incident| incident.about.tenant() == Some(tenant))
        };
        self.post.forget(&gone);
        records::forget(store, &gone)
            .await
            .map_err(|error| Fail::new("what was told of it is not taken away").from(error))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn put(&mut self, incident: Incident) {
        self.told = None;
        if !matches!(incident.about, About::Rehearsal(_)) {
            self.unkept.insert(incident.number);
        }
        self.book.put(incident);
    }

    /// Takes what was seen of one thing; the incident that begins or ends by it.
    fn see(
        &mut self,
        watched: &Watched,
        answers: bool,
        at: Timestamp,
        now: Timestamp,
    ) -> Option<Incident> {
        let (watch, number) = self.watches.entry(watched.clone()).or_default();
        match watch.see(answers, at)? {
            Turn::Up => {
                let number = number.take()?;
                let over = self.book.say(number, "", now, Then::Over)?;
                self.put(over.clone());
                Some(over)
            }
            Turn::Down { since } => {
                let given = self.book.number();
                *number = Some(given);
                let title = match watched {
                    Watched::Disk => DISK.to_owned(),
                    Watched::Tenant(_) => SILENT.to_owned(),
                    Watched::Rehearsal(_) => self.rehearsal.as_ref()?.title.clone(),
                };
                let incident = Incident {
                    number: given,
                    about: watched.about(),
                    seen: true,
                    title,
                    began: since,
                    told: now,
                    ended: None,
                    updates: Vec::new(),
                };
                self.put(incident.clone());
                Some(incident)
            }
        }
    }

    /// Notices that the service did not run, from when it last said that it did.
    fn notice_gap(&mut self, now: Timestamp) -> Option<Incident> {
        let last = self.looked.replace(now)?;
        if now.duration_since(last) < GAP {
            return None;
        }
        let incident = Incident {
            number: self.book.number(),
            about: About::Everybody,
            seen: false,
            title: STOPPED.to_owned(),
            began: last,
            told: now,
            ended: Some(now),
            updates: Vec::new(),
        };
        self.put(incident.clone());
        Some(incident)
    }
}

/// Starts to look, once the applications have had the time to start, and ends with the core.
pub async fn keep_running(core: &Arc<Core>, starting: oneshot::Receiver<()>) {
    if core.statement.status.is_none() {
        return;
    }
    post::keep_posting(core).await;
    let core = core.clone();
    tokio::spawn(async move {
        core.tell_front();
        // Those that take longer are told of.
        let _ = tokio::time::timeout(START, starting).await;
        loop {
            core.look().await;
            tokio::select! {
                () = tokio::time::sleep(LOOK) => {}
                () = core.shutdown.cancelled() => return,
            }
        }
    });
}

impl Core {
    /// Looks at everything once, tells the front, and writes down what has changed.
    async fn look(&self) {
        let at = self.now();
        let believed = self.steady.doubt(at).is_none();
        let mut changed = Vec::new();
        if believed {
            changed.extend(self.status.state().notice_gap(at));
        }
        let mut seen = self.asked().await;
        seen.push((Watched::Disk, !self.is_full()));
        let now = self.now();
        {
            let mut state = self.status.state();
            let known = |watched: &Watched| seen.iter().any(|(known, _)| known == watched);
            state.watches.retain(|watched, _| known(watched));
            for (watched, answers) in &seen {
                changed.extend(state.see(watched, *answers, at, now));
            }
        }
        self.tell_front();
        self.keep_incidents().await;
        for incident in changed {
            self.write_down(&incident).await;
        }
        if let Err(error) = self.beat(now, believed).await {
            tracing::warn!(
                error = chain(&error),
                "the store does not take how the service is; it is told all the same"
            );
        }
    }

    /// Every application, with whether it answers.
    async fn asked(&self) -> Vec<(Watched, bool)> {
        let rehearsed = self.status.state().rehearsal.as_ref().map(Rehearsal::asked);
        let tenants = self.tenants.ids().into_iter().map(|tenant| async move {
            let answers = self.answers(&tenant).await;
            (Watched::Tenant(tenant), answers)
        });
        let mut seen = futures_util::future::join_all(tenants).await;
        if let Some((tenant, socket)) = rehearsed {
            let answers = self.answers_at(&socket).await;
            seen.push((Watched::Rehearsal(tenant), answers));
        }
        seen
    }

    /// Says to the front how the service is, or that it still is so.
    pub fn tell_front(&self) {
        let mut state = self.status.state();
        let told = match &state.told {
            Some(told) => told.clone(),
            None => {
                let told = Arc::new(self.shown(&state.book));
                state.told = Some(told.clone());
                told
            }
        };
        drop(state);
        self.link.tell(told);
    }

    fn shown(&self, book: &Book) -> link::Status {
        let mut room = LONGEST;
        let notices = book.all().take(SHOWN).map(notice).take_while(|notice| {
            let size = notice.updates.iter().map(|said| said.text.len() + 50);
            let size = size.sum::<usize>() + notice.title.len() + 100;
            let fits = size <= room;
            room = room.saturating_sub(size);
            fits
        });
        let service = &self.statement.service;
        link::Status {
            service: service.name.clone(),
            supplier: service.supplier.clone(),
            support: service.support.clone(),
            notices: notices.collect(),
        }
    }

    /// Keeps what has changed; what the store does not take is tried again.
    pub async fn keep_incidents(&self) {
        let unkept: Vec<Incident> = {
            let state = self.status.state();
            let unkept = state.unkept.iter();
            unkept
                .filter_map(|number| state.book.get(*number).cloned())
                .collect()
        };
        for incident in unkept {
            match records::keep(&self.store, &incident).await {
                Ok(()) => {
                    let mut state = self.status.state();
                    if state.book.get(incident.number) == Some(&incident) {
                        state.unkept.remove(&incident.number);
                    }
                }
                Err(error) => {
                    tracing::warn!(
                        error = chain(&error),
                        number = incident.number,
                        "an incident is held in memory until the store takes it"
                    );
                    return;
                }
            }
        }
    }

    async fn write_down(&self, incident: &Incident) {
        let tenant = match &incident.about {
            About::Rehearsal(_) => return,
            about => about.tenant(),
        };
        let (what, outcome) = match incident.ended {
            Some(_) => ("ended", Outcome::Done),
            None => ("began", Outcome::Failed),
        };
        let event = Event::new(
            self.now(),
            Actor::platform(),
            Action::System,
            format!("incident {} {what}", incident.number),
            outcome,
        )
        .of(tenant)
        .because(&incident.title);
        // What is not recorded is said where it failed.
        let _ = self.record(timed(event, incident)).await;
    }

    /// Says to the store that the service runs, and takes away what is too old.
    async fn beat(&self, now: Timestamp, believed: bool) -> Result<(), records::RecordsError> {
        let due = |last: Option<Timestamp>, every: SignedDuration| {
            last.is_none_or(|last| now.duration_since(last).abs() >= every)
        };
        let (beat, tidy, last) = {
            let state = self.status.state();
            let tidy = believed && due(state.tidied, TIDY);
            (due(state.beaten, BEAT), tidy, state.book.last())
        };
        if beat {
            records::beat(&self.store, last, now).await?;
            self.status.state().beaten = Some(now);
        }
        if let (true, Some(settings)) = (tidy, &self.statement.status) {
            let (_, most) = settings.keep.bounds();
            let oldest = now
                .checked_sub(SignedDuration::from_secs(most))
                .unwrap_or(Timestamp::MIN);
            let gone = {
                let mut state = self.status.state();
                state.tidied = Some(now);
                state
                    .book
                    .forget(|incident| incident.ended.is_some_and(|ended| ended < oldest))
            };
            self.status.post.forget(&gone);
            records::forget(&self.store, &gone).await?;
        }
        Ok(())
    }
}

/// The event with the incident's times, by which the check of what is kept knows them.
pub fn timed(event: Event, incident: &Incident) -> Event {
    let event = event
        .with("began", incident.began.to_string())
        .with("seen", incident.seen.to_string());
    match incident.ended {
        Some(ended) => event.with("ended", ended.to_string()),
        None => event,
    }
}

/// An incident as the front shows it.
fn notice(incident: &Incident) -> link::Notice {
    link::Notice {
        number: incident.number,
        about: match &incident.about {
            About::Everybody => link::About::Everybody,
            About::Tenant(tenant) => link::About::Tenant(tenant.to_string()),
            About::Rehearsal(tenant) => link::About::Rehearsal(tenant.to_string()),
        },
        title: incident.title.clone(),
        began: incident.began,
        ended: incident.ended,
        updates: incident
            .updates
            .iter()
            .map(|update| link::Said {
                at: update.at,
                text: update.text.clone(),
            })
            .collect(),
    }
}
