//! Who reads an organisation's trail is its own decision.

use http::StatusCode;
use jiff::SignedDuration;

use crate::harness::{Browser, Options, Service};
use crate::walk::person_in;

/// A day as a form takes it, so many days from now.
fn day(days: i64) -> String {
    let at = jiff::Timestamp::now() + SignedDuration::from_hours(24 * days);
    at.strftime("%d/%m/%Y").to_string()
}

#[test]
fn the_suppliers_people_read_a_trail_while_it_is_shared_with_them_and_are_refused_before_and_after()
{
    let service = Service::start(Options::default());
    let (supplier, owner) = (
        service.user("", "supplier"),
        service.user("riverside", "administrator"),
    );
    let mut engineer = Browser::new(&service);
    engineer.sign_in("console", &supplier);
    let mut administrator = Browser::new(&service);
    administrator.sign_in("console", &owner);
    let mut read = |expected: StatusCode| {
        let trail = engineer.get("console", "/trail?of=riverside&why=a+fault");
        assert_eq!(trail.status, expected, "{}", trail.text());
        let asked = [
            ("of", "riverside"),
            ("subject", "77"),
            ("because", "a fault"),
        ];
        let report = engineer.post("console", "/subject", &asked);
        assert_eq!(report.status, expected, "{}", report.text());
        let pack = engineer.get("console", "/pack/riverside");
        assert_eq!(pack.status, expected, "{}", pack.text());
        trail.text()
    };
    let refused = read(StatusCode::FORBIDDEN);
    assert!(refused.contains("decides who reads its trail"), "{refused}");
    let told = service.audited(
        &["--tenant", "riverside", "--who", &supplier.email],
        |row| row["outcome"] == "refused" && row["object"] == "audit trail",
    );
    assert_eq!(told["parameters"]["because"], "a fault");

    let share = |email: &str, last: i64| {
        let day = day(last);
        [
            ("email", email.to_owned()),
            ("last", day),
            ("because", "a fault".to_owned()),
        ]
    };
    for (email, last) in [
        ("nobody", 2),
        (supplier.email.as_str(), -2),
        (supplier.email.as_str(), 20),
    ] {
        let fields = share(email, last);
        let fields: Vec<(&str, &str)> = fields
            .iter()
            .map(|(name, value)| (*name, value.as_str()))
            .collect();
        let answer = administrator.post("console", "/sharing", &fields);
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{email} {last}");
    }
    // Whether anybody has the address makes no difference to the answer.
    let stranger = "nobody@supplier.example";
    for email in [stranger, &supplier.email.to_uppercase()] {
        let fields = share(email, 2);
        let fields: Vec<(&str, &str)> = fields
            .iter()
            .map(|(name, value)| (*name, value.as_str()))
            .collect();
        let shared = administrator.post("console", "/sharing", &fields);
        assert_eq!(shared.status, StatusCode::SEE_OTHER, "{}", shared.text());
    }
    let trail = read(StatusCode::OK);
    assert!(trail.contains("share the trail"), "{trail}");

    let page = administrator.get("console", "/sharing").text();
    for email in [stranger, &supplier.email] {
        let end = format!("/sharing/{}/end", email.replace('@', "%40"));
        assert!(page.contains(&format!("formaction=\"{end}\"")), "{page}");
        let ended = administrator.post("console", &end, &[]);
        assert_eq!(ended.status, StatusCode::SEE_OTHER, "{}", ended.text());
    }
    read(StatusCode::FORBIDDEN);
    // The platform's own trail needs nobody's leave, and holds nothing of an organisation's.
    let own = engineer.get("console", "/trail").text();
    assert!(
        own.contains("Audit trail") && !own.contains("member@riverside"),
        "{own}"
    );
}

/// The password that a page shows.
pub fn issued(page: &str) -> String {
    let shown = page.split("nhsuk-u-font-code").nth(1).unwrap();
    let password = shown.split('>').nth(1).unwrap().split('<').next();
    password.unwrap().to_owned()
}

#[test]
fn the_supplier_makes_no_way_into_a_trail_while_somebody_there_can_and_else_one_that_opens_nothing_yet()
 {
    let service = Service::start(Options::default());
    let (supplier, mut owner) = (
        service.user("", "supplier"),
        service.user("riverside", "administrator"),
    );
    let mut engineer = Browser::new(&service);
    engineer.sign_in("console", &supplier);
    let mut administrator = Browser::new(&service);
    administrator.sign_in("console", &owner);
    let new = |email| {
        [
            ("name", "Bea Second"),
            ("email", email),
            ("role", "administrator"),
            ("tenant", "riverside"),
        ]
    };
    let second = "bea@riverside.example";
    let added = administrator.post("console", "/people", &new(second));
    assert_eq!(added.status, StatusCode::OK, "{}", added.text());
    let people = administrator.get("console", "/people").text();
    let own = person_in(&people, "Ade Administrator");
    let theirs = person_in(&people, "Bea Second");
    let (reset, theirs) = (format!("{own}/reset"), format!("{theirs}/disable"));
    for (path, fields) in [
        (reset.as_str(), &[][..]),
        ("/people", &new("cat@riverside.example")[..]),
    ] {
        let refused = engineer.post("console", path, fields);
        assert_eq!(refused.status, StatusCode::FORBIDDEN, "{}", refused.text());
        assert!(refused.text().contains("Theirs to do"));
    }
    let alone = engineer.post("console", &theirs, &[]);
    assert_eq!(alone.status, StatusCode::SEE_OTHER, "{}", alone.text());
    let made = engineer.post("console", &reset, &[]);
    assert_eq!(made.status, StatusCode::OK, "{}", made.text());
    owner.password = issued(&made.text());

    let mut member = Browser::new(&service);
    member.sign_in("riverside", &service.user("riverside", "member"));
    let told = member.get("riverside", "/.avouch/support").text();
    assert!(
        told.contains(&format!("sign in as {}", owner.email)),
        "{told}"
    );
    let mut other = Browser::new(&service);
    other.sign_in("hillside", &service.user("hillside", "member"));
    let told = other.get("hillside", "/.avouch/support").text();
    assert!(!told.contains("sign in as"), "{told}");

    let mut reader = Browser::new(&service);
    reader.sign_in("console", &owner);
    for path in ["/trail?why=a+fault", "/pack/riverside", "/unusual"] {
        let refused = reader.get("console", path);
        assert_eq!(refused.status, StatusCode::FORBIDDEN, "{path}");
        assert!(refused.text().contains("Not yet"), "{}", refused.text());
    }
    let tomorrow = day(1);
    let share = [
        ("email", supplier.email.as_str()),
        ("last", &tomorrow),
        ("because", "a fault"),
    ];
    let subject = [("subject", "77"), ("because", "a fault")];
    for (path, fields) in [("/sharing", &share[..]), ("/subject", &subject)] {
        let refused = reader.post("console", path, fields);
        assert_eq!(refused.status, StatusCode::FORBIDDEN, "{path}");
    }
    let told = ["--tenant", "riverside", "--who", &owner.email];
    service.audited(&told, |row| {
        row["outcome"] == "refused" && row["object"] == "audit trail"
    });
    let people = reader.get("console", "/people").text();
    assert!(people.contains("Opens no trail yet"), "{people}");
    let report = service.avouch(&["--json", "check", "audit.custody"]).json();
    assert_eq!(report["claims"][0]["status"], "held", "{report}");
}
