//! Somebody of the supplier's, made up for the check of custody, who asks for an organisation's trail.
//!
//! There is no account of theirs: an account that exists for checks has no power, and the store sees to that. They ask what
//! answers the console's pages.

use std::sync::Arc;

use avouch_audit::checks::{Asked, Barred, Reading, Shared};
use avouch_console::sharing::{ShareAsk, Sharing as _};
use avouch_console::views::{ProofsAsk, SubjectAsk, SubjectForm, TrailQuery};
use avouch_console::{Actor, Desk as _, DeskError, Person, Role, Secret};
use avouch_evidence::BoxFuture;
use avouch_statement::TenantId;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use crate::core::desk::{Reception, SYNTHETIC};
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
    Proofs,
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
            self.end(tenant, who).await?;
            asked
        })
    }

    fn barred<'a>(
        &'a self,
        tenant: &'a TenantId,
        who: &'a str,
        because: &'a str,
    ) -> BoxFuture<'a, Result<Vec<Barred>, String>> {
        Box::pin(async move {
            let barred = self.tried(tenant, who, because).await;
            self.end(tenant, who).await?;
            barred
        })
    }
}

impl Custodian {
    async fn all(&self, tenant: &TenantId, who: &str, because: &str) -> Result<Vec<Asked>, String> {
        let desk = Reception::new(self.0.clone());
        let every = [Door::Trail, Door::Report, Door::Proofs, Door::Pack];
        let mut asked = Vec::new();
        for (shared, doors) in [
            (Shared::Never, &every[..]),
            // A pack is the whole trail: making one is work, and its door is the same.
            (Shared::Now, &every[..3]),
            (Shared::TakenBack, &every[..]),
            (Shared::Ended, &every[..]),
        ] {
            self.set(tenant, who, shared).await?;
            for door in doors {
                let actor = somebody(&desk, who, None);
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
        let since = core.latest();
        let until = |until: Timestamp| Share {
            tenant: tenant.clone(),
            email: address(who),
            since,
            until,
        };
        let set = match shared {
            Shared::Never => Ok(()),
            Shared::Now => core.shares.begin(&core.store, until(since + BRIEFLY)).await,
            Shared::TakenBack => return self.end(tenant, who).await,
            Shared::Ended => core.shares.begin(&core.store, until(since)).await,
        };
        set.map_err(|error| chain(&error))
    }

    async fn end(&self, tenant: &TenantId, who: &str) -> Result<(), String> {
        let (core, email) = (&self.0, address(who));
        let ended = core.shares.end(&core.store, tenant, Some(&email)).await;
        ended.map_err(|error| chain(&error))
    }

    /// Tries what must not come about; whatever did is taken back.
    async fn tried(
        &self,
        tenant: &TenantId,
        who: &str,
        because: &str,
    ) -> Result<Vec<Barred>, String> {
        let (core, desk) = (&self.0, Reception::new(self.0.clone()));
        let supplier = somebody(&desk, who, None);
        // What this asker did before is in the organisation's trail, and nobody else goes by that name.
        let everywhere = TrailQuery {
            who: who.to_owned(),
            why: because.to_owned(),
            ..TrailQuery::default()
        };
        let found = desk.trail(&supplier, &everywhere).await;
        let found = found.map_err(|error| chain(&error))?.rows;
        let theirs = |whose: &Option<String>| whose.as_deref() == Some(tenant.as_str());
        let mut barred = vec![Barred {
            what: "found the organisation's events without naming it",
            came_about: found.iter().any(|row| theirs(&row.tenant)),
        }];
        let most = core.statement.audit.custody.map(|most| most.duration());
        let most = most.ok_or("no custody is stated")?;
        let day = |from_now: SignedDuration| {
            let at = core.now().checked_add(from_now);
            at.map(|at| at.to_zoned(TimeZone::UTC).date())
                .map_err(|error| error.to_string())
        };
        let two_days = SignedDuration::from_hours(48);
        let of_theirs = somebody(&desk, who, Some(tenant));
        for (actor, last, what) in [
            (
                &supplier,
                SignedDuration::from_hours(24),
                "shared the trail themselves",
            ),
            (
                &of_theirs,
                most + two_days,
                "was given the trail for longer than is stated",
            ),
        ] {
            let asked = ShareAsk {
                email: address(who),
                last: day(last)?,
                because: because.to_owned(),
            };
            match desk.share(actor, &asked).await {
                Ok(()) | Err(DeskError::Absent | DeskError::Unfit(_)) => {}
                Err(error) => return Err(chain(&error)),
            }
            let whose = (tenant, &*address(who));
            let held = core.shares.hold(&core.store, whose, core.latest()).await;
            barred.push(Barred {
                what,
                came_about: held.map_err(|error| chain(&error))?,
            });
        }
        let kept_out = core.access.supplier_kept_out(tenant, core.now()).await;
        let kept_out = kept_out.map_err(|error| chain(&error))?;
        barred.push(Barred {
            what: "could read at once as an administrator for whom they made a password",
            came_about: kept_out.iter().any(|(_, out)| !out),
        });
        Ok(barred)
    }
}

impl Door {
    const fn words(self) -> &'static str {
        match self {
            Self::Trail => "the trail",
            Self::Report => "a report on a record",
            Self::Proofs => "the trail with proofs",
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
            Self::Proofs => {
                let query = TrailQuery {
                    of,
                    // Nobody's, so that what is found is nothing and the file is none.
                    subject: format!("{subject} with proofs"),
                    ..TrailQuery::default()
                };
                let because = because.to_owned();
                let asked = ProofsAsk { query, because };
                desk.proofs(actor, &asked).await.map(|_| ())
            }
            Self::Pack => desk.pack(actor, &of).await.map(|_| ()),
        }
    }
}

/// The address of somebody who is nobody.
fn address(who: &str) -> String {
    format!("{who}{SYNTHETIC}")
}

/// Somebody in the console who is nobody: of the supplier's, or an organisation's administrator.
fn somebody(desk: &Reception, who: &str, tenant: Option<&TenantId>) -> Actor {
    Actor {
        person: Person {
            id: who.to_owned(),
            name: "Synthetic reader, for checks".to_owned(),
            email: address(who),
            role: match tenant {
                None => Role::Supplier,
                Some(_) => Role::Administrator,
            },
            tenant: tenant.map(ToString::to_string),
            synthetic: true,
        },
        client: "local".to_owned(),
        session: Secret::new(who.to_owned()).digest(),
        tag: who.to_owned(),
        moment: desk.moment(),
    }
}
