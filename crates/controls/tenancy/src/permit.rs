//! Whose data a request may reach: the session's tenant's, at that tenant's own host, and no other.

use avouch_statement::TenantId;

/// Proof that [`permit`] was asked and agreed: the request may go to this tenant's instance.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub struct Permitted(TenantId);

/// Why a request may not go on. To the client every reason looks like having no session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Denied {
    /// The session is one of another tenant's.
    #[error("the session belongs to another tenant")]
    OtherTenant,
    /// The session is one of the supplier's, who reach no tenant's data.
    #[error("the session belongs to no tenant")]
    NoTenant,
}

impl Permitted {
    /// The tenant whose instance, and so whose data, the request may reach.
    #[must_use]
    pub fn tenant(&self) -> &TenantId {
        &self.0
    }
}

/// Permits a session's request to a tenant's host.
///
/// `session` is the tenant of whoever is signed in; `None` for the supplier's people. Roles are not asked:
/// none of them reaches further than its own tenant.
///
/// # Errors
/// If the session is not one of that tenant's.
pub fn permit(session: Option<&TenantId>, host: &TenantId) -> Result<Permitted, Denied> {
    match session {
        Some(own) if own == host => Ok(Permitted(host.clone())),
        Some(_) => Err(Denied::OtherTenant),
        None => Err(Denied::NoTenant),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_reaches_its_own_tenant_and_no_other() {
        for (session, host, expected) in [
            (Some("riverside"), "riverside", Ok("riverside")),
            (Some("riverside"), "hillside", Err(Denied::OtherTenant)),
            (Some("river"), "riverside", Err(Denied::OtherTenant)),
            (Some("riverside"), "river", Err(Denied::OtherTenant)),
            (None, "riverside", Err(Denied::NoTenant)),
        ] {
            let session: Option<TenantId> = session.map(|slug| slug.parse().unwrap());
            let permitted = permit(session.as_ref(), &host.parse().unwrap());
            let reached = permitted
                .as_ref()
                .map(|permitted| permitted.tenant().as_str());
            assert_eq!(reached, expected.as_ref().copied(), "{session:?} at {host}");
        }
    }
}
