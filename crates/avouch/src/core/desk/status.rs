//! How the service is, as the supplier's people read and say it. Each step is in the trail, without its words.

use avouch_console::status::{
    IncidentView, LetterRow, LetterStands, NewAnswer, NewIncident, NewUpdate, StatusDesk,
};
use avouch_console::{Actor, Answer, DeskError};
use avouch_events::Action;
use avouch_statement::TenantId;
use avouch_status::{About, Incident, Stands, Then};

use super::{Reception, asker};
use crate::core::status::timed;

impl Reception {
    async fn tell_of(&self, actor: &Actor, new: &NewIncident) -> Result<u64, DeskError> {
        let tenant: Option<TenantId> = match &new.tenant {
            None => None,
            Some(tenant) => {
                let tenant: TenantId = tenant.parse().map_err(|_| DeskError::Absent)?;
                let known = self.core.tenants.get(&tenant);
                Some(known.ok_or(DeskError::Absent)?.id)
            }
        };
        let (now, number) = (self.core.now(), self.core.status.number());
        let mut incident = Incident {
            number,
            about: tenant.clone().map_or(About::Everybody, About::Tenant),
            seen: false,
            title: new.title.clone(),
            began: now,
            told: now,
            ended: None,
            updates: Vec::new(),
        };
        if !new.text.is_empty() {
            let (at, text) = (now, new.text.clone());
            incident.updates.push(avouch_status::Update { at, text });
        }
        let event = asker(actor)
            .event(Action::Administration, format!("incident {number} began"))
            .of(tenant.as_ref());
        let event = timed(event, &incident);
        self.note(event.clone()).await?;
        self.core.status.begin(incident);
        self.core.tell_front();
        self.core.keep_incidents().await;
        self.told(event, Ok(number)).await
    }

    async fn say_of(
        &self,
        actor: &Actor,
        number: u64,
        update: &NewUpdate,
    ) -> Result<(), DeskError> {
        let incidents = self.core.status.all();
        let incident = incidents
            .into_iter()
            .find(|incident| incident.number == number && incident.ended.is_none());
        let mut incident = incident.ok_or(DeskError::Absent)?;
        let now = self.core.now();
        let (what, then) = match update.over {
            true => ("ended", Then::Over),
            false => ("updated", Then::Lasts),
        };
        if update.over {
            incident.ended = Some(now.max(incident.began));
        }
        let event = asker(actor)
            .event(Action::Administration, format!("incident {number} {what}"))
            .of(incident.about.tenant());
        let event = timed(event, &incident);
        self.note(event.clone()).await?;
        let said = self.core.status.say(number, &update.text, now, then);
        self.core.tell_front();
        self.core.keep_incidents().await;
        self.told(event, said.map(|_| ()).ok_or(DeskError::Absent))
            .await
    }
}

impl Reception {
    fn letters(&self, incident: &Incident) -> Vec<LetterRow> {
        let letters = self.core.status.post.of(incident).into_iter();
        let row = |(of_end, stands)| LetterRow {
            of_end,
            stands: match stands {
                Stands::Taken => LetterStands::Taken,
                Stands::Waits => LetterStands::Waits,
                Stands::GivenUp(at) => LetterStands::GivenUp(at),
            },
        };
        letters.map(row).collect()
    }
}

impl StatusDesk for Reception {
    fn incidents<'a>(&'a self, _: &'a Actor) -> Answer<'a, Vec<IncidentView>> {
        Box::pin(async move {
            let incidents = self.core.status.all().into_iter();
            Ok(incidents
                .map(|incident| IncidentView {
                    number: incident.number,
                    tenant: incident.about.tenant().map(ToString::to_string),
                    letters: self.letters(&incident),
                    seen: incident.seen,
                    title: incident.title,
                    began: incident.began,
                    ended: incident.ended,
                    updates: incident
                        .updates
                        .into_iter()
                        .map(|update| (update.at, update.text))
                        .collect(),
                })
                .collect())
        })
    }

    fn tell<'a>(&'a self, actor: &'a Actor, new: &'a NewIncident) -> Answer<'a, u64> {
        Box::pin(self.tell_of(actor, new))
    }

    fn update<'a>(
        &'a self,
        actor: &'a Actor,
        number: u64,
        update: &'a NewUpdate,
    ) -> Answer<'a, ()> {
        Box::pin(self.say_of(actor, number, update))
    }

    fn answer_fault<'a>(
        &'a self,
        actor: &'a Actor,
        number: u64,
        answer: &'a NewAnswer,
    ) -> Answer<'a, ()> {
        Box::pin(self.answered(actor, number, answer))
    }
}
