//! What the demo does not promise: every other claim that a statement can make is turned by a test of its own, and none is
//! left out.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use crate::harness::{Done, Place, avouch};

/// The claims that the widest statement makes beside the demo's, and the file whose test turns each.
const TURNED: [(&str, &str); 18] = [
    (
        "access.second-factor.again-after",
        "second_factor/sabotages",
    ),
    ("access.second-factor.for", "second_factor/sabotages"),
    ("app.idle-share", "idle"),
    ("audit.export.siem.within", "exports"),
    ("audit.server-logins.within", "server_logins"),
    ("audit.witnessed", "witness"),
    ("backup.destination.far.append-only", "keeper"),
    ("backup.reach.roles", "second_factor/second_person"),
    ("backup.reach.second-person", "second_factor/second_person"),
    ("backup.read-all-within", "stored"),
    ("backup.room-for", "stored"),
    (
        "backup.source.bookings.changes.lose-at-most",
        "sources/moments",
    ),
    ("backup.source.bookings.changes.within", "sources/moments"),
    ("backup.source.tenant-data.changes.lose-at-most", "moments"),
    ("backup.source.tenant-data.changes.within", "moments"),
    ("keys.escrow", "escrow"),
    ("report.use.to", "reports"),
    ("status.notify", "notify"),
];

/// What a source promises whatever its kind is judged by what judges the demo's.
const OF_EVERY_SOURCE: [&str; 3] = ["at", "keep.daily", "to"];

/// The sources of other kinds.
const KINDS: [(&str, &str); 3] = [
    ("backup.source.bookings", "sources/postgres"),
    ("backup.source.rota", "sources/mariadb"),
    ("backup.source.legacy", "sources/command"),
];

/// Keys that say where or how, and promise nothing.
const WIRING: [&str; 17] = [
    "authority",
    "ends-with",
    "hours",
    "http",
    "in-browser",
    "limits",
    "listen",
    "may-be-empty",
    "port",
    "reading",
    "secret",
    "successor",
    "tenants",
    "unit",
    "until",
    "user-ids",
    "version",
];

const EXPORTS: &str = r#"keep = "8 years"
server-logins = { record = "/var/log/wtmp", within = "1 min" }
witnessed = { by = 1, within = "1 h" }

[[audit.witness]]
name = "trust"
url = "https://witness.example.test"
key = "witness.example.test/w+f15a9481+BAcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcH"

[[audit.export]]
name = "siem"
to = "https://siem.example.test"
format = "ecs"
within = "10 min"
"#;

const BACKUP: &str = r#"encryption = "aes-256"
read-all-within = "30 d"
room-for = "30 d"
keep-aside = "7 d"
reach = { roles = ["supplier"], second-person = true }

[[backup.destination]]
name = "far"
url = "keeper://far.example.test:9443/acuity"
key = "0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f"
credential = "far.token"
"#;

const SOURCES: &str = r#"[[backup.source]]
name = "bookings"
kind = "postgres"
database = "bookings"
socket = "/run/postgresql"
user = "backup"
credentials = "/etc/avouch/bookings.pgpass"
at = "04:00 UTC"
keep = { daily = "14 d" }
to = ["local", "offsite"]
changes = { within = "14 d", lose-at-most = "5 min" }

[[backup.source]]
name = "rota"
kind = "mariadb"
database = "rota_$TENANT"
socket = "/run/mysqld/mysqld.sock"
user = "backup"
credentials = "/etc/avouch/rota.cnf"
at = "04:00 UTC"
keep = { daily = "14 d" }
to = ["local", "far"]

[[backup.source]]
name = "legacy"
kind = "command"
command = ["/usr/bin/date"]
at = "04:00 UTC"
keep = { daily = "14 d" }
to = ["local"]

[backup.drill]"#;

/// A statement that says all there is to be said.
fn widest(place: &Place) -> PathBuf {
    let edits = [
        (
            "master = { from = \"file\", path = \"master.key\" }",
            "master = { from = \"file\", path = \"master.key\" }\n\
             escrow = { sheets = 5, needed = 3, rehearsed = \"12 months\" }",
        ),
        (
            "lockout = {",
            "second-factor = { for = [\"administrator\"], again-after = \"15 min\" }\nlockout = {",
        ),
        (
            "question = \"/totals\"",
            "idle-after = \"30 min\"\nidle-share = \"20%\"\nquestion = \"/totals\"",
        ),
        ("keep = \"8 years\"\n", EXPORTS),
        (
            "faults = \"every-user\"",
            "notify = { relay = \"smtps://mail.example.test\", from = \"status@example.test\", \
             to = [\"support@example.test\"] }\nfaults = \"every-user\"",
        ),
        (
            "title = \"Use by organisation\"",
            "title = \"Use by organisation\"\nto = [\"administrators\"]",
        ),
        ("encryption = \"aes-256\"\n", BACKUP),
        (
            "to = [\"local\", \"offsite\"]\n\n# Avouch's own state",
            "to = [\"local\", \"offsite\"]\nchanges = { within = \"14 d\", lose-at-most = \"5 min\" }\n\n# Avouch's own state",
        ),
        ("[backup.drill]", SOURCES),
    ];
    place.statement(&edits.map(|(from, to)| (from.to_owned(), to.to_owned())))
}

fn statement(place: &Place, path: &Path) -> Done {
    let data = place.join("nowhere");
    let (path, data) = (path.to_str().unwrap(), data.to_str().unwrap());
    avouch([
        "--json",
        "-c",
        path,
        "--data",
        data,
        "statement",
        "--format",
        "json",
    ])
}

fn claims(place: &Place, path: &Path) -> BTreeSet<String> {
    super::ids(&statement(place, path).with(0).json())
}

#[test]
fn every_claim_that_another_statement_makes_is_turned_by_a_test_of_its_own() {
    let (place, demo) = (Place::new(), Place::new());
    let all = claims(&place, &widest(&place));
    let others: BTreeSet<String> = all
        .difference(&claims(&demo, &demo.statement(&[])))
        .cloned()
        .collect();
    let of_kinds = KINDS.iter().flat_map(|(source, _)| {
        let judged = OF_EVERY_SOURCE.iter().chain(&["kind"]);
        judged.map(move |key| format!("{source}.{key}"))
    });
    let turned: BTreeSet<String> = TURNED
        .iter()
        .map(|(claim, _)| (*claim).to_owned())
        .chain(of_kinds)
        .collect();
    assert_eq!(others, turned);

    let suite = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/suite");
    for (claim, file) in TURNED.iter().chain(&KINDS) {
        let text = fs::read_to_string(suite.join(file).with_extension("rs")).unwrap();
        // A test may name a source's claims by the source and the key.
        let last = claim
            .rsplit_once("tenant-data.")
            .map_or(*claim, |(_, key)| key);
        let last = if last.ends_with("rota") {
            "backup.source.bookings"
        } else {
            last
        };
        assert!(
            text.contains(last) && text.contains("broken"),
            "{file} does not turn {claim}"
        );
    }
}

/// A new key of the statement must be said in the widest one, or be known to promise nothing.
#[test]
fn the_widest_statement_leaves_no_key_out() {
    let place = Place::new();
    let text = fs::read_to_string(widest(&place)).unwrap();
    let mut asked = "zzqx = 1\n".to_owned();
    for line in text.lines() {
        asked.push_str(line);
        asked.push('\n');
        if line.starts_with('[') {
            asked.push_str("zzqx = 1\n");
        }
    }
    let path = place.join("asked.toml");
    fs::write(&path, asked).unwrap();
    let told = statement(&place, &path).with(2).err;
    let known: BTreeSet<&str> = told
        .lines()
        .filter_map(|line| line.split_once("known here: "))
        .flat_map(|(_, keys)| keys.split(", "))
        .map(|key| key.trim_matches('`'))
        .collect();
    assert!(known.len() > 100, "{told}");
    let said = |key: &str| {
        text.lines().any(|line| {
            let line = line.split('#').next().unwrap();
            let table = line.trim_start_matches('[').split(']').next().unwrap();
            line.starts_with('[') && table.split('.').any(|part| part == key)
                || line
                    .split(|c: char| !c.is_ascii_alphanumeric() && c != '-')
                    .any(|word| word == key)
        })
    };
    let silent: Vec<&str> = known
        .into_iter()
        .filter(|key| !said(key) && !WIRING.contains(key))
        .collect();
    assert!(
        silent.is_empty(),
        "the widest statement does not say {silent:?}"
    );
}
