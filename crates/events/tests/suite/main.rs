//! The trail sent on to real receivers: rsyslog, and one that is as strict about `_bulk` as its documentation. No
//! Elasticsearch or OpenSearch is tried here; what their answers look like is recorded in the unit tests.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may stop at the first surprise"
)]

mod bulk;
mod receivers;
mod syslog;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use avouch_events::export::Origin;
use avouch_events::ship::{News, Progress, Shipper, Target, Wire};
use avouch_events::{Action, Actor, Event, Opener, Outcome, Recorder, Role, Streams};
use avouch_keyring::{Keyring, Source};
use avouch_ledger::{Ledger, LogKey, Options};
use avouch_statement::TenantId;
use jiff::Timestamp;
use tempfile::TempDir;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::task::JoinHandle;

/// A trail.
struct Trail {
    folder: TempDir,
    ledger: Ledger,
    keyring: Arc<Keyring>,
    streams: Arc<Streams>,
    recorder: Recorder,
}

/// An export that runs.
struct Running {
    shipper: Arc<Shipper>,
    news: UnboundedReceiver<News>,
    task: JoinHandle<()>,
}

impl Drop for Running {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Trail {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        std::fs::create_dir_all(path("ledger")).unwrap();
        let key = LogKey::from_seed("acuity.test/ledger", &[7; 32]).unwrap();
        let ledger = Ledger::open(&path("ledger"), key, &Options::default()).unwrap();
        let source = Source::File {
            path: path("master.key"),
        };
        let keyring = Arc::new(Keyring::unlock(&path("keys"), &source).unwrap());
        let streams = Arc::new(Streams::open(&path("streams")).unwrap());
        let recorder = Recorder::new(ledger.clone(), keyring.clone(), streams.clone(), None);
        Self {
            folder,
            ledger,
            keyring,
            streams,
            recorder,
        }
    }

    /// Records that somebody of this tenant opened so many records.
    async fn opened(&self, tenant: &str, records: u64) {
        let who = Actor {
            id: "p1".into(),
            name: format!("ann@{tenant}.test"),
            role: Role::Member,
        };
        let tenant: TenantId = tenant.parse().unwrap();
        let events = (0..records).map(|number| {
            let at = Timestamp::from_millisecond(1_767_225_600_000 + number.cast_signed()).unwrap();
            let what = format!("GET /wards/1/assessments/{number}");
            let mut event = Event::new(at, who.clone(), Action::RecordOpened, what, Outcome::Done)
                .of(Some(&tenant))
                .from("192.0.2.7")
                .with("because", "a \"quoted\" reason]\nwith a second line");
            event.subjects = vec![number.to_string()];
            event.status = Some(200);
            event
        });
        self.recorder
            .record_all(events.collect())
            .await
            .map_err(|(error, _)| error)
            .unwrap();
    }

    /// Records what an export says of itself.
    async fn said(&self, object: &str) {
        let event = Event::new(
            Timestamp::UNIX_EPOCH,
            Actor::platform(),
            Action::System,
            object,
            Outcome::Failed,
        );
        self.recorder.record(event).await.unwrap();
    }

    fn cursor(&self) -> PathBuf {
        self.folder.path().join("siem.json")
    }

    /// Sends to this target, going on where the cursor says.
    fn send(&self, target: Target, tenants: &[&str]) -> Running {
        let opener = Opener::new(self.keyring.clone(), self.streams.clone());
        let tenants = tenants.iter().map(|name| name.parse().unwrap()).collect();
        let from = (self.ledger.reader(), opener);
        let shipper = Shipper::open("siem", from, tenants, target, self.cursor()).unwrap();
        let shipper = Arc::new(shipper);
        let (tell, news) = unbounded_channel();
        let running = shipper.clone();
        Running {
            shipper,
            news,
            task: tokio::spawn(async move { running.run(&tell).await }),
        }
    }
}

impl Running {
    /// Waits until its progress is like this.
    #[track_caller]
    fn until(
        &self,
        what: &'static str,
        holds: impl Fn(&Progress) -> bool + Send,
    ) -> impl Future<Output = Progress> {
        let began = Instant::now();
        async move {
            loop {
                let progress = self.shipper.progress().unwrap();
                if holds(&progress) {
                    return progress;
                }
                assert!(
                    began.elapsed() < Duration::from_secs(60),
                    "not {what}: {progress:?}"
                );
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
    }

    /// Waits until everything is sent.
    async fn all_sent(&self) -> Progress {
        self.until("all sent", |progress| progress.done == progress.size)
            .await
    }
}

fn origin() -> Origin {
    Origin {
        log: "acuity.test/ledger".to_owned(),
        service: "acuity.test".to_owned(),
    }
}

fn wire(port: u16, authority: &std::path::Path) -> Wire {
    Wire::new("localhost", port, authority).unwrap()
}
