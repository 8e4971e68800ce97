//! What the console asks of the rest of the product. The binary answers.
//!
//! Every question names who asks, so that the answer can be audited and kept within their scope.
//! The console checks the scope again before it shows a row: see [`Scope::sieve`].

pub mod moments;
pub mod second_factor;
pub mod second_person;
pub mod sharing;
pub mod status;
pub mod unusual;
pub mod views;

use std::error::Error;
use std::future::Future;
use std::pin::Pin;

use jiff::Timestamp;

use crate::secret::{Secret, SessionDigest};
use views::{
    BackupRow, CoverageView, DocumentFormat, DrillRow, DrillView, Entry, EventRow, Exchange,
    FaultRow, FaultsAsk, Filed, FindingRow, KeptReportRow, LogResource, NewPerson, Overview,
    PackRow, Page, PersonRow, Proofs, ProofsAsk, ReportRow, ReportView, RoomRow, RoundRow,
    RoundView, SignInAttempt, SignInOutcome, StatementView, SubjectAnswer, SubjectAsk, SupportView,
    TenantRow, Timed, Timing, TrailQuery,
};

/// An answer that comes later.
pub type Answer<'a, T> = Pin<Box<dyn Future<Output = Result<T, DeskError>> + Send + 'a>>;

/// Why a question was not answered.
#[derive(Debug, thiserror::Error)]
pub enum DeskError {
    /// There is no such thing, or none within the asker's scope.
    #[error("there is no such thing")]
    Absent,
    /// It is being done already; the text names it, as in `a drill`.
    #[error("{what} is already running")]
    Busy {
        /// What is running, with its article.
        what: &'static str,
    },
    /// Somebody whom the asker can see signs in with that email address.
    #[error("the email address is taken")]
    EmailTaken,
    /// Somebody of another organisation does.
    #[error("the email address is taken in another organisation")]
    EmailElsewhere,
    /// The asker's organisation was told of too many addresses that are taken elsewhere.
    #[error("too many email addresses were refused")]
    EmailsRefused,
    /// What was typed cannot be taken; the sentence says why.
    #[error("{0}")]
    Unfit(String),
    /// The organisation does not share its trail with the asker.
    #[error("the organisation does not share its trail with whoever asks")]
    NotShared,
    /// The supplier made a way into the asker's account, which opens no trail until then.
    #[error("the account opens no trail until {0}")]
    NotYet(Timestamp),
    /// An administrator of the organisation does this, and nobody of the supplier's.
    #[error("an administrator of the organisation does this")]
    Theirs,
    /// The statement demands that whoever reads the trail says why, and nobody did.
    #[error("the audit trail is read only by those who say why")]
    ReasonWanted,
    /// It could not be written down, or read, so nothing was done; later it may be. The log has the cause.
    #[error("the question cannot be answered just now")]
    Unavailable {
        /// What went wrong.
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
    /// Something of ours failed; the person asking is told only that, the log has the cause.
    #[error("the question could not be answered")]
    Failed {
        /// What went wrong.
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
}

/// What somebody may do here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Works for the supplier; sees every tenant.
    Supplier,
    /// Administers one tenant's people.
    Administrator,
    /// Uses the application.
    Member,
}

/// Somebody with a session.
#[derive(Debug, Clone)]
pub struct Person {
    /// The person's id.
    pub id: String,
    /// Full name, as shown.
    pub name: String,
    /// Email address, which is how they sign in.
    pub email: String,
    /// What they may do.
    pub role: Role,
    /// Their tenant's slug; `None` for the supplier's people.
    pub tenant: Option<String>,
    /// Whether they exist for checks alone.
    pub synthetic: bool,
}

/// A session that is good here.
#[derive(Debug, Clone)]
pub struct Session {
    /// Whose it is.
    pub person: Person,
    /// What the audit trail calls it; it opens nothing.
    pub tag: String,
}

/// One request, as the audit trail knows it.
#[derive(Debug, Clone)]
pub struct Moment {
    /// When it came.
    pub since: Timestamp,
    /// What its events have in common.
    pub correlation: String,
}

/// Whose records somebody may see.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scope {
    /// Everything: the supplier.
    Everything,
    /// One tenant's, by its slug.
    Tenant(String),
    /// Nothing: a person without a tenant who is not the supplier's.
    Nothing,
}

impl Scope {
    /// Whether something of that tenant, or of the platform (`None`), is within the scope.
    #[must_use]
    pub fn covers(&self, tenant: Option<&str>) -> bool {
        match self {
            Self::Everything => true,
            Self::Tenant(own) => tenant == Some(own.as_str()),
            Self::Nothing => false,
        }
    }

    /// Keeps the rows within the scope, whatever the desk answered.
    #[must_use]
    pub fn sieve<T: views::Owned>(&self, mut rows: Vec<T>) -> Vec<T> {
        rows.retain(|row| match self {
            Self::Tenant(_) if row.is_public() => true,
            scope => scope.covers(row.tenant()),
        });
        rows
    }
}

/// Who asks, and from where.
#[derive(Debug, Clone)]
pub struct Actor {
    /// The person.
    pub person: Person,
    /// The address of their browser, as the gateway saw it.
    pub client: String,
    /// The session that they came with.
    pub session: SessionDigest,
    /// What the audit trail calls it.
    pub tag: String,
    /// The request.
    pub moment: Moment,
}

impl Actor {
    /// Whose records this person may see.
    #[must_use]
    pub fn scope(&self) -> Scope {
        match (self.person.role, &self.person.tenant) {
            (Role::Supplier, _) => Scope::Everything,
            (_, Some(tenant)) => Scope::Tenant(tenant.clone()),
            (_, None) => Scope::Nothing,
        }
    }
}

/// A request that was turned away, for the audit trail.
#[derive(Debug, Clone)]
pub struct Refusal {
    /// Who asked, if they had a session.
    pub actor: Option<Actor>,
    /// The session that their browser sent, live or not.
    pub session: Option<SessionDigest>,
    /// The address of their browser.
    pub client: String,
    /// The host they asked.
    pub host: String,
    /// The method.
    pub method: String,
    /// The path, without its query, which may hold a code.
    pub path: String,
    /// Why, in a few plain words.
    pub reason: &'static str,
    /// The request.
    pub moment: Moment,
}

/// The rest of the product, as the console sees it.
///
/// Whoever implements it audits what it does: reads of the trail, sign-ins, refusals and every
/// change, each before it takes effect.
pub trait Desk:
    second_factor::SecondFactors
    + second_person::SecondPerson
    + moments::Moments
    + unusual::UnusualAccess
    + sharing::Sharing
    + status::StatusDesk
{
    /// The public statement, as true as it is now.
    fn statement(&self) -> Answer<'_, StatementView>;
    /// The same as a document to keep.
    fn statement_document(&self, format: DocumentFormat) -> Answer<'_, Vec<u8>>;
    /// One requirement set's coverage; `None` when there is no such set.
    fn coverage<'a>(&'a self, set: &'a str) -> Answer<'a, Option<CoverageView>>;
    /// A checkpoint, tile or entry bundle of the log, by its path below the log's address; `None` when there is none.
    fn log<'a>(&'a self, path: &'a str) -> Answer<'a, Option<LogResource>>;
    /// The public keys of the identity assertion, as a JSON Web Key Set.
    fn jwks(&self) -> Answer<'_, String>;

    /// A request that has just come.
    fn moment(&self) -> Moment;
    /// Tries an email address and a password.
    fn sign_in(&self, attempt: SignInAttempt) -> Answer<'_, SignInOutcome>;
    /// Exchanges the pass that the right password earned for a one-time code.
    fn code(&self, exchange: Exchange) -> Answer<'_, Option<Secret>>;
    /// Exchanges a one-time code, made for that host and that browser, for a session token.
    fn enter(&self, entry: Entry) -> Answer<'_, Option<Secret>>;
    /// Ends every sign-in of the person whose session that is, on every host and in every browser.
    fn leave<'a>(&'a self, actor: &'a Actor, host: &'a str) -> Answer<'a, ()>;
    /// The session, if it is one of that host and still good.
    fn session<'a>(&'a self, digest: SessionDigest, host: &'a str) -> Answer<'a, Option<Session>>;
    /// Records a request that was turned away.
    fn refused(&self, refusal: Refusal) -> Answer<'_, ()>;

    /// What needs attention, and the latest of everything.
    fn overview<'a>(&'a self, actor: &'a Actor) -> Answer<'a, Overview>;

    /// Everybody within the actor's scope.
    fn people<'a>(&'a self, actor: &'a Actor) -> Answer<'a, Vec<PersonRow>>;
    /// One person, of any tenant; the console checks the scope.
    fn person<'a>(&'a self, actor: &'a Actor, id: &'a str) -> Answer<'a, Option<PersonRow>>;
    /// Adds somebody and returns the password made for them.
    fn add_person<'a>(&'a self, actor: &'a Actor, person: NewPerson) -> Answer<'a, Secret>;
    /// Stops somebody signing in, and ends their sessions.
    fn disable<'a>(&'a self, actor: &'a Actor, id: &'a str) -> Answer<'a, ()>;
    /// Says to which site or unit somebody belongs from now on; nothing takes it back.
    fn set_locality<'a>(
        &'a self,
        actor: &'a Actor,
        id: &'a str,
        locality: &'a str,
    ) -> Answer<'a, ()>;
    /// Makes a new password, ends their sessions, and returns it.
    fn reset_password<'a>(&'a self, actor: &'a Actor, id: &'a str) -> Answer<'a, Secret>;

    /// How the service is, and a page of the faults that the actor may see.
    fn support<'a>(&'a self, actor: &'a Actor, asked: &'a FaultsAsk) -> Answer<'a, SupportView>;
    /// One fault, of any tenant; the console checks the scope.
    fn fault<'a>(&'a self, actor: &'a Actor, number: u64) -> Answer<'a, Option<FaultRow>>;
    /// Keeps what somebody says is wrong, for the supplier. That they did is audited, their words are not in the trail.
    fn report_fault<'a>(&'a self, actor: &'a Actor, words: &'a str) -> Answer<'a, Filed>;

    /// Every tenant.
    fn tenants<'a>(&'a self, actor: &'a Actor) -> Answer<'a, Vec<TenantRow>>;

    /// The requests that browsers are asked to time, as the statement names them; none if it asks for none.
    fn timed(&self) -> Vec<String>;
    /// Keeps how long one of them took, as the actor's browser says.
    fn timing<'a>(&'a self, actor: &'a Actor, timing: Timing) -> Answer<'a, Timed>;

    /// A page of the audit trail within the actor's scope, newest first. The search is audited.
    fn trail<'a>(&'a self, actor: &'a Actor, query: &'a TrailQuery) -> Answer<'a, Page<EventRow>>;
    /// Every event within the actor's scope that a search finds, with its proof, as a file. Its making is audited.
    fn proofs<'a>(&'a self, actor: &'a Actor, asked: &'a ProofsAsk) -> Answer<'a, Proofs>;
    /// Who opened or changed a subject's record, within the actor's scope. The question is audited, with its reason.
    fn subject<'a>(&'a self, actor: &'a Actor, asked: &'a SubjectAsk) -> Answer<'a, SubjectAnswer>;

    /// The snapshots within the actor's scope, newest first.
    fn backups<'a>(&'a self, actor: &'a Actor) -> Answer<'a, Vec<BackupRow>>;
    /// The destinations, and what room they have.
    fn room<'a>(&'a self, actor: &'a Actor) -> Answer<'a, Vec<RoomRow>>;
    /// Starts a backup of everything; answers once it has started.
    fn run_backup<'a>(&'a self, actor: &'a Actor) -> Answer<'a, ()>;

    /// The drills within the actor's scope, newest first.
    fn drills<'a>(&'a self, actor: &'a Actor) -> Answer<'a, Vec<DrillRow>>;
    /// Starts a drill of a tenant's newest snapshot and returns the drill's id.
    fn start_drill<'a>(&'a self, actor: &'a Actor, tenant: &'a str) -> Answer<'a, String>;
    /// One drill, of any tenant; the console checks the scope.
    fn drill<'a>(&'a self, actor: &'a Actor, id: &'a str) -> Answer<'a, Option<DrillView>>;

    /// Every check's latest finding that the actor may see.
    fn findings<'a>(&'a self, actor: &'a Actor) -> Answer<'a, Vec<FindingRow>>;
    /// Starts a round of all checks; answers once it has started.
    fn run_checks<'a>(&'a self, actor: &'a Actor) -> Answer<'a, ()>;
    /// The rounds, newest first.
    fn rounds<'a>(&'a self, actor: &'a Actor) -> Answer<'a, Vec<RoundRow>>;
    /// One round, with the findings that the actor may see.
    fn round<'a>(&'a self, actor: &'a Actor, number: u64) -> Answer<'a, Option<RoundView>>;

    /// The reports that the actor may read.
    fn reports<'a>(&'a self, actor: &'a Actor) -> Answer<'a, Vec<ReportRow>>;
    /// The reports that were made and kept for the actor, newest first.
    fn kept_reports<'a>(&'a self, actor: &'a Actor) -> Answer<'a, Vec<KeptReportRow>>;
    /// A report of the named period, or of the present one; `None` when there is none that the actor may read.
    /// The reading is audited.
    fn report<'a>(
        &'a self,
        actor: &'a Actor,
        name: &'a str,
        period: Option<&'a str>,
    ) -> Answer<'a, Option<ReportView>>;

    /// The tenants for which the actor may have a pack.
    fn packs<'a>(&'a self, actor: &'a Actor) -> Answer<'a, Vec<PackRow>>;
    /// A tenant's evidence pack, made now.
    fn pack<'a>(&'a self, actor: &'a Actor, tenant: &'a str) -> Answer<'a, Vec<u8>>;
}
