//! Sabotages: each acts from outside, declares exactly which claims will turn and to what, and is mended again.
//!
//! The acts touch files, processes, the network and the databases; none uses anything that the product made for it.

mod access;
mod audit;
mod backup;
mod bench;
mod elsewhere;
mod gateway;
mod people;
mod rest;
mod status;

use std::collections::{BTreeMap, BTreeSet};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Instant;

use serde_json::Value;

use crate::harness::{Options, Service, root, shared, within};
pub use bench::{Bench, files, flip, flip_at, replace};

/// What turns: a claim, and the verdict it turns to.
type Turn = (&'static str, &'static str);

/// Undoes an act.
type Mend = Box<dyn FnOnce(&mut Bench)>;

/// One sabotage.
struct Sabotage {
    /// What happens, in words.
    what: &'static str,
    /// Every claim that it turns; all others stay held.
    turns: &'static [Turn],
    /// Does it, and says how it is mended.
    act: fn(&mut Bench) -> Mend,
}

/// Those that are tried as an ordinary user, and do not stand in each other's way.
const ORDINARY: [&str; 8] = [
    "sessions are kept from growing idle",
    "the front is told of no entries",
    "one bit of the ledger turns over",
    "a file in the clear lies in a repository",
    "one bit of a tenant's repository turns over",
    "everybody may read the master key",
    "one tenant's records are in another's database",
    "another certificate is filed in the place of the provider's",
];

/// Those of who comes in, and of what is written down about them.
fn of_people() -> Vec<&'static Sabotage> {
    [access::ALL, people::ALL, gateway::ALL, audit::ALL].concat()
}

/// Those of what is kept and what is told.
fn of_what_is_kept() -> Vec<&'static Sabotage> {
    [backup::ALL, rest::ALL, status::ALL].concat()
}

fn all() -> Vec<&'static Sabotage> {
    [of_people(), of_what_is_kept()].concat()
}

#[test]
fn every_sabotage_of_people_turns_exactly_what_it_declares_and_mending_turns_it_back() {
    try_out(&of_people());
}

#[test]
fn every_sabotage_of_what_is_kept_turns_exactly_what_it_declares_and_mending_turns_it_back() {
    try_out(&of_what_is_kept());
}

/// Tries those that have the words of `AVOUCH_SABOTAGE` in what happens, or all.
fn try_out(sabotages: &[&Sabotage]) {
    let wanted = std::env::var("AVOUCH_SABOTAGE").unwrap_or_default();
    let fits = |sabotage: &&&Sabotage| sabotage.what.contains(&wanted);
    assert!(
        all().iter().any(|sabotage| fits(&sabotage)),
        "no sabotage has “{wanted}” in its words"
    );
    let mut chosen = sabotages.iter().filter(fits).peekable();
    if chosen.peek().is_none() {
        return;
    }
    let mut bench = settled(Options::default());
    let mut wrong = Vec::new();
    for sabotage in chosen {
        let began = Instant::now();
        let failed = attempt(&mut bench, sabotage);
        println!(
            "{:>5.1} s  {}: {}",
            began.elapsed().as_secs_f32(),
            sabotage.what,
            words(sabotage.turns)
        );
        if !failed.is_empty() {
            println!("{}", failed.join("\n"));
            wrong.push(format!("{}:\n{}", sabotage.what, failed.join("\n")));
            // What went wrong must not spoil what comes after.
            bench = settled(Options::default());
        }
    }
    if let Err(why) = expect(&bench, "after everything was mended", &[]) {
        wrong.push(why);
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

/// What is `held` for an ordinary user can be broken there too: one or two of each control's sabotages, all at once.
#[test]
fn without_root_too_sabotages_turn_exactly_what_they_declare() {
    if !root("sabotages as another user than the one who runs the tests") {
        return;
    }
    let chosen: Vec<_> = all()
        .into_iter()
        .filter(|sabotage| ORDINARY.contains(&sabotage.what))
        .collect();
    assert_eq!(chosen.len(), ORDINARY.len(), "a sabotage has another name");
    let mut bench = settled(Options {
        ordinary: true,
        ..Options::default()
    });
    // What the kernel cannot hold back there is said beside the claim.
    let isolation = seen(&check(&bench.service, &["tenancy.isolation"])["claims"][0]);
    assert!(
        isolation.contains("Unix sockets of the same user can be connected to"),
        "{isolation}"
    );
    let turns: Vec<Turn> = chosen
        .iter()
        .flat_map(|sabotage| sabotage.turns)
        .copied()
        .collect();
    let mends: Vec<Mend> = chosen
        .iter()
        .map(|sabotage| (sabotage.act)(&mut bench))
        .collect();
    let turned = expect(&bench, "sabotaged", &turns);
    for mend in mends.into_iter().rev() {
        mend(&mut bench);
    }
    let claims: Vec<&str> = turns.iter().map(|(claim, _)| *claim).collect();
    let mended = judge(&check(&bench.service, &claims), "mended", &[]);
    let wrong: Vec<String> = [turned, mended]
        .into_iter()
        .filter_map(Result::err)
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

#[test]
fn every_claim_of_the_statement_has_a_sabotage_that_turns_it() {
    let report = shared()
        .avouch(&["statement", "--format", "json"])
        .with(0)
        .json();
    let claims: BTreeSet<String> = ids(&report);
    let turned: BTreeSet<String> = all()
        .iter()
        .flat_map(|sabotage| sabotage.turns)
        .map(|(claim, _)| (*claim).to_owned())
        .collect();
    let untried: Vec<&String> = claims.difference(&turned).collect();
    assert!(untried.is_empty(), "no sabotage turns {untried:?}");
    let unknown: Vec<&String> = turned.difference(&claims).collect();
    assert!(unknown.is_empty(), "the statement has no {unknown:?}");
}

/// A service of which every claim is held; its first drills and rounds may still be under way when it says that it serves.
fn settled(options: Options) -> Bench {
    let bench = Bench::new(options);
    let mut last = String::new();
    let held = within(60, || {
        expect(&bench, "before anything was done", &[])
            .map_err(|why| last = why)
            .ok()
    });
    assert!(held.is_some(), "{last}");
    bench
}

/// Acts, judges, mends and judges again; what did not come out as declared.
fn attempt(bench: &mut Bench, sabotage: &Sabotage) -> Vec<String> {
    let tried = catch_unwind(AssertUnwindSafe(|| {
        let mend = (sabotage.act)(bench);
        let turned = expect(bench, "sabotaged", sabotage.turns);
        mend(bench);
        [turned, expect_of(bench, sabotage)]
    }));
    match tried {
        Ok(judged) => judged.into_iter().filter_map(Result::err).collect(),
        Err(panic) => vec![
            panic
                .downcast_ref::<String>()
                .map_or("  the act itself failed".to_owned(), |why| {
                    format!("  {why}")
                }),
        ],
    }
}

/// Runs every check and compares all claims with what is declared.
fn expect(bench: &Bench, when: &str, turns: &[Turn]) -> Result<(), String> {
    judge(&check(&bench.service, &[]), when, turns)
}

/// Runs the checks that judge what was turned, and expects every claim to be held again.
fn expect_of(bench: &Bench, sabotage: &Sabotage) -> Result<(), String> {
    let claims: Vec<&str> = sabotage.turns.iter().map(|(claim, _)| *claim).collect();
    judge(&check(&bench.service, &claims), "mended", &[])
}

fn check(service: &Service, claims: &[&str]) -> Value {
    let mut words = vec!["--json", "check"];
    words.extend(claims);
    let done = service.avouch(&words);
    assert!(matches!(done.code, 0 | 1), "{done:?}");
    done.json()
}

fn judge(report: &Value, when: &str, turns: &[Turn]) -> Result<(), String> {
    let turns: BTreeMap<&str, &str> = turns.iter().copied().collect();
    let wrong: Vec<String> = report["claims"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|claim| {
            let (id, status) = (
                claim["id"].as_str().unwrap(),
                claim["status"].as_str().unwrap(),
            );
            let declared = turns.get(id).copied().unwrap_or("held");
            (declared != status).then(|| {
                format!(
                    "  {when}: {id} is {status}, not {declared}: {}{}",
                    claim["why"],
                    seen(claim)
                )
            })
        })
        .collect();
    if wrong.is_empty() {
        Ok(())
    } else {
        Err(wrong.join("\n"))
    }
}

/// What the checks of a claim say that they saw.
fn seen(claim: &Value) -> String {
    let checks = claim["checks"].as_array().unwrap().iter();
    checks
        .map(|check| {
            format!(
                "\n      {} {}: {}",
                check["verdict"], check["name"], check["observed"]
            )
        })
        .collect()
}

fn ids(report: &Value) -> BTreeSet<String> {
    report["claims"]
        .as_array()
        .unwrap()
        .iter()
        .map(|claim| claim["id"].as_str().unwrap().to_owned())
        .collect()
}

fn words(turns: &[Turn]) -> String {
    turns
        .iter()
        .map(|(claim, verdict)| format!("{claim} {verdict}"))
        .collect::<Vec<_>>()
        .join(", ")
}
