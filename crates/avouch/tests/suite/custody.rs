//! Who reads an organisation's trail is its own decision.

use http::StatusCode;
use jiff::SignedDuration;

use crate::harness::{Browser, Options, Service};

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
        (owner.email.as_str(), 2),
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
    let fields = share(&supplier.email, 2);
    let fields: Vec<(&str, &str)> = fields
        .iter()
        .map(|(name, value)| (*name, value.as_str()))
        .collect();
    let shared = administrator.post("console", "/sharing", &fields);
    assert_eq!(shared.status, StatusCode::SEE_OTHER, "{}", shared.text());
    let trail = read(StatusCode::OK);
    assert!(trail.contains("share the trail"), "{trail}");

    let page = administrator.get("console", "/sharing").text();
    assert!(page.contains("Take back from"), "{page}");
    let end = page
        .split("formaction=\"")
        .nth(1)
        .unwrap()
        .split('"')
        .next()
        .unwrap();
    let ended = administrator.post("console", end, &[]);
    assert_eq!(ended.status, StatusCode::SEE_OTHER, "{}", ended.text());
    read(StatusCode::FORBIDDEN);
    // The platform's own trail needs nobody's leave, and holds nothing of an organisation's.
    let own = engineer.get("console", "/trail").text();
    assert!(
        own.contains("Audit trail") && !own.contains("member@riverside"),
        "{own}"
    );
}
