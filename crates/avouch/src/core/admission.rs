//! What the core says to the front about each request, and what it writes down of it.

mod event;
mod flowed;
mod reads;
mod resting;
mod words;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use avouch_access::{Ended, Person, Role, Session, TokenDigest};
use avouch_audit::checks::connections as named;
use avouch_events::{Action, Actor, Event, Outcome, Role as EventRole};
use avouch_gateway::link::{
    self, Admission, Admit, Begin, Closed, End, Flowed, LinkId, NotRecorded, Read, Refused, Report,
};
use avouch_statement::TenantId;
use avouch_tenancy::permit;
use jiff::Timestamp;
use sha2::{Digest as _, Sha256};

use self::event::{correlation, describe, outcome, shortened};
use self::resting::Let;
pub(super) use self::resting::OWN_PAGES;
use self::words::{Word, Words};
use super::capacity::Busy;
use super::state::Core;
use super::strangers::{Sort, TIMES};
use crate::fail::chain;

/// The status of an answer that opens a tunnel.
const SWITCHING_PROTOCOLS: u16 = 101;

/// The core's answers to the front.
pub struct Gate {
    core: Arc<Core>,
    /// Requests that were let through and have not ended, by their link and their id there.
    open: Mutex<HashMap<(LinkId, u64), Open>>,
    /// What tunnels that are open began with, by the link and the id of their request.
    tunnels: Mutex<HashMap<(LinkId, u64), Event>>,
    words: Words,
    heard: tokio::sync::watch::Sender<Heard>,
}

/// What the front last said of its listeners.
#[derive(Debug, Clone, Default)]
pub struct Heard {
    pub listening: Vec<std::net::SocketAddr>,
    pub failed: Option<String>,
}

/// A request under way: what its outcome's event needs.
struct Open {
    event: Event,
    record: bool,
    unsafe_method: bool,
    _busy: Busy,
}

impl Gate {
    /// Answers for this core; `heard` tells what the front says of itself.
    pub fn new(core: Arc<Core>, heard: tokio::sync::watch::Sender<Heard>) -> Self {
        Self {
            core,
            open: Mutex::default(),
            tunnels: Mutex::default(),
            words: Words::default(),
            heard,
        }
    }

    async fn admit(&self, link: LinkId, begin: &Begin) -> Result<Let, Admit> {
        let (core, came) = (&self.core, self.core.now());
        let suffix = format!(".{}", core.statement.gateway.domain);
        let tenant: Option<TenantId> = begin
            .host
            .strip_suffix(&suffix)
            .and_then(|label| label.parse().ok());
        let session = match begin.token_digest {
            None => None,
            Some(digest) => core
                .access
                .resolve(&TokenDigest(digest), &begin.host, core.now())
                .await
                .map_err(|error| {
                    tracing::error!(error = chain(&error), "a session could not be looked up");
                    Admit::Unavailable
                })?,
        };
        let Some(session) = session else {
            let unseated = core.unseated(begin.token_digest, tenant.as_ref()).await;
            self.write_refusal(begin, unseated, tenant.as_ref(), came, "no session here")
                .await?;
            return Err(sign_in(core, begin, tenant.as_ref()));
        };
        let actor = actor(&session.person);
        let known = tenant.and_then(|tenant| core.tenants.get(&tenant));
        let permitted = match known
            .as_ref()
            .map(|known| permit(session.person.tenant.as_ref(), &known.id))
        {
            Some(Ok(permitted)) => permitted,
            denied => {
                let why = denied
                    .and_then(Result::err)
                    .map_or_else(|| "no such tenant".to_owned(), |denied| denied.to_string());
                let who = (actor, session_mark(&session));
                self.write_refusal(begin, who, session.person.tenant.as_ref(), came, &why)
                    .await?;
                return Err(sign_in(core, begin, known.map(|known| known.id).as_ref()));
            }
        };
        let tenant = permitted.tenant().clone();
        let busy = self.enter(begin, &tenant, &session.person);
        if let Some(known) = known.filter(|_| busy.rests) {
            return Ok(Let::Wait(known, busy));
        }
        let now = core.now();
        let person = forwarded(&session.person);
        let (mark, tag) = (reads::mark(&person, &tenant, &session), tag(&session));
        let word = Word {
            given: now,
            who: actor.clone(),
            session: hex::encode(tag),
        };
        let event = describe(begin, actor, Some(&tenant), word.session.clone(), now);
        self.words.remember(mark, word);
        if begin.unsafe_method {
            core.record(event.clone())
                .await
                .map_err(|_| Admit::Unavailable)?;
        }
        held(&self.open).insert(
            (link, begin.id),
            Open {
                event,
                record: begin.record.is_some(),
                unsafe_method: begin.unsafe_method,
                _busy: busy,
            },
        );
        Ok(Let::Through(Admit::Forward {
            upstream: core.layout.tenant_socket(tenant.as_str()),
            tenant: tenant.to_string(),
            session: tag,
            warrant: Some(mark),
            person,
        }))
    }

    async fn write_refusal(
        &self,
        begin: &Begin,
        (who, session): (Actor, String),
        tenant: Option<&TenantId>,
        came: Timestamp,
        why: &str,
    ) -> Result<(), Admit> {
        let tenant = tenant.filter(|tenant| self.core.tenants.get(tenant).is_some());
        let now = self.core.now();
        let action = if begin.record.is_some() {
            Action::RecordOpened
        } else {
            Action::Request
        };
        let object = format!("{} {}{}", begin.method, begin.host, shortened(&begin.path));
        let mut event = Event::new(came, who, action, object, Outcome::Refused)
            .of(tenant)
            .from(begin.client.to_string())
            .within(session)
            .ended(now, Outcome::Refused, why);
        event.correlation = correlation(came, begin.id);
        event.subjects.clone_from(&begin.subjects);
        event.status = Some(303);
        let marked = begin
            .mark
            .is_some_and(|mark| self.core.marks.spend(&mark, now));
        if !marked && self.core.is_untold(&event) {
            return Ok(());
        }
        self.core
            .record(event)
            .await
            .map(|_| ())
            .map_err(|_| Admit::Unavailable)
    }
}

impl Admission for Gate {
    async fn begin(&self, link: LinkId, begin: Begin) -> Admit {
        let mut waited: Option<Busy> = None;
        loop {
            let admitted = self.admit(link, &begin).await;
            drop(waited.take());
            match admitted {
                Ok(Let::Through(admit)) | Err(admit) => return admit,
                // Whoever asks may have signed out meanwhile, so they are asked about again.
                Ok(Let::Wait(tenant, busy)) => {
                    waited = Some(busy);
                    self.core.awake(&tenant).await;
                }
            }
        }
    }

    async fn reads(&self, reads: Vec<Read>) -> Vec<bool> {
        self.keep(reads).await
    }

    async fn end(&self, link: LinkId, end: End) -> Result<(), NotRecorded> {
        let open = held(&self.open).remove(&(link, end.id));
        // An end without its beginning was begun under an earlier core: its intent is in the ledger, its outcome is not known.
        let Some(Open {
            event,
            record,
            unsafe_method,
            _busy,
        }) = open
        else {
            return Err(NotRecorded);
        };
        let (id, status) = (end.id, end.status);
        let event = outcome(event, end, record, unsafe_method, self.core.now());
        let began = (status == SWITCHING_PROTOCOLS).then(|| event.clone());
        self.core.record(event).await.map_err(|_| NotRecorded)?;
        if let Some(began) = began {
            held(&self.tunnels).insert((link, id), began);
        }
        Ok(())
    }

    async fn closed(&self, link: LinkId, closed: Closed) {
        let (up, down) = closed.bytes;
        let reason = format!(
            "{up} bytes up, {down} bytes down, {}",
            if closed.cut {
                "cut by a sign-out or a stop"
            } else {
                "closed"
            }
        );
        // A tunnel that an earlier core let through is nobody's that we know.
        let began = held(&self.tunnels).remove(&(link, closed.id));
        let mut event = began.unwrap_or_else(|| {
            Event::new(
                self.core.now(),
                Actor::nobody(),
                Action::Request,
                closed.id.to_string(),
                Outcome::Done,
            )
        });
        event.at = self.core.now();
        event.action = Action::Request;
        event.object = format!("tunnel {}", event.object);
        event.reason = reason;
        event.micros = Some(closed.micros);
        let _ = self.core.record(event).await;
    }

    async fn refused(&self, refused: Refused) {
        let tenant = refused
            .host
            .as_deref()
            .and_then(|host| self.core.tenant_at(host));
        let (who, session) = self
            .core
            .unseated(refused.token_digest, tenant.as_ref())
            .await;
        let object = format!(
            "{} {}{}",
            refused.method.as_deref().unwrap_or("-"),
            refused.host.as_deref().unwrap_or("-"),
            refused.path.as_deref().unwrap_or("")
        );
        let mut event = Event::new(
            self.core.now(),
            who,
            Action::Request,
            object,
            Outcome::Refused,
        )
        .of(tenant.as_ref())
        .because(format!("{} ({})", refused.reason, refused.phase.name()))
        .from(refused.client.ip().to_string())
        .with(named::SOURCE_PORT, refused.client.port().to_string())
        .within(session);
        event.status = Some(refused.status);
        event.micros = refused.micros;
        event.correlation = correlation(event.at, refused.id);
        if refused.count > 1 {
            event = event.with(TIMES, refused.count.to_string());
        }
        if let Some(entry) = refused.entry {
            event = event.with("entry", entry);
        }
        if self.core.is_untold(&event) {
            return;
        }
        let _ = self.core.record(event).await;
    }

    async fn flowed(&self, flowed: Flowed) {
        self.core.keep_flow(flowed).await;
    }

    async fn report(&self, link: LinkId, report: Report) {
        match report {
            Report::Connected => tracing::info!("the front is connected"),
            Report::Stranger(user) => {
                let user = user.map_or_else(|| "unknown".to_owned(), |user| user.to_string());
                let why = format!("a process of user {user} wanted the front's keys and got none");
                let _ = self.core.say("front", Outcome::Refused, why).await;
            }
            Report::Lost => {
                // What was under way at the front's death has an intent in the ledger and no outcome.
                held(&self.open).retain(|(of, _), _| *of != link);
                held(&self.tunnels).retain(|(of, _), _| *of != link);
                let _ = self
                    .core
                    .say("front", Outcome::Failed, "the front has gone")
                    .await;
            }
            Report::Listening(address) => self
                .heard
                .send_modify(|heard| heard.listening.push(address)),
            Report::ListenFailed(address, reason) => self.heard.send_modify(|heard| {
                heard.failed = Some(format!("cannot listen on {address}: {reason}"))
            }),
            // What is new of its day is never lost, and what adds up at most for a minute.
            Report::Suites(counts) => {
                if self.core.suites.add(&counts, self.core.now()) {
                    self.core.keep_suites().await;
                }
            }
        }
    }
}

impl Core {
    /// Whose session this is or was, at whatever host, and its tag: for the record of a refusal in `tenant`'s trail, never
    /// for letting anybody in.
    ///
    /// Somebody of another organisation is not named there: only their id, which says nothing about them.
    async fn unseated(
        &self,
        digest: Option<[u8; 32]>,
        tenant: Option<&TenantId>,
    ) -> (Actor, String) {
        let nobody = || (Actor::nobody(), String::new());
        let Some(digest) = digest else {
            return nobody();
        };
        match self.access.was(&TokenDigest(digest), self.now()).await {
            Ok(Some(was)) => {
                let mut who = actor(&was.person);
                if was.person.tenant.as_ref() != tenant {
                    who.name = "somebody of another organisation".to_owned();
                }
                (who, session_mark(&was))
            }
            _ => nobody(),
        }
    }

    /// Whether a request that was refused is only counted, because nobody who signed in made it and there is no room for an
    /// event of its own.
    fn is_untold(&self, event: &Event) -> bool {
        let stranger = event.who.role == EventRole::Nobody;
        stranger && !self.strangers.write(Sort::Request, event, self.now())
    }

    /// The tenant whose host this is.
    pub fn tenant_at(&self, host: &str) -> Option<TenantId> {
        let label = host
            .strip_suffix(&self.statement.gateway.domain)?
            .strip_suffix('.')?;
        let tenant: TenantId = label.parse().ok()?;
        self.tenants.get(&tenant).map(|tenant| tenant.id)
    }
}

fn held<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Unknown tenants and strangers' sessions look alike: everybody is sent to sign in.
fn sign_in(core: &Core, begin: &Begin, tenant: Option<&TenantId>) -> Admit {
    let label = tenant.map_or_else(
        || begin.host.split('.').next().unwrap_or("").to_owned(),
        ToString::to_string,
    );
    let path = if begin.unsafe_method {
        "/"
    } else {
        &begin.path
    };
    let encoded: String = path.bytes().fold(String::new(), |mut out, byte| {
        if byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
        out
    });
    Admit::SignIn {
        location: format!("{}/?to={label}&path={encoded}", core.origin("signin")),
    }
}

/// A mark for one session: it groups events, and is no credential.
fn tag(session: &Session) -> [u8; 16] {
    tag_of(&Ended {
        person: session.person.id.clone(),
        host: session.host.clone(),
        created: session.created,
    })
}

/// A session's mark, as events have it.
pub fn session_mark(session: &Session) -> String {
    hex::encode(tag(session))
}

/// The same of a session that has ended.
pub fn tag_of(ended: &Ended) -> [u8; 16] {
    let mut hash = Sha256::new();
    hash.update(b"avouch-session-tag/v1\n");
    hash.update(ended.person.as_str());
    hash.update(ended.host.as_bytes());
    hash.update(ended.created.as_microsecond().to_be_bytes());
    let mut tag = [0; 16];
    for (to, from) in tag.iter_mut().zip(hash.finalize()) {
        *to = from;
    }
    tag
}

fn forwarded(person: &Person) -> link::Person {
    link::Person {
        id: person.id.as_str().to_owned(),
        email: person.email.clone(),
        name: person.name.clone(),
        role: if person.role == Role::Administrator {
            link::Role::Administrator
        } else {
            link::Role::Member
        },
        synthetic: person.synthetic,
    }
}

/// A person as the audit trail names them.
pub fn actor(person: &Person) -> Actor {
    let role = match person.role {
        _ if person.synthetic => EventRole::Synthetic,
        Role::Supplier => EventRole::Supplier,
        Role::Administrator => EventRole::Administrator,
        Role::Member => EventRole::Member,
    };
    Actor {
        id: person.id.as_str().to_owned(),
        name: person.email.clone(),
        role,
    }
}
