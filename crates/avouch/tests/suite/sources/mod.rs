//! Sources that are not in a data folder: databases of servers from Debian, and whatever a command prints.

mod command;
mod mariadb;
mod moments;
mod postgres;
mod server;

use serde_json::Value;

use crate::harness::{Options, Service, user_ids, within};

/// Edits of the demo's statement that add a source, and the user id that its jobs run as.
fn with_source(lines: &str) -> (Options, u32) {
    let from = user_ids();
    let slot = (jiff::Timestamp::now() - jiff::SignedDuration::from_hours(12))
        .to_zoned(jiff::tz::TimeZone::UTC);
    let source = format!(
        "[[backup.source]]\n{lines}\nat = \"{:02}:{:02} UTC\"\nkeep = {{ daily = \"14 d\" }}\nto = [\"local\", \"offsite\"]\n\n",
        slot.hour(),
        slot.minute()
    );
    let edits = vec![
        // The ids are needed before the service starts; those that it was given become a comment.
        (
            "\nuser-ids = ".to_owned(),
            format!("\nuser-ids = {from} # "),
        ),
        (
            "[backup.drill]".to_owned(),
            format!("{source}[backup.drill]"),
        ),
    ];
    let own = nix::unistd::geteuid();
    // The core's ids are a hundred below the tenants', and the jobs' is two above the core's.
    let jobs = if own.is_root() {
        from - 98
    } else {
        own.as_raw()
    };
    let options = Options {
        edits,
        ..Options::default()
    };
    (options, jobs)
}

/// Waits until a claim has this verdict, and returns what its checks saw.
#[track_caller]
fn judged(service: &Service, claim: &str, verdict: &str) -> String {
    let mut last = Value::Null;
    let found = within(120, || {
        last = service.avouch(&["--json", "check", claim]).json();
        (last["claims"][0]["status"] == verdict).then(|| last["claims"][0]["checks"].to_string())
    });
    found.unwrap_or_else(|| panic!("{claim} is not {verdict}: {last}"))
}

/// Waits until the first drills that a new source gets have been run.
#[track_caller]
fn settled(service: &Service, claim: &str) {
    judged(service, claim, "held");
}
