//! People at two tenants who enter assessments as fast as they are acknowledged, and what must be left of it afterwards.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use avouch_evidence::Ask;
use jiff::civil::Date;
use serde_json::Value;

use crate::harness::{Browser, Entry, Service, run, within};

pub const TENANTS: [&str; 2] = ["riverside", "hillside"];

/// An assessment that the service has said is kept.
#[derive(Debug, Clone)]
pub struct Kept {
    pub tenant: &'static str,
    pub id: String,
}

/// Somebody who has signed in at a tenant, and stays so.
pub struct Person {
    tenant: &'static str,
    browser: Browser,
}

impl Person {
    /// A member of each tenant, signed in.
    pub fn of_each_tenant(service: &Service) -> Vec<Self> {
        let signed_in = |tenant| {
            let mut browser = Browser::new(service);
            browser.sign_in(tenant, &service.user(tenant, "member"));
            Self { tenant, browser }
        };
        TENANTS.map(signed_in).into()
    }

    /// Whether the application's first page is shown just now.
    pub fn can_work(&mut self) -> bool {
        let answer = self.browser.send(self.tenant, Ask::get("/"));
        answer.is_ok_and(|answer| answer.status.is_success())
    }
}

/// People at work.
pub struct Load {
    stop: Arc<AtomicBool>,
    count: Arc<AtomicUsize>,
    kept: Arc<Mutex<Vec<Kept>>>,
    writers: Vec<JoinHandle<(Person, Date)>>,
}

/// What people leave when they stop.
pub struct Rest {
    pub people: Vec<Person>,
    /// Everything that was acknowledged.
    pub kept: Vec<Kept>,
    /// The first day that nobody has touched.
    pub day: Date,
}

impl Load {
    /// Has them enter one day after another, from this one on.
    pub fn start(people: Vec<Person>, day: Date) -> Self {
        let mut load = Self {
            stop: Arc::default(),
            count: Arc::default(),
            kept: Arc::default(),
            writers: Vec::new(),
        };
        for mut person in people {
            let (stop, count, kept) = (load.stop.clone(), load.count.clone(), load.kept.clone());
            let mut day = day;
            load.writers.push(std::thread::spawn(move || {
                let stopped = || stop.load(Ordering::SeqCst);
                while !stopped() {
                    if write_a_day(&mut person, day, &count, &kept).is_err() {
                        // Days are not used up on a service that does not answer.
                        let _ = within(60, || (stopped() || person.can_work()).then_some(()));
                    }
                    day = day.tomorrow().unwrap();
                }
                (person, day)
            }));
        }
        load
    }

    /// How many entries the service has said are kept.
    pub fn acknowledged(&self) -> usize {
        self.count.load(Ordering::SeqCst)
    }

    /// What the service has said is kept so far.
    pub fn kept(&self) -> Vec<Kept> {
        self.kept.lock().unwrap().clone()
    }

    /// Has them stop.
    pub fn stop(self) -> Rest {
        self.stop.store(true, Ordering::SeqCst);
        let ended = self
            .writers
            .into_iter()
            .map(|writer| writer.join().unwrap());
        let (people, days): (Vec<Person>, Vec<Date>) = ended.unzip();
        let kept = self.kept.lock().unwrap().clone();
        Rest {
            people,
            kept,
            day: days.into_iter().max().unwrap(),
        }
    }
}

/// Enters a day's assessments until one is not acknowledged: that one may be there or not.
fn write_a_day(
    person: &mut Person,
    day: Date,
    count: &AtomicUsize,
    kept: &Mutex<Vec<Kept>>,
) -> Result<(), String> {
    let periods = (1..=3).flat_map(|ward| (0..6).map(move |period| (ward, period)));
    for (ward, period) in periods {
        let entry = Entry {
            ward,
            day,
            period,
            midwives: 5,
        };
        let at = person.browser.enter(person.tenant, &entry)?;
        kept.lock().unwrap().push(Kept {
            tenant: person.tenant,
            id: at.rsplit('/').next().unwrap().to_owned(),
        });
        count.fetch_add(1, Ordering::SeqCst);
    }
    Ok(())
}

/// Everything acknowledged is in the application's database and in the ledger, and the ledger verifies. Returns how many
/// were found in both.
#[track_caller]
pub fn nothing_is_missing(service: &Service, kept: &[Kept], known: &str) -> usize {
    let mut stored = BTreeSet::new();
    for tenant in TENANTS {
        let database = service
            .data()
            .join(format!("tenants/{tenant}/data/acuity.db"));
        let there: BTreeSet<String> = run(
            "sqlite3",
            [
                "-cmd",
                ".timeout 10000",
                database.to_str().unwrap(),
                "select id from assessment",
            ],
        )
        .lines()
        .map(str::to_owned)
        .collect();
        let lost: Vec<&Kept> = kept
            .iter()
            .filter(|one| one.tenant == tenant && !there.contains(&one.id))
            .collect();
        assert!(lost.is_empty(), "{known}: not in the database: {lost:?}");
        stored.extend(there.into_iter().map(|id| (tenant, id)));
    }
    let mut found = 0;
    let mut untold = kept.to_vec();
    let trail = service.place().join("trail");
    let told = within(15, || {
        let (because, to) = ("to see that nothing is missing", trail.to_str().unwrap());
        service
            .avouch(&[
                "audit",
                "export",
                "--format",
                "json",
                "--because",
                because,
                "--output",
                to,
            ])
            .with(0);
        let subjects: BTreeSet<String> = std::fs::read_to_string(&trail)
            .unwrap()
            .lines()
            .map(|line| serde_json::from_str::<Value>(line).unwrap())
            .filter(|event| event["outcome"] == "done")
            .filter_map(|event| event["subjects"].as_array().cloned())
            .flatten()
            .filter_map(|subject| subject.as_str().map(str::to_owned))
            .collect();
        std::fs::remove_file(&trail).unwrap();
        untold.retain(|one| {
            let told = subjects.contains(&one.id);
            found += usize::from(told && stored.contains(&(one.tenant, one.id.clone())));
            !told
        });
        untold.is_empty().then_some(())
    });
    assert!(told.is_some(), "{known}: not in the ledger: {untold:?}");
    let verified = service.avouch(&["audit", "verify"]);
    assert_eq!(verified.code, 0, "{known}: {verified:?}");
    found
}
