//! What a person without a console can do when something is wrong.

use http::StatusCode;

use crate::custody::issued;
use crate::harness::{Browser, Options, Service, User, run, shared};

#[test]
fn a_member_reports_a_fault_that_the_supplier_sees_and_no_other_organisation_does() {
    let service = shared();
    let mut member = Browser::new(service);
    member.sign_in("riverside", &service.user("riverside", "member"));
    let mut console = Browser::new(service);
    let person = service.user("riverside", "member");
    console.sign_in("console", &person);
    let status = console.get("console", "/support");
    assert_eq!(status.status, StatusCode::OK, "{}", status.text());
    assert!(
        status.text().contains("application answers."),
        "{}",
        status.text()
    );
    let words = "The trend of ward 3 is empty";
    let filed = console.post("console", "/support", &[("words", words)]);
    assert_eq!(filed.status, StatusCode::SEE_OTHER, "{}", filed.text());
    let at = filed.header("location").unwrap().to_owned();
    let told = console.get("console", &at).text();
    assert!(
        told.contains("is reported.") && told.contains(words),
        "{told}"
    );

    let seen = |tenant: &str, role: &str| {
        let mut browser = Browser::new(service);
        browser.sign_in("console", &service.user(tenant, role));
        browser.get("console", "/support").text()
    };
    let supplier = seen("", "supplier");
    assert!(
        supplier.contains(words) && supplier.contains("riverside"),
        "{supplier}"
    );
    assert!(seen("riverside", "administrator").contains(words));
    assert!(!seen("hillside", "administrator").contains(words));
    let event = service.audited(
        &["--tenant", "riverside", "--words", "fault report"],
        |row| row["who"] == person.email.as_str(),
    );
    assert!(!event.to_string().contains("trend of ward"), "{event}");
    let kept = std::fs::read(service.data().join("core/store.db")).unwrap();
    let clear = kept
        .windows(words.len())
        .any(|part| part == words.as_bytes());
    assert!(!clear, "the words are not sealed");
}

#[test]
fn a_fault_reported_in_the_application_is_answered_there_and_no_other_organisation_sees_either() {
    let service = shared();
    let page = "/.avouch/support";
    let mut member = Browser::new(service);
    member.sign_in("riverside", &service.user("riverside", "member"));
    let words = "The list of wards does not open";
    let filed = member.post("riverside", page, &[("words", words)]);
    assert_eq!(filed.status, StatusCode::SEE_OTHER, "{}", filed.text());
    let at = filed.header("location").unwrap().to_owned();
    let number = at.strip_prefix("/.avouch/support?filed=").unwrap();
    let told = member.get("riverside", &at).text();
    assert!(
        told.contains("is reported.") && told.contains("None yet"),
        "{told}"
    );

    let mut console = Browser::new(service);
    console.sign_in("console", &service.user("", "supplier"));
    let fault = format!("/support/{number}");
    let seen = console.get("console", &fault).text();
    assert!(seen.contains(words) && seen.contains("riverside"), "{seen}");
    let answer = "It opens again since ten";
    let form = [("text", answer), ("closed", "yes")];
    let done = console.post("console", &fault, &form);
    assert_eq!(done.status, StatusCode::SEE_OTHER, "{}", done.text());
    let own = member.get("riverside", page).text();
    assert!(own.contains(answer) && own.contains("Closed"), "{own}");
    let mut other = Browser::new(service);
    other.sign_in("hillside", &service.user("hillside", "administrator"));
    let other = other.get("hillside", page).text();
    assert!(!other.contains(words) && !other.contains(answer), "{other}");
    let object = format!("fault answer {number}");
    let event = service.audited(&["--tenant", "riverside", "--words", &object], |row| {
        row["outcome"] == "done"
    });
    assert!(!event.to_string().contains(answer), "{event}");
}

/// How many one person may report in a day.
const MOST: usize = 20;

#[test]
fn no_organisation_hides_anothers_faults_nobody_reports_more_than_they_may_and_what_is_old_goes() {
    let mut service = Service::start(Options::default());
    let mut hillside = Browser::new(&service);
    hillside.sign_in("console", &service.user("hillside", "member"));
    let early = "Theirs was there first";
    let filed = hillside.post("console", "/support", &[("words", early)]);
    let number = filed.header("location").unwrap().to_owned();
    let number = number.strip_prefix("/support?filed=").unwrap();

    let owner = service.user("riverside", "administrator");
    let mut administrator = Browser::new(&service);
    administrator.sign_in("console", &owner);
    let new = [
        ("name", "Bea Busy"),
        ("email", "bea@riverside.example"),
        ("role", "member"),
    ];
    let made = administrator.post("console", "/people", &new);
    let bea = User {
        email: "bea@riverside.example".to_owned(),
        password: issued(&made.text()),
        ..service.user("riverside", "member")
    };
    // More than one page of them, all of them newer.
    for person in [&owner, &bea, &service.user("riverside", "member")] {
        let mut browser = Browser::new(&service);
        browser.sign_in("console", person);
        for count in 0..=MOST {
            let words = format!("Fault {count} of {}", person.email);
            let filed = browser.post("console", "/support", &[("words", &*words)]);
            let expected = match count {
                MOST => StatusCode::BAD_REQUEST,
                _ => StatusCode::SEE_OTHER,
            };
            assert_eq!(filed.status, expected, "{words}: {}", filed.text());
        }
    }

    let mut supplier = Browser::new(&service);
    supplier.sign_in("console", &service.user("", "supplier"));
    let mut seen = |path: &str| {
        let page = supplier.get("console", path);
        assert_eq!(page.status, StatusCode::OK, "{path}: {}", page.text());
        page.text()
    };
    let first = seen("/support");
    assert!(first.contains(early) && first.contains("More faults"));
    let second = seen("/support?page=1");
    assert!(!second.contains(early) && second.contains("Fault 0 of"));
    assert!(!seen("/support?of=riverside").contains(early));
    assert!(seen("/support?of=hillside").contains(early));
    let answer = [("text", "It is mended"), ("closed", "yes")];
    let done = supplier.post("console", &format!("/support/{number}"), &answer);
    assert_eq!(done.status, StatusCode::SEE_OTHER, "{}", done.text());
    let first = supplier.get("console", "/support").text();
    assert!(!first.contains(early), "what is closed stands behind");

    service.stop();
    let store = service.data().join("core/store.db");
    let store = store.to_str().unwrap();
    let sql = |sql: &str| {
        run("sqlite3", ["-cmd", ".timeout 10000", store, sql])
            .trim()
            .to_owned()
    };
    // Two years and more ago; what was answered since stays.
    let other = format!("select min(number) from fault where number > {number}");
    sql(&format!(
        "update fault set at = 0 where number in ({number}, ({other}))"
    ));
    let count = "select count(*) from fault";
    let before: usize = sql(count).parse().unwrap();
    service.up().unwrap();
    let left = crate::harness::within(60, || (sql(count).parse() == Ok(before - 1)).then_some(()));
    assert!(left.is_some(), "{} of {before}", sql(count));
    assert_eq!(
        sql(&format!(
            "select count(*) from fault where number = {number}"
        )),
        "1"
    );
}
