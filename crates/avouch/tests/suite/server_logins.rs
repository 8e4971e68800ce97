//! Logins to the server itself: made by `login`, noted by the machine in its record, and followed into the trail.

use std::fs::{self, File};
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use http::StatusCode;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use crate::harness::{Browser, Options, Place, Service, root, run, within};

const CLAIM: &str = "audit.server-logins.within";

/// What is done to a record, and what the claim says of it then.
type Act = (&'static str, fn(&Machine));

/// The machine's record of logins. The folder that it is in is the tests' own.
struct Machine(PathBuf);

impl Machine {
    fn new(place: &Place) -> Self {
        let folder = place.join("machine");
        fs::create_dir(&folder).unwrap();
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o755)).unwrap();
        let machine = Self(folder);
        machine.begin();
        machine
    }

    fn record(&self) -> PathBuf {
        self.0.join("wtmp")
    }

    /// An empty record, as the system makes it.
    fn begin(&self) {
        File::create(self.record()).unwrap();
        readable(&self.record(), 0o664);
    }

    /// Somebody logs in from this address and out again: the real `login`, whose record is this one.
    fn log_in(&self, account: &str, from: &str) {
        let script = "mount --bind \"$1\" /var/log && { [ ! -e /run/utmp ] || mount --bind \"$1/utmp\" /run/utmp; } && \
                      exec script --quiet --command \"login -f -h $3 $2\" /dev/null";
        File::create(self.0.join("utmp")).unwrap();
        let folder = self.0.to_str().unwrap();
        let size = || fs::metadata(self.record()).unwrap().len();
        let before = size();
        let done = Command::new("unshare")
            .args(["--mount", "sh", "-c", script, "sh", folder, account, from])
            .stdin(Stdio::null())
            .output()
            .unwrap();
        assert_eq!(size(), before + 2 * 384, "{done:?}");
    }

    /// The record as the system's own reader shows it: account, terminal, address and time of each login.
    fn shown(&self) -> Vec<[String; 4]> {
        let text = run("utmpdump", [self.record().to_str().unwrap()]);
        let fields = |line: &str| -> Vec<String> {
            let fields = line.trim_matches(['[', ']']).split("] [");
            fields.map(|field| field.trim().to_owned()).collect()
        };
        let lines = text.lines().map(fields).filter(|line| line[0] == "7");
        lines
            .map(|line| {
                let [_, _, _, account, terminal, from, _, at] = line.try_into().unwrap();
                [account, terminal, from, at.replace(',', ".")]
            })
            .collect()
    }

    /// Writes the record anew as somebody does who hides a name in it, with the system's own tool.
    fn falsify(&self, from: &str, to: &str) {
        let record = self.record();
        let text = run("utmpdump", [record.to_str().unwrap()]);
        let mut tool = Command::new("utmpdump")
            .arg("--reverse")
            .stdin(Stdio::piped())
            .stdout(File::create(&record).unwrap())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut typed = tool.stdin.take().unwrap();
        typed.write_all(text.replace(from, to).as_bytes()).unwrap();
        drop(typed);
        assert!(tool.wait().unwrap().success());
    }
}

fn readable(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

/// A service that follows a machine's record.
fn start() -> (Service, Machine) {
    let place = Place::new();
    let machine = Machine::new(&place);
    let keep = "keep = \"8 years\"\n";
    let follow = format!(
        "server-logins = {{ record = \"{}\", within = \"10 s\" }}\n{keep}",
        machine.record().display()
    );
    let service = Service::start_at(
        place,
        Options {
            edits: vec![(keep.to_owned(), follow)],
            ..Options::default()
        },
    );
    (service, machine)
}

/// Waits until the claim stands like this.
#[track_caller]
fn stands(service: &Service, status: &str, says: &str) {
    let mut last = String::new();
    let found = within(90, || {
        let report = service.avouch(&["--json", "check", CLAIM]).json();
        let claim = &report["claims"][0];
        last = claim.to_string();
        (claim["status"] == status && last.contains(says)).then_some(())
    });
    assert!(found.is_some(), "not {status} with `{says}`: {last}");
}

/// Waits until this claim alone does not stand.
#[track_caller]
fn falls_alone(service: &Service) {
    let mut last = Vec::new();
    let found = within(90, || {
        let report = service.avouch(&["--json", "check"]).json();
        let claims = report["claims"].as_array().unwrap().iter();
        let fallen = claims.filter(|claim| claim["status"] != "held");
        last = fallen.map(|claim| claim["id"].clone()).collect();
        (last == [CLAIM]).then_some(())
    });
    assert!(found.is_some(), "{last:?}");
}

/// Every login that the trail has, newest first.
fn told(service: &Service) -> Vec<Value> {
    let words = [
        "audit",
        "search",
        "--limit",
        "1000",
        "--action",
        "server-login",
    ];
    let found = service.ask(&words);
    let rows = found["rows"].as_array().unwrap().iter();
    let login = |row: &&Value| row["object"].as_str().unwrap().starts_with("login ");
    rows.filter(login).cloned().collect()
}

/// Waits until the trail has so many logins.
#[track_caller]
fn has(service: &Service, logins: usize) -> Vec<Value> {
    let mut last = Vec::new();
    let found = within(30, || {
        last = told(service);
        (last.len() >= logins).then_some(())
    });
    assert!(
        found.is_some() && last.len() == logins,
        "{logins}: {last:?}"
    );
    last
}

#[test]
fn a_login_to_the_server_is_in_the_trail_once_and_the_suppliers_people_alone_read_it() {
    if !root("a login to the server, by `login`") {
        return;
    }
    let (mut service, machine) = start();
    machine.log_in("nobody", "192.0.2.17");
    let row = has(&service, 1).remove(0);
    for (field, expected) in [
        ("who", "nobody"),
        ("role", "server"),
        ("source", "192.0.2.17"),
    ] {
        assert_eq!(row[field], expected, "{row}");
    }
    assert!(row["tenant"].is_null(), "{row}");
    service.audited(&["--action", "server-login", "--who", "nobody"], |row| {
        row["object"].as_str().unwrap().starts_with("logout ")
    });
    stands(&service, "held", "The 2 newest of 2 lines");

    // For an hour: those who were at the server's shell, and those who were at its pages.
    let mut engineer = Browser::new(&service);
    engineer.sign_in("console", &service.user("", "supplier"));
    let mut administrator = Browser::new(&service);
    administrator.sign_in("console", &service.user("riverside", "administrator"));
    let mut member = Browser::new(&service);
    member.sign_in("riverside", &service.user("riverside", "member"));
    member.get("riverside", "/");
    let hour = (Timestamp::now() - SignedDuration::from_hours(1)).to_string();
    for (action, who) in [
        ("server-login", "nobody"),
        ("request", "member@riverside.example"),
    ] {
        let words = [
            "audit", "search", "--from", &hour, "--action", action, "--who", who,
        ];
        let found = service.ask(&words);
        assert_ne!(found["total"], 0, "no {action} of {who}");
    }
    let page = engineer.get("console", "/trail?what=login").text();
    assert!(page.contains("192.0.2.17"), "{page}");
    for path in ["/trail?what=login", "/trail"] {
        let page = administrator.get("console", path).text();
        assert!(
            page.contains("Audit trail") && !page.contains("192.0.2.17"),
            "{page}"
        );
    }
    let door = member.get("console", "/trail?what=login");
    assert_ne!(door.status, StatusCode::OK, "{}", door.text());

    // While nothing runs the machine goes on noting.
    service.end_at_once();
    machine.log_in("nobody", "192.0.2.8");
    service.up().unwrap();
    has(&service, 2);
    stands(&service, "held", "The 4 newest of 4 lines");

    // Set aside, as it is once a month: the last line of the old one, and the first of the new one.
    fs::rename(machine.record(), machine.0.join("wtmp.1")).unwrap();
    machine.begin();
    machine.log_in("nobody", "192.0.2.9");
    has(&service, 3);
    service.audited(&["--words", "set aside"], |row| row["outcome"] == "done");
    stands(&service, "held", "The 2 newest of 2 lines");

    let rows = has(&service, 3);
    for [account, terminal, from, at] in machine.shown() {
        let row = rows.iter().find(|row| row["source"] == from.as_str());
        let row = row.unwrap_or_else(|| panic!("no login from {from}: {rows:?}"));
        assert_eq!(row["who"], account.as_str(), "{row}");
        assert_eq!(row["parameters"]["terminal"], terminal.as_str(), "{row}");
        let noted: Timestamp = row["parameters"]["noted"]
            .as_str()
            .unwrap()
            .parse()
            .unwrap();
        assert_eq!(noted, at.parse().unwrap(), "{row}");
    }
}

#[test]
fn a_record_of_logins_that_somebody_wiped_falsified_or_hid_breaks_its_claim_until_it_is_put_back() {
    if !root("a login to the server, by `login`") {
        return;
    }
    let (service, machine) = start();
    machine.log_in("nobody", "192.0.2.17");
    machine.log_in("nobody", "192.0.2.8");
    has(&service, 2);
    stands(&service, "held", "The 4 newest of 4 lines");
    let record = machine.record();
    let whole = fs::read(&record).unwrap();
    let acts: [Act; 5] = [
        ("1 of the 4 lines", |machine| {
            let file = File::options().write(true).open(machine.record());
            file.unwrap().set_len(384).unwrap();
        }),
        ("0 of the 4 lines", |machine| machine.begin()),
        ("of the 4 lines", |machine| {
            machine.falsify("nobody", "ghosty")
        }),
        ("there is no such file", |machine| {
            fs::remove_file(machine.record()).unwrap();
        }),
        ("ermission denied", |machine| {
            readable(&machine.record(), 0o600)
        }),
    ];
    for (says, act) in acts {
        act(&machine);
        stands(&service, "broken", says);
        if says.starts_with("1 of") {
            falls_alone(&service);
        }
        fs::write(&record, &whole).unwrap();
        readable(&record, 0o664);
        stands(&service, "held", "The 4 newest of 4 lines");
    }
    let altered = service.audited(&["--words", "altered"], |row| row["outcome"] == "failed");
    assert_eq!(altered["role"], "platform", "{altered}");
    service.audited(&["--words", "told again"], |row| row["outcome"] == "done");
}
