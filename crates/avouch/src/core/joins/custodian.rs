//! Somebody of the supplier's, made up for the check of custody, who asks for an organisation's trail.
//!
//! There is no account of theirs: an account that exists for checks has no power, and the store sees to that. They ask what
//! answers the console's pages.

use std::sync::Arc;

use avouch_audit::checks::{Asked, Reading, Shared};
use avouch_console::views::{SubjectAsk, SubjectForm, TrailQuery};
use avouch_console::{Actor, Desk as _, DeskError, Person, Role, Secret};
use avouch_evidence::BoxFuture;
use avouch_statement::TenantId;
use jiff::{SignedDuration, Timestamp};

use crate::core::desk::Reception;
use crate::core::shares::Share;
use crate::core::state::Core;
use crate::fail::chain;

/// For how long the check shares a trail; it takes the share back within seconds.
const BRIEFLY: SignedDuration = SignedDuration::from_mins(5);

/// Asks for trails.
pub struct Custodian(pub Arc<Core>);

/// What is asked for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Door {
    Trail,
    Report,
    Pack,
}

impl Reading for Custodian {
    fn asked<'a>(
        &'a self,
        tenant: &'a TenantId,
        who: &'a str,
        because: &'a str,
    ) -> BoxFuture<'a, Result<Vec<Asked>, String>> {
        Box::pin(async move {
            let asked = self.all(tenant, who, because).await;
            let core = &self.0;
            let ended = core.shares.end(&core.store, tenant, Some(who)).await;
            ended.map_err(|error| chain(&error))?;
            asked
        })
    }
}

impl Custodian {
    async fn all(&self, tenant: &TenantId, who: &str, because: &str) -> Result<Vec<Asked>, String> {
        let desk = Reception::new(self.0.clone());
        let every = [Door::Trail, Door::Report, Door::Pack];
        let mut asked = Vec::new();
        for (shared, doors) in [
            (Shared::Never, &every[..]),
            // A pack is the whole trail: making one is work, and its door is the same.
            (Shared::Now, &every[..2]),
            (Shared::TakenBack, &every[..]),
            (Shared::Ended, &every[..]),
        ] {
            self.set(tenant, who, shared).await?;
            for door in doors {
                let actor = stranger(&desk, who);
                let answered = match door.ask(&desk, &actor, tenant, because).await {
                    Ok(()) => true,
                    Err(DeskError::NotShared) => false,
                    Err(error) => return Err(format!("{}: {}", door.words(), chain(&error))),
                };
                asked.push(Asked {
                    shared,
                    what: door.words(),
                    answered,
                });
            }
        }
        Ok(asked)
    }

    async fn set(&self, tenant: &TenantId, who: &str, shared: Shared) -> Result<(), String> {
        let core = &self.0;
        let since = core.now();
        let until = |until: Timestamp| Share {
            tenant: tenant.clone(),
            person: who.to_owned(),
            since,
            until,
        };
        let set = match shared {
            Shared::Never => Ok(()),
            Shared::Now => core.shares.begin(&core.store, until(since + BRIEFLY)).await,
            Shared::TakenBack => core.shares.end(&core.store, tenant, Some(who)).await,
            Shared::Ended => core.shares.begin(&core.store, until(since)).await,
        };
        set.map_err(|error| chain(&error))
    }
}

impl Door {
    const fn words(self) -> &'static str {
        match self {
            Self::Trail => "the trail",
            Self::Report => "a report on a record",
            Self::Pack => "the evidence pack",
        }
    }

    async fn ask(
        self,
        desk: &Reception,
        actor: &Actor,
        tenant: &TenantId,
        because: &str,
    ) -> Result<(), DeskError> {
        let of = tenant.to_string();
        // Whether the door opens is asked, not what lies behind it: nobody but this asker goes by that name.
        let subject = actor.person.id.clone();
        match self {
            Self::Trail => {
                let query = TrailQuery {
                    of,
                    subject,
                    why: because.to_owned(),
                    ..TrailQuery::default()
                };
                desk.trail(actor, &query).await.map(|_| ())
            }
            Self::Report => {
                let asked = SubjectAsk {
                    of,
                    subject,
                    as_is: false,
                    because: because.to_owned(),
                    behalf: String::new(),
                    from: None,
                    to: None,
                    form: SubjectForm::Page,
                };
                desk.subject(actor, &asked).await.map(|_| ())
            }
            Self::Pack => desk.pack(actor, &of).await.map(|_| ()),
        }
    }
}

/// Somebody of the supplier's in the console, who is nobody.
fn stranger(desk: &Reception, who: &str) -> Actor {
    Actor {
        person: Person {
            id: who.to_owned(),
            name: "Synthetic supplier, for checks".to_owned(),
            email: format!("{who}@synthetic.invalid"),
            role: Role::Supplier,
            tenant: None,
            synthetic: true,
        },
        client: "local".to_owned(),
        session: Secret::new(who.to_owned()).digest(),
        tag: who.to_owned(),
        moment: desk.moment(),
    }
}
