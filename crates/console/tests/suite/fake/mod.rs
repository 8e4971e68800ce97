//! A desk that answers from fixed values, and is careless: it never looks at who asks.
//!
//! What a tenant's administrator must not see is there in every answer, so a page that leaves
//! the scope to the desk shows it.

mod answers;
pub mod factors;
mod moments;
mod sharing;
mod status;
mod unusual;
mod values;

use std::sync::Mutex;

use avouch_console::sharing::ShareAsk;
use avouch_console::status::{NewAnswer, NewIncident};
use avouch_console::unusual::Looked;
use avouch_console::views::{FaultsAsk, NewPerson, SubjectAsk, Timing, TrailQuery};
use avouch_console::{Answer, Person, Refusal, Role, Service, SessionDigest};
use factors::Factor;
use jiff::Timestamp;

/// The one password that lets anybody in.
pub const PASSWORD: &str = "  right, spaces and all ";
/// The email address that is throttled.
pub const THROTTLED: &str = "guesser@riverside.example";
/// The email address that somebody has already.
pub const TAKEN: &str = "taken@riverside.example";
/// The email address that somebody has in another organisation.
pub const ELSEWHERE: &str = "taken@lakeside.example";
/// The email address that is tried after too many others.
pub const ONE_TOO_MANY: &str = "another@lakeside.example";
/// The email address of somebody who signs in while the disk is full.
pub const DISK_FULL: &str = "unlucky@riverside.example";
/// Ten digits that are no NHS number.
pub const WRONG_NUMBER: &str = "9434765918";
/// The request that browsers are to time.
pub const TIMED: &str = "GET /wards/{ward}";
/// A search that finds more than a file holds.
pub const TOO_MUCH: &str = "everything";
/// A one-time code that is good in the browser with the mark below.
pub const CODE: &str = "good-code";
/// A pass that is good.
pub const PASS: &str = "good-pass";
/// A mark.
pub const STATE: &str = "0123456789abcdef0123456789abcdef";

/// The service that the fake belongs to.
pub fn service() -> Service {
    Service {
        name: "Acuity".to_owned(),
        supplier: "Example Digital Ltd".to_owned(),
        support_email: "support@example.test".to_owned(),
        domain: "acuity.localhost".to_owned(),
        status_page: true,
        port: 8443,
    }
}

/// The careless desk.
#[derive(Default)]
pub struct Fake {
    /// Put behind every text, to see that it stays text.
    pub suffix: &'static str,
    /// Whether a second factor has to be shown, or set up.
    pub factor: Factor,
    /// Every refusal that was recorded.
    pub refusals: Mutex<Vec<Refusal>>,
    /// Everybody added.
    pub added: Mutex<Vec<NewPerson>>,
    /// Whether a search must say why.
    pub reasons: bool,
    /// Every search of the trail.
    pub searches: Mutex<Vec<TrailQuery>>,
    /// Every question about a subject.
    pub asked: Mutex<Vec<SubjectAsk>>,
    /// Every session that a browser had when it entered.
    pub replaced: Mutex<Vec<SessionDigest>>,
    /// Every time that a browser said; there is room for one.
    pub timings: Mutex<Vec<Timing>>,
    /// Everything that people were told is wrong.
    pub told: Mutex<Vec<NewIncident>>,
    /// Every page of faults that was asked for.
    pub faults_asked: Mutex<Vec<FaultsAsk>>,
    /// Every answer to a fault.
    pub answered: Mutex<Vec<NewAnswer>>,
    /// Every answer to a finding of unusual access.
    pub looked: Mutex<Vec<(u64, Looked, String)>>,
    /// Every share that was asked for.
    pub shared: Mutex<Vec<ShareAsk>>,
    /// Every sign-out.
    pub left: Mutex<Vec<SessionDigest>>,
}

/// The session tokens, and whose they are.
pub fn people() -> [(&'static str, Person); 4] {
    let person = |id: &str, name: &str, role, tenant: Option<&str>| Person {
        id: id.to_owned(),
        name: name.to_owned(),
        email: format!("{id}@example.test"),
        role,
        tenant: tenant.map(str::to_owned),
        synthetic: false,
    };
    [
        (
            "member-token",
            person("p1", "Mair Member", Role::Member, Some("riverside")),
        ),
        (
            "admin-token",
            person("p2", "Ada Admin", Role::Administrator, Some("riverside")),
        ),
        (
            "supplier-token",
            person("p3", "Sam Supplier", Role::Supplier, None),
        ),
        (
            "adrift-token",
            person("p4", "Una Adrift", Role::Administrator, None),
        ),
    ]
}

fn now<T: Send + 'static>(value: T) -> Answer<'static, T> {
    Box::pin(async move { Ok(value) })
}

fn at(text: &str) -> Timestamp {
    text.parse().expect("a fixed time")
}

impl Fake {
    fn text(&self, text: &str) -> String {
        format!("{text}{}", self.suffix)
    }
}
