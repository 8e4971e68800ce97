//! What is read of the audit trail: one subject's report, and events with their proofs.

use jiff::Timestamp;
use jiff::civil::Date;

use super::{Owned, TrailQuery};

/// Whose record is asked about, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SubjectAsk {
    /// The organisation's slug, for the supplier's people; empty for all that they may read without one.
    pub of: String,
    /// The NHS number or other name of the record, as typed.
    pub subject: String,
    /// Ten digits that are no NHS number are meant.
    pub as_is: bool,
    /// Why it is asked; it is written down.
    pub because: String,
    /// On whose behalf it is asked; empty for one's own.
    pub behalf: String,
    /// The first day, in UK time.
    pub from: Option<Date>,
    /// The last day, in UK time, itself included.
    pub to: Option<Date>,
    /// How it is given.
    pub form: SubjectForm,
}

/// How a subject report is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SubjectForm {
    /// On the page.
    Page,
    /// Comma-separated values.
    Csv,
    /// FHIR R4 AuditEvent, one a line.
    Fhir,
    /// A document.
    Pdf,
}

/// What came of a question about a subject.
pub enum SubjectAnswer {
    /// What was typed names nobody's record; the sentence says why.
    Unclear(String),
    /// The report.
    Report(SubjectReport),
}

/// Who opened or changed one subject's record.
pub struct SubjectReport {
    /// The subject, as records name it.
    pub subject: String,
    /// The tenant whose events were read; `None` for everybody's.
    pub tenant: Option<String>,
    /// When it was made.
    pub made: Timestamp,
    /// Whether staff are shown by their role alone, as the statement says.
    pub by_role: bool,
    /// The accesses, newest first.
    pub rows: Vec<EventRow>,
    /// The same as a file, if that was asked for.
    pub file: Option<Download>,
}

/// One event of the trail.
#[derive(Debug, Clone)]
pub struct EventRow {
    /// When.
    pub at: Timestamp,
    /// Who: a name, an email address, what the platform calls itself, or a role where names are not shown.
    pub who: String,
    /// In what role.
    pub role: String,
    /// What was done.
    pub what: String,
    /// The subjects of the records concerned.
    pub subjects: Vec<String>,
    /// What came of it.
    pub outcome: String,
    /// The tenant's slug; `None` when it concerns the platform.
    pub tenant: Option<String>,
    /// The address it came from.
    pub source: String,
    /// The event's index in the ledger.
    pub index: u64,
}

/// A file to be kept.
pub struct Download {
    /// Its name.
    pub name: String,
    /// Its media type.
    pub content_type: &'static str,
    /// What is in it.
    pub bytes: Vec<u8>,
}

/// Which events are taken away with their proofs, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProofsAsk {
    /// The search; every page of it.
    pub query: TrailQuery,
    /// Why; it is written down.
    pub because: String,
}

/// What came of a wish for proofs.
pub enum Proofs {
    /// The tenant whose events are in it (`None` for everybody's), and the file.
    File(Option<String>, Download),
    /// More events fit than one file holds.
    TooMany(u64),
    /// No event fits.
    Nothing,
}

impl Owned for EventRow {
    fn tenant(&self) -> Option<&str> {
        self.tenant.as_deref()
    }
}
