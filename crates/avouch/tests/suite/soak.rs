//! `kill -9` of every role, of applications and of the whole tree, and power cuts, at seeded moments under load: afterwards
//! nothing that was acknowledged is missing, and the service is back by itself or by one `avouch up`.
//!
//! 24 kills by default; `AVOUCH_KILLS=200` for more. `AVOUCH_SEED` repeats a run, and `AVOUCH_SOAK` names the file that its
//! page is written to.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use crate::harness::{
    Disk, Options, Place, Random, Service, avouch_binary, eventually, kill, named, not_tried,
    profile_folder, run,
};
use crate::load::{Load, Person, Rest, nothing_is_missing};
use jiff::civil::date;

/// What is killed. Everything is the supervisor, and all that ends with it; with the power goes what was not flushed.
const VICTIMS: [&str; 8] = [
    "core",
    "front",
    "riverside",
    "hillside",
    "everything",
    "everything during a backup",
    "a process of a backup",
    "the power",
];

/// Room for a soak of some hours.
const MEBIBYTES: u64 = 8_192;

/// What one kind of kill came to.
#[derive(Default)]
struct Tally {
    /// Entries that were acknowledged before and while it was killed.
    kept: usize,
    /// Those of them that were found afterwards, in the database and in the ledger.
    found: usize,
    /// How long it took each time until people could work again.
    back: Vec<Duration>,
}

/// What commands have said is done.
#[derive(Default)]
struct Promised {
    people: BTreeSet<String>,
    snapshots: BTreeSet<String>,
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
        number("AVOUCH_KILLS", 24),
        number("AVOUCH_SEED", 20_261_122),
    );
    let mut random = Random::new(seed);
    let (place, victims) = match Disk::has_power_to_cut() {
        Ok(()) => (
            Place::on(|at| Disk::with_journal(at, MEBIBYTES)),
            &VICTIMS[..],
        ),
        Err(why) => {
            not_tried("cutting the power", why);
            (Place::new(), &VICTIMS[..VICTIMS.len() - 1])
        }
    };
    let mut service = Service::start_at(place, Options::default());
    let mut rest = Rest {
        people: Person::of_each_tenant(&service),
        kept: Vec::new(),
        day: date(2001, 1, 1),
    };
    let mut promised = Promised::default();
    let mut tally: BTreeMap<&str, Tally> = BTreeMap::new();
    let mut kept = Vec::new();
    for number in 0..kills {
        // Each kind comes before any comes twice.
        let victim = victims[usize::try_from(number).unwrap() % victims.len()];
        // Just before all of it ends, what a command has said is most at risk.
        if victim.starts_with("everything") || victim == "the power" {
            promised.more(&service, number);
        }
        let back;
        (rest, back) = one_kill(&mut service, victim, 1 + random.below(12), rest);
        let known = format!("seed {seed}, kill {number} of {victim}");
        let found = nothing_is_missing(&service, &rest.kept, &known);
        promised.is_kept(&service, &known);
        let entry = tally.entry(victim).or_default();
        entry.kept += rest.kept.len();
        entry.found += found;
        entry.back.push(back);
        kept.append(&mut rest.kept);
    }
    nothing_is_missing(&service, &kept, &format!("seed {seed}, in the end"));
    service.avouch(&["backup", "run"]).with(0);
    service.avouch(&["--json", "backup", "verify"]).with(0);
    let table = table(&mut tally);
    println!("seed {seed}\n{table}");
    if let Some(path) = std::env::var_os("AVOUCH_SOAK") {
        std::fs::write(path, page(seed, kills, &table)).unwrap();
    }
}

impl Promised {
    /// Adds somebody and takes a backup.
    fn more(&mut self, service: &Service, number: u64) {
        let email = format!("person-{number}@riverside.example");
        let tenant = "riverside";
        service
            .avouch(&[
                "user", "add", &email, "--name", "Someone", "--tenant", tenant,
            ])
            .with(0);
        self.people.insert(email);
        let before = column(service, "backup", "snapshot");
        service.avouch(&["backup", "run", tenant]).with(0);
        let after = column(service, "backup", "snapshot");
        self.snapshots.extend(after.difference(&before).cloned());
        assert!(
            !self.snapshots.is_empty(),
            "a backup was taken and is not listed"
        );
    }

    #[track_caller]
    fn is_kept(&self, service: &Service, known: &str) {
        for (list, name, promised) in [
            ("user", "email", &self.people),
            ("backup", "snapshot", &self.snapshots),
        ] {
            let there = column(service, list, name);
            let lost: Vec<&String> = promised.difference(&there).collect();
            assert!(lost.is_empty(), "{known}: `{list} list` lacks {lost:?}");
        }
    }
}

/// One column of what a command lists.
fn column(service: &Service, list: &str, name: &str) -> BTreeSet<String> {
    let listed = service.ask(&[list, "list"]);
    let rows = listed.as_array().or_else(|| listed["rows"].as_array());
    rows.unwrap()
        .iter()
        .map(|row| row[name].as_str().unwrap().to_owned())
        .collect()
}

/// One line for each kind of kill, and one for all.
fn table(tally: &mut BTreeMap<&str, Tally>) -> String {
    let all = Tally {
        kept: tally.values().map(|one| one.kept).sum(),
        found: tally.values().map(|one| one.found).sum(),
        back: tally.values().flat_map(|one| one.back.clone()).collect(),
    };
    let line = |(victim, one): (&str, Tally)| {
        let mut back = one.back;
        back.sort();
        let seconds = |time: Duration| format!("{:.1} s", time.as_secs_f32());
        format!(
            "| {victim} | {} | {} | {} | {} | {} |\n",
            back.len(),
            one.kept,
            one.found,
            seconds(back[back.len() / 2]),
            seconds(back[back.len() - 1])
        )
    };
    let head = "| killed | times | acknowledged entries | found again | back, median | back, longest |\n| --- | ---: | ---: | ---: | ---: | ---: |\n";
    let lines = std::mem::take(tally).into_iter().chain([("all", all)]);
    head.to_owned() + &lines.map(line).collect::<String>()
}

/// The page that is kept of a long run.
fn page(seed: u64, kills: u64, table: &str) -> String {
    let kernel = run("uname", ["-r"]);
    let kernel: Vec<&str> = kernel.split('.').take(2).collect();
    let processors = std::thread::available_parallelism().unwrap();
    let profile = if profile_folder().ends_with("release") {
        "release"
    } else {
        "debug"
    };
    let day = jiff::Timestamp::now()
        .to_zoned(jiff::tz::TimeZone::UTC)
        .date();
    format!(
        "# What {kills} kills came to\n\n\
         `make soak KILLS={kills}` with `AVOUCH_SEED={seed}`, {day}: a {profile} build, {processors} processors, Linux {}.\n\n\
         While two people enter assessments at two tenants, a process, or everything at once, is killed with `SIGKILL` after 1 to 12\n\
         acknowledged entries. *Back* is the time from the kill until both people, still signed in, see their application's first\n\
         page again; where everything went, it includes one `avouch up`. With the power goes all that the file system (ext4) was not\n\
         told to flush. Afterwards every acknowledged entry must be found again, in the application's database and in the ledger,\n\
         and the ledger must verify; accounts that were added and backups that were taken just before must be listed.\n\n{table}",
        kernel.join(".")
    )
}

/// Puts load on the service, kills once so much has been acknowledged, and waits until the same people can work on.
fn one_kill(service: &mut Service, victim: &str, after: usize, before: Rest) -> (Rest, Duration) {
    let load = Load::start(before.people, before.day);
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
        (load.acknowledged() >= after).then_some(())
    });
    let began = Instant::now();
    match victim {
        "core" | "front" | "riverside" | "hillside" => {
            kill(named(&service.data(), victim).expect("a running process"))
        }
        "a process of a backup" => kill(eventually("a backup at work", 60, || {
            named(&service.data(), "job")
        })),
        "the power" => {
            service.place().disk().cut_power();
            service.end_at_once();
        }
        _ => service.crash(),
    }
    let mut rest = load.stop();
    if let Some(mut backup) = backup {
        let _ = backup.wait();
    }
    if victim == "the power" {
        service.place().disk().power_on();
    }
    if !service.runs() {
        service
            .up()
            .unwrap_or_else(|log| panic!("`avouch up` did not start by itself:\n{log}"));
    }
    for person in &mut rest.people {
        eventually("the service to be back", 60, || {
            person.can_work().then_some(())
        });
    }
    (rest, began.elapsed())
}
