//! What the console asks about requests that a second person must approve.

use jiff::Timestamp;

use super::{Actor, Answer};

/// Something that somebody asked to do.
pub struct RequestRow {
    /// Its id.
    pub id: String,
    /// What, in a few words.
    pub act: String,
    /// Whose data it is about; `None` for the platform's.
    pub tenant: Option<String>,
    /// Who asked, by their email address.
    pub by: String,
    /// Until when it may be approved, or done once it is.
    pub until: Timestamp,
    /// Whether somebody approved it.
    pub approved: bool,
    /// Whether it is the reader's own.
    pub own: bool,
}

/// Requests for a second person, as the console sees them. Whoever implements it audits what it does.
pub trait SecondPerson: Send + Sync + 'static {
    /// What waits within the actor's reach.
    fn requests<'a>(&'a self, actor: &'a Actor) -> Answer<'a, Vec<RequestRow>>;
    /// Approves what somebody else asked for.
    fn approve<'a>(&'a self, actor: &'a Actor, id: &'a str) -> Answer<'a, ()>;
}
