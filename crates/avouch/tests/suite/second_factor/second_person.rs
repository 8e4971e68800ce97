//! Backups that one person alone does not reach.

use avouch_evidence::Answer;
use http::StatusCode;

use super::sabotages::turned;
use super::telephone;
use crate::harness::{Browser, Options, Service, User, within};

fn two_persons() -> Service {
    let encryption = "encryption = \"aes-256\"";
    let reach = "reach = { roles = [\"supplier\"], second-person = true }";
    Service::start(Options {
        edits: vec![(encryption.to_owned(), format!("{encryption}\n{reach}"))],
        ..Options::default()
    })
}

/// Somebody of the supplier's in the console, with a second factor of their own accord.
#[track_caller]
fn with_factor(service: &Service, user: &User) -> Browser {
    let mut browser = Browser::new(service);
    browser.sign_in("console", user);
    let offered = browser
        .post("console", "/account/second-factor", &[])
        .text();
    let telephone = telephone::Telephone::of(&offered);
    let code = telephone.shows(0);
    let confirmed = browser.post(
        "console",
        "/account/second-factor/confirm",
        &[("code", &code)],
    );
    assert_eq!(confirmed.status, StatusCode::OK, "{}", confirmed.text());
    browser
}

fn of_suppliers(service: &Service, name: &str) -> User {
    let email = format!("{name}@supplier.example");
    let added = service.ask(&["user", "add", &email, "--name", name]);
    User {
        password: added["password"].as_str().unwrap().to_owned(),
        email,
        tenant: String::new(),
        role: "supplier".to_owned(),
    }
}

#[test]
fn a_drill_waits_for_a_second_person_and_each_step_is_in_the_organisations_trail() {
    let service = two_persons();
    let (sue, tom) = (of_suppliers(&service, "sue"), of_suppliers(&service, "tom"));
    let mut plain = Browser::new(&service);
    plain.sign_in("console", &sue);
    let asked = plain.get("console", "/backups");
    assert_eq!(
        asked.header("location"),
        Some("/account/second-factor"),
        "{}",
        asked.text()
    );
    let mut ada = Browser::new(&service);
    ada.sign_in("console", &service.user("riverside", "administrator"));
    assert_eq!(ada.get("console", "/backups").status, StatusCode::FORBIDDEN);

    let (mut sue_at, mut tom_at) = (with_factor(&service, &sue), with_factor(&service, &tom));
    assert_eq!(sue_at.get("console", "/backups").status, StatusCode::OK);
    let drill = |browser: &mut Browser| {
        let started = browser.post("console", "/drills", &[("tenant", "riverside")]);
        started.header("location").unwrap_or_default().to_owned()
    };
    assert_eq!(drill(&mut sue_at), "/approvals?done=asked");
    assert_eq!(drill(&mut sue_at), "/approvals?done=asked", "it waits");
    let id = telephone::store(
        &service,
        "select id from approval where act like 'start a drill%'",
    );
    let approve = format!("/approvals/{}", id.trim());
    assert_eq!(
        sue_at.post("console", &approve, &[]).status,
        StatusCode::FORBIDDEN
    );
    assert!(
        tom_at
            .get("console", "/approvals")
            .text()
            .contains("sue@supplier.example")
    );
    let approved = tom_at.post("console", &approve, &[]);
    assert_eq!(
        approved.header("location"),
        Some("/approvals?done=approved"),
        "{}",
        approved.text()
    );
    assert!(
        drill(&mut sue_at).starts_with("/drills/"),
        "it is done once"
    );
    let again = within(120, || Some(drill(&mut sue_at)).filter(|to| !to.is_empty()));
    assert_eq!(
        again.as_deref(),
        Some("/approvals?done=asked"),
        "and then asked for again"
    );
    for (what, who) in [
        ("ask for a second person", "sue@supplier.example"),
        ("approve", "tom@supplier.example"),
        ("use an approval", "sue@supplier.example"),
    ] {
        let object = format!("{what}: start a drill of riverside");
        let event = service.audited(&["--tenant", "riverside", "--words", &object], |row| {
            row["outcome"] == "done" && row["object"] == object.as_str()
        });
        assert_eq!(event["who"], who, "{event}");
    }
    service.audited(&["--words", "reach backups"], |row| {
        row["outcome"] == "refused" && row["tenant"] == "riverside"
    });
}

#[test]
fn an_approval_is_of_one_moment_of_one_source_and_restores_no_other() {
    let encryption = "encryption = \"aes-256\"";
    let reach = "reach = { roles = [\"supplier\"], second-person = true }";
    let to = "to = [\"local\", \"offsite\"]\n\n# Avouch's own state";
    let followed = "to = [\"local\", \"offsite\"]\nchanges = { within = \"14 d\", lose-at-most = \"20 s\" }\n\n# Avouch's own state";
    let service = Service::start(Options {
        edits: vec![
            (encryption.to_owned(), format!("{encryption}\n{reach}")),
            (to.to_owned(), followed.to_owned()),
        ],
        ..Options::default()
    });
    let (sue, tom) = (of_suppliers(&service, "sue"), of_suppliers(&service, "tom"));
    let (mut sue_at, mut tom_at) = (with_factor(&service, &sue), with_factor(&service, &tom));
    let moment = |seconds: i64| {
        let at = jiff::Timestamp::from_second(jiff::Timestamp::now().as_second() + seconds);
        at.unwrap().strftime("%Y-%m-%d %H:%M:%S").to_string()
    };
    let (approved, other) = (moment(9), moment(10));
    let ask = |browser: &mut Browser, path: &str, at: &str| {
        let (date, time) = at.split_once(' ').unwrap();
        let fields = [
            ("which", "riverside tenant-data"),
            ("date", date),
            ("time", time),
            ("because", "a mistake"),
        ];
        browser.post("console", path, &fields)
    };
    let planned = within(120, || {
        let plan = ask(&mut sue_at, "/restore/plan", &other).text();
        plan.contains("Restore it now").then_some(())
    });
    assert!(planned.is_some(), "both moments can be had");

    let to = |answer: Answer| answer.header("location").map(str::to_owned);
    let asked = Some("/approvals?done=asked".to_owned());
    assert_eq!(to(ask(&mut sue_at, "/restore", &approved)), asked);
    let shown = format!("restore riverside, tenant-data, as it was at {approved} UTC");
    let waiting = tom_at.get("console", "/approvals").text();
    assert!(waiting.contains(&shown), "{waiting}");
    let id = telephone::store(
        &service,
        "select id from approval where act like 'restore riverside%'",
    );
    let approve = tom_at.post("console", &format!("/approvals/{}", id.trim()), &[]);
    assert_eq!(approve.header("location"), Some("/approvals?done=approved"));
    assert_eq!(
        to(ask(&mut sue_at, "/restore", &other)),
        asked,
        "it is of another moment"
    );
    let begun = to(ask(&mut sue_at, "/restore", &approved)).unwrap_or_default();
    assert!(begun.starts_with("/restore/"), "{begun}");
    service.audited(&["--tenant", "riverside", "--words", &shown], |row| {
        row["outcome"] == "done" && row["object"] == format!("use an approval: {shown}").as_str()
    });
}

#[test]
fn each_sabotage_of_reaching_backups_turns_what_it_declares_and_mending_turns_it_back() {
    let service = two_persons();
    let settled = within(60, || turned(&service).is_empty().then_some(()));
    assert!(settled.is_some(), "{:?}", turned(&service));
    for (what, act, mend, claims) in [
        (
            "an approval is written into the store",
            "insert into approval (id, act, asked_by, asked_at, expires, approved_by, seal) \
             select 'forged', 'start a drill of riverside', id, 1, 9000000000000000, 'somebody', x'00' from person \
             where role = 'supplier' limit 1",
            "delete from approval where id = 'forged'",
            &["backup.reach.second-person broken"][..],
        ),
        (
            "somebody of the supplier's appears whom nobody nominated",
            "insert into person (id, email, email_key, name, role, nominated_by, nominated_at, seal) \
             values ('intruder', 'i@example.org', 'i@example.org', 'I', 'supplier', 'setup', 1, x'00')",
            "delete from person where id = 'intruder'",
            &["access.administrators broken", "backup.reach.roles broken"],
        ),
    ] {
        telephone::store(&service, act);
        assert_eq!(turned(&service), claims, "{what}");
        telephone::store(&service, mend);
        assert_eq!(turned(&service), Vec::<String>::new(), "{what}, mended");
    }
}
