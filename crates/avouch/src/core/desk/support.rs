//! How the service is, for anybody signed in, and the faults that people report.

use avouch_console::status::NewAnswer;
use avouch_console::views::{AnswerRow, Counts, FaultRow, FaultsAsk, Filed, SupportView};
use avouch_console::{Actor, DeskError, Role};
use avouch_events::{Action, Outcome};
use avouch_evidence::Verdict;
use avouch_statement::TenantId;
use jiff::Timestamp;

use super::{Reception, asker, stopped, unable};
use crate::core::faults::{Fault, New, Whose};

impl Reception {
    pub(super) async fn support_for(
        &self,
        actor: &Actor,
        asked: &FaultsAsk,
    ) -> Result<SupportView, DeskError> {
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
        let chosen: Option<TenantId> = match (&tenant, asked.of.as_str()) {
            (Some(own), _) => Some(own.clone()),
            (None, "") => None,
            (None, of) => Some(of.parse().map_err(|_| DeskError::Absent)?),
        };
        let whose = match (actor.person.role, &chosen) {
            (Role::Member, _) => Whose::Person(&actor.person.id),
            (_, Some(tenant)) => Whose::Tenant(tenant),
            (_, None) => Whose::Everybody,
        };
        let found = self.core.faults(whose, asked.page).await.map_err(stopped)?;
        Ok(SupportView {
            counts,
            last_round: latest.iter().map(|(finding, _)| finding.at).max(),
            answers,
            faults: found.faults.into_iter().map(row).collect(),
            more: found.more,
            entrusted: match &tenant {
                Some(tenant) => self.entrusted(tenant).await?,
                None => Vec::new(),
            },
        })
    }

    /// Into whose accounts the supplier made a way that their organisation should know of.
    async fn entrusted(&self, tenant: &TenantId) -> Result<Vec<(String, Timestamp)>, DeskError> {
        let (access, now) = (&self.core.access, self.core.certain());
        let people = access.list(&access.operator()).await.map_err(unable)?;
        let own = people
            .into_iter()
            .filter(|person| person.tenant.as_ref() == Some(tenant) && person.is_open());
        let waiting = own.filter_map(|person| Some((person.waits_until(now)?, person.email)));
        Ok(waiting.map(|(until, email)| (email, until)).collect())
    }

    pub(super) async fn one_fault(&self, number: u64) -> Result<Option<FaultRow>, DeskError> {
        let fault = self.core.fault(number).await.map_err(stopped)?;
        Ok(fault.map(row))
    }

    pub(super) async fn file_fault(&self, actor: &Actor, words: &str) -> Result<Filed, DeskError> {
        let tenant = own(actor)?;
        // The words stay out of the trail: they may say more than an entry may hold.
        let event = asker(actor)
            .event(Action::Administration, "fault report")
            .of(tenant.as_ref());
        self.note(event.clone()).await?;
        let new = New {
            at: self.core.now(),
            tenant: tenant.as_ref(),
            person: &actor.person.id,
            name: &actor.person.email,
            words,
        };
        let kept = match self.core.keep_fault(&new).await.map_err(stopped) {
            Ok(None) => {
                let why = "as many were reported today as one person may";
                self.note_over(event, Outcome::Refused, why).await?;
                return Ok(Filed::TooMany);
            }
            Ok(Some(number)) => Ok(number),
            Err(error) => Err(error),
        };
        self.told(event, kept).await.map(Filed::As)
    }
}

fn row(fault: Fault) -> FaultRow {
    FaultRow {
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
        let fault = self.core.fault(number).await.map_err(stopped)?;
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
