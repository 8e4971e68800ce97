//! What the pages show: plain values, already decided by the engines that own them.

mod reading;
mod statement;
mod stored;
mod support;
mod timing;

pub use reading::{
    Download, EventRow, Proofs, ProofsAsk, SubjectAnswer, SubjectAsk, SubjectForm, SubjectReport,
};
pub use statement::{
    Assurance, ClaimView, Coverage, CoverageView, DocumentFormat, LogResource, RequirementRow,
    SectionView, SetLink, StatementView, Trial, Verdict,
};
pub use stored::{BackupRow, RoomRow};
pub use support::{AnswerRow, FaultRow, FaultsAsk, Filed, SupportView};
pub use timing::{Timed, Timing};

use jiff::Timestamp;
use jiff::civil::Date;

use super::{Moment, Role};
use crate::local_path::LocalPath;
use crate::secret::{Secret, SessionDigest, StateDigest};
use crate::service::Target;

/// Something that belongs to a tenant, or to the platform.
pub trait Owned {
    /// The tenant's slug; `None` when it is the platform's.
    fn tenant(&self) -> Option<&str>;
    /// Whether anybody signed in may see it, whoever's it is.
    fn is_public(&self) -> bool {
        false
    }
}

/// A report that the statement names.
pub struct ReportRow {
    /// Its name, for its address.
    pub name: String,
    /// What people call it.
    pub title: String,
    /// The period of one report: `month`.
    pub every: String,
}

/// A report that was made when its period was over, and kept.
pub struct KeptReportRow {
    /// Its name, for its address.
    pub name: String,
    /// What people call it.
    pub title: String,
    /// The period's name.
    pub period: String,
    /// When it was made.
    pub made: Timestamp,
    /// The tenant whose events were counted; `None` for everybody's.
    pub tenant: Option<String>,
}

/// A report of one period.
pub struct ReportView {
    /// Its name, for its address.
    pub name: String,
    /// What people call it.
    pub title: String,
    /// The tenant whose events were counted; `None` for everybody's.
    pub tenant: Option<String>,
    /// The period's name: `2026-11`.
    pub period: String,
    /// The period before.
    pub before: String,
    /// The period after, unless it lies ahead.
    pub after: Option<String>,
    /// The first instant of the period.
    pub from: Timestamp,
    /// Whether the period is over.
    pub complete: bool,
    /// The headings, the first of them for what each line is about.
    pub headings: Vec<String>,
    /// The lines, with units.
    pub lines: Vec<Vec<String>>,
    /// When it was made and kept, if it was, and whether it says the same now.
    pub kept: Option<(Timestamp, bool)>,
    /// What a reader has to know to read the figures right.
    pub notes: Vec<String>,
    /// An SVG picture of the first column, made by us.
    pub picture: Option<String>,
    /// The same as comma-separated values.
    pub sheet: String,
}

/// An email address and a password, to be tried.
pub struct SignInAttempt {
    /// The email address, as typed but for spaces around it.
    pub email: String,
    /// The password, exactly as typed.
    pub password: Secret,
    /// Where they want to go; the desk chooses when it is `None`.
    pub to: Option<Target>,
    /// The page there.
    pub path: LocalPath,
    /// The address of their browser.
    pub client: String,
    /// The request.
    pub moment: Moment,
}

/// What came of a sign-in.
pub enum SignInOutcome {
    /// In, with a pass to that target alone.
    Admitted {
        /// Where to.
        target: Target,
        /// The pass: for the browser that showed the password, at the host that saw it.
        pass: Secret,
    },
    /// The password is right and not enough: a code is to come, or a second factor is to be set up first.
    Half {
        /// What leads on, for the browser that showed the password.
        half: Secret,
        /// Whether one is set up.
        set_up: bool,
    },
    /// Not in; the reason is not told, and takes as long to give as any other.
    Failed,
    /// Too many failures; may be tried again after so many seconds.
    Throttled {
        /// Seconds to wait.
        retry_after: u32,
    },
}

/// A pass, to be exchanged for a one-time code.
pub struct Exchange {
    /// The pass.
    pub pass: Secret,
    /// Where it leads.
    pub target: Target,
    /// What the target has marked the browser with.
    pub browser: StateDigest,
    /// The address of the browser.
    pub client: String,
    /// The request.
    pub moment: Moment,
}

/// A one-time code, to be exchanged for a session.
pub struct Entry {
    /// The code.
    pub code: Secret,
    /// The host at which it is handed in.
    pub host: String,
    /// What that host has marked the browser with, if it has.
    pub browser: Option<StateDigest>,
    /// The session that the browser has there already.
    pub before: Option<SessionDigest>,
    /// The address of the browser.
    pub client: String,
    /// The request.
    pub moment: Moment,
}

/// How many claims stand how.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Held.
    pub held: u64,
    /// Broken.
    pub broken: u64,
    /// Unproven.
    pub unproven: u64,
}

/// Something that needs a person.
#[derive(Debug, Clone)]
pub struct Attention {
    /// What is the matter, as a sentence.
    pub text: String,
    /// The page of the console to go to, such as `/checks`.
    pub path: String,
}

/// The console's first page.
#[derive(Debug, Clone)]
pub struct Overview {
    /// The claims' counts.
    pub counts: Counts,
    /// When the last round of checks ended.
    pub last_round: Option<Timestamp>,
    /// When the last backup was taken.
    pub last_backup: Option<Timestamp>,
    /// When the last drill ended.
    pub last_drill: Option<Timestamp>,
    /// What needs attention, the most pressing first.
    pub attention: Vec<Attention>,
}

/// Somebody who may sign in, or could once.
#[derive(Debug, Clone)]
pub struct PersonRow {
    /// The person's id.
    pub id: String,
    /// Full name.
    pub name: String,
    /// Email address.
    pub email: String,
    /// What they may do.
    pub role: Role,
    /// Their tenant's slug; `None` for the supplier's people.
    pub tenant: Option<String>,
    /// The site or unit that they belong to; empty if none was said.
    pub locality: String,
    /// Until when the account opens no trail, because the supplier made a way into it; `None` if it may.
    pub waits_until: Option<Timestamp>,
    /// Whether they can sign in no longer.
    pub disabled: bool,
    /// When they last signed in.
    pub last_signed_in: Option<Timestamp>,
    /// Since when they have a second factor.
    pub second_factor: Option<Timestamp>,
}

/// Somebody to be added.
#[derive(Debug, Clone)]
pub struct NewPerson {
    /// Full name.
    pub name: String,
    /// Email address.
    pub email: String,
    /// What they may do.
    pub role: Role,
    /// Their tenant's slug; `None` for the supplier's people.
    pub tenant: Option<String>,
    /// The site or unit that they belong to; empty if none was said.
    pub locality: String,
}

/// A tenant.
#[derive(Debug, Clone)]
pub struct TenantRow {
    /// The tenant's slug.
    pub slug: String,
    /// The organisation's name.
    pub name: String,
    /// How many people can sign in.
    pub people: u64,
    /// Whether its application answers.
    pub running: bool,
}

/// What is looked for in the audit trail. An empty text means any.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TrailQuery {
    /// The organisation's slug, for the supplier's people; empty for all that they may read without one.
    pub of: String,
    /// Part of a name or email address.
    pub who: String,
    /// Words, or starts of words, of what was done.
    pub what: String,
    /// A record's subject, exactly.
    pub subject: String,
    /// One of [`KINDS`], or empty for any.
    pub kind: String,
    /// The locality, exactly.
    pub locality: String,
    /// The address that it came from, exactly.
    pub address: String,
    /// `allowed`, `refused` or `failed`.
    pub outcome: String,
    /// The first day, in UK time.
    pub from: Option<Date>,
    /// The last day, in UK time, itself included.
    pub to: Option<Date>,
    /// Why it is asked; the statement may demand it.
    pub why: String,
    /// Only events whose index in the ledger is below this: where the page before ended.
    pub before: Option<u64>,
}

/// The kinds of event that can be looked for, each with its words.
pub const KINDS: [(&str, &str); 18] = [
    ("sign-in", "Signing in"),
    ("sign-out", "Signing out"),
    ("connection", "Connection"),
    ("request", "Request that opened no record"),
    ("record-opened", "Record opened"),
    ("record-changed", "Record changed"),
    ("search", "Search of the trail"),
    ("export", "Evidence taken away"),
    ("administration", "Administration"),
    ("backup", "Backup"),
    ("restore", "Restore"),
    ("drill", "Drill"),
    ("checks", "Checks"),
    ("finding", "Claim that stands otherwise"),
    ("release", "Release"),
    ("system", "The platform itself"),
    ("timing", "Time in a browser"),
    ("server-login", "Login to the server"),
];

/// One page of a longer list.
#[derive(Debug, Clone)]
pub struct Page<T> {
    /// The rows of this page.
    pub rows: Vec<T>,
    /// How many rows there are on all pages, as far as they were counted.
    pub total: u64,
    /// There are more than `total`.
    pub more: bool,
    /// Where the next page begins; `None` on the last.
    pub next: Option<u64>,
    /// Rows that are not found yet, because what finds them lags behind.
    pub behind: u64,
}

/// How far a drill, or a step of it, has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// Not begun.
    Waiting,
    /// Under way.
    Running,
    /// Done, and as it should be.
    Passed,
    /// Done, and not as it should be; or never finished.
    Failed,
}

/// One drill in the list.
#[derive(Debug, Clone)]
pub struct DrillRow {
    /// The drill's id.
    pub id: String,
    /// The tenant whose snapshot was restored.
    pub tenant: Option<String>,
    /// When it began.
    pub started: Timestamp,
    /// How far it has come.
    pub progress: Progress,
    /// How long it took, in words; empty while it runs.
    pub took: String,
    /// How long it may take, in words.
    pub promised: String,
}

/// One step of a drill.
#[derive(Debug, Clone)]
pub struct DrillStep {
    /// What is done.
    pub name: String,
    /// How far it has come.
    pub progress: Progress,
    /// What was seen; empty until there is something.
    pub seen: String,
    /// How long it took, in words; empty until it ended.
    pub took: String,
}

/// One drill.
#[derive(Debug, Clone)]
pub struct DrillView {
    /// The drill, as in the list.
    pub drill: DrillRow,
    /// The snapshot's short id; empty until one is chosen.
    pub snapshot: String,
    /// The moment, if it was a moment that was restored and not a snapshot.
    pub moment: Option<Timestamp>,
    /// The steps, in order.
    pub steps: Vec<DrillStep>,
}

/// Who may see a finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Audience {
    /// Everybody.
    Public,
    /// The tenant it is about.
    Tenant,
    /// The supplier.
    Supplier,
}

/// What came of one check.
#[derive(Debug, Clone)]
pub struct FindingRow {
    /// The claim that was tried.
    pub claim: String,
    /// The check's name.
    pub check: String,
    /// The verdict.
    pub verdict: Verdict,
    /// What was observed.
    pub observed: String,
    /// When.
    pub at: Timestamp,
    /// Whose it is; `None` when it is about the platform.
    pub tenant: Option<String>,
    /// Who may see it.
    pub audience: Audience,
}

/// One round of checks in the list.
#[derive(Debug, Clone)]
pub struct RoundRow {
    /// The round's number.
    pub number: u64,
    /// When it ended.
    pub at: Timestamp,
    /// How the claims stood.
    pub counts: Counts,
    /// Its index in the ledger.
    pub index: u64,
}

/// One round of checks.
#[derive(Debug, Clone)]
pub struct RoundView {
    /// The round, as in the list.
    pub round: RoundRow,
    /// Its findings.
    pub findings: Vec<FindingRow>,
}

/// A tenant whose pack can be made.
#[derive(Debug, Clone)]
pub struct PackRow {
    /// The tenant's slug.
    pub tenant: String,
    /// The organisation's name.
    pub name: String,
}

impl Owned for PersonRow {
    fn tenant(&self) -> Option<&str> {
        self.tenant.as_deref()
    }
}

impl Owned for super::second_person::RequestRow {
    fn tenant(&self) -> Option<&str> {
        self.tenant.as_deref()
    }
}

impl Owned for KeptReportRow {
    fn tenant(&self) -> Option<&str> {
        self.tenant.as_deref()
    }
}

impl Owned for BackupRow {
    fn tenant(&self) -> Option<&str> {
        self.tenant.as_deref()
    }
}

impl Owned for DrillRow {
    fn tenant(&self) -> Option<&str> {
        self.tenant.as_deref()
    }
}

impl Owned for PackRow {
    fn tenant(&self) -> Option<&str> {
        Some(&self.tenant)
    }
}

impl Owned for FindingRow {
    /// A finding for the supplier alone belongs to no tenant, whoever it is about.
    fn tenant(&self) -> Option<&str> {
        match self.audience {
            Audience::Supplier => None,
            Audience::Public | Audience::Tenant => self.tenant.as_deref(),
        }
    }

    /// A public finding about the platform; one about a tenant is that tenant's.
    fn is_public(&self) -> bool {
        self.audience == Audience::Public && self.tenant.is_none()
    }
}
