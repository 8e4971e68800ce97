//! The audit promises: every request and every management act is in the ledger.
//!
//! This control says what is promised and tries to break it. The recording itself is done where requests and
//! management acts pass; the checks look at the ledger through [`checks::Trail`].
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

pub mod checks;
mod custody;
mod export;
pub mod logins;
mod record;
pub mod review;
mod settings;
mod witness;

pub use custody::CUSTODY;
pub use export::{Export, Receiver};
pub use logins::{LOGINS, Logins};
pub use record::{RecordRule, is_record, read_records, subjects};
pub use review::{REVIEW, Review};
pub use settings::{BEFORE_EFFECT, CONNECTIONS, KEEP, MANAGEMENT, SUBJECT_REPORT, Settings, read};
pub use witness::{WITNESSED, Witness, Witnessed};
