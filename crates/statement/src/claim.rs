//! A claim: one promise of the statement.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::{Figure, Length, Place};

/// The path of a claim in the statement, such as `backup.source.tenant-data.keep.daily`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ClaimId(String);

impl ClaimId {
    /// Takes a path as it stands.
    #[must_use]
    pub fn new(path: impl Into<String>) -> Self {
        Self(path.into())
    }

    /// The path.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Does it match a pattern in which `*` stands for one whole part?
    #[must_use]
    pub fn matches(&self, pattern: &str) -> bool {
        let (mine, theirs): (Vec<_>, Vec<_>) =
            (self.0.split('.').collect(), pattern.split('.').collect());
        mine.len() == theirs.len()
            && mine
                .iter()
                .zip(&theirs)
                .all(|(part, wanted)| *wanted == "*" || part == wanted)
    }
}

impl fmt::Display for ClaimId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for ClaimId {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(Self::new(text))
    }
}

/// Who makes a claim true.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Assurance {
    /// A control of ours, which checks try to break.
    Enforced,
    /// A provider, by a certificate we hold.
    Inherited,
    /// A named person, by a signature we hold.
    Attested,
}

/// Who may read what was observed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Audience {
    /// Anybody.
    Public,
    /// The tenant whose data it is, and the supplier.
    Tenant,
    /// The supplier alone.
    Supplier,
}

/// What came of trying to prove a claim false. Ordered from best to worst.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[must_use]
pub enum Verdict {
    /// Seen true.
    Held,
    /// No fresh evidence: a check could not run, or has not run in time.
    Unproven,
    /// Seen false, or not done by its time.
    Broken,
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Held => "held",
            Self::Unproven => "unproven",
            Self::Broken => "broken",
        })
    }
}

/// One promise, as the statement makes it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claim {
    /// Its path.
    pub id: ClaimId,
    /// The sentence that the customer reads.
    pub text: String,
    /// Who makes it true.
    pub assurance: Assurance,
    /// Who may read what was observed.
    pub audience: Audience,
    /// What exactly is promised.
    pub figure: Figure,
    /// How it is tried, and what is not tried: no sentence is wider than its check.
    pub limits: String,
    /// How long evidence stays fresh.
    pub fresh_for: Length,
    /// The line that makes the promise.
    pub place: Place,
}

/// A claim as a control states it; the reader adds its path and place.
#[derive(Debug, Clone)]
pub struct Draft {
    /// The sentence that the customer reads.
    pub text: String,
    /// What exactly is promised.
    pub figure: Figure,
    /// How it is tried, and what is not tried.
    pub limits: String,
    /// Who makes it true.
    pub assurance: Assurance,
    /// Who may read what was observed.
    pub audience: Audience,
    /// How long evidence stays fresh.
    pub fresh_for: Length,
}

impl Draft {
    /// An enforced claim whose observations the tenant may read, and whose evidence is fresh for a day.
    #[must_use]
    pub fn enforced(text: impl Into<String>, figure: Figure, limits: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            figure,
            limits: limits.into(),
            assurance: Assurance::Enforced,
            audience: Audience::Tenant,
            fresh_for: Length::new(1, crate::Unit::Day),
        }
    }

    /// The same with another assurance.
    #[must_use]
    pub fn assured(mut self, assurance: Assurance) -> Self {
        self.assurance = assurance;
        self
    }

    /// The same for another audience.
    #[must_use]
    pub fn for_audience(mut self, audience: Audience) -> Self {
        self.audience = audience;
        self
    }

    /// The same with another freshness.
    #[must_use]
    pub fn fresh_for(mut self, length: Length) -> Self {
        self.fresh_for = length;
        self
    }
}
