//! What can go wrong, sorted by whose it is.

use avouch_keyring::KeyringError;
use avouch_store::StoreError;

/// The caller may not do this; nothing was done. The audit trail gets the reason, the caller only that it is forbidden.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Forbidden {
    /// Only a nominated administrator may.
    #[error("only a nominated administrator may do this")]
    NotAdministrator,
    /// The account would have a reach that its maker does not have.
    #[error("an administrator cannot give a reach beyond their own")]
    BeyondReach,
    /// Nobody disables the account they are using.
    #[error("an administrator cannot disable their own account: ask another one")]
    Own,
    /// Nobody takes away the second factor that they sign in with.
    #[error("an administrator cannot take away their own second factor: ask another one")]
    OwnFactor,
    /// The statement demands one.
    #[error("the statement demands a second factor of this role")]
    Demanded,
    /// Nobody approves what they asked for themselves.
    #[error("nobody approves what they asked for themselves: ask somebody else")]
    OwnRequest,
    /// There is one.
    #[error("there is a second factor already: take it away first")]
    Enrolled,
    /// The organisation alone decides who reads its trail, and has administrators who can do this.
    #[error(
        "an administrator of the organisation does this: it alone decides who reads its trail, and administrators do"
    )]
    Theirs,
    /// It was not shown lately.
    #[error("this needs the second factor to be shown again")]
    Stale,
}

/// Why an act on accounts or sessions was not done.
#[derive(Debug, thiserror::Error)]
pub enum AccessError {
    /// The caller's: not allowed.
    #[error(transparent)]
    Forbidden(#[from] Forbidden),
    /// The caller's: there is no such person within their reach. One of another tenant looks just so.
    #[error("there is no such person")]
    Absent,
    /// The caller's: no such tenant.
    #[error("there is no such tenant")]
    NoTenant,
    /// The caller's: another account has this address, in whichever letter case.
    #[error("another account has this email address")]
    Taken,
    /// The caller's: somebody beyond their reach has this address.
    #[error(
        "this email address cannot be used here: it belongs to an account of another organisation"
    )]
    Elsewhere,
    /// The caller's: their organisation was refused too many addresses lately.
    #[error(
        "too many email addresses were refused to this organisation's administrators: nobody can be added until a day after the first of them"
    )]
    TooManyTaken,
    /// The caller's: not an address.
    #[error(
        "an email address looks like name@example.test: up to 254 letters, digits and marks, with one @ and no spaces"
    )]
    BadEmail,
    /// The caller's: not a name.
    #[error("a name has 1 to 100 characters, on one line")]
    BadName,
    /// The caller's: a role that does not fit, such as a tenant's administrator without a tenant.
    #[error("the supplier's people have no tenant, and everybody else has one")]
    BadRole,
    /// The operator's: the row was written by something else than Avouch.
    #[error("this account was changed outside Avouch and opens nothing: close it and make another")]
    Altered,
    /// Ours: the store failed.
    #[error("the accounts could not be read or written")]
    Store(#[from] StoreError),
    /// Ours: the key that seals second factors cannot be had.
    #[error("the key of second factors could not be used")]
    Keyring(#[from] KeyringError),
    /// Ours: something in the store is not what we put there.
    #[error("the store holds {what} that is not one")]
    Corrupt {
        /// What it should have been.
        what: &'static str,
    },
    /// Ours: no randomness, or a hash that cannot be computed.
    #[error("cannot {act}")]
    Crypto {
        /// What was being done.
        act: &'static str,
    },
}

impl From<sqlx::Error> for AccessError {
    fn from(source: sqlx::Error) -> Self {
        Self::Store(source.into())
    }
}
