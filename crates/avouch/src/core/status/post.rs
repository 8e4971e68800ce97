//! Letters to the supplier's team: of what is wrong, and that it is over. What the relay does not take waits for it.

use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use avouch_events::Outcome;
use avouch_evidence::BoxFuture;
use avouch_status::checks::Post as Relayed;
use avouch_status::mail::{Letter, Mailer};
use avouch_status::{About, Incident, LetterId, Letters, Notify, Stands, Wanted, records};
use jiff::{SignedDuration, Timestamp};

use crate::core::AUTHORITIES;
use crate::core::state::Core;
use crate::fail::chain;

/// How often it is looked whether there is something to write, and how soon a relay that is away is tried again.
const LOOK: Duration = Duration::from_secs(1);
const AGAIN: Duration = Duration::from_secs(10);
/// How soon a letter that the relay refused is offered again: somebody may have to mend something first.
const REFUSED: SignedDuration = SignedDuration::from_secs(30);

/// The letters of this core, for whom the statement says; `None` while it says nobody.
#[derive(Default)]
pub struct Post(Mutex<Option<Letters>>);

impl Post {
    fn lock(&self) -> MutexGuard<'_, Option<Letters>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What the letters say, while some are written.
    fn ask<T: Default>(&self, ask: impl FnOnce(&Letters) -> T) -> T {
        self.lock().as_ref().map(ask).unwrap_or_default()
    }

    fn change<T: Default>(&self, change: impl FnOnce(&mut Letters) -> T) -> T {
        self.lock().as_mut().map(change).unwrap_or_default()
    }

    /// How it stands with the letters of one incident: whether each is of its end, and whether it was taken.
    pub fn of(&self, incident: &Incident) -> Vec<(bool, Stands)> {
        self.ask(|letters| {
            let of = letters.of(incident).into_iter();
            of.map(|(wanted, stands)| (wanted.id.over, stands))
                .collect()
        })
    }

    /// The incidents are kept no longer.
    pub fn forget(&self, gone: &[u64]) {
        self.change(|letters| letters.forget(gone));
    }
}

/// Writes the letters of a core.
pub struct Office(pub Arc<Core>, pub Notify);

/// Starts to write, if the statement says to whom; ends with the core.
pub async fn keep_posting(core: &Arc<Core>) {
    let notify = core
        .statement
        .status
        .as_ref()
        .and_then(|status| status.notify.clone());
    let Some(notify) = notify else {
        if let Err(error) = records::no_letters(&core.store).await {
            tracing::warn!(
                error = chain(&error),
                "that no letters are written is not kept"
            );
        }
        return;
    };
    let office = Office(core.clone(), notify);
    tokio::spawn(async move {
        let mut away = false;
        loop {
            let pause = match office.round().await {
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
    /// Gives up what is no news any more, and hands over what is due; how many letters were taken.
    async fn round(&self) -> Result<usize, String> {
        let (core, now) = (&self.0, self.0.now());
        let post = &core.status.post;
        if post.lock().is_none() {
            let letters = records::letters(&core.store, now).await;
            *post.lock() = Some(letters.map_err(|error| chain(&error))?);
        }
        let incidents = core.status.all();
        for late in post.ask(|letters| letters.late(&incidents, now)) {
            let text = format!(
                "the letter of the {} was not taken for a day, and is given up",
                words(late.id)
            );
            self.say(Outcome::Failed, &text).await;
            post.change(|letters| letters.give_up(late.id, now));
            self.keep(late.id, Some(now)).await;
        }
        let due = post.ask(|letters| letters.due(&incidents, now));
        if due.is_empty() {
            return Ok(0);
        }
        let mailer = self.mailer()?;
        let mut taken = 0;
        for wanted in due {
            let (subject, text) = self.words(wanted);
            let stage = if wanted.id.over { "over" } else { "began" };
            let letter = Letter {
                id: format!(
                    "incident-{}-{stage}@{}",
                    wanted.id.number, core.statement.gateway.domain
                ),
                at: wanted.told,
                subject: &subject,
                text: &text,
            };
            let Err(error) = mailer.send(&letter).await else {
                post.change(|letters| letters.take(wanted.id));
                self.keep(wanted.id, None).await;
                taken += 1;
                continue;
            };
            // What is refused keeps nothing else waiting; while there is nobody to take it, all waits.
            if !error.is_of_this_letter() {
                return Err(chain(&error));
            }
            let again = core.now() + REFUSED;
            if post.change(|letters| letters.refuse(wanted.id, again)) {
                let text = format!("the letter of the {}: {}", words(wanted.id), chain(&error));
                self.say(Outcome::Refused, &text).await;
            }
        }
        Ok(taken)
    }

    async fn keep(&self, id: LetterId, given_up: Option<Timestamp>) {
        if let Err(error) = records::mail(&self.0.store, id, given_up).await {
            tracing::warn!(
                error = chain(&error),
                "a letter was sent or given up, and is again after a restart"
            );
        }
    }

    fn words(&self, wanted: Wanted<'_>) -> (String, String) {
        let incident = wanted.incident;
        let service = &self.0.statement.service.name;
        let whom = match &incident.about {
            About::Everybody => "everybody".to_owned(),
            about => about.tenant().map(ToString::to_string).unwrap_or_default(),
        };
        let since = incident.began;
        let (state, times) = match incident.ended.filter(|_| wanted.id.over) {
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

impl Relayed for Office {
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
        let (status, incidents) = (&self.0.status, self.0.status.all());
        let told = |letters: &Letters| {
            let waiting = letters.waiting(&incidents);
            waiting.first().map(|wanted| wanted.told)
        };
        status.post.ask(told)
    }

    fn given_up(&self) -> Option<Timestamp> {
        self.0.status.post.ask(Letters::last_given_up)
    }
}

fn words(id: LetterId) -> String {
    let what = if id.over { "end" } else { "beginning" };
    format!("{what} of incident {}", id.number)
}
