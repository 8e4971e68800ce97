//! `kill -9` of every role, of applications and of the whole tree, at seeded moments under load: afterwards nothing that
//! was acknowledged is missing, and the service is back by itself or by one `avouch up`.
//!
//! 20 kills by default; `AVOUCH_KILLS=200` for more. `AVOUCH_SEED` repeats a run.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use jiff::civil::{Date, date};
use serde_json::Value;

use crate::harness::{
    Browser, Entry, Options, Random, Service, avouch_binary, eventually, kill, named, run, within,
};

const TENANTS: [&str; 2] = ["riverside", "hillside"];

/// What is killed; the last stands for the supervisor, and everything with it.
const VICTIMS: [&str; 6] = [
    "core",
    "front",
    "riverside",
    "hillside",
    "everything",
    "everything during a backup",
];

/// An assessment that the service has said is kept.
#[derive(Debug, Clone)]
struct Kept {
    tenant: &'static str,
    id: String,
}

/// What one kind of kill came to.
#[derive(Default)]
struct Tally {
    kills: u32,
    kept: usize,
    slowest: Duration,
}

#[test]
fn nothing_acknowledged_is_missing_after_kills_at_random_moments_under_load() {
    let number = |name: &str, default: u64| {
        std::env::var(name)
            .ok()
            .and_then(|text| text.parse().ok())
            .unwrap_or(default)
    };
    let (kills, seed) = (
        number("AVOUCH_KILLS", 20),
        number("AVOUCH_SEED", 20_261_122),
    );
    let mut random = Random::new(seed);
    let mut service = Service::start(Options::default());
    let mut day = date(2001, 1, 1);
    let mut tally: BTreeMap<&str, Tally> = BTreeMap::new();
    for number in 0..kills {
        // Each kind comes before any comes twice.
        let victim = VICTIMS[usize::try_from(number).unwrap() % VICTIMS.len()];
        let (kept, back) = one_kill(&mut service, victim, 1 + random.below(12), &mut day);
        let known = format!("seed {seed}, kill {number} of {victim}");
        nothing_is_missing(&service, &kept, &known);
        let entry = tally.entry(victim).or_default();
        entry.kills += 1;
        entry.kept += kept.len();
        entry.slowest = entry.slowest.max(back);
    }
    service.avouch(&["backup", "run"]).with(0);
    service.avouch(&["--json", "backup", "verify"]).with(0);
    println!(
        "{:<28} {:>5} {:>12} {:>8} {:>13}",
        "killed", "times", "acknowledged", "missing", "slowest back"
    );
    for (
        victim,
        Tally {
            kills,
            kept,
            slowest,
        },
    ) in tally
    {
        println!(
            "{victim:<28} {kills:>5} {kept:>12} {:>8} {:>11.1} s",
            0,
            slowest.as_secs_f32()
        );
    }
}

/// Puts load on the service, kills once so much has been acknowledged, and waits until it serves again.
fn one_kill(
    service: &mut Service,
    victim: &str,
    after: usize,
    day: &mut Date,
) -> (Vec<Kept>, Duration) {
    let stop = Arc::new(AtomicBool::new(false));
    let (count, kept) = (
        Arc::new(AtomicUsize::new(0)),
        Arc::new(Mutex::new(Vec::new())),
    );
    let writers: Vec<_> = TENANTS
        .map(|tenant| {
            let mut browser = Browser::new(service);
            browser.sign_in(tenant, &service.user(tenant, "member"));
            let (stop, count, kept, mut day) = (stop.clone(), count.clone(), kept.clone(), *day);
            std::thread::spawn(move || {
                while !stop.load(Ordering::SeqCst) {
                    write_a_day(&mut browser, tenant, day, &count, &kept);
                    day = day.tomorrow().unwrap();
                }
                day
            })
        })
        .into();
    let backup = victim.contains("backup").then(|| {
        let words = [
            "-c".into(),
            service.statement().into_os_string(),
            "--data".into(),
            service.data().into_os_string(),
            "backup".into(),
            "run".into(),
        ];
        std::process::Command::new(avouch_binary())
            .args(words)
            .stderr(std::process::Stdio::null())
            .spawn()
            .unwrap()
    });
    eventually("entries under load", 60, || {
        (count.load(Ordering::SeqCst) >= after).then_some(())
    });
    let began = Instant::now();
    match victim {
        "core" | "front" | "riverside" | "hillside" => {
            kill(named(&service.data(), victim).expect("a running process"))
        }
        _ => service.crash(),
    }
    stop.store(true, Ordering::SeqCst);
    *day = writers
        .into_iter()
        .map(|writer| writer.join().unwrap())
        .max()
        .unwrap();
    if let Some(mut backup) = backup {
        let _ = backup.wait();
    }
    if victim.starts_with("everything") {
        service
            .up()
            .unwrap_or_else(|log| panic!("`avouch up` did not start by itself:\n{log}"));
    }
    for tenant in TENANTS {
        let user = service.user(tenant, "member");
        eventually("the service to be back", 60, || {
            Browser::new(service).can_enter(tenant, &user).then_some(())
        });
    }
    let kept = kept.lock().unwrap().clone();
    (kept, began.elapsed())
}

fn write_a_day(
    browser: &mut Browser,
    tenant: &'static str,
    day: Date,
    count: &AtomicUsize,
    kept: &Mutex<Vec<Kept>>,
) {
    for (ward, period) in (1..=3).flat_map(|ward| (0..6).map(move |period| (ward, period))) {
        match browser.enter(
            tenant,
            &Entry {
                ward,
                day,
                period,
                midwives: 5,
            },
        ) {
            Ok(at) => {
                kept.lock().unwrap().push(Kept {
                    tenant,
                    id: at.rsplit('/').next().unwrap().to_owned(),
                });
                count.fetch_add(1, Ordering::SeqCst);
            }
            // Whatever was not acknowledged may be there or not; this day is left.
            Err(_) => return,
        }
    }
}

/// Everything acknowledged is in the application's database and in the ledger, and the ledger verifies.
#[track_caller]
fn nothing_is_missing(service: &Service, kept: &[Kept], known: &str) {
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
    }
    let mut untold = kept.to_vec();
    let told = within(15, || {
        let found = service.ask(&["audit", "search", "--outcome", "done", "--limit", "1000"]);
        let subjects: BTreeSet<&str> = found["rows"]
            .as_array()
            .unwrap()
            .iter()
            .flat_map(|row| row["subjects"].as_array().unwrap())
            .filter_map(Value::as_str)
            .collect();
        untold.retain(|one| !subjects.contains(one.id.as_str()));
        untold.is_empty().then_some(())
    });
    assert!(told.is_some(), "{known}: not in the ledger: {untold:?}");
    let verified = service.avouch(&["audit", "verify"]);
    assert_eq!(verified.code, 0, "{known}: {verified:?}");
}
