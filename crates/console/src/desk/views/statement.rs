//! The public statement, and what it answers.

use jiff::Timestamp;

/// A claim's status, or a finding's verdict.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Seen to be true within its period.
    Held,
    /// Seen to be false, or not done in time.
    Broken,
    /// Not seen lately enough to say.
    Unproven,
}

/// Who makes a claim true.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Assurance {
    /// A control of the platform.
    Enforced,
    /// A provider, by its certificate.
    Inherited,
    /// A named person, by their signature.
    Attested,
}

/// How a claim was tried: the text stands beside the sentence, so that neither says too much.
#[derive(Debug, Clone, Default)]
pub struct Trial {
    /// What was tried.
    pub tried: String,
    /// On what sample; empty when the trial says it all.
    pub sample: String,
    /// Over what period; likewise.
    pub period: String,
    /// What was not tried; likewise.
    pub not_tried: String,
}

/// One claim on the public page.
#[derive(Debug, Clone)]
pub struct ClaimView {
    /// The claim's id.
    pub id: String,
    /// What is promised.
    pub sentence: String,
    /// Whether it is true now.
    pub status: Verdict,
    /// Who makes it true.
    pub assurance: Assurance,
    /// When it was last tried.
    pub last_tried: Option<Timestamp>,
    /// How.
    pub trial: Trial,
}

/// One section of the statement.
#[derive(Debug, Clone)]
pub struct SectionView {
    /// The section's heading, in plain words.
    pub title: String,
    /// Its claims, in the statement's order.
    pub claims: Vec<ClaimView>,
}

/// A requirement set with a page of its own.
#[derive(Debug, Clone)]
pub struct SetLink {
    /// The set's slug.
    pub slug: String,
    /// Its title.
    pub title: String,
}

/// The public statement.
#[derive(Debug, Clone)]
pub struct StatementView {
    /// The statement's version, as the supplier numbers it.
    pub version: String,
    /// When that version came into force.
    pub in_force_since: Timestamp,
    /// SHA-256 of the statement file, in hexadecimal.
    pub statement_digest: String,
    /// Every public claim, by section.
    pub sections: Vec<SectionView>,
    /// The requirement sets that are answered.
    pub sets: Vec<SetLink>,
}

/// A form in which the statement can be kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DocumentFormat {
    /// For programs.
    Json,
    /// For people.
    Markdown,
}

/// Something of the log that anybody may read, with the headers that the format of tiles asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogResource {
    /// The bytes.
    pub bytes: Vec<u8>,
    /// The value of `Content-Type`.
    pub content_type: &'static str,
    /// The value of `Cache-Control`.
    pub cache_control: &'static str,
}

/// What a requirement comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Coverage {
    /// Every claim it needs is held, with the figure it needs.
    Met,
    /// A claim it needs is broken.
    Broken,
    /// A claim it needs is unproven.
    Unproven,
    /// Only the provider's part is answered.
    Part,
    /// Nothing answers it.
    Gap,
}

/// One requirement.
#[derive(Debug, Clone)]
pub struct RequirementRow {
    /// The requirement's id in its set.
    pub id: String,
    /// What is asked.
    pub text: String,
    /// What it comes to.
    pub status: Coverage,
    /// The claims that answer it, with the figures it needs.
    pub claims: Vec<String>,
}

/// A requirement set, answered.
#[derive(Debug, Clone)]
pub struct CoverageView {
    /// The set's title.
    pub title: String,
    /// Its requirements, in the set's order.
    pub requirements: Vec<RequirementRow>,
}
