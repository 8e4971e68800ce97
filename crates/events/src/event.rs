//! The catalogue: what can happen, and what is written down of it.

use std::collections::BTreeMap;
use std::fmt;

use avouch_statement::TenantId;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// The version of this build.
const RELEASE: &str = env!("CARGO_PKG_VERSION");

/// One thing that happened, was tried, or was refused. It never holds a secret or a record's content.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// `2`, or `1` in an entry of an earlier build; a later version adds fields, never changes one.
    pub version: u8,
    /// When, UTC.
    pub at: Timestamp,
    /// Who did it.
    pub who: Actor,
    /// On whose behalf, as they said; empty for their own.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub behalf: String,
    /// Whose data or account it is about; `None` for the platform's own.
    pub tenant: Option<TenantId>,
    /// The site or unit within the tenant.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub locality: String,
    /// What was done.
    pub action: Action,
    /// On what: a method and path, an account, a drill.
    pub object: String,
    /// The people or records it is about, as the statement's record rules name them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub subjects: Vec<String>,
    /// What came of it.
    pub outcome: Outcome,
    /// Why it was refused or failed, or what was answered, in a few words.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub reason: String,
    /// Parameters of a management action, secrets masked.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub parameters: BTreeMap<String, String>,
    /// The address it came from: an IP address, `local` for the control socket, empty for the platform.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub source: String,
    /// A tag of the session, not its token.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub session: String,
    /// The answer's HTTP status.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// How long it took, in microseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub micros: Option<u64>,
    /// Ties an intent to its outcome.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub correlation: String,
    /// The version of the application that ran, as declared, and the start of its program's digest.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub application: String,
    /// The version of Avouch that it happened under.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub release: String,
}

/// Who did it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Actor {
    /// The account's id; empty for the platform and for nobody.
    pub id: String,
    /// The account's e-mail address, or `avouch`, `local-root`, `nobody`.
    pub name: String,
    /// In what role.
    pub role: Role,
}

/// In what role somebody acts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// An ordinary user of a tenant.
    Member,
    /// An administrator of a tenant.
    Administrator,
    /// Somebody of the supplier's.
    Supplier,
    /// A synthetic person, who exists only for checks.
    Synthetic,
    /// The platform itself.
    Platform,
    /// Root at a shell of this machine.
    LocalRoot,
    /// Nobody who signed in.
    Nobody,
    /// An account of the machine itself, as its record of logins names it.
    Server,
}

/// What was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Action {
    /// Signing in.
    SignIn,
    /// Signing out.
    SignOut,
    /// A connection is over.
    Connection,
    /// A request that opened no record.
    Request,
    /// A record was opened.
    RecordOpened,
    /// A record was changed or made.
    RecordChanged,
    /// The audit trail was searched.
    Search,
    /// Evidence left the system: a pack, an export.
    Export,
    /// An account, a tenant or a setting was managed.
    Administration,
    /// A backup was taken, verified or removed.
    Backup,
    /// A restore.
    Restore,
    /// A rehearsed restore.
    Drill,
    /// A round of checks.
    Checks,
    /// A claim stands otherwise than before.
    Finding,
    /// Another version of the service was put in place.
    Release,
    /// The platform started, stopped, restarted something, or noticed something.
    System,
    /// A browser said how long a named request took.
    Timing,
    /// Somebody logged in to the server itself.
    ServerLogin,
}

/// What came of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// About to be done; the outcome follows under the same correlation.
    Intended,
    /// Done.
    Done,
    /// Not allowed.
    Refused,
    /// Allowed, and did not work.
    Failed,
}

impl Action {
    /// Every action, in the order of the catalogue.
    pub const ALL: [Self; 18] = [
        Self::SignIn,
        Self::SignOut,
        Self::Connection,
        Self::Request,
        Self::RecordOpened,
        Self::RecordChanged,
        Self::Search,
        Self::Export,
        Self::Administration,
        Self::Backup,
        Self::Restore,
        Self::Drill,
        Self::Checks,
        Self::Finding,
        Self::Release,
        Self::System,
        Self::Timing,
        Self::ServerLogin,
    ];
}

impl Role {
    /// Every role.
    pub const ALL: [Self; 8] = [
        Self::Member,
        Self::Administrator,
        Self::Supplier,
        Self::Synthetic,
        Self::Platform,
        Self::LocalRoot,
        Self::Nobody,
        Self::Server,
    ];
}

impl Outcome {
    /// Every outcome.
    pub const ALL: [Self; 4] = [Self::Intended, Self::Done, Self::Refused, Self::Failed];
}

impl Event {
    /// An event with what every event has.
    #[must_use]
    pub fn new(
        at: Timestamp,
        who: Actor,
        action: Action,
        object: impl Into<String>,
        outcome: Outcome,
    ) -> Self {
        Self {
            version: 2,
            at,
            who,
            behalf: String::new(),
            tenant: None,
            locality: String::new(),
            action,
            object: object.into(),
            subjects: Vec::new(),
            outcome,
            reason: String::new(),
            parameters: BTreeMap::new(),
            source: String::new(),
            session: String::new(),
            status: None,
            micros: None,
            correlation: String::new(),
            application: String::new(),
            release: RELEASE.to_owned(),
        }
    }

    /// The same act, now that it is over: what came of it, and how long it took.
    #[must_use]
    pub fn ended(mut self, at: Timestamp, outcome: Outcome, reason: impl Into<String>) -> Self {
        self.micros = u64::try_from(at.duration_since(self.at).as_micros()).ok();
        self.at = at;
        self.outcome = outcome;
        self.reason = reason.into();
        self
    }

    /// The same about this tenant.
    #[must_use]
    pub fn of(mut self, tenant: Option<&TenantId>) -> Self {
        self.tenant = tenant.cloned();
        self
    }

    /// The same with a reason.
    #[must_use]
    pub fn because(mut self, reason: impl Into<String>) -> Self {
        self.reason = reason.into();
        self
    }

    /// The same with one more parameter.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        self.parameters.insert(name.to_owned(), value.into());
        self
    }

    /// The same from this address.
    #[must_use]
    pub fn from(mut self, source: impl Into<String>) -> Self {
        self.source = source.into();
        self
    }

    /// The same in this session.
    #[must_use]
    pub fn within(mut self, session: impl Into<String>) -> Self {
        self.session = session.into();
        self
    }
}

impl Actor {
    /// The platform itself.
    #[must_use]
    pub fn platform() -> Self {
        Self {
            id: String::new(),
            name: "avouch".to_owned(),
            role: Role::Platform,
        }
    }

    /// Root at a shell of this machine.
    #[must_use]
    pub fn local_root() -> Self {
        Self {
            id: String::new(),
            name: "local-root".to_owned(),
            role: Role::LocalRoot,
        }
    }

    /// Nobody who signed in.
    #[must_use]
    pub fn nobody() -> Self {
        Self {
            id: String::new(),
            name: "nobody".to_owned(),
            role: Role::Nobody,
        }
    }
}

/// The word that searches and reports use.
fn word(value: &impl Serialize) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(word)) => word,
        _ => String::new(),
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&word(self))
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&word(self))
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&word(self))
    }
}
