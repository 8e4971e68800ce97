//! A core that says what a test tells it to, and tells what it heard.

use std::path::Path;
use std::sync::Mutex;

use avouch_gateway::link::{
    Admission, Admit, Begin, Closed, End, Flowed, LinkId, NotRecorded, Person, Read, Refused,
    Report, Role, SuiteCount,
};
use tokio::sync::{Semaphore, SemaphorePermit, mpsc};

use super::{DOMAIN, SESSION};

/// What the core was told, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Told {
    Begin(Begin),
    End(End),
    Read(Read),
    Closed(Closed),
    Refused(Refused),
    Flowed(Flowed),
    Suites(Vec<SuiteCount>),
}

/// The pretended core. `SESSION_TOKEN` is signed in; without it there is a sign-in page.
pub struct Core {
    pub told: mpsc::UnboundedSender<Told>,
    pub reports: mpsc::UnboundedSender<Report>,
    /// One permit lets one end be kept.
    pub keeping: Semaphore,
    pub admit: Mutex<Admit>,
    /// What was refused unasked: which path, and why.
    pub refusals: Mutex<Vec<(String, String)>>,
}

impl Core {
    async fn keep(&self) -> bool {
        self.keeping
            .acquire()
            .await
            .map(SemaphorePermit::forget)
            .is_ok()
    }
}

impl Admission for Core {
    async fn begin(&self, _: LinkId, begin: Begin) -> Admit {
        let signed_in = begin.token_digest == Some(sha256(b"good"));
        self.told.send(Told::Begin(begin)).unwrap();
        if signed_in {
            self.admit.lock().unwrap().clone()
        } else {
            Admit::SignIn {
                location: format!("https://signin.{DOMAIN}/"),
            }
        }
    }

    async fn end(&self, _: LinkId, end: End) -> Result<(), NotRecorded> {
        self.told.send(Told::End(end)).unwrap();
        if self.keep().await {
            Ok(())
        } else {
            Err(NotRecorded)
        }
    }

    async fn reads(&self, reads: Vec<Read>) -> Vec<bool> {
        let mut kept = Vec::new();
        for read in reads {
            let went_on = Some(read.warrant);
            self.told.send(Told::Read(read)).unwrap();
            let holds = matches!(&*self.admit.lock().unwrap(), Admit::Forward { warrant, .. } if *warrant == went_on);
            kept.push(holds && self.keep().await);
        }
        kept
    }

    async fn closed(&self, _: LinkId, closed: Closed) {
        self.told.send(Told::Closed(closed)).unwrap();
    }

    async fn refused(&self, refused: Refused) {
        let path = refused.path.clone().unwrap_or_default();
        let refusal = (path, refused.reason.clone());
        self.refusals.lock().unwrap().push(refusal);
        self.told.send(Told::Refused(refused)).unwrap();
    }

    async fn flowed(&self, flowed: Flowed) {
        self.told.send(Told::Flowed(flowed)).unwrap();
    }

    async fn report(&self, _: LinkId, report: Report) {
        match report {
            Report::Suites(suites) => self.told.send(Told::Suites(suites)).unwrap(),
            other => self.reports.send(other).unwrap(),
        }
    }
}

pub fn sha256(bytes: &[u8]) -> [u8; 32] {
    aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, bytes)
        .as_ref()
        .try_into()
        .unwrap()
}

/// Let through, each request by itself.
pub fn forward(socket: &Path) -> Admit {
    forward_on(socket, None)
}

/// Let through, and further reads on the same word.
pub fn forward_on(socket: &Path, warrant: Option<u64>) -> Admit {
    let person = Person {
        id: "p1".into(),
        email: "ann@trust.test".into(),
        name: "Ann".into(),
        role: Role::Member,
        synthetic: true,
    };
    Admit::Forward {
        tenant: "riverside".into(),
        upstream: socket.to_owned(),
        person,
        session: SESSION,
        warrant,
    }
}
