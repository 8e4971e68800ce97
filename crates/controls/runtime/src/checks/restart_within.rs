//! Judges `runtime.restart-within`: an application killed by force answers again in time.

use std::path::PathBuf;
use std::time::Duration;

use avouch_evidence::{BoxFuture, Check, ClaimId, Ctx, Seen, Verdict};
use nix::sys::signal::Signal;
use tokio::sync::Mutex;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;
use tokio::time::{Instant, timeout_at};

use crate::client::{ClientError, SupervisorClient};
use crate::grant::Grant;
use crate::health;
use crate::protocol::{FromSupervisor, InstanceSpec, Status};
use crate::settings::RESTART_WITHIN;

/// How long the canary may take to answer before it is killed, and to be gone after. Not part
/// of what is promised.
const PATIENCE: Duration = Duration::from_secs(30);
const SIGKILL: i32 = Signal::SIGKILL as i32;

/// One more instance of the application, started and kept running as those of tenants are.
pub struct Canary {
    /// Starts, kills and stops it.
    pub supervisor: SupervisorClient,
    /// What to start: with a user id of its own, and ending with the core.
    pub instance: InstanceSpec,
    /// Its folder, directly beneath the scratch folder. Removed before and after.
    pub folder: PathBuf,
    /// What is made in it before the start.
    pub grants: Vec<Grant>,
}

/// Kills a [`Canary`] and measures how soon it answers again.
pub struct RestartWithin {
    claim: ClaimId,
    within: Duration,
    /// One attempt at a time: there is one canary.
    canary: Mutex<Canary>,
}

/// What was observed.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Observed {
    /// Nothing could be tried, or it was not seen to die.
    NotTried(String),
    /// It answered again so long after it was killed.
    Back(Duration),
    /// It did not answer again in the promised time.
    NotBack(String),
}

impl RestartWithin {
    /// Judges the promise that a killed application answers `within` this.
    #[must_use]
    pub fn new(within: Duration, canary: Canary) -> Self {
        Self {
            claim: ClaimId::new(RESTART_WITHIN),
            within,
            canary: Mutex::new(canary),
        }
    }

    /// Tries once. Needs nothing that a round of checks provides.
    pub async fn attempt(&self) -> Seen {
        let canary = self.canary.lock().await;
        let observed = canary.observe(self.within).await;
        let (verdict, sentence) = judge(self.within, &observed);
        Seen::new(&self.claim, verdict, sentence)
    }
}

impl Check for RestartWithin {
    fn name(&self) -> &str {
        "killed-canary"
    }

    fn claims(&self) -> Vec<ClaimId> {
        vec![self.claim.clone()]
    }

    fn run<'a>(&'a self, _: &'a Ctx) -> BoxFuture<'a, Vec<Seen>> {
        Box::pin(async move { vec![self.attempt().await] })
    }
}

/// Compares the measured time with the promised one; an equal time holds it.
fn judge(within: Duration, observed: &Observed) -> (Verdict, String) {
    let promised = within.as_millis();
    match observed {
        Observed::NotTried(why) => (Verdict::Unproven, format!("Could not be tried: {why}.")),
        Observed::Back(after) => {
            let verdict = if *after <= within {
                Verdict::Held
            } else {
                Verdict::Broken
            };
            let after = after.as_millis();
            let sentence = format!(
                "A canary of the application was killed by force and answered again after {after} ms, of {promised} ms promised."
            );
            (verdict, sentence)
        }
        Observed::NotBack(why) => (
            Verdict::Broken,
            format!(
                "A canary of the application was killed by force and did not answer again within the promised {promised} ms: {why}."
            ),
        ),
    }
}

impl Canary {
    /// Whatever comes of it, the canary is stopped and its folder removed.
    async fn observe(&self, within: Duration) -> Observed {
        let observed = match self.supervisor.subscribe() {
            Ok(mut events) => {
                let observed = self.attempt(&mut events, within).await;
                if let Err(error) = self.clear().await {
                    tracing::warn!(%error, "the canary's folder is left");
                }
                observed
            }
            Err(error) => Err(error.to_string()),
        };
        observed.unwrap_or_else(Observed::NotTried)
    }

    async fn attempt(
        &self,
        events: &mut Receiver<FromSupervisor>,
        within: Duration,
    ) -> Result<Observed, String> {
        let plainly = |error: ClientError| error.to_string();
        self.supervisor
            .remove(self.folder.clone())
            .await
            .map_err(plainly)?;
        for grant in &self.grants {
            self.supervisor
                .grant(grant.clone())
                .await
                .map_err(plainly)?;
        }
        self.supervisor
            .start(self.instance.clone())
            .await
            .map_err(plainly)?;
        let ready = Instant::now() + PATIENCE;
        self.started(events, ready).await?;
        self.answers(ready)
            .await
            .map_err(|why| format!("before it was killed, {why}"))?;

        let killed = Instant::now();
        self.supervisor
            .kill(&self.instance.name)
            .await
            .map_err(plainly)?;
        self.died(events, killed + PATIENCE).await?;
        let due = killed + within;
        if let Err(why) = self.started(events, due).await {
            return Ok(Observed::NotBack(why));
        }
        Ok(match self.answers(due).await {
            Ok(()) => Observed::Back(killed.elapsed()),
            Err(why) => Observed::NotBack(why),
        })
    }

    async fn answers(&self, until: Instant) -> Result<(), String> {
        health::wait(&self.instance.socket, &self.instance.health, until)
            .await
            .map(drop)
            .map_err(|error| {
                // Without the path, which is nobody's but the supplier's.
                std::error::Error::source(&error).map_or_else(
                    || "its health path cannot be asked for".to_owned(),
                    |cause| format!("it did not answer ({cause})"),
                )
            })
    }

    async fn started(
        &self,
        events: &mut Receiver<FromSupervisor>,
        until: Instant,
    ) -> Result<(), String> {
        loop {
            match next(events, until).await? {
                FromSupervisor::Started { name, .. } if name == self.instance.name => {
                    return Ok(());
                }
                FromSupervisor::Refused { name, .. } if name == self.instance.name => {
                    return Err("its start was refused".to_owned());
                }
                _ => {}
            }
        }
    }

    /// Waits for its death by our signal, so that no start before it is taken for the one after.
    async fn died(
        &self,
        events: &mut Receiver<FromSupervisor>,
        until: Instant,
    ) -> Result<(), String> {
        loop {
            match next(events, until).await {
                Ok(FromSupervisor::Exited {
                    name,
                    status: Status::Signal(SIGKILL),
                    ..
                }) if name == self.instance.name => {
                    return Ok(());
                }
                Ok(_) => {}
                Err(_) => return Err("it was not seen to die".to_owned()),
            }
        }
    }

    async fn clear(&self) -> Result<(), ClientError> {
        self.supervisor.stop(&self.instance.name).await?;
        self.supervisor.remove(self.folder.clone()).await
    }
}

/// The next event; those that were missed are not waited for.
async fn next(
    events: &mut Receiver<FromSupervisor>,
    until: Instant,
) -> Result<FromSupervisor, String> {
    loop {
        match timeout_at(until, events.recv()).await {
            Ok(Ok(event)) => return Ok(event),
            Ok(Err(RecvError::Lagged(_))) => {}
            Ok(Err(RecvError::Closed)) => return Err("the supervisor is gone".to_owned()),
            Err(_) => return Err("it was not started in time".to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEN: Duration = Duration::from_secs(10);

    #[test]
    fn a_time_equal_to_the_promised_one_is_held_and_a_longer_one_is_broken() {
        let (verdict, sentence) = judge(TEN, &Observed::Back(Duration::from_millis(42)));
        assert_eq!(verdict, Verdict::Held);
        assert!(
            sentence.contains("after 42 ms, of 10000 ms promised"),
            "{sentence}"
        );
        assert_eq!(judge(TEN, &Observed::Back(TEN)).0, Verdict::Held);
        let late = TEN + Duration::from_nanos(1);
        assert_eq!(judge(TEN, &Observed::Back(late)).0, Verdict::Broken);
    }

    #[test]
    fn one_that_is_not_back_is_broken_and_one_not_tried_is_unproven() {
        let why = || "it did not answer".to_owned();
        assert_eq!(judge(TEN, &Observed::NotBack(why())).0, Verdict::Broken);
        assert_eq!(judge(TEN, &Observed::NotTried(why())).0, Verdict::Unproven);
    }
}
