//! Who may read an organisation's trail, and with whom its administrators share it.

use avouch_access::Role;
use avouch_console::sharing::{ShareAsk, ShareRow, Sharing, SharingView};
use avouch_console::{Actor, Answer, DeskError, Scope};
use avouch_events::{Action, Event, Outcome};
use avouch_statement::TenantId;

use super::asked::tenant_of;
use super::reading::after;
use super::{Reception, asker, failed, stopped, unable};
use crate::core::shares::Share;

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
}

impl Reach {
    /// In whose trail the reading belongs.
    pub(super) fn tenant(&self) -> Option<&TenantId> {
        match self {
            Self::Everything | Self::Platform => None,
            Self::Of(tenant) | Self::NotShared(tenant) => Some(tenant),
        }
    }

    /// What a search is bounded to: a tenant's events, the platform's, or nothing.
    pub(super) fn bound(&self) -> Option<Option<String>> {
        match self {
            Self::Everything => None,
            Self::Platform => Some(None),
            Self::Of(tenant) | Self::NotShared(tenant) => Some(Some(tenant.to_string())),
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
            (Scope::Tenant(own), _) => Reach::Of(own.parse().map_err(|_| DeskError::Absent)?),
            (Scope::Everything, "") if custody => Reach::Platform,
            (Scope::Everything, "") => Reach::Everything,
            (Scope::Everything, of) => {
                let tenant: TenantId = of.parse().map_err(|_| DeskError::Absent)?;
                self.core.tenants.get(&tenant).ok_or(DeskError::Absent)?;
                let person = actor.person.id.as_str();
                let (store, now) = (&self.core.store, self.core.now());
                let shares = self.core.shares.hold(store, (&tenant, person), now);
                let shared = shares.await.map_err(failed)?;
                match !custody || shared {
                    true => Reach::Of(tenant),
                    false => Reach::NotShared(tenant),
                }
            }
        }))
    }

    /// Lets a reading go on, unless the trail is not shared with whoever asks; that they asked is in it.
    pub(super) async fn permitted(&self, reach: &Reach, event: Event) -> Result<Event, DeskError> {
        match reach {
            Reach::NotShared(_) => {
                self.note_over(
                    event,
                    Outcome::Refused,
                    "the organisation does not share its trail with them",
                )
                .await?;
                Err(DeskError::NotShared)
            }
            _ => Ok(event),
        }
    }

    /// A tenant's pack, for those who may read its trail.
    pub(super) async fn pack_for(&self, actor: &Actor, tenant: &str) -> Result<Vec<u8>, DeskError> {
        let reach = self.reach(actor, tenant).await?;
        let tenant = tenant.parse().map_err(|_| DeskError::Absent)?;
        let event = asker(actor)
            .event(Action::Export, format!("pack {tenant}"))
            .of(Some(&tenant));
        self.permitted(&reach.ok_or(DeskError::Absent)?, event)
            .await?;
        let text = self
            .core
            .pack(&tenant, &asker(actor))
            .await
            .map_err(stopped)?;
        Ok(text.into_bytes())
    }

    async fn shares_of(&self, actor: &Actor) -> Result<SharingView, DeskError> {
        let tenant = tenant_of(actor).ok_or(DeskError::Absent)?;
        let access = &self.core.access;
        let people = access.list(&access.operator()).await.map_err(unable)?;
        let shares = self
            .core
            .shares
            .of(&self.core.store, &tenant, self.core.now());
        let shares = shares.await.map_err(failed)?.into_iter();
        let rows = shares.filter_map(|share| {
            // One who is not there, such as a check's, reads nothing.
            let person = people
                .iter()
                .find(|person| person.id.as_str() == share.person)?;
            Some(ShareRow {
                tenant: tenant.to_string(),
                person: share.person,
                who: person.email.clone(),
                since: share.since,
                until: share.until,
            })
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
        let access = &self.core.access;
        let people = access.list(&access.operator()).await.map_err(unable)?;
        let person = people.into_iter().find(|person| {
            person.role == Role::Supplier
                && person.disabled.is_none()
                && person.email.eq_ignore_ascii_case(&asked.email)
        });
        let since = self.core.now();
        let until = after(Some(asked.last)).unwrap_or(since);
        let event = asker(actor)
            .event(Action::Administration, "share the trail")
            .of(Some(&tenant))
            .with("with", &asked.email)
            .with("until", until.to_string())
            .with("because", &asked.because);
        let unfit = match &person {
            None => Some("Nobody of the supplier’s signs in with this address".to_owned()),
            Some(_) if until <= since => Some("The last day is past".to_owned()),
            Some(_) if until.duration_since(since) > most.duration() => Some(format!(
                "A trail is shared for {most} at most: choose an earlier last day"
            )),
            Some(_) => None,
        };
        let (None, Some(person)) = (&unfit, person) else {
            let why = unfit.unwrap_or_default();
            self.note_over(event, Outcome::Refused, &why).await?;
            return Err(DeskError::Unfit(why));
        };
        self.note(event.clone()).await?;
        let share = Share {
            tenant,
            person: person.id.as_str().to_owned(),
            since,
            until,
        };
        let begun = self.core.shares.begin(&self.core.store, share).await;
        self.told(event, begun.map_err(failed)).await
    }

    async fn take_back(&self, actor: &Actor, person: &str) -> Result<(), DeskError> {
        let tenant = tenant_of(actor).ok_or(DeskError::Absent)?;
        let event = asker(actor)
            .event(Action::Administration, "share the trail no longer")
            .of(Some(&tenant))
            .with("with", person);
        self.note(event.clone()).await?;
        let ended = self
            .core
            .shares
            .end(&self.core.store, &tenant, Some(person))
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

    fn unshare<'a>(&'a self, actor: &'a Actor, person: &'a str) -> Answer<'a, ()> {
        Box::pin(self.take_back(actor, person))
    }
}
