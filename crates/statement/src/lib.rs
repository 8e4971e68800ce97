//! The statement: text to settings, claims, requirement sets and coverage, without I/O or a clock.
//!
//! A control reads its own section with [`Table`]: every value keeps its place in the file, every
//! fault is collected, and each setting that promises something is recorded as a [`Claim`].
#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing,
        reason = "a test may stop at the first surprise"
    )
)]

mod at;
mod claim;
mod coverage;
mod fault;
mod figure;
mod length;
mod name;
mod near;
mod pattern;
mod reading;
mod requirement;
mod source;
mod table;

pub use at::{At, AtError, Due};
pub use claim::{Assurance, Audience, Claim, ClaimId, Draft, Verdict};
pub use coverage::{Coverage, Met, RequirementStatus, cover};
pub use fault::{Fault, Faults};
pub use figure::{Comparison, Figure};
pub use length::{Length, Unit};
pub use name::{BadSlug, Slug, TenantId};
pub use pattern::{Captures, Pattern, PatternError};
pub use reading::{Document, Reading};
pub use requirement::{Need, Requirement, RequirementSet};
pub use source::{Place, Source};
pub use table::{Spanned, Table};
