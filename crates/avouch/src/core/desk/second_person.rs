//! A second person for the console: asked for, approved, used; each in the trail of whose data it is about.

use avouch_access::{Request, Second, Session};
use avouch_console::second_factor::Permit;
use avouch_console::second_person::{RequestRow, SecondPerson};
use avouch_console::{Actor, Answer, DeskError};
use avouch_events::{Action, Event, Outcome};
use avouch_statement::TenantId;

use super::{Reception, asker, unable};

impl Reception {
    /// Lets the actor go on once somebody else has approved it; asks for one otherwise.
    pub(super) async fn with_second(
        &self,
        actor: &Actor,
        session: &Session,
        act: &str,
        tenant: Option<&TenantId>,
    ) -> Result<Permit, DeskError> {
        let now = self.core.now();
        let second = self.core.access.second(session, act, tenant, now).await;
        let (permit, what, request) = match second.map_err(unable)? {
            Second::Waiting(_) => return Ok(Permit::SecondPerson),
            Second::Asked(request) => (Permit::SecondPerson, "ask for a second person", request),
            Second::Approved(request) => (Permit::Granted, "use an approval", request),
        };
        let event = of_request(actor, what, &request);
        self.note_over(event, Outcome::Done, "").await?;
        Ok(permit)
    }

    async fn waiting(&self, actor: &Actor) -> Result<Vec<RequestRow>, DeskError> {
        let (session, _) = self.own(actor).await?;
        let access = &self.core.access;
        let waiting = access.waiting(&session, self.core.now()).await;
        let waiting = waiting.map_err(unable)?;
        let people = access.list(&access.operator()).await.map_err(unable)?;
        let email = |request: &Request| {
            let found = people.iter().find(|person| person.id == request.by);
            found.map_or_else(String::new, |person| person.email.clone())
        };
        Ok(waiting
            .into_iter()
            .map(|request| RequestRow {
                by: email(&request),
                own: request.by == session.person.id,
                id: request.id,
                act: request.act,
                tenant: request.tenant.as_ref().map(ToString::to_string),
                until: request.expires,
                approved: request.approved.is_some(),
            })
            .collect())
    }

    async fn approved(&self, actor: &Actor, id: &str) -> Result<(), DeskError> {
        let (session, _) = self.own(actor).await?;
        let (access, now) = (&self.core.access, self.core.now());
        let waiting = access.waiting(&session, now).await.map_err(unable)?;
        let request = waiting.into_iter().find(|request| request.id == id);
        let request = request.ok_or(DeskError::Absent)?;
        self.note(of_request(actor, "approve", &request)).await?;
        let request = access.approve(&session, id, now).await.map_err(unable)?;
        let event = of_request(actor, "approve", &request);
        self.note_over(event, Outcome::Done, "").await
    }
}

fn of_request(actor: &Actor, what: &str, request: &Request) -> Event {
    let event = asker(actor)
        .event(Action::Administration, format!("{what}: {}", request.act))
        .of(request.tenant.as_ref())
        .with("request", &request.id)
        .with("asked-by", request.by.as_str());
    match &request.approved {
        Some(person) => event.with("approved-by", person.as_str()),
        None => event,
    }
}

impl SecondPerson for Reception {
    fn requests<'a>(&'a self, actor: &'a Actor) -> Answer<'a, Vec<RequestRow>> {
        Box::pin(self.waiting(actor))
    }

    fn approve<'a>(&'a self, actor: &'a Actor, id: &'a str) -> Answer<'a, ()> {
        Box::pin(self.approved(actor, id))
    }
}
