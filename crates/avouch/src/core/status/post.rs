//! Letters to the supplier's team: of what is wrong, and that it is over. What the relay does not take waits for it.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use avouch_events::Outcome;
use avouch_evidence::BoxFuture;
use avouch_status::checks::Post;
use avouch_status::mail::{Letter, Mailer};
use avouch_status::{About, Incident, Notify, records};
use avouch_store::Store;
use jiff::{SignedDuration, Timestamp};

use crate::core::AUTHORITIES;
use crate::core::state::Core;
use crate::fail::{Fail, chain};

/// How often it is looked whether there is something to write, and how soon a relay is tried again.
const LOOK: Duration = Duration::from_secs(1);
const AGAIN: Duration = Duration::from_secs(10);
/// What was told longer ago is no news.
const NEWS: SignedDuration = SignedDuration::from_hours(24);

/// The letters that the relay has taken, by the incident, and whether they told of its end.
#[derive(Default)]
pub struct Sent(Mutex<BTreeSet<(u64, bool)>>);

impl Sent {
    /// Reads which were taken before.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub async fn open(store: &Store) -> Result<Self, Fail> {
        let sent = records::mailed(store)
            .await
            .map_err(|error| Fail::new("which letters were sent cannot be read").from(error))?;
        Ok(Self(Mutex::new(sent.into_iter().collect())))
    }

    fn set(&self) -> MutexGuard<'_, BTreeSet<(u64, bool)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The letters of this core.
pub struct Office(pub Arc<Core>, pub Notify);

/// Starts to write; ends with the core.
pub fn keep_posting(core: &Arc<Core>) {
    let notify = core
        .statement
        .status
        .as_ref()
        .and_then(|status| status.notify.clone());
    let Some(notify) = notify else {
        return;
    };
    let office = Office(core.clone(), notify);
    tokio::spawn(async move {
        let mut away = false;
        loop {
            let pause = match office.send_all().await {
                Ok(sent) => {
                    if away && sent > 0 {
                        away = false;
                        office
                            .say(Outcome::Done, "the mail relay takes letters again")
                            .await;
                    }
                    LOOK
                }
                Err(why) => {
                    if !std::mem::replace(&mut away, true) {
                        let text =
                            format!("{why}; it is tried again, and what is to be told waits");
                        office.say(Outcome::Failed, &text).await;
                    }
                    AGAIN
                }
            };
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = office.0.shutdown.cancelled() => return,
            }
        }
    });
}

impl Office {
    /// What the relay has not taken yet, oldest first.
    fn waiting(&self) -> Vec<Incident> {
        let (sent, now) = (self.0.status.sent.set(), self.0.now());
        let mut waiting = self.0.status.all();
        waiting.retain(|incident| {
            let told = incident.ended.unwrap_or(incident.told);
            now.duration_since(told) < NEWS
                && !sent.contains(&(incident.number, incident.ended.is_some()))
        });
        waiting.sort_by_key(|incident| incident.number);
        waiting
    }

    /// Hands over all that waits; how many letters that were.
    async fn send_all(&self) -> Result<usize, String> {
        let waiting = self.waiting();
        if waiting.is_empty() {
            return Ok(0);
        }
        let mailer = self.mailer()?;
        for incident in &waiting {
            let (subject, text) = self.words(incident);
            let over = incident.ended.is_some();
            let stage = if over { "over" } else { "began" };
            let letter = Letter {
                id: format!(
                    "incident-{}-{stage}@{}",
                    incident.number, self.0.statement.gateway.domain
                ),
                at: incident.ended.unwrap_or(incident.told),
                subject: &subject,
                text: &text,
            };
            mailer.send(&letter).await.map_err(|error| chain(&error))?;
            self.0.status.sent.set().insert((incident.number, over));
            if let Err(error) = records::mail(&self.0.store, incident.number, over).await {
                tracing::warn!(
                    error = chain(&error),
                    "a letter was sent, and is sent again after a restart"
                );
            }
        }
        Ok(waiting.len())
    }

    fn words(&self, incident: &Incident) -> (String, String) {
        let service = &self.0.statement.service.name;
        let whom = match &incident.about {
            About::Everybody => "everybody".to_owned(),
            about => about.tenant().map(ToString::to_string).unwrap_or_default(),
        };
        let since = incident.began;
        let (state, times) = match incident.ended {
            None => ("Wrong", format!("Since {since}")),
            Some(ended) => ("Over", format!("From {since} to {ended}")),
        };
        let subject = format!("{state} at {service}: {}", incident.title);
        let number = incident.number;
        let text = format!(
            "{}\n\nFor {whom}. {times}.\n\nIts users read of it on the status page. To tell them more:\n{}/status/{number}\n",
            incident.title,
            self.0.origin("console"),
        );
        (subject, text)
    }

    fn mailer(&self) -> Result<Mailer, String> {
        let Self(core, notify) = self;
        let beside = core.layout.core().join("statement");
        let authority = notify.authority.as_ref().map(|file| beside.join(file));
        let authority = authority.as_deref().unwrap_or(Path::new(AUTHORITIES));
        let authorities = std::fs::read(authority)
            .map_err(|error| format!("the authority of the mail relay cannot be read: {error}"))?;
        let password = notify
            .secret
            .as_ref()
            .map(|file| std::fs::read_to_string(core.layout.keys().join(file)))
            .transpose()
            .map_err(|error| format!("the password for the mail relay cannot be read: {error}"))?;
        let password = password.as_deref().map(str::trim_end);
        let hello = &core.statement.gateway.domain;
        Mailer::new(notify, &authorities, password, hello).map_err(|error| chain(&error))
    }

    async fn say(&self, outcome: Outcome, text: &str) {
        // Logged where it fails; the check of the relay sees it, too.
        let _ = self.0.say("status letters", outcome, text).await;
    }
}

impl Post for Office {
    fn greeted(&self) -> BoxFuture<'_, Result<(), String>> {
        Box::pin(async move {
            match self.mailer()?.greet().await {
                Ok(true) => Ok(()),
                Ok(false) => Err("it does not answer a greeting".to_owned()),
                Err(error) => Err(chain(&error)),
            }
        })
    }

    fn waiting(&self) -> Option<Timestamp> {
        let waiting = Self::waiting(self);
        let told = |incident: &Incident| incident.ended.unwrap_or(incident.told);
        waiting.iter().map(told).min()
    }
}
