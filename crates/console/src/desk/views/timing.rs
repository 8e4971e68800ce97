//! What browsers say of how long something took.

use std::time::Duration;

/// One time, as a browser says it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Timing {
    /// The request, as the statement names it.
    pub on: String,
    /// From asking until the page was there.
    pub took: Duration,
}

/// What became of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Timed {
    /// It is kept.
    Kept,
    /// The statement asks for no times of that request.
    Unasked,
    /// The session has said too many in this minute.
    TooMany,
}
