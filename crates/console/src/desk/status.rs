//! What the supplier's people ask about how the service is, and what they say of it.

use jiff::Timestamp;

use super::{Actor, Answer};

/// Something that is wrong, or was.
#[derive(Debug, Clone)]
pub struct IncidentView {
    /// Its number.
    pub number: u64,
    /// The tenant whom it concerns; `None` for everybody.
    pub tenant: Option<String>,
    /// Whether the platform saw it by itself, and will see its end.
    pub seen: bool,
    /// What is wrong, in a few words.
    pub title: String,
    /// Since when.
    pub began: Timestamp,
    /// Until when.
    pub ended: Option<Timestamp>,
    /// What was said of it since, oldest first.
    pub updates: Vec<(Timestamp, String)>,
    /// The letters to the supplier's team about it; none where the statement says that none are written.
    pub letters: Vec<LetterRow>,
}

/// A letter about an incident.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LetterRow {
    /// Whether it tells that it is over.
    pub of_end: bool,
    /// How it stands with it.
    pub stands: LetterStands,
}

/// How it stands with a letter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LetterStands {
    /// The relay has taken it.
    Taken,
    /// The relay has not taken it yet.
    Waits,
    /// The relay did not take it in time, and it was given up then.
    GivenUp(Timestamp),
}

/// Something that is to be told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewIncident {
    /// The tenant whom it concerns; `None` for everybody.
    pub tenant: Option<String>,
    /// What is wrong, in a few words.
    pub title: String,
    /// What is done about it; may be empty.
    pub text: String,
}

/// What is said of something that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewUpdate {
    /// What; may be empty where it is over.
    pub text: String,
    /// Whether it is over.
    pub over: bool,
}

/// What the supplier's team answers to a fault.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewAnswer {
    /// What it says.
    pub text: String,
    /// Whether nothing is left to be done.
    pub closed: bool,
}

/// How the service is, as its people see and say it. Whoever implements it audits what it does, without the words.
pub trait StatusDesk: Send + Sync + 'static {
    /// What is wrong, and then what was, newest first.
    fn incidents<'a>(&'a self, actor: &'a Actor) -> Answer<'a, Vec<IncidentView>>;
    /// Tells people that something is wrong; its number.
    fn tell<'a>(&'a self, actor: &'a Actor, new: &'a NewIncident) -> Answer<'a, u64>;
    /// Says something of what is wrong; absent if it is over already.
    fn update<'a>(&'a self, actor: &'a Actor, number: u64, update: &'a NewUpdate)
    -> Answer<'a, ()>;
    /// Answers a fault that somebody reported; absent if there is none of that number.
    fn answer_fault<'a>(
        &'a self,
        actor: &'a Actor,
        number: u64,
        answer: &'a NewAnswer,
    ) -> Answer<'a, ()>;
}
