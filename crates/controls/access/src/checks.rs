//! Attempts to prove the claims about who gets in false, as a synthetic person at the live gateway.

mod administrators;
mod door;
mod generated;
mod issued;
mod lockout;
mod reach;
mod second_factor;
mod session;
mod shown_again;
mod sign_in;
mod stay;

use self::stay::Visiting;
use crate::{Access, PersonId};
use avouch_evidence::{BoxFuture, Check};
use std::sync::Arc;

/// What a check asks the audit trail.
pub trait Trail: Send + Sync {
    /// How many refusals of this person the trail holds; or why that cannot be said.
    fn refusals<'a>(&'a self, person: &'a PersonId) -> BoxFuture<'a, Result<u64, String>>;
}

/// One place of a site.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// The first label of its host: `console`, or a tenant.
    pub label: String,
    /// Its path.
    pub path: String,
}

/// All that the product's sites answer to, beside what is public.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sites {
    /// What is shown within a session alone.
    pub pages: Vec<Page>,
    /// What takes a form within a session alone.
    pub forms: Vec<Page>,
    /// What takes a form from anybody: signing in.
    pub entrances: Vec<Page>,
}

/// Every check of this control.
pub fn checks(access: &Arc<Access>, trail: Arc<dyn Trail>, sites: Sites) -> Vec<Box<dyn Check>> {
    let with = || Arc::clone(access);
    let sites = Arc::new(sites);
    let mut checks: Vec<Box<dyn Check>> = vec![
        Box::new(Visiting(sign_in::SignIn {
            access: with(),
            sites: Arc::clone(&sites),
        })),
        Box::new(Visiting(administrators::Administrators {
            access: with(),
            trail: Arc::clone(&trail),
        })),
        Box::new(Visiting(issued::Issued {
            access: with(),
            sites,
        })),
        Box::new(generated::Generated { access: with() }),
        Box::new(session::Limit::idle(with())),
        Box::new(session::Limit::absolute(with())),
        Box::new(Visiting(lockout::Lockout { access: with() })),
    ];
    if access.settings().second_factor.is_some() {
        checks.push(Box::new(Visiting(second_factor::SecondFactor {
            access: with(),
        })));
        checks.push(Box::new(Visiting(shown_again::ShownAgain {
            access: with(),
        })));
    }
    if let Some(promised) = &access.settings().reach {
        checks.push(Box::new(Visiting(reach::Reached {
            access: with(),
            trail,
        })));
        if promised.second_person {
            checks.push(Box::new(Visiting(reach::SecondPerson { access: with() })));
        }
    }
    checks
}
