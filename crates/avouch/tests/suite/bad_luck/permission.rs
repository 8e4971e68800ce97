//! The ledger's folders become unreadable while the service runs: what was acknowledged is kept, and the claim does not hold.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use avouch_evidence::Ask;

use crate::harness::{Browser, Entry, Options, Service, eventually, kill, named, root};

/// A folder and all folders in it, the innermost first.
fn folders(at: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(at).unwrap().map(|entry| entry.unwrap().path());
    let inner = entries.filter(|path| path.is_dir());
    let mut all: Vec<PathBuf> = inner.flat_map(|path| folders(&path)).collect();
    all.push(at.to_owned());
    all
}

fn mode(folders: &[PathBuf], mode: u32) {
    for folder in folders {
        fs::set_permissions(folder, Permissions::from_mode(mode)).unwrap();
    }
}

fn status(service: &Service) -> String {
    let report = service.avouch(&["--json", "check", "audit.keep"]).json();
    report["claims"][0]["status"].as_str().unwrap().to_owned()
}

#[test]
fn while_the_ledgers_folders_may_not_be_entered_nothing_is_lost_and_its_claim_does_not_hold() {
    if !root("taking a permission away from the core") {
        return;
    }
    let service = Service::start(Options::default());
    let mut browser = Browser::new(&service);
    browser.sign_in("riverside", &service.user("riverside", "member"));
    eventually("the claim to hold", 60, || {
        (status(&service) == "held").then_some(())
    });
    let entry = |period| Entry {
        ward: 2,
        day: jiff::civil::date(2001, 1, 1),
        period,
        midwives: 4,
    };
    let mut kept = vec![browser.enter("riverside", &entry(0)).unwrap()];

    let ledger = folders(&service.data().join("core/ledger"));
    mode(&ledger, 0o000);
    for period in 1..4 {
        // What is in the journal that is open is acknowledged; anything else is refused, and not done.
        kept.extend(browser.enter("riverside", &entry(period)).ok());
    }
    eventually("the claim not to hold", 60, || {
        (status(&service) != "held").then_some(())
    });
    // A core that dies meanwhile finds no ledger, so nothing is let through.
    kill(named(&service.data(), "core").expect("a core"));
    let path = "/wards/2/assessments";
    let ask = Ask::form(
        path,
        &browser.gateway().origin("riverside"),
        entry(4).body(),
    );
    let answer = browser.send("riverside", ask).unwrap();
    assert_eq!(answer.status.as_u16(), 503, "{}", answer.text());

    mode(&ledger, 0o700);
    kept.push(eventually("work to go on", 90, || {
        browser.enter("riverside", &entry(5)).ok()
    }));
    eventually("the claim to hold again", 90, || {
        (status(&service) == "held").then_some(())
    });
    for at in &kept {
        let id = at.rsplit('/').next().unwrap();
        let found = service.ask(&["audit", "search", "--subject", id, "--outcome", "done"]);
        let rows = found["rows"].as_array().unwrap().iter();
        let made = rows.filter(|row| row["object"] == "POST /wards/2/assessments");
        assert_eq!(made.count(), 1, "{found}");
    }
    service.avouch(&["audit", "verify"]).with(0);
}
