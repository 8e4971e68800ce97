//! How the service is, for anybody signed in, and the faults that people report.

use avouch_console::status::NewAnswer;
use avouch_console::views::{AnswerRow, Counts, FaultRow, Filed, SupportView};
use avouch_console::{Actor, DeskError, Role};
use avouch_events::Action;
use avouch_evidence::Verdict;
use avouch_statement::TenantId;

use super::{Reception, asker, stopped};
use crate::core::faults::New;

impl Reception {
    pub(super) async fn support_for(&self, actor: &Actor) -> Result<SupportView, DeskError> {
        let mut counts = Counts::default();
        for standing in self.core.standings() {
            match standing.verdict {
                Verdict::Held => counts.held += 1,
                Verdict::Broken => counts.broken += 1,
                Verdict::Unproven => counts.unproven += 1,
            }
        }
        let tenant = own(actor)?;
        let answers = match &tenant {
            Some(tenant) => Some(self.core.answers(tenant).await),
            None => None,
        };
        let latest = self.core.rounds.latest();
        let faults = self.core.faults(tenant.as_ref()).await.map_err(stopped)?;
        let faults = faults.into_iter().map(|fault| FaultRow {
            number: fault.number,
            at: fault.at,
            person: fault.person,
            who: fault.name,
            tenant: fault.tenant.map(|tenant| tenant.to_string()),
            words: fault.words,
            answer: fault.answer.map(|answer| AnswerRow {
                at: answer.at,
                words: answer.words,
                closed: answer.closed,
            }),
        });
        Ok(SupportView {
            counts,
            last_round: latest.iter().map(|(finding, _)| finding.at).max(),
            answers,
            faults: faults
                .filter(|fault| {
                    actor.person.role != Role::Member || fault.person == actor.person.id
                })
                .collect(),
        })
    }

    pub(super) async fn file_fault(&self, actor: &Actor, words: &str) -> Result<Filed, DeskError> {
        let tenant = own(actor)?;
        let now = self.core.now();
        let person = actor.person.id.as_str();
        if self
            .core
            .faults_lately(person, now)
            .await
            .map_err(stopped)?
        {
            return Ok(Filed::TooMany);
        }
        // The words stay out of the trail: they may say more than an entry may hold.
        let event = asker(actor)
            .event(Action::Administration, "fault report")
            .of(tenant.as_ref());
        self.note(event.clone()).await?;
        let new = New {
            at: now,
            tenant: tenant.as_ref(),
            person,
            name: &actor.person.email,
            words,
        };
        let number = self.core.keep_fault(&new).await.map_err(stopped);
        self.told(event, number).await.map(Filed::As)
    }
}

impl Reception {
    /// Answers a fault. That it was is in the trail of whose it is; the words are not.
    pub(super) async fn answered(
        &self,
        actor: &Actor,
        number: u64,
        answer: &NewAnswer,
    ) -> Result<(), DeskError> {
        let faults = self.core.faults(None).await.map_err(stopped)?;
        let fault = faults.into_iter().find(|fault| fault.number == number);
        let tenant = fault.ok_or(DeskError::Absent)?.tenant;
        let state = if answer.closed { "closed" } else { "open" };
        let event = asker(actor)
            .event(Action::Administration, format!("fault answer {number}"))
            .of(tenant.as_ref())
            .with("state", state);
        self.note(event.clone()).await?;
        let whose = (number, tenant.as_ref());
        let (text, closed, now) = (&answer.text, answer.closed, self.core.now());
        let kept = self.core.answer_fault(whose, text, closed, now).await;
        self.told(event, kept.map_err(stopped)).await
    }
}

/// The actor's organisation; `None` for the supplier's people.
fn own(actor: &Actor) -> Result<Option<TenantId>, DeskError> {
    match (actor.person.role, &actor.person.tenant) {
        (Role::Supplier, _) => Ok(None),
        (_, Some(tenant)) => tenant.parse().map(Some).map_err(|_| DeskError::Absent),
        (_, None) => Err(DeskError::Absent),
    }
}
