//! Requests for applications that may rest: each that goes there keeps its application awake, or waits until it is.

use avouch_access::Person;
use avouch_gateway::link::{Admit, Begin};
use avouch_runtime::capacity::Whose;
use avouch_statement::TenantId;

use super::Gate;
use crate::core::capacity::Busy;
use crate::core::tenants::Tenant;

/// Beneath this every host has pages of the service itself, which no application is asked for.
pub(in crate::core) const OWN_PAGES: &str = "/.avouch/";

/// What is to happen to a request of somebody who may be let through.
pub(super) enum Let {
    /// This.
    Through(Admit),
    /// It is asked about again once the application is there, for as long as which it may not rest again.
    Wait(Tenant, Busy),
}

impl Gate {
    /// This person's request goes to this tenant's application, unless it is for one of the service's own pages.
    pub(super) fn enter(&self, begin: &Begin, tenant: &TenantId, person: &Person) -> Busy {
        if begin.path.starts_with(OWN_PAGES) {
            return Busy::default();
        }
        self.core.capacity.enter(tenant, whose(person))
    }
}

/// For whom an application is needed that this person asks.
pub(super) const fn whose(person: &Person) -> Whose {
    if person.synthetic {
        Whose::Own
    } else {
        Whose::People
    }
}
