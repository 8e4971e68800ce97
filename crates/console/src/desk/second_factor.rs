//! What the console asks about second factors: set up, shown, taken away, and whether something dangerous may be done.

use jiff::Timestamp;

use super::{Actor, Answer, Moment};
use crate::local_path::LocalPath;
use crate::secret::Secret;
use crate::service::Target;

/// A code, typed by somebody whose password was right.
pub struct HalfStep {
    /// What the right password earned.
    pub half: Secret,
    /// The code, exactly as typed; empty for going on after setting up.
    pub code: Secret,
    /// Where they want to go; the desk chooses when it is `None`.
    pub to: Option<Target>,
    /// The page there.
    pub path: LocalPath,
    /// The address of their browser.
    pub client: String,
    /// The request.
    pub moment: Moment,
}

/// What came of a code at sign-in.
pub enum HalfOutcome {
    /// In, with a pass to that target alone.
    Admitted {
        /// Where to.
        target: Target,
        /// The pass.
        pass: Secret,
    },
    /// Not in; another code may be tried. The reason is not told.
    Refused,
    /// The password has to be given again.
    Late,
}

/// A second factor that is offered, to be shown this once.
pub struct FactorOffer {
    /// What to type into the application.
    pub key: Secret,
    /// What the picture says.
    pub address: Secret,
}

/// What came of a first code.
pub enum Confirmation {
    /// It is set up; these are the recovery codes, told this once.
    Taken(Vec<Secret>),
    /// The code was not the one that the application shows for this offer.
    Refused(FactorOffer),
    /// There is no offer any more.
    Late,
}

/// Somebody's own second factor.
pub struct OwnFactor {
    /// Since when they have one.
    pub since: Option<Timestamp>,
    /// Whether the statement demands one of them.
    pub demanded: bool,
    /// Recovery codes that were not used yet.
    pub recovery_left: u64,
}

/// Something that the second factor is shown again for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Act<'a> {
    /// Changing one's own second factor.
    OwnFactor,
    /// Making, changing or closing an account.
    Accounts,
    /// Downloading a tenant's evidence.
    Pack(&'a str),
    /// Taking events of the audit trail away.
    Trail,
    /// Sharing the audit trail with somebody of the supplier's.
    Share,
    /// Restoring a tenant's backup to try it.
    Drill(&'a str),
    /// Putting a tenant's data back as they were at a moment. Approved is just this one.
    Restore {
        /// The tenant's slug.
        tenant: &'a str,
        /// Which of its sources.
        source: &'a str,
        /// The moment, as it was typed.
        when: &'a str,
    },
    /// Seeing backups, or taking one.
    Backups,
    /// Approving what somebody else asked for.
    Approve,
}

/// Whether it may be done.
pub enum Permit {
    /// It may.
    Granted,
    /// Once the second factor has been shown again.
    ShowFactor,
    /// Once there is a second factor.
    SetUpFactor,
    /// Once a second person has approved it, who is asked for now.
    SecondPerson,
    /// Not by this person.
    Refused,
}

/// Second factors, as the console sees them. Whoever implements it audits what it does.
pub trait SecondFactors: Send + Sync + 'static {
    /// Tries a code at sign-in.
    fn finish(&self, step: HalfStep) -> Answer<'_, HalfOutcome>;
    /// Offers a second factor at sign-in; `None` if the password has to be given again.
    fn offer_halfway<'a>(&'a self, half: &'a Secret) -> Answer<'a, Option<FactorOffer>>;
    /// Sets it up by its first code.
    fn confirm_halfway(&self, step: HalfStep) -> Answer<'_, Confirmation>;

    /// The actor's own second factor.
    fn own_factor<'a>(&'a self, actor: &'a Actor) -> Answer<'a, OwnFactor>;
    /// Offers one to the actor.
    fn offer_factor<'a>(&'a self, actor: &'a Actor) -> Answer<'a, FactorOffer>;
    /// Sets it up by its first code.
    fn confirm_factor<'a>(&'a self, actor: &'a Actor, code: Secret) -> Answer<'a, Confirmation>;
    /// Shows it again in the actor's session; whether the code was taken.
    fn show_factor<'a>(&'a self, actor: &'a Actor, code: Secret) -> Answer<'a, bool>;
    /// Makes new recovery codes.
    fn renew_recovery<'a>(&'a self, actor: &'a Actor) -> Answer<'a, Vec<Secret>>;
    /// Takes the actor's own away, and ends their sessions.
    fn remove_own_factor<'a>(&'a self, actor: &'a Actor) -> Answer<'a, ()>;
    /// Takes somebody else's away, and ends their sessions.
    fn remove_factor<'a>(&'a self, actor: &'a Actor, id: &'a str) -> Answer<'a, ()>;

    /// Whether the actor may do this now. A refusal is recorded.
    fn permit<'a>(&'a self, actor: &'a Actor, act: Act<'a>) -> Answer<'a, Permit>;
}
