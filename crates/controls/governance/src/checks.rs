//! Looking at records on the day.

mod attested;
mod inherited;

pub use attested::AttestedCheck;
pub use inherited::{InheritedCheck, ReadFile};
