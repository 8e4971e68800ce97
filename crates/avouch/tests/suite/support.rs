//! What a person without a console can do when something is wrong.

use http::StatusCode;

use crate::harness::{Browser, shared};

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
