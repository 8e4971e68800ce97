//! Who may read an organisation's trail, and with whom its administrators share it.

use avouch_access::PersonId;
use avouch_console::sharing::{ShareAsk, ShareRow, Sharing, SharingView};
use avouch_console::{Actor, Answer, DeskError, Scope};
use avouch_events::{Action, Event, Outcome};
use avouch_statement::TenantId;
use jiff::Timestamp;

use super::asked::tenant_of;
use super::reading::after;
use super::{Reception, asker, failed, stopped, unable};
use crate::core::shares::{Share, key};

/// How the addresses end that checks share with; nobody can have one (RFC 2606).
pub const SYNTHETIC: &str = "@synthetic.invalid";

/// Whose trail somebody asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Reach {
    /// Everybody's.
    Everything,
    /// The platform's own.
    Platform,
    /// An organisation's.
    Of(TenantId),
    /// An organisation's, which has not shared it with them.
    NotShared(TenantId),
    /// Their own organisation's, by an account that the supplier made a way into; from then on it opens.
    NotYet(TenantId, Timestamp),
}

impl Reach {
    /// In whose trail the reading belongs.
    pub(super) fn tenant(&self) -> Option<&TenantId> {
        match self {
            Self::Everything | Self::Platform => None,
            Self::Of(tenant) | Self::NotShared(tenant) | Self::NotYet(tenant, _) => Some(tenant),
        }
    }

    /// What a search is bounded to: a tenant's events, the platform's, or nothing.
    pub(super) fn bound(&self) -> Option<Option<String>> {
        match self {
            Self::Everything => None,
            Self::Platform => Some(None),
            Self::Of(tenant) | Self::NotShared(tenant) | Self::NotYet(tenant, _) => {
                Some(Some(tenant.to_string()))
            }
        }
    }
}

impl Reception {
    /// Whose trail the actor asks for; `of` is the organisation that one of the supplier's people names. `None` for
    /// nobody's.
    pub(super) async fn reach(&self, actor: &Actor, of: &str) -> Result<Option<Reach>, DeskError> {
        let custody = self.core.statement.audit.custody.is_some();
        Ok(Some(match (actor.scope(), of) {
            (Scope::Nothing, _) => return Ok(None),
            (Scope::Tenant(own), _) => {
                let own = own.parse().map_err(|_| DeskError::Absent)?;
                match self.waits_until(actor).await? {
                    Some(until) => Reach::NotYet(own, until),
                    None => Reach::Of(own),
                }
            }
            (Scope::Everything, "") if custody => Reach::Platform,
            (Scope::Everything, "") => Reach::Everything,
            (Scope::Everything, of) => {
                let tenant: TenantId = of.parse().map_err(|_| DeskError::Absent)?;
                self.core.tenants.get(&tenant).ok_or(DeskError::Absent)?;
                let email = actor.person.email.as_str();
                let (store, now) = (&self.core.store, self.core.latest());
                let shares = self.core.shares.hold(store, (&tenant, email), now);
                let shared = shares.await.map_err(failed)?;
                match !custody || shared {
                    true => Reach::Of(tenant),
                    false => Reach::NotShared(tenant),
                }
            }
        }))
    }

    /// Until when the actor's account opens no trail, if it does not now.
    async fn waits_until(&self, actor: &Actor) -> Result<Option<Timestamp>, DeskError> {
        if self.core.statement.audit.custody.is_none() {
            return Ok(None);
        }
        let (id, now) = (PersonId::new(&actor.person.id), self.core.certain());
        let waits = self.core.access.waits_until(&id, now).await;
        waits.map_err(unable)
    }

    /// Lets an administrator go on with what tells of their organisation's trail, or decides who reads it.
    pub(super) async fn of_the_trail(
        &self,
        actor: &Actor,
        event: Event,
    ) -> Result<Event, DeskError> {
        let reach = self.reach(actor, "").await?;
        self.permitted(&reach.ok_or(DeskError::Absent)?, event)
            .await
    }

    /// Lets a reading go on, unless the trail is not shared with whoever asks; that they asked is in it.
    pub(super) async fn permitted(&self, reach: &Reach, event: Event) -> Result<Event, DeskError> {
        let (why, error) = match reach {
            Reach::NotShared(_) => (
                "the organisation does not share its trail with them",
                DeskError::NotShared,
            ),
            Reach::NotYet(_, until) => (
                "the supplier made a way into their account",
                DeskError::NotYet(*until),
            ),
            Reach::Everything | Reach::Platform | Reach::Of(_) => return Ok(event),
        };
        self.note_over(event, Outcome::Refused, why).await?;
        Err(error)
    }

    /// A tenant's pack, for those who may read its trail.
    pub(super) async fn pack_for(&self, actor: &Actor, tenant: &str) -> Result<Vec<u8>, DeskError> {
        let reach = self.reach(actor, tenant).await?.ok_or(DeskError::Absent)?;
        let tenant: TenantId = tenant.parse().map_err(|_| DeskError::Absent)?;
        if reach.tenant() != Some(&tenant) {
            return Err(DeskError::Absent);
        }
        let event = asker(actor)
            .event(Action::Export, format!("pack {tenant}"))
            .of(Some(&tenant));
        self.permitted(&reach, event).await?;
        let text = self
            .core
            .pack(&tenant, &asker(actor))
            .await
            .map_err(stopped)?;
        Ok(text.into_bytes())
    }

    async fn shares_of(&self, actor: &Actor) -> Result<SharingView, DeskError> {
        let tenant = tenant_of(actor).ok_or(DeskError::Absent)?;
        let shares = self
            .core
            .shares
            .of(&self.core.store, &tenant, self.core.latest());
        let rows = shares.await.map_err(failed)?.into_iter();
        // Nobody has a check's address, and it is there for seconds.
        let rows = rows.filter(|share| !share.email.ends_with(SYNTHETIC));
        let rows = rows.map(|share| ShareRow {
            tenant: tenant.to_string(),
            who: share.email,
            since: share.since,
            until: share.until,
        });
        Ok(SharingView {
            most: self
                .core
                .statement
                .audit
                .custody
                .map(|most| most.to_string()),
            rows: rows.collect(),
        })
    }

    async fn share_with(&self, actor: &Actor, asked: &ShareAsk) -> Result<(), DeskError> {
        let tenant = tenant_of(actor).ok_or(DeskError::Absent)?;
        let most = self.core.statement.audit.custody.ok_or(DeskError::Absent)?;
        let since = self.core.now();
        let until = after(Some(asked.last)).unwrap_or(since);
        let event = asker(actor)
            .event(Action::Administration, "share the trail")
            .of(Some(&tenant))
            .with("with", &asked.email)
            .with("until", until.to_string())
            .with("because", &asked.because);
        let event = self.of_the_trail(actor, event).await?;
        let unfit = match until.duration_since(since) {
            _ if self.core.steady.doubt(since).is_some() => {
                Some("The service’s clock is in doubt, so it cannot be said when this would end: try again later".to_owned())
            }
            _ if until <= since => Some("The last day is past".to_owned()),
            length if length > most.duration() => Some(format!(
                "A trail is shared for {most} at most: choose an earlier last day"
            )),
            _ => None,
        };
        if let Some(why) = unfit {
            self.note_over(event, Outcome::Refused, &why).await?;
            return Err(DeskError::Unfit(why));
        }
        self.note(event.clone()).await?;
        let share = Share {
            tenant,
            email: key(&asked.email),
            since,
            until,
        };
        let begun = self.core.shares.begin(&self.core.store, share).await;
        self.told(event, begun.map_err(failed)).await
    }

    async fn take_back(&self, actor: &Actor, email: &str) -> Result<(), DeskError> {
        let tenant = tenant_of(actor).ok_or(DeskError::Absent)?;
        let event = asker(actor)
            .event(Action::Administration, "share the trail no longer")
            .of(Some(&tenant))
            .with("with", email);
        self.note(event.clone()).await?;
        let ended = self
            .core
            .shares
            .end(&self.core.store, &tenant, Some(email))
            .await;
        self.told(event, ended.map_err(failed)).await
    }
}

impl Sharing for Reception {
    fn shares<'a>(&'a self, actor: &'a Actor) -> Answer<'a, SharingView> {
        Box::pin(self.shares_of(actor))
    }

    fn share<'a>(&'a self, actor: &'a Actor, asked: &'a ShareAsk) -> Answer<'a, ()> {
        Box::pin(self.share_with(actor, asked))
    }

    fn unshare<'a>(&'a self, actor: &'a Actor, email: &'a str) -> Answer<'a, ()> {
        Box::pin(self.take_back(actor, email))
    }
}
